"""The evidence the other tests are built from is what it claims to be: the standard library reads it back."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.image_builder import (
    ARCHIVES,
    COMPRESSIONS,
    Entry,
    base256,
    compress,
    containerd_archive,
    directory,
    docker_archive_hybrid,
    docker_archive_legacy,
    executable,
    hardlink,
    image,
    jib_archive,
    layer,
    oci_layout,
    podman_archive,
    provenance,
    raw_header,
    sha256,
    step,
    symlink,
    v1_only_archive,
    wrap_archive,
    write_tar,
)

BASE = layer(
    {"etc/": directory(), "etc/passwd": "root:x:0:0::/root:/bin/sh\n", "bin/sh": executable()},
    created_by="/bin/sh -c #(nop) ADD file:0123 in / ",
)
APP = layer({"app/.env": "NAME=value\n", "app/link": symlink(".env")}, parents=True)
BUILT = image(BASE, step("ENV A=b"), APP, env=["A=b"], cmd=["sh"], tags=["app:1", "app:latest"])
REPEATED = image(BASE, APP, layer({"app/.wh..env": ""}), APP, user="1000", tags=["again:1"])

NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=120).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
ENTRIES = st.builds(
    Entry,
    data=st.binary(max_size=1100),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**40),
    gid=st.integers(0, 2**31),
    mtime=st.integers(-(2**31), 2**40),
)


def opened(data: bytes) -> tarfile.TarFile:
    return tarfile.open(fileobj=io.BytesIO(data))


@given(st.dictionaries(PATHS, ENTRIES, max_size=4), st.sampled_from(["pax", "gnu"]))
@settings(max_examples=60, deadline=None)
def test_the_standard_library_reads_back_every_member(files, dialect):
    with opened(write_tar(files, dialect=dialect)) as tar:
        members = tar.getmembers()
        assert [one.name for one in members] == list(files)
        for member, entry in zip(members, files.values(), strict=True):
            assert tar.extractfile(member).read() == entry.data
            assert (member.mode, member.uid, member.gid, member.mtime) == (
                entry.mode,
                entry.uid,
                entry.gid,
                entry.mtime,
            )


def test_links_directories_and_extended_attributes_are_stored_as_such():
    target = "t" * 150
    with opened(
        write_tar(
            {
                "d/": "",
                "s": symlink(target),
                "h": hardlink("f"),
                "f": Entry(b"x", xattrs={"user.note": b"a=b\n"}),
            }
        )
    ) as tar:
        folder, soft, hard, plain = tar.getmembers()
    assert folder.isdir()
    assert soft.issym()
    assert soft.linkname == target
    assert hard.islnk()
    assert plain.pax_headers == {"SCHILY.xattr.user.note": "a=b\n"}


@given(st.integers(-(2**62), 2**62))
def test_a_base_256_number_is_the_one_that_was_asked_for(value):
    assert tarfile.nti(base256(value, 12)) == value


def test_a_header_may_lie_in_any_field():
    header = raw_header(b"x", size=b"\xff" * 12, checksum=b"rubbish\0", magic=b"\0" * 6)
    assert len(header) == 512
    assert header[124:136] == b"\xff" * 12
    assert header[148:156] == b"rubbish\0"


def test_a_signed_checksum_differs_from_the_unsigned_one_only_where_bytes_are_above_127():
    assert raw_header(b"plain", checksum="signed") == raw_header(b"plain")
    assert raw_header(b"\xfcber", checksum="signed")[148:156] != raw_header(b"\xfcber")[148:156]


def zstd_decompress(data: bytes) -> bytes:
    zstd = pytest.importorskip("backports.zstd")
    return zstd.ZstdFile(io.BytesIO(data)).read()


@pytest.mark.parametrize("how", COMPRESSIONS)
def test_every_compression_gives_back_its_input(how):
    data = bytes(range(256)) * 700
    stored = compress(data, how)
    readers = {"none": bytes, "gzip": gzip.decompress, "bz2": bz2.decompress, "xz": lzma.decompress}
    assert readers.get(how.partition("-")[0], zstd_decompress)(stored) == data
    assert compress(data, how) == stored


def test_gzip_members_are_really_several():
    reader = zlib.decompressobj(31)
    reader.decompress(compress(bytes(10_000), "gzip-members"))
    assert reader.unused_data.startswith(b"\x1f\x8b")


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_holds_the_config_and_every_layer_and_is_the_same_each_time(name, tmp_path):
    first = ARCHIVES[name](BUILT, tmp_path / "first.tar")
    second = ARCHIVES[name](BUILT, tmp_path / "second.tar")
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as tar:
        contents = [tar.extractfile(one).read() for one in tar if one.isreg()]
    digests = {sha256(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data) for data in contents}
    assert {BUILT.image_id, *(one.diff_id for one in BUILT.layers)} <= digests


@pytest.mark.parametrize("write", [docker_archive_legacy, docker_archive_hybrid, podman_archive, containerd_archive])
def test_the_manifest_names_members_in_layer_order(write, tmp_path):
    with tarfile.open(write([BUILT, REPEATED], tmp_path / "two.tar")) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        assert [one["RepoTags"] for one in manifest] == [["app:1", "app:latest"], ["again:1"]]
        for entry, built in zip(manifest, (BUILT, REPEATED), strict=True):
            assert sha256(tar.extractfile(entry["Config"]).read()) == built.image_id
            stored = [tar.extractfile(name).read() for name in entry["Layers"]]  # symlinks followed
            plain = [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in stored]
            assert [sha256(data) for data in plain] == built.document["rootfs"]["diff_ids"]


def test_a_repeated_layer_of_a_legacy_archive_is_a_symlink_to_the_first(tmp_path):
    with tarfile.open(docker_archive_legacy(REPEATED, tmp_path / "a.tar")) as tar:
        names = tar.getnames()
        (soft,) = [one for one in tar if one.issym()]
        assert soft.linkname.startswith("../")
        assert sha256(tar.extractfile(soft).read()) == APP.diff_id
    assert names[-2:] == ["manifest.json", "repositories"]


def test_jib_writes_lower_case_keys_and_the_first_format_no_manifest(tmp_path):
    with tarfile.open(jib_archive(BUILT, tmp_path / "jib.tar")) as tar:
        assert set(json.load(tar.extractfile("manifest.json"))[0]) == {"config", "repoTags", "layers"}
    with tarfile.open(v1_only_archive(BUILT, tmp_path / "v1.tar")) as tar:
        assert "manifest.json" not in tar.getnames()
        top = json.load(tar.extractfile("repositories"))["app"]["1"]
        assert json.load(tar.extractfile(f"{top}/json"))["config"]["Cmd"] == ["sh"]


def test_the_containerd_archive_nests_its_index_and_names_what_is_absent(tmp_path):
    with tarfile.open(containerd_archive(BUILT, tmp_path / "c.tar")) as tar:
        names = set(tar.getnames())

        def blob(descriptor):
            return json.load(tar.extractfile(path(descriptor)))

        outer = json.load(tar.extractfile("index.json"))
        inner = blob(outer["manifests"][0])
        manifest, attestation, absent = inner["manifests"]
        assert blob(manifest)["config"]["digest"] == BUILT.image_id
        assert attestation["platform"] == {"architecture": "unknown", "os": "unknown"}
        assert attestation["annotations"]["vnd.docker.reference.digest"] == manifest["digest"]
        assert blob(blob(attestation)["layers"][0])["predicateType"] == "https://slsa.dev/provenance/v0.2"
        assert absent["platform"] == {"architecture": "arm64", "os": "linux", "variant": "v8"}
        assert path(absent) not in names


def path(descriptor) -> str:
    return f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"


@pytest.mark.parametrize("depth", [1, 3])
def test_a_layout_leads_from_its_index_to_the_layers(depth, tmp_path):
    arm = image(BASE, platform="linux/arm64/v8")
    root = oci_layout(
        [BUILT, arm],
        tmp_path / "layout",
        nested=True,
        depth=depth,
        symlinked_blobs=True,
        attestations=[provenance({"TOKEN": "x"})],
    )
    document = json.loads((root / "index.json").read_text())
    for _ in range(depth):
        (descriptor,) = document["manifests"][:1]
        document = json.loads((root / path(descriptor)).read_text())
    found = {one["platform"]["architecture"] for one in document["manifests"]}
    assert found == {"amd64", "arm64", "unknown"}
    assert all(one.is_symlink() for one in (root / "blobs/sha256").iterdir())
    for descriptor in document["manifests"]:
        data = (root / path(descriptor)).read_bytes()
        assert len(data) == descriptor["size"]
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == descriptor["digest"]


def test_history_has_one_entry_per_part_and_can_be_replaced():
    history = BUILT.document["history"]
    assert [entry.get("empty_layer", False) for entry in history] == [False, True, False]
    assert image(BASE, history=["RUN x # buildkit", {"created_by": "odd"}]).document["history"][1] == {
        "created_by": "odd"
    }


def test_an_edit_changes_what_is_written(tmp_path):
    archive = docker_archive_legacy(BUILT, tmp_path / "a.tar", edit=lambda members: members.pop("manifest.json"))
    with tarfile.open(archive) as tar:
        assert "manifest.json" not in tar.getnames()


@pytest.mark.parametrize(
    ("how", "reader"), [("gz", gzip.decompress), ("xz", lzma.decompress), ("zst", zstd_decompress)]
)
def test_a_wrapped_archive_unwraps_to_the_same_bytes(how, reader, tmp_path):
    archive = docker_archive_legacy(BUILT, tmp_path / "a.tar")
    assert reader(wrap_archive(archive, how).read_bytes()) == archive.read_bytes()
