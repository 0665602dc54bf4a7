"""The user's Dockerfile beside a report: which of its lines each step has, and what to say where it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imgscan.errors import Effect, Problem
from imgscan.image.dockerfile_mapping import DockerfileMapping, map_dockerfile
from imgscan.image.dockerfile_parser import WrittenDockerfile
from imgscan.image.image import HistoryStep
from imgscan.report import Report
from imgscan.report.dockerfile import DockerfileRow

_NAMED = 5
"""Lines and steps that a problem names."""


def with_dockerfile(report: Report, written: WrittenDockerfile, steps: Sequence[HistoryStep]) -> Report:
    """`report` with the lines of `written`; `steps` are the image's, as they are and not redacted."""
    mapping = map_dockerfile(written, steps)
    row = DockerfileRow(
        path=written.path,
        fits=not mapping.reason,
        from_line=mapping.from_line,
        stage=mapping.stage,
        base_steps=mapping.base_steps,
        lines=mapping.lines,
    )
    return replace(report, dockerfile=row, problems=(*report.problems, *_problems(written, mapping)))


def _problems(written: WrittenDockerfile, mapping: DockerfileMapping) -> tuple[Problem, ...]:
    if mapping.reason:
        message = f"{written.path} does not fit this image, so no line of it is told: {mapping.reason}"
        return (Problem("dockerfile-mismatch", message, Effect.NOTE),)
    told = []
    if mapping.missing:
        told.append(f"no step for {_listed('line', mapping.missing)}")
    if mapping.extra:
        told.append(f"no line for {_listed('history step', mapping.extra)}")
    if mapping.unsure:
        told.append(f"which step {_listed('line', mapping.unsure)} made is not sure")
    if not told:
        return ()
    message = f"{written.path} is not quite what this image was built from: {'; '.join(told)}"
    return (Problem("dockerfile-mismatch", message, Effect.NOTE),)


def _listed(noun: str, numbers: Sequence[int]) -> str:
    """`line 4`, `lines 4, 5 and 3 more`."""
    shown = ", ".join(map(str, numbers[:_NAMED]))
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"{noun}{'s' if len(numbers) > 1 else ''} {shown}{more}"
