"""A server in front of a registry that hands on what it is asked, except where a test wants it to misbehave."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What is answered: the header may promise another length than the body has; with `hang` the rest never comes."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    promised: int | None = None
    hang: bool = False

    def cut(self, after: int) -> Answer:
        """The connection closes in the middle of the body."""
        return replace(self, body=self.body[:after], promised=len(self.body))

    def corrupt(self, at: int) -> Answer:
        """One byte of the body is another."""
        return replace(self, body=self.body[:at] + bytes([self.body[at] ^ 1]) + self.body[at + 1 :])

    def silent(self, after: int) -> Answer:
        """The rest of the body never comes, and the connection stays open."""
        return replace(self, body=self.body[:after], promised=len(self.body), hang=True)


Misbehaviour = Callable[[Asked, Callable[..., Answer]], Answer | None]
"""(what came, a function that asks the registry for it, with other headers if need be) -> an answer, or None."""


class Front:
    """`address` is host:port, `asked` what came, in order. Set `rule` to what a test is about."""

    def __init__(self, upstream: str = "", *, certificate: Path | None = None) -> None:
        """With a `certificate` (and a key of that name beside it) it speaks TLS."""
        self.asked: list[Asked] = []
        self.connections = 0
        self.rule: Misbehaviour = lambda asked, upstream: None
        self._upstream = upstream
        self._lock = threading.Lock()
        self._hangs = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "http" if certificate is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def origin(self) -> str:
        return f"{self._scheme}://{self.address}"

    def paths(self, method: str = "GET") -> list[str]:
        return [asked.path for asked in self.asked if asked.method == method]

    def __enter__(self) -> Front:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._hangs.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)

        def upstream(**headers: str | None) -> Answer:
            return self._ask(asked, headers)

        found = self.rule(asked, upstream)
        if found is None:
            found = upstream() if self._upstream else Answer(404, body=b"{}")
        return found

    def _ask(self, asked: Asked, changed: Mapping[str, str | None]) -> Answer:
        parts = urlsplit(self._upstream)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        headers = {**asked.headers, **{name.replace("_", "-"): value for name, value in changed.items()}}
        headers = {name: value for name, value in headers.items() if value is not None and name.lower() != "host"}
        try:
            connection.request(asked.method, asked.path, body=asked.body or None, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in ("content-length",)}
            length = answer.getheader("Content-Length")
            return Answer(answer.status, kept, body, int(length) if length and asked.method == "HEAD" else None)
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = front.answer(Asked(self.command, self.path, dict(self.headers.items()), body))
                promised = len(answer.body) if answer.promised is None else answer.promised
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("date", "server", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                if "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(promised))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)
                    self.wfile.flush()
                    if answer.hang:
                        front._hangs.wait(60)
                if promised != len(answer.body):
                    self.close_connection = True

            do_GET = do_HEAD = do_POST = do_PUT = _serve

            def log_message(self, *_: Any) -> None:
                pass

            def setup(self) -> None:
                with front._lock:
                    front.connections += 1
                super().setup()

            def handle(self) -> None:
                with suppress(ConnectionError):  # the client has had enough
                    super().handle()

        return Handler
