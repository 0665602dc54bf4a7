"""A file inside a recovered one: an archive's entry, at any depth, named as findings name it (`a.jar!/b.txt`)."""

from __future__ import annotations

from typing import IO, cast

from imgscan.errors import ImgscanError, UsageError
from imgscan.evidence import Limits
from imgscan.layers.inner_search import InnerPiece, InnerSearch
from imgscan.layers.inner_walk import InnerWalk
from imgscan.layers.unpack import unpacker_of
from imgscan.layers.unpack.budget import Budget
from imgscan.layers.unpack.content import Content
from imgscan.renderers.text import printable

_LISTED = 8


def take_inner(content: Content, path: str, wanted: str, target: IO[bytes]) -> None:
    """Write the file at `wanted` inside a container to `target`; `path` is what messages call the container.

    UsageError where it is no container, or has no such file; ImgscanError where what it has cannot be read.
    """
    unpacker = unpacker_of(content.head)
    shown = printable(path)
    if unpacker is None:
        raise UsageError(f"{shown} is no archive, and nothing that can be opened", tip="leave --inner out")
    taking = _Taking(wanted.lstrip("/"), target)
    # The walk gives every file in a container to a search; this one keeps the bytes of one of them.
    walk = InnerWalk(cast("InnerSearch", taking), Budget(Limits()))
    walk.open(path, content, unpacker)
    told = walk.problems.all()
    broken = [problem for problem in told if problem.message.startswith(f"{taking.wanted}: ")]
    if not broken and taking.last == taking.wanted:  # where a limit was hit, it was within this one
        broken = [problem for problem in told if problem.code == "inner-budget"]
    if taking.found and broken:
        raise ImgscanError(
            f"{printable(wanted)} in {shown} cannot be read whole: {broken[0].message}", tip=f"extract {shown} itself"
        )
    if taking.opened:
        raise UsageError(
            f"{printable(wanted)} in {shown} is a container that is read as a stream",
            tip=f"ask for what is in it, or for {shown} as a whole",
        )
    if not taking.found:
        if told:
            raise ImgscanError(
                f"{printable(wanted)} was not found in {shown}: {told[0].message}", tip=f"extract {shown} itself"
            )
        some = ", ".join(printable(name) for name in taking.names[:_LISTED])
        more = ", ..." if len(taking.names) > _LISTED else ""
        raise UsageError(f"{shown} has no {printable(wanted)}", tip=f"in it are {some or 'no files'}{more}")


class _Taking:
    """Stands in for the search of an InnerWalk: keeps the first file at a place, and some names."""

    def __init__(self, wanted: str, target: IO[bytes]) -> None:
        self.found = False
        self.opened = False
        """It is a container whose bytes were not given as they passed."""
        self.names: list[str] = []
        self.run: InnerPiece | None = None
        self.wanted = wanted
        self.last = ""
        self._target = target
        self._taking = False

    def begin(self, place: str, name: str, at: int = 0) -> None:
        del name
        self.last = place
        self._taking = place == self.wanted and not self.found
        if self._taking:
            self.found, self.opened = True, at > 0
        if len(self.names) <= _LISTED:
            self.names.append(place)

    def write(self, data: bytes) -> None:
        if self._taking:
            self._target.write(data)

    def end(self) -> None:
        self._taking = False
