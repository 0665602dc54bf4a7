"""What is recovered is what was put in, whatever became of it, however the image is stored."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.errors import ImgscanError, UsageError
from imgscan.evidence import MemberKind
from imgscan.listing import list_files
from imgscan.pipeline import Options
from imgscan.recovery import recover
from tests.image_builder import (
    Entry,
    directory,
    docker_archive_hybrid,
    hardlink,
    image,
    layer,
    symlink,
    wrap_archive,
)
from tests.random_layers import LAYERS, WAYS, built

OPTIONS = Options()


def recovered(reference: object, path: str, **which: Any) -> bytes:
    with recover(str(reference), path, OPTIONS, **which) as found:
        data = b"".join(found.pieces())
        assert (found.sha256, found.size, found.missing) == (hashlib.sha256(data).hexdigest(), len(data), 0)
        assert b"".join(found.pieces()) == data
        return data


@settings(max_examples=40, deadline=None)
@given(LAYERS, st.sampled_from(sorted(WAYS)), st.randoms(use_true_random=False))
def test_every_version_of_every_file_gives_the_bytes_put_in(layers, way, choice):
    with tempfile.TemporaryDirectory() as folder:
        path = WAYS[way](built(layers), Path(folder))
        (listing,) = list_files(str(path), OPTIONS)
        rows = [row for row in listing.selected() if row.kind in (MemberKind.FILE, MemberKind.HARDLINK)]
        for row in choice.sample(rows, min(4, len(rows))):
            data = layers[row.content[0]][row.content[1]][1]
            if isinstance(data, bytes):
                assert recovered(path, row.path, layer=row.layer, member=row.member) == data
            else:  # a hard link to what is no file, or to nothing
                with pytest.raises(UsageError):
                    recovered(path, row.path, layer=row.layer, member=row.member)


@pytest.fixture
def versions(tmp_path):
    """A file with three versions of two contents, a deleted one, a hard link, a symlink and a directory."""
    return docker_archive_hybrid(
        image(
            layer([("app/.env", "one"), ("app/gone", "secret"), ("bin/busybox", b"\x7fELF" * 5000)]),
            layer([("app/.env", "two"), ("bin/sh", hardlink("bin/busybox")), ("app/link", symlink("/app/.env"))]),
            layer([("app/.env", "two"), ("app/.wh.gone", ""), ("app/sub/", directory())]),
        ),
        tmp_path / "versions.tar",
    )


def refusal(reference: object, path: str, **which: Any) -> ImgscanError:
    with pytest.raises(ImgscanError) as told, recover(str(reference), path, OPTIONS, **which):
        pass
    return told.value


def test_a_path_with_versions_that_differ_asks_which_and_lists_them(versions):
    error = refusal(versions, "app/.env")
    assert error.exit_code == 2
    assert "layer 0 (3 bytes, overwritten in layer 1)" in error.message
    assert "layer 2 (3 bytes, present)" in error.message
    assert "--layer 0, --layer 1, --layer 2" in error.tip
    assert recovered(versions, "app/.env", layer=0) == b"one"
    assert recovered(versions, "/app/.env", layer=1) == b"two"


def test_versions_with_equal_bytes_need_no_choice(tmp_path):
    path = docker_archive_hybrid(image(layer({"a": "x"}), layer({"a": "x"})), tmp_path / "a.tar")
    assert recovered(path, "a") == b"x"


def test_the_one_version_of_a_deleted_file_is_given_without_asking(versions):
    assert recovered(versions, "/app/gone") == b"secret"


@pytest.mark.parametrize("pack", [lambda path: path, wrap_archive])
def test_a_hard_link_gives_the_bytes_of_the_entry_that_holds_them_and_says_which(versions, pack):
    with recover(str(pack(versions)), "bin/sh", OPTIONS) as found:
        assert b"".join(found.pieces()) == b"\x7fELF" * 5000
        assert (found.version.path, found.content.path, found.content.layer) == ("bin/sh", "bin/busybox", 0)


def test_two_entries_of_one_layer_at_one_path_are_told_apart_by_their_number(tmp_path):
    path = docker_archive_hybrid(image(layer([("a", "first"), ("a", "second")])), tmp_path / "a.tar")
    error = refusal(path, "a", layer=0)
    assert "--layer 0 --member 0, --layer 0 --member 1" in error.tip
    assert recovered(path, "a", layer=0, member=0) == b"first"


@pytest.mark.parametrize(
    ("path", "which", "message", "tip"),
    [
        ("app", {}, "no layer of the image has app", "imgscan files"),
        ("app/sub", {}, "is a directory", "app/sub/**"),
        ("app/link", {}, "symlink to /app/.env", "app/.env"),
        ("etc/gone", {}, "no layer of the image has etc/gone", "app/gone"),
        ("app/gone", {"layer": 1}, "layer 1 has no version of app/gone", "layer 0 (6 bytes, deleted in layer 2)"),
    ],
)
def test_what_has_no_bytes_is_told_with_what_has(versions, path, which, message, tip):
    error = refusal(versions, path, **which)
    assert error.exit_code == 2
    assert message in error.message
    assert tip in error.tip


def test_a_device_has_no_bytes(tmp_path):
    path = docker_archive_hybrid(image(layer({"dev/null": Entry(kind=b"3")})), tmp_path / "a.tar")
    assert "character device" in refusal(path, "dev/null").message


def test_names_that_are_no_text_are_found_as_they_are_shown(tmp_path):
    path = docker_archive_hybrid(image(layer([(b"a/\xff", "odd"), (b"a/new\nline", "ctl")])), tmp_path / "a.tar")
    assert recovered(path, "a/\udcff") == b"odd"  # as the shell gives it
    assert recovered(path, "a/\\xff") == b"odd"  # as JSON and the table have it
    assert recovered(path, "a/new\\nline") == b"ctl"


def test_standard_input_gives_what_it_can_in_one_pass(versions, monkeypatch):
    def feed():
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(versions.read_bytes())))

    feed()
    assert recovered("-", "app/gone") == b"secret"
    feed()
    error = refusal("-", "bin/sh")
    assert "bin/busybox" in error.message
    assert "bin/busybox --layer 0" in error.tip


def test_a_file_that_its_layer_ends_within_is_told_to_be_short(tmp_path):
    whole = layer({"a": b"x" * 5000})
    path = docker_archive_hybrid(image(layer(whole.tar[:3000])), tmp_path / "a.tar")
    with recover(str(path), "a", OPTIONS) as found:
        assert (found.size, found.missing) == (2488, 2512)


def test_a_path_that_may_be_in_a_layer_that_was_not_read_is_not_called_absent(tmp_path):
    lost = layer({"b": "x" * 9000})

    def drop(members):
        del members[f"blobs/sha256/{lost.diff_id.removeprefix('sha256:')}"]

    path = docker_archive_hybrid(image(layer({"a": "x"}), lost), tmp_path / "a.tar", edit=drop)
    error = refusal(path, "b")
    assert error.exit_code == 3
    assert "could be read" in error.message
    assert recovered(path, "a") == b"x"


def test_one_of_several_images_is_named_by_its_tag_or_id(tmp_path):
    one, other = (image(layer({"a": data}), tags=[f"app:{data}"]) for data in ("1", "2"))
    path = docker_archive_hybrid([one, other], tmp_path / "both.tar")
    error = refusal(path, "a")
    assert "app:1" in error.message
    assert "app:2" in error.message
    assert "--image NAME" in error.tip
    assert recovered(path, "a", image="app:1") == b"1"
    assert recovered(path, "a", image=other.image_id[:19]) == b"2"
    assert recovered(path, "a", image=other.image_id.removeprefix("sha256:")) == b"2"
    assert "app:1, app:2" in refusal(path, "a", image="app:3").tip


@pytest.mark.parametrize("way", ["plain", "gzipped"])
def test_a_size_that_is_a_lie_costs_nothing(tmp_path, way):
    claimed = layer([("a", Entry("x" * 100, size=1 << 50))])
    path = docker_archive_hybrid(image(claimed), tmp_path / "a.tar")
    with recover(str(path if way == "plain" else wrap_archive(path)), "a", OPTIONS) as found:
        assert found.missing == (1 << 50) - found.size > 0


def test_a_path_that_a_layer_has_ten_thousand_times_is_chosen_by_its_number(tmp_path):
    entries = [("a", str(number)) for number in range(10_002)]
    path = wrap_archive(docker_archive_hybrid(image(layer(entries)), tmp_path / "a.tar"))
    assert "more than 10,000 versions" in refusal(path, "a").message
    assert recovered(path, "a", layer=0, member=777) == b"777"
