"""Containers that lie, bombs, and what budgets do: nothing raises, all is accounted for, equally for all blocks."""

from __future__ import annotations

import bz2
import io
import struct
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.errors import Effect
from imgscan.evidence import Depth, LayerScan, Limits, ScanPlan
from imgscan.layers.scan import LayerScanner
from imgscan.secrets.detectors import detectors
from tests.image_builder import write_tar
from tests.laws import Chunked, law_1_a_scan_is_a_pure_value, law_2_the_cutting_does_not_matter
from tests.layers.unpack import containers as make
from tests.layers.unpack.test_formats import ARCHIVES, ENV, FILES, TOKEN, pack

SMALL = Limits(
    inner_depth=3,
    inner_bytes=200_000,
    inner_layer_bytes=500_000,
    inner_members=50,
    inner_layer_members=120,
)
KINDS: dict[str, bytes] = {
    **ARCHIVES,
    "deb": make.deb(FILES),
    "git pack": pack(),
    "git pack with a reference": pack(ref=True),
    "git object": make.git_object("blob", ENV)[1],
    "pdf": make.pdf(ENV),
    "class": make.java_class(("A_PASSWORD", "Winter2024!x9"), ("aSecret", "hunter2prod!"), ("setToken", "x" * 20)),
    "utf-16": ENV.decode().encode("utf-16"),
    "sqlite": make.sqlite(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT)",
        *[("INSERT INTO users VALUES (?, ?)", (n, f"Winter{n}!" * 150)) for n in range(60)],
    ),
    "program": b"MZ" + bytes(58) + b"\x80\0\0\0" + bytes(99) + ENV.decode().encode("utf-16-le"),
}


def scanner_with(limits: Limits) -> LayerScanner:
    return LayerScanner(ScanPlan(Depth.CONTENT, ("all",), (), limits=limits), detectors(), secret_key=b"k" * 32)


@pytest.fixture(scope="module")
def scanner() -> LayerScanner:
    return scanner_with(Limits())


@pytest.fixture(scope="module")
def tight() -> LayerScanner:
    return scanner_with(SMALL)


def scan(scanner: LayerScanner, *members: bytes, block_size: int = 8 << 20) -> LayerScan:
    tar = write_tar([(f"opt/file{index}.bin", data) for index, data in enumerate(members)])
    return accounted(scanner.scan(Chunked(tar), block_size=block_size))


def accounted(result: LayerScan) -> LayerScan:
    inner = result.coverage.inner
    assert inner.members == inner.scanned + sum(skip.count for skip in (*inner.skipped, *inner.opaque))
    assert bool(inner.skipped) == any(problem.effect is Effect.INCOMPLETE for problem in result.problems)
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_a_container_that_ends_early_gives_what_there_is(scanner, kind):
    data = KINDS[kind]
    step = max(1, len(data) // 40)
    members = [data[:size] for size in range(1, len(data), step)]
    scan(scanner, *members)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_container_with_changed_bytes_raises_nothing(scanner, data):
    members = []
    for _ in range(8):
        changed = bytearray(KINDS[data.draw(st.sampled_from(sorted(KINDS)))])
        for _ in range(data.draw(st.integers(1, 6))):
            at = data.draw(st.integers(0, min(len(changed), 3000) - 1))
            changed[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, changed[at] ^ 1]))
        members.append(bytes(changed))
    scan(scanner, *members)


@settings(deadline=None, max_examples=60)
@given(
    members=st.lists(
        st.tuples(st.sampled_from(sorted(KINDS)), st.integers(4, 300), st.binary(max_size=300)), min_size=1, max_size=8
    )
)
def test_garbage_behind_a_true_beginning_raises_nothing(scanner, members):
    scan(scanner, *(KINDS[kind][:size] + rest for kind, size, rest in members))


def test_cutting_the_layer_does_not_matter(scanner):
    layer = write_tar([(f"opt/file{index}", data) for index, data in enumerate(KINDS.values())])
    result = law_2_the_cutting_does_not_matter(
        lambda stream, block: scanner.scan(stream, block_size=block), layer, chunks=(513, None)
    )
    assert len({match.member for match in result.matches}) == len(KINDS)


def test_a_scan_of_containers_is_a_pure_value(scanner):
    layer = write_tar([(f"opt/file{index}", data) for index, data in enumerate(KINDS.values())])
    law_1_a_scan_is_a_pure_value(lambda stream, block: scanner.scan(stream, block_size=block), layer)


def test_a_layer_that_ends_within_a_container(scanner):
    layer = write_tar([("a.zip", ARCHIVES["zip"] + bytes(5000)), ("b.tgz", ARCHIVES["tar.gz"])])
    for size in range(512, len(layer), 517):
        law_2_the_cutting_does_not_matter(
            lambda stream, block: scanner.scan(stream, block_size=block), layer[:size], chunks=(None,), blocks=(512,)
        )


def test_a_bomb_ends_at_the_budget_for_bytes(tight):
    bomb = bz2.compress(bytes(10_000_000))
    result = scan(tight, bomb, make.zipped(FILES))
    assert [(skip.reason, skip.count) for skip in result.coverage.inner.skipped] == [("inner bytes", 1)]
    assert [problem.code for problem in result.problems] == ["inner-budget"]
    assert {match.member for match in result.matches} == {1}


def test_the_ratio_ends_a_bomb_that_fits_the_bytes():
    result = scan(scanner_with(Limits(inner_ratio=50)), bz2.compress(bytes(80 << 20)))
    assert [skip.reason for skip in result.coverage.inner.skipped] == ["inner ratio"]


