"""What can go wrong, in two kinds.

ImgscanError              no result was possible; ends the command
  UsageError              the request itself is wrong                        exit code 2
  SourceError             the image could not be got                         exit code 3
    SourceUnavailable     no engine or registry answers
    ImageNotFound         the source answers, and does not have the image
    ContainerNotFound     the engine answers, and has no such container
    AccessDenied          the source answers, and refuses
    PlatformNotFound      the image exists, but not for the wanted platform
    InvalidImage          what was found is not an image, or nothing of it can be read

Problem                   a blind spot inside a result; travels in the report
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class ImgscanError(Exception):
    """No result was possible.

    `message` has the fact, `tip` the next step: what whoever raises it knows, else what helps with most of its kind.
    """

    exit_code = 3
    usual_tip = ""

    def __init__(self, message: str, *, tip: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.tip = tip or self.usual_tip


class UsageError(ImgscanError):
    """The request is wrong: an option, a reference, a config, a baseline or a rules file."""

    exit_code = 2


class SourceError(ImgscanError):
    """The image could not be got."""

    usual_tip = "try again; --verbose tells more"


class SourceUnavailable(SourceError):
    """No engine or registry answers where one was expected."""

    usual_tip = "check that the engine or registry runs and can be reached, and try again"


class ImageNotFound(SourceError):
    """The source answers and does not have the image."""

    usual_tip = "check the name"


class ContainerNotFound(SourceError):
    """The engine answers and has no such container, or has it no longer."""


class AccessDenied(SourceError):
    """The source answers and refuses: credentials are missing or not enough."""

    usual_tip = "docker login gives imgscan a login too"


class PlatformNotFound(SourceError):
    """The image exists, but not for the wanted platform."""


class InvalidImage(SourceError):
    """What was found is not an image, or nothing of it can be read."""

    usual_tip = "it was saved in part, or is something else: save the image again, with docker save or skopeo copy"


class Effect(StrEnum):
    """What a problem means for the promise that everything was read."""

    INCOMPLETE = "incomplete"
    """Promised evidence was not read (truncation, mismatch, budget): exit code 3."""
    OPAQUE = "opaque"
    """Unreadable by nature (encrypted, foreign, unsupported): listed, exit code unchanged."""
    NOTE = "note"
    """Everything was read, and something about it is odd."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A blind spot or an oddity inside a result.

    `code` is stable and kebab-case; `message` never holds a secret; `path` has no leading slash;
    `layer` counts from 0, base first, and is None in a LayerScan, which knows no image.
    """

    code: str
    message: str
    effect: Effect = Effect.NOTE
    path: str | None = None
    layer: int | None = None


class ProblemLog:
    """Problems in the order they come, capped by code and layer: a hostile layer has a million of them."""

    def __init__(self, cap: int = 20) -> None:
        self._cap = cap
        self._problems: list[Problem] = []
        self._more: dict[tuple[str, Effect, int | None], int] = {}
        self._counts: dict[tuple[str, Effect, int | None], int] = {}

    def add(
        self,
        code: str,
        message: str,
        effect: Effect = Effect.NOTE,
        *,
        path: str | None = None,
        layer: int | None = None,
    ) -> None:
        kind = (code, effect, layer)
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if count <= self._cap:
            self._problems.append(Problem(code, message, effect, path, layer))
        else:
            self._more[kind] = count - self._cap

    def all(self) -> tuple[Problem, ...]:
        """The first of each kind, and for the others their number."""
        more = (
            Problem(code, f"{count:,}{_MORE}", effect, layer=layer)
            for (code, effect, layer), count in self._more.items()
        )
        return (*self._problems, *more)


_MORE = " more of these"


def count_of(problem: Problem) -> int:
    """How many of its kind a problem stands for: 1, or those that a log left out behind the first ones."""
    number = problem.message.removesuffix(_MORE).replace(",", "")
    return int(number) if problem.message.endswith(_MORE) and number.isascii() and number.isdigit() else 1


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it wraps: requests and urllib3 keep the cause in their arguments."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        item = todo.pop(0)
        if isinstance(item, BaseException) and id(item) not in seen:
            seen.add(id(item))
            yield item
            todo += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
