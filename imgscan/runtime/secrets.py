"""Secrets that a container was given: in its environment and on its command line, beyond what its image has."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace

from imgscan.credentials import Sightings
from imgscan.evidence import RuleSource
from imgscan.report import Family, Finding, Location, LocationKind, Origin, Rule, Suppressed
from imgscan.runtime import rules
from imgscan.runtime.facts import ContainerFacts
from imgscan.secrets.redaction import secret_key
from imgscan.secrets.strings import TextKind, find_in_assignment, find_in_text


@dataclass(frozen=True, slots=True)
class FoundSecrets:
    """Findings, those set aside, and the values for the redaction of the report, which go no further."""

    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    values: tuple[tuple[bytes, str], ...] = field(default=(), repr=False)


def secrets_of_settings(
    facts: ContainerFacts, key: bytes, rule_files: tuple[RuleSource, ...] = (), *, entropy: bool = False
) -> FoundSecrets:
    """What the container's own environment and command line hold; what its image gave it is the image's finding."""
    settings, inherited = facts.described.settings, set(facts.image.env)
    env = Sightings(Family.ENV_SECRET, key, rule_files)
    others = Sightings(Family.ENV_SECRET, key, rule_files)
    for entry in settings.env:
        name, _, value = entry.partition("=")
        location = Location(LocationKind.CONTAINER, pointer=f"env/{name}", name=name)
        found = find_in_assignment(name, value, entropy=entropy, rules=rule_files)
        where = f"variable {name} of the container"
        (others if entry in inherited else env).add(found, location, where, None)
    command = Sightings(Family.CONFIG_SECRET, key, rule_files)
    text = shlex.join(settings.command)
    own = settings.command != (*facts.image.entrypoint, *facts.image.cmd)
    candidates = find_in_text(text, kind_of_text=TextKind.COMMAND, entropy=entropy, rules=rule_files)
    place = Location(LocationKind.CONTAINER, pointer="command")
    (command if own else others).add(candidates, place, "the container's command line", None)
    # Quoting may have changed a value: what the arguments themselves hold is kept out of the report too.
    spelled = [each.value.strip("'\"") for each in candidates if not each.suppressed]
    return FoundSecrets(
        findings=(*_as(rules.ENV_SECRET, env), *_as(rules.COMMAND_SECRET, command)),
        suppressed=(*_set_aside(rules.ENV_SECRET, env), *_set_aside(rules.COMMAND_SECRET, command)),
        values=(
            *env.secrets,
            *command.secrets,
            *others.secrets,
            *((secret_key(key, value), value) for value in spelled),
        ),
    )


def as_container_finding(finding: Finding, rule: Rule) -> Finding:
    """A finding of an image's family as one about a container: its rule, and no layer."""
    place = finding.location
    return replace(
        finding,
        rule=rule,
        location=replace(place, kind=LocationKind.CONTAINER, layer=None),
        fate=None,
        added_by=None,
        origin=Origin.OWN,
        remediation=rule.remediation,
    )


def _as(rule: Rule, sightings: Sightings) -> list[Finding]:
    return [as_container_finding(finding, rule) for finding in sightings.findings]


def _set_aside(rule: Rule, sightings: Sightings) -> list[Suppressed]:
    return [replace(each, finding=as_container_finding(each.finding, rule)) for each in sightings.suppressed]
