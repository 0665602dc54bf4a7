"""An HTTP server on a Unix socket that answers as an engine would: for versions and failures none here has.

Its answers follow the engine API's documentation and moby's code, not an engine that was seen; what an engine at
hand does is tested against that one, in tests/engine.
"""

from __future__ import annotations

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


@dataclass
class Answer:
    """`chunks` are sent chunked, one by one; after `cut` the connection closes without the end of the answer."""

    status: int = 200
    chunks: Iterable[bytes] = ()
    cut: bool = False

    @classmethod
    def json(cls, document: object, status: int = 200) -> Answer:
        return cls(status, [json.dumps(document).encode()])


class StandIn:
    """`answers` by method and path without the API version; all else is 404. `asked` keeps (method, path, query)."""

    def __init__(self, answers: dict[str, Answer], *, api: str = "1.41") -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._directory = tempfile.TemporaryDirectory(prefix="imgscan-engine-")  # socket paths end at 107 bytes
        path = str(Path(self._directory.name) / "engine.sock")
        self.host = f"unix://{path}"
        versions = {"GET /version": Answer.json({"ApiVersion": api, "Version": "0", "MinAPIVersion": "1.24"})}
        self._server = socketserver.ThreadingUnixStreamServer(path, _handler(versions | answers, self.asked))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> StandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._directory.cleanup()

    def query(self, path: str) -> dict[str, str]:
        """Of the one request for `path`."""
        (found,) = (query for _, asked, query in self.asked if asked == path)
        return found


def _handler(answers: dict[str, Answer], asked: list[tuple[str, str, dict[str, str]]]):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            path = url.path
            if path.startswith("/v1."):
                path = "/" + path.split("/", 2)[2]
            asked.append((self.command, path, {key: values[0] for key, values in parse_qs(url.query).items()}))
            answer = answers.get(f"{self.command} {path}", Answer.json({"message": f"No such image: {path}"}, 404))
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in answer.chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            if answer.cut:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    return Handler
