"""An image as its metadata describes it: config, history and layers, before any layer is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from imgscan.errors import Problem
from imgscan.image.blob import BlobRef


class SourceKind(StrEnum):
    """Where an image came from; the value is what reports say."""

    DOCKER = "docker"
    REGISTRY = "registry"
    ARCHIVE = "archive"
    OCI = "oci"


@dataclass(frozen=True, slots=True)
class Platform:
    """`os/architecture[/variant]`, as Go names them."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to a blob: `digest` is of the blob as stored, `size` in bytes, both as claimed."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """`test` as in the config: ("NONE",), ("CMD", ...) or ("CMD-SHELL", text); empty means inherited."""

    test: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class HistoryEntry:
    """One entry of the config's history, as stored. Strings hold plaintext where the image does."""

    created: str
    created_by: str
    comment: str
    author: str
    empty_layer: bool


@dataclass(frozen=True, slots=True, repr=False)
class ImageConfig:
    """The config blob, decoded. Its strings hold plaintext where the image does, so its repr shows none.

    `image_id` is the digest of the config blob (`sha256:...`), or what the engine calls the image where the
    blob itself is not at hand. `env` keeps order and duplicates. `diff_ids` are the claims of the config.
    `raw` is the whole document.
    """

    image_id: str
    platform: Platform
    created: str = ""
    author: str = ""
    user: str = ""
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    healthcheck: Healthcheck | None = None
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    on_build: tuple[str, ...] = ()
    shell: tuple[str, ...] = ()
    stop_signal: str = ""
    diff_ids: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    raw: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)

    def __repr__(self) -> str:
        return f"ImageConfig({self.image_id}, {self.platform}, {len(self.diff_ids)} layers)"


class Builder(StrEnum):
    """Who wrote a history entry, told by its form."""

    CLASSIC = "classic"
    BUILDKIT = "buildkit"
    BUILDAH = "buildah"
    KANIKO = "kaniko"
    KO = "ko"
    JIB = "jib"
    BAZEL = "bazel"
    APKO = "apko"
    BUILDPACKS = "buildpacks"
    COMMIT = "commit"
    IMPORT = "import"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, repr=False)
class Instruction:
    """A Dockerfile instruction, read back from `created_by`.

    `keyword` is upper case (`RUN`, `COPY`, ...), or empty where the text is no instruction.
    `arguments` is what followed it, without the builder's additions (shell, build args, `# buildkit`, tails).
    `shell` is the shell a RUN went through. `build_args` are the `|N name=value` pairs in effect.
    `recorded` is False where the builder did not keep the text (a heredoc with a shebang leaves `/dev/pipes/EOF`).
    """

    keyword: str
    arguments: str
    shell: tuple[str, ...] = ()
    build_args: tuple[tuple[str, str], ...] = ()
    builder: Builder = Builder.UNKNOWN
    recorded: bool = True

    @property
    def text(self) -> str:
        """`RUN rm -f .env`: the instruction as one would write it. Not redacted."""
        return f"{self.keyword} {self.arguments}".strip() if self.keyword else self.arguments


@dataclass(frozen=True, slots=True, repr=False)
class HistoryStep:
    """One step of the reconstructed build: `index` in the config's history, `layer` the layer it made, if any."""

    index: int
    created: str
    created_by: str
    comment: str
    author: str
    empty_layer: bool
    layer: int | None
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as the metadata names it: `index` from 0, base first; `diff_id` as the config claims it.

    `descriptor` is what the manifest says of the blob, None where there is no such manifest (docker save).
    `step` is the history step that made it, None where the counts disagree.
    """

    index: int
    diff_id: str
    blob: BlobRef
    descriptor: Descriptor | None = None
    step: HistoryStep | None = None


@dataclass(frozen=True, slots=True)
class Attestation:
    """An attestation manifest's statement (SBOM, provenance) that came with the image: the JSON as stored."""

    predicate_type: str
    digest: str
    statement: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """All metadata of one image of one platform; no layer has been read.

    `reference` is what the user may call it by; `manifest_digest` is None where the source has no manifest.
    `oci_format` is True where the manifest is an OCI one, whose config has no place for a health check.
    """

    reference: str
    source: SourceKind
    config: ImageConfig
    layers: tuple[Layer, ...]
    steps: tuple[HistoryStep, ...]
    manifest_digest: str | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    oci_format: bool = False
    tags: tuple[str, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    problems: tuple[Problem, ...] = ()
    asked: str = field(default="", compare=False)
    """The arguments that ask for it again, quoted for a shell (`a.tar --platform linux/arm64`); "" where unknown."""
