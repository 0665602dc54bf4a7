"""`imgscan compare` as Markdown, for a pull request: the picture as a table, what differs folded away."""

from __future__ import annotations

from imgscan.comparison import Comparison
from imgscan.renderers.compare_parts import HEADERS, cells, parts, shown, summary_text, unread_texts
from imgscan.renderers.markdown import code, words
from imgscan.renderers.renderer import RenderOptions

LINES = 100


def render(comparison: Comparison, options: RenderOptions) -> str:
    """The whole document. Whatever comes from an image stands in code spans."""
    del options
    lines = ["| " + " | ".join(head.capitalize() for head in HEADERS) + " |", "|" + "---|" * len(HEADERS)]
    for name, *others in cells(comparison):
        lines.append("| " + " | ".join([_cell(code(name, 120)), *(_cell(words(text)) for text in others)]) + " |")
    unread = unread_texts(comparison)
    lines += (
        ["", "**Incomplete**: not everything was read.", "", *(f"- {code(text)}" for text in unread)] if unread else []
    )
    told = summary_text(comparison)
    lines += ["", told] if told else []
    for part in parts(comparison):
        some, more = shown(part.lines, LINES)
        lines += ["", f"<details><summary>{part.heading.capitalize()}: {len(part.lines)}</summary>", ""]
        lines += [f"- `{sign}` {code(text)}" for sign, text in some]
        lines += [f"- and {more} more"] if more else []
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    # A pipe would end the cell, code span or not.
    return text.replace("|", "¦")
