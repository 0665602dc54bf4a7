"""What the formats of `imgscan compare` have in common: the cells of its rows, and the words for what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from imgscan.comparison import Changes, Compared, Comparison, Difference
from imgscan.errors import Effect
from imgscan.renderers import phrases
from imgscan.renderers.answers import yes_or_no
from imgscan.renderers.text import one_line, size_text
from imgscan.report import Finding, Severity

HEADERS = ("IMAGE", "SIZE", "DIFFERENCE", "ROOT?", "SECRETS?", "BUILD TOOLS?", "HEALTH CHECK?", "RUNTIME CONSTRAINTS")
PLACES = 6
"""Places of findings of one rule that are told."""
PROBLEMS = 4
"""Reasons why one image was not read completely that are told."""
CAUSE_NAMES = {
    "in_use": "files in use",
    "tools": "build tools",
    "caches": "package caches",
    "deleted": "deleted",
    "overwritten": "overwritten",
    "rewritten": "stored twice",
    "metadata": "headers and padding",
}


class Part(NamedTuple):
    """One kind of things that differ: a heading, and a line each, with a sign: `+`, `-` or `~`."""

    heading: str
    lines: tuple[tuple[str, str], ...]


def cells(comparison: Comparison) -> list[tuple[str, ...]]:
    """The rows of the picture, as HEADERS; sizes against the first row."""
    shared = _shared_directory([row.name for row in comparison.rows if row.container is None])
    return [_row(row, comparison.rows[0], shared) for row in comparison.rows]


def _shared_directory(names: Sequence[str]) -> str:
    """The directory that all images are files of, with its slash: it tells none from the others. Else ""."""
    directories = {name.partition(": ")[0].rpartition("/")[0] for name in names}
    (directory, *others) = directories or {""}
    is_path = directory.startswith(("/", "."))
    return f"{directory}/" if is_path and not others else ""


def _row(row: Compared, first: Compared, shared: str) -> tuple[str, ...]:
    summary = row.report.summary
    more, percent = row.size_difference(first)
    gone = f", {summary.secrets_deleted} deleted" if summary.secrets_deleted else ""
    name = row.name.removeprefix(shared)
    if row.container is not None:
        name = f"{row.name} (container of {row.container.image})"
    return (
        one_line(name, 200),
        size_text(row.report.image.size),
        "" if row is first else difference_text(more, percent),
        f"{yes_or_no(row.runs_as_root)}, {one_line(row.user.partition(' (')[0], 40)}",
        f"yes ({summary.secrets}{gone})" if summary.secrets else "no",
        f"yes ({summary.build_tools})" if summary.build_tools else "no",
        yes_or_no(summary.healthcheck),
        one_line(row.constraints, 200),
    )


def unread_texts(comparison: Comparison) -> list[str]:
    """`app.tar: layer 2: the tar ends at byte 4096`: which rows rest on less than the whole image, and why."""
    shared = _shared_directory([row.name for row in comparison.rows if row.container is None])
    texts: dict[str, None] = {}  # an image may be in more than one row
    for row in comparison.rows:
        report = row.report
        missing = [phrases.problem_text(problem) for problem in report.problems if problem.effect is Effect.INCOMPLETE]
        if not missing and not (report.complete and report.coverage.complete):
            missing = ["not all of it was read"]
        more = [f"and {len(missing) - PROBLEMS} more"] if len(missing) > PROBLEMS + 1 else []
        name = one_line(row.name.removeprefix(shared), 200)
        texts |= dict.fromkeys(f"{name}: {text}" for text in [*(missing[:PROBLEMS] if more else missing), *more])
    return list(texts)


def difference_text(more: int, percent: float | None) -> str:
    """`-78 %`, `+1.2 %`, `same`; in bytes where the first has none."""
    if not more:
        return "same"
    if percent is None:
        return f"+{size_text(more)}"
    digits = 0 if abs(percent) >= 10 else 1 if abs(percent) >= 0.1 else 2
    text = f"{percent:+.{digits}f} %"
    return text if any(digit in text for digit in "123456789") else f"{'+' if more > 0 else '-'}{size_text(abs(more))}"


def parts(comparison: Comparison) -> Iterator[Part]:
    """What differs between two images, the findings first; nothing where nothing does."""
    found = comparison.difference
    if found is None:
        return
    yield from (part for part in _parts(found) if part.lines)


def _parts(found: Difference) -> Iterator[Part]:
    yield Part("NEW FINDINGS", tuple(("+", text) for text in finding_texts(found.new)))
    yield Part("FIXED", tuple(("-", text) for text in finding_texts(found.fixed)))
    yield Part("SETTINGS", tuple(_changes(found.settings)))
    tools = [("+", f"{one_line(tool.name, 80)} ({tool.tool_class})") for tool in found.tools_added]
    tools += [("-", f"{one_line(tool.name, 80)} ({tool.tool_class})") for tool in found.tools_removed]
    yield Part("TOOLS", tuple(tools))
    yield Part("USERS", tuple(_changes(found.users)))
    yield Part("SETUID, SETGID AND CAPABILITIES", tuple(_changes(found.privileged)))
    yield Part("PACKAGES", tuple(_changes(found.packages)))
    yield Part("SIZE BY CAUSE", tuple(_sizes(found)))


def finding_texts(findings: Sequence[Finding]) -> Iterator[str]:
    """`HIGH  Secret in a file: app/.env:1, app/.env:2`: how bad, what, where; one for each severity and rule."""
    alike: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.severity, finding.rule.id), []).append(finding)
    for (severity, _), group in alike.items():
        where = [place for place in (phrases.place(finding.location) for finding in group) if place]
        more = f" and {len(where) - PLACES} more" if len(where) > PLACES + 1 else ""
        told = ", ".join(where[:PLACES] if more else where) + more
        yield f"{severity.upper():<8}  {one_line(group[0].rule.title, 120)}" + (f": {told}" if told else "")


def _changes(changes: Changes) -> Iterator[tuple[str, str]]:
    for name, value in changes.added:
        yield "+", _named(name, value)
    for name, value in changes.removed:
        yield "-", _named(name, value)
    for name, before, after in changes.changed:
        yield "~", f"{one_line(name, 200)}: {one_line(before, 160)} -> {one_line(after, 160)}"


def _named(name: str, value: str) -> str:
    return f"{one_line(name, 200)} {one_line(value, 160)}".rstrip()


def _sizes(found: Difference) -> Iterator[tuple[str, str]]:
    for cause, before, after in found.sizes:
        if before != after:
            more = after - before
            sign = "+" if more > 0 else "-"
            told = f"{CAUSE_NAMES[cause]}: {size_text(before)} -> {size_text(after)} ({sign}{size_text(abs(more))})"
            yield sign, told


def summary_text(comparison: Comparison) -> str:
    """One sentence about two images: `2 new, 5 fixed, 12 unchanged findings`."""
    found = comparison.difference
    if found is None:
        return ""
    if found.empty:
        return f"nothing differs; {found.unchanged} findings in both"
    return f"{len(found.new)} new, {len(found.fixed)} fixed, {found.unchanged} unchanged findings"


def shown(lines: Sequence[tuple[str, str]], most: int) -> tuple[Sequence[tuple[str, str]], int]:
    """The first lines, and how many are left out; one alone is never left out."""
    more = len(lines) - most
    return (lines, 0) if more <= 1 else (lines[:most], more)
