"""Secrets in all other strings of the metadata: commands, health check, author, annotations, names, xattrs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.credentials import Sightings, message, remedy, secret_rule, secret_rules, sighting_of
from imgscan.evidence import Depth, Match, Part
from imgscan.image.image import ImageConfig
from imgscan.report import Family, Finding, Location, LocationKind, Rule, Suppressed
from imgscan.secrets.strings import TextKind, find_in_assignment, find_in_text


class ConfigSecretAnalyzer:
    """`config-secret`: every string of the config that no other family takes, annotations, file names and xattrs."""

    families: tuple[Family, ...] = (Family.CONFIG_SECRET,)
    rules: tuple[Rule, ...] = secret_rules(Family.CONFIG_SECRET)
    depth: Depth = Depth.CONTENT
    detectors: tuple[str, ...] = ("all",)
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        sightings = Sightings(Family.CONFIG_SECRET, evidence.secret_key, evidence.rules)
        for pointer, text, kind in _strings(evidence.image.config):
            location = Location(LocationKind.CONFIG, pointer=pointer)
            sightings.add(find_in_text(text, kind_of_text=kind, rules=evidence.rules), location, pointer, None)
        for name, value in evidence.image.annotations:
            location = Location(LocationKind.CONFIG, pointer=f"/annotations/{name}", name=name)
            sightings.add(find_in_assignment(name, value, rules=evidence.rules), location, f"annotation {name}", None)
        findings, suppressed = [], []
        for layer, scan in enumerate(evidence.scans):
            for match in scan.matches:
                if match.part not in (Part.DATA, Part.TRAILING):
                    finding = _in_member(evidence, layer, match)
                    if match.suppressed:
                        suppressed.append(Suppressed(finding, match.suppressed, match.suppressed_by or "the value"))
                    else:
                        findings.append(finding)
        return Outcome(
            (*sightings.findings, *findings),
            suppressed=(*sightings.suppressed, *suppressed),
            secrets=tuple(sightings.secrets),
        )


def _in_member(evidence: Evidence, layer: int, match: Match) -> Finding:
    """A secret in a name, a link's target or an attribute of a file."""
    version = evidence.overlay.version_of(layer, match.member)
    rule = secret_rule(Family.CONFIG_SECRET, match.rule, evidence.rules)
    fate = evidence.fate_of(version)
    secret = sighting_of(match, evidence.rules, fate.state)
    return Finding(
        rule=rule,
        location=Location(LocationKind.FILE, path=version.path, layer=layer, name=match.name),
        message=message(secret, f"the {match.part} of a file"),
        severity=rule.severity,
        confidence=match.confidence,
        fate=fate,
        added_by=evidence.added_by(layer),
        secret=secret,
        remediation=remedy(Family.CONFIG_SECRET, match.rule, rules=evidence.rules),
    )


def _strings(config: ImageConfig) -> Iterator[tuple[str, str, TextKind]]:
    for field, words in (("Cmd", config.cmd), ("Entrypoint", config.entrypoint)):
        yield f"/config/{field}", _command(words), TextKind.COMMAND
    if config.healthcheck is not None:
        yield "/config/Healthcheck/Test", _command(config.healthcheck.test), TextKind.COMMAND
    for index, text in enumerate(config.on_build):
        yield f"/config/OnBuild/{index}", text, TextKind.COMMAND
    yield "/config/Shell", _command(config.shell), TextKind.COMMAND
    yield "/config/User", config.user, TextKind.PROSE
    yield "/config/WorkingDir", config.working_dir, TextKind.PROSE
    yield "/author", config.author, TextKind.PROSE
    for field, names in (("Volumes", config.volumes), ("ExposedPorts", config.exposed_ports)):
        for name in names:
            yield f"/config/{field}/{name.replace('~', '~0').replace('/', '~1')}", name, TextKind.PROSE
    comment = config.raw.get("comment")
    if isinstance(comment, str):
        yield "/comment", comment, TextKind.PROSE


def _command(words: tuple[str, ...]) -> str:
    """A command as one would type it: a shell's own script unquoted, so that it is read as the shell does."""
    if len(words) >= 3 and words[1] in ("-c", "-ec", "-lc", "-exc") and words[0].endswith("sh"):
        return words[2]
    if words[:1] in (("CMD-SHELL",), ("CMD",)):
        return _command(words[1:])
    return shlex.join(words) if len(words) > 1 else "".join(words)
