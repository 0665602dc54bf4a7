"""Errors for people: what happened, what to do, both on standard error, and a traceback only if asked for."""

from __future__ import annotations

import sys
import traceback

from imgscan.cli.terminal import silence_output, write_error
from imgscan.errors import ImgscanError
from imgscan.renderers.text import one_line
from imgscan.report.exit_code import ExitCode

LIMIT = 2000
"""Columns of an error: a reference or path in it may be of any length."""


def tell(error: ImgscanError, *, verbose: bool = False) -> ExitCode:
    """Print a failure that was foreseen; its exit code."""
    if verbose:
        write_error("".join(traceback.format_exception(error)))
    tell_error(error.message, error.tip)
    return ExitCode(error.exit_code)


def tell_unforeseen(error: Exception, *, verbose: bool = False) -> ExitCode:
    """Print a failure that is a bug of ours. Its message stays untold: it may quote what the image holds."""
    if verbose:
        write_error("".join(traceback.format_exception(error)))
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno} of {frames[-1].filename}" if frames else ""
    tell_error(
        f"unexpected {type(error).__name__}{place}",
        "this is a defect of imgscan: please report what --verbose prints, after a look for secrets in it",
    )
    return ExitCode.INCOMPLETE


def tell_unwritten(reason: str) -> ExitCode:
    """Print that standard output is there and cannot be written."""
    silence_output()
    tell_error(f"cannot write standard output: {reason}", "see whether the disk is full, or write somewhere else")
    return ExitCode.INCOMPLETE


def tell_error(message: str, tip: str = "") -> None:
    """`error: ...` and, where there is one, `tip: ...`, a line each."""
    write_error(f"error: {one_line(message, LIMIT)}\n")
    if tip:
        write_error(f"tip: {one_line(tip, LIMIT)}\n")


def interrupted() -> ExitCode:
    """Ctrl-C: one line."""
    if sys.stderr is not None and sys.stderr.isatty():
        # The terminal has echoed ^C into the line.
        write_error("\n")
    write_error("error: interrupted\n")
    return ExitCode.INTERRUPTED
