"""A socket between a client and a real engine that records what is asked, and cuts or stalls an answer on demand."""

from __future__ import annotations

import re
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

_REQUEST = re.compile(rb"^(GET|POST|HEAD|DELETE|PUT) (\S+) HTTP/1\.1\r\n", re.MULTILINE)
_BLOCK = 1 << 16


class SocketProxy:
    """Forwards bytes both ways. `requests` are the request lines seen, without the API version.

    Of an answer to a path that ends in `/get` at most `limit` bytes pass; then the connection is cut, or, with
    `stall`, nothing more comes until the proxy closes. With `die`, no further connection is taken after that.
    """

    def __init__(self, engine: str, *, limit: int | None = None, stall: bool = False, die: bool = False) -> None:
        self.requests: list[str] = []
        self._engine = engine
        self._limit = limit
        self._stall = stall
        self._die = die
        self._released = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        # Paths of Unix sockets end at 107 bytes; a test's own directory may be longer.
        self._directory = tempfile.TemporaryDirectory(prefix="imgscan-proxy-")
        path = Path(self._directory.name) / "engine.sock"
        self.host = f"unix://{path}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()

    @property
    def saves(self) -> list[str]:
        return [line for line in self.requests if "/get" in line.split("?")[0]]

    def __enter__(self) -> SocketProxy:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._shut(self._listener)
        for sock in self._sockets:
            self._shut(sock)
        for thread in self._threads:
            thread.join(10)
        self._directory.cleanup()

    def _spawn(self, target, *args) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            engine = _connect(self._engine)
            self._sockets += [client, engine]
            saving = threading.Event()
            self._spawn(self._forward_requests, client, engine, saving)
            self._spawn(self._forward_answers, engine, client, saving)

    def _forward_requests(self, client: socket.socket, engine: socket.socket, saving: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(_BLOCK):
                for method, target in _REQUEST.findall(data):
                    path = re.sub(r"^/v[0-9.]+", "", target.decode())
                    self.requests.append(f"{method.decode()} {path}")
                    if path.split("?")[0].endswith("/get"):
                        saving.set()
                engine.sendall(data)
        self._shut(engine)

    def _forward_answers(self, engine: socket.socket, client: socket.socket, saving: threading.Event) -> None:
        passed = 0
        with suppress(OSError):
            while data := engine.recv(_BLOCK):
                if saving.is_set() and self._limit is not None:
                    data = data[: self._limit - passed]
                    passed += len(data)
                    client.sendall(data)
                    if passed >= self._limit:
                        if self._stall:
                            self._released.wait()
                        if self._die:
                            self._shut(self._listener)
                        break
                else:
                    client.sendall(data)
        self._shut(client)
        self._shut(engine)

    @staticmethod
    def _shut(sock: socket.socket) -> None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def _connect(host: str) -> socket.socket:
    if host.startswith("unix://"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(host.removeprefix("unix://"))
        return sock
    name, port = host.removeprefix("tcp://").rsplit(":", 1)
    return socket.create_connection((name, int(port)))
