"""Dead bytes by cause, and all bytes by cause: whatever the layers, the parts add up to the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgscan.overlay import FateKind
from imgscan.report import Tool, ToolClass
from imgscan.report.finding import Origin
from imgscan.report.report import CAUSES
from imgscan.size_causes import size_causes
from imgscan.waste import dead_parts, written
from tests.analyzers.evidence import evidence_of
from tests.image_builder import file, hardlink, image, layer

PATHS = st.sampled_from(
    ["a", "b", "d/x", "d/y", "d", ".wh.a", ".wh.d", "d/.wh..wh..opq", "root/.npm/_cacache/x", "usr/bin/gcc"]
)
VALUES = st.sampled_from(["one", "a longer content", file("one", mode=0o600), file("one", uid=7), hardlink("a"), ""])
LAYERS = st.lists(st.dictionaries(PATHS, VALUES, max_size=6), max_size=5)
GCC = Tool("gcc", ToolClass.COMPILER, "usr/bin/gcc", 0, None, None, 1 << 40, Origin.UNKNOWN, usable=True)


@given(LAYERS)
def test_dead_parts_add_up_to_the_dead_bytes_of_the_image(layers):
    evidence = evidence_of(image(*(layer(files) for files in layers)))
    parts = dead_parts(evidence.overlay, evidence.scans)
    assert sum(part.bytes for part in parts) == evidence.overlay.dead_bytes()
    assert sum(part.files for part in parts) == sum(1 for _ in evidence.overlay.dead_contents())
    assert all(part.made <= part.ended and part.kind is not FateKind.PRESENT for part in parts)
    assert len({(part.made, part.ended, part.kind) for part in parts}) == len(parts)


@given(LAYERS)
def test_causes_add_up_to_the_size_of_each_layer(layers):
    evidence = evidence_of(image(*(layer(files) for files in layers)))
    rows = size_causes(evidence, (GCC,))
    assert [row.index for row in rows] == list(range(len(layers)))
    for row, scan in zip(rows, evidence.scans, strict=True):
        assert sum(getattr(row, cause) for cause in CAUSES) == scan.size
        assert all(getattr(row, cause) >= 0 for cause in CAUSES)
    dead = sum(row.deleted + row.overwritten + row.rewritten for row in rows)
    alive = sum(row.in_use + row.tools + row.caches for row in rows)
    assert dead == evidence.overlay.dead_bytes()
    assert dead + alive == sum(map(written, evidence.scans))


@given(LAYERS)
def test_members_below_a_directory_are_those_of_the_final_file_system(layers):
    evidence = evidence_of(image(*(layer(files) for files in layers)))
    overlay = evidence.overlay
    below = {overlay.version_of(*place).path for place in overlay.members_below("d")}
    assert below == {version.path for version in overlay.final_files() if version.path.startswith("d/")}


def test_who_made_and_who_ended_are_told_with_the_largest_file():
    evidence = evidence_of(image(layer({"d/small": "x", "d/big": "x" * 100}), layer({"e": "1"}), layer({".wh.d": ""})))
    (part,) = dead_parts(evidence.overlay, evidence.scans)
    assert (part.made, part.ended, part.kind, part.files, part.bytes) == (0, 2, FateKind.DELETED, 2, 101)
    assert evidence.scans[0].members[part.largest].path == "d/big"


def test_a_content_with_several_names_is_dead_once_and_only_with_all_of_them():
    shared = layer({"a": "x" * 50, "b": hardlink("a")})
    one_left = evidence_of(image(shared, layer({".wh.a": ""})))
    assert not dead_parts(one_left.overlay, one_left.scans)
    gone = evidence_of(image(shared, layer({".wh.a": ""}), layer({".wh.b": ""})))
    (part,) = dead_parts(gone.overlay, gone.scans)
    assert (part.files, part.bytes, part.ended) == (1, 50, 2)


def test_a_tool_and_a_cache_are_told_apart_from_what_is_in_use():
    evidence = evidence_of(image(layer({"usr/bin/gcc": "x" * 10, "root/.cache/pip/http/a": "x" * 7, "app": "x" * 5})))
    (row,) = size_causes(evidence, (GCC,))
    assert (row.caches, row.in_use) == (7, 0)  # a tool's claim is cut to what is there
    assert row.tools == 15
