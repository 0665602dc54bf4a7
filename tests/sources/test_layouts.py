"""OCI layouts: indexes within indexes, names, attestations, blobs that are links, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgscan.errors import Effect, ImageNotFound, InvalidImage, SourceError
from imgscan.image.blob import MissingBlob
from imgscan.image.image import SourceKind
from imgscan.sources.oci_layout import OciLayout
from imgscan.sources.source import PlatformRequest
from tests.image_builder import (
    Entry,
    docker_archive_legacy,
    image,
    layer,
    oci_archive,
    oci_files,
    oci_layout,
    provenance,
    sha256,
    wrap_archive,
    write_directory,
)
from tests.sources.opened import essence, incomplete, layer_scans, opened, problem_codes
from tests.sources.test_archives import BUILT, OTHER, as_data, reference

ALL = PlatformRequest(all=True)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nested": True},
        {"nested": True, "depth": 4},
        {"media": "docker"},
        {"media": "docker", "nested": True},
        {"symlinked_blobs": True},
        {"index_media_type": False},
        {"image_names": True},
    ],
    ids=str,
)
def test_one_image_is_the_same_from_every_layout(tmp_path, options):
    expected = reference(tmp_path)
    for target in (
        oci_layout(BUILT, tmp_path / "layout", **options),
        oci_archive(BUILT, tmp_path / "a.tar", **options),
        wrap_archive(tmp_path / "a.tar"),
    ):
        result = opened(target)
        (found,) = result.images
        assert essence(found, result) == expected | {"tags": found.tags}
        assert problem_codes(result) == []
        assert found.manifest_digest is not None
        assert found.oci_format == (options.get("media") != "docker")
        assert found.source is (SourceKind.OCI if target.is_dir() else SourceKind.ARCHIVE)


@pytest.mark.parametrize("target", ["layout", "archive", "stream"])
def test_attestations_are_kept_and_are_no_images(tmp_path, target):
    statements = (provenance({"TOKEN": "x"}), provenance())
    options = {"nested": True, "attestations": statements}
    path = {
        "layout": lambda: oci_layout(BUILT, tmp_path / "layout", **options),
        "archive": lambda: oci_archive(BUILT, tmp_path / "a.tar", **options),
        "stream": lambda: wrap_archive(oci_archive(BUILT, tmp_path / "a.tar", **options)),
    }[target]()
    result = opened(path, ALL)
    (found,) = result.images
    assert [one.predicate_type for one in found.attestations] == ["https://slsa.dev/provenance/v0.2"] * 2
    assert b"build-arg:TOKEN" in found.attestations[0].statement
    assert problem_codes(result) == []
    assert "TOKEN" not in repr(found.attestations)


def test_an_attestation_that_is_not_there_is_told(tmp_path):
    def edit(members):
        for name in [name for name, entry in members.items() if b"in-toto.io/Statement" in as_data(entry)]:
            del members[name]

    result = opened(oci_layout(BUILT, tmp_path / "layout", nested=True, attestations=(provenance(),), edit=edit))
    assert [problem.effect for problem in result.problems] == [Effect.OPAQUE]


def test_an_attestation_that_is_another_is_told(tmp_path):
    def edit(members):
        for name, entry in members.items():
            if b"in-toto.io/Statement" in as_data(entry):
                members[name] = Entry(as_data(entry) + b" ")

    result = opened(oci_layout(BUILT, tmp_path / "layout", nested=True, attestations=(provenance(),), edit=edit))
    assert incomplete(result.problems) == ["digest-mismatch"]


# -- names


def test_a_tag_picks_an_image(tmp_path):
    path = oci_layout([BUILT, OTHER], tmp_path / "layout")
    assert [one.config.image_id for one in opened(f"{path}:2").images] == [OTHER.image_id]
    assert {one.config.image_id for one in opened(path).images} == {BUILT.image_id, OTHER.image_id}
    with pytest.raises(ImageNotFound, match="no image named '3'") as error:
        opened(f"{path}:3")
    assert error.value.tip == "it has: 1, 2"


def test_a_tag_picks_from_unpacked_files_of_docker_save_too(tmp_path):
    from tests.image_builder.tar import write_tar  # the archive's members as files

    captured: dict[str, Entry] = {}
    docker_archive_legacy([BUILT, OTHER], tmp_path / "a.tar", edit=captured.update)
    path = write_directory(captured, tmp_path / "unpacked")
    assert [one.config.image_id for one in opened(f"{path}:2").images] == [OTHER.image_id]
    assert problem_codes(opened(path)) == []
    with pytest.raises(ImageNotFound):
        opened(f"{path}:3")
    (path / "stray.tar").write_bytes(write_tar({"a": "x"}))
    assert problem_codes(opened(path)) == ["unreferenced-blob"]


def test_a_path_with_a_colon_is_a_path_if_it_is_there(tmp_path):
    path = oci_layout(BUILT, tmp_path / "lay:out")
    assert len(opened(path).images) == 1
    assert OciLayout().detect(f"{path}:1")
    assert not any(OciLayout().detect(name) for name in (str(tmp_path / "gone"), "a" * 5000, "a\0b", "a" * 5000 + ":1"))


# -- what is wrong


def index_of(path: Path) -> dict:
    return json.loads((path / "index.json").read_bytes())


def rewrite(path: Path, **changes: object) -> Path:
    (path / "index.json").write_bytes(json.dumps(index_of(path) | changes).encode())
    return path


def test_an_index_that_leads_to_itself_ends(tmp_path):
    """A digest that two documents share cannot be made; a store that lies about it can."""
    path = oci_layout(BUILT, tmp_path / "layout")
    descriptor = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:" + "0" * 64, "size": 1}
    loop = json.dumps({"schemaVersion": 2, "manifests": [descriptor, *index_of(path)["manifests"]]}).encode()
    (path / "blobs/sha256" / ("0" * 64)).write_bytes(loop)
    result = opened(rewrite(path, manifests=[descriptor]))
    assert len(result.images) == 1
    assert {"index-loop", "digest-mismatch"} <= set(incomplete(result.problems))


def test_an_index_too_deep_or_too_wide_is_told(tmp_path):
    deep = opened(oci_layout([BUILT, OTHER], tmp_path / "ok", nested=True, depth=8), ALL)
    assert len(deep.images) == 2
    with pytest.raises(InvalidImage):
        opened(oci_layout(BUILT, tmp_path / "deep", nested=True, depth=12))
    path = oci_layout(BUILT, tmp_path / "wide")
    absent = {"digest": "sha256:" + "1" * 64}
    result = opened(rewrite(path, manifests=[*index_of(path)["manifests"], *[absent] * 10_000]))
    assert incomplete(result.problems) == ["too-many-manifests"]


@pytest.mark.parametrize(
    "digest", ["", "sha256", "sha256:", "md5:abc", "sha256:../../index.json", "../index.json", "sha256:a\0b"]
)
def test_digests_are_no_paths(tmp_path, digest):
    path = oci_layout(BUILT, tmp_path / "layout")
    with pytest.raises(InvalidImage):
        opened(rewrite(path, manifests=[{"digest": digest, "size": 1}]))


def test_digests_of_sha512_are_verified(tmp_path):
    import hashlib

    path = oci_layout(BUILT, tmp_path / "layout")
    descriptor = index_of(path)["manifests"][0]
    data = (path / "blobs/sha256" / descriptor["digest"].partition(":")[2]).read_bytes()
    name = hashlib.sha512(data).hexdigest()
    (path / "blobs/sha512").mkdir()
    (path / "blobs/sha512" / name).write_bytes(data)
    right = rewrite(path, manifests=[{"digest": f"sha512:{name}", "size": len(data)}])
    assert incomplete(opened(right).problems) == []
    (path / "blobs/sha512" / name).write_bytes(data + b" ")
    assert incomplete(opened(right).problems) == ["digest-mismatch"]


def test_a_digest_of_an_unknown_kind_is_told(tmp_path):
    path = oci_layout(BUILT, tmp_path / "layout")
    descriptor = index_of(path)["manifests"][0]
    data = (path / "blobs/sha256" / descriptor["digest"].partition(":")[2]).read_bytes()
    (path / "blobs/blake3").mkdir()
    (path / "blobs/blake3/00").write_bytes(data)
    result = opened(rewrite(path, manifests=[{"digest": "blake3:00", "size": len(data)}]))
    assert "unknown-digest" in problem_codes(result)


def test_artifacts_are_no_images(tmp_path):
    def as_signature(members):
        for name, entry in members.items():
            if entry.data and as_data(entry)[:2] == b"\x1f\x8b":
                members[name] = Entry('{"critical": {}}')

    with pytest.raises(InvalidImage, match="an artifact that is no container image"):
        opened(oci_layout(BUILT, tmp_path / "signature", edit=as_signature))
    path = oci_layout(BUILT, tmp_path / "layout")
    empty = b"{}"
    (path / "blobs/sha256" / sha256(empty)[7:]).write_bytes(empty)
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(empty), "size": 2}
    artifact = json.dumps({"schemaVersion": 2, "artifactType": "x/y", "config": config, "layers": [config]}).encode()
    (path / "blobs/sha256" / sha256(artifact)[7:]).write_bytes(artifact)
    manifests = [*index_of(path)["manifests"], {"digest": sha256(artifact), "size": len(artifact)}]
    result = opened(rewrite(path, manifests=manifests))
    assert (len(result.images), problem_codes(result)) == (1, [])


def test_foreign_layers_are_told_apart_from_lost_ones(tmp_path):
    def edit(members):
        for name in [name for name, entry in members.items() if as_data(entry)[:2] == b"\x1f\x8b"]:
            del members[name]
        for name, entry in members.items():
            if b'"layers":[{' in as_data(entry) and name.startswith("blobs"):
                document = json.loads(as_data(entry))
                document["layers"][0]["urls"] = ["https://example.com/layer"]
                members[name] = Entry(json.dumps(document))

    (found,) = opened(oci_layout(BUILT, tmp_path / "layout", edit=edit)).images
    assert [isinstance(one.blob, MissingBlob) and one.blob.foreign for one in found.layers] == [True, False, False]


@pytest.mark.parametrize("index", [b"", b"[]", b"{}", b'{"manifests": 7}', b'{"manifests": []}', b"\xff", b"[" * 9999])
def test_no_index_makes_a_traceback(tmp_path, index):
    path = oci_layout(BUILT, tmp_path / "layout")
    (path / "index.json").write_bytes(index)
    with pytest.raises(InvalidImage, match=r"index\.json"):
        opened(path)


def test_a_broken_index_beside_a_manifest_json_is_told(tmp_path):
    from tests.image_builder import docker_archive_hybrid

    def edit(members):
        members["index.json"] = Entry("{broken")

    result = opened(docker_archive_hybrid(BUILT, tmp_path / "a.tar", edit=edit))
    assert len(layer_scans(result.images[0], result)) == 3
    assert next((problem.code, problem.effect) for problem in result.problems) == ("bad-index", Effect.NOTE)


def test_a_layer_count_that_differs_from_the_config_is_told(tmp_path):
    base, app = BUILT.layers[0], BUILT.layers[1]
    fewer = image(base, diff_ids=[base.diff_id, app.diff_id], tags=["a:1"])
    more = image(base, app, diff_ids=[base.diff_id], tags=["a:1"])
    none = image(tags=["a:1"])
    codes = [problem_codes(opened(oci_layout(one, tmp_path / str(at)))) for at, one in enumerate((fewer, more, none))]
    assert "layer-count-mismatch" in codes[0]
    assert "layer-count-mismatch" in codes[1]
    assert codes[2] == ["no-layers"]


def test_stray_files_in_a_layout_do_no_harm(tmp_path):
    path = write_directory(
        oci_files(BUILT) | {"blobs/README": Entry("x"), "blobs/sha256/a/b": Entry("x")}, tmp_path / "l"
    )
    assert problem_codes(opened(path)) == []


def test_what_is_no_directory_is_refused_with_a_next_step(tmp_path):
    (tmp_path / "file").write_text("x")
    from imgscan.sources.source import Request
    from tests.sources.opened import Visitor

    with (
        pytest.raises(InvalidImage, match="is no directory") as error,
        OciLayout().open(Request(str(tmp_path / "file")), Visitor()),
    ):
        pass
    assert "archive:" in error.value.tip


def test_an_empty_directory_holds_no_image(tmp_path):
    with pytest.raises(InvalidImage, match="holds no image"):
        opened(tmp_path)


def test_an_error_of_who_reads_is_not_taken_for_one_of_the_layout(tmp_path):
    from imgscan.sources.source import Request
    from tests.sources.opened import Visitor

    path = oci_layout(image(layer({"a": "x"})), tmp_path / "layout")
    with pytest.raises(OSError, match="disk full") as error, OciLayout().open(Request(str(path)), Visitor()):
        raise OSError("disk full")
    assert not isinstance(error.value, SourceError)
