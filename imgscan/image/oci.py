"""Decoding of the JSON documents of an image: manifests, indexes and configs of OCI and Docker.

Every field is a claim: a wrong type is left out and told, never raised for. Sources: image-spec v1.1
(manifest.md, image-index.md, config.md), Docker image spec v1.3, distribution's schema 2.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imgscan.errors import Effect, Problem
from imgscan.image.image import Descriptor, Healthcheck, HistoryEntry, ImageConfig, Platform

MAX_JSON = 8 << 20
"""Bytes of a document that are read; the largest manifests registries take are 4 MiB."""
MAX_DEPTH = 64
"""Objects and lists within one another; documents of images have about six. Deeper ones end readers that recurse."""
MAX_LAYERS = 10_000
"""Layers of one image; engines run up to 127."""
_MAX_ITEMS = 100_000
_SURROGATE = re.compile("[\ud800-\udfff]")

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ATTESTATION_TYPE = "vnd.docker.reference.type"
"""Annotation by which BuildKit marks an attestation manifest in an index."""
ATTESTATION_OF = "vnd.docker.reference.digest"
IN_TOTO = "application/vnd.in-toto+json"
REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
UNKNOWN_PLATFORM = Platform("unknown", "unknown")

CONFIG_TYPES = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json", ""}
)


class BadDocument(ValueError):
    """A document that is not what it should be; the message says why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest, or that of another artifact (`is_image` tells)."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: tuple[tuple[str, str], ...]
    artifact_type: str

    @property
    def is_image(self) -> bool:
        """Whether its config is an image's config."""
        return self.config.media_type in CONFIG_TYPES and not self.artifact_type

    @property
    def is_oci(self) -> bool:
        return self.media_type == OCI_MANIFEST


@dataclass(frozen=True, slots=True)
class Index:
    """An index or manifest list."""

    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: tuple[tuple[str, str], ...]


