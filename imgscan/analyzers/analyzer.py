"""What every analyzer is: a declaration and a question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from imgscan.errors import Problem
from imgscan.evidence import Depth, Fact, LayerScan
from imgscan.image.image import HistoryStep, Image
from imgscan.overlay import Overlay
from imgscan.report import AddedBy, Family, Finding, Rule, Suppressed, Tool


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one image when analyzers are asked. At depth CONFIG `scans` is empty."""

    image: Image
    scans: tuple[LayerScan, ...]
    """One per layer, base first."""
    overlay: Overlay

    def step(self, layer: int) -> HistoryStep | None:
        """The history step that made `layer`."""
        return self.image.layers[layer].step

    def added_by(self, layer: int) -> AddedBy:
        """The step that made `layer`, as findings tell it. Its text is redacted later, with the whole report."""
        step = self.step(layer)
        if step is None:
            return AddedBy(layer, None, None)
        return AddedBy(layer, step.index, step.instruction.text)

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
    problems: tuple[Problem, ...] = ()


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
