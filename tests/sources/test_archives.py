"""One image, however it is stored and read, is one image; what is broken is told, never raised."""

from __future__ import annotations

import io
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from imgscan.errors import Effect, InvalidImage, PlatformNotFound, SourceError
from imgscan.image.blob import MissingBlob, StreamedBlob
from imgscan.image.image import Platform, SourceKind
from imgscan.sources.archive import Archive
from imgscan.sources.source import PlatformRequest, Request
from tests.image_builder import (
    ARCHIVES,
    Entry,
    compress,
    containerd_archive,
    docker_archive_hybrid,
    docker_archive_legacy,
    hardlink,
    image,
    jib_archive,
    layer,
    oci_archive,
    oci_layout,
    podman_archive,
    sha256,
    step,
    symlink,
    v1_only_archive,
    wrap_archive,
    write_archive,
    write_tar,
)
from tests.sources.opened import Visitor, essence, incomplete, layer_scans, opened, problem_codes

BASE = layer({"etc/": "", "etc/passwd": "root:x:0:0::/:/bin/sh\n"}, created_by="ADD rootfs.tar / # buildkit")
APP = layer({"app/.env": "A=b\n", "app/big": b"x" * 70_000}, created_by="COPY . . # buildkit")
GONE = layer({"app/.wh..env": ""}, created_by="RUN /bin/sh -c rm app/.env # buildkit")
BUILT = image(BASE, step("ENV A=b"), APP, GONE, env=["A=b"], cmd=["sh"], tags=["app:1"])
OTHER = image(BASE, layer({"other": "y"}), user="1000", tags=["other:2"])
ALL = PlatformRequest(all=True)

_READ = {
    "plain": opened,
    "gz": lambda path: opened(wrap_archive(path, "gz")),
    "xz": lambda path: opened(wrap_archive(path, "xz")),
    "zst": lambda path: opened(wrap_archive(path, "zst")),
    "bz2": lambda path: opened(wrap_archive(path, "bz2")),
}


def from_pipe(path: Path, fifo: Path):
    """Through a named pipe, as `<(docker save ...)` makes one."""
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(path.read_bytes()))
    writer.start()
    try:
        return opened(fifo)
    finally:
        writer.join()


# -- one image, many ways


@pytest.mark.parametrize("layout", ARCHIVES)
@pytest.mark.parametrize("way", [*_READ, "pipe", "standard input"])
def test_one_image_is_the_same_from_every_archive_read_in_any_way(tmp_path, monkeypatch, layout, way):
    expected = reference(tmp_path)
    path = ARCHIVES[layout](BUILT, tmp_path / "app.tar")
    if way == "standard input":
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
        result = opened("-")
    else:
        result = from_pipe(path, tmp_path / "fifo") if way == "pipe" else _READ[way](path)
    (found,) = result.images
    tags = found.tags if layout in ("oci-archive", "containerd") else BUILT.tags  # they keep a part or more of the name
    assert essence(found, result) == expected | {"tags": tags}
    assert problem_codes(result) == []
    assert found.source is SourceKind.ARCHIVE
    assert (way == "plain") != any(isinstance(one.blob, StreamedBlob) for one in found.layers)


def reference(tmp_path: Path) -> dict[str, object]:
    result = opened(docker_archive_legacy(BUILT, tmp_path / "reference.tar"))
    found = essence(result.images[0], result)
    assert [diff_id for diff_id, _, _ in found["scans"]] == [one.diff_id for one in BUILT.layers]
    assert [one.created_by for one in result.images[0].steps][1] == "ENV A=b"
    return found


@pytest.mark.parametrize("compression", ["none", "gzip", "gzip-members", "zstd", "zstd-frames", "bz2", "xz"])
@pytest.mark.parametrize("writer", [oci_archive, oci_layout, containerd_archive])
def test_layers_are_the_same_in_any_compression(tmp_path, writer, compression):
    result = opened(writer(BUILT, tmp_path / "app", compression=compression))
    (found,) = result.images
    assert [scan.diff_id for scan in layer_scans(found, result)] == [one.diff_id for one in BUILT.layers]
    assert [scan.digest for scan in layer_scans(found, result)] == [one.descriptor.digest for one in found.layers]


