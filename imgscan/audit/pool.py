"""Workers on this machine, behind the interface of concurrent.futures.

Not its ProcessPoolExecutor: one process that dies breaks that whole pool, and nobody can say which task it had; its
processes wait for ever when the one that made them is killed. Here a thread serves each process, so that a death
is that of one task, and a process ends with the other end of its pipe.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess, parent_process
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
_SECONDS_TO_END = 2.0


class WorkerDied(Exception):
    """The process that had a task is gone: killed, out of memory, or crashed inside a library."""


class LocalPool(Executor):
    """`count` processes. Each makes its bench with `make` once and runs `function(bench, *arguments)` on it.

    `make` and all that is submitted must be picklable. Processes are started when there is work for them.
    """

    def __init__(self, count: int, make: Callable[[], object]) -> None:
        self._make = make
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running: set[BaseProcess] = set()
        self._ended = False
        # Spawned: forked processes would inherit locks of threads, and the lock of the state.
        self._context = multiprocessing.get_context("spawn")
        self._threads = [
            threading.Thread(target=self._serve, name=f"imgscan-worker-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def slots(self) -> int:
        """Tasks that run at once."""
        return len(self._threads)

    def submit(self, fn: Callable[..., T], /, *args: Any, **_: Any) -> Future[T]:
        """`fn(bench, *args)` in one of the processes. Its future raises WorkerDied where that process did."""
        future: Future[T] = Future()
        self._tasks.put((future, fn, args))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End all processes at once: what they had in hand was not finished, and will be done again."""
        with self._lock:
            self._ended = True
            running = list(self._running)
        for process in running:
            process.kill()
        for _ in self._threads:
            self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join(_SECONDS_TO_END)

    def _serve(self) -> None:
        """One process's thread: hands it a task, waits for the answer, replaces it where it died."""
        worker: tuple[BaseProcess, Connection] | None = None
        while (item := self._tasks.get()) is not None:
            future, function, arguments = item
            if not future.set_running_or_notify_cancel():
                continue
            if self._ended:
                future.set_exception(WorkerDied("the pool has ended"))
                continue
            try:
                worker = worker or self._started()
            except OSError as error:  # no more processes, no more memory
                future.set_exception(WorkerDied(f"no process could be started: {error.strerror or error}"))
                continue
            process, pipe = worker
            try:
                pipe.send((function, arguments))
                good, value = pipe.recv()
            except (EOFError, OSError):
                process.join(_SECONDS_TO_END)
                self._forget(process, pipe)
                worker = None
                future.set_exception(WorkerDied(_how(process)))
                continue
            if good:
                future.set_result(value)
            else:
                future.set_exception(value)
        if worker is not None:
            worker[1].close()
            worker[0].join(_SECONDS_TO_END)
            self._forget(*worker)

    def _started(self) -> tuple[BaseProcess, Connection]:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._make), name="imgscan-worker", daemon=True)
        process.start()
        theirs.close()
        with self._lock:
            self._running.add(process)
            if self._ended:
                process.kill()
        return process, mine

    def _forget(self, process: BaseProcess, pipe: Connection) -> None:
        pipe.close()
        with self._lock:
            self._running.discard(process)


class LocalWorkers:
    """A LocalPool as the map step wants its workers (mapping.Workers)."""

    def __init__(self, count: int, make: Callable[[], object]) -> None:
        self.executor = LocalPool(count, make)
        self.deaths: tuple[type[BaseException], ...] = (WorkerDied,)

    def slots(self) -> int:
        return self.executor.slots

    def close(self) -> None:
        self.executor.shutdown()


class Bench(Protocol):
    """What a worker keeps between two tasks."""

    def close(self) -> None: ...


class InProcess:
    """Runs what is submitted at once, in this process: for little work."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.deaths: tuple[type[BaseException], ...] = ()

    @property
    def executor(self) -> InProcess:
        return self

    def slots(self) -> int:
        return 1

    def close(self) -> None:
        self._bench.close()

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(self._bench, *args))
        return future


def _how(process: BaseProcess) -> str:
    code = process.exitcode
    if code is not None and code < 0:
        names = {int(number): number.name for number in signal.Signals}
        return f"it was ended by {names.get(-code, f'signal {-code}')}"
    return f"it ended with {code}"


def _work(pipe: Connection, make: Callable[[], object]) -> None:
    """The life of a process: tasks from the pipe, until its other end is closed."""
    # Ctrl-C goes to all processes of a terminal; the coordinator decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    bench: object = None
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            return
        try:
            bench = bench or make()
            answer = True, function(bench, *arguments)
        except Exception as error:  # whatever it is, the coordinator is told
            answer = False, RuntimeError(f"unexpected {type(error).__name__}")
        try:
            pipe.send(answer)
        except OSError:
            return


def _end_with_parent() -> None:
    """A coordinator that is killed says no goodbye; a layer of an hour must not go on for nobody."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)
