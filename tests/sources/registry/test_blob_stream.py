"""A blob's stream by itself: whatever the bodies do, it gives the right bytes in order, or says why not."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import ImageNotFound, SourceError, SourceUnavailable
from imgscan.sources.registry.blob_stream import BlobStream
from imgscan.sources.registry.failures import WrongBytes
from tests.image_builder import sha256

BREAK = "break"
END = "end"
DATA = st.binary(min_size=1, max_size=300)
STEPS = st.lists(st.integers(1, 60) | st.sampled_from([BREAK, END]), max_size=12)
"""What one body after the other does: gives so many bytes, breaks off, or ends as if all had come."""


class Server:
    """Bodies that follow a script, and behave once it is over. `ticks` seconds pass at each read."""

    def __init__(self, data, script=(), *, ticks=0.0):
        self.data = data
        self.script = list(script)
        self.now = 0.0
        self.asked = []
        self.pauses = []
        self.closed = 0
        self._ticks = ticks

    def fetch(self, offset):
        self.asked.append(offset)
        return ServedBody(self, offset)

    def clock(self):
        return self.now

    def tick(self):
        self.now += self._ticks

    def stream(self, *, digest=None, size=None):
        claimed = len(self.data) if size is None else size
        return BlobStream(self.fetch, digest or sha256(self.data), claimed, pause=self.pauses.append, clock=self.clock)


class ServedBody:
    def __init__(self, server, at):
        self._server = server
        self._at = at

    def read(self, size):
        server = self._server
        server.tick()
        step = server.script.pop(0) if server.script else size
        if step == BREAK:
            raise SourceUnavailable("it broke")
        if step == END:
            return b""
        piece = server.data[self._at : self._at + min(step, size)]
        self._at += len(piece)
        return piece

    def stop(self):
        pass

    def close(self):
        self._server.closed += 1


def read(stream, size=1 << 20):
    parts = []
    while data := stream.read(size):
        parts.append(data)
    return b"".join(parts)


@given(DATA, STEPS, st.integers(1, 400))
def test_what_comes_is_the_blob_or_the_start_of_it(data, script, size):
    server = Server(data, script)
    stream = server.stream()
    came = read(stream, size)
    assert data.startswith(came)
    assert (came == data) == (stream.failure is None)
    assert stream.done == len(came)
    assert stream.read(10) == b""  # and that is all
    assert server.closed == len(server.asked)


@given(DATA, STEPS)
def test_a_few_breaks_are_never_the_end(data, script):
    bad = [step for step in script if isinstance(step, str)]
    server = Server(data, [step for step in script if not isinstance(step, str)] + bad[:4])
    stream = server.stream()
    assert read(stream) == data
    assert stream.failure is None


@given(DATA, STEPS)
def test_each_request_starts_where_the_last_one_broke(data, script):
    server = Server(data, script)
    read(server.stream())
    assert server.asked == sorted(server.asked)


@pytest.mark.parametrize("what", [BREAK, END])
def test_a_server_that_gives_nothing_is_given_up_on(what):
    server = Server(b"data", [what] * 100)
    stream = server.stream()
    assert read(stream) == b""
    assert isinstance(stream.failure, SourceUnavailable)
    assert len(server.asked) < 10
    assert sum(server.pauses) < 30


def test_a_server_that_breaks_off_after_each_byte_is_given_up_on():
    server = Server(b"x" * 1000, [1, BREAK] * 1000)
    stream = server.stream()
    assert len(read(stream)) < 20
    assert stream.failure is not None


def test_a_slow_server_is_given_up_on_and_a_fast_one_is_not():
    slow = Server(b"x" * 100_000, [1] * 100_000, ticks=2.0)
    stream = slow.stream()
    assert read(stream)
    assert "bytes came in" in str(stream.failure)
    assert slow.now < 100
    steady = Server(b"x" * 1_000_000, [10_000] * 100, ticks=2.0)
    stream = steady.stream()
    assert len(read(stream)) == 1_000_000
    assert stream.failure is None


def test_time_that_the_reader_takes_does_not_count_against_the_server():
    server = Server(b"x" * 100, [1] * 100)
    stream = server.stream()
    came = b""
    while data := stream.read(1):
        came += data
        server.now += 1000  # the scan is busy
    assert came == b"x" * 100
    assert stream.failure is None


def test_more_than_was_claimed_is_not_given():
    stream = Server(b"x" * 100).stream(size=60)
    assert read(stream) == b"x" * 60
    assert isinstance(stream.failure, WrongBytes)


def test_without_a_claimed_size_the_end_is_where_the_server_ends():
    stream = Server(b"x" * 100).stream(size=-1)
    assert read(stream) == b"x" * 100
    assert stream.failure is None


@pytest.mark.parametrize("algorithm", ["sha512", "sha384"])
def test_digests_that_no_scan_computes_are_checked_here(algorithm):
    data = b"some bytes"
    right = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
    stream = Server(data, [3, BREAK, 2]).stream(digest=right)
    assert (read(stream), stream.failure) == (data, None)
    stream = Server(b"other data").stream(digest=right)
    read(stream)
    assert isinstance(stream.failure, WrongBytes)


def test_a_refusal_in_the_middle_ends_it_at_once():
    server = Server(b"x" * 100, [10, BREAK])
    fetch = server.fetch

    def refuse(offset):
        if offset:
            raise ImageNotFound("gone")
        return fetch(offset)

    stream = BlobStream(refuse, sha256(b""), 100, pause=server.pauses.append)
    assert read(stream) == b"x" * 10
    assert isinstance(stream.failure, SourceError)
    assert server.pauses == []


def test_a_stopped_stream_is_at_its_end():
    stream = Server(b"x" * 100).stream().start()
    assert stream.read(10)
    stream.stop()
    assert stream.read(10) == b""
