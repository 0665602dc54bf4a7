"""What a tag leads to, asked of the registry: manifests, configs and attestations; no layer is opened.

Pure but for the asking: it keeps nothing, so that many threads may ask at once. What is found is written by listing.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from imgscan.audit.unread import code_of
from imgscan.errors import Effect, ImageNotFound, InvalidImage, Problem, SourceError, SourceUnavailable
from imgscan.image.image import Descriptor
from imgscan.image.oci import (
    ATTESTATION_OF,
    ATTESTATION_TYPE,
    CONFIG_TYPES,
    BadDocument,
    Index,
    Manifest,
    parse_config,
    parse_json,
)
from imgscan.reduction import is_foreign, is_tar
from imgscan.sources.registry.client import FetchedManifest, ManifestHead
from imgscan.sources.registry.failures import NotOffered

MAX_DEPTH = 8
MAX_MANIFESTS = 10_000
"""Of one index; the same as for archives (sources/index_images.py)."""
_SMALL = 1 << 20
"""Bytes of a layer that is no tar by its media type, up to which it is fetched to tell a signature from an image."""


class Registry(Protocol):
    """What an audit asks of a registry's client (sources/registry/client.py). Many threads ask at once."""

    registry: str

    def repositories(self) -> Iterator[str]: ...

    def tags(self, repository: str) -> Iterator[str]: ...

    def head(self, repository: str, reference: str) -> ManifestHead: ...

    def manifest(self, repository: str, reference: str) -> FetchedManifest: ...

    def document(self, repository: str, descriptor: Descriptor) -> bytes: ...


