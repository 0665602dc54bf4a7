"""With `digests` in the plan the table has the sha256 of every regular file, however its bytes came."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.evidence import Depth, MemberKind, ScanPlan
from imgscan.layers.cache import decode_scan, encode_scan
from imgscan.layers.scan import LayerScanner
from tests.image_builder import directory, hardlink, symlink, write_tar
from tests.laws import Chunked

ASKED = LayerScanner(ScanPlan(Depth.MEMBERS, digests=True), (), secret_key=bytes(32))
UNASKED = LayerScanner(ScanPlan(Depth.MEMBERS), (), secret_key=bytes(32))
CONTENTS = st.lists(st.binary(max_size=3000), max_size=6)


@settings(max_examples=60, deadline=None)
@given(CONTENTS, st.sampled_from([512, 1024, 4096, 1 << 20]), st.sampled_from([1, 511, 4096, None]))
def test_the_digest_is_that_of_the_bytes_wherever_blocks_end(contents, block, chunk):
    blob = write_tar([(f"f{number}", data) for number, data in enumerate(contents)])
    table = ASKED.scan(Chunked(blob, chunk), block_size=block).members
    assert [table.sha256(index) for index in range(len(table))] == [hashlib.sha256(data).digest() for data in contents]


def test_what_is_no_regular_file_has_no_digest():
    blob = write_tar([("d/", directory()), ("f", "x"), ("l", symlink("f")), ("h", hardlink("f")), (".wh.g", "")])
    table = ASKED.scan(Chunked(blob)).members
    assert [index for index in range(len(table)) if table.sha256(index)] == [1]
    assert table.kinds[1] == MemberKind.FILE


def test_a_file_that_the_layer_ends_within_has_no_digest():
    table = ASKED.scan(Chunked(write_tar([("a", "x"), ("b", b"y" * 4000)])[:3000])).members
    assert [bool(table.sha256(index)) for index in range(2)] == [True, False]


def test_without_being_asked_nothing_is_digested_but_equal_rewrites_can_be_told():
    table = UNASKED.scan(Chunked(write_tar([("a", "x"), ("b", "x"), ("c", "y")]))).members
    assert not table.sha256s
    assert table.checksums[0] == table.checksums[1] != table.checksums[2]


def test_digests_survive_the_cache_and_make_another_plan():
    scan = ASKED.scan(Chunked(write_tar([("a", "x"), ("b", "")])))
    assert decode_scan(encode_scan(scan)) == scan
    assert ASKED.plan.fingerprint != UNASKED.plan.fingerprint
