"""Archives read member by member, in one pass, from streams that can skip and streams that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.evidence import Limits
from imgscan.image.blob import FileBlob, Readable
from imgscan.tar.reader import TarReader
from tests.image_builder import Entry, raw_header, symlink, write_tar
from tests.laws import CHUNKS, Chunked
from tests.tar.test_walker import padded, sparse_header

TAR = write_tar({"a": b"x" * 700, "b/": "", "c": "", "d" * 150: b"y" * 512, "l": symlink("a"), "e": b"z" * 3})
CONTENTS = {"a": b"x" * 700, "b": b"", "c": b"", "d" * 150: b"y" * 512, "l": b"", "e": b"zzz"}


def contents(stream: Readable, take: int = 1 << 20) -> tuple[dict[str, bytes], TarReader]:
    reader = TarReader(stream)
    found = {}
    for member, data in reader:
        parts = []
        while part := data.read(take):
            parts.append(part)
        found[member.path] = b"".join(parts)
    return found, reader


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("take", [1, 100, 1 << 20])
def test_members_are_read_whole_from_any_stream(chunk, take):
    found, reader = contents(Chunked(TAR, chunk), take)
    assert (found, reader.problems) == (CONTENTS, ())


@given(st.lists(st.integers(0, 800), min_size=6, max_size=6))
@settings(max_examples=60, deadline=None)
def test_what_nobody_reads_is_passed_over(takes):
    names = []
    for (member, data), take in zip(TarReader(Chunked(TAR, 100)), takes, strict=True):
        names.append(member.path)
        assert data.read(take) == CONTENTS[member.path][: min(take, 100)]
    assert names == list(CONTENTS)


def test_files_are_skipped_over_not_read(tmp_path):
    (tmp_path / "a.tar").write_bytes(TAR)
    with FileBlob(str(tmp_path / "a.tar"), 0, len(TAR)).open() as stream:
        reader = TarReader(stream)
        assert [member.path for member, _ in reader] == list(CONTENTS)
        assert reader.problems == ()


@pytest.mark.parametrize("length", range(0, len(TAR), 37))
@pytest.mark.parametrize("kind", ["stream", "file"])
def test_an_archive_cut_off_gives_what_was_there_and_says_so(tmp_path, length, kind):
    blob = FileBlob(str(tmp_path / "cut.tar"), 0, len(TAR))
    Path(blob.path).write_bytes(TAR[:length])
    with blob.open() as file:
        found, reader = contents(Chunked(TAR[:length]) if kind == "stream" else file)
    assert list(found) == list(CONTENTS)[: len(found)]
    assert all(CONTENTS[name].startswith(data) for name, data in found.items())
    assert reader.problems or length == 0 or length >= len(TAR) - 1024
    if found and len(CONTENTS[list(found)[-1]]) > len(found[list(found)[-1]]):
        assert [problem.code for problem in reader.problems] == ["truncated-archive"]


def test_the_count_of_missing_bytes_is_right():
    _, reader = contents(Chunked(write_tar({"a": b"x" * 2000})[:1000]))
    assert "1,512 bytes" in reader.problems[0].message


def test_the_data_of_a_sparse_file_begins_behind_all_its_headers():
    tar = sparse_header() + bytes(512) + padded(b"hello") + write_tar({"after": "x"})
    assert contents(Chunked(tar))[0] == {"s": b"hello", "after": b"x"}


def test_an_archive_of_too_many_members_ends_early():
    reader = TarReader(Chunked(write_tar([("a", "x")] * 20)), Limits(members=10))
    assert sum(1 for _ in reader) == 10
    assert [problem.code for problem in reader.problems] == ["too-many-members"]


def test_a_size_that_lies_ends_the_archive():
    found, reader = contents(Chunked(raw_header(b"a", size=1 << 50) + b"data"))
    assert found == {"a": b"data"}
    assert [problem.code for problem in reader.problems] == ["truncated-archive"]


def test_attributes_come_with_the_member():
    tar = write_tar({"a": Entry("x", xattrs={"user.a": b"1"})})
    assert [member.xattrs for member, _ in TarReader(Chunked(tar))] == [(("user.a", b"1"),)]
