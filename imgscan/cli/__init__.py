"""The command line: one file per command; the only code that prints, reads the environment or exits."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (without the program's name; those of the process if None) ask for.

    Returns the exit code; never raises, whatever happens.
    """
    try:
        # Inside: Ctrl-C while modules are loading is an interruption like any other.
        from imgscan.cli.app import run  # noqa: PLC0415

        return run(arguments)
    except KeyboardInterrupt:
        from imgscan.cli.failure import interrupted  # noqa: PLC0415

        return interrupted()