def sha256(data: bytes) -> str:
    """The digest of bytes, as OCI writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def parse_json(data: bytes, what: str) -> Any:
    """JSON of a hostile source, strings fit for any encoder; BadDocument for what is no JSON, too big or too deep."""
    if len(data) > MAX_JSON:
        raise BadDocument(f"{what} has {len(data):,} bytes; {MAX_JSON:,} are read at most")
    try:
        document = json.loads(data.decode("utf-8-sig", "replace"))
        return _clean_document(document, MAX_DEPTH)
    except RecursionError:
        raise BadDocument(f"{what} is nested too deep") from None
    except ValueError as error:
        raise BadDocument(f"{what} is not JSON: {error}") from None


def _clean_document(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean(value)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        raise RecursionError
    if isinstance(value, list):
        return [_clean_document(item, depth - 1) for item in value]
    return {clean(key): _clean_document(item, depth - 1) for key, item in value.items()}


def folded(document: dict[str, Any]) -> dict[str, Any]:
    """An object by its keys without case, the last of several counting.

    Engines decode with Go's encoding/json, which takes `USER` for `User`: what they obey must not be hidden from us.
    """
    return {key.casefold(): value for key, value in document.items()}


def parse_document(data: bytes, what: str) -> Manifest | Index:
    """A manifest or an index, told apart by media type, else by shape. BadDocument otherwise."""
    document = parse_json(data, what)
    if not isinstance(document, dict):
        raise BadDocument(f"{what} is not a JSON object")
    document = folded(document)
    media_type = _text(document.get("mediatype"))
    if document.get("schemaversion") == 1 and "fslayers" in document:
        raise BadDocument(f"{what} is a schema 1 manifest, which is obsolete; pull and push the image to convert it")
    annotations = _pairs(document.get("annotations"))
    if isinstance(document.get("manifests"), list) and "config" not in document:
        return Index(media_type, tuple(_descriptors(document["manifests"])), annotations)
    config = _descriptor(document.get("config"))
    layers = document.get("layers")
    if isinstance(layers, list) and len(layers) > MAX_LAYERS:
        raise BadDocument(f"{what} names {len(layers):,} layers; {MAX_LAYERS:,} are read at most")
    if config is None or not (isinstance(layers, list) or layers is None):
        raise BadDocument(f"{what} is neither an image manifest nor an index")
    media_type = media_type or (OCI_MANIFEST if ".oci." in config.media_type else DOCKER_MANIFEST)
    artifact_type = _text(document.get("artifacttype"))
    return Manifest(media_type, config, tuple(_descriptors(layers or [])), annotations, artifact_type)


def parse_config(blob: bytes, image_id: str) -> tuple[ImageConfig, tuple[Problem, ...]]:
    """The config blob. One that cannot be read gives an empty config and an INCOMPLETE problem."""
    try:
        document = parse_json(blob, "the image config")
        if not isinstance(document, dict):
            raise BadDocument("the image config is not a JSON object")
    except BadDocument as error:
        return ImageConfig(image_id, UNKNOWN_PLATFORM), (Problem("bad-config", str(error), Effect.INCOMPLETE),)
    return config_from(document, image_id)


def config_from(document: dict[str, Any], image_id: str) -> tuple[ImageConfig, tuple[Problem, ...]]:
    """An ImageConfig from a decoded config document (also a v1 layer's `json`)."""
    field = _Fields(document)
    inner = field.inner(field.mapping("config"), "config.")
    rootfs = field.inner(field.mapping("rootfs"), "rootfs.")
    health = inner.mapping("Healthcheck")
    config = ImageConfig(
        image_id=image_id,
        platform=Platform(field.text("os") or "linux", field.text("architecture") or "unknown", field.text("variant")),
        created=field.text("created"),
        author=field.text("author"),
        user=inner.text("User"),
        env=inner.texts("Env"),
        entrypoint=inner.texts("Entrypoint"),
        cmd=inner.texts("Cmd"),
        working_dir=inner.text("WorkingDir"),
        labels=_pairs(inner.mapping("Labels")),
        healthcheck=Healthcheck(field.inner(health, "config.Healthcheck.").texts("Test")) if health else None,
        exposed_ports=tuple(sorted(map(clean, inner.mapping("ExposedPorts")))),
        volumes=tuple(sorted(map(clean, inner.mapping("Volumes")))),
        on_build=inner.texts("OnBuild"),
        shell=inner.texts("Shell"),
        stop_signal=inner.text("StopSignal"),
        diff_ids=rootfs.texts("diff_ids"),
        history=tuple(_history(field.value("history"), field)),
        raw=document,
    )
    problems = tuple(
        Problem("odd-config", f"{name} of the image config has a type it should not have; it was left out")
        for name in sorted(set(field.wrong))
    )
    too_many = tuple(
        Problem(
            "odd-config",
            f"{name} of the image config has more than {_MAX_ITEMS:,} entries; the rest was left out",
            Effect.INCOMPLETE,
        )
        for name in sorted(set(field.too_many))
    )
    return config, problems + too_many


def _history(entries: Any, config: _Fields) -> Iterator[HistoryEntry]:
    if entries is None:
        return
    if not isinstance(entries, list):
        config.wrong.append("history")
        return
    for entry in config.bounded(entries, "history"):
        if not isinstance(entry, dict):
            config.wrong.append("history")
            continue
        fields = config.inner(entry, "history.")
        yield HistoryEntry(
            created=fields.text("created"),
            created_by=fields.text("created_by"),
            comment=fields.text("comment"),
            author=fields.text("author"),
            empty_layer=fields.value("empty_layer") is True,
        )


class _Fields:
    """Typed access to a JSON object; fields of wrong types collect in `wrong`, endless ones in `too_many`."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = folded(document)
        self._prefix = ""
        self.wrong: list[str] = []
        self.too_many: list[str] = []

    def inner(self, document: dict[str, Any], prefix: str) -> _Fields:
        """The fields of an object within; what is wrong collects here."""
        fields = _Fields(document)
        fields._prefix, fields.wrong, fields.too_many = prefix, self.wrong, self.too_many
        return fields

    def value(self, name: str) -> Any:
        return self._document.get(name.casefold())

    def text(self, name: str) -> str:
        value = self.value(name)
        if value is None or isinstance(value, str):
            return clean(value or "")
        self.wrong.append(self._prefix + name)
        return ""

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        if value is None:
            return ()
        if isinstance(value, str):  # podman and old engines: a bare string for Cmd or Entrypoint
            return (clean(value),)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong.append(self._prefix + name)
        if not isinstance(value, list):
            return ()
        return tuple(clean(item) for item in self.bounded(value, name) if isinstance(item, str))

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.value(name)
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self.wrong.append(self._prefix + name)
        return {}

    def bounded(self, items: list[Any], name: str) -> list[Any]:
        if len(items) > _MAX_ITEMS:
            self.too_many.append(self._prefix + name)
        return items[:_MAX_ITEMS]


def clean(text: str) -> str:
    """JSON may hold lone surrogates, which no encoder takes: they become U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        return ()
    return tuple((clean(key), _text(item)) for key, item in value.items())


def _descriptors(items: list[Any]) -> Iterator[Descriptor]:
    for item in items:
        descriptor = _descriptor(item)
        if descriptor is not None:
            yield descriptor


def _descriptor(value: Any) -> Descriptor | None:
    if not isinstance(value, dict):
        return None
    fields = folded(value)
    digest, size, urls = fields.get("digest"), fields.get("size"), fields.get("urls")
    if not isinstance(digest, str):
        return None
    return Descriptor(
        media_type=_text(fields.get("mediatype")),
        digest=clean(digest),
        size=size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 63 else -1,
        platform=_platform(fields.get("platform")),
        annotations=_pairs(fields.get("annotations")),
        urls=tuple(_text(url) for url in urls if isinstance(url, str)) if isinstance(urls, list) else (),
    )


def _platform(value: Any) -> Platform | None:
    if not isinstance(value, dict):
        return None
    fields = folded(value)
    return Platform(_text(fields.get("os")), _text(fields.get("architecture")), _text(fields.get("variant")))