def test_a_v1_archive_gives_what_it_knows(tmp_path):
    for path in (v1_only_archive(BUILT, tmp_path / "v1.tar"), wrap_archive(tmp_path / "v1.tar")):
        result = opened(path)
        (found,) = result.images
        assert found.tags == ("app:1",)
        assert (found.config.env, found.config.cmd) == (("A=b",), ("sh",))
        assert [scan.diff_id for scan in layer_scans(found, result)] == [one.diff_id for one in BUILT.layers]
        assert len(found.steps) == 3


@pytest.mark.parametrize("writer", [docker_archive_legacy, docker_archive_hybrid, podman_archive, oci_archive])
@pytest.mark.parametrize("wrapped", [False, True])
def test_several_images_come_all(tmp_path, writer, wrapped):
    path = writer([BUILT, OTHER], tmp_path / "two.tar")
    result = opened(wrap_archive(path) if wrapped else path)
    assert {one.config.image_id for one in result.images} == {BUILT.image_id, OTHER.image_id}
    assert problem_codes(result) == []


@pytest.mark.parametrize("writer", [docker_archive_hybrid, oci_archive, containerd_archive, docker_archive_legacy])
def test_an_image_with_two_tags_is_one_image(tmp_path, writer):
    result = opened(writer(BUILT.tagged("app:1", "app:latest"), tmp_path / "two.tar"))
    (found,) = result.images
    assert [tag.rpartition(":")[2] for tag in found.tags] == ["1", "latest"]


def test_links_lead_to_layers(tmp_path):
    """Engines before 25 write a layer that comes twice as a symlink, some tools write hard links, some in a row."""
    twice = image(BASE, APP, BASE, APP, tags=["twice:1"])

    def as_hard_links(members):
        for name, entry in members.items():
            if entry.kind == "symlink":
                members[name] = hardlink(entry.linkname.removeprefix("../"))

    def in_a_row(members):
        names = [name for name, entry in members.items() if entry.kind == "symlink"]
        for number, name in enumerate(names):
            target = members[name].linkname
            members[f"hop{number}/layer.tar"] = symlink(target)
            members[name] = symlink(f"../hop{number}/layer.tar")

    for edit in (None, as_hard_links, in_a_row):
        path = docker_archive_legacy(twice, tmp_path / "twice.tar", edit=edit)
        for result in (opened(path), opened(wrap_archive(path))):
            scans = layer_scans(result.images[0], result)
            assert [scan.diff_id for scan in scans] == [one.diff_id for one in twice.layers]
            assert problem_codes(result) == []


def test_names_may_have_a_leading_dot(tmp_path):
    def dotted(members):
        for name in list(members):
            members[f"./{name}"] = members.pop(name)

    result = opened(docker_archive_legacy(BUILT, tmp_path / "dots.tar", edit=dotted))
    assert len(layer_scans(result.images[0], result)) == 3


# -- what an archive may hold besides


def test_blobs_that_no_image_names_are_told_and_scanned_in_a_stream(tmp_path):
    stray = write_tar({"hidden": "x"})

    def add(members):
        members["stray.tar"] = Entry(stray)
        members["stray.tar.gz"] = Entry(compress(stray, "gzip"))
        members["readme"] = Entry("nothing")

    path = docker_archive_legacy(BUILT, tmp_path / "stray.tar", edit=add)
    stored = opened(path)
    assert problem_codes(stored) == ["unreferenced-blob"] * 2
    assert [name for name, _ in stored.unreferenced] == ["stray.tar", "stray.tar.gz"]
    streamed = opened(wrap_archive(path))
    assert problem_codes(streamed) == ["unreferenced-blob"] * 2
    assert [(name, streamed.scans[blob].diff_id) for name, blob in streamed.unreferenced] == [
        ("stray.tar", sha256(stray)),
        ("stray.tar.gz", sha256(stray)),
    ]


@pytest.mark.parametrize("name", ["{", "[1]", "{}.json"])
def test_a_layer_whose_first_file_is_named_like_json_is_a_layer(tmp_path, name):
    """Else a name would hide a whole layer from a scan of standard input."""
    built = image(layer({name: "x", "secret": "y" * 5000}), tags=["app:1"])
    result = opened(wrap_archive(docker_archive_legacy(built, tmp_path / "app.tar")))
    (scan,) = layer_scans(result.images[0], result)
    assert [member.path for member in scan.members] == [name, "secret"]


