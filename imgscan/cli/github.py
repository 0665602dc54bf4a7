"""What a run leaves behind on GitHub Actions: a job summary, and annotations beside the lines of the Dockerfile.

Workflow commands (GitHub Docs, "Workflow commands for GitHub Actions") are lines `::error file=F,line=N,title=T::TEXT`,
read from standard error as well. GitHub shows 10 annotations of a level for a step, and takes 1 MiB for its summary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from imgscan.cli.terminal import write_error
from imgscan.renderers import RenderOptions, load_renderer
from imgscan.renderers.grouping import groups
from imgscan.renderers.sentences import advice, repository_place, sentence
from imgscan.renderers.text import printable
from imgscan.report import Report, Severity

_COMMAND = re.compile(r"^[^\S\n]*::|##\[", re.MULTILINE)
SHOWN = 10
"""Annotations of a level that GitHub shows for a step."""


def runs_there(environment: Mapping[str, str]) -> bool:
    """Whether this is a step of a GitHub workflow."""
    return environment.get("GITHUB_ACTIONS") == "true"


def tell(reports: Sequence[Report], options: RenderOptions, environment: Mapping[str, str], *, quiet: bool) -> None:
    """Write the summary, and annotations unless `quiet`. That neither can be written is told and changes nothing."""
    if not quiet:
        write_error("".join(f"{line}\n" for line in workflow_commands(reports, options)))
    name = environment.get("GITHUB_STEP_SUMMARY")
    if not name:
        return
    try:
        # Other steps' and commands' summaries may be there.
        with Path(name).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(load_renderer("markdown").render(reports, options))
    except OSError as error:
        write_error(f"note: the step summary {name} cannot be written: {error.strerror or error}\n")


def defused(text: str) -> str:
    """A text for people without what the runner would take for a command: `::x` begins a line, `##[x` is anywhere.

    A file in an image may be called so, and a line may be wrapped right before its name.
    """
    return _COMMAND.sub(lambda found: found[0][:-1] + "\u200b" + found[0][-1], text)


def workflow_commands(reports: Sequence[Report], options: RenderOptions) -> list[str]:
    """Workflow commands for what belongs together, worst first; no more of a level than GitHub shows."""
    told: dict[str, list[str]] = {"error": [], "warning": []}
    for report in reports:
        for level, line in _annotations(report, options):
            told[level].append(line)
    return [line for lines in told.values() for line in lines[:SHOWN]]


def _annotations(report: Report, options: RenderOptions) -> Iterator[tuple[str, str]]:
    for group in groups(report):
        failing = [finding for finding in group.findings if options.fails(finding)]
        if not failing and group.severity < Severity.MEDIUM:
            continue
        finding = failing[0] if failing else group.first
        level = "error" if failing else "warning"
        place = repository_place(report, finding)
        more = f" (and {len(group.findings) - 1:,} more like it)" if len(group.findings) > 1 else ""
        title = f"{finding.severity}: {finding.rule.title} ({report.image.reference})"
        told = f"{sentence(finding)}{more}. {advice(finding)}"
        where = {"file": place.path, "line": str(place.line)} if place.real else {}
        properties = ",".join(f"{key}={_property(text)}" for key, text in {**where, "title": title}.items())
        yield level, f"::{level} {properties}::{_data(told)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
