"""Secrets in the environment that every container of the image starts with."""

from __future__ import annotations

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.credentials import Sightings, secret_rules
from imgscan.evidence import Depth
from imgscan.image.history import assignments
from imgscan.report import AddedBy, Family, Location, LocationKind, Rule
from imgscan.secrets.strings import find_in_assignment


class EnvSecretAnalyzer:
    """`env-secret`: `config.Env`, entry by entry."""

    families: tuple[Family, ...] = (Family.ENV_SECRET,)
    rules: tuple[Rule, ...] = secret_rules(Family.ENV_SECRET)
    depth: Depth = Depth.CONFIG
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        sightings = Sightings(Family.ENV_SECRET, evidence.secret_key, evidence.rules)
        for index, entry in enumerate(evidence.image.config.env):
            name, _, value = entry.partition("=")
            location = Location(LocationKind.CONFIG, pointer=f"/config/Env/{index}", name=name)
            sightings.add(
                find_in_assignment(name, value, rules=evidence.rules), location, f"ENV {name}", _set_by(evidence, name)
            )
        return Outcome(
            tuple(sightings.findings), suppressed=tuple(sightings.suppressed), secrets=tuple(sightings.secrets)
        )


def _set_by(evidence: Evidence, name: str) -> AddedBy | None:
    """The last ENV of the history that sets a variable."""
    for step in reversed(evidence.image.steps):
        if step.instruction.keyword == "ENV" and any(key == name for key, _ in assignments(step.instruction)):
            return AddedBy(step.layer, step.index, step.instruction.text)
    return None
