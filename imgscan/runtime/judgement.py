"""The last step for a container: findings in order, redacted, judged by the policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from secrets import token_bytes

from imgscan.errors import Problem
from imgscan.evidence import LayerScan
from imgscan.pipeline import Options
from imgscan.report import Finding, Suppressed, Verdict
from imgscan.report.container import ContainerReport, ContainerSettings
from imgscan.report.finding import replaced
from imgscan.report.gate import gate, reweighed
from imgscan.report_redaction import ReportRedaction, SecretGroups
from imgscan.runtime.constraints import constraints
from imgscan.runtime.facts import ContainerFacts
from imgscan.runtime.rules import RULES
from imgscan.runtime.secrets import FoundSecrets
from imgscan.secrets.redaction import Redactor

_ORDER = {rule.id: order for order, rule in enumerate(RULES)}


@dataclass(frozen=True, slots=True)
class Found:
    """What was found about one container, before judgement. `key` is that of the run's HMAC."""

    findings: Sequence[Finding]
    secrets: Sequence[FoundSecrets] = ()
    problems: Sequence[Problem] = ()
    scan: LayerScan | None = None
    """Of what the container wrote."""
    key: bytes = field(default=b"", repr=False)
    revealed: Mapping[bytes, str] | None = field(default=None, repr=False)
    """Values by key, to show under --show-secrets alone."""


def judge_container(facts: ContainerFacts, outcome: Found, options: Options) -> ContainerReport:
    """The report on one container."""
    policy = options.policy
    found = _numbered(
        finding
        for finding in (*outcome.findings, *(finding for each in outcome.secrets for finding in each.findings))
        if policy.only is None or finding.origin is policy.only
    )
    aside = [item for each in outcome.secrets for item in each.suppressed]
    values = {key: value for each in outcome.secrets for key, value in each.values}
    shown = {**(outcome.revealed or {}), **values} if options.show_secrets else None
    groups = SecretGroups(found, options.identity_key or token_bytes(32), shown)
    redact = ReportRedaction(_redactor(values.values(), outcome.scan, outcome.key))
    told = sorted((redact.finding(item, groups) for item in reweighed(found, policy)), key=_report_order)
    gated = gate(told, policy, options.identity_key)
    set_aside = (
        *(
            Suppressed(redact.finding(item.finding, groups), item.reason, item.by)
            for item in sorted(aside, key=lambda item: (item.reason, _report_order(item.finding)))
        ),
        *gated.suppressed,
    )
    described = facts.described
    problems = dict.fromkeys((*described.problems, *outcome.problems, *gated.problems))
    return ContainerReport(
        name=redact.text(described.name),
        id=described.id,
        image=redact.text(described.image),
        image_id=described.image_id,
        created=described.created,
        state=described.state,
        settings=_redacted(described.settings, redact),
        user=redact.text(facts.user_label),
        runs_as_root=facts.runs_as_root,
        constraints=redact.text(constraints(described.settings)),
        verdict=Verdict(gated.open, set_aside, any(policy.fails(finding) for finding in gated.open)),
        processes=facts.processes,
        changes=tuple(replace(change, path=redact.text(change.path)) for change in facts.changes),
        problems=tuple(redact.problem(problem) for problem in problems),
        environment=tuple(
            (redact.text(entry.partition("=")[0]), entry in facts.image.env) for entry in described.settings.env
        ),
    )


def _numbered(findings: Iterable[Finding]) -> list[Finding]:
    counts: dict[tuple[str, ...], int] = {}
    numbered = []
    for finding in sorted(findings, key=_report_order):
        ordinal = counts[finding.identity] = counts.get(finding.identity, -1) + 1
        numbered.append(replaced(finding, ordinal=ordinal) if ordinal else finding)
    return numbered


def _report_order(finding: Finding) -> tuple[object, ...]:
    place = finding.location
    where = (place.path or place.pointer or "", place.line or 0, place.offset or 0, place.name or "")
    return (-finding.severity.rank, _ORDER[finding.rule.id], *where, finding.message)


def _redactor(values: Iterable[str], scan: LayerScan | None, key: bytes) -> Redactor:
    matches = [match for match in scan.matches if not match.suppressed] if scan is not None else []
    keys = {known for match in matches for known in (match.spellings or ((match.length, match.key),))}
    return Redactor(plain=values, hmac_key=key, keys=keys)


def _redacted(settings: ContainerSettings, redact: ReportRedaction) -> ContainerSettings:
    """The settings as a report may hold them: no value of a variable, and no known secret anywhere."""
    return replace(
        settings,
        user=redact.text(settings.user),
        env=tuple(redact.text(entry.partition("=")[0]) for entry in settings.env),
        command=tuple(redact.text(word) for word in settings.command),
        healthcheck=tuple(redact.text(word) for word in settings.healthcheck),
        tmpfs=tuple((redact.text(path), redact.text(how)) for path, how in settings.tmpfs),
        mounts=tuple(
            replace(mount, source=redact.text(mount.source), destination=redact.text(mount.destination))
            for mount in settings.mounts
        ),
        sysctls=tuple((name, redact.text(value)) for name, value in settings.sysctls),
    )
