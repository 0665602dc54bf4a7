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
    together: float = 0
    """MB of all its processes at once, memory that they share counted once (PSS); 0 where nobody can tell.

    Looked at once a second (ten times cost a tenth of a core), so that a shorter peak may be missed.
    """

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
        with _Watch(process.pid) as watch:
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
        together=watch.most / 1e6,
    )


class _Watch:
    """Adds up the memory of all processes of a session while it runs."""

    def __init__(self, session: int) -> None:
        self.most = 0
        self._session = session
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(1):
            self.most = max(self.most, sum(map(_proportional, self._processes())))

    def _processes(self) -> list[Path]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:  # pid (name, in which anything may stand) state ppid pgrp session
                session = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            except (OSError, ValueError, IndexError):
                continue
            if session == self._session:
                found.append(folder)
        return found


def _proportional(process: Path) -> int:
    """Bytes of a process's memory, what it shares divided by those who share it (proc(5), smaps_rollup)."""
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


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
    peak, together = max(one.peak for one in runs), max(one.together for one in runs)
    return replace(next(one for one in runs if one.wall == middle), peak=peak, together=together, runs=len(runs))


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
