"""From what the user names to an opened image: which source is meant, and which is asked after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from imgscan.errors import ImageNotFound, Problem, SourceError, UsageError
from imgscan.sources import SOURCES
from imgscan.sources.source import LayerVisitor, NotHere, Opened, Request, Source

_BY_NAME = ("docker", "registry")
"""Sources that know images by the same names. A path is read as what it is, and never taken for a name."""


@contextmanager
def open_reference(request: Request, visitor: LayerVisitor) -> Iterator[Opened]:
    """The image that `request.target` means, scheme and all; the result says where it was not the first to be asked."""
    reference = request.target
    with ExitStack() as stack:
        before: NotHere | None = None
        sources = find_sources(reference)
        for number, (source, target) in enumerate(sources, 1):
            wanted = replace(request, target=target, elsewhere=number < len(sources))
            try:
                opened = stack.enter_context(source.open(wanted, visitor))
            except NotHere as error:
                before = error
            except SourceError as error:
                if before is None:
                    raise
                tip = "; or ".join(part for part in (error.tip, before.tip) if part)
                raise type(error)(f"{before.message}, and {error.message}", tip=tip) from error
            else:
                break
        if before is not None:
            told = Problem("other-source", f"{before.message}; {source.scheme}:{reference} was read")
            opened = replace(opened, problems=(told, *opened.problems))
        yield opened


def find_source(reference: str) -> tuple[Source, str]:
    """The first source that a reference means, and what to ask it for."""
    return find_sources(reference)[0]


def find_sources(reference: str) -> list[tuple[Source, str]]:
    """The sources that a reference means, and what to ask them for: a later one where the former have no such image.

    `SCHEME:TARGET` is explicit; otherwise an existing path is read as what it is, and anything else is asked for
    by name, in the order of SOURCES.
    """
    scheme, colon, target = reference.partition(":")
    if not reference.strip():
        # Path("") is the working directory: an unset variable in a script must not scan that.
        raise UsageError("the image has no name", tip="write NAME[:TAG], a path, or - for standard input")
    for source in SOURCES:
        if colon and source.scheme == scheme and target:
            return [(source, target)]
    mistyped = _looks_like_archive(reference)
    found = [
        (source, reference)
        for source in SOURCES
        if source.detect(reference) and not (mistyped and source.scheme in _BY_NAME)
    ]
    if found:
        return found if found[0][0].scheme in _BY_NAME else found[:1]
    if mistyped:
        raise ImageNotFound(
            f"there is no file {reference!r}", tip=f"an image of that name is asked for with docker:{reference}"
        )
    raise ImageNotFound(
        f"{reference!r} is neither an image reference nor a path that exists",
        tip="write NAME[:TAG], a path, or SCHEME:TARGET with one of: " + ", ".join(s.scheme for s in SOURCES),
    )


def _looks_like_archive(reference: str) -> bool:
    """Whether a name is a mistyped path rather than a repository that somebody would pull."""
    return reference.endswith((".tar", ".tgz", ".tar.gz", ".tar.zst", ".tar.xz", ".tar.bz2"))
