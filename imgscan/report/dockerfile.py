"""How the steps of an image map to the Dockerfile that the user says it was built from."""

from __future__ import annotations

from dataclasses import dataclass

from imgscan.report.finding import Family, Finding


@dataclass(frozen=True, slots=True)
class DockerfileRow:
    """A Dockerfile beside an image, as reports show it. Lines count from 1.

    `path` is relative to the repository, with forward slashes. `lines` has a line for each step of the image's history,
    None where no line is sure; steps of the base image have the line of the FROM that brought them in. `from_line` is
    that line, None where the Dockerfile does not fit. `stage` is the name of the stage that the image is, else its
    number from 0. `base_steps` counts the first steps, which no instruction made; None where that is not sure.
    """

    path: str
    fits: bool
    from_line: int | None = None
    stage: str = ""
    base_steps: int | None = None
    lines: tuple[int | None, ...] = ()

    def line_of_step(self, step: int | None) -> int | None:
        """The line of a step of the history."""
        return self.lines[step] if step is not None and 0 <= step < len(self.lines) else None

    def line_of(self, finding: Finding) -> int | None:
        """The line to change because of `finding`: of the step it is about, else of the one that brought it in.

        What is missing from an image (a USER, a health check) is missing from the stage that begins at its FROM.
        """
        added = finding.added_by.history if finding.added_by is not None else None
        step = finding.location.history if finding.location.history is not None else added
        if step is not None:
            return self.line_of_step(step)
        return self.from_line if finding.rule.family in _OF_THE_WHOLE else None


_OF_THE_WHOLE = frozenset({Family.ROOT_USER, Family.HEALTHCHECK, Family.IMAGE_HYGIENE, Family.POLICY})
"""Families that tell of the stage as a whole where they name no step."""
