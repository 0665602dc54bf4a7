"""The body file of The Sleuth Kit, version 3: what mactime and plaso make a timeline of.

    MD5|name|inode|mode_as_string|UID|GID|size|atime|mtime|ctime|crtime

A layer knows the mtime alone; the other times are 0, which readers take for unknown. Where a name ends, `(deleted)`,
`(overwritten)` or `(rewritten)` says what became of that version. The inode is `LAYER-MEMBER` of the entry that holds
the bytes, so that hard links share one. Lines that begin with `#` are comments.
Format: wiki.sleuthkit.org, "Body file"; mactime takes percent signs with two hex digits for escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from imgscan.errors import Effect
from imgscan.evidence import MemberKind
from imgscan.file_versions import FileRow, Listing, mode_text
from imgscan.overlay import FateKind
from imgscan.renderers import phrases
from imgscan.renderers.text import one_line, printable

# The letters of fls: of the name and of what it leads to, which for an entry of a tar are one.
_TYPES = {
    MemberKind.FILE: "r/r",
    MemberKind.DIRECTORY: "d/d",
    MemberKind.SYMLINK: "l/l",
    MemberKind.HARDLINK: "r/r",
    MemberKind.CHARACTER_DEVICE: "c/c",
    MemberKind.BLOCK_DEVICE: "b/b",
    MemberKind.FIFO: "p/p",
    MemberKind.OTHER: "-/-",
}
_FATES = {
    FateKind.PRESENT: "",
    FateKind.DELETED: " (deleted)",
    FateKind.OVERWRITTEN: " (overwritten)",
    FateKind.REWRITTEN: " (rewritten)",
}
_LOOKS_ESCAPED = re.compile("%(?=[0-9A-Fa-f]{2})")


def lines(listings: Sequence[Listing]) -> Iterator[str]:
    """One line a version; comments before them name the image and say what made its layers, and when."""
    for listing in listings:
        image = listing.image
        steps = {step.index: step for step in image.history}
        yield _comment(f"{image.reference} {image.platform} {image.image_id}")
        for layer in image.layers:
            step = steps.get(layer.history) if layer.history is not None else None
            made = f"{step.created} {layer.instruction}" if step is not None else "no step of the history"
            yield _comment(f"layer {layer.index} {layer.diff_id}: {made}")
        for problem in listing.problems:  # a timeline with gaps must not look like one without
            if problem.effect is not Effect.NOTE:
                yield _comment(f"{problem.effect}: {phrases.problem_text(problem)}")
        for row in listing.selected():
            yield _line(row)


def _comment(text: str) -> str:
    return f"# {one_line(text, 1000)}\n"


def _line(row: FileRow) -> str:
    name = "/" + row.path
    if row.kind is MemberKind.SYMLINK:
        name += f" -> {row.link}"
    layer, member = row.content
    return (
        f"0|{_name(name)}{_FATES[row.fate]}|{layer}-{member}|{_TYPES[row.kind]}{mode_text(row.mode)}|{row.uid}|{row.gid}"
        f"|{row.size}|0|{row.mtime}|0|0\n"
    )


def _name(text: str) -> str:
    """A name that neither ends the field nor the line, nor is read as something else."""
    if text.isascii() and text.isprintable() and "|" not in text and "%" not in text:
        return text
    return _LOOKS_ESCAPED.sub("%25", printable(text)).replace("|", "%7C")
