"""How text formats look: colours where asked for, ASCII where nothing else can be printed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.text import one_line, wrap
from imgscan.report import Severity
from imgscan.report.exit_code import ExitCode
from imgscan.report.report import ImageRow

_RESET = "\x1b[0m"
_COLOURS = {
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "bad": "\x1b[1;31m",
    "warn": "\x1b[33m",
    "good": "\x1b[32m",
    "info": "\x1b[36m",
}
_SEVERITIES = {
    Severity.CRITICAL: "\x1b[1;97;41m",
    Severity.HIGH: "\x1b[1;31m",
    Severity.MEDIUM: "\x1b[1;33m",
    Severity.LOW: "\x1b[1;36m",
    Severity.INFO: "\x1b[1m",
    Severity.NONE: "\x1b[2m",
}
_VERDICTS = {ExitCode.CLEAN: "\x1b[1;30;42m", ExitCode.FOUND: "\x1b[1;97;41m", ExitCode.INCOMPLETE: "\x1b[1;30;43m"}
_MARKS = {"bad": "✗", "warn": "!", "good": "✓", "info": "·"}
_ASCII = str.maketrans({"✗": "x", "✓": "+", "·": "-", "…": "~", "→": ">", "─": "-", "•": "*"})
_ESCAPE = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Style:
    """Wraps text in ANSI escapes or leaves it alone. Only ever given printable text."""

    colour: bool
    unicode: bool

    @property
    def frame(self) -> str:
        """tabulate's name of the frame."""
        return "rounded_grid" if self.unicode else "grid"

    @property
    def outline(self) -> str:
        """tabulate's name of the frame without lines between rows."""
        return "rounded_outline" if self.unicode else "outline"

    rule = "─"

    def bold(self, text: str) -> str:
        return self._in("bold", text)

    def dim(self, text: str) -> str:
        return self._in("dim", text)

    def heading(self, text: str) -> str:
        return self._in("bold", text)

    def mark(self, tone: str) -> str:
        """One column: `bad`, `warn`, `good` or `info`."""
        return self._in(tone, _MARKS[tone])

    def severity(self, severity: Severity) -> str:
        text = severity.upper()
        return f"{_SEVERITIES[severity]}{text}{_RESET}" if self.colour else text

    def verdict(self, code: ExitCode, word: str) -> str:
        return f"{_VERDICTS[code]}{word}{_RESET}" if self.colour else word

    def wrap(self, text: str, columns: int) -> list[str]:
        """Styled `text` in lines of at most `columns`; a style goes on where the line is broken."""
        if not self.colour:
            return wrap(text, columns)
        plain = self.plain(text)
        styled: list[str] = []
        at = 0
        current = ""
        pieces = [(found.start(), found[0]) for found in _ESCAPE.finditer(text)]
        # The escapes' places in the plain text: what precedes them, without the escapes before.
        marks = [(len(self.plain(text[:start])), escape) for start, escape in pieces]
        for line in wrap(plain, columns):
            begin = plain.index(line, at)
            at = begin + len(line)
            out = current
            last = begin
            for place, escape in marks:
                if begin <= place < at or (place == at and escape == _RESET):
                    out += plain[last:place] + escape
                    last = place
                    current = "" if escape == _RESET else escape
            out += plain[last:at]
            styled.append(out + (_RESET if current else ""))
        return styled

    @staticmethod
    def plain(text: str) -> str:
        """`text` without the escapes that this class put there."""
        return _ESCAPE.sub("", text)

    @staticmethod
    def ascii(text: str) -> str:
        """The signs of this class as ASCII; what else is not ASCII is left to the caller's encoding."""
        return text.translate(_ASCII)

    def _in(self, name: str, text: str) -> str:
        return f"{_COLOURS[name]}{text}{_RESET}" if self.colour and text else text


@dataclass(frozen=True, slots=True)
class Page:
    """What every part of a text is laid out for."""

    options: RenderOptions
    width: int
    """Columns; no line is wider."""
    style: Style


def title(image: ImageRow, page: Page) -> list[str]:
    """What stands above everything about an image: its name, where it is from, a line."""
    style = page.style
    facts = [
        image.platform,
        f"from {image.source}",
        f"created {image.created[:10]}" if image.created else "",
        image.image_id[:19],
    ]
    name = one_line(image.reference, page.width * 3)
    about = one_line(" · ".join(fact for fact in facts if fact), page.width * 2)
    return [
        *(style.bold(line) for line in wrap(name, page.width)),
        *(style.dim(line) for line in wrap(about, page.width)),
        style.dim(style.rule * page.width),
    ]
