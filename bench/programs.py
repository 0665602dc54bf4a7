"""Command lines of imgscan and of the programs it is compared with, and what their reports say was found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(sys.executable).parent


def imgscan(archive: Path, report: str = "/dev/null", *, cache: bool = False, show: bool = False) -> list[str]:
    """A full inspect; without `cache` nothing is read from or kept in it."""
    options = [*([] if cache else ["--no-cache"]), *(["--show-secrets"] if show else [])]
    return [sys.executable, "-m", "imgscan", "inspect", str(archive), "-f", "json", "-o", report, *options]


IMGSCAN_HELP = [sys.executable, "-m", "imgscan", "--help"]
IMGSCAN_EXITS = (0, 1)
"""0 and 1 tell the verdict of a complete scan; anything else is a failed measurement."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another scanner: `arguments` follow its name, with `{archive}` and `{report}` to fill in."""

    name: str
    arguments: tuple[str, ...]
    version_arguments: tuple[str, ...]
    exits: tuple[int, ...]
    floor: float
    """How many times faster than it imgscan has to be."""

    def find(self) -> str | None:
        """Its path: next to this interpreter, else on PATH."""
        return shutil.which(self.name, path=str(HERE)) or shutil.which(self.name)

    def command(self, archive: Path, report: Path) -> list[str]:
        filled = [argument.format(archive=archive, report=report) for argument in self.arguments]
        return [self.find() or self.name, *filled]

    def version(self) -> str:
        command = [self.find() or self.name, *self.version_arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stdout.split() or ["unknown"])[-1]


PEERS = (
    Peer(
        "gitleaks",
        # Archives are told by name, at every depth; without a depth it opens none.
        (
            "dir",
            "{archive}",
            "--max-archive-depth",
            "8",
            "-f",
            "json",
            "-r",
            "{report}",
            "--no-banner",
            "--exit-code",
            "0",
            "-l",
            "error",
        ),
        ("version",),
        (0,),
        15,
    ),
    Peer(
        "kingfisher",
        # Without --no-limits it refuses an archive of more than 256 MiB; -n keeps it from trying secrets out.
        (
            "scan",
            "docker",
            "--archive",
            "{archive}",
            "--no-limits",
            "-n",
            "--no-update-check",
            "-f",
            "json",
            "-o",
            "{report}",
            "-j",
            "2",
        ),
        ("--version",),
        (0, 200),
        30,
    ),
)


def reported(program: str, report: Path) -> set[str]:
    """The distinct values that a report says are secrets, without white space."""
    document = json.loads(report.read_bytes() or b"[]")
    values: Iterable[Any] = {"gitleaks": of_gitleaks, "kingfisher": of_kingfisher, "imgscan": of_imgscan}[program](
        document
    )
    return {normal(value) for value in values if isinstance(value, str) and value}


def of_gitleaks(document: list[dict[str, Any]]) -> Iterator[str]:
    return (finding["Secret"] for finding in document)


def of_kingfisher(document: dict[str, Any]) -> Iterator[str]:
    return (finding["finding"]["snippet"] for finding in document["findings"])


def of_imgscan(document: dict[str, Any]) -> Iterator[str | None]:
    for report in document["reports"]:
        yield from (finding["secret"].get("value") for finding in report["findings"] if finding.get("secret"))


def normal(value: str) -> str:
    """Without white space and escaped line ends, which programs keep or drop in keys of several lines."""
    return "".join(value.replace("\\n", "").split())


def is_found(core: str, values: set[str]) -> bool:
    """A report has the core, or at least 60 % of it in one piece."""
    core = normal(core)
    return any(core in value or (value in core and len(value) >= 0.6 * len(core)) for value in values)
