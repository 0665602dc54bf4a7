"""One form for each path, and the grammar of whiteouts (OCI image-spec, layer.md)."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.evidence import MemberKind
from imgscan.tar.names import marker, normalised

PARTS = st.lists(st.sampled_from(["a", ".", "..", "", "b.c", "...", ".wh.x"]), max_size=6)


@given(PARTS)
def test_paths_are_normalised_as_if_the_image_were_the_whole_world(parts):
    path, _ = normalised("/".join(parts).encode())
    assert path.decode() == posixpath.normpath("/" + "/".join(parts)).lstrip("/")


@given(PARTS)
def test_a_name_escapes_when_it_leads_above_where_it_began(parts):
    depth, escapes = 0, False
    for part in parts:
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        escapes, depth = escapes or depth < 0, max(depth, 0)
    assert normalised("/".join(parts).encode())[1] is escapes


def test_no_path_has_a_nul():
    assert normalised(b"a\0b")[0] == "a\u2400b".encode()


@pytest.mark.parametrize(
    ("path", "kind", "hidden"),
    [
        ("a/.wh.b", MemberKind.WHITEOUT, "a/b"),
        (".wh.b", MemberKind.WHITEOUT, "b"),
        (".wh..b", MemberKind.WHITEOUT, ".b"),
        (".wh.....", MemberKind.WHITEOUT, "...."),
        ("a/.wh..wh..opq", MemberKind.OPAQUE_WHITEOUT, "a"),
        (".wh..wh..opq", MemberKind.OPAQUE_WHITEOUT, ""),
        ("a/.wh.", MemberKind.ANOMALY, "a/.wh."),
        ("a/.wh..", MemberKind.ANOMALY, "a/.wh.."),
        ("a/.wh...", MemberKind.ANOMALY, "a/.wh..."),
        (".wh..wh.plnk", MemberKind.ANOMALY, ".wh..wh.plnk"),
        (".wh..wh..opq2", MemberKind.ANOMALY, ".wh..wh..opq2"),
        (".wh.a/b", MemberKind.FILE, ".wh.a/b"),
        ("a.wh.b", MemberKind.FILE, "a.wh.b"),
        (".WH.b", MemberKind.FILE, ".WH.b"),
        (".wh", MemberKind.FILE, ".wh"),
    ],
)
def test_the_grammar_of_whiteouts(path, kind, hidden):
    assert marker(MemberKind.FILE, path.encode()) == (kind, hidden.encode())
