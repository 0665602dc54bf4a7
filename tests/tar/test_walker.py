"""The member walker against the standard library, and against tars that nobody honest writes."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.errors import Effect, Problem
from imgscan.evidence import Limits, Member, MemberKind, MemberTable
from imgscan.tar import extended
from imgscan.tar import walker as walker_module
from imgscan.tar.walker import MemberWalker
from tests.image_builder import (
    Entry,
    base256,
    directory,
    file,
    hardlink,
    pax_header,
    pax_records,
    raw_header,
    symlink,
    write_tar,
)

SECRETIVE = Limits(members=1000, header_bytes=4096, name_bytes=4096, extract_bytes=100)


def walk(
    data: bytes, limits: Limits | None = None, *, block: int = 1 << 20, **options: object
) -> tuple[MemberTable, list[Problem], MemberWalker]:
    walker = MemberWalker(limits or Limits(), **options)  # type: ignore[arg-type]
    for offset in range(0, len(data), block):
        walker.feed(memoryview(data)[offset : offset + block], offset)
    return walker.table, list(walker.finish()), walker


def members(data: bytes) -> list[Member]:
    return list(walk(data)[0])


def codes(data: bytes, limits: Limits | None = None, **options: object) -> list[str]:
    return [problem.code for problem in walk(data, limits, **options)[1]]


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


# -- the standard library as oracle

PART = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=130).filter(
    lambda text: text not in (".", "..") and not text.startswith(".wh.")
)
ODD_PART = (
    st.binary(min_size=1, max_size=20)
    .filter(lambda b: not set(b) & set(b"/\0."))
    .map(lambda b: b.decode("utf-8", "surrogateescape"))
)
PATH = st.lists(PART | ODD_PART, min_size=1, max_size=4).map("/".join)
LINK = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=150)
XATTRS = st.dictionaries(
    st.text("abc.user", min_size=1, max_size=12), st.text("xyz=\n é", min_size=1, max_size=40), max_size=2
)
KINDS = {
    tarfile.REGTYPE: MemberKind.FILE,
    tarfile.AREGTYPE: MemberKind.FILE,
    tarfile.CONTTYPE: MemberKind.FILE,
    tarfile.DIRTYPE: MemberKind.DIRECTORY,
    tarfile.SYMTYPE: MemberKind.SYMLINK,
    tarfile.LNKTYPE: MemberKind.HARDLINK,
    tarfile.CHRTYPE: MemberKind.CHARACTER_DEVICE,
    tarfile.BLKTYPE: MemberKind.BLOCK_DEVICE,
    tarfile.FIFOTYPE: MemberKind.FIFO,
}


@st.composite
def tarinfos(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(draw(PATH))
    info.type = draw(st.sampled_from(list(KINDS)))
    data = draw(st.binary(max_size=1300)) if KINDS[info.type] is MemberKind.FILE else b""
    info.size = len(data)
    info.mode = draw(st.integers(0, 0o7777))
    info.uid, info.gid = draw(st.integers(0, 2**21 - 1)), draw(st.integers(0, 2**21 - 1))
    info.mtime = draw(st.integers(0, 2**33 - 1))
    if KINDS[info.type] in (MemberKind.SYMLINK, MemberKind.HARDLINK):
        info.linkname = draw(LINK)
    return info, data


@given(
    st.lists(tarinfos(), max_size=5),
    st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    st.integers(0, 2**53),  # the standard library reads times as floats
    XATTRS,
    st.sampled_from([512, 1024, 1 << 20]),
)
@settings(max_examples=150, deadline=None)
def test_members_are_those_that_the_standard_library_reads(infos, dialect, big, xattrs, block):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=dialect, encoding="utf-8", errors="surrogateescape") as tar:
        for info, data in infos:
            if dialect != tarfile.USTAR_FORMAT:
                info.uid = info.mtime = big
            if dialect == tarfile.PAX_FORMAT:
                info.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in xattrs.items()}
            try:
                tar.addfile(info, io.BytesIO(data))
            except ValueError:  # USTAR has no room for it
                continue
    stored = stream.getvalue()
    table, problems, _ = walk(stored, block=block)
    with tarfile.open(fileobj=io.BytesIO(stored), encoding="utf-8", errors="surrogateescape") as tar:
        expected = tar.getmembers()
    assert not [problem for problem in problems if problem.effect is not Effect.NOTE]
    assert len(table) == len(expected)
    for member, info in zip(table, expected, strict=True):
        assert (member.path, member.kind) == (info.name.strip("/"), KINDS[info.type])
        assert (member.size, member.mode, member.uid, member.gid) == (info.size, info.mode, info.uid, info.gid)
        assert (member.mtime, member.linkname, member.data_offset) == (info.mtime, info.linkname, info.offset_data)
        kept = {name: value.decode("utf-8", "surrogateescape") for name, value in member.xattrs}
        assert kept == {k.removeprefix("SCHILY.xattr."): v for k, v in info.pax_headers.items() if "xattr" in k}


@given(st.binary(max_size=1500), st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_no_bytes_raise(noise, at):
    tar = write_tar({"a": "x" * 600, "b/": "", "c" * 120: symlink("d" * 120)})
    place = at * 512
    walk(tar[:place] + noise + tar[place + len(noise) :], SECRETIVE)
    walk(noise)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_headers_with_any_field_do_not_raise(data):
    number = st.one_of(st.integers(0, 2**40), st.binary(max_size=12))
    header = raw_header(
        data.draw(st.binary(max_size=100)),
        mode=data.draw(number),
        uid=data.draw(number),
        gid=data.draw(number),
        size=data.draw(st.integers(0, 3000) | st.binary(max_size=12)),
        mtime=data.draw(number),
        typeflag=data.draw(st.binary(min_size=1, max_size=1)),
        linkname=data.draw(st.binary(max_size=100)),
        magic=data.draw(st.sampled_from([b"ustar\0", b"ustar ", b"", b"\xff" * 6])),
        prefix=data.draw(st.binary(max_size=155)),
        padding=data.draw(st.binary(max_size=12)),
    )
    walk(
        header + data.draw(st.binary(max_size=2000)),
        SECRETIVE,
        wants=lambda path, size: True,
        capture=lambda i, d: None,
    )


# -- truncation


def test_every_prefix_of_a_tar_tells_what_is_missing():
    tar = write_tar(
        [
            ("a", "x" * 700),
            ("long/" * 40 + "name", Entry("yy", xattrs={"user.x": b"1"})),
            ("d/", ""),
            ("link", symlink("z" * 130)),
            raw_header(b"sparse", typeflag=b"S", size=3, magic=b"ustar ", padding=b"") + padded(b"abc"),
        ]
    )
    whole, problems, _ = walk(tar)
    assert problems == []
    for length in range(len(tar) - 1024):
        table, problems, walker = walk(tar[:length])
        if length:
            assert problems, f"{length} bytes look complete"
        cut = [member for member in whole if member.index < len(table) and member.data_offset + member.size > length]
        assert [member.index for member in cut] == ([walker.cut] if walker.cut >= 0 else [])
        if len(table) < len(whole) and length % 512:
            at_a_border = table and not cut and whole[len(table) - 1].data_offset + whole[len(table) - 1].size <= length
            assert at_a_border or any(problem.effect is Effect.INCOMPLETE for problem in problems)


def test_the_member_that_the_tar_ends_within_is_named():
    _, problems, walker = walk(write_tar({"a": "x", "b": "y" * 2000})[:2000])
    assert [(p.code, p.path, p.effect) for p in problems] == [("truncated-layer", "b", Effect.INCOMPLETE)]
    assert walker.cut == 1


# -- every problem has its tar


def sparse_header() -> bytes:
    """An old GNU sparse file whose map goes on in the next block."""
    header = bytearray(raw_header(b"s", typeflag=b"S", size=5, magic=b"ustar "))
    header[482] = 1
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + sum(header[156:]) + 8 * 32)
    return bytes(header)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "not a tar": (b"#!/bin/sh\n" + b"x" * 600, "not-a-tar"),
    "garbage between members": (write_tar({"a": "x"}, end_blocks=0) + b"z" * 512, "bad-header"),
    "a negative size": (raw_header(b"a", size=base256(-512, 12)) + bytes(1024), "bad-header"),
    "a size of text": (raw_header(b"a", size=b"12x45") + bytes(1024), "bad-header"),
    "a size beyond 63 bits": (raw_header(b"a", size=b"\x80" + b"\xff" * 11) + bytes(1024), "bad-header"),
    "a signed octal size": (raw_header(b"a", size=b"-0000000001") + bytes(1024), "bad-header"),
    "a negative pax size": (write_tar({"a": Entry("x", pax={"size": "-1"})}), "bad-header"),
    "a huge pax header": (raw_header(b"p", typeflag=b"x", size=1 << 30) + bytes(1024), "bad-header"),
    "pax headers without end": (b"".join(pax_header({"comment": "y" * 900}) for _ in range(9)), "bad-header"),
    "global attributes without end": (
        b"".join(pax_header({f"SCHILY.xattr.{n}": "y" * 900}, scope="global") for n in range(9)),
        "bad-header",
    ),
    "an mtime of text": (raw_header(b"a", mtime=b"yesterday") + bytes(1024), "odd-header"),
    "a uid of text": (raw_header(b"a", uid=b"root") + bytes(1024), "odd-header"),
    "an unknown type": (raw_header(b"a", typeflag=b"Q") + bytes(1024), "odd-type"),
    "too many members": (write_tar([("a", "")] * 1001), "too-many-members"),
    "too many names": (write_tar([("a" * 90, "")] * 100), "too-many-names"),
    "too many attributes": (write_tar([("a", Entry(xattrs={"user.a": b"v" * 900}))] * 5), "too-many-names"),
    "a pax record without length": (
        raw_header(b"p", typeflag=b"x", size=4) + padded(b"x=y\n") + write_tar({"a": ""}),
        "bad-pax-header",
    ),
    "a pax record that overruns": (
        raw_header(b"p", typeflag=b"x", size=8) + padded(b"99 a=bc\n") + write_tar({"a": ""}),
        "bad-pax-header",
    ),
    "a pax size of text": (write_tar({"a": Entry("x", pax={"uid": "seven"})}), "bad-pax-header"),
    "a global path": (pax_header({"path": "evil"}, scope="global") + write_tar({"a": ""}), "global-pax-header"),
    "a NUL in a name": (write_tar({"a": Entry("x", pax={"path": b"a\0b"})}), "odd-name"),
    "a name out of the root": (write_tar({"../a": "x"}), "escaping-name"),
    "an absolute name": (write_tar({"/a": "x"}), "absolute-name"),
    "an empty whiteout": (write_tar({"a/.wh.": ""}), "odd-marker"),
    "a whiteout of its own directory": (write_tar({"a/.wh..": ""}), "odd-marker"),
    "a whiteout of the directory above": (write_tar({"a/.wh...": ""}), "odd-marker"),
    "a marker of AUFS": (write_tar({".wh..wh.plnk": ""}), "odd-marker"),
    "data after the end": (write_tar({"a": "x"}, trailing=b"hidden"), "data-after-end"),
    "a tar after the end": (write_tar({"a": "x"}) + write_tar({"b": "x"}), "data-after-end"),
    "data after one zero block": (write_tar({"a": "x"}, end_blocks=1) + write_tar({"b": "x"}), "data-after-end"),
    "no end": (write_tar({"a": "x"}, end_blocks=0), "no-end-marker"),
    "the end within a header": (write_tar({"a": "x"}, end_blocks=0) + b"b\0\0", "truncated-layer"),
    "the end within a member": (write_tar({"a": "x" * 600})[:600], "truncated-layer"),
    "the end behind a pax header": (pax_header({"path": "never"}), "truncated-layer"),
    "the end within a sparse header": (sparse_header(), "truncated-layer"),
    "a file too large to extract": (write_tar({"a": "x" * 101}), "not-extracted"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_is_told(name):
    data, code = HOSTILE[name]
    found = codes(data, SECRETIVE, wants=lambda path, size: True, capture=lambda index, content: None)
    assert code in found
    for block in (512, 1024):
        again = codes(data, SECRETIVE, block=block, wants=lambda path, size: True, capture=lambda index, content: None)
        assert again == found


def test_every_problem_of_the_walker_has_its_tar():
    source = "".join(Path(module.__file__).read_text() for module in (walker_module, extended))
    known = set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+)"', source))
    assert known == {code for _, code in HOSTILE.values()}


def test_a_tar_on_which_readers_that_believe_sizes_loop_for_ever_ends():
    """A negative size leads back to the header itself."""
    header = raw_header(b"a", size=base256(-1024, 12))
    table, problems, _ = walk(write_tar({"first": "x"}, end_blocks=0) + header + bytes(512))
    assert [member.path for member in table] == ["first"]
    assert [problem.code for problem in problems] == ["bad-header"]


def test_a_size_beyond_the_end_is_a_truncated_member():
    (member,) = members(raw_header(b"a", size=1 << 40) + b"secret")
    assert member.size == 1 << 40


# -- dialects


def test_sums_of_signed_bytes_are_accepted():
    header = raw_header(b"caf\xe9", checksum="signed", magic=b"", version=b"")
    assert [member.path for member in members(header + bytes(1024))] == ["caf\udce9"]


def test_v7_tells_directories_by_a_slash_and_gives_them_no_data():
    header = raw_header(b"d/", typeflag=b"\0", size=512, magic=b"", version=b"")
    tar = header + write_tar({"d/a": "x"}, dialect="v7")
    assert [(member.path, member.kind, member.size) for member in members(tar)] == [
        ("d", MemberKind.DIRECTORY, 0),
        ("d/a", MemberKind.FILE, 1),
    ]


def test_a_file_whose_name_ends_in_a_slash_is_a_file():
    """Engines create it as one; taken for a directory its content would count as nothing."""
    (member,) = members(raw_header(b"app/key/", typeflag=b"0", size=3) + padded(b"key"))
    assert (member.path, member.kind, member.size) == ("app/key", MemberKind.FILE, 3)


@pytest.mark.parametrize("flag", [b"1", b"2", b"3", b"4", b"5", b"6"])
def test_types_without_data_have_none_whatever_their_size_says(flag):
    tar = raw_header(b"a", typeflag=flag, size=1024, linkname=b"b") + write_tar({"b": "x"})
    assert [(member.path, member.size) for member in members(tar)] == [("a", 0), ("b", 1)]


@pytest.mark.parametrize("flag", [b"0", b"\0", b"7", b"S", b"Q"])
def test_types_with_data_are_passed_over(flag):
    tar = raw_header(b"a", typeflag=flag, size=700) + padded(b"x" * 700) + write_tar({"b": "x"})
    assert [(member.path, member.size) for member in members(tar)] == [("a", 700), ("b", 1)]


def test_old_sparse_files_have_more_headers():
    more = bytes(504) + b"\1" + bytes(7)
    tar = sparse_header() + more + bytes(512) + padded(b"hello") + write_tar({"b": "x"})
    sparse, after = members(tar)
    assert (sparse.size, sparse.data_offset, after.path) == (5, 1536, "b")
    assert codes(tar[:1024]) == ["truncated-layer"]


def test_sparse_files_of_pax_have_their_real_name():
    tar = write_tar({"GNUSparseFile.1/s": Entry("x", pax={"GNU.sparse.name": "app/real", "GNU.sparse.major": "1"})})
    assert members(tar)[0].path == "app/real"


def test_the_prefix_of_ustar_and_only_of_ustar_is_put_before():
    star = raw_header(b"name", prefix=b"dir")
    gnu = raw_header(b"name", prefix=b"00000000001", magic=b"ustar ", version=b" \0")
    assert [member.path for member in members(star + gnu + bytes(1024))] == ["dir/name", "name"]


def test_a_pax_size_counts_more_than_the_header():
    tar = pax_header({"size": "700"}) + raw_header(b"a", size=0) + padded(b"x" * 700) + write_tar({"b": ""})
    assert [(member.path, member.size) for member in members(tar)] == [("a", 700), ("b", 0)]


def test_a_long_name_of_gnu_counts_more_than_a_pax_path():
    """As in Go's reader, which every engine uses."""
    long_name = raw_header(b"././@LongLink", typeflag=b"L", size=6, magic=b"ustar ") + padded(b"gnu-x\0")
    header = raw_header(b"short")
    for before in (long_name + pax_header({"path": "pax-x"}), pax_header({"path": "pax-x"}) + long_name):
        assert [member.path for member in members(before + header + bytes(1024))] == ["gnu-x"]


