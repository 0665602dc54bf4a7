"""Secrets that are in no file of the image: behind the end of a layer's tar, in blobs that belong to no image."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from imgscan.evidence import Depth, Part
from imgscan.layers.plan import make_plan
from imgscan.layers.scan import LayerScanner
from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.report import LocationKind, Policy, Report, Severity
from tests.image_builder import (
    Entry,
    compress,
    docker_archive_hybrid,
    docker_archive_legacy,
    image,
    layer,
    oci_layout,
    wrap_archive,
    write_tar,
)
from tests.secrets.forms import with_checksum

TOKEN = with_checksum("ghp_", 4)
OTHER = with_checksum("ghp_", 5)
PASSWORD = "hunter2prod-Xk9"
FILES = {"etc/motd": "hello\n", "app/a.txt": "x" * 700}
END = bytes(1024)


@pytest.fixture(scope="session")
def options(tmp_path_factory) -> Options:
    directory = tmp_path_factory.mktemp("cache")
    return Options(policy=Policy(), cache=CacheMode.OFF, cache_directory=directory, key=b"the tests'")


def only(path: Path, options: Options) -> Report:
    (report,) = inspect_image(f"archive:{path}" if path.is_file() else f"oci:{path}", options)
    return report


def secrets(report: Report) -> list[tuple[object, ...]]:
    found = [finding for finding in report.verdict.open if finding.secret is not None]
    return [(f.location, f.secret.key, f.message, f.fingerprint, f.confidence) for f in found]


def with_data_behind(*data: bytes) -> bytes:
    return write_tar(FILES).rstrip(b"\0").ljust(3072, b"\0") + END + b"".join(data)


BEHIND = {
    "directly": TOKEN.encode(),
    "far": bytes(5000) + b"\n\n" + TOKEN.encode() + b"\n" + bytes(100),
    "a second tar": write_tar({"app/key.txt": TOKEN + "\n"}),
}


@pytest.mark.parametrize("data", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("compression", ["", "gzip"])
def test_a_secret_behind_the_end_of_a_layer_s_tar_is_told(tmp_path, options, data: bytes, compression: str):
    built = image(layer({"bin/x": "x"}), layer(write_tar(FILES) + data, compression=compression), tags=["a:1"])
    report = only(docker_archive_hybrid(built, tmp_path / "a.tar"), options)
    (finding,) = [one for one in report.verdict.open if one.secret]
    assert (finding.location.kind, finding.location.layer) == (LocationKind.IMAGE, 1)
    assert finding.location.offset == (write_tar(FILES) + data).index(TOKEN.encode())
    assert "after the end of layer 1" in finding.message
    assert finding.severity is Severity.CRITICAL
    assert report.verdict.failed
    assert report.complete


@pytest.mark.parametrize("block_size", [512, 1024, 4096, 1 << 20])
def test_it_is_found_wherever_blocks_end(tmp_path, block_size: int):
    plan = make_plan(Depth.CONTENT, (), secrets=True, entropy=False)
    scanner = LayerScanner.for_plan(plan, secret_key=b"k", matcher_cache=tmp_path)
    tar = write_tar(FILES)
    whole = scanner.scan(BytesIO(tar + BEHIND["far"]))
    assert [(match.part, match.member, match.line) for match in whole.matches] == [(Part.TRAILING, -1, 3)]
    assert scanner.scan(BytesIO(tar + BEHIND["far"]), block_size=block_size) == whole


def test_what_follows_a_header_that_cannot_be_read_is_searched(tmp_path, options):
    tar = write_tar(FILES)
    broken = tar[:1024] + b"\xff" * 512 + f"\nkey {TOKEN}\n".encode() + tar[1600:]
    report = only(docker_archive_legacy(image(layer(broken), tags=["a:1"]), tmp_path / "a.tar"), options)
    assert not report.complete
    (finding,) = [one for one in report.verdict.open if one.secret]
    assert finding.location.kind is LocationKind.IMAGE


def test_zeros_behind_the_end_are_nothing(tmp_path, options):
    built = image(layer(write_tar(FILES) + bytes(100_000)), tags=["a:1"])
    assert not secrets(only(docker_archive_legacy(built, tmp_path / "a.tar"), options))


@pytest.fixture
def stray(tmp_path) -> Path:
    """An archive with two blobs that no image of it names."""
    hidden = write_tar({"app/.env": f"DB_PASSWORD={PASSWORD}\n", "app/notes": f"\n\nbot {TOKEN}\n"})

    def add(members):
        members["stray.tar"] = Entry(hidden)
        members["zz.gz"] = Entry(compress(f"no tar, but {OTHER}\n".encode(), "gzip"))

    return docker_archive_legacy(image(layer(FILES), tags=["a:1"]), tmp_path / "a.tar", edit=add)


def test_blobs_that_belong_to_no_image_are_searched(stray, options):
    report = only(stray, options)
    places = [(f.location.path, f.location.inner_path, f.location.line) for f in report.verdict.open if f.secret]
    assert sorted(places, key=str) == [
        ("stray.tar", "app/.env", 1),
        ("stray.tar", "app/notes", 3),
        ("zz.gz", None, None),
    ]
    assert report.verdict.failed
    assert report.complete
    assert report.coverage.members == len(FILES)


def test_a_stream_tells_the_same_of_them(stray, options, monkeypatch):
    expected = only(stray, options)
    streamed = only(wrap_archive(stray), options)
    assert secrets(streamed) == secrets(expected)
    with stray.open("rb") as data:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": data}))
        (piped,) = inspect_image("-", options)
    assert secrets(piped) == secrets(expected)


def test_a_layout_s_blobs_that_belong_to_no_image_are_searched(tmp_path, options):
    path = oci_layout(image(layer(FILES), tags=["a:1"]), tmp_path / "layout")
    blob = compress(write_tar({"app/.env": f"DB_PASSWORD={PASSWORD}\n"}), "gzip")
    (path / "blobs/sha256" / ("0" * 64)).write_bytes(blob)
    (finding,) = [one for one in only(path, options).verdict.open if one.secret]
    assert finding.location.inner_path == "app/.env"


def test_no_part_of_them_gets_out_of_a_report(stray, options):
    report = repr(replace(only(stray, options)))
    assert not any(value in report for value in (TOKEN, OTHER, PASSWORD))
