"""Run a program and tell what it cost."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One program's cost: the median run of several.

    `wall` and `cpu` are in seconds, `peak` in MB (10^6) of resident memory; children that it waited for are in both.
    The peak cannot be less than this process's own, about 30 MB, which a child has for an instant before it execs.
    """

    command: tuple[str, ...]
    wall: float
    cpu: float
    peak: float
    exit_code: int
    timed_out: bool = False
    error: str = ""
    """The last lines of its standard error, where the exit code was not one of those expected."""
    runs: int = 1

    @property
    def usable(self) -> bool:
        return not self.timed_out and not self.error


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    expected: Sequence[int] = (0,),
    timeout: float = 900,
) -> Run:
    """Run once, output thrown away; a program that takes longer than `timeout` seconds is ended with its children."""
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        expired = threading.Event()

        def end() -> None:
            expired.set()
            os.killpg(process.pid, signal.SIGKILL)

        clock = threading.Timer(timeout, end)
        clock.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        clock.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB on Linux
    failed = process.returncode not in expected
    return Run(
        tuple(command),
        wall,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * unit / 1e6,
        process.returncode,
        expired.is_set(),
        " / ".join(lines[-3:]) or f"exit code {process.returncode}" if failed and not expired.is_set() else "",
    )


def median_of(times: int, command: Sequence[str], *, enough: float = 30, **options: object) -> Run:
    """The run with the median wall time; once a run took more than `enough` seconds there are no more."""
    runs: list[Run] = []
    while len(runs) < times:
        runs.append(run(command, **options))  # type: ignore[arg-type]
        if not runs[-1].usable or runs[-1].wall > enough:
            break
    if not runs[-1].usable:
        return runs[-1]
    middle = statistics.median_low([one.wall for one in runs])
    peak = max(one.peak for one in runs)
    return replace(next(one for one in runs if one.wall == middle), peak=peak, runs=len(runs))


def pin(cores: int) -> list[int]:
    """Keep this process and all that it starts on the first `cores` of its cores; none where that is not possible."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, chosen)
    return chosen


def read_through(path: Path) -> None:
    """Have the file in the page cache, so that the first program to read it does not pay for the disk."""
    with path.open("rb") as file:
        while file.read(1 << 22):
            pass
