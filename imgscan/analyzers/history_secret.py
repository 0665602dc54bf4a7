"""Secrets in the build history: instructions, build arguments in effect, heredocs."""

from __future__ import annotations

import json
import shlex

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.credentials import Sightings, secret_rules
from imgscan.evidence import Depth
from imgscan.image.history import assignments
from imgscan.image.image import HistoryStep, Instruction
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
            for field, text in (("comment", step.comment), ("author", step.author)):
                found = find_in_text(text, kind_of_text=TextKind.PROSE, rules=sightings.rules)
                sightings.add(found, _at(step, field), f"{field} of history step {step.index}", added_by)
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
        document = instruction.keyword in ("COPY", "ADD") and "<<" in instruction.arguments
        kind = TextKind.DOCUMENT if document else TextKind.COMMAND
        text = _command(instruction) if instruction.keyword else step.created_by
        sightings.add(find_in_text(text, kind_of_text=kind, rules=sightings.rules), _at(step), where, added_by)


def _command(instruction: Instruction) -> str:
    """The text of an instruction; a command in exec form as a shell would be given it, without the list's marks."""
    try:
        words = json.loads(instruction.arguments) if instruction.arguments.startswith("[") else None
    except (ValueError, RecursionError):
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return shlex.join(words)
    return instruction.text


def _at(step: HistoryStep, name: str | None = None) -> Location:
    return Location(LocationKind.HISTORY, history=step.index, pointer=f"/history/{step.index}/created_by", name=name)
