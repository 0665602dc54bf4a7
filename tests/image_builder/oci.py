"""OCI image layouts, as directories and as archives: flat, nested, for several platforms, with attestations.

Sources: image-spec image-layout.md and image-index.md; BuildKit docs/attestations/attestation-storage.md;
containerd's exporter, which names platforms whose blobs it does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.image_builder.compression import media_suffix
from tests.image_builder.images import BuiltImage, canonical, sha256
from tests.image_builder.stored import (
    Edit,
    Images,
    Members,
    folder,
    hexadecimal,
    lexical,
    link,
    listed,
    saved,
    write_archive,
    write_directory,
)
from tests.image_builder.tar import Entry

MANIFEST_OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX_OCI = "application/vnd.oci.image.index.v1+json"
CONFIG_OCI = "application/vnd.oci.image.config.v1+json"
LAYER_OCI = "application/vnd.oci.image.layer.v1.tar"
MANIFEST_DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
INDEX_DOCKER = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG_DOCKER = "application/vnd.docker.container.image.v1+json"
LAYER_DOCKER = "application/vnd.docker.image.rootfs.diff.tar"
IN_TOTO = "application/vnd.in-toto+json"

Statement = Mapping[str, Any]


def provenance(build_args: Mapping[str, str] | None = None, base: str = "docker.io/library/node:20") -> Statement:
    """A SLSA provenance statement as BuildKit writes it with `--provenance=mode=max`."""
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [],
        "predicate": {
            "builder": {"id": ""},
            "buildType": "https://mobyproject.org/buildkit@v1",
            "materials": [
                {
                    "uri": f"pkg:docker/{base.rpartition('/')[2].replace(':', '@')}?platform=linux%2Famd64",
                    "digest": {"sha256": "1" * 64},
                }
            ],
            "invocation": {
                "configSource": {"entryPoint": "Dockerfile"},
                "parameters": {
                    "frontend": "dockerfile.v0",
                    "args": {f"build-arg:{name}": value for name, value in (build_args or {}).items()},
                },
                "environment": {"platform": "linux/amd64"},
            },
        },
    }


def oci_files(
    images: Images,
    *,
    compression: str = "gzip",
    media: str = "oci",
    nested: bool = False,
    depth: int = 1,
    attestations: Sequence[Statement] = (),
    absent_platforms: Sequence[str] = (),
    symlinked_blobs: bool = False,
    index_media_type: bool = True,
    image_names: bool = False,
    platforms: bool = True,
) -> Members:
    """The members of a layout, lexical.

    `media`            "oci" or "docker": the media types of manifests, configs and layers
    `nested`           index.json names one index (below `depth` - 1 further ones) that holds all the images, under the
                       first one's tags
    `attestations`     statements that each image bears, in an attestation manifest beside it
    `absent_platforms` named in the index, their blobs are not there
    `symlinked_blobs`  blobs are symlinks into `store/`
    `image_names`      descriptors bear containerd's full name beside the tag
    """
    members: Members = {"blobs/": folder(), "blobs/sha256/": folder()}
    builts = listed(images)
    manifests: list[dict[str, Any]] = []
    for built in builts:
        document = manifest_for(built, members, compression=compression, media=media)
        descriptor = _put(members, document, str(document["mediaType"]))
        if platforms and (nested or len(builts) > 1):
            descriptor["platform"] = built.platform
        names: list[dict[str, str]] = [{}] if nested else _names(built, image_names)
        manifests += [{**descriptor, **({"annotations": name} if name else {})} for name in names]
        if attestations:
            manifests.append(_attestation(members, str(descriptor["digest"]), attestations))
    for platform in absent_platforms:
        system, _, machine = platform.partition("/")
        architecture, _, variant = machine.partition("/")
        named = {"architecture": architecture, "os": system} | ({"variant": variant} if variant else {})
        digest = sha256(platform.encode())
        manifests.append({"mediaType": MANIFEST_OCI, "digest": digest, "size": 1234, "platform": named})
    if nested:
        for _ in range(depth):
            manifests = [_put(members, _index(manifests, media), INDEX_OCI if media == "oci" else INDEX_DOCKER)]
        manifests = [
            {**manifests[0], **({"annotations": name} if name else {})} for name in _names(builts[0], image_names)
        ]
    index = _index(manifests, "oci")
    if not index_media_type:
        del index["mediaType"]
    members["index.json"] = saved(canonical(index))
    members["oci-layout"] = oci_layout_file()
    if symlinked_blobs:
        for name in [name for name, entry in members.items() if name.startswith("blobs/sha256/") and entry.data]:
            members[f"store/{name.rpartition('/')[2]}"] = members[name]
            members[name] = link(f"../../store/{name.rpartition('/')[2]}")
    return lexical(members)


def oci_layout(images: Images, path: Path | str, *, edit: Edit | None = None, **options: Any) -> Path:
    """A layout directory; options as `oci_files`."""
    return write_directory(oci_files(images, **options), path, edit)


def oci_archive(images: Images, path: Path | str, *, edit: Edit | None = None, **options: Any) -> Path:
    """skopeo's `oci-archive`: the layout in a tar; its index.json has no media type. Options as `oci_files`."""
    return write_archive(oci_files(images, **{"index_media_type": False} | options), path, edit)


