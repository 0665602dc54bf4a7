"""What an audit of a registry found: everything its renderers need, already redacted.

The same facts as the tables of the state (docs/audit.md), joined for the images that the run was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgscan.errors import Effect, Problem
from imgscan.report.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that was not read: `kind` is `repository`, `tag`, `manifest` or `layer`, `name` what it is called."""

    kind: str
    name: str
    code: str
    message: str
    effect: Effect = Effect.INCOMPLETE


@dataclass(frozen=True, slots=True)
class Selection:
    """Which images of a registry a run is about, as it was asked for; empty tuples mean all."""

    registry: str
    repositories: tuple[str, ...] = ()
    """Globs of repositories' names."""
    named: tuple[str, ...] | None = None
    """The repositories to look at, where the registry is not asked for its list (`--repos-from`)."""
    tags: tuple[str, ...] = ()
    """Globs of tags."""
    newest: int | None = None
    """Tags of each repository, the newest images first."""
    since: str | None = None
    """RFC 3339: images created before are left out."""
    platform: str | None = None
    """`os/architecture[/variant]`; None for all."""


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """What an audit has to do, and what is known already. Bytes are compressed, as fetched."""

    repositories: int
    tags: int
    images: int
    artifacts: int
    """Tags that hold no image: charts, signatures, modules."""
    layers: int
    """Distinct ones of all the images."""
    bytes: int
    known_layers: int
    known_bytes: int
    foreign_layers: int
    """Layers that registries do not keep."""
    left_out: int
    """Layers that killed their workers in an earlier run."""
    to_fetch: int
    bytes_to_fetch: int
    image_layers: int
    """Layers of all images together, each counted in every image that has it: what is saved by opening each once."""


@dataclass(frozen=True, slots=True)
class AuditRun:
    """One run. Times are RFC 3339 in UTC; `previous` is when the last finished run before it began, "" if none."""

    number: int
    started: str
    finished: str
    previous: str
    resumed: int
    """How often it was interrupted and went on."""
    layers_fetched: int
    bytes_fetched: int


@dataclass(frozen=True, slots=True)
class AuditedImage:
    """The posture of one image. `references` are all its tags, `host/repository:tag`, in order."""

    digest: str
    references: tuple[str, ...]
    repositories: tuple[str, ...]
    platform: str
    image_id: str
    created: str
    size: int
    layers: tuple[str, ...]
    """Digests, base first."""
    runs_as_root: bool
    user: str
    secrets: int
    secrets_deleted: int
    build_tools: int
    build_tool_bytes: int
    dead_bytes: int
    healthcheck: bool
    owner_label: str | None
    """The label that says whose it is; None without one."""
    severities: tuple[tuple[Severity, int], ...]
    """Open findings by severity, worst first; severities without findings are left out."""
    complete: bool
    suppressed: int
    new: bool
    """Whether no earlier finished run has seen it."""
    problems: tuple[Problem, ...] = ()

    @property
    def worst(self) -> Severity:
        return self.severities[0][0] if self.severities else Severity.NONE


@dataclass(frozen=True, slots=True)
class AuditedFinding:
    """One finding, told once for all images that have it, by their index in `AuditReport.images`.

    `layer` is the digest of the layer it is in; None for what is in a config or history.
    """

    finding: Finding
    layer: str | None
    images: tuple[int, ...]
    first_seen: str
    new: bool


@dataclass(frozen=True, slots=True)
class AuditedSecret:
    """One secret value, wherever it is. `findings` are indexes in `AuditReport.findings`, `images` in `images`."""

    id: str
    kind: str
    name: str | None
    redacted: str
    validation: str
    severity: Severity
    state: str
    """Of its most alive sighting."""
    repositories: tuple[str, ...]
    images: tuple[int, ...]
    layers: tuple[str, ...]
    findings: tuple[int, ...]
    first_seen: str
    """When the first run that saw it began."""
    oldest_image: str
    """When the oldest image that has it was created, as that says; "" where none says."""
    new: bool


@dataclass(frozen=True, slots=True)
class AuditedLayer:
    """A layer with findings, and who carries it. `images` are indexes in `AuditReport.images`."""

    digest: str
    diff_id: str
    size: int
    """Compressed bytes."""
    images: tuple[int, ...]
    repositories: tuple[str, ...]
    secrets: tuple[str, ...]
    """Ids."""
    findings: int
    worst: Severity


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What is known of a registry's images, worst first. Every string in it is redacted."""

    selection: Selection
    run: AuditRun
    plan: AuditPlan
    """As it was when the run began to fetch."""
    images: tuple[AuditedImage, ...]
    findings: tuple[AuditedFinding, ...]
    secrets: tuple[AuditedSecret, ...]
    layers: tuple[AuditedLayer, ...]
    unread: tuple[Unread, ...]
    fail_on: Severity
    failed: bool
    """Whether the policy fails the run for an open finding."""

    @property
    def complete(self) -> bool:
        """False when promised evidence was not read: exit code 3."""
        return not any(item.effect is Effect.INCOMPLETE for item in self.unread) and all(
            image.complete for image in self.images
        )

    @property
    def opaque(self) -> bool:
        """Whether something cannot be read by nature."""
        return any(item.effect is Effect.OPAQUE for item in self.unread) or any(
            problem.effect is Effect.OPAQUE for image in self.images for problem in image.problems
        )
