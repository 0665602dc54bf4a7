"""The formats of `imgscan files`: every version a line, nothing from the image breaks out of its line."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.errors import Effect, Problem
from imgscan.evidence import MemberKind
from imgscan.file_versions import FileRow, Listing, Names, mode_text
from imgscan.overlay import FateKind
from imgscan.renderers import RenderOptions, bodyfile, files_json, files_table
from imgscan.renderers.escapes import unescape
from tests.renderers.reports import insecure

REPORT = insecure()
LAYERS = len(REPORT.image.layers)
TEXT = st.text(st.characters(codec=None), max_size=30)
ROWS = st.builds(
    FileRow,
    path=TEXT,
    kind=st.sampled_from([kind for kind in MemberKind if kind not in (7, 8, 9)]),
    layer=st.integers(0, LAYERS - 1),
    member=st.integers(0, 10**6),
    size=st.integers(0, 1 << 62),
    mode=st.integers(0, 0o7777),
    uid=st.integers(-(1 << 62), 1 << 62),
    gid=st.integers(-(1 << 62), 1 << 62),
    mtime=st.integers(-(1 << 62), 1 << 62),
    link=TEXT,
    sha256=st.one_of(st.just(b""), st.binary(min_size=32, max_size=32)),
    fate=st.sampled_from(FateKind),
    ended_by=st.one_of(st.none(), st.integers(0, LAYERS - 1)),
    content=st.tuples(st.integers(0, LAYERS - 1), st.integers(0, 10**6)),
)
LISTINGS = st.lists(ROWS, max_size=5)


def listing(rows, names=None):
    return Listing(REPORT, lambda: iter(rows), names or Names())


def row(path="app/.env", **fields):
    values = {
        "kind": MemberKind.FILE, "layer": 1, "member": 4, "size": 113, "mode": 0o644, "uid": 0, "gid": 0,
        "mtime": 1_700_000_000, "link": "", "sha256": b"", "fate": FateKind.PRESENT, "ended_by": None,
        "content": (1, 4),
    }  # fmt: skip
    return FileRow(path=path, **{**values, **fields})


OPTIONS = RenderOptions("0")


@settings(max_examples=150, deadline=None)
@given(LISTINGS)
def test_json_has_every_row_with_its_exact_path(rows):
    text = "".join(files_json.lines([listing(rows)], OPTIONS))
    assert text.isascii()
    document = json.loads(text)
    (image,) = document["images"]
    assert (document["schema"], document["tool"]["name"]) == ("imgscan/1", "imgscan")
    assert [unescape(file["path"]) for file in image["files"]] == [one.path for one in rows]
    assert [file["size"] for file in image["files"]] == [one.size for one in rows]
    assert [int(file["mode"], 8) for file in image["files"]] == [one.mode for one in rows]
    assert sum(image["totals"][str(kind)] for kind in FateKind) == len(rows)


@settings(max_examples=150, deadline=None)
@given(LISTINGS, st.booleans(), st.booleans())
def test_the_table_has_a_line_for_every_row_and_no_character_that_directs(rows, unicode, digests):
    options = RenderOptions("0", unicode=unicode)
    with_rows, without = (list(files_table.lines([listing(some)], options, digests=digests)) for some in (rows, []))
    assert len(with_rows) >= len(without) + len(rows)
    assert all(line.endswith("\n") and line[:-1].isprintable() for line in with_rows)


@settings(max_examples=150, deadline=None)
@given(LISTINGS)
def test_a_body_file_has_eleven_fields_a_line(rows):
    told = list(bodyfile.lines([listing(rows)]))
    comments, lines = told[: LAYERS + 1], told[LAYERS + 1 :]
    assert all(line.startswith("# ") and line[:-1].isprintable() for line in comments)
    assert len(lines) == len(rows)
    for line, one in zip(lines, rows, strict=True):
        assert line.endswith("\n")
        assert line[:-1].isprintable()
        fields = line[:-1].split("|")
        assert len(fields) == 11
        assert fields[1].startswith("/")
        assert fields[2:3] + fields[4:] == [
            f"{one.content[0]}-{one.content[1]}",
            *(str(number) for number in (one.uid, one.gid, one.size, 0, one.mtime, 0, 0)),
        ]


def test_fates_stand_behind_the_name():
    rows = [row(fate=fate, ended_by=None if fate is FateKind.PRESENT else 2) for fate in FateKind]
    names = [line.split("|")[1] for line in bodyfile.lines([listing(rows)]) if line[0] != "#"]
    assert names == ["/app/.env", "/app/.env (deleted)", "/app/.env (overwritten)", "/app/.env (rewritten)"]


def test_mactime_makes_a_timeline_of_it(tmp_path):
    program = shutil.which("mactime") or pytest.skip("there is no mactime (Debian: sleuthkit)")
    rows = [
        row("app/a|b%41", mtime=1_700_000_000),
        row("app/.env", mtime=1_600_000_000, fate=FateKind.DELETED, ended_by=2, mode=0o4755),
    ]
    body = tmp_path / "body"
    body.write_text("".join(bodyfile.lines([listing(rows)])))
    done = subprocess.run([program, "-b", body, "-d", "-y", "-z", "UTC"], capture_output=True, text=True, check=True)
    told = [line for line in done.stdout.splitlines() if not line.startswith(("Date", "Xxx", "1970", "0000"))]
    assert [line.split(",")[2] for line in told] == ["m...", "m..."]
    assert told[0].startswith("2020-09-13T12:26:40Z,113,m...,r/rrwsr-xr-x,0,0,1-4,")
    assert "/app/.env (deleted)" in told[0]
    assert "/app/a|b%41" in told[1]


@pytest.mark.parametrize(
    ("mode", "text"),
    [(0o755, "rwxr-xr-x"), (0o4755, "rwsr-xr-x"), (0o2640, "rw-r-S---"), (0o1777, "rwxrwxrwt"), (0, "---------")],
)
def test_modes_are_written_as_ls_does(mode, text):
    assert mode_text(mode) == text


def test_the_table_tells_who_brought_and_who_ended_a_version():
    names = Names({0: "root"}, {0: "root"})
    text = "".join(files_table.lines([listing([row(fate=FateKind.DELETED, ended_by=2)], names)], OPTIONS))
    assert "deleted 2" in text
    assert "root:root" in text
    assert "layer 1: `" in text
    assert "layer 2: `" in text
    assert "imgscan extract IMAGE PATH --layer LAYER" in text


def test_that_nothing_fits_is_told():
    text = "".join(files_table.lines([listing([])], OPTIONS))
    assert "no file is or was like this" in text
    assert "0 versions" not in text


def test_a_body_file_says_what_was_not_read():
    problems = (Problem("truncated-layer", "the tar ends", Effect.INCOMPLETE, layer=1), Problem("odd", "odd"))
    broken = replace(listing([row()]), report=replace(REPORT, problems=problems))
    told = list(bodyfile.lines([broken]))
    assert "# incomplete: layer 1: the tar ends\n" in told[: LAYERS + 2]
    assert not any("odd" in line for line in told)
