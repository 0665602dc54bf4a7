"""From the files of an archive or layout to images: docker save of every generation, OCI, and v1."""

from __future__ import annotations

from imgscan.errors import Effect, InvalidImage
from imgscan.image.image import SourceKind
from imgscan.sources.assembly import Assembly
from imgscan.sources.docker_images import add_docker_images, tags_by_image_id
from imgscan.sources.entries import Entries
from imgscan.sources.index_images import add_index_images
from imgscan.sources.source import PlatformRequest
from imgscan.sources.v1_images import add_v1_images


def assemble(
    entries: Entries, platforms: PlatformRequest, *, where: str, source: SourceKind, tag: str | None = None
) -> Assembly:
    """All images that `entries` describe and `platforms` ask for; `tag` picks one by its name.

    Where both an index.json and a manifest.json stand (docker save since 25), the index is asked first, as it knows
    manifests, platforms and attestations. Raises InvalidImage where there is nothing to tell of,
    ImageNotFound for an unknown tag, PlatformNotFound.
    """
    assembly = Assembly(entries, where, source)
    index = assembly.document("index.json")
    manifest = assembly.document("manifest.json")
    for name in ("oci-layout", "repositories"):
        assembly.claimed.add(name)
    failure: InvalidImage | None = None
    if index is not None:
        tags = None if manifest is None else tags_by_image_id(manifest)
        try:
            add_index_images(assembly, index, platforms, tag, tags)
        except InvalidImage as error:
            failure = error
    if not assembly.images and manifest is not None:
        before, assembly.problems = assembly.problems, []
        try:
            add_docker_images(assembly, manifest, platforms, tag)
        except InvalidImage as error:
            failure = failure or error
            assembly.problems = before
        else:
            if failure is not None:
                assembly.problem("bad-index", f"manifest.json was read instead: {failure.message}", Effect.NOTE)
    if not assembly.images and index is None and manifest is None:
        add_v1_images(assembly)
    if not assembly.images:
        raise failure or InvalidImage(
            f"{where} holds no image: neither index.json nor manifest.json nor v1 layers were found",
            tip="give an archive that docker save, podman save, skopeo or buildah wrote, or an OCI layout; "
            "the tar of a single layer or of a file system is none",
        )
    return assembly
