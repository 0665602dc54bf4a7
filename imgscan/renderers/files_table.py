"""`imgscan files` for a person: one line a version, like `ls -l` with the layer and the fate in front.

Lines are made as they are asked for; an image may have a million. The path comes last and is never cut: it is what
`imgscan extract` is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from imgscan.evidence import MemberKind
from imgscan.file_versions import FileRow, Listing, mode_text
from imgscan.overlay import FateKind
from imgscan.renderers import phrases
from imgscan.renderers.renderer import MINIMUM_WIDTH, RenderOptions
from imgscan.renderers.style import Page, Style, title
from imgscan.renderers.text import count_text, one_line, printable, size_text, wrap

TYPES = {
    MemberKind.FILE: "-",
    MemberKind.DIRECTORY: "d",
    MemberKind.SYMLINK: "l",
    MemberKind.HARDLINK: "h",
    MemberKind.CHARACTER_DEVICE: "c",
    MemberKind.BLOCK_DEVICE: "b",
    MemberKind.FIFO: "p",
    MemberKind.OTHER: "?",
}
"""`h` is tar's letter for a hard link (`tar -tv`)."""
_OWNER = 21
_KNOWN = 4096  # owners whose names are made once; a hostile image has a million of them


def lines(listings: Sequence[Listing], options: RenderOptions, *, digests: bool = False) -> Iterator[str]:
    """All listings, in pieces that end with a newline."""
    page = Page(options, max(options.width, MINIMUM_WIDTH), Style(options.colour, options.unicode))
    for number, listing in enumerate(listings):
        for line in (*([""] if number else []), *_of(listing, page, digests)):
            text = line.rstrip()
            yield (text if options.unicode else page.style.ascii(text)) + "\n"


def _of(listing: Listing, page: Page, digests: bool) -> Iterator[str]:
    style = page.style
    yield from title(listing.image, page)
    counts: Counter[FateKind] = Counter()
    touched: set[int] = set()
    owners: dict[tuple[int, int], str] = {}
    digest_head = f"{'SHA256':64}  " if digests else ""
    yield style.dim(
        f"LAYER  {'FATE':<15}  {'MODE':<10}  {'OWNER':<{_OWNER}}  {'SIZE':>13}  MODIFIED (UTC)    {digest_head}PATH"
    )
    for row in listing.selected():
        counts[row.fate] += 1
        touched.add(row.layer)
        if row.ended_by is not None:
            touched.add(row.ended_by)
        yield _row(row, listing, owners, style, digests)
    yield ""
    yield from _layers(listing, touched, page)
    yield from _totals(listing, counts, page)


def _row(row: FileRow, listing: Listing, owners: dict[tuple[int, int], str], style: Style, digests: bool) -> str:
    fate = str(row.fate) if row.ended_by is None else f"{row.fate} {row.ended_by}"
    owner = owners.get((row.uid, row.gid))
    if owner is None:
        owner = one_line(listing.names.owner(row.uid, row.gid), _OWNER)
        if len(owners) < _KNOWN:
            owners[row.uid, row.gid] = owner
    path = printable(row.path) or "/"
    if row.kind is MemberKind.SYMLINK:
        path += f" -> {printable(row.link)}"
    elif row.kind is MemberKind.HARDLINK:
        path += f" link to {printable(row.link)}"
    digest = f"{row.sha256.hex():64}  " if digests else ""
    padded = f"{fate:<15}"
    told = padded if row.fate is FateKind.PRESENT else style.bold(padded)
    return (
        f"{row.layer:>5}  {told}  {TYPES[row.kind]}{mode_text(row.mode)}  {owner:<{_OWNER}}  {row.size:>13,}  "
        f"{time_text(row.mtime):<16}  {digest}{path}"
    )


@lru_cache(maxsize=4096)
def time_text(seconds: int) -> str:
    """A member's mtime in UTC, to the minute; as it is where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return f"@{seconds}"[:16]


def _layers(listing: Listing, touched: set[int], page: Page) -> Iterator[str]:
    """What the numbers of layers in the lines mean."""
    for layer in listing.image.layers:
        if layer.index in touched:
            instruction = phrases.quoted(layer.instruction, page.width) or page.style.dim("no step of the history")
            yield from wrap(f"layer {layer.index}: {instruction}", page.width)


def _totals(listing: Listing, counts: Counter[FateKind], page: Page) -> Iterator[str]:
    told = ", ".join(f"{counts[kind]:,} {kind}" for kind in FateKind if counts[kind])
    dead = f"; {size_text(listing.dead_bytes)} of the image are in contents that nothing leads to any more"
    found = f"{count_text(counts.total(), 'version')}: {told}" if told else "no file is or was like this"
    text = found + (dead if listing.dead_bytes else "")
    yield from (page.style.dim(line) for line in wrap(text, page.width))
    if counts[FateKind.DELETED] or counts[FateKind.OVERWRITTEN]:
        told = "What was deleted or overwritten is still in its layer: imgscan extract IMAGE PATH --layer LAYER"
        yield from (page.style.dim(line) for line in wrap(told, page.width))
    for problem in listing.problems:
        yield from wrap(f"{problem.effect}: {phrases.problem_text(problem)}", page.width)
