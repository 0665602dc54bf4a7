"""Markdown for job summaries and for comments on pull requests: short, with the details folded away.

GitHub takes 65,536 characters in a comment and 1 MiB in a step summary, GitLab 1,000,000 in a note: the smallest
counts here, and what is left out is said. Whatever comes from an image stands in code spans: nothing in them is
Markdown, HTML, a mention or a reference.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from imgscan.errors import Effect
from imgscan.renderers import phrases
from imgscan.renderers.answers import answers
from imgscan.renderers.grouping import Group, groups
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import dockerfile_line, verdict_word
from imgscan.renderers.text import count_text, one_line, printable
from imgscan.report import Finding, Report, Severity
from imgscan.report.exit_code import ExitCode, combined, exit_code

LIMIT = 60_000
"""Characters of a document; what CI systems add around it has the rest."""
TOLD = 20
"""Groups of findings that stand in sight; those after them are folded away."""
PLACES = 5
ADVICE = 12
PROBLEMS = 10

Lines = list[str]

_MARKS = {ExitCode.CLEAN: "✅", ExitCode.FOUND: "❌", ExitCode.INCOMPLETE: "⚠️"}
# An underscore is emphasis unless letters or digits stand on both of its sides.
_SAFE = re.compile(r"(?!.*(?:www\.|//|(?<![A-Z0-9])_|_(?![A-Z0-9])))[\w ,.:;()'/%=+-]*", re.ASCII | re.IGNORECASE)
_RUNS = re.compile("`+")


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """A part for each image; for several, a table of all of them first."""
    head = _overview(reports, options) if len(reports) + len(options.failures) > 1 else []
    head += [
        line
        for failure in options.failures
        for line in (f"⚠️ not scanned: {code(failure.reference)}: {code(failure.message)}", "")
    ]
    room = LIMIT - sum(len(line) + 1 for line in head) - 200
    parts: Lines = []
    for number, report in enumerate(reports):
        part = _image(report, options, room // (len(reports) - number))
        if len(part) > room:
            parts.append(f"{count_text(len(reports) - number, 'more image')}: the JSON report has all.")
            break
        room -= len(part) + 1
        parts.append(part)
    return "\n".join([*head, *parts]).rstrip("\n") + "\n"


def code(text: str, limit: int = 300) -> str:
    """`text` as a code span: literal whatever is in it, on one line, cut to `limit` columns."""
    shown = one_line(text, limit)
    if not shown:
        return ""
    fence = "`" * (max((len(run) for run in _RUNS.findall(shown)), default=0) + 1)
    padding = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{padding}{shown}{padding}{fence}"


def words(text: str, limit: int = 600) -> str:
    """A sentence of ours as it is; one that may hold anything else as a code span."""
    shown = one_line(text, limit)
    return shown if _SAFE.fullmatch(shown) else code(shown, limit)


# --- several images


def _overview(reports: Sequence[Report], options: RenderOptions) -> Lines:
    codes = [exit_code(report, options.completeness) for report in reports]
    codes += [failure.code for failure in options.failures]
    worst = combined(codes)
    lines = [
        f"## {_MARKS.get(worst, '⚠️')} imgscan: {count_text(len(codes), 'image')}, {verdict_word(worst)}",
        "",
        "| | image | critical | high | medium | low |",
        "|---|---|---|---|---|---|",
    ]
    for report, found in list(zip(reports, codes, strict=False))[:50]:
        counts = Counter(finding.severity for finding in report.verdict.open)
        cells = " | ".join(str(counts[severity]) for severity in list(Severity)[:1:-1])
        # A pipe would end the cell, code span or not; `\|` is undone differently by different parsers.
        name = code(report.image.reference, 100).replace("|", "¦")
        lines.append(f"| {_MARKS.get(found, '⚠️')} | {name} | {cells} |")
    return [*lines, ""]


# --- one image


def _image(report: Report, options: RenderOptions, room: int) -> str:
    """The part of one image, at most `room` characters where its head alone does not take more."""
    verdict = exit_code(report, options.completeness)
    title = f"## {_MARKS[verdict]} {code(report.image.reference)}: {verdict_word(verdict)}"
    lines = [title, "", _counts(report, options), ""]
    lines += [
        f"- {row.question}: **{words(row.answer)}** {words(row.detail)}".rstrip() for row in answers(report, options)
    ]
    lines += _dockerfile(report)
    found = groups(report)
    tail = [*_advice(found), *_suppressed(report), *_not_read(report)]
    used = sum(len(line) + 1 for line in (*lines, *tail))
    return "\n".join([*lines, *_findings(report, found, options, room - used), *tail, ""])


def _counts(report: Report, options: RenderOptions) -> str:
    counts = Counter(finding.severity for finding in report.verdict.open)
    told = ", ".join(f"{counts[severity]} {severity}" for severity in reversed(Severity) if counts[severity])
    limit = "" if options.fail_on is Severity.NONE else f"; {options.fail_on} and worse fail"
    new = phrases.news(report)
    compared = f" **{new.partition(' at ')[0]}**" if new else ""
    where = f" at {code(new.partition(' at ')[2])}" if " at " in new else ""
    nothing = "Nothing new" if report.verdict.baseline is not None else "Nothing found"
    return f"{told or nothing}{limit}.{compared}{where}{'.' if new else ''}"


def _dockerfile(report: Report) -> Lines:
    dockerfile = report.dockerfile
    if dockerfile is None or dockerfile.fits:
        return []
    return ["", f"{code(dockerfile.path)} does not fit this image: no line of it is told."]


def _findings(report: Report, found: Sequence[Group], options: RenderOptions, room: int) -> Lines:
    """The groups worst first, as many as there is room for, those beyond the first few folded away."""
    if not found:
        return []
    opening = ["", "<details>", "<summary>More findings</summary>", ""]
    closing = ["", "</details>"]
    lines: Lines = ["", "### Findings", ""]
    room -= sum(len(line) + 1 for line in (*lines, *opening, *closing)) + 100
    shown = 0
    for shown, group in enumerate(found):
        told = _group(report, group, options)
        room -= sum(len(line) + 1 for line in told)
        if room < 0:
            break
        lines += [*(opening if shown == TOLD else ()), *told]
    else:
        shown = len(found)
    if shown > TOLD:
        lines += closing
    left = sum(len(group.findings) for group in found[shown:])
    return [*lines, "", f"And {count_text(left, 'more finding')}: the JSON report has all."] if left else lines


def _group(report: Report, group: Group, options: RenderOptions) -> Lines:
    first = group.first
    what = f"- **{group.severity.upper()}** {words(first.rule.title, 200)} ({code(first.rule.id)})"
    if group.secret is not None:
        what += f": {code(phrases.secret_text(group.secret, options.show_secrets))}"
    elif group.about_tools:
        return [what + f": {code(phrases.tool_names(group, 12))}", *_places(report, _one_of_each_step(group))]
    elif len({finding.message for finding in group.findings}) == 1 and first.message != first.rule.title:
        what += f": {words(first.message, 300)}"
    return [what, *_places(report, group.findings)]


def _one_of_each_step(group: Group) -> list[Finding]:
    """Tools are named on the line above; below it, each step that brought some in is told once."""
    return list({finding.added_by: finding for finding in reversed(group.findings)}.values())[::-1]


def _places(report: Report, findings: Sequence[Finding]) -> Lines:
    lines = []
    for finding in findings[:PLACES]:
        line = dockerfile_line(report, finding)
        parts = (
            code(f"{report.dockerfile.path}:{line}") if report.dockerfile is not None and line is not None else "",
            code(phrases.place(finding.location)),
            code(phrases.brought_in(finding.added_by, finding.origin)),
            code(phrases.state(finding)) if phrases.state(finding) != "present" else "",
        )
        lines.append("  - " + ", ".join(part for part in parts if part))
    more = len(findings) - PLACES
    return [*lines, f"  - {phrases.places_text(more)}"] if more > 0 else lines


def _advice(found: Sequence[Group]) -> Lines:
    told = list(dict.fromkeys(group.remediation for group in found if group.remediation))[:ADVICE]
    return _folded("What to do", (f"- {words(text)}" for text in told))


def _suppressed(report: Report) -> Lines:
    counts = report.verdict.suppressed_counts
    if not counts:
        return []
    reasons = ", ".join(f"{count:,} {words(reason, 40)}" for reason, count in list(counts.items())[:20])
    return ["", f"Set aside: {reasons}."]


def _not_read(report: Report) -> Lines:
    told = [problem for problem in report.problems if problem.effect is not Effect.NOTE]
    lines = [f"- {code(phrases.problem_text(problem))}" for problem in told[:PROBLEMS]]
    more = len(told) - PROBLEMS
    return _folded("What was not read", [*lines, *([f"- and {more:,} more"] if more > 0 else [])])


def _folded(title: str, lines: Iterable[str]) -> Lines:
    inside = list(lines)
    return ["", "<details>", f"<summary>{printable(title)}</summary>", "", *inside, "", "</details>"] if inside else []
