"""Secrets in the build history: instructions, build arguments in effect, heredocs."""

from __future__ import annotations

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.credentials import Sightings, secret_rules
from imgscan.evidence import Depth
from imgscan.image.history import assignments
from imgscan.image.image import HistoryStep
from imgscan.report import AddedBy, Family, Location, LocationKind, Rule
from imgscan.secrets.redaction import secret_key
from imgscan.secrets.strings import TextKind, find_in_assignment, find_in_text

_ASSIGNING = frozenset({"ENV", "ARG", "LABEL"})


class HistorySecretAnalyzer:
    """`history-secret`: every step. A build argument stands in each RUN after its ARG, and is told at the first."""

    families: tuple[Family, ...] = (Family.HISTORY_SECRET,)
    rules: tuple[Rule, ...] = secret_rules(Family.HISTORY_SECRET)
    depth: Depth = Depth.CONFIG
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        sightings = Sightings(Family.HISTORY_SECRET, evidence.secret_key, evidence.rules)
        arguments: set[tuple[str, bytes]] = set()
        for step in evidence.image.steps:
            added_by = AddedBy(step.layer, step.index, step.instruction.text)
            self._build_args(sightings, step, added_by, arguments)
            self._instruction(sightings, step, added_by, arguments)
        return Outcome(
            tuple(sightings.findings), suppressed=tuple(sightings.suppressed), secrets=tuple(sightings.secrets)
        )

    def _build_args(
        self, sightings: Sightings, step: HistoryStep, added_by: AddedBy, told: set[tuple[str, bytes]]
    ) -> None:
        for name, value in step.instruction.build_args:
            identity = (name, secret_key(sightings.key, value))
            if identity not in told:
                told.add(identity)
                sightings.add(
                    find_in_assignment(name, value, rules=sightings.rules),
                    _at(step, name),
                    f"build argument {name}",
                    added_by,
                )

    def _instruction(
        self, sightings: Sightings, step: HistoryStep, added_by: AddedBy, told: set[tuple[str, bytes]]
    ) -> None:
        instruction = step.instruction
        where = f"history step {step.index}"
        if instruction.keyword in _ASSIGNING:
            for name, value in assignments(instruction):
                if instruction.keyword == "ARG":
                    told.add((name, secret_key(sightings.key, value)))
                sightings.add(
                    find_in_assignment(name, value, rules=sightings.rules),
                    _at(step, name),
                    f"{instruction.keyword} {name}",
                    added_by,
                )
            return
        kind = TextKind.DOCUMENT if instruction.keyword in ("COPY", "ADD") and "<<" in instruction.arguments else None
        text = instruction.text if instruction.keyword else step.created_by
        sightings.add(
            find_in_text(text, kind_of_text=kind or TextKind.COMMAND, rules=sightings.rules), _at(step), where, added_by
        )
        if instruction.keyword and instruction.keyword not in step.created_by and not instruction.build_args:
            return
        for field, extra in (("comment", step.comment), ("author", step.author)):
            if extra:
                found = find_in_text(extra, kind_of_text=TextKind.PROSE, rules=sightings.rules)
                sightings.add(found, _at(step, field), f"{field} of {where}", added_by)


def _at(step: HistoryStep, name: str | None = None) -> Location:
    return Location(LocationKind.HISTORY, history=step.index, pointer=f"/history/{step.index}/created_by", name=name)