def containerd_archive(images: Images, path: Path | str, *, edit: Edit | None = None, **options: Any) -> Path:
    """`docker save` with the containerd image store (the default since 29): blobs as pulled, an index in an index with
    an absent platform and an attestation manifest, `manifest.json` beside it. Options as `oci_files`."""
    settings: dict[str, Any] = {
        "nested": True,
        "attestations": (provenance(),),
        "absent_platforms": ("linux/arm64/v8",),
        "image_names": True,
    }
    settings |= options
    members = oci_files(images, **settings)
    compression = str(settings.get("compression", "gzip"))
    manifest = [
        {
            "Config": f"blobs/sha256/{hexadecimal(built.image_id)}",
            "RepoTags": list(built.tags) or None,
            "Layers": [f"blobs/sha256/{hexadecimal(sha256(one.blob(compression)))}" for one in built.layers],
        }
        for built in listed(images)
    ]
    members["manifest.json"] = saved(canonical(manifest))
    return write_archive(lexical(members), path, edit)


def oci_layout_file() -> Entry:
    return saved('{"imageLayoutVersion": "1.0.0"}')


def manifest_for(
    built: BuiltImage, members: Members, *, compression: str = "gzip", media: str = "oci"
) -> dict[str, Any]:
    """The image's manifest; its config and layer blobs are put into `members`."""
    config_type, layer_type = (CONFIG_OCI, LAYER_OCI) if media == "oci" else (CONFIG_DOCKER, LAYER_DOCKER)
    members[f"blobs/sha256/{hexadecimal(built.image_id)}"] = saved(built.config)
    layers = []
    for one in built.layers:
        data = one.blob(compression)
        suffix = media_suffix(one.compression or compression)
        if media == "docker":
            suffix = suffix.replace("+", ".")
        members[f"blobs/sha256/{hexadecimal(sha256(data))}"] = saved(data)
        layers.append({"mediaType": layer_type + suffix, "digest": sha256(data), "size": len(data)})
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_OCI if media == "oci" else MANIFEST_DOCKER,
        "config": {"mediaType": config_type, "digest": built.image_id, "size": len(built.config)},
        "layers": layers,
    }
    if built.annotations:
        document["annotations"] = dict(built.annotations)
    return document


def _attestation(members: Members, subject: str, statements: Sequence[Statement]) -> dict[str, Any]:
    """The descriptor of an attestation manifest over `subject`: its layers are in-toto statements, no tars."""
    layers = []
    for statement in statements:
        whole = dict(statement) | {"subject": [{"name": "_", "digest": {"sha256": hexadecimal(subject)}}]}
        layers.append(
            _put(members, whole, IN_TOTO)
            | {"annotations": {"in-toto.io/predicate-type": str(statement["predicateType"])}}
        )
    config = _put(
        members,
        {
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [one["digest"] for one in layers]},
        },
        CONFIG_OCI,
    )
    document = {"schemaVersion": 2, "mediaType": MANIFEST_OCI, "config": config, "layers": layers}
    return _put(members, document, MANIFEST_OCI) | {
        "annotations": {
            "vnd.docker.reference.digest": subject,
            "vnd.docker.reference.type": "attestation-manifest",
        },
        "platform": {"architecture": "unknown", "os": "unknown"},
    }


def _index(manifests: Sequence[Mapping[str, Any]], media: str) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": INDEX_OCI if media == "oci" else INDEX_DOCKER,
        "manifests": list(manifests),
    }


def _put(members: Members, document: Mapping[str, Any], media_type: str) -> dict[str, Any]:
    """Store a JSON blob; its descriptor."""
    blob = canonical(document)
    members[f"blobs/sha256/{hexadecimal(sha256(blob))}"] = saved(blob)
    return {"mediaType": media_type, "digest": sha256(blob), "size": len(blob)}


def _names(built: BuiltImage, image_names: bool) -> list[dict[str, str]]:
    """The annotations under which index.json lists an image: one dict per tag, an empty one where it has none."""
    result = []
    for reference in built.tags or ("",):
        name = {"io.containerd.image.name": f"docker.io/library/{reference}"} if image_names and reference else {}
        if reference:
            name["org.opencontainers.image.ref.name"] = reference.rpartition(":")[2]
        result.append(name)
    return result
