"""Images that an OCI index or a Docker manifest list names (image-spec, image-index.md and manifest.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from imgscan.errors import Effect, InvalidImage, PlatformNotFound, Problem
from imgscan.image.blob import BlobRef, MissingBlob
from imgscan.image.image import Attestation, Descriptor, ImageConfig, Platform
from imgscan.image.oci import (
    ATTESTATION_OF,
    ATTESTATION_TYPE,
    CONFIG_TYPES,
    CONTAINERD_NAME,
    REF_NAME,
    UNKNOWN_PLATFORM,
    BadDocument,
    Index,
    Manifest,
    parse_config,
    parse_document,
    parse_json,
)
from imgscan.sources.assembly import Assembly, blob_name, is_named, not_named
from imgscan.sources.entries import looks_like_json
from imgscan.sources.platforms import Choice, choose
from imgscan.sources.source import PlatformRequest

_MAX_DEPTH = 8
_MAX_MANIFESTS = 10_000

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """An image manifest that the index leads to. `names` are what the index calls it."""

    descriptor: Descriptor
    manifest: Manifest
    names: tuple[str, ...]
    annotations: Pairs


def add_index_images(
    assembly: Assembly,
    data: bytes,
    platforms: PlatformRequest,
    tag: str | None,
    tags: Mapping[str, tuple[str, ...]] | None,
) -> None:
    """Add the images of an index.json that are asked for; `tag` picks them by name.

    `tags` are those of a manifest.json beside it, by image id: there the archive is one of docker save's. Raises
    InvalidImage where the index leads to no image, PlatformNotFound.
    """
    _Reader(assembly, platforms, tags).add(data, tag)


class _Reader:
    def __init__(
        self, assembly: Assembly, platforms: PlatformRequest, tags: Mapping[str, tuple[str, ...]] | None
    ) -> None:
        self._assembly = assembly
        self._platforms = platforms
        self._tags = tags
        self._attestations: list[tuple[str, Descriptor]] = []
        self._absent: list[tuple[str, Descriptor]] = []  # named by the index, with the name it gives
        self._artifacts = 0
        self._left = _MAX_MANIFESTS

    def add(self, data: bytes, tag: str | None) -> None:
        assembly = self._assembly
        try:
            index = parse_document(data, "index.json")
        except BadDocument as error:
            raise InvalidImage(f"{assembly.where}: {error}") from None
        found = self._distinct(list(self._walk(index, "", (), ())) if isinstance(index, Index) else [])
        if tag is not None:
            named = [item for item in found if any(is_named(name, tag) for name in item.names)]
            if not named:
                raise not_named(assembly.where, tag, (name for item in found for name in item.names))
            found = named
        if not found:
            raise self._nothing(index)
        missed: list[PlatformNotFound] = []
        for name in dict.fromkeys(item.names[0] for item in found):
            choices: list[Choice[_Found]] = [
                Choice(self._platform(item), item, present=True) for item in found if item.names[0] == name
            ]
            choices += [Choice(absent.platform, None, present=False) for n, absent in self._absent if n == name]
            where = assembly.where if name == assembly.where else f"{assembly.where} {name}".strip()
            try:
                chosen = choose(choices, self._platforms, where, assembly.problems)
            except PlatformNotFound as error:
                missed.append(error)
                continue
            for choice in chosen:
                if choice.value is not None:
                    self._add(choice.value)
        assembly.tell_missed(missed)

    def _distinct(self, found: list[_Found]) -> list[_Found]:
        """One entry for each manifest: an image with two tags stands in the index twice."""
        by_digest: dict[str, _Found] = {}
        for item in found:
            known = by_digest.get(item.descriptor.digest)
            if known is None:
                by_digest[item.descriptor.digest] = item
            else:
                names = tuple(dict.fromkeys((*known.names, *item.names)))
                by_digest[item.descriptor.digest] = replace(known, names=names)
        return list(by_digest.values())

    def _nothing(self, index: Manifest | Index) -> InvalidImage:
        where = self._assembly.where
        if self._artifacts:
            what = "an artifact that is no container image" if self._artifacts == 1 else "artifacts alone, and no image"
            return InvalidImage(f"{where} holds {what}", tip="a signature, say, or a chart: name the image itself")
        if self._absent:
            digests = ", ".join(descriptor.digest for _, descriptor in self._absent[:3])
            return InvalidImage(
                f"{where} names images whose manifests it does not hold ({digests})",
                tip="it was saved in part; save the image again, or scan it from the engine or registry",
            )
        unread = next((problem for problem in self._assembly.problems if problem.code == "bad-manifest"), None)
        if unread is not None:
            return InvalidImage(f"{where}: no image of its index can be read: {unread.message}")
        what = "names no image" if isinstance(index, Index) else "is no index"
        return InvalidImage(f"{where}: index.json {what}")

    def _walk(self, index: Index, name: str, annotations: Pairs, above: tuple[str, ...]) -> Iterator[_Found]:
        assembly = self._assembly
        for descriptor in index.manifests:
            self._left -= 1
            if self._left < 0:
                message = f"more than {_MAX_MANIFESTS:,} manifests; the rest was not read"
                assembly.problem("too-many-manifests", message, Effect.INCOMPLETE)
                return
            notes = dict(descriptor.annotations)
            own_name = notes.get(CONTAINERD_NAME) or notes.get(REF_NAME) or name
            if notes.get(ATTESTATION_TYPE) == "attestation-manifest":
                self._attestations.append((notes.get(ATTESTATION_OF, ""), descriptor))
                self._claim_attestation(descriptor)
                continue
            data = assembly.blob_document(descriptor.digest)
            if data is None:
                self._absent.append((own_name, descriptor))
                continue
            assembly.verify(data, descriptor)
            try:
                document = parse_document(data, f"the manifest {descriptor.digest}")
            except BadDocument as error:
                assembly.problem("bad-manifest", str(error), Effect.INCOMPLETE)
                continue
            if isinstance(document, Manifest):
                assembly.claim_blobs((document.config, *document.layers))
                if self._is_image(document):
                    yield _Found(descriptor, document, (own_name,), (*annotations, *descriptor.annotations))
                else:
                    self._artifacts += 1
            elif descriptor.digest in above or len(above) >= _MAX_DEPTH:
                message = f"the index {descriptor.digest} leads to itself or too deep"
                assembly.problem("index-loop", message, Effect.INCOMPLETE)
            else:
                more = (*annotations, *document.annotations)
                yield from self._walk(document, own_name, more, (*above, descriptor.digest))

    def _is_image(self, manifest: Manifest) -> bool:
        """Judged by the config's content: media types are free text, and some tools write their own."""
        if manifest.config.media_type in CONFIG_TYPES:
            # Signatures (cosign) come with an image's config, and layers that are JSON.
            signature = bool(manifest.layers) and all(isinstance(self._json(layer), dict) for layer in manifest.layers)
            return not signature and manifest.artifact_type in ("", *CONFIG_TYPES)
        document = self._json(manifest.config)
        return isinstance(document, dict) and isinstance(document.get("rootfs"), dict)

    def _json(self, descriptor: Descriptor) -> object:
        """A blob that is JSON; None for others."""
        data = self._assembly.entries.document(blob_name(descriptor.digest))
        if data is None or not looks_like_json(data):
            return None
        try:
            document: object = parse_json(data, "a blob")
        except BadDocument:
            return None
        return document

    def _platform(self, found: _Found) -> Platform | None:
        if found.descriptor.platform is not None and found.descriptor.platform.os:
            return found.descriptor.platform
        data = self._assembly.entries.document(blob_name(found.manifest.config.digest))
        return parse_config(data, "")[0].platform if data is not None else None

    def _add(self, found: _Found) -> None:
        assembly, manifest = self._assembly, found.manifest
        problems: list[Problem] = []
        config = self._config(manifest.config, problems)
        layers = [(self._layer_blob(descriptor), descriptor) for descriptor in manifest.layers]
        named = tuple(_full_name(name, assembly.where) for name in found.names if name)
        tags = (self._tags or {}).get(config.image_id) or named
        image = assembly.image(config, layers, problems, tags=tags)
        assembly.images.append(
            replace(
                image,
                manifest_digest=found.descriptor.digest,
                annotations=(*found.annotations, *manifest.annotations),
                # docker save writes OCI manifests as well; its configs have room for a health check all the same.
                oci_format=manifest.is_oci and self._tags is None,
                attestations=tuple(self._statements(found.descriptor.digest)),
            )
        )

    def _config(self, descriptor: Descriptor, problems: list[Problem]) -> ImageConfig:
        data = self._assembly.blob_document(descriptor.digest)
        if data is None:
            message = f"the config {descriptor.digest} is not in {self._assembly.where}, or no document"
            problems.append(Problem("missing-blob", message, Effect.INCOMPLETE))
            return ImageConfig(descriptor.digest, descriptor.platform or UNKNOWN_PLATFORM)
        self._assembly.verify(data, descriptor)
        config, wrong = parse_config(data, descriptor.digest)
        problems.extend(wrong)
        return config

    def _layer_blob(self, descriptor: Descriptor) -> BlobRef:
        blob = self._assembly.entries.blob(blob_name(descriptor.digest))
        if blob is not None:
            return blob
        media_type = descriptor.media_type
        foreign = bool(descriptor.urls) or "foreign" in media_type or "nondistributable" in media_type
        return MissingBlob(descriptor.digest, "it is not in the archive or layout", foreign)

    def _claim_attestation(self, descriptor: Descriptor) -> None:
        data = self._assembly.blob_document(descriptor.digest)
        try:
            manifest = parse_document(data or b"", "attestation")
        except BadDocument:
            return
        if isinstance(manifest, Manifest):
            self._assembly.claim_blobs((manifest.config, *manifest.layers))

    def _statements(self, digest: str) -> Iterator[Attestation]:
        for subject, descriptor in self._attestations:
            if subject and subject != digest:
                continue
            data = self._assembly.blob_document(descriptor.digest)
            if data is None:
                message = f"the attestation {descriptor.digest} is not there"
                self._assembly.problem("missing-attestation", message, Effect.OPAQUE)
                continue
            try:
                manifest = parse_document(data, f"the attestation {descriptor.digest}")
            except BadDocument as error:
                self._assembly.problem("bad-manifest", str(error), Effect.INCOMPLETE)
                continue
            self._assembly.verify(data, descriptor)
            if isinstance(manifest, Manifest):
                yield from self._layers_of(manifest)

    def _layers_of(self, manifest: Manifest) -> Iterator[Attestation]:
        for layer in manifest.layers:
            statement = self._assembly.blob_document(layer.digest)
            if statement is None:
                message = f"the statement {layer.digest} of an attestation is not there"
                self._assembly.problem("missing-attestation", message, Effect.OPAQUE)
            else:
                self._assembly.verify(statement, layer)
                yield Attestation(dict(layer.annotations).get("in-toto.io/predicate-type", ""), layer.digest, statement)


def _full_name(name: str, where: str) -> str:
    """What a user may call the image by: an index often has a tag alone, which says nothing without its place."""
    return name if ":" in name or "/" in name else f"{where}:{name}"
