"""Workers of a Dask cluster, behind the interface of concurrent.futures. The one place that knows distributed.

What all tasks share (the plan, the key of the secrets' ids) goes to the workers once, as a plugin; a task is names and
digests. Each worker fetches with the credentials that it finds where it runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from imgscan.audit.tasks import Orders, Workbench
from imgscan.errors import SourceUnavailable, UsageError
from imgscan.layers.plan import code_identity

try:
    from distributed import Client, KilledWorker, Worker, WorkerPlugin, get_worker
except ImportError as error:
    raise UsageError(
        "--scheduler needs Dask's distributed, which is not installed", tip="pip install 'imgscan[cluster]'"
    ) from error

T = TypeVar("T")
CONNECT_SECONDS = 10.0
_BEATS_WITHOUT_WORKERS = 60
_BENCHES = "imgscan_benches"


class _Benches(WorkerPlugin):  # type: ignore[misc, unused-ignore]
    """Puts a bench for one run on every worker, those that come later too."""

    def __init__(self, name: str, orders: Orders) -> None:
        self.name = name
        self._orders = orders

    def setup(self, worker: Worker) -> None:
        benches = getattr(worker, _BENCHES, {})
        setattr(worker, _BENCHES, {**benches, self.name: Workbench(self._orders)})

    def teardown(self, worker: Worker) -> None:
        benches = getattr(worker, _BENCHES, {})
        setattr(worker, _BENCHES, {name: bench for name, bench in benches.items() if name != self.name})


def _on_bench(name: str, function: Callable[..., T], *arguments: Any) -> T:
    """A task, on the worker that has it."""
    return function(getattr(get_worker(), _BENCHES)[name], *arguments)


class _Tasks(Executor):
    """An Executor whose functions get the worker's bench first, as those of a LocalPool do."""

    def __init__(self, executor: Executor, name: str) -> None:
        self._executor = executor
        self._name = name

    def submit(self, fn: Callable[..., T], /, *args: Any, **_: Any) -> Future[T]:
        return self._executor.submit(_on_bench, self._name, fn, *args)


class Cluster:
    """A connection to a scheduler, and the workers it has from moment to moment."""

    def __init__(self, address: str, orders: Callable[[int], Orders], patience: float | None = None) -> None:
        """`orders` are for the workers, given how many threads they have together; `patience` is in seconds.

        UsageError for an address that is none, SourceUnavailable where nobody answers or no worker is right.
        """
        self.deaths: tuple[type[BaseException], ...] = (KilledWorker,)
        self._without = 0
        self._address = address
        self._patience = CONNECT_SECONDS if patience is None else patience
        try:
            connect: Any = Client
            self._client = connect(address, timeout=self._patience, set_as_default=False, name="imgscan-audit")
        except (OSError, TimeoutError) as error:
            raise SourceUnavailable(
                f"no scheduler answers at {address}", tip="start one (dask scheduler), or leave --scheduler out"
            ) from error
        except ValueError as error:
            raise UsageError(f"{address!r} is no scheduler's address", tip="write tcp://HOST:8786") from error
        try:
            self._wait_for_workers()
            shared = orders(max(1, self.slots()))
            self._name = "imgscan-" + hashlib.sha256(repr(shared).encode() + shared.secret_key).hexdigest()[:16]
            self._client.register_plugin(_Benches(self._name, shared), name=self._name)
        except BaseException:
            self._client.close()
            raise
        # Idempotent tasks; a worker that is lost has its tasks run again elsewhere by the scheduler itself.
        self.executor: Executor = _Tasks(self._client.get_executor(pure=False), self._name)

    def slots(self) -> int:
        if self._client.status != "running":
            raise SourceUnavailable(
                f"the scheduler at {self._address} is lost", tip="run the same command again: what was finished is kept"
            )
        threads = sum(self._client.nthreads().values())
        self._without = 0 if threads else self._without + 1
        if self._without > _BEATS_WITHOUT_WORKERS:
            raise SourceUnavailable(
                f"the scheduler at {self._address} has no workers any more",
                tip="start some, and run the same command again: what was finished is kept",
            )
        return int(threads)

    def close(self) -> None:
        if self._client.status == "running":
            self._client.unregister_worker_plugin(self._name)
        self._client.close()

    def _wait_for_workers(self) -> None:
        """At least one, and all of them with this imgscan: a scan of another one would be of another plan."""
        try:
            self._client.wait_for_workers(1, timeout=self._patience)
        except TimeoutError as error:
            raise SourceUnavailable(
                f"the scheduler at {self._address} has no workers", tip=f"start some: dask worker {self._address}"
            ) from error
        mine = code_identity()
        for worker, found in sorted(self._client.run(code_identity, on_error="return").items()):
            if isinstance(found, BaseException):
                raise SourceUnavailable(
                    f"the worker {worker} cannot run imgscan: {type(found).__name__}",
                    tip="install the same imgscan on all workers",
                )
            if found != mine:
                raise SourceUnavailable(
                    f"the worker {worker} runs another imgscan than this one",
                    tip="install the same version on all workers and here",
                )
