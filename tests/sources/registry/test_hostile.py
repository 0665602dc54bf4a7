"""Whatever a registry answers, it gives an image or an error of ours."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgscan.errors import ImgscanError
from imgscan.image.image import Image
from imgscan.sources.registry.reference import parse_reference
from imgscan.sources.registry.source import fetch, open_manifest
from imgscan.sources.source import PlatformRequest
from tests.image_builder import image, layer, sha256
from tests.registries.front import Answer

CONFIG = image(layer({"a": "b"})).config
DIGESTS = st.sampled_from(
    [sha256(CONFIG), "sha256:" + "1" * 64, "blake3:" + "2" * 64, "sha256:x", "", "../..", None, 7]
)
ODD = st.none() | st.integers() | st.booleans() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
TYPES = st.sampled_from(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.in-toto+json",
        "",
        None,
    ]
)
ANNOTATIONS = st.dictionaries(
    st.sampled_from(["vnd.docker.reference.type", "vnd.docker.reference.digest", "org.opencontainers.image.ref.name"]),
    st.sampled_from(["attestation-manifest", sha256(CONFIG), "\ud800", ""]) | ODD,
    max_size=2,
)
PLATFORMS = st.fixed_dictionaries({}, optional={"os": st.just("linux") | ODD, "architecture": st.just("amd64") | ODD})
DESCRIPTORS = st.fixed_dictionaries(
    {"digest": DIGESTS},
    optional={
        "mediaType": TYPES,
        "size": st.integers(-(2**70), 2**70) | ODD,
        "platform": PLATFORMS | ODD,
        "annotations": ANNOTATIONS | ODD,
        "urls": st.lists(st.just("http://127.0.0.1:1/x"), max_size=1) | ODD,
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "schemaVersion": st.sampled_from([1, 2, "2", None]),
        "mediaType": TYPES,
        "manifests": st.lists(DESCRIPTORS | ODD, max_size=4) | ODD,
        "config": DESCRIPTORS | ODD,
        "layers": st.lists(DESCRIPTORS | ODD, max_size=4) | ODD,
        "artifactType": st.text(max_size=5) | ODD,
        "fsLayers": ODD,
    },
)
BODIES = (DOCUMENTS | ODD).map(json.dumps).map(str.encode) | st.binary(max_size=30) | st.just(CONFIG)


@given(st.lists(BODIES, min_size=1, max_size=5), st.booleans(), st.sampled_from([200, 200, 200, 206, 404, 500]))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_registry_that_answers_anything_gives_an_image_or_an_error(nowhere, clients, bodies, everything, status):
    """The first body answers the tag; the others, one after the other, whatever is asked for next."""
    asked_for: list[str] = []

    def rule(asked, upstream):
        if asked.path.endswith("/v2/"):
            return Answer()
        if asked.path.endswith("/manifests/1"):
            return Answer(200, {"Content-Type": "\x7f odd"}, bodies[0])
        asked_for.append(asked.path)
        return Answer(status, {}, bodies[len(asked_for) % len(bodies)])

    nowhere.rule = rule
    reference = parse_reference(f"{nowhere.address}/a/b:1")
    try:
        client = clients.one(nowhere.address)
        images = open_manifest(client, reference, fetch(client, reference), PlatformRequest(all=everything)).images
    except ImgscanError as error:
        told, images = error.message, ()
    else:
        told = "an image"
    assert 0 < len(told) < 2000
    assert all(isinstance(one, Image) for one in images)
    assert len(asked_for) < 200
