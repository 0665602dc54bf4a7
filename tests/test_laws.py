"""Laws 1, 2, 4, 5 and the unit part of 7, over every implementation."""

from __future__ import annotations

import pickle
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.evidence import Depth, ScanPlan
from imgscan.layers.cache import ScanCache, encode_scan
from imgscan.layers.extractors import EXTRACTORS
from imgscan.layers.matchers.hyperscan_matcher import HyperscanMatcher
from imgscan.layers.matchers.reference import ReferenceMatcher
from imgscan.layers.scan import LayerScanner
from imgscan.overlay import Fate, FateKind
from imgscan.secrets.detectors import detectors
from tests.image_builder import COMPRESSIONS, Entry, compress, directory, hardlink, symlink, write_tar
from tests.laws import (
    Chunked,
    law_1_a_scan_is_a_pure_value,
    law_2_the_cutting_does_not_matter,
    law_4_matchers_agree,
    law_5_overlay_is_what_unpacking_gives,
    law_7_no_secret_in,
)
from tests.secrets.forms import KEYWORD, OWN, STRUCTURAL, pem

KEY = b"k" * 32
PLAN = ScanPlan(Depth.CONTENT, ("all",), tuple(extractor.name for extractor in EXTRACTORS))
BARE = ScanPlan(Depth.CONTENT, (), ())
MATCHERS = {"hyperscan": HyperscanMatcher, "reference": ReferenceMatcher}
TOKEN = next(secret for kind, _, secret in OWN if kind == "npm-token")
LAB = b"""\
DATABASE_PASSWORD=super_secret_password_123
API_KEY=sk-live-abc123xyz789
STRIPE_SECRET=rk_live_do_not_share_this
"""
PLANTED = [*STRUCTURAL, *OWN]


@pytest.fixture(scope="module")
def scanners() -> dict[str, LayerScanner]:
    return {
        name: LayerScanner(PLAN, detectors(), secret_key=KEY, matcher=make)  # type: ignore[arg-type]
        for name, make in MATCHERS.items()
    }


@pytest.fixture(scope="module")
def scan(scanners):
    return lambda stream, block: scanners["hyperscan"].scan(stream, block_size=block)


def bare(blob: bytes, plan: ScanPlan = BARE):
    return LayerScanner(plan, (), secret_key=KEY).scan(Chunked(blob))


def rich_layer() -> bytes:
    """A layer with something of everything: every form of secret, metadata, oddities of every kind."""
    lines = "".join(f"{line}\n" for _, line, _ in PLANTED) + "".join(line.format(7) + "\n" for line, _ in KEYWORD)
    return write_tar(
        [
            ("etc/", directory()),
            ("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"),
            ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
            ("app/secrets.txt", lines),
            ("app/key.pem", pem() + "\n"),
            ("app/.env", LAB),
            ("app/latin", Entry(b"caf\xe9 password = 'x9hunt\xe9r7'\n")),
            (b"app/\xff\xfe", "not a UTF-8 name"),
            ("app/link", symlink("../etc/passwd")),
            ("app/hard", hardlink("app/.env")),
            ("app/.wh.gone", ""),
            ("app/.wh..wh..opq", ""),
            ("app/.wh.", ""),
            ("../escape", "x"),
            ("/absolute", Entry("y", xattrs={"user.note": b"a\0b", "security.capability": bytes(range(20))})),
            ("app/big", b"line\n" * 2000 + f"token {TOKEN}\n".encode() + b"line\n" * 2000),
        ]
    )


# -- 1 and 2


def test_a_scan_is_a_pure_value(scan):
    result = law_1_a_scan_is_a_pure_value(scan, rich_layer())
    assert {match.rule for match in result.matches} >= {kind for kind, _, _ in PLANTED} - {"aws-secret-key"}
    assert result.facts


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_a_scan_does_not_depend_on_how_the_bytes_come(scan, how):
    blob = compress(rich_layer(), how)
    found = law_2_the_cutting_does_not_matter(scan, blob, chunks=(1, 513, None), blocks=(512, 4096))
    assert found.matches == scan(Chunked(rich_layer()), 8 << 20).matches


