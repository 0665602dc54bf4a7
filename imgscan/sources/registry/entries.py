"""A registry's image as the files of a layout: documents are fetched when they are asked for, layers are not."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from imgscan.errors import ImageNotFound, SourceError
from imgscan.image.blob import BlobRef, MissingBlob, RegistryBlob
from imgscan.image.image import Descriptor
from imgscan.image.oci import ATTESTATION_OF, ATTESTATION_TYPE, MAX_JSON, BadDocument, Index, Manifest, parse_document
from imgscan.sources.registry.client import RegistryClient
from imgscan.sources.registry.failures import WrongBytes
from imgscan.sources.registry.reference import DIGEST

_UNREADABLE = "its digest cannot be asked for"


class RegistryEntries:
    """One repository, by the names that blobs have in a layout. Only what a manifest referred to is there.

    What `leave_out` named is not fetched, manifests of unwanted platforms for one.
    """

    def __init__(self, client: RegistryClient, repository: str, *, insecure: bool) -> None:
        self._client = client
        self._repository = repository
        self._insecure = insecure
        self._manifests: dict[str, Descriptor] = {}
        self._blobs: dict[str, Descriptor] = {}
        self._layers: set[str] = set()
        self._known: dict[str, bytes] = {}
        self._left_out: set[str] = set()
        self.failures: list[SourceError] = []
        """For documents that something names and that could not be had."""

    def names(self) -> Collection[str]:
        return ()

    def add(self, digest: str, data: bytes) -> None:
        """A manifest that was fetched already."""
        self._keep(digest, data)

    def leave_out(self, digests: Iterable[str]) -> None:
        self._left_out.update(digests)

    def document(self, name: str) -> bytes | None:
        """A manifest, config or statement; None for a layer, which is not fetched to see what it is. SourceError."""
        digest = _digest(name)
        if digest in self._known:
            return self._known[digest]
        if digest in self._left_out or not DIGEST.fullmatch(digest):
            return None
        try:
            if digest in self._manifests:
                return self._keep(digest, self._client.manifest(self._repository, digest).data)
            blob = self._blobs.get(digest)
            if blob is None or digest in self._layers or blob.size > MAX_JSON:
                return None
            self._known[digest] = self._client.document(self._repository, blob)
        except (ImageNotFound, WrongBytes) as error:
            self.failures.append(error)
            self._left_out.add(digest)
            return None
        return self._known[digest]

    def blob(self, name: str) -> BlobRef | None:
        """How to open a layer; one that is distributed elsewhere is named, and not fetched."""
        digest = _digest(name)
        descriptor = self._blobs.get(digest)
        if descriptor is None:
            return None
        if is_foreign(descriptor):
            return MissingBlob(digest, "it is to be fetched elsewhere", foreign=True)
        if not DIGEST.fullmatch(digest):
            return MissingBlob(digest, _UNREADABLE)
        return RegistryBlob(self._client.registry, self._repository, digest, descriptor.size, self._insecure)

    def _keep(self, digest: str, data: bytes) -> bytes:
        """Keep a manifest, and what it says of others: which of them are manifests, which are layers."""
        self._known[digest] = data
        try:
            document = parse_document(data, "a manifest")
        except BadDocument:  # told by whoever asked for it
            return data
        if isinstance(document, Index):
            for descriptor in document.manifests:
                self._manifests.setdefault(descriptor.digest, descriptor)
        else:
            self._learn(document)
        return data

    def _learn(self, manifest: Manifest) -> None:
        for descriptor in (manifest.config, *manifest.layers):
            self._blobs.setdefault(descriptor.digest, descriptor)
        self._layers.update(layer.digest for layer in manifest.layers if is_layer(layer.media_type))


def is_layer(media_type: str) -> bool:
    """Whether a blob says that it is a tar, by the words that all such media types have."""
    return not media_type or "tar" in media_type or "rootfs" in media_type


def is_foreign(descriptor: Descriptor) -> bool:
    """Whether a layer is not the registry's to distribute (image-spec, non-distributable layers)."""
    media_type = descriptor.media_type
    return bool(descriptor.urls) or "foreign" in media_type or "nondistributable" in media_type


def is_attestation(descriptor: Descriptor) -> bool:
    return dict(descriptor.annotations).get(ATTESTATION_TYPE) == "attestation-manifest"


def attested(descriptor: Descriptor) -> str:
    """The digest of the manifest that an attestation of BuildKit's is about; "" where it does not say."""
    return dict(descriptor.annotations).get(ATTESTATION_OF, "")


def _digest(name: str) -> str:
    """`blobs/sha256/...` -> `sha256:...`"""
    _, _, rest = name.partition("/")
    algorithm, _, value = rest.partition("/")
    return f"{algorithm}:{value}"
