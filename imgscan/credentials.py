"""A secret as findings tell it: the rules of the families that report secrets, and findings from candidates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from imgscan.evidence import Match, RuleSource
from imgscan.report import AddedBy, Family, Finding, Location, Rule, SecretSighting, Severity, Suppressed
from imgscan.secrets.detector import Candidate
from imgscan.secrets.kinds import Kind, Precision, kind_of, kinds
from imgscan.secrets.redaction import redact, secret_key

_WHERE = {
    Family.FILE_SECRET: (
        "in a file",
        "Every layer of an image is handed to whoever may pull it, and each file of each layer with it: also one that "
        "a later layer deletes or overwrites. No container needs to run to read it.",
    ),
    Family.ENV_SECRET: (
        "in ENV",
        "Environment variables of an image stand in its config in plain text. docker inspect prints them, each process "
        "of every container inherits them, and many programs write them to logs and crash reports.",
    ),
    Family.HISTORY_SECRET: (
        "in the build history",
        "The history keeps each instruction with the build arguments in effect, as docker history --no-trunc shows. An "
        "ARG is no secret store: its value stays in the image's config.",
    ),
    Family.LABEL_SECRET: (
        "in a label",
        "Labels stand in the image's config in plain text; registries index and show them.",
    ),
    Family.CONFIG_SECRET: (
        "in the image's metadata",
        "Commands, health checks, authors, comments, annotations and file names are part of the image's metadata, "
        "which registries and engines show without a container being started.",
    ),
    Family.ATTESTATION_SECRET: (
        "in an attestation",
        "Provenance and SBOMs are stored beside the image and pulled by whoever may pull it. BuildKit's provenance "
        "repeats build arguments, the URL of the build context and, in mode=max, the Dockerfile.",
    ),
}

_REMEDIES = {
    Family.ENV_SECRET: "Remove the ENV and give the value when the container starts: docker run -e, --env-file, or "
    "the orchestrator's secrets.",
    Family.HISTORY_SECRET: "Pass it to the step that needs it with RUN --mount=type=secret, which leaves no trace in "
    "the image, and build again.",
    Family.LABEL_SECRET: "Remove the label and build again.",
    Family.ATTESTATION_SECRET: "Pass it with RUN --mount=type=secret instead of a build argument or URL, and build "
    "again; --provenance=mode=min leaves build arguments out.",
    Family.CONFIG_SECRET: "Remove it from the instruction that holds it and build again; programs can read it from a "
    "file or variable given at run time.",
}
SECRET_FAMILIES = tuple(_WHERE)


@lru_cache(maxsize=len(Family))
def secret_rules(family: Family) -> tuple[Rule, ...]:
    """One rule for each kind of secret that a family may report."""
    return tuple(_rule(family, kind) for kind in kinds())


@lru_cache(maxsize=4096)
def secret_rule(family: Family, kind: str, rules: tuple[RuleSource, ...] = ()) -> Rule:
    """The rule of one kind of secret in one family; `rules` are files of rules beside our own."""
    return _rule(family, kind_of(kind, rules))


def _rule(family: Family, kind: Kind) -> Rule:
    where, why = _WHERE[family]
    return Rule(
        id=f"{family}/{kind.id}",
        title=f"{kind.title} {where}",
        severity=Severity(kind.severity),
        explanation=why,
        remediation=kind.remediation,
    )


_FILE_REMEDIES = {
    "COPY": "Name the file in .dockerignore, so that no COPY can take it along, and give the value when the container "
    "starts. Deleting it in a later layer does not remove it.",
    "RUN": "Pass it to the step that needs it with RUN --mount=type=secret, which leaves nothing in a layer. Deleting "
    "it in a later layer does not remove it.",
}
_FILE_REMEDIES["ADD"] = _FILE_REMEDIES["COPY"]


def remedy(family: Family, kind: str, keyword: str = "", rules: tuple[RuleSource, ...] = ()) -> str:
    """What to do about it: invalidate it first, then what fits the place, and the instruction that brought a file."""
    general = kind_of(kind, rules).remediation
    fitting = _REMEDIES.get(family) or _FILE_REMEDIES.get(keyword)
    return f"{general.partition(' Then keep it out')[0]} {fitting}" if fitting else general


@dataclass(slots=True)
class Sightings:
    """Collects what an analyzer found in the strings of one family; equal values at one place count once."""

    family: Family
    key: bytes = field(repr=False)
    rules: tuple[RuleSource, ...] = ()
    """Files of rules beside our own."""
    findings: list[Finding] = field(default_factory=list)
    suppressed: list[Suppressed] = field(default_factory=list)
    secrets: list[tuple[bytes, str]] = field(default_factory=list, repr=False)

    def add(self, candidates: Iterable[Candidate], location: Location, where: str, added_by: AddedBy | None) -> None:
        """Make findings of candidates in the string at `location`; `where` names the place for the message."""
        for finding, candidate in self._make(candidates, location, where, added_by):
            if candidate.suppressed:
                self.suppressed.append(
                    Suppressed(finding, candidate.suppressed, candidate.suppressed_by or "the value")
                )
            else:
                self.findings.append(finding)
            # A token that looks made up may yet be real: set aside, and not shown either.
            if not candidate.suppressed or kind_of(candidate.kind, self.rules).precision >= Precision.TOKEN:
                shown = (candidate.value, candidate.spelling) if candidate.spelling else (candidate.value,)
                self.secrets += [(secret_key(self.key, value), value) for value in shown]

    def _make(
        self, candidates: Iterable[Candidate], location: Location, where: str, added_by: AddedBy | None
    ) -> Iterator[tuple[Finding, Candidate]]:
        for candidate in candidates:
            rule = secret_rule(self.family, candidate.kind, self.rules)
            name = candidate.name or location.name
            secret = SecretSighting(
                kind=kind_of(candidate.kind, self.rules).title,
                redacted=redact(candidate.value),
                key=secret_key(self.key, candidate.value),
                name=name,
                validation=candidate.validation,
                companion=candidate.companion,
            )
            finding = Finding(
                rule=rule,
                location=location,
                message=message(secret, where),
                severity=rule.severity,
                confidence=candidate.confidence,
                added_by=added_by,
                secret=secret,
                remediation=remedy(self.family, candidate.kind, rules=self.rules),
            )
            yield finding, candidate


def sighting_of(
    match: Match, rules: tuple[RuleSource, ...], state: str = "present", readable: bool | None = None
) -> SecretSighting:
    """A match as findings tell it; `state` is that of the file version it is in."""
    return SecretSighting(
        kind=kind_of(match.rule, rules).title,
        redacted=match.redacted,
        key=match.key,
        name=match.name,
        validation=match.validation,
        companion=match.companion,
        state=state,
        readable_by_user=readable,
    )


def message(secret: SecretSighting, where: str) -> str:
    """`Stripe key sk_live_...9kQ2 in STRIPE_KEY of app/.env`, without any of the secret."""
    name = f"{secret.name} of {where}" if secret.name and secret.name not in where else where
    both = f", with {secret.companion}" if secret.companion else ""
    return f"{secret.kind} {secret.redacted} in {name}{both}"