@pytest.mark.parametrize(
    "junk", [b"", b"no tar", b'{"json": true}', b"x" * (9 << 20)], ids=["empty", "text", "json", "big"]
)
def test_a_layer_that_is_no_tar_is_scanned_and_says_so(tmp_path, junk):
    def replaced(members):
        name = next(name for name in members if name.endswith("layer.tar"))
        members[name] = Entry(junk)

    path = docker_archive_legacy(image(BASE, tags=["app:1"]), tmp_path / "app.tar", edit=replaced)
    for result in (opened(path), opened(wrap_archive(path))):
        (scan,) = layer_scans(result.images[0], result)
        assert scan.diff_id == sha256(junk)
        assert bool(incomplete(scan.problems)) == bool(junk)


def test_two_files_of_one_name_are_told_and_the_last_counts(tmp_path):
    path = docker_archive_legacy(BUILT, tmp_path / "app.tar")
    twice = path.read_bytes()[:-1024] + write_tar({"manifest.json": b"[]"})
    (tmp_path / "twice.tar").write_bytes(twice)
    for target in (tmp_path / "twice.tar", wrap_archive(tmp_path / "twice.tar")):
        with pytest.raises(InvalidImage, match=r"manifest\.json names no image"):
            opened(target)
    other = write_tar({"repositories": b"{}"})
    (tmp_path / "other.tar").write_bytes(path.read_bytes()[:-1024] + other)
    for target in (tmp_path / "other.tar", wrap_archive(tmp_path / "other.tar")):
        assert problem_codes(opened(target)) == ["duplicate-entry"]


# -- what is missing or wrong


def drop(pattern):
    def edit(members):
        for name in [name for name in members if pattern(name, members[name])]:
            del members[name]

    return edit


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_missing_layer_is_a_missing_blob(tmp_path, wrapped):
    path = oci_archive(
        BUILT, tmp_path / "a.tar", edit=drop(lambda name, entry: sha256(as_data(entry)) == sha256(compress(APP.tar)))
    )
    result = opened(wrap_archive(path) if wrapped else path)
    blobs = [one.blob for one in result.images[0].layers]
    assert [isinstance(blob, MissingBlob) for blob in blobs] == [False, True, False]
    assert blobs[1] == MissingBlob(sha256(compress(APP.tar)), blobs[1].reason)


def as_data(entry: Entry) -> bytes:
    return entry.data if isinstance(entry.data, bytes) else entry.data.encode()


@pytest.mark.parametrize("writer", [docker_archive_legacy, podman_archive, oci_archive, jib_archive])
def test_a_missing_config_is_told_and_the_layers_are_read(tmp_path, writer):
    config = lambda name, entry: as_data(entry) == BUILT.config  # noqa: E731
    result = opened(writer(BUILT, tmp_path / "a.tar", edit=drop(config)))
    (found,) = result.images
    assert "missing-blob" in incomplete(found.problems)
    assert len(layer_scans(found, result)) == 3


def test_a_missing_manifest_is_an_error_with_a_next_step(tmp_path):
    def edit(members):
        for name in [name for name, entry in members.items() if b'"layers"' in as_data(entry) and name != "index.json"]:
            del members[name]

    with pytest.raises(InvalidImage, match="whose manifests it does not hold") as error:
        opened(oci_archive(BUILT, tmp_path / "a.tar", edit=edit))
    assert error.value.tip


@pytest.mark.parametrize("what", ["config", "manifest"])
def test_a_document_that_is_not_what_its_digest_says_is_told(tmp_path, what):
    def edit(members):
        for name, entry in members.items():
            data = as_data(entry)
            is_config = data == BUILT.config
            is_manifest = b'"layers":[{' in data and name.startswith("blobs")
            if is_config if what == "config" else is_manifest:
                members[name] = Entry(data + b" ")

    result = opened(oci_archive(BUILT, tmp_path / "a.tar", edit=edit))
    assert incomplete(result.problems) == ["digest-mismatch"]
    assert len(layer_scans(result.images[0], result)) == 3


def test_a_config_under_a_wrong_name_is_told(tmp_path):
    def edit(members):
        name = f"{BUILT.image_id[7:]}.json"
        members[name] = Entry(BUILT.config.replace(b"A=b", b"A=c"))

    (found,) = opened(docker_archive_legacy(BUILT, tmp_path / "a.tar", edit=edit)).images
    assert incomplete(found.problems) == ["digest-mismatch"]


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"[1]",
        b'[{"Config": 1}]',
        b'[{"Layers": []}]',
        b'[{"Config": "x", "Layers": {}}]',
        b"[" * 10_000,
        b'[{"Config": "x", "RepoTags": [1], "Layers": [1, null]}]',
        b'[{"Config": "../../etc/passwd", "Layers": ["/etc/shadow", "../../etc/shadow", "a\\u0000b"]}]',
    ],
)
def test_no_manifest_json_makes_a_traceback(tmp_path, manifest):
    path = write_archive({"manifest.json": Entry(manifest), "x": Entry("{}")}, tmp_path / "a.tar")
    for target in (path, wrap_archive(path)):
        try:
            result = opened(target)
        except InvalidImage:
            continue
        assert all(isinstance(one.blob, MissingBlob) for one in result.images[0].layers)
        assert incomplete((*result.problems, *result.images[0].problems))


