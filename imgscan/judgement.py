"""The last step: what analyzers said of an image, judged by a policy and written down as a report without secrets."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from secrets import token_bytes

from imgscan.accounts import effective_user
from imgscan.analyzers.analyzer import Analyzer, Evidence, Outcome
from imgscan.context_leftovers import leftovers
from imgscan.errors import Effect, Problem
from imgscan.evidence import InnerCoverage, Skip
from imgscan.image.image import Healthcheck
from imgscan.report import (
    AddedBy,
    CoverageLedger,
    Family,
    Finding,
    FindingFate,
    Location,
    Policy,
    Report,
    SecretSighting,
    Severity,
    Summary,
    Tool,
    Verdict,
)
from imgscan.report.finding import replaced
from imgscan.report.report import HistoryRow, ImageRow, LayerRow
from imgscan.secrets.redaction import Redactor

_ALIVE = ("present", "rewritten", "overwritten", "deleted")
"""States of a sighting, the most alive first."""
_PLACES = {
    Family.FILE_SECRET: "a file",
    Family.ENV_SECRET: "ENV",
    Family.HISTORY_SECRET: "the build history",
    Family.LABEL_SECRET: "a label",
    Family.CONFIG_SECRET: "the image's metadata",
    Family.ATTESTATION_SECRET: "an attestation",
}
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
    findings = [finding for outcome in outcomes for finding in _wanted(outcome.findings, policy)]
    suppressed = [
        item
        for outcome in outcomes
        for item in outcome.suppressed
        if not policy.families or item.finding.rule.family in policy.families
    ]
    findings = _numbered(findings)
    values = {**(revealed or {}), **{key: value for outcome in outcomes for key, value in outcome.secrets}}
    group = _Secrets(findings, key or token_bytes(32), values if revealed is not None else None)
    redact = _Redaction(_redactor(evidence, outcomes))
    opened = sorted((redact.finding(finding, group) for finding in findings), key=_report_order)
    set_aside = [
        replaced(item, finding=redact.finding(finding, group))
        for item, finding in zip(suppressed, _numbered([item.finding for item in suppressed]), strict=True)
    ]
    set_aside.sort(key=lambda item: (item.reason, _report_order(item.finding)))
    tools = tuple(redact.tool(tool) for outcome in outcomes for tool in outcome.tools)
    problems = (*evidence.image.problems, *(problem for outcome in outcomes for problem in outcome.problems))
    return Report(
        image=redact.image(_image_row(evidence)),
        summary=_summary(evidence, group, tools, redact.text),
        verdict=Verdict(tuple(opened), tuple(set_aside), _failed(opened, policy), _unlisted(outcomes)),
        tools=tuple(sorted(tools, key=lambda tool: (tool.tool_class, tool.path))),
        coverage=_coverage(evidence, problems),
        problems=tuple(redact.problem(problem) for problem in dict.fromkeys(problems)),
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


def _wanted(findings: Iterable[Finding], policy: Policy) -> Iterable[Finding]:
    return (finding for finding in findings if not policy.families or finding.rule.family in policy.families)


def _failed(findings: Iterable[Finding], policy: Policy) -> bool:
    if policy.fail_on is Severity.NONE:
        return False
    return any(finding.severity >= policy.fail_on for finding in findings)


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


class _Secrets:
    """Equal secrets of one report: their ids, how often each was seen, and the most alive sighting's state."""

    def __init__(self, findings: Sequence[Finding], key: bytes, values: Mapping[bytes, str] | None) -> None:
        self._key = key
        self._values = values
        self._seen: dict[bytes, int] = {}
        self._state: dict[bytes, str] = {}
        self._families: dict[bytes, set[Family]] = {}
        for finding in findings:
            secret = finding.secret
            if secret is not None:
                self._seen[secret.key] = self._seen.get(secret.key, 0) + 1
                self._families.setdefault(secret.key, set()).add(finding.rule.family)
                known = self._state.get(secret.key, secret.state)
                self._state[secret.key] = min(known, secret.state, key=_ALIVE.index)

    @property
    def count(self) -> int:
        return len(self._seen)

    @property
    def deleted(self) -> int:
        """Secrets without a live sighting."""
        return sum(state not in ("present", "rewritten") for state in self._state.values())

    def elsewhere(self, secret: SecretSighting) -> str:
        """What to add to the advice where the value is in places of several kinds."""
        families = self._families.get(secret.key, ())
        if len(families) < 2:
            return ""
        named = [words for family, words in _PLACES.items() if family in families]
        return f" The same value is in {', '.join(named[:-1])} and {named[-1]}: removing one is not enough."

    def told(self, secret: SecretSighting, name: str | None) -> SecretSighting:
        """The sighting as the report tells it, under a redacted `name`."""
        # The report's own key comes last: without it, an id says nothing of a weak secret.
        identity = hmac.digest(self._key, secret.key, "sha256")[:12].hex()
        state = self._state.get(secret.key, secret.state)
        return replaced(
            secret,
            name=name,
            id=identity,
            sightings=self._seen.get(secret.key, 1),
            state="present" if state == "rewritten" else state,
            value=self._values.get(secret.key) if self._values is not None else None,
        )


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


