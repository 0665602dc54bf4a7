"""Standard output and standard error as they really are: closed, piped, of another encoding, with or without colour."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TextIO

WIDTH = 100
"""Columns where nobody says how wide the output is."""
WIDEST = 160
"""Longer lines are hard to read, however wide the terminal."""


class OutputError(Exception):
    """Standard output is there and cannot be written: a full disk."""


def write_output(text: str) -> None:
    """Write to standard output. One that nobody reads any more (`| head`) is no error; OutputError for a full disk."""
    if sys.stdout is None:
        return
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        _silence(sys.stdout)
    except OSError as error:
        _silence(sys.stdout)
        raise OutputError(error.strerror or type(error).__name__) from error


def write_error(text: str) -> None:
    """Write to standard error; where that cannot be written there is nobody left to tell."""
    if sys.stderr is None:
        return
    try:
        _write(sys.stderr, text)
    except OSError:
        _silence(sys.stderr)


def as_typed(text: str) -> str:
    """What somebody typed, as text that can be written to a file: in a locale that is not UTF-8 the bytes are."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _write(stream: TextIO, text: str) -> None:
    # A terminal of another encoding, or none, gets escapes and never a UnicodeEncodeError.
    encoding = stream.encoding or "ascii"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def silence_output() -> None:
    """Nobody reads standard output any more: what is still to be written goes nowhere."""
    if sys.stdout is not None:
        _silence(sys.stdout)


def _silence(stream: TextIO) -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):
        return
    finally:
        os.close(nowhere)


def speaks_unicode() -> bool:
    """Whether standard output can show the signs the table is drawn with."""
    try:
        "─│╭✓✗…".encode((sys.stdout and sys.stdout.encoding) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at it."""
    return stream is not None and not stream.closed and stream.isatty()


def wants_colour(environment: Mapping[str, str]) -> bool:
    """NO_COLOR (no-color.org) forbids, FORCE_COLOR asks for it, else a terminal that is not dumb gets it."""
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return is_terminal(sys.stdout) and environment.get("TERM") != "dumb"


def columns(environment: Mapping[str, str]) -> int:
    """COLUMNS where it is set to a number, else the terminal's width, else 100."""
    if environment.get("COLUMNS", "").isdecimal() or is_terminal(sys.stdout):
        return min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDEST)
    return WIDTH


def standard_error() -> TextIO | None:
    """Standard error as it is now; None where it was closed before the program started."""
    return sys.stderr