def test_extended_headers_concern_the_next_member_alone():
    tar = pax_header({"path": "renamed", "mtime": "5"}) + write_tar({"a": "", "b": ""})
    assert [(member.path, member.mtime == 5) for member in members(tar)] == [("renamed", True), ("b", False)]


def test_global_headers_stay_until_overridden_and_rename_nothing():
    tar = (
        pax_header({"mtime": "5", "path": "evil", "size": "9", "SCHILY.xattr.user.a": "1"}, scope="global")
        + write_tar({"a": "x"}, end_blocks=0)
        + pax_header({"mtime": "6"})
        + write_tar({"b": "y"})
    )
    found = [(member.path, member.size, member.mtime, member.xattrs) for member in members(tar)]
    assert found == [("a", 1, 5, (("user.a", b"1"),)), ("b", 1, 6, (("user.a", b"1"),))]


def test_attributes_of_libarchive_are_base64():
    tar = write_tar({"a": Entry(pax={"LIBARCHIVE.xattr.user.a": "AAEC"})})
    assert members(tar)[0].xattrs == (("user.a", b"\0\1\2"),)


def test_pax_headers_padded_with_nul_are_read():
    records = pax_records({"path": "padded"}) + bytes(20)
    tar = raw_header(b"p", typeflag=b"x", size=len(records)) + padded(records) + write_tar({"a": ""})
    assert members(tar)[0].path == "padded"