class _Redaction:
    """Keeps every string of a report free of every secret that the run found. Equal strings are searched once."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[str, str] = {}
        self._fates: dict[FindingFate, FindingFate] = {}
        self._added: dict[AddedBy, AddedBy] = {}

    def text(self, text: str) -> str:
        redacted = self._known.get(text)
        if redacted is None:
            redacted = self._known[text] = self._redactor(text)
        return redacted

    def optional(self, text: str | None) -> str | None:
        return self.text(text) if text is not None else None

    def finding(self, finding: Finding, secrets: _Secrets) -> Finding:
        fate, added, secret = finding.fate, finding.added_by, finding.secret
        return replaced(
            finding,
            message=self._message(finding),
            location=self._location(finding.location),
            fate=self._fate(fate) if fate is not None else None,
            added_by=self._added_by(added) if added is not None else None,
            secret=secrets.told(secret, self.optional(secret.name)) if secret is not None else None,
            remediation=finding.remediation + (secrets.elsewhere(secret) if secret is not None else ""),
        )

    def _location(self, place: Location) -> Location:
        old = (place.path, place.inner_path, place.pointer, place.name)
        new = tuple(self.optional(text) for text in old)
        return place if new == old else replace(place, path=new[0], inner_path=new[1], pointer=new[2], name=new[3])

    def _fate(self, fate: FindingFate) -> FindingFate:
        if fate not in self._fates:
            self._fates[fate] = replace(fate, instruction=self.optional(fate.instruction))
        return self._fates[fate]

    def _added_by(self, added: AddedBy) -> AddedBy:
        if added not in self._added:
            self._added[added] = replace(added, instruction=self.optional(added.instruction))
        return self._added[added]

    def _message(self, finding: Finding) -> str:
        """A secret's message is made of a few words of ours and of strings that are searched by themselves.

        Thousands of findings have messages of their own, but share their paths and names.
        """
        if finding.secret is None:
            return self.text(finding.message)
        message = finding.message
        place = finding.location
        for part in (place.path, place.inner_path, place.pointer, place.name, finding.secret.name):
            if part and (redacted := self.text(part)) != part:
                message = message.replace(part, redacted)
        return message

    def tool(self, tool: Tool) -> Tool:
        return replace(tool, path=self.text(tool.path), instruction=self.optional(tool.instruction))

    def problem(self, problem: Problem) -> Problem:
        return replace(problem, message=self.text(problem.message), path=self.optional(problem.path))

    def image(self, image: ImageRow) -> ImageRow:
        return replace(
            image,
            layers=tuple(replace(row, instruction=self.optional(row.instruction)) for row in image.layers),
            history=tuple(
                replace(
                    row,
                    created_by=self.text(row.created_by),
                    instruction=self.text(row.instruction),
                    build_args=tuple((name, self.text(value)) for name, value in row.build_args),
                )
                for row in image.history
            ),
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
    )


def _summary(evidence: Evidence, secrets: _Secrets, tools: Sequence[Tool], redact: Callable[[str], str]) -> Summary:
    user = effective_user(evidence)
    counted = [tool for tool in tools if tool.tool_class.counted]
    return Summary(
        runs_as_root=user.is_root,
        user=redact(user.label),
        secrets=secrets.count,
        secrets_deleted=secrets.deleted,
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
