"""An engine, or a proxy in front of it, that refuses some answers or gives odd ones: the rest is judged, and told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from imgscan.errors import SourceError, SourceUnavailable
from imgscan.runtime import inspect_container
from tests.runtime.documents import hardened

VERSION = {"ApiVersion": "1.41", "MinAPIVersion": "1.24"}


class Engine(ThreadingHTTPServer):
    """Answers by the last part of a path; everything else is refused, as a proxy that lets little through does."""

    daemon_threads = True

    def __init__(self, answers: dict[str, object]) -> None:
        self.answers = answers
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Engine)
        last = self.path.partition("?")[0].rpartition("/")[2]
        known = last in self.server.answers
        body = json.dumps(self.server.answers[last] if known else {"message": "forbidden by the proxy"}).encode()
        self.send_response(200 if known else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def engine() -> Iterator:
    """Starts engines that give certain answers; the environment that names one."""
    started = []

    def start(**answers: object) -> dict[str, str]:
        server = Engine({"version": VERSION, **answers})
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        started.append((server, thread))
        return {"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_address[1]}"}

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_a_proxy_refuses_is_told_and_the_settings_are_judged(engine):
    report = inspect_container("hardened", environment=engine(json=hardened()))
    assert report.constraints == "read-only, 128 MB, 0.5 CPU, no capabilities, no new privileges"
    told = " ".join(problem.message for problem in report.problems)
    for part in ("its defaults are not known", "what the container wrote was not read", "names of users"):
        assert part in told
    assert not report.complete  # what it wrote was promised


@pytest.mark.parametrize("odd", [None, 1, "text", [], [[1]], {"a": 1}])
def test_odd_answers_raise_nothing(engine, odd):
    answers = dict.fromkeys(("info", "changes", "top", "archive"), odd)
    inspect_container("hardened", environment=engine(json=hardened(), **answers))


@pytest.mark.parametrize("odd", [None, 1, "text", []])
def test_a_container_that_is_none_is_no_result(engine, odd):
    with pytest.raises(SourceError):
        inspect_container("hardened", environment=engine(json=odd))


def test_an_engine_that_answers_nothing_is_no_result(engine):
    with pytest.raises(SourceError):
        inspect_container("hardened", environment=engine())


def test_where_no_engine_is_there_is_another_way_on(tmp_path):
    with pytest.raises(SourceUnavailable) as raised:
        inspect_container("hardened", environment={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert "imgscan container ./inspect.json" in raised.value.tip