def test_an_image_that_cannot_be_read_beside_one_that_can_is_told(tmp_path):
    def edit(members):
        members["manifest.json"] = Entry(as_data(members["manifest.json"])[:-1] + b', {"Config": 7}]')

    result = opened(docker_archive_legacy(BUILT, tmp_path / "a.tar", edit=edit))
    assert (len(result.images), incomplete(result.problems)) == (1, ["bad-manifest"])


@pytest.mark.parametrize("parent", ["loop", "gone", [], {}, 7])
def test_chains_of_v1_layers_that_lead_nowhere(tmp_path, parent):
    import json

    def edit(members):
        names = [name for name in members if name.endswith("/json")]
        for name in names:
            document = json.loads(as_data(members[name]))
            if "parent" not in document:
                document["parent"] = names[-1].partition("/")[0] if parent == "loop" else parent
                members[name] = Entry(json.dumps(document))

    result = opened(v1_only_archive(BUILT, tmp_path / "a.tar", edit=edit))
    (found,) = result.images
    assert len(found.layers) == 3
    assert incomplete(found.problems) == (["missing-blob"] if parent not in ([], {}) else [])


# -- cut off


@pytest.mark.parametrize("layout", [*ARCHIVES, "v1"])
@pytest.mark.parametrize("how", ["plain", "gz", "gz-cut"])
def test_an_archive_cut_off_anywhere_is_an_error_or_says_what_is_missing(tmp_path, layout, how):
    path = {**ARCHIVES, "v1": v1_only_archive}[layout](BUILT, tmp_path / "a.tar")
    data = wrap_archive(path).read_bytes() if how == "gz-cut" else path.read_bytes()
    whole = essence_of(path)
    cut = tmp_path / "cut.tar"
    for length in range(0, len(data) - 1100 if how != "gz-cut" else len(data) - 1, max(1, len(data) // 40)):
        cut.write_bytes(data[:length])
        try:
            result = opened(wrap_archive(cut) if how == "gz" else cut)
        except InvalidImage:
            continue
        told = [*result.problems]
        for one in result.images:
            told += one.problems
            told += [problem for scan in layer_scans(one, result) for problem in scan.problems]
            told += [p for p in [None] if any(isinstance(each.blob, MissingBlob) for each in one.layers)]
        assert told or [essence(one, result) | {"tags": ()} for one in result.images] == whole, length


def essence_of(path: Path) -> list[dict[str, object]]:
    result = opened(path)
    return [essence(one, result) | {"tags": ()} for one in result.images]


def test_an_archive_cut_off_before_its_manifest_says_that_it_is_cut(tmp_path):
    path = docker_archive_hybrid(BUILT, tmp_path / "a.tar")
    cut = tmp_path / "cut.tar"
    cut.write_bytes(path.read_bytes()[:60_000])
    for target in (cut, wrap_archive(cut)):
        with pytest.raises(InvalidImage, match="cut off"):
            opened(target)


# -- not an archive


@pytest.mark.parametrize(
    "data", [b"", b"text\n" * 1000, b"\0" * 512, b"\x1f\x8b\x08broken", b"\x1f\x8b", b"PK\3\4" + b"x" * 600]
)
def test_what_is_no_archive_is_refused_with_a_next_step(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(InvalidImage, match="not an image archive") as error:
        opened(tmp_path / "file")
    assert "docker save" in error.value.tip


def test_a_tar_of_something_else_is_refused_with_a_next_step(tmp_path):
    for files in ({"etc/passwd": "x"}, {"etc/": ""}, {"a/.wh.b": ""}):
        (tmp_path / "layer.tar").write_bytes(write_tar(files))
        for target in (tmp_path / "layer.tar", wrap_archive(tmp_path / "layer.tar")):
            with pytest.raises(InvalidImage, match="holds no image") as error:
                opened(target)
            assert "layer" in error.value.tip


def test_a_directory_given_as_an_archive_is_refused_with_a_next_step(tmp_path):
    with (
        pytest.raises(InvalidImage, match="is a directory") as error,
        Archive().open(Request(str(tmp_path)), Visitor()),
    ):
        pass
    assert f"oci:{tmp_path}" in error.value.tip


@pytest.mark.parametrize("path", ["gone.tar", "gone/gone.tar"])
def test_a_file_that_is_not_there_is_a_source_error(tmp_path, path):
    with pytest.raises(SourceError, match="No such file"):
        opened(tmp_path / path)


def test_a_name_that_no_file_can_have_is_no_file_and_a_source_error():
    name = "a" * 5000
    assert not Archive().detect(name)
    assert not Archive().detect("a\0b")
    with pytest.raises(SourceError, match="cannot be read"), Archive().open(Request(name), Visitor()):
        pass


def test_an_error_of_who_reads_is_not_taken_for_one_of_the_archive(tmp_path):
    path = docker_archive_legacy(BUILT, tmp_path / "a.tar")
    with pytest.raises(OSError, match="disk full"), Archive().open(Request(str(path)), Visitor()):
        raise OSError("disk full")


# -- platforms


def several(tmp_path: Path, *platforms: str, **options: object) -> Path:
    builts = [image(BASE, layer({"who": platform}), platform=platform, tags=["app:1"]) for platform in platforms]
    return oci_archive(builts, tmp_path / "app.tar", nested=True, **options)


def platforms_of(path: Path, request: PlatformRequest | Platform | None = None) -> list[str]:
    return [str(one.config.platform) for one in opened(path, request).images]


def test_a_platform_is_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr("imgscan.sources.platforms.this_platform", lambda: Platform("linux", "amd64"))
    path = several(tmp_path, "linux/arm64/v8", "linux/amd64", "linux/arm/v7", "linux/arm/v6")
    assert platforms_of(path) == ["linux/amd64"]
    assert platforms_of(path, Platform("linux", "arm64")) == ["linux/arm64/v8"]
    assert platforms_of(path, Platform("linux", "arm", "v6")) == ["linux/arm/v6"]
    assert platforms_of(path, Platform("linux", "arm")) == ["linux/arm/v7"]
    assert len(platforms_of(path, ALL)) == 4
    with pytest.raises(PlatformNotFound, match="only for: linux/amd64") as error:
        opened(path, Platform("linux", "s390x"))
    assert "--platform" in error.value.tip


def test_the_only_platform_there_is_needs_not_be_this_one(tmp_path):
    assert platforms_of(several(tmp_path, "windows/amd64")) == ["windows/amd64"]
    path = several(tmp_path, "linux/s390x", absent_platforms=["linux/amd64"])
    assert platforms_of(path) == ["linux/s390x"]


def test_absent_platforms_are_told_where_all_are_asked_for(tmp_path):
    path = several(tmp_path, "linux/amd64", absent_platforms=["linux/arm64/v8"])
    assert problem_codes(opened(path)) == []
    result = opened(path, ALL)
    assert [(p.code, p.effect) for p in result.problems] == [("absent-platform", Effect.OPAQUE)]
    with pytest.raises(PlatformNotFound, match="blobs are not there"):
        opened(path, Platform("linux", "arm64"))


@pytest.mark.parametrize("writer", [docker_archive_legacy, oci_archive])
def test_of_several_images_those_for_the_platform_come_and_the_others_are_told(tmp_path, writer):
    arm = image(BASE, platform="linux/arm64", tags=["arm:2"])
    path = writer([BUILT, arm], tmp_path / "a.tar")
    result = opened(path, Platform("linux", "arm64"))
    assert [one.config.image_id for one in result.images] == [arm.image_id]
    assert [(p.code, p.effect) for p in result.problems if p.code != "unreferenced-blob"] == [
        ("absent-platform", Effect.OPAQUE)
    ]
    with pytest.raises(PlatformNotFound):
        opened(path, Platform("linux", "s390x"))


def test_a_scheme_is_recognised_by_what_is_there(tmp_path):
    path = docker_archive_legacy(BUILT, tmp_path / "a.tar")
    assert [Archive().detect(name) for name in (str(path), "-", str(tmp_path), "app:latest")] == [
        True,
        True,
        False,
        False,
    ]


def test_equal_archives_give_equal_answers(tmp_path):
    path = containerd_archive(BUILT, tmp_path / "a.tar")
    first, second = opened(path), opened(path)
    assert replace(first) == replace(second)
