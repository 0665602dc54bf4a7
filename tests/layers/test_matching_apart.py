"""Matching in another process finds what matching in this one finds, and a scan survives its end."""

from __future__ import annotations

import os
import signal

import pytest

from imgscan.evidence import Depth, ScanPlan
from imgscan.layers.matchers.hyperscan_matcher import HyperscanMatcher
from imgscan.layers.matchers.reference import ReferenceMatcher
from imgscan.layers.matching_apart import SLOTS, MatchingApart
from imgscan.layers.scan import LayerScanner
from imgscan.secrets.detector import Nominator
from imgscan.secrets.structures import STRUCTURES
from tests.image_builder import write_tar
from tests.laws import Chunked, law_2_the_cutting_does_not_matter
from tests.secrets.forms import OWN

PLAN = ScanPlan(Depth.CONTENT, ("all",), ())
NOMINATORS = (Nominator("ab{1,3}"), Nominator("x[0-9]y", caseless=True))
TEXT = b"abbb x7y X8Y" * 100
SIZE = 10_000


def layer() -> bytes:
    lines = "".join(f"{line}\n" for _, line, _ in OWN)
    return write_tar([(f"app/{number}.txt", "x" * 300 * number + lines) for number in range(60)])


def scanner(**options: int) -> LayerScanner:
    return LayerScanner(PLAN, STRUCTURES, secret_key=b"k" * 32, matcher=HyperscanMatcher, **options)  # type: ignore[arg-type]


@pytest.fixture
def apart():
    worker = HyperscanMatcher(NOMINATORS).worker()
    assert worker is not None
    made = MatchingApart(worker, SIZE)
    yield made
    made.close()


def filled(apart: MatchingApart, data: bytes = TEXT):
    buffer = apart.take(SIZE)
    assert buffer is not None
    buffer[100 : 100 + len(data)] = data
    return buffer


def test_it_finds_what_the_matcher_finds(apart):
    expected = HyperscanMatcher(NOMINATORS).match(memoryview(TEXT))
    assert len(expected) >= 500
    for _ in range(SLOTS):
        assert apart.match(filled(apart), 100, 100 + len(TEXT)) == expected


def test_an_answer_without_matches_is_an_answer(apart):
    assert apart.match(filled(apart, b"nothing"), 100, 107) == []


def test_there_are_so_many_buffers_and_one_that_is_given_back_can_be_taken(apart):
    buffers = [apart.take(SIZE) for _ in range(SLOTS)]
    assert all(buffer is not None for buffer in buffers)
    assert apart.take(SIZE) is None
    apart.give(buffers[0])
    assert apart.take(SIZE) is buffers[0]


def test_there_are_no_buffers_larger_than_those_it_was_made_for(apart):
    assert apart.take(100 * SIZE) is None


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_nobody_knows_what_a_process_that_is_gone_would_find(apart, end):
    buffer = filled(apart)
    if end == "closed":
        apart.close()
    else:
        os.kill(apart.process_id, signal.SIGKILL)
    assert apart.match(buffer, 100, 200) is None
    assert apart.match(buffer, 100, 200) is None
    assert apart.take(SIZE) is None


def test_close_leaves_no_process(apart):
    process = apart.process_id
    apart.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_the_reference_matcher_needs_none():
    assert ReferenceMatcher(NOMINATORS).worker() is None


def test_a_scan_is_the_same_wherever_it_is_matched():
    blob = layer()
    expected = scanner().scan(Chunked(blob))
    assert len(expected.matches) >= 60
    for apart_from in (0, 10_000):
        with_worker = scanner(apart_from=apart_from)
        scan = law_2_the_cutting_does_not_matter(
            lambda stream, block, by=with_worker: by.scan(stream, block_size=block), blob, chunks=(4096,)
        )
        assert scan == expected
        with_worker.close()


def test_a_scan_whose_worker_dies_goes_on_by_itself():
    blob = layer()
    expected = scanner().scan(Chunked(blob))
    victim = scanner(apart_from=0)

    def kill(_count: int) -> None:
        if victim.worker is not None:
            os.kill(victim.worker.process_id, signal.SIGKILL)

    assert victim.scan(Chunked(blob), block_size=4096, progress=kill) == expected
    assert victim.scan(Chunked(blob), block_size=4096) == expected


def test_all_buffers_are_there_again_after_a_scan_that_went_wrong():
    victim = scanner(apart_from=0)

    def fail(_count: int) -> None:
        raise KeyError

    for _ in range(2 * SLOTS):
        with pytest.raises(KeyError):
            victim.scan(Chunked(layer()), block_size=4096, progress=fail)
    assert victim.worker is not None
    assert victim.worker.free == SLOTS
    victim.close()
