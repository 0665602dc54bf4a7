"""Reading a baseline from its file."""

from __future__ import annotations

from pathlib import Path

from imgscan.errors import UsageError
from imgscan.report import Baseline
from imgscan.report.baseline import decode

NAME = ".imgscan-baseline.json"
"""Where a baseline is written unless somebody says otherwise."""
SIZE_CAP = 256 << 20


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. UsageError where there is none, or one of another form."""
    tip = f"`imgscan baseline IMAGE -o {path}` writes one"
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_CAP + 1)
    except OSError as error:
        raise UsageError(f"cannot read the baseline {path}: {error.strerror or error}", tip=tip) from error
    if len(data) > SIZE_CAP:
        raise UsageError(f"the baseline {path} has more than {SIZE_CAP:,} bytes", tip=tip)
    try:
        return decode(data.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no baseline: byte {error.start} is no UTF-8", tip=tip) from None