def test_a_scan_does_not_depend_on_where_blocks_end(scan):
    law_2_the_cutting_does_not_matter(scan, rich_layer())


@pytest.mark.parametrize("cut", [1, 700, 5000, 30000])
def test_a_broken_layer_is_the_same_however_its_bytes_come(scan, cut):
    blob = rich_layer()[:-cut]
    law_2_the_cutting_does_not_matter(scan, blob, chunks=(1, 513), blocks=(512, 4096))
    law_2_the_cutting_does_not_matter(scan, compress(rich_layer(), "gzip")[: -cut // 20], chunks=(511,), blocks=(512,))


@pytest.mark.parametrize("size", [len(TOKEN), 512, 1024, 4096])
@pytest.mark.parametrize("at_end", [True, False])
def test_a_secret_at_the_edge_of_a_member_is_found_whatever_surrounds_it(scan, size, at_end):
    """The next header's name would go on with the token, and there may be no padding between them."""
    filling = b"\n" * (size - len(TOKEN))
    data = filling + TOKEN.encode() if at_end else TOKEN.encode() + filling
    blob = write_tar([("a" * 36, data), ("Aa0" * 12, data), ("Zz9" * 12, "")])
    found = law_2_the_cutting_does_not_matter(scan, blob, chunks=(1, None))
    offset = len(filling) if at_end else 0
    assert [(m.rule, m.member, m.offset, m.length, m.line) for m in found.matches] == [
        ("npm-token", member, offset, len(TOKEN), offset + 1) for member in (0, 1)
    ]


LINES = st.lists(
    st.one_of(
        st.sampled_from([line for _, line, _ in PLANTED] + [line.format(3) for line, _ in KEYWORD] + [LAB.decode()]),
        st.integers(0, 1500).map(lambda count: "x" * count),
        st.sampled_from(["", "\n\n\n", pem(), "password = "]),
    ),
    max_size=6,
).map("\n".join)


@given(st.lists(LINES, min_size=1, max_size=4), st.sampled_from([512, 1024, 2048]))
@settings(max_examples=25, deadline=None)
def test_lines_and_places_are_those_of_the_file_in_any_blocks(scanners, texts, block):
    scanner = scanners["hyperscan"]
    blob = write_tar([(f"f{number}.env", text) for number, text in enumerate(texts)])
    found = law_2_the_cutting_does_not_matter(
        lambda stream, size: scanner.scan(stream, block_size=size), blob, chunks=(), blocks=(block,)
    )
    for match in found.matches:
        data = texts[match.member].encode()
        assert match.line == data[: match.offset].count(b"\n") + 1
        assert match.line_end == match.line + data[match.offset : match.offset + match.length].count(b"\n")


# -- 4


@given(st.lists(LINES, min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_hyperscan_finds_what_the_plain_matcher_finds(scanners, texts):
    blob = write_tar([(f"f{number}.env", text) for number, text in enumerate(texts)])
    law_4_matchers_agree(scanner.scan(Chunked(blob)) for scanner in scanners.values())


def test_the_matchers_agree_on_every_form_of_secret(scanners):
    assert law_4_matchers_agree(scanner.scan(Chunked(rich_layer())) for scanner in scanners.values())


# -- 5

NAMES = st.sampled_from(["a", "b", "a/a", "a/b", "b/a", "a/a/b", "a/b/a", "b/a/a"])
FILES = st.one_of(
    st.sampled_from(["", "x", "y"]).map(Entry),
    st.just(directory()),
    st.sampled_from(["a", "b/a"]).map(symlink),
    st.sampled_from(["a", "b", "a/a", "./b/a", "/a/b", "../a", "gone"]).map(hardlink),
    st.just(Entry(kind="fifo")),
)
MARKERS = st.one_of(
    NAMES.map(lambda name: f"{name.rpartition('/')[0]}/.wh.{name.rpartition('/')[2]}"),
    st.sampled_from(["", "a/", "b/", "a/a/", "b/a/"]).map(lambda directory: f"{directory}.wh..wh..opq"),
    st.sampled_from(["a/.wh.", ".wh..wh.plnk"]),
)
LAYERS = st.lists(
    st.lists(st.one_of(st.tuples(NAMES, FILES), MARKERS.map(lambda name: (name, Entry()))), max_size=7), max_size=5
)


@given(LAYERS)
@settings(max_examples=400, deadline=None)
def test_the_overlay_is_what_unpacking_gives(layers):
    law_5_overlay_is_what_unpacking_gives([bare(write_tar(items)) for items in layers])


FATES: dict[str, tuple[list[dict[str, object]], dict[tuple[int, int], Fate]]] = {
    "deleted": ([{"a": "x"}, {".wh.a": ""}], {(0, 0): Fate(FateKind.DELETED, 1)}),
    "overwritten": ([{"a": "x"}, {"a": "y"}], {(0, 0): Fate(FateKind.OVERWRITTEN, 1)}),
    "rewritten": ([{"a": "x"}, {"a": Entry("x", mode=0o600)}], {(0, 0): Fate(FateKind.REWRITTEN, 1)}),
    "two lifetimes": (
        [{"a": "x"}, {".wh.a": ""}, {"a": "x"}],
        {(0, 0): Fate(FateKind.DELETED, 1), (2, 0): Fate(FateKind.PRESENT)},
    ),
    "opaque": ([{"d/a": "x"}, {"d/.wh..wh..opq": "", "d/b": "y"}], {(0, 0): Fate(FateKind.DELETED, 1)}),
    "a file in place of a directory": ([{"d/a": "x"}, {"d": "y"}], {(0, 0): Fate(FateKind.DELETED, 1)}),
    "a directory in place of a file": ([{"d": "x"}, {"d/a": "y"}], {(0, 0): Fate(FateKind.OVERWRITTEN, 1)}),
    "a marker of its own layer": ([{"d/a": "x", "d/.wh.a": ""}], {(0, 0): Fate(FateKind.PRESENT)}),
    "a prefix is no parent": ([{"d/a": "x", "d.e": "y"}, {".wh.d": ""}], {(0, 1): Fate(FateKind.PRESENT)}),
}


@pytest.mark.parametrize("name", FATES)
def test_fates(name):
    layers, expected = FATES[name]
    overlay = law_5_overlay_is_what_unpacking_gives([bare(write_tar(layer)) for layer in layers])
    assert {place: overlay.fate(*place) for place in expected} == expected


# -- 7


@pytest.mark.parametrize(
    ("kind", "line", "secret"), PLANTED, ids=[f"{number}-{kind}" for number, (kind, _, _) in enumerate(PLANTED)]
)
def test_a_secret_is_in_no_form_of_a_scan(scan, kind, line, secret, tmp_path):
    blob = write_tar({"app/settings.txt": f"first\n{line}\n"})
    found = scan(Chunked(blob), 8 << 20)
    assert kind in {match.rule for match in found.matches}
    outputs: list[bytes | str] = [repr(found), repr(found.matches), pickle.dumps(found), encode_scan(found)]
    cache = ScanCache(tmp_path)
    cache.put(found)
    outputs += written(tmp_path.rglob("*"))
    hidden = secret
    for match in found.matches:  # the public prefix and the last four characters may be shown
        shown = match.redacted.split("...")
        hidden = hidden.removeprefix(shown[0]) if shown[0] != "***" else hidden
        hidden = hidden.removesuffix(shown[-1]) if len(shown) == 2 else hidden
    law_7_no_secret_in(hidden, *outputs)


def written(paths: Iterable) -> list[bytes]:
    return [path.read_bytes() for path in paths if path.is_file()]
