"""Secrets in labels."""

from __future__ import annotations

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.credentials import Sightings, secret_rules
from imgscan.evidence import Depth
from imgscan.report import Family, Location, LocationKind, Rule
from imgscan.secrets.strings import find_in_assignment


class LabelSecretAnalyzer:
    """`label-secret`: `config.Labels`, label by label."""

    families: tuple[Family, ...] = (Family.LABEL_SECRET,)
    rules: tuple[Rule, ...] = secret_rules(Family.LABEL_SECRET)
    depth: Depth = Depth.CONFIG
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        sightings = Sightings(Family.LABEL_SECRET, evidence.secret_key, evidence.rules)
        for name, value in evidence.image.config.labels:
            pointer = "/config/Labels/" + name.replace("~", "~0").replace("/", "~1")  # RFC 6901
            location = Location(LocationKind.CONFIG, pointer=pointer, name=name)
            sightings.add(
                find_in_assignment(name, value, rules=evidence.rules),
                location,
                f"label {name}",
                evidence.set_by("LABEL"),
            )
        return Outcome(
            tuple(sightings.findings), suppressed=tuple(sightings.suppressed), secrets=tuple(sightings.secrets)
        )
