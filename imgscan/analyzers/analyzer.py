"""What every analyzer is: a declaration and a question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from imgscan.base_image import BaseImage
from imgscan.errors import Problem
from imgscan.evidence import Depth, Fact, LayerScan, RuleSource
from imgscan.image.image import HistoryStep, Image
from imgscan.overlay import FileVersion, Overlay
from imgscan.report import (
    AddedBy,
    Family,
    Finding,
    FindingFate,
    Location,
    LocationKind,
    Policy,
    Rule,
    Suppressed,
    Tool,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one image when analyzers are asked. At depth CONFIG `scans` is empty."""

    image: Image
    scans: tuple[LayerScan, ...]
    """One per layer, base first."""
    overlay: Overlay
    unreferenced: tuple[tuple[str, LayerScan], ...] = ()
    """Scans of blobs in the archive that belong to no image of it, with their names."""
    secret_key: bytes = field(default=b"", repr=False)
    """Keys the HMAC by which equal secrets of this run are known."""
    rules: tuple[RuleSource, ...] = ()
    """Files of rules beside our own."""
    policy: Policy = field(default_factory=Policy)
    """What the user says of packages; which findings fail a run is judged later."""
    base: BaseImage | None = None
    """The image it was built FROM, as far as it is known: for labels, never to leave anything out."""

    def step(self, layer: int) -> HistoryStep | None:
        """The history step that made `layer`."""
        return self.image.layers[layer].step

    def added_by(self, layer: int) -> AddedBy:
        """The step that made `layer`, as findings tell it. Its text is redacted later, with the whole report."""
        step = self.step(layer)
        if step is None:
            return AddedBy(layer, None, None)
        return AddedBy(layer, step.index, step.instruction.text)

    def place_of(self, layer: int) -> Location:
        """Where to tell what concerns a layer as a whole: the step that made it, if the history tells which."""
        step = self.step(layer)
        if step is None:
            return Location(LocationKind.IMAGE, layer=layer, name=f"layer {layer}")
        return Location(LocationKind.HISTORY, history=step.index)

    def set_by(self, keyword: str) -> AddedBy | None:
        """The last step with this Dockerfile keyword (`USER`), which set a field of the config; None without one."""
        step = next((step for step in reversed(self.image.steps) if step.instruction.keyword == keyword), None)
        return AddedBy(step.layer, step.index, step.instruction.text) if step is not None else None

    def fate_of(self, version: FileVersion) -> FindingFate:
        """What became of the bytes of a version, as findings tell it: of several hard links the most alive counts."""
        fate = self.overlay.content_fate(version.layer, version.member.index)
        step = self.step(fate.by_layer) if fate.by_layer is not None else None
        return FindingFate(fate.kind, fate.by_layer, step.instruction.text if step is not None else None)

    def rows_at(self, kind: str, path: str) -> tuple[tuple[str | int | None, ...], ...] | None:
        """What extractor `kind` read of the file that `path` leads to in the final file system.

        None where nothing is there, or where it was not read: links are followed, also to names it does not know.
        """
        version = self.overlay.resolve(path)
        if version is None:
            return None
        return next(
            (
                fact.rows
                for fact in self.scans[version.layer].facts
                if fact.kind == kind and fact.member == version.member.index
            ),
            None,
        )

    def facts(self, kind: str) -> Iterator[tuple[int, Fact]]:
        """(layer, fact) of every version of every file that extractor `kind` read, base first."""
        for layer, scan in enumerate(self.scans):
            for fact in scan.facts:
                if fact.kind == kind:
                    yield layer, fact

    def final_facts(self, kind: str) -> Iterator[tuple[int, Fact]]:
        """Those of the files that are in the final file system."""
        for layer, fact in self.facts(kind):
            if self.overlay.version_of(layer, fact.member).present:
                yield layer, fact


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an analyzer says: findings in no particular order, and for `build-tool` the tools they rest on."""

    findings: tuple[Finding, ...] = ()
    tools: tuple[Tool, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    unlisted: tuple[tuple[str, int], ...] = ()
    """(reason, count) of what was set aside beyond what is listed."""
    problems: tuple[Problem, ...] = ()
    secrets: tuple[tuple[bytes, str], ...] = field(default=(), repr=False)
    """(key, value) of the secrets in strings of the metadata, for the redaction of the report; goes no further."""


_MOST = 100
"""Findings of one rule on steps: a Dockerfile has some dozen, a hostile history a hundred thousand."""


def on_steps(findings: Iterable[Finding]) -> Outcome:
    """Findings on steps of the history, in its order, those of equal identity told apart by their ordinals.

    The order of a report is the same. What is beyond a bound for each rule is told as a problem.
    """
    counts: dict[tuple[str, ...], int] = {}
    of_rule: dict[str, int] = {}
    made = []
    for finding in findings:
        told = of_rule[finding.rule.id] = of_rule.get(finding.rule.id, 0) + 1
        if told <= _MOST:
            ordinal = counts[finding.identity] = counts.get(finding.identity, -1) + 1
            made.append(replace(finding, ordinal=ordinal) if ordinal else finding)
    problems = tuple(
        Problem("too-many-steps", f"{rule} holds for {count:,} steps; the first {_MOST} are told")
        for rule, count in sorted(of_rule.items())
        if count > _MOST
    )
    return Outcome(tuple(made), problems=problems)


class Analyzer(Protocol):
    """One family of findings."""

    families: tuple[Family, ...]
    """What it reports; most have one."""
    rules: tuple[Rule, ...]
    depth: Depth
    """How deep a scan must go for it."""
    detectors: tuple[str, ...]
    """Ids of the secret detectors that must run over members' bytes."""
    extractors: tuple[str, ...]
    """Names of the extractors whose facts it asks for."""

    def analyze(self, evidence: Evidence) -> Outcome:
        """Judge the evidence. Pure; never raises for what an image may contain."""
        ...
