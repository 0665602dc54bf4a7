"""From the files of an archive or layout to images: docker save of every generation, OCI, and v1."""

from __future__ import annotations

from imgscan.errors import InvalidImage
from imgscan.image.image import SourceKind
from imgscan.sources.assembly import Assembly
from imgscan.sources.docker_images import add_docker_images, docker_images
from imgscan.sources.entries import Entries
from imgscan.sources.index_images import add_index_images
from imgscan.sources.source import PlatformRequest
from imgscan.sources.v1_images import add_v1_images


def assemble(
    entries: Entries, platforms: PlatformRequest, *, where: str, source: SourceKind, tag: str | None = None
) -> Assembly:
    """All images that `entries` describe and `platforms` ask for; `tag` picks one by its name in an OCI index.

    Where both an index.json and a manifest.json stand (docker save since 25), the index is asked first, as it knows
    manifests, platforms and attestations. Raises InvalidImage where there is nothing to tell of, PlatformNotFound.
    """
    assembly = Assembly(entries, where, source)
    index = assembly.document("index.json")
    manifest = assembly.document("manifest.json")
    for name in ("oci-layout", "repositories"):
        assembly.claimed.add(name)
    failure: InvalidImage | None = None
    if index is not None:
        tags = None if manifest is None else {item.image_id: item.tags for item in docker_images(manifest)}
        try:
            add_index_images(assembly, index, platforms, tag, tags)
        except InvalidImage as error:
            failure = error
    if not assembly.images and manifest is not None and tag is None:
        try:
            add_docker_images(assembly, manifest, platforms)
        except InvalidImage as error:
            failure = failure or error
    if not assembly.images and index is None and manifest is None:
        add_v1_images(assembly)
    if not assembly.images:
        raise failure or InvalidImage(
            f"{where} holds no image: neither index.json nor manifest.json nor v1 layers were found",
            tip="give an archive that docker save, podman save, skopeo or buildah wrote, or an OCI layout",
        )
    return assembly
