"""The end of a report for people: what was not read and why, and what it all means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from imgscan.errors import Effect, Problem
from imgscan.evidence import Skip
from imgscan.renderers import phrases
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.style import Page
from imgscan.renderers.text import count_text, one_line, size_text, width, wrap
from imgscan.report import Family, Report, Severity, Verdict
from imgscan.report.exit_code import ExitCode, exit_code

PROBLEMS = 5
"""Problems of one code that are listed."""

Lines = list[str]


def coverage(report: Report, page: Page) -> Lines:
    """What was not read and why, then oddities; the ledger's skips and opaque entries with them."""
    style = page.style
    lines: Lines = []
    parts = (
        (Effect.INCOMPLETE, "bad", "not read"),
        (Effect.OPAQUE, "warn", "cannot be read"),
        (Effect.NOTE, "info", "note"),
    )
    for effect, tone, label in parts:
        for code, problems in _by_code(report.problems, effect).items():
            texts = [phrases.problem_text(problem) for problem in problems[:PROBLEMS]]
            more = len(problems) - PROBLEMS
            texts += [f"and {more:,} more of this kind"] if more > 0 else []
            lines += _bulleted(style.mark(tone), [f"{label}: {texts[0]}", *texts[1:]], page, one_line(code, 60))
    ledger, inner = report.coverage, report.coverage.inner
    for label, skips in (("skipped", ledger.skipped), ("cannot be read", ledger.opaque)):
        lines += [
            line for skip in skips for line in _bulleted(style.mark("info"), [_skip(label, skip, "member")], page)
        ]
    for label, skips in (("skipped", inner.skipped), ("cannot be read", inner.opaque)):
        what = "file inside others"
        lines += [line for skip in skips for line in _bulleted(style.mark("info"), [_skip(label, skip, what)], page)]
    return [style.heading("COVERAGE"), *lines] if lines else []


def _by_code(problems: Sequence[Problem], effect: Effect) -> dict[str, list[Problem]]:
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.effect is effect:
            found.setdefault(problem.code, []).append(problem)
    return found


def _skip(label: str, skip: Skip, what: str) -> str:
    count = count_text(skip.count, what, "files inside others" if what != "member" else "")
    size = f", {size_text(skip.bytes)}" if skip.bytes or what == "member" else ""
    return f"{label}: {count}{size}: {one_line(skip.reason, 200)}"


def _bulleted(mark: str, texts: Sequence[str], page: Page, code: str = "") -> Lines:
    lines = [line for text in texts for line in wrap(text, page.width - 2)]
    if code:
        tail = f" ({code})"
        if width(lines[-1]) + len(tail) <= page.width - 2:
            lines[-1] += page.style.dim(tail)
        else:
            lines.append(page.style.dim(tail.strip()))
    return [f"{mark} {lines[0]}", *(f"  {line}" for line in lines[1:])]


def verdict(report: Report, page: Page) -> Lines:
    """The last line: what the exit code is and why."""
    told = phrases.news(report)
    news = wrap(f"{told}.", page.width) if told else []
    return [*news, *conclusion(report.verdict, exit_code(report, page.options.completeness), page)]


def conclusion(judged: Verdict, code: ExitCode, page: Page) -> Lines:
    """What an exit code is and why, in a line or some."""
    options, style = page.options, page.style
    failing = Counter(finding.severity for finding in judged.open if options.fails(finding))
    found = ", ".join(f"{failing[severity]:,} {severity}" for severity in reversed(Severity) if failing[severity])
    below = count_text(len(judged.open) - failing.total(), "other finding", "other findings")
    if code is ExitCode.INCOMPLETE:
        why = "not everything could be read, so nothing can be called clean"
        reason = f"{why}; {found} found" if found else why
    elif found:
        reason = f"{found} ({_limit(judged, options)})"
    elif options.fail_on is Severity.NONE:
        reason = f"nothing fails the run (--fail-on none); {below}"
    else:
        new = "new " if judged.baseline is not None else ""
        reason = f"nothing {new}at {options.fail_on} or worse" + (f"; {below}" if judged.open else "")
    word = {ExitCode.CLEAN: "PASS", ExitCode.FOUND: "FAIL", ExitCode.INCOMPLETE: "INCOMPLETE"}[code]
    first, *more = wrap(f"{reason}. Exit code {int(code)}.", page.width - len(word) - 2)
    return [f"{style.verdict(code, word)}  {first}", *(" " * (len(word) + 2) + line for line in more)]


def _limit(judged: Verdict, options: RenderOptions) -> str:
    """Why what fails does: `new; fails on high and worse, root-user at medium, what the policy demands`."""
    parts = [] if options.fail_on is Severity.NONE else [f"fails on {options.fail_on} and worse"]
    if options.policy is not None:
        parts += [f"{family} at {level}" for family, level in options.policy.fail_on_families]
        inherited = options.policy.fail_on_inherited
        parts += [f"inherited at {inherited}"] if inherited is not None else []
    if any(finding.rule.family is Family.POLICY and options.fails(finding) for finding in judged.open):
        parts.append("and on what the policy demands")
    return ("new; " if judged.baseline is not None else "") + ", ".join(parts)
