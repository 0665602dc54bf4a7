"""`imgscan ignore FINGERPRINT`: accept one finding, with a reason and an end, in the file of the policy."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from imgscan.cli import options
from imgscan.errors import UsageError

Fingerprint = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="Of the finding, as --format json and the other formats show it.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why this is accepted.")]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="The last day it is accepted, as 2030-12-31.")
]
File = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Write it here, not into the imgscan.toml or pyproject.toml found upwards from the working directory.",
    ),
]


def ignore(
    fingerprint: Fingerprint,
    *,
    reason: Reason,
    until: Until = None,
    config: File = None,
    version: options.Version = False,
) -> int:
    """Write the ignore; the exit code. Without a file an imgscan.toml is made."""
    import os  # noqa: PLC0415
    import re  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from imgscan.cli.destination import Destination, check_writable, deliver  # noqa: PLC0415
    from imgscan.cli.terminal import as_typed, write_output  # noqa: PLC0415
    from imgscan.configuration import document as documents  # noqa: PLC0415
    from imgscan.configuration.configuration import configure  # noqa: PLC0415
    from imgscan.configuration.writing import with_ignore  # noqa: PLC0415

    mark = fingerprint.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{24}", mark):
        raise UsageError(
            f"{fingerprint!r} is no fingerprint", tip="it has 24 hexadecimal digits: --format json shows all of them"
        )
    if not reason.strip():
        raise UsageError("--reason is empty", tip="say why this finding is accepted: those who come later will ask")
    end = parse_until(until)
    here = Path.cwd()
    named = config or os.environ.get("IMGSCAN_CONFIG")
    path = here / named if named else documents.find(here) or here / documents.NAME
    text, keys, ends = "", documents.TABLE if path.name == documents.PROJECT else (), "\n"
    if path.exists():
        configure(here, {}, str(path))  # a wrong file is told before it is changed
        if not path.is_file():
            raise UsageError(f"{path} keeps nothing", tip="name a file, or leave --config and IMGSCAN_CONFIG out")
        text = documents.load(path, here).text
        ends = "\r\n" if b"\r\n" in path.read_bytes() else ends
    destination = Destination("toml", path)
    check_writable(destination)
    written = with_ignore(text, keys, mark, " ".join(as_typed(reason).split()), end)
    deliver(destination, written.replace("\n", ends), private=False)
    until_told = f" until {end}" if end is not None else ""
    write_output(f"{documents.load(path, here).shown}: {mark} is ignored{until_told}\n")
    return 0


def parse_until(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        end = date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"--until cannot be {text!r}", tip="write a date as 2030-12-31") from None
    if end < date.today():  # noqa: DTZ011  # the user's own day
        raise UsageError(f"--until cannot be {end}: that day is over", tip="write a day to come, or leave it out")
    return end
