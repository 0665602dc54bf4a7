"""JUnit XML, as Jenkins, GitLab and Azure read it: a suite for each image, a test case for each finding.

A finding that fails the run is a failed case, any other a skipped one; a family without findings is a case that passed,
so that a clean image shows what was looked for. What was not read is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape

from imgscan.renderers import phrases
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import (
    advice,
    dockerfile_line,
    image_names,
    lasting_name,
    repository_place,
    sentence,
)
from imgscan.renderers.text import printable
from imgscan.report import Family, Finding, Report
from imgscan.report.exit_code import lacks_evidence


@dataclass(frozen=True, slots=True)
class Case:
    """A test case; `outcome` is failure, error, skipped or empty for a pass. Texts are as found, not escaped."""

    group: str
    name: str
    outcome: str = ""
    message: str = ""
    detail: str = ""
    kind: str = ""
    file: str = ""
    line: int | None = None


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """One document; its suites are in the order of the images."""
    suites = [(name, _cases(report, options)) for report, name in zip(reports, image_names(reports), strict=True)]
    suites += [
        (
            printable(failure.reference) or "image",
            [Case("scan", "scanned", "error", f"{failure.message}; {failure.tip}", kind="not-scanned")],
        )
        for failure in options.failures
    ]
    everything = [case for _, cases in suites for case in cases]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites {_attributes(name='imgscan')} {_counts(everything)}>",
    ]
    for name, cases in suites:
        lines.append(f"  <testsuite {_attributes(name=name)} {_counts(cases)}>")
        lines += [line for case in cases for line in _written(case)]
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _cases(report: Report, options: RenderOptions) -> list[Case]:
    cases = [_complete(report, options)]
    cases += [_finding(report, finding, options) for finding in report.verdict.open]
    found = {finding.rule.family for finding in report.verdict.open}
    asked = [family for family in Family if not options.families or family in options.families]
    cases += [Case(str(family), "nothing found") for family in asked if family not in found]
    if options.show_suppressed:
        cases += [
            Case(
                item.finding.rule.id,
                lasting_name(item.finding),
                "skipped",
                ": ".join(filter(None, ("suppressed", item.reason, item.by, item.justification))),
            )
            for item in report.verdict.suppressed
        ]
    return _named_once(cases)


def _complete(report: Report, options: RenderOptions) -> Case:
    if not lacks_evidence(report, options.completeness):
        return Case("scan", "complete")
    problems = [phrases.problem_text(problem) for problem in report.problems[:20]]
    return Case("scan", "complete", "error", "not everything could be read", "\n".join(problems), "incomplete")


def _finding(report: Report, finding: Finding, options: RenderOptions) -> Case:
    place = repository_place(report, finding)
    line = dockerfile_line(report, finding)
    told = sentence(finding, show_secrets=options.show_secrets)
    at = f"{place}: " if line is not None else ""
    failed = options.fails(finding)
    message = f"{finding.severity}: {at}{finding.rule.title}"
    return Case(
        group=finding.rule.id,
        name=lasting_name(finding) or finding.rule.title,
        outcome="failure" if failed else "skipped",
        message=message if failed else f"{message} (does not fail the run)",
        detail="\n".join(
            (
                told,
                f"What to do: {advice(finding)}",
                f"Dockerfile: {place}" if line is not None else "",
                f"Fingerprint: {finding.fingerprint}",
            )
        ),
        kind=str(finding.severity),
        file=place.path if place.real else "",
        line=place.line if place.real else None,
    )


def _named_once(cases: Iterable[Case]) -> list[Case]:
    """Cases of one suite with names of their own: CI systems compare runs by class and name."""
    seen: dict[tuple[str, str], int] = {}
    named = []
    for case in cases:
        key = (case.group, case.name)
        seen[key] = seen.get(key, 0) + 1
        named.append(case if seen[key] == 1 else replace(case, name=f"{case.name} #{seen[key]}"))
    return named


def _counts(cases: Sequence[Case]) -> str:
    outcomes = [case.outcome for case in cases]
    return (
        f'tests="{len(cases)}" failures="{outcomes.count("failure")}" errors="{outcomes.count("error")}"'
        f' skipped="{outcomes.count("skipped")}" time="0"'
    )


def _written(case: Case) -> list[str]:
    place = _attributes(file=case.file) if case.file else ""
    line = f' line="{case.line}"' if case.line is not None else ""
    attributes = f'{_attributes(classname=case.group, name=case.name)} time="0"{" " * bool(place)}{place}{line}'
    if not case.outcome:
        return [f"    <testcase {attributes}/>"]
    inside = _attributes(message=case.message)
    # A skipped case has no more than its message in Jenkins' schema.
    if case.outcome == "skipped":
        return [f"    <testcase {attributes}><skipped {inside}/></testcase>"]
    detail = "\n".join(_xml(part) for part in case.detail.split("\n") if part)
    kind = _attributes(type=case.kind)
    return [f"    <testcase {attributes}><{case.outcome} {inside} {kind}>{detail}</{case.outcome}></testcase>"]


def _attributes(**values: str) -> str:
    return " ".join(f'{name}="{_xml(value)}"' for name, value in values.items())


def _xml(text: str) -> str:
    """Text of an element or attribute: what XML 1.0 has no characters for is spelled out."""
    return escape(printable(text))
