"""From the files of an archive or layout to images: docker save of every generation, OCI, and v1."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from imgscan.errors import Effect, InvalidImage, Problem
from imgscan.image.blob import BlobRef, MissingBlob
from imgscan.image.history import join_history
from imgscan.image.image import (
    Attestation,
    Descriptor,
    HistoryEntry,
    Image,
    ImageConfig,
    Layer,
    SourceKind,
)
from imgscan.image.oci import (
    ATTESTATION_OF,
    ATTESTATION_TYPE,
    CONFIG_TYPES,
    CONTAINERD_NAME,
    REF_NAME,
    BadDocument,
    Index,
    Manifest,
    config_from,
    parse_config,
    parse_document,
    parse_json,
    sha256,
)
from imgscan.sources.entries import Entries
from imgscan.sources.platforms import Choice, choose
from imgscan.sources.source import PlatformRequest

_MAX_INDEX_DEPTH = 8
_MAX_IMAGES = 10_000


@dataclass(slots=True)
class Assembly:
    """The images found, and what was wrong on the way. `claimed` are the names of all files that an image uses."""

    images: list[Image] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)


def assemble(
    entries: Entries, platforms: PlatformRequest, *, where: str, source: SourceKind, tag: str | None = None
) -> Assembly:
    """All images that `entries` describe and `platforms` ask for; `tag` picks one by its name in an OCI index.

    `where` names the archive for messages. Raises InvalidImage where there is nothing to tell of, and
    PlatformNotFound.
    """
    return _Assembler(entries, platforms, where, source).run(tag)


@dataclass(slots=True)
class _Found:
    """A manifest that an index leads to."""

    descriptor: Descriptor
    manifest: Manifest
    name: str
    annotations: tuple[tuple[str, str], ...]


class _Assembler:
    def __init__(self, entries: Entries, platforms: PlatformRequest, where: str, source: SourceKind) -> None:
        self._entries = entries
        self._platforms = platforms
        self._where = where
        self._source = source
        self._result = Assembly()
        self._attestations: list[tuple[str, Descriptor]] = []
        self._absent: list[tuple[str, Descriptor]] = []  # named by an index, with the name it gives
        self._artifacts = 0

    def run(self, tag: str | None) -> Assembly:
        result = self._result
        index = self._claim_document("index.json")
        manifest = self._claim_document("manifest.json")
        self._claim_document("oci-layout")
        self._claim_document("repositories")
        failure: InvalidImage | None = None
        if index is not None:
            try:
                self._from_index(index, tag, self._tags(manifest))
            except InvalidImage as error:
                failure = error
        if not result.images and manifest is not None:
            kept, result.problems = result.problems, []
            try:
                self._from_docker(manifest)
                failure = None
            except InvalidImage as error:
                failure = failure or error
                result.problems = kept + result.problems
        if not result.images and index is None and manifest is None:
            self._from_v1()
        if not result.images:
            raise failure or InvalidImage(
                f"{self._where} holds no image: neither index.json nor manifest.json nor v1 layers were found",
                tip="give an archive that docker save, podman save, skopeo or buildah wrote, or an OCI layout",
            )
        return result

    # -- OCI index

    def _from_index(self, data: bytes, tag: str | None, tags: dict[str, tuple[str, ...]]) -> None:
        try:
            index = parse_document(data, "index.json")
        except BadDocument as error:
            raise InvalidImage(f"{self._where}: {error}") from None
        found = list(self._walk(index, "", (), 0, set())) if isinstance(index, Index) else []
        if tag is not None:
            found = [item for item in found if item.name in (tag, f"{tag}:latest") or item.name.endswith(f":{tag}")]
            if not found:
                raise InvalidImage(f"{self._where} has no image named {tag!r}")
        if not found:
            raise self._nothing(index)
        names = sorted({item.name for item in found})
        for name in names:
            choices = [Choice(self._platform(item), item, present=True) for item in found if item.name == name] + [
                Choice(d.platform, None, present=False) for n, d in self._absent if n == name
            ]
            for choice in choose(choices, self._platforms, f"{self._where} {name}".strip(), self._result.problems):
                if choice.value is not None:
                    self._add(choice.value, tags)

    def _nothing(self, index: object) -> InvalidImage:
        if self._artifacts:
            return InvalidImage(f"{self._where} holds {self._artifacts} artifacts that are no container images")
        if self._absent:
            digests = ", ".join(descriptor.digest for _, descriptor in self._absent[:3])
            return InvalidImage(
                f"{self._where} names images whose manifests it does not hold ({digests})",
                tip="it was saved in part; save the image again, or scan it from the engine or registry",
            )
        what = "names no image" if isinstance(index, Index) else "is no index"
        return InvalidImage(f"{self._where}: index.json {what}")

    def _walk(
        self, index: Index, name: str, annotations: tuple[tuple[str, str], ...], depth: int, seen: set[str]
    ) -> Iterator[_Found]:
        for descriptor in index.manifests[:_MAX_IMAGES]:
            notes = dict(descriptor.annotations)
            own_name = notes.get(CONTAINERD_NAME) or notes.get(REF_NAME) or name
            if notes.get(ATTESTATION_TYPE) == "attestation-manifest":
                self._attestations.append((notes.get(ATTESTATION_OF, ""), descriptor))
                continue
            data = self._claim_blob_document(descriptor.digest)
            if data is None:
                self._absent.append((own_name, descriptor))
                continue
            self._verify(data, descriptor)
            try:
                document = parse_document(data, f"the manifest {descriptor.digest}")
            except BadDocument as error:
                self._problem("bad-manifest", str(error), Effect.INCOMPLETE)
                continue
            if isinstance(document, Manifest):
                if self._is_image(document):
                    yield _Found(descriptor, document, own_name, (*annotations, *descriptor.annotations))
                else:
                    self._artifacts += 1
                    self._claim_artifact(document)
            elif descriptor.digest in seen or depth >= _MAX_INDEX_DEPTH:
                self._problem(
                    "index-loop", f"the index {descriptor.digest} leads to itself or too deep", Effect.INCOMPLETE
                )
            else:
                more = (*annotations, *document.annotations)
                yield from self._walk(document, own_name, more, depth + 1, {*seen, descriptor.digest})

    def _is_image(self, manifest: Manifest) -> bool:
        """Judged by the config's content: media types are free text, and some tools write their own."""
        if manifest.config.media_type in CONFIG_TYPES:
            return not manifest.artifact_type or manifest.artifact_type in CONFIG_TYPES
        data = self._entries.document(_blob_name(manifest.config.digest))
        try:
            document = parse_json(data or b"", "config")
        except BadDocument:
            return False
        return isinstance(document, dict) and isinstance(document.get("rootfs"), dict)

    def _platform(self, found: _Found) -> Any:
        if found.descriptor.platform is not None and found.descriptor.platform.os:
            return found.descriptor.platform
        data = self._entries.document(_blob_name(found.manifest.config.digest))
        return parse_config(data, "")[0].platform if data is not None else None

    def _add(self, found: _Found, tags: dict[str, tuple[str, ...]]) -> None:
        manifest = found.manifest
        problems: list[Problem] = []
        config = self._config(manifest.config, problems)
        layers = [(self._layer_blob(descriptor), descriptor) for descriptor in manifest.layers]
        digest = found.descriptor.digest
        image_tags = tags.get(config.image_id, ()) or ((found.name,) if ":" in found.name else ())
        image = self._image(config, layers, problems, tags=image_tags, reference=found.name)
        self._result.images.append(
            replace(
                image,
                manifest_digest=digest,
                annotations=(*found.annotations, *manifest.annotations),
                oci_format=manifest.is_oci,
                attestations=tuple(self._statements(digest)),
            )
        )

    def _config(self, descriptor: Descriptor, problems: list[Problem]) -> ImageConfig:
        data = self._claim_blob_document(descriptor.digest)
        if data is None:
            message = f"the config {descriptor.digest} is not in {self._where}, or no document"
            problems.append(Problem("missing-blob", message, Effect.INCOMPLETE))
            return ImageConfig(descriptor.digest, descriptor.platform or config_from({}, "")[0].platform)
        self._verify(data, descriptor)
        config, wrong = parse_config(data, descriptor.digest)
        problems.extend(wrong)
        return config

    def _layer_blob(self, descriptor: Descriptor) -> BlobRef:
        name = _blob_name(descriptor.digest)
        self._result.claimed.add(name)
        foreign = (
            bool(descriptor.urls) or "foreign" in descriptor.media_type or "nondistributable" in descriptor.media_type
        )
        blob = self._entries.blob(name)
        if blob is not None:
            return blob
        return MissingBlob(descriptor.digest, "it is not in the archive or layout", foreign)

    def _statements(self, digest: str) -> Iterator[Attestation]:
        for subject, descriptor in self._attestations:
            if subject and subject != digest:
                continue
            data = self._claim_blob_document(descriptor.digest)
            if data is None:
                self._problem("missing-blob", f"the attestation {descriptor.digest} is not there", Effect.OPAQUE)
                continue
            try:
                manifest = parse_document(data, f"the attestation {descriptor.digest}")
            except BadDocument as error:
                self._problem("bad-manifest", str(error), Effect.INCOMPLETE)
                continue
            if isinstance(manifest, Manifest):
                self._claim_artifact(manifest)
                for layer in manifest.layers:
                    statement = self._claim_blob_document(layer.digest)
                    if statement is None:
                        self._problem("missing-blob", f"the statement {layer.digest} is not there", Effect.OPAQUE)
                    else:
                        kind = dict(layer.annotations).get("in-toto.io/predicate-type", "")
                        yield Attestation(kind, layer.digest, statement)

    # -- docker save

    def _tags(self, manifest: bytes | None) -> dict[str, tuple[str, ...]]:
        """Tags by image id, where a manifest.json stands beside an index.json."""
        tags = {}
        for item in _docker_items(manifest) if manifest is not None else ():
            name = posixpath.basename(item.config).removesuffix(".json")
            tags[f"sha256:{name}"] = item.tags
        return tags

    def _from_docker(self, data: bytes) -> None:
        try:
            parse_json(data, "manifest.json")
        except BadDocument as error:
            raise InvalidImage(f"{self._where}: {error}") from None
        items = list(_docker_items(data))[:_MAX_IMAGES]
        if not items:
            raise InvalidImage(f"{self._where}: manifest.json names no image")
        choices = []
        for item in items:
            document = self._entries.document(item.config)
            platform = parse_config(document, "")[0].platform if document is not None else None
            choices.append((item, document, platform))
        wanted = self._platforms.platform
        for item, document, platform in choices:
            if wanted is not None:
                name = item.tags[0] if item.tags else self._where
                choose([Choice(platform, item, present=True)], self._platforms, name, self._result.problems)
            self._add_docker(item, document)

    def _add_docker(self, item: _DockerItem, document: bytes | None) -> None:
        problems: list[Problem] = []
        self._result.claimed.add(posixpath.normpath(item.config))
        if document is None:
            message = f"the config {item.config!r} is not in {self._where}, or no document"
            problems.append(Problem("missing-blob", message, Effect.INCOMPLETE))
            config = config_from({}, f"sha256:{item.config}")[0]
        else:
            config, wrong = parse_config(document, sha256(document))
            problems.extend(wrong)
            claimed = posixpath.basename(item.config).removesuffix(".json")
            if len(claimed) == 64 and config.image_id != f"sha256:{claimed}":
                problems.append(_mismatch("the config", f"sha256:{claimed}", config.image_id))
        layers: list[tuple[BlobRef, Descriptor | None]] = []
        for name in item.layers:
            self._result.claimed.add(posixpath.normpath(name))
            blob = self._entries.blob(name)
            layers.append((blob or MissingBlob(name, "it is not in the archive"), None))
        self._result.images.append(self._image(config, layers, problems, tags=item.tags, reference=""))

    # -- v1: before Docker 1.10, layers are a chain of ids with a `json` each

    def _from_v1(self) -> None:
        documents = {}
        for name in sorted(self._entries.names()):
            identifier, slash, rest = name.partition("/")
            if slash and rest == "json" and (data := self._entries.document(name)) is not None:
                try:
                    document = parse_json(data, name)
                except BadDocument as error:
                    self._problem("bad-config", str(error), Effect.INCOMPLETE)
                    continue
                if isinstance(document, dict):
                    documents[identifier] = document
        parents = {document.get("parent") for document in documents.values()}
        names = self._v1_names()
        heads = [identifier for identifier in documents if identifier in names or identifier not in parents]
        for head in heads[:_MAX_IMAGES]:
            self._result.images.append(self._v1_image(head, documents, names.get(head, ())))

    def _v1_names(self) -> dict[str, tuple[str, ...]]:
        data = self._entries.document("repositories")
        try:
            document = parse_json(data, "repositories") if data is not None else {}
        except BadDocument:
            return {}
        names: dict[str, tuple[str, ...]] = {}
        for repository, tags in document.items() if isinstance(document, dict) else ():
            for tag, identifier in tags.items() if isinstance(tags, dict) else ():
                if isinstance(identifier, str):
                    names[identifier] = (*names.get(identifier, ()), f"{repository}:{tag}")
        return names

    def _v1_image(self, head: str, documents: dict[str, dict[str, Any]], tags: tuple[str, ...]) -> Image:
        chain: list[str] = []
        current: Any = head
        while isinstance(current, str) and current in documents and current not in chain:
            chain.append(current)
            current = documents[current].get("parent")
        problems = []
        if current:
            problems.append(
                Problem("missing-blob", f"the parent layer {current!s:.80} is not there", Effect.INCOMPLETE)
            )
        chain.reverse()
        layers: list[tuple[BlobRef, Descriptor | None]] = []
        history = []
        for identifier in chain:
            document = documents[identifier]
            blob = self._entries.blob(f"{identifier}/layer.tar")
            layers.append((blob or MissingBlob(f"{identifier}/layer.tar", "it is not in the archive"), None))
            inner = document.get("container_config")
            command, _ = config_from({"config": inner if isinstance(inner, dict) else {}}, identifier)
            own, _ = config_from(document, identifier)
            comment = document.get("comment")
            history.append(
                HistoryEntry(
                    own.created, " ".join(command.cmd), comment if isinstance(comment, str) else "", own.author, False
                )
            )
        config, wrong = config_from(documents[head], head)
        problems.extend(wrong)
        return self._image(replace(config, history=tuple(history)), layers, problems, tags=tags, reference="")

    # -- common

    def _image(
        self,
        config: ImageConfig,
        blobs: list[tuple[BlobRef, Descriptor | None]] | list[tuple[BlobRef, Descriptor]],
        problems: list[Problem],
        *,
        tags: tuple[str, ...],
        reference: str,
    ) -> Image:
        steps, by_layer, wrong = join_history(config, len(blobs))
        problems.extend(wrong)
        if config.diff_ids and len(config.diff_ids) != len(blobs):
            fewer = len(blobs) < len(config.diff_ids)
            problems.append(
                Problem(
                    "layer-count-mismatch",
                    f"the config names {len(config.diff_ids)} layers, the manifest {len(blobs)}",
                    Effect.INCOMPLETE if fewer else Effect.NOTE,
                )
            )
        if not blobs:
            problems.append(Problem("no-layers", "the image has no layers"))
        layers = tuple(
            Layer(
                index,
                config.diff_ids[index] if index < len(config.diff_ids) else "",
                blob,
                descriptor,
                by_layer.get(index),
            )
            for index, (blob, descriptor) in enumerate(blobs)
        )
        return Image(
            reference=tags[0] if tags else reference or self._where,
            source=self._source,
            config=config,
            layers=layers,
            steps=steps,
            tags=tags,
            problems=tuple(problems),
        )

    def _claim_document(self, name: str) -> bytes | None:
        self._result.claimed.add(name)
        return self._entries.document(name)

    def _claim_blob_document(self, digest: str) -> bytes | None:
        return self._claim_document(_blob_name(digest))

    def _claim_artifact(self, manifest: Manifest) -> None:
        self._result.claimed.update(_blob_name(d.digest) for d in (manifest.config, *manifest.layers))

    def _verify(self, data: bytes, descriptor: Descriptor) -> None:
        if descriptor.digest.startswith("sha256:") and sha256(data) != descriptor.digest:
            self._result.problems.append(_mismatch("a document", descriptor.digest, sha256(data)))

    def _problem(self, code: str, message: str, effect: Effect) -> None:
        self._result.problems.append(Problem(code, message, effect))


@dataclass(frozen=True, slots=True)
class _DockerItem:
    config: str
    tags: tuple[str, ...]
    layers: tuple[str, ...]


def _docker_items(data: bytes) -> Iterator[_DockerItem]:
    """The images of a manifest.json; jib writes its keys in lower case."""
    try:
        document = parse_json(data, "manifest.json")
    except BadDocument:
        return
    for item in document if isinstance(document, list) else ():
        if not isinstance(item, dict):
            continue
        keys = {str(key).lower(): value for key, value in item.items()}
        config, tags, layers = keys.get("config"), keys.get("repotags"), keys.get("layers")
        if not isinstance(config, str):
            continue
        yield _DockerItem(
            config,
            tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
            tuple(name for name in layers if isinstance(name, str)) if isinstance(layers, list) else (),
        )


def _blob_name(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def _mismatch(what: str, claimed: str, computed: str) -> Problem:
    return Problem(
        "digest-mismatch", f"{what} is not what its digest says: {claimed} claimed, {computed} read", Effect.INCOMPLETE
    )
