"""The last step: what analyzers said of an image, judged by a policy and written down as a report without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from secrets import token_bytes

from imgscan.accounts import effective_user
from imgscan.analyzers.analyzer import Analyzer, Evidence, Outcome
from imgscan.base_image import BaseImage
from imgscan.context_leftovers import leftovers
from imgscan.errors import Effect, Problem
from imgscan.evidence import InnerCoverage, Skip
from imgscan.image.image import Healthcheck
from imgscan.report import (
    CoverageLedger,
    Family,
    Finding,
    Origin,
    Policy,
    Report,
    Summary,
    Tool,
    Verdict,
)
from imgscan.report.finding import replaced
from imgscan.report.gate import gate, reweighed
from imgscan.report.report import BaseRow, HistoryRow, ImageRow, LayerRow
from imgscan.report.requirements import ImageFacts, unmet
from imgscan.report_redaction import ReportRedaction, SecretGroups
from imgscan.secrets.redaction import Redactor
from imgscan.size_causes import size_causes

_FAMILIES = {family: order for order, family in enumerate(Family)}


def judge(
    evidence: Evidence,
    analyzers: Sequence[Analyzer],
    policy: Policy,
    revealed: Mapping[bytes, str] | None,
    key: bytes | None,
) -> Report:
    """Ask the analyzers and judge what they say. `key` keys the ids of secrets; None draws one for this report.

    `revealed` has the values to show under --show-secrets, None without it.
    """
    evidence = replace(evidence, policy=policy)
    outcomes = [analyzer.analyze(evidence) for analyzer in analyzers]
    placed = _Placing(evidence.base, policy)
    # Numbered before any is left out: fingerprints are the same whatever is asked for.
    findings = list(placed.wanted(_numbered([finding for outcome in outcomes for finding in outcome.findings])))
    found_tools = [tool for outcome in outcomes for tool in placed.tools(outcome.tools)]
    demanded = tuple(unmet(policy.requirements, _facts(evidence, analyzers, policy, found_tools)))
    findings += [item for item in demanded if isinstance(item, Finding)]
    suppressed = [
        replaced(item, finding=finding)
        for outcome in outcomes
        for item in outcome.suppressed
        for finding in placed.wanted([item.finding])
    ]
    values = {**(revealed or {}), **{key: value for outcome in outcomes for key, value in outcome.secrets}}
    group = SecretGroups(findings, key or token_bytes(32), values if revealed is not None else None)
    redact = ReportRedaction(_redactor(evidence, outcomes))
    told = sorted((redact.finding(item, group) for item in reweighed(findings, policy)), key=_report_order)
    gated = gate(told, policy, key)
    opened = gated.open
    set_aside = [
        replaced(item, finding=redact.finding(finding, group))
        for item, finding in zip(suppressed, _numbered([item.finding for item in suppressed]), strict=True)
    ]
    set_aside += gated.suppressed
    set_aside.sort(key=lambda item: (item.reason, _report_order(item.finding)))
    tools = tuple(redact.tool(tool) for tool in found_tools)
    problems = (
        *evidence.image.problems,
        *(problem for outcome in outcomes for problem in outcome.problems),
        *(item for item in demanded if isinstance(item, Problem)),
        *gated.problems,
    )
    return Report(
        image=redact.image(_image_row(evidence)),
        summary=_summary(evidence, opened, tools, redact.text),
        verdict=Verdict(
            opened,
            tuple(set_aside),
            failed=any(policy.fails(finding) for finding in opened),
            unlisted=_unlisted(outcomes),
            baseline=policy.baseline.name if policy.baseline is not None else None,
            absent=gated.absent,
            unused=gated.unused,
        ),
        tools=tuple(sorted(tools, key=lambda tool: (tool.tool_class, tool.path))),
        coverage=_coverage(evidence, problems),
        problems=tuple(redact.problem(problem) for problem in dict.fromkeys(problems)),
        size_causes=size_causes(evidence, found_tools),
        dockerignore=tuple(
            replace(line, pattern=redact.text(line.pattern), example=redact.text(line.example))
            for line in leftovers(evidence, opened)
        ),
    )


def _unlisted(outcomes: Iterable[Outcome]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for reason, count in (pair for outcome in outcomes for pair in outcome.unlisted):
        counts[reason] = counts.get(reason, 0) + count
    return tuple(sorted(counts.items()))


class _Placing:
    """Says of findings and tools whether they are the base image's, and leaves out what the policy does not ask for."""

    def __init__(self, base: BaseImage | None, policy: Policy) -> None:
        self._base = base
        self._families = policy.families
        self._only = policy.only

    def wanted(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        for finding in findings:
            if self._families and finding.rule.family not in self._families:
                continue
            origin = finding.origin
            if self._base is not None and origin is Origin.UNKNOWN:
                by, place = finding.added_by, finding.location
                layer = by.layer if by is not None else place.layer
                origin = self._base.origin_of(layer, by.history if by is not None else place.history)
            if self._asked(origin):
                yield finding if origin is finding.origin else replaced(finding, origin=origin)

    def tools(self, tools: Iterable[Tool]) -> Iterator[Tool]:
        for tool in tools:
            origin = self._base.origin_of(tool.layer, None) if self._base is not None else tool.origin
            if self._asked(origin):
                yield replace(tool, origin=origin)

    def _asked(self, origin: Origin) -> bool:
        return self._only is None or (origin is Origin.BASE) == (self._only is Origin.BASE)


def _facts(evidence: Evidence, analyzers: Sequence[Analyzer], policy: Policy, tools: Sequence[Tool]) -> ImageFacts:
    """What the policy's requirements are held against; what this run did not look for is None."""
    user, opened = effective_user(evidence), bool(evidence.scans) or not evidence.image.layers
    sought = any(Family.BUILD_TOOL in analyzer.families for analyzer in analyzers)
    return ImageFacts(
        size=sum(scan.size for scan in evidence.scans) if opened else None,
        dead_bytes=evidence.overlay.dead_bytes() if opened and policy.requirements.max_dead_bytes is not None else None,
        build_tools=sum(tool.tool_class.counted for tool in tools) if opened and sought else None,
        base=evidence.base.reference if evidence.base is not None else None,
        labels=dict(evidence.image.config.labels),
        user=user.label,
        user_name=user.name,
        uid=user.uid,
    )


def _report_order(finding: Finding) -> tuple[object, ...]:
    place = finding.location
    return (
        -finding.severity.rank,
        _order_of(finding.rule.id),
        place.path or place.pointer or "",
        place.history or 0,
        place.layer or 0,
        place.line or 0,
        place.offset or 0,
        finding.rule.id,
        finding.ordinal,
    )


@lru_cache(maxsize=1024)
def _order_of(rule: str) -> int:
    return _FAMILIES[Family(rule.partition("/")[0])]


def _numbered(findings: Sequence[Finding]) -> list[Finding]:
    """Give findings that share rule, place and name their ordinals, in the order of their places."""
    counts: dict[tuple[str, ...], int] = {}
    numbered = []
    for finding in sorted(findings, key=_report_order):
        identity = finding.identity
        ordinal = counts[identity] = counts.get(identity, -1) + 1
        numbered.append(replaced(finding, ordinal=ordinal) if ordinal else finding)
    return numbered


def _redactor(evidence: Evidence, outcomes: Sequence[Outcome]) -> Redactor:
    return Redactor(
        plain=[value for outcome in outcomes for _, value in outcome.secrets],
        hmac_key=evidence.secret_key,
        keys={
            known
            for scan in (*evidence.scans, *(scan for _, scan in evidence.unreferenced))
            for match in scan.matches
            if not match.suppressed
            for known in (match.spellings or ((match.length, match.key),))
        },
    )


def _image_row(evidence: Evidence) -> ImageRow:
    image = evidence.image
    scans = evidence.scans or (None,) * len(image.layers)
    layers = []
    for layer, scan in zip(image.layers, scans, strict=True):
        claimed = layer.descriptor.digest if layer.descriptor is not None else None
        read = scan is not None and bool(scan.diff_id)
        layers.append(
            LayerRow(
                index=layer.index,
                diff_id=scan.diff_id if scan is not None and read else layer.diff_id,
                digest=scan.digest if scan is not None and read else claimed,
                size=scan.size if scan is not None and read else None,
                history=layer.step.index if layer.step is not None else None,
                instruction=layer.step.instruction.text if layer.step is not None else None,
                origin=evidence.base.origin_of(layer.index, None) if evidence.base is not None else Origin.UNKNOWN,
            )
        )
    return ImageRow(
        reference=image.reference,
        source=image.source,
        platform=str(image.config.platform),
        image_id=image.config.image_id,
        manifest_digest=image.manifest_digest,
        created=image.config.created,
        size=sum(layer.size or 0 for layer in layers),
        layers=tuple(layers),
        history=tuple(
            HistoryRow(
                index=step.index,
                layer=step.layer,
                created=step.created,
                created_by=step.created_by,
                instruction=step.instruction.text,
                build_args=step.instruction.build_args,
            )
            for step in image.steps
        ),
        base=_base_row(evidence.base),
        asked=image.asked,
    )


def _base_row(base: BaseImage | None) -> BaseRow | None:
    if base is None:
        return None
    return BaseRow(base.reference, base.digest, base.layers, str(base.confidence), base.evidence)


def _summary(
    evidence: Evidence, findings: Sequence[Finding], tools: Sequence[Tool], redact: Callable[[str], str]
) -> Summary:
    secrets = {finding.secret.id: finding.secret.state for finding in findings if finding.secret is not None}
    user = effective_user(evidence)
    counted = [tool for tool in tools if tool.tool_class.counted]
    return Summary(
        runs_as_root=user.is_root,
        user=redact(user.label),
        secrets=len(secrets),
        secrets_deleted=sum(state != "present" for state in secrets.values()),
        build_tools=len(counted),
        build_tool_bytes=sum(tool.size for tool in counted),
        dead_bytes=evidence.overlay.dead_bytes(),
        healthcheck=_has_healthcheck(evidence.image.config.healthcheck),
    )


def _has_healthcheck(healthcheck: Healthcheck | None) -> bool:
    return healthcheck is not None and bool(healthcheck.test) and healthcheck.test[0] != "NONE"


def _coverage(evidence: Evidence, problems: Sequence[Problem]) -> CoverageLedger:
    coverages = [scan.coverage for scan in evidence.scans]
    inner = [coverage.inner for coverage in coverages]
    return CoverageLedger(
        members=sum(coverage.members for coverage in coverages),
        scanned=sum(coverage.scanned for coverage in coverages),
        skipped=_totals(coverage.skipped for coverage in coverages),
        opaque=_totals(coverage.opaque for coverage in coverages),
        inner=InnerCoverage(
            members=sum(coverage.members for coverage in inner),
            scanned=sum(coverage.scanned for coverage in inner),
            skipped=_totals(coverage.skipped for coverage in inner),
            opaque=_totals(coverage.opaque for coverage in inner),
        ),
        complete=not any(problem.effect is Effect.INCOMPLETE for problem in problems),
    )


def _totals(ledgers: Iterable[tuple[Skip, ...]]) -> tuple[Skip, ...]:
    totals: dict[str, Skip] = {}
    for ledger in ledgers:
        for part in ledger:
            known = totals.get(part.reason, Skip(part.reason, 0, 0))
            totals[part.reason] = Skip(part.reason, known.count + part.count, known.bytes + part.bytes)
    return tuple(totals[reason] for reason in sorted(totals))