def test_an_empty_tar_has_nothing_and_nothing_is_wrong():
    for empty in (b"", bytes(512), bytes(1024), bytes(10240)):
        assert (members(empty), codes(empty)) == ([], [])


# -- content


def test_equal_content_has_an_equal_checksum_in_any_blocks():
    tar = write_tar({"a": b"x" * 5000, "b": b"x" * 5000, "c": b"y" * 5000, "e": ""})
    table, _, _ = walk(tar)
    assert table.checksums[0] == table.checksums[1] != table.checksums[2]
    assert table.checksums[3] == 0
    assert walk(tar, block=512)[0] == table


@pytest.mark.parametrize("block", [512, 1024, 1 << 20])
def test_what_is_wanted_is_handed_over_whole(block):
    taken: dict[int, bytes] = {}
    tar = write_tar({"etc/passwd": b"x" * 1500, "other": "y", "etc/empty": "", "etc/.wh.shadow": "z", "etc/d/": ""})
    walk(tar, block=block, wants=lambda path, size: path.startswith(b"etc/"), capture=taken.__setitem__)
    assert taken == {0: b"x" * 1500, 2: b""}


def test_a_whiteout_with_content_is_not_taken_for_the_file_it_hides():
    taken: dict[int, bytes] = {}
    walk(
        write_tar({"etc/.wh.passwd": "root::0:0::/:/bin/sh"}), wants=lambda path, size: True, capture=taken.__setitem__
    )
    assert taken == {}


def test_a_file_cut_off_is_not_handed_over():
    taken: dict[int, bytes] = {}
    walk(write_tar({"a": b"x" * 1500})[:1000], wants=lambda path, size: True, capture=taken.__setitem__)
    assert taken == {}


def test_many_members_are_counted():
    tar = write_tar([(f"d/{number}", "") for number in range(2000)], end_blocks=0) * 10
    table, problems, _ = walk(tar + bytes(1024), block=1 << 20)
    assert (len(table), problems) == (20_000, [])


def test_what_a_header_says_of_one_kind_is_kept():
    tar = write_tar({"a": file("x", mode=0o4755), "l": symlink("../t"), "h": hardlink("a"), "d/": directory(0o700)})
    assert [(m.kind, m.mode, m.linkname) for m in members(tar)] == [
        (MemberKind.FILE, 0o4755, ""),
        (MemberKind.SYMLINK, 0o777, "../t"),
        (MemberKind.HARDLINK, 0o644, "a"),
        (MemberKind.DIRECTORY, 0o700, ""),
    ]
