"""rpm's database is read in all three of its forms; SQLite itself is the oracle for its own."""

from __future__ import annotations

import sqlite3
import struct
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.layers.extractors.rpm import RpmExtractor
from imgscan.layers.extractors.rpm_containers import header_blobs
from tests.package_records import rpm_database as sqlite_database
from tests.package_records import rpm_header as header

BLOBS = st.lists(st.binary(min_size=1, max_size=9_000), max_size=8)


def ndb_database(blobs: list[bytes]) -> bytes:
    slots, area = b"", b""
    for number, blob in enumerate(blobs, start=1):
        area += b"\0" * (-len(area) % 16)
        block = (4096 + len(area)) // 16
        slots += struct.pack("<4sIII", b"Slot", number, block, len(blob) // 16 + 2)
        area += struct.pack("<4sIII", b"BlbS", number, 1, len(blob)) + blob
    head = struct.pack("<4sIIIIIII", b"RpmP", 0, 1, 1, 0, 0, 0, 0) + slots
    head += struct.pack("<4sIII", b"Slot", 0, 0, 0) * ((4096 - len(head)) // 16)
    return head + area


def berkeley_database(blobs: list[bytes], page_size: int = 512) -> bytes:
    """A hash database with one pair a hash page, each value on a chain of overflow pages."""
    pages = [b"\0" * 12 + b"\x61\x15\x06\x00" + struct.pack("<II", 9, page_size)]
    room = page_size - 26
    for blob in blobs:
        start = len(pages) + 1
        item = struct.pack("<B3xII", 3, start, len(blob))
        offsets = struct.pack("<HH", page_size - 16, page_size - 12)
        page = b"\0" * 20 + struct.pack("<HHBB", 2, 0, 0, 13) + offsets
        pages.append(page.ljust(page_size - 16, b"\0") + b"\1key" + item)
        parts = [blob[at : at + room] for at in range(0, len(blob), room)]
        for index, part in enumerate(parts):
            following = 0 if index == len(parts) - 1 else start + index + 1
            pages.append(b"\0" * 16 + struct.pack("<IHHBB", following, 1, len(part), 0, 7) + part)
    return b"".join(page.ljust(page_size, b"\0") for page in pages)


CONTAINERS = pytest.mark.parametrize("database", [sqlite_database, ndb_database, berkeley_database])


@CONTAINERS
@given(blobs=BLOBS)
def test_every_container_gives_its_blobs_back(database, blobs: list[bytes]):
    assert list(header_blobs(database(blobs))) == blobs


@given(
    blobs=st.lists(st.binary(min_size=1, max_size=300), min_size=40, max_size=90),
    page_size=st.sampled_from([512, 1024]),
)
def test_sqlite_trees_of_several_levels_are_walked(blobs: list[bytes], page_size: int):
    assert list(header_blobs(sqlite_database(blobs, page_size))) == blobs


@CONTAINERS
def test_packages_are_told_with_their_programs(database):
    git = header("git", "2.43.0", "1.el9", epoch=1, files=("/usr/bin/git", "/usr/share/doc/git/README", "/usr/sbin/x"))
    assert RpmExtractor().extract("var/lib/rpm/Packages", database([git, header("zlib", "1", "2")])) == (
        ("package", "git", "1:2.43.0-1.el9", "x86_64", ""),
        ("file", "git", "usr/bin/git"),
        ("file", "git", "usr/sbin/x"),
        ("package", "zlib", "1-2", "x86_64", ""),
    )


@CONTAINERS
@given(position=st.integers(0, 1 << 16), value=st.binary(min_size=1, max_size=4))
def test_a_damaged_database_is_refused_or_read_and_never_hangs(database, position: int, value: bytes):
    data = bytearray(database([header("git", "1", "1", files=("/usr/bin/git",)) + b"\0" * 3_000]))
    position %= len(data)
    data[position : position + len(value)] = value
    try:
        rows = RpmExtractor().extract("var/lib/rpm/Packages", bytes(data))
    except ValueError:
        return
    assert len(rows) < 100


@CONTAINERS
@given(cut=st.integers(0, 1 << 16))
def test_a_truncated_database_is_refused_or_read(database, cut: int):
    data = database([b"\0" * 2_000, b"\1" * 2_000])
    try:
        blobs = list(header_blobs(data[: cut % len(data)]))
    except (ValueError, struct.error, IndexError):
        return
    assert len(blobs) <= 2


def test_records_that_overlap_are_no_bomb():
    blob = b"x" * 4_000
    data = bytearray(ndb_database([blob]))
    for slot, number in zip(range(48, 4096, 16), count(1), strict=False):
        data[slot : slot + 16] = struct.pack("<4sIII", b"Slot", 1, 256, number)
    with pytest.raises(ValueError, match="overlap"):
        list(header_blobs(bytes(data)))


def test_another_file_is_refused():
    with pytest.raises(ValueError, match="not an rpm database"):
        list(header_blobs(b"#!/bin/sh\n" * 20))
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE other (x)")
    data = connection.serialize()
    connection.close()
    with pytest.raises(ValueError, match="without the table"):
        list(header_blobs(data))