def test_an_archive_of_many_files_ends_at_the_budget_for_entries(tight):
    many = make.zipped([(f"{n}", b"x") for n in range(60)])
    result = scan(tight, many, make.zipped(FILES))
    assert [(skip.reason, skip.count) for skip in result.coverage.inner.skipped] == [("inner members", 1)]
    assert result.coverage.inner.members == 51 + 3


def test_containers_deeper_than_the_budget_are_told(tight):
    data = ENV
    for _ in range(5):
        data = make.zipped([("x.zip", data)])
    result = scan(tight, data)
    assert [(skip.reason, skip.count) for skip in result.coverage.inner.skipped] == [("inner depth", 1)]
    assert not result.matches


def test_compressing_again_and_again_ends_too(tight):
    data = ENV
    for _ in range(50):
        data = make.COMPRESSIONS["gz"](data)
    assert [skip.reason for skip in scan(tight, data).coverage.inner.skipped] == ["inner depth"]


@pytest.mark.parametrize("block_size", [512, 4096, 8 << 20])
def test_budgets_of_a_layer_are_spent_in_tar_order(tight, block_size):
    members = [make.zipped([("app/.env", ENV), ("x", bytes(90_000))]) for _ in range(9)]
    result = scan(tight, *members, block_size=block_size)
    assert result == scan(tight, *members)
    assert sorted({match.member for match in result.matches}) == [0, 1, 2, 3, 4, 5]
    assert result.coverage.inner.skipped[0].count == 4


def test_sizes_in_a_zip_are_not_believed(scanner):
    archive = bytearray(ARCHIVES["zip"])
    for at in (archive.index(b"PK\x03\x04"), archive.index(b"PK\x01\x02")):
        field = at + (22 if archive[at + 2] == 3 else 24)
        archive[field : field + 4] = b"\xff\xff\xff\x7f"
    assert [match.inner_path for match in scan(scanner, bytes(archive)).matches] == ["app/.env"] * 2


def test_entries_of_a_zip_that_share_their_data_are_paid_for_each(tight):
    archive = make.zipped([("a", bytes(150_000))])
    at, end = archive.index(b"PK\x01\x02"), archive.index(b"PK\x05\x06")
    entry = archive[at:end]
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 9, 9, len(entry) * 9, at, 0)
    result = scan(tight, archive[:at] + entry * 9 + tail)
    assert [skip.reason for skip in result.coverage.inner.skipped] == ["inner bytes"]
    assert result.coverage.inner.members == 2


def test_paths_that_lead_out_are_places_in_a_report_and_nothing_else(scanner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["../../etc/app.env", "/etc/app.env", "C:\\app.env", "x" * 5000 + "/app.env", "a\nb/\x1b[31m.env"]
    result = scan(scanner, make.zipped([(name, ENV) for name in names]), make.tar([("../../x.env", ENV)]))
    assert len(result.matches) == 2 * (len(names) + 1)
    assert all(match.inner_path and not match.inner_path.startswith("/") for match in result.matches)
    assert max(len(match.inner_path or "") for match in result.matches) <= 1024
    assert not list(tmp_path.iterdir())


def test_a_tar_that_names_itself_endless_is_read_once(scanner):
    header = bytearray(make.tar([("loop", b"")])[:512])
    header[124:136] = b"\x80" + b"\xff" * 11
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    result = scan(scanner, bytes(header) * 3, make.COMPRESSIONS["gz"](bytes(header) * 3))
    assert {skip.reason for skip in result.coverage.inner.opaque} <= {"damaged tar"}


def test_a_pack_whose_deltas_build_on_one_another_in_a_circle(scanner):
    delta = make.git_delta(ENV, 5, b"x")
    result = scan(scanner, make.git_pack([("ref", delta, b"\1" * 20), ("ref", delta, b"\1" * 20)]))
    assert [skip.count for skip in result.coverage.inner.opaque] == [2]


def test_pages_of_a_database_that_lead_in_a_circle(scanner):
    database = bytearray(KINDS["sqlite"])
    size = int.from_bytes(database[16:18], "big")
    for page in range(1, len(database) // size):
        database[page * size : page * size + 4] = (page + 1).to_bytes(4, "big")
    scan(scanner, bytes(database))


def test_a_large_container_out_of_a_stream_is_kept_in_an_unnamed_file(scanner):
    noise = io.BytesIO()
    with zipfile.ZipFile(noise, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("pad", bytes(9 << 20))
        archive.writestr("app/.env", ENV)
    result = scan(scanner, noise.getvalue(), block_size=1 << 20)
    assert {match.inner_path for match in result.matches} == {"app/.env"}
    assert [digest.member for digest in result.digests] == [0]


def test_a_value_in_two_files_of_an_archive_is_told_of_both(scanner):
    inner = make.zipped([("deep/.env", ENV)])
    result = scan(scanner, make.zipped([("top/.env", ENV), ("x.jar", inner)], zipfile.ZIP_STORED))
    found = [match.inner_path for match in result.matches if match.rule == "npm-token"]
    assert found == ["top/.env", "x.jar!/deep/.env"]


def test_what_lies_outside_of_all_entries_is_told_of_the_file(scanner):
    result = scan(scanner, make.zipped([("a", b"nothing")]) + b"\nNPM_TOKEN=" + TOKEN + b"\n")
    assert [match.inner_path for match in result.matches] == [None]


def test_limits_are_part_of_a_plan():
    plan = ScanPlan()
    assert plan.fingerprint != replace(plan, limits=SMALL).fingerprint
