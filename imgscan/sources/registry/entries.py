"""A registry's image as the files of a layout: documents are fetched when they are asked for, layers are not."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

from imgscan.errors import ImageNotFound, PlatformNotFound, SourceError
from imgscan.image.blob import BlobRef, MissingBlob, RegistryBlob
from imgscan.image.image import Descriptor
from imgscan.image.oci import ATTESTATION_OF, ATTESTATION_TYPE, MAX_JSON, BadDocument, Index, Manifest, parse_document
from imgscan.sources.registry.client import RegistryClient
from imgscan.sources.registry.failures import WrongBytes
from imgscan.sources.registry.reference import DIGEST

_UNREADABLE = "its digest cannot be asked for"


class RegistryEntries:
    """One repository, by the names that blobs have in a layout. Only what a manifest referred to is there.

    Of an index, what `unwanted` names is not fetched: manifests of other platforms.
    """

    def __init__(
        self, client: RegistryClient, repository: str, unwanted: Callable[[Index], set[str]], *, insecure: bool
    ) -> None:
        self._client = client
        self._repository = repository
        self._insecure = insecure
        self._unwanted = unwanted
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
        """The manifest or index that was fetched already. PlatformNotFound where it cannot have the wanted one."""
        index = self._keep(digest, data)
        if index is not None:
            self._left_out |= self._unwanted(index)

    def document(self, name: str) -> bytes | None:
        """A manifest, config or statement; None for a layer, which is not fetched to see what it is. SourceError."""
        digest = _digest(name)
        if digest in self._known:
            return self._known[digest]
        if digest in self._left_out or not DIGEST.fullmatch(digest):
            return None
        try:
            if digest in self._manifests:
                index = self._keep(digest, self._client.manifest(self._repository, digest).data)
                if index is not None:
                    with suppress(PlatformNotFound):  # another part of the index above may have it
                        self._left_out |= self._unwanted(index)
                return self._known[digest]
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

    def _keep(self, digest: str, data: bytes) -> Index | None:
        """Keep a manifest, and what it says of others: which of them are manifests, which are layers.

        The index, if it is one.
        """
        self._known[digest] = data
        try:
            document = parse_document(data, "a manifest")
        except BadDocument:  # told by whoever asked for it
            return None
        if isinstance(document, Index):
            for descriptor in document.manifests:
                self._manifests.setdefault(descriptor.digest, descriptor)
            return document
        self._learn(document)
        return None

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
