"""A Dask scheduler and workers as processes of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class DaskProcesses:
    """`address` is the scheduler's; `workers` are the processes, which may be killed."""

    address: str
    directory: Path
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def start_worker(self, **environment: str) -> subprocess.Popen[str]:
        """One thread; returns when it has registered."""
        # No nanny: a worker that is killed stays dead, as on a machine that is gone.
        command = ["distributed.cli.dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        worker, _ = _started([*command, "--local-directory", str(self.directory)], "Registered to", environment)
        self.workers.append(worker)
        return worker


def _started(command: list[str], until: str, environment: dict[str, str]) -> tuple[subprocess.Popen[str], str]:
    """The process, and the first line with `until` that it said."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *command],
        env=os.environ | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "10s"} | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if until in line:
            break
    else:
        raise AssertionError(f"{command[0]} did not start: {said}")
    # What it says later must not fill the pipe.
    threading.Thread(target=_drain, args=(process,), daemon=True).start()
    return process, line


def _drain(process: subprocess.Popen[str]) -> None:
    with process.stderr as pipe:
        pipe.read()


@contextmanager
def dask_processes(directory: Path, workers: int, **environment: str) -> Iterator[DaskProcesses]:
    """A scheduler on a port of its own choice, with that in its environment, and workers with a thread each."""
    directory.mkdir(parents=True, exist_ok=True)
    command = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    scheduler, said = _started(command, "Scheduler at", environment)
    one = DaskProcesses(said.split()[-1], directory)
    try:
        for _ in range(workers):
            one.start_worker()
        yield one
    finally:
        for process in (*one.workers, scheduler):
            process.kill()
        for process in (*one.workers, scheduler):
            process.wait(30)
