"""The source `registry:REFERENCE`: an image straight from its registry, its layers scanned while they download."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from imgscan.errors import AccessDenied, Effect, ImageNotFound, InvalidImage, Problem, SourceError, UsageError
from imgscan.image.image import Descriptor, Image, SourceKind
from imgscan.image.oci import CONTAINERD_NAME, OCI_INDEX, Index
from imgscan.sources.assembly import Assembly
from imgscan.sources.index_images import add_index_images
from imgscan.sources.platforms import Choice, choose, matches, this_platform
from imgscan.sources.registry.access import Access
from imgscan.sources.registry.attached import attached
from imgscan.sources.registry.client import FetchedManifest, RegistryClient
from imgscan.sources.registry.entries import RegistryEntries, attested, is_attestation
from imgscan.sources.registry.failures import WrongBytes
from imgscan.sources.registry.reference import HUB, Reference, parse_reference
from imgscan.sources.source import LayerVisitor, Opened, PlatformRequest, Request


class Registry:
    """Images of registries, with the logins of docker and podman on this machine."""

    scheme = "registry"

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = environment

    def detect(self, target: str) -> bool:
        try:
            parse_reference(target)
        except UsageError:
            return False
        return True

    @contextmanager
    def open(self, request: Request, visitor: LayerVisitor) -> Iterator[Opened]:
        """Fetch the image's documents; its layers are left to whoever scans them."""
        reference = parse_reference(request.target)
        access = Access(insecure=request.insecure, timeout=request.timeout)
        with RegistryClient(reference.registry, access, environment=self._environment) as client:
            fetched = fetch(client, reference)
            visitor.prepare()
            opened = open_manifest(client, reference, fetched, request.platforms, insecure=request.insecure)
        yield opened


def fetch(client: RegistryClient, reference: Reference) -> FetchedManifest:
    """The manifest or index that a reference names. SourceError."""
    try:
        return client.manifest(reference.repository, reference.wanted)
    except (ImageNotFound, AccessDenied) as error:
        raise _named(reference, error) from error


def open_manifest(
    client: RegistryClient,
    reference: Reference,
    fetched: FetchedManifest,
    platforms: PlatformRequest,
    *,
    insecure: bool = False,
) -> Opened:
    """The images of a manifest or index, one for each platform asked for, with what was attached to them.

    Raises InvalidImage, PlatformNotFound or another SourceError.
    """
    fetched.document()  # what cannot be decoded is told here, by its own name
    entries = RegistryEntries(
        client, reference.repository, lambda index: _unwanted(index, platforms, str(reference)), insecure=insecure
    )
    entries.add(fetched.digest, fetched.data)
    assembly = Assembly(entries, str(reference), SourceKind.REGISTRY)
    try:
        add_index_images(assembly, _as_layout(reference, fetched), platforms, None, None)
    except InvalidImage as error:
        if entries.failures:
            failure = entries.failures[0]
            message = f"{reference} leads to no image that can be had: {failure.message}"
            raise type(failure)(message, tip="push the image again; a part of it is gone or damaged") from error
        raise
    assembly.problems += [
        Problem("unreadable-blob", failure.message, Effect.INCOMPLETE)
        for failure in entries.failures
        if isinstance(failure, WrongBytes)
    ]
    images = tuple(_completed(client, reference, image, fetched, assembly.problems) for image in assembly.images)
    return Opened(images=images, problems=tuple(assembly.problems))


def _as_layout(reference: Reference, fetched: FetchedManifest) -> bytes:
    """The index.json of a layout that holds just this."""
    entry = {
        "mediaType": fetched.media_type,
        "digest": fetched.digest,
        "size": len(fetched.data),
        "annotations": {CONTAINERD_NAME: str(reference)},
    }
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()


def _unwanted(index: Index, platforms: PlatformRequest, name: str) -> set[str]:
    """Digests that need not be fetched: other platforms' images, and attestations of those.

    Where an entry does not tell its platform, it is fetched to see. PlatformNotFound where none can be the wanted one.
    """
    if platforms.all:
        return set()
    images = [one for one in index.manifests if not is_attestation(one)]
    told = [one for one in images if one.platform is not None and one.platform.os not in ("", "unknown")]
    wanted: list[Descriptor]
    if len(told) == len(images):
        chosen = choose([Choice(one.platform, one, present=True) for one in told], platforms, name, [])
        wanted = [choice.value for choice in chosen if choice.value is not None]
    else:
        platform = platforms.platform or this_platform()
        wanted = [one for one in images if one not in told or matches(platform, one.platform)]
    digests = {one.digest for one in wanted}
    about = {one.digest for one in index.manifests if is_attestation(one) and attested(one) in (*digests, "")}
    return {one.digest for one in index.manifests} - digests - about


def _completed(
    client: RegistryClient, reference: Reference, image: Image, fetched: FetchedManifest, problems: list[Problem]
) -> Image:
    """An image with the name it was asked for by, and what was attached to it, or to the index it stands in, later."""
    own = image.manifest_digest or fetched.digest
    digests = tuple(dict.fromkeys((own, fetched.digest)))
    known = {attestation.digest for attestation in image.attestations}
    more = tuple(one for one in attached(client, reference.repository, digests, problems) if one.digest not in known)
    annotations = tuple(pair for pair in image.annotations if pair != (CONTAINERD_NAME, str(reference)))
    # With a digest the tag is not asked for, and may be another image by now.
    tags = (str(reference),) if reference.tag and not reference.digest else ()
    return replace(
        image,
        reference=str(reference),
        tags=tags,
        annotations=annotations,
        attestations=(*image.attestations, *more),
    )


def _named(reference: Reference, error: SourceError) -> SourceError:
    """The registry's error, with what a short name may have been meant for."""
    name = reference.repository.removeprefix("library/")
    if reference.registry == HUB and name.replace("/", "").isdigit():
        tip = f"`registry:` says where to ask; the image called registry is registry:registry:{name}"
        return type(error)(error.message, tip=tip)
    return error