@dataclass(frozen=True, slots=True)
class FoundLayer:
    """A layer as a manifest names it; `size` -1 where it does not say."""

    digest: str
    media_type: str
    size: int
    foreign: bool


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image of one platform. `created` as its config claims, "" where that says nothing."""

    digest: str
    platform: str
    image_id: str
    created: str
    layers: tuple[FoundLayer, ...]
    attestations: tuple[tuple[str, str], ...] = ()
    """(digest, subject) of the manifests that came with it in an index; "" as a subject is for all of them."""


@dataclass(slots=True)
class Found:
    """What one digest leads to. `whole` is False where something may be there the next time."""

    digest: str
    media_type: str
    kind: str = "artifact"
    images: list[FoundImage] = field(default_factory=list)
    documents: dict[str, bytes] = field(default_factory=dict, repr=False)
    problems: list[Problem] = field(default_factory=list)
    whole: bool = True


def discover(registry: Registry, repository: str, manifest: FetchedManifest) -> Found:
    """Follow a manifest or index to its images. Raises the SourceError of what ends the search: no registry left."""
    return _Search(registry, repository, manifest).run()


class _Search:
    def __init__(self, registry: Registry, repository: str, manifest: FetchedManifest) -> None:
        self._registry = registry
        self._repository = repository
        self._manifest = manifest
        self._found = Found(manifest.digest, manifest.media_type)
        self._left = MAX_MANIFESTS

    def run(self) -> Found:
        document = self._manifest.document()
        self._found.documents[self._manifest.digest] = self._manifest.data
        if isinstance(document, Index):
            self._found.kind = "index"
            self._walk(document, (self._manifest.digest,))
        elif self._image(self._manifest.digest, document, ()):
            self._found.kind = "image"
        return self._found

    def _walk(self, index: Index, above: tuple[str, ...]) -> None:
        attestations = tuple(self._attestations(index))
        for descriptor in index.manifests:
            self._left -= 1
            if self._left < 0:
                self._tell("too-many-manifests", f"more than {MAX_MANIFESTS:,} manifests; the rest was not read")
                return
            if _is_attestation(descriptor):
                continue
            if descriptor.digest in above or len(above) > MAX_DEPTH:
                self._tell("index-loop", f"the index {descriptor.digest} leads to itself or too deep")
                continue
            manifest = self._child(descriptor)
            if manifest is None:
                continue
            try:
                document = manifest.document()
            except InvalidImage as error:
                self._tell("bad-manifest", error.message)
                continue
            self._found.documents[manifest.digest] = manifest.data
            if isinstance(document, Index):
                self._walk(document, (*above, descriptor.digest))
            else:
                mine = tuple(pair for pair in attestations if pair[1] in ("", manifest.digest))
                self._image(manifest.digest, document, mine)

    def _child(self, descriptor: Descriptor) -> FetchedManifest | None:
        try:
            return self._registry.manifest(self._repository, descriptor.digest)
        except ImageNotFound:
            # Mirrors and clean-ups leave platforms out of what an index names.
            name = descriptor.platform or descriptor.digest
            self._tell("absent-platform", f"{name} is named in the index, but not there", Effect.OPAQUE)
        except SourceError as error:
            self._failed(f"the manifest {descriptor.digest}", error)
        return None

    def _image(self, digest: str, manifest: Manifest, attestations: tuple[tuple[str, str], ...]) -> bool:
        """Add an image; False for another artifact, which is told by the content of its config and layers."""
        if manifest.config.media_type not in CONFIG_TYPES and manifest.artifact_type:
            return False
        config = self._document(manifest.config, "config")
        if manifest.config.media_type not in CONFIG_TYPES and not _has_layers(config):
            return False
        odd = [layer for layer in manifest.layers if not is_tar(layer.media_type)]
        if odd and len(odd) == len(manifest.layers) and all(0 <= layer.size <= _SMALL for layer in odd):
            if manifest.artifact_type not in ("", *CONFIG_TYPES):
                return False
            for layer in odd:
                self._document(layer, "layer")
            if all(_is_object(self._found.documents.get(layer.digest)) for layer in odd):
                return False
        parsed = parse_config(config, manifest.config.digest)[0] if config is not None else None
        self._found.images.append(
            FoundImage(
                digest=digest,
                platform=str(parsed.platform) if parsed is not None else "unknown/unknown",
                image_id=manifest.config.digest,
                created=parsed.created if parsed is not None else "",
                layers=tuple(
                    FoundLayer(layer.digest, layer.media_type, layer.size, is_foreign(layer))
                    for layer in manifest.layers
                ),
                attestations=attestations,
            )
        )
        return True

    def _attestations(self, index: Index) -> Iterator[tuple[str, str]]:
        """(digest, subject) of the attestation manifests of an index, whose statements are fetched."""
        for descriptor in index.manifests[:MAX_MANIFESTS]:
            if not _is_attestation(descriptor):
                continue
            manifest = self._child(descriptor)
            if manifest is None:
                continue
            try:
                document = manifest.document()
            except InvalidImage as error:
                self._tell("bad-manifest", error.message)
                continue
            self._found.documents[manifest.digest] = manifest.data
            if isinstance(document, Manifest):
                for layer in document.layers:
                    self._document(layer, "statement")
                yield manifest.digest, dict(descriptor.annotations).get(ATTESTATION_OF, "")

    def _document(self, descriptor: Descriptor, what: str) -> bytes | None:
        if descriptor.digest not in self._found.documents:
            try:
                data = self._registry.document(self._repository, descriptor)
            except SourceError as error:
                self._failed(f"the {what} {descriptor.digest}", error)
                return None
            self._found.documents[descriptor.digest] = data
        return self._found.documents[descriptor.digest]

    def _failed(self, what: str, error: SourceError) -> None:
        """A part that did not come. Where the registry itself is gone there is no use in asking for more."""
        if isinstance(error, SourceUnavailable) and not isinstance(error, NotOffered):
            raise error
        self._tell(code_of(error), f"{what}: {error.message}")
        self._found.whole = False

    def _tell(self, code: str, message: str, effect: Effect = Effect.INCOMPLETE) -> None:
        self._found.problems.append(Problem(code, message, effect))


def _is_attestation(descriptor: Descriptor) -> bool:
    return dict(descriptor.annotations).get(ATTESTATION_TYPE) == "attestation-manifest"


def _has_layers(config: bytes | None) -> bool:
    """Whether a config of an unknown media type is an image's."""
    document = _parsed(config)
    return isinstance(document, dict) and isinstance(document.get("rootfs"), dict)


def _is_object(data: bytes | None) -> bool:
    return isinstance(_parsed(data), dict)


def _parsed(data: bytes | None) -> object:
    try:
        document: object = parse_json(data or b"", "a blob")
    except BadDocument:
        return None
    return document
