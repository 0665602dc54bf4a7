"""`imgscan compare` for a person: the whole picture in one table, and below it what differs between two images."""

from __future__ import annotations

from collections.abc import Sequence

from imgscan.comparison import Comparison
from imgscan.renderers.compare_parts import HEADERS, Part, cells, parts, shown, summary_text, unread_texts
from imgscan.renderers.renderer import MINIMUM_WIDTH, RenderOptions
from imgscan.renderers.style import Page, Style
from imgscan.renderers.text import width, wrap

LINES = 40
"""Lines of one part that are shown; the JSON document has all."""
_LEAST = 12
"""Columns of a cell below which the table is told row by row."""

Lines = list[str]


def render(comparison: Comparison, options: RenderOptions) -> str:
    """The whole document."""
    page = Page(options, max(options.width, MINIMUM_WIDTH), Style(options.colour, options.unicode))
    lines = _picture(cells(comparison), page)
    unread = [line for text in unread_texts(comparison) for line in wrap(text, page.width - 2)]
    if unread:
        lines += ["", page.style.heading("INCOMPLETE"), *(f"  {line}" for line in unread)]
    for part in parts(comparison):
        lines += ["", *_part(part, page)]
    told = summary_text(comparison)
    if told:
        lines += ["", *wrap(told, page.width)]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text if options.unicode else page.style.ascii(text)


def _picture(rows: Sequence[Sequence[str]], page: Page) -> Lines:
    """Columns as wide as they need to be, the widest wrapped; where that is too narrow, one row under the other."""
    words = [max(head.split(), key=len) for head in HEADERS]  # a header may take two lines
    widths = [max(width(text) for text in column) for column in zip(words, *rows, strict=True)]
    room = page.width - 2 * (len(widths) - 1)
    while sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= _LEAST:
            return _stacked(rows, page)
        widths[widest] -= 1
    style = page.style
    lines = [style.bold(line) for line in _row(HEADERS, widths)]
    lines.append(style.dim(style.rule * (sum(widths) + 2 * (len(widths) - 1))))
    for row in rows:
        lines += _row(row, widths)
    return lines


def _row(texts: Sequence[str], widths: Sequence[int]) -> Lines:
    wrapped = [wrap(text, room) for text, room in zip(texts, widths, strict=True)]
    height = max(len(lines) for lines in wrapped)
    padded = [lines + [""] * (height - len(lines)) for lines in wrapped]
    return [
        "  ".join(
            lines[at] + " " * (room - width(lines[at])) for lines, room in zip(padded, widths, strict=True)
        ).rstrip()
        for at in range(height)
    ]


def _stacked(rows: Sequence[Sequence[str]], page: Page) -> Lines:
    lines: Lines = []
    for name, *others in rows:
        lines += [page.style.bold(line) for line in wrap(name, page.width)]
        told = ", ".join(
            f"{head.lower().rstrip('?')} {text}" for head, text in zip(HEADERS[1:], others, strict=True) if text
        )
        lines += [f"  {line}" for line in wrap(told, page.width - 2)]
    return lines


def _part(part: Part, page: Page) -> Lines:
    some, more = shown(part.lines, LINES)
    lines = [page.style.heading(part.heading)]
    for sign, text in some:
        first, *rest = wrap(text, page.width - 2)
        lines += [f"{sign} {first}", *(f"  {line}" for line in rest)]
    return [*lines, page.style.dim(f"  and {more} more: -f json lists them")] if more else lines
