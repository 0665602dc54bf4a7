"""Where the base image ends: as stated, recorded, seen beside it, or by its looks; never to leave anything out."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.base_image import BaseImage, KnownImage, base_problems, find_base
from imgscan.evidence import Confidence
from imgscan.image.blob import StreamedBlob
from imgscan.image.dockerfile_parser import parse_dockerfile
from imgscan.image.history import join_history
from imgscan.image.image import Attestation, Image, Layer, SourceKind
from imgscan.image.oci import parse_config
from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.report import Origin, Policy
from tests.image_builder import BuiltImage, docker_archive_legacy, image, layer, step

BASE_PARTS = (
    layer({"bin/sh": b"shell"}, created_by="/bin/sh -c #(nop) ADD file:1 in / ", comment=""),
    layer({"usr/bin/node": b"node"}, created_by="/bin/sh -c install-node", comment=""),
)
CLASSIC_CMD = step('/bin/sh -c #(nop)  CMD ["node"]')
OWN = (step("ENV TOKEN=x # buildkit"), layer({"app/index.js": b"1"}, created_by="COPY . . # buildkit"))


def metadata(built: BuiltImage, reference: str = "app:1", **changes) -> Image:
    """What a source would say of it."""
    config, _ = parse_config(built.config, built.image_id)
    joined = join_history(config, len(built.layers))
    layers = tuple(
        Layer(index, part.diff_id, StreamedBlob(str(index), 0), step=joined.by_layer.get(index))
        for index, part in enumerate(built.layers)
    )
    fields = {"annotations": built.annotations, "tags": built.tags, **changes}
    return Image(reference, SourceKind.ARCHIVE, config, layers, joined.steps, **fields)


def provenance(*uris: str, dockerfile: str = "") -> Attestation:
    materials = [{"uri": uri, "digest": {"sha256": "1" * 64}} for uri in uris]
    info = {"data": base64.b64encode(dockerfile.encode()).decode()}
    metadata_key = "https://mobyproject.org/buildkit@v1#metadata"
    predicate = {"materials": materials, "metadata": {metadata_key: {"source": {"infos": [info]}}}}
    statement = json.dumps({"predicate": predicate}).encode()
    return Attestation("https://slsa.dev/provenance/v0.2", "sha256:" + "2" * 64, statement)


def test_the_image_that_the_user_names_wins_where_its_layers_are_the_first():
    base = metadata(image(*BASE_PARTS, CLASSIC_CMD), "registry.test/node:20")
    found = find_base(metadata(image(*BASE_PARTS, CLASSIC_CMD, *OWN)), stated=KnownImage.of(base))
    assert found is not None
    assert (found.reference, found.layers, found.steps, found.confidence) == (
        "registry.test/node:20", 2, 3, Confidence.HIGH,
    )  # fmt: skip


def test_a_dockerfile_says_where_its_own_steps_begin_and_what_they_stand_on():
    built = metadata(image(*BASE_PARTS, CLASSIC_CMD, step("ENV TOKEN=x"), OWN[1]))
    text = "ARG TAG=20\nFROM node:20\nENV TOKEN=x\nCOPY . .\n"
    found = find_base(built, written=parse_dockerfile(text, "Dockerfile"))
    assert found is not None
    assert (found.reference, found.layers, found.steps, found.confidence) == ("node:20", 2, 3, Confidence.HIGH)
    assert "Dockerfile:2" in found.evidence
    varied = find_base(built, written=parse_dockerfile(text.replace("node:20", "node:$TAG"), "Dockerfile"))
    assert varied is not None
    assert (varied.reference, varied.layers) == (None, 2)


@pytest.mark.parametrize("text", ["FROM node:20\nENV TOKEN=x\nCOPY . .\nRUN more\n", "FROM other\nRUN make\n"])
def test_a_dockerfile_that_is_not_quite_the_image_s_is_no_evidence(text):
    built = metadata(image(*BASE_PARTS, CLASSIC_CMD, step("ENV TOKEN=x"), OWN[1]))
    found = find_base(built, written=parse_dockerfile(text, "Dockerfile"))
    assert found is None or "Dockerfile" not in found.evidence


def test_a_named_image_that_is_not_the_base_is_told_and_not_believed():
    other = KnownImage("debian:13", ("sha256:" + "0" * 64,), ())
    built = metadata(image(*BASE_PARTS, CLASSIC_CMD, *OWN))
    (problem,) = base_problems(built, other)
    assert "debian:13" in problem.message
    assert "0 of its 1 layers" in problem.message
    found = find_base(built, stated=other)
    assert found is not None
    assert found.reference != "debian:13"


def test_of_the_images_beside_it_the_longest_beginning_is_the_base():
    debian = KnownImage.of(metadata(image(BASE_PARTS[0]), "debian:12"))
    node = KnownImage.of(metadata(image(*BASE_PARTS, CLASSIC_CMD), "node:20"))
    found = find_base(metadata(image(*BASE_PARTS, CLASSIC_CMD, *OWN)), [node, debian])
    assert found is not None
    assert (found.reference, found.layers) == ("node:20", 2)


def test_an_image_that_only_shares_a_build_cache_is_no_base():
    """Same layers, but its history goes on with a CMD that this one does not have."""
    sibling = KnownImage.of(metadata(image(*BASE_PARTS, OWN[1], step('CMD ["node"] # buildkit')), "sibling:1"))
    last = layer({"x": b"1"}, created_by="RUN adduser app # buildkit")
    found = find_base(metadata(image(*BASE_PARTS, OWN[1], last)), [sibling])
    assert found is None or found.reference != "sibling:1"


def test_an_image_is_not_its_own_base():
    built = metadata(image(*BASE_PARTS), "app:1")
    assert find_base(built, [KnownImage.of(metadata(image(*BASE_PARTS), "again:1"))]) is None


def test_buildahs_note_says_name_and_end():
    own = layer({"a": b"1"}, created_by="/bin/sh -c make", comment="FROM docker.io/library/debian:12")
    found = find_base(metadata(image(*BASE_PARTS, own)))
    assert found is not None
    assert (found.reference, found.layers, found.steps) == ("docker.io/library/debian:12", 2, 2)


def test_annotations_give_a_name_and_the_history_the_end():
    annotations = (
        ("org.opencontainers.image.base.name", "docker.io/library/node:20"),
        ("org.opencontainers.image.base.digest", "sha256:" + "3" * 64),
    )
    built = metadata(image(*BASE_PARTS, CLASSIC_CMD, *OWN), annotations=annotations)
    found = find_base(built)
    assert found is not None
    assert found.reference == "docker.io/library/node:20"
    assert found.digest == "sha256:" + "3" * 64
    assert found.layers == 2
    assert "annotation" in found.evidence
    assert "CMD" in found.evidence


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("FROM golang:1.22 AS build\nRUN make\nFROM debian:12\nCOPY --from=build /a /a\n", "debian:12"),
        ("FROM golang:1.22 AS build\nFROM debian:12 AS run\nFROM run\n", "debian:12"),
        ("", None),
    ],
)
def test_of_several_materials_the_last_stage_is_the_base(dockerfile, expected):
    statement = provenance(
        "pkg:docker/golang@1.22?platform=linux%2Famd64",
        "pkg:docker/debian@12?platform=linux%2Famd64",
        "pkg:docker/docker/dockerfile@1",
        dockerfile=dockerfile,
    )
    found = find_base(metadata(image(*OWN), attestations=(statement,)))
    assert (found.reference if found else None) == expected


def test_the_build_info_of_a_config_names_the_base():
    sources = [{"type": "docker-image", "ref": "docker.io/library/alpine:3", "pin": "sha256:" + "4" * 64}]
    info = base64.b64encode(json.dumps({"sources": sources}).encode()).decode()
    found = find_base(metadata(image(*OWN, document={"moby.buildkit.buildinfo.v1": info})))
    assert found is not None
    assert (found.reference, found.digest) == ("docker.io/library/alpine:3", "sha256:" + "4" * 64)
    assert found.layers is None


def test_two_builders_are_two_builds():
    found = find_base(metadata(image(*BASE_PARTS, OWN[1])))
    assert found is not None
    assert found.layers == 2
    assert "classic" in found.evidence


def test_one_build_in_one_go_has_no_base_to_tell():
    parts = [layer({name: b"1"}, created_by=f"RUN make {name} # buildkit") for name in "abc"]
    assert find_base(metadata(image(*parts))) is None


@given(st.binary(max_size=200), st.text(max_size=50), st.text(max_size=50))
def test_no_document_breaks_it(statement, name, comment):
    attestation = Attestation("https://slsa.dev/provenance/v1", "sha256:0", statement)
    info = {"moby.buildkit.buildinfo.v1": name}
    built = image(*BASE_PARTS, layer({"a": b"1"}, created_by=comment, comment=f"FROM {name}"), document=info)
    found = find_base(metadata(built, attestations=(attestation,), annotations=((name, comment),)))
    assert found is None or found.evidence


@given(st.integers(0, 9), st.integers(0, 9), st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
def test_every_place_is_the_bases_or_its_own(layers, steps, layer_index, step_index):
    base = BaseImage("debian:12", None, layers, steps, Confidence.HIGH, "")
    origin = base.origin_of(layer_index, step_index)
    if layer_index is not None:
        assert (origin is Origin.BASE) == (layer_index < layers)
    elif step_index is not None:
        assert (origin is Origin.BASE) == (step_index < steps)
    else:
        assert origin is Origin.OWN


def test_findings_are_labelled_and_all_of_them_are_there(tmp_path):
    """A base image's secret is the base's, one's own one's own; `only` filters, and nothing else does."""
    env = step("ENV DB_PASSWORD=hunter2prod # buildkit")
    base = (layer({"etc/app.env": "DB_PASSWORD=hunter3prod\n"}, created_by="ADD rootfs / # buildkit"), env)
    own = layer({"app/.env": "API_PASSWORD=hunter4prod\n"}, created_by="COPY . . # buildkit", comment="FROM base:1")
    built = image(*base, own, env=["DB_PASSWORD=hunter2prod"], tags=["app:1"])
    archive = docker_archive_legacy(built, tmp_path / "a.tar")

    def told(only: Origin | None) -> dict[str, str]:
        policy = Policy(families=("file-secret", "env-secret"), only=only)
        options = Options(policy=policy, cache=CacheMode.OFF, cache_directory=tmp_path)
        (report,) = inspect_image(f"archive:{archive}", options)
        assert report.image.base is not None
        assert [str(row.origin) for row in report.image.layers] == ["base", "own"]
        return {f.location.path or f.location.pointer or "": str(f.origin) for f in report.verdict.open}

    everything = {"etc/app.env": "base", "/config/Env/0": "base", "app/.env": "own"}
    assert told(None) == everything
    assert told(Origin.OWN) == {"app/.env": "own"}
    assert told(Origin.BASE) == {path: origin for path, origin in everything.items() if origin == "base"}
