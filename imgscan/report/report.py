"""The report on one image: everything a renderer needs, already redacted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from imgscan.errors import Effect, Problem
from imgscan.evidence import InnerCoverage, Skip
from imgscan.report.dockerfile import DockerfileRow
from imgscan.report.finding import Origin
from imgscan.report.policy import Verdict


class ToolClass(StrEnum):
    """What a program found in the image is for; `counted` says whether the contract counts it as a build tool."""

    COMPILER = "compiler"
    LINKER = "linker"
    BUILD_SYSTEM = "build system"
    PACKAGE_MANAGER = "package manager"
    LANGUAGE_INSTALLER = "language installer"
    VERSION_CONTROL = "version control"
    DOWNLOADER = "downloader"
    REMOTE_SHELL = "remote shell"
    NETWORK_TOOL = "network tool"
    DEBUGGER = "debugger"
    CONTAINER_CLI = "container CLI"
    CLOUD_CLI = "cloud CLI"
    EDITOR = "editor"
    SHELL = "shell"

    @property
    def counted(self) -> bool:
        """Compilers, linkers, build systems, package managers, language installers, version control, downloaders."""
        return self in _COUNTED


_COUNTED = frozenset(
    {
        ToolClass.COMPILER,
        ToolClass.LINKER,
        ToolClass.BUILD_SYSTEM,
        ToolClass.PACKAGE_MANAGER,
        ToolClass.LANGUAGE_INSTALLER,
        ToolClass.VERSION_CONTROL,
        ToolClass.DOWNLOADER,
    }
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program present in the final file system. `path` without leading slash; `size` in bytes of its target."""

    name: str
    tool_class: ToolClass
    path: str
    layer: int
    instruction: str | None
    package: str | None
    size: int
    origin: Origin
    usable: bool
    """Whether the configured user may execute it."""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer as reports show it; `size` is uncompressed, in bytes, None where it was not read."""

    index: int
    diff_id: str
    digest: str | None
    size: int | None
    history: int | None
    instruction: str | None
    origin: Origin = Origin.UNKNOWN


@dataclass(frozen=True, slots=True)
class LayerCauses:
    """What the bytes of one layer are: the parts add up to its uncompressed size.

    `in_use` are files of the final file system that are neither `tools` (those that count as build tools) nor `caches`.
    `rewritten` are contents that a later layer stores once more with another owner, mode or time. `metadata` is what
    is no file's content: headers, names, padding.
    """

    index: int
    in_use: int
    tools: int
    caches: int
    deleted: int
    overwritten: int
    rewritten: int
    metadata: int


CAUSES = ("in_use", "tools", "caches", "deleted", "overwritten", "rewritten", "metadata")
"""The parts of LayerCauses, in the order they are told."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A history step as reports show it: redacted."""

    index: int
    layer: int | None
    created: str
    created_by: str
    instruction: str
    build_args: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BaseRow:
    """The image it was built FROM, as reports show it: the first `layers` layers are its, None where nobody knows."""

    reference: str | None
    digest: str | None
    layers: int | None
    confidence: str
    evidence: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """The image as reports show it."""

    reference: str
    source: str
    platform: str
    image_id: str
    manifest_digest: str | None
    created: str
    size: int
    layers: tuple[LayerRow, ...]
    history: tuple[HistoryRow, ...]
    base: BaseRow | None = None
    asked: str = field(default="", compare=False)
    """The arguments that ask for it again, quoted for a shell; "" where none are known."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The answers at a glance; counts as report-contract.md defines them."""

    runs_as_root: bool
    user: str
    secrets: int
    secrets_deleted: int
    build_tools: int
    build_tool_bytes: int
    dead_bytes: int
    healthcheck: bool


@dataclass(frozen=True, slots=True)
class IgnorePattern:
    """A line of the .dockerignore that would have kept something out of the image.

    `example` is the path of one of the `files` files that COPY and ADD took along.
    """

    pattern: str
    reason: str
    example: str
    files: int


@dataclass(frozen=True, slots=True)
class CoverageLedger:
    """What was read of all layers together: `scanned` plus the counts of `skipped` is `members`.

    `inner` is the same account for what lies inside members.
    """

    members: int
    scanned: int
    skipped: tuple[Skip, ...]
    opaque: tuple[Skip, ...]
    complete: bool
    inner: InnerCoverage = field(default_factory=InnerCoverage)


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one image. Every string in it is redacted."""

    image: ImageRow
    summary: Summary
    verdict: Verdict
    tools: tuple[Tool, ...]
    coverage: CoverageLedger
    problems: tuple[Problem, ...]
    dockerignore: tuple[IgnorePattern, ...] = ()
    """The worst first."""
    size_causes: tuple[LayerCauses, ...] = ()
    """One row for each layer, base first; none where no layer was opened."""
    dockerfile: DockerfileRow | None = None
    """The user's Dockerfile, None where none was given."""

    @property
    def complete(self) -> bool:
        """False when promised evidence was not read: exit code 3."""
        return not any(problem.effect is Effect.INCOMPLETE for problem in self.problems)
