"""The gate: a policy applied to the findings of one image. Pure; what day it is comes with the policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imgscan.errors import Problem
from imgscan.evidence import Confidence
from imgscan.report.baseline import Compared, Entry, compare
from imgscan.report.finding import Family, Finding, Severity, replaced
from imgscan.report.ignores import Ignore, matches_rule
from imgscan.report.policy import Policy, Suppressed

_CONFIDENCES = {Confidence.LOW: 0, Confidence.MEDIUM: 1, Confidence.HIGH: 2}
IGNORED, ACCEPTED, DOUBTED = "ignored", "baseline", "confidence"
"""Reasons that a policy sets findings aside for."""


@dataclass(frozen=True, slots=True)
class Gated:
    """What a policy makes of findings. `unused` ignores and `absent` entries are those that no finding of it met."""

    open: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    unused: tuple[Ignore, ...] = ()
    absent: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()


def reweighed(findings: Iterable[Finding], policy: Policy) -> list[Finding]:
    """The findings with the severities that the policy gives their rules: an id wins, then the longest glob."""
    if not policy.severities:
        return list(findings)
    chosen: dict[str, Severity | None] = {}
    weighed = []
    for finding in findings:
        rule = finding.rule.id
        if rule not in chosen:
            fitting = [
                (glob == rule, len(glob), level) for glob, level in policy.severities if matches_rule(glob, rule)
            ]
            chosen[rule] = max(fitting)[2] if fitting else None
        level = chosen[rule]
        weighed.append(finding if level is None else replaced(finding, severity=level))
    return weighed


def gate(findings: Sequence[Finding], policy: Policy, key: bytes | None = None) -> Gated:
    """Sort findings into those that count and those set aside: for want of confidence, by an ignore, by the baseline.

    They are the report's: numbered, redacted, with the ids of their secrets, in report order. `key` keys those ids.
    """
    suppressed: list[Suppressed] = []
    least = _CONFIDENCES[policy.min_confidence]
    sure = []
    for finding in findings:
        if _CONFIDENCES[finding.confidence] >= least:
            sure.append(finding)
        else:
            suppressed.append(Suppressed(finding, DOUBTED, f"min-confidence {policy.min_confidence}"))
    kept, ignored, unused = _ignored(sure, policy)
    suppressed += ignored
    problems = [_expired(ignore) for ignore in policy.ignores if ignore.expired(policy.today)]
    baseline = policy.baseline
    if baseline is None:
        return Gated(tuple(kept), tuple(suppressed), unused, (), tuple(problems))
    values = baseline.comparable(key)
    if not values and any(entry.check for entry in baseline.entries):
        problems.append(_no_key(baseline.name))
    # What is demanded of every image cannot have been accepted with one of them.
    demanded = [finding for finding in kept if finding.rule.family is Family.POLICY]
    compared = compare([f for f in kept if f.rule.family is not Family.POLICY], baseline.entries, values=values)
    new = set(map(id, (*compared.new, *demanded)))
    suppressed += _accepted(compared, baseline.name)
    return Gated(
        tuple(finding for finding in kept if id(finding) in new),
        tuple(suppressed),
        unused,
        compared.absent,
        tuple(problems),
    )


def _ignored(findings: Sequence[Finding], policy: Policy) -> tuple[list[Finding], list[Suppressed], tuple[Ignore, ...]]:
    """The findings that no ignore in force speaks of, the others, and the ignores that speak of none."""
    in_force = [ignore for ignore in policy.ignores if not ignore.expired(policy.today)]
    # Most name one fingerprint: those are looked up, so that thousands of them cost nothing.
    named = {ignore.fingerprint: ignore for ignore in reversed(in_force) if ignore.fingerprint}
    others = [ignore for ignore in in_force if named.get(ignore.fingerprint) is not ignore]
    used: set[int] = set()
    kept, ignored = [], []
    for finding in findings:
        by = named.get(finding.fingerprint) if named else None
        candidates = (*((by,) if by is not None else ()), *others)
        matching = [ignore for ignore in candidates if ignore.matches(finding)]
        if not matching:
            kept.append(finding)
            continue
        used.update(map(id, matching))
        first = matching[0]
        until = f" until {first.until}" if first.until is not None else ""
        ignored.append(Suppressed(finding, IGNORED, f"{first.place or 'an ignore'}{until}", first.reason))
    return kept, ignored, tuple(ignore for ignore in in_force if id(ignore) not in used)


def _accepted(compared: Compared, name: str) -> list[Suppressed]:
    accepted = []
    for finding, entry in compared.accepted:
        audited = "" if entry.audit == "open" else f", audited: {entry.audit.replace('-', ' ')}"
        accepted.append(Suppressed(finding, ACCEPTED, f"{name or 'the baseline'}{audited}", entry.note))
    return accepted


def _expired(ignore: Ignore) -> Problem:
    where = f"{ignore.place}: " if ignore.place else ""
    return Problem(
        "ignore-expired",
        f"{where}the ignore of {ignore.conditions} ended on {ignore.until}: what it set aside counts again",
    )


def _no_key(name: str) -> Problem:
    return Problem(
        "baseline-key",
        f"{name or 'the baseline'} was made with a key that this run does not use (IMGSCAN_KEY): another secret at an "
        "accepted place is not told from the accepted one",
    )


def told_unused(unused: Iterable[Ignore]) -> tuple[Problem, ...]:
    """Ignores that met nothing. Whether that says anything depends on what the run looked at: the caller knows."""
    return tuple(
        Problem(
            "ignore-unused",
            f"{f'{ignore.place}: ' if ignore.place else ''}the ignore of {ignore.conditions} met no finding: remove it"
            # Without the key that an id was made with, every run draws others: that it met nothing says little.
            + (", unless its id was made with another key (IMGSCAN_KEY, a baseline)" if ignore.secret else ""),
        )
        for ignore in unused
    )


def told_absent(absent: Sequence[Entry], name: str, limit: int = 5) -> tuple[Problem, ...]:
    """Accepted findings that no longer occur, the first of them by name."""
    if not absent:
        return ()
    more = f" and {len(absent) - limit:,} more" if len(absent) > limit else ""
    shown = "; ".join(entry.told for entry in absent[:limit])
    what = "1 entry no longer occurs" if len(absent) == 1 else f"{len(absent):,} entries no longer occur"
    return (Problem("baseline-absent", f"{name or 'the baseline'}: {what} ({shown}{more}): --prune removes them"),)
