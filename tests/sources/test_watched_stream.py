"""Reading ahead changes nothing of what is read, and ends where the peer failed or fell silent."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import SourceError
from imgscan.sources.watched_stream import BLOCKS_AHEAD, WatchedStream

BLOCK = 64
PIECES = st.lists(st.binary(max_size=150), max_size=30)


@pytest.fixture(scope="module", autouse=True)
def _small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imgscan.sources.watched_stream.BLOCK", BLOCK)
        yield


def watched(produce, seconds=30.0):
    return WatchedStream(
        produce, first=seconds, between=seconds, stalled=lambda after: SourceError(f"silent for {after}")
    )


def read_all(stream, size):
    data = b""
    while piece := stream.read(size):
        assert len(piece) <= size
        data += piece
    return data


@given(PIECES, st.sampled_from([1, BLOCK - 1, BLOCK, 3 * BLOCK]))
def test_the_bytes_are_those_that_were_produced_however_they_are_cut(pieces, size):
    stream = watched(lambda: iter(pieces))
    stream.start()
    assert read_all(stream, size) == b"".join(pieces)
    assert stream.failure is None
    stream.close()


@given(PIECES)
def test_all_that_came_before_a_failure_is_read_and_then_the_failure_is_told(pieces):
    def produce():
        yield b"first"
        yield from pieces
        raise SourceError("gone")

    stream = watched(produce)
    stream.start()
    assert read_all(stream, BLOCK) == b"first" + b"".join(pieces)
    assert stream.failure is not None
    assert stream.failure.message == "gone"
    stream.close()


def test_a_failure_before_the_first_byte_is_raised():
    def produce():
        raise SourceError("never began")
        yield b""

    stream = watched(produce)
    with pytest.raises(SourceError, match="never began"):
        stream.start()
    stream.close()


def test_a_transport_without_a_time_out_of_its_own_is_given_up_too(monkeypatch):
    monkeypatch.setattr("imgscan.sources.watched_stream.GRACE", 0.0)
    released = threading.Event()

    def produce():
        yield b"first"
        released.wait()

    stream = watched(produce, seconds=0.05)
    stream.start()
    assert read_all(stream, 10) == b"first"
    assert stream.failure is not None
    assert stream.failure.message == "silent for 0.05"
    released.set()
    stream.close()


def test_a_reader_that_leaves_early_lets_the_producer_go():
    ended = threading.Event()

    def produce():
        try:
            while True:
                yield bytes(BLOCK)
        finally:
            ended.set()

    stream = watched(produce)
    stream.start()
    stream.read(1)
    stream.close()
    assert ended.wait(10)
    assert stream.read(1) == b""


def test_no_more_than_a_few_blocks_are_read_ahead():
    produced = []
    full = threading.Event()

    def produce():
        for number in range(100):
            produced.append(number)
            if number == BLOCKS_AHEAD:
                full.set()
            yield bytes(BLOCK)

    stream = watched(produce)
    stream.start()
    assert full.wait(10)
    stream.close()
    assert len(produced) <= BLOCKS_AHEAD + 3
