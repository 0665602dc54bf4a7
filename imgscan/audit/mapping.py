"""The loop that keeps workers busy: each layer once, the biggest first, committed as it comes.

What a worker has finished is in the state before anything else happens to it. A layer whose worker dies is tried
again at the end with nothing beside it, so that it is not blamed for a neighbour; if that worker dies too, the layer
is left out and told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from imgscan.audit.listing import DONE, FAILED, LEFT_OUT
from imgscan.audit.state import State
from imgscan.audit.tasks import LayerOutcome, LayerTask, scan_layer
from imgscan.renderers.escapes import escape

_AHEAD = 2
"""Tasks for each slot: one that runs, and one that waits so that the slot never does."""
_REPOSITORIES = 3
"""Repositories of a layer that are tried."""
_BEAT_SECONDS = 5.0


T = TypeVar("T")


class Tasks(Protocol):
    """What is used of an Executor; whoever runs a function gives it the worker's bench as the first argument."""

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]: ...


class Workers(Protocol):
    """Who does the work: processes of this machine (pool.py) or a cluster (cluster.py)."""

    @property
    def executor(self) -> Tasks: ...

    @property
    def deaths(self) -> tuple[type[BaseException], ...]:
        """What a future raises when the worker that had its task died."""
        ...

    def slots(self) -> int:
        """Tasks that run at once. Raises SourceUnavailable where there will be none any more."""
        ...


@dataclass(frozen=True, slots=True)
class MapProgress:
    """How far the map step is; bytes are compressed ones."""

    layers: int
    of_layers: int
    bytes: int
    of_bytes: int


def layers_to_fetch(state: State, plan: str) -> list[LayerTask]:
    """What has no scan under the plan yet, the biggest first: one of them may take as long as all others."""
    names: dict[int, list[str]] = {}
    for layer, name in state.each(
        "SELECT DISTINCT layer, repositories.name FROM image_layers"
        " JOIN selection USING (image) JOIN tags ON tags.id = tag JOIN repositories ON repositories.id = repository"
        " WHERE layer NOT IN (SELECT layer FROM scans WHERE plan = ? AND state IN (?, ?))"
        " ORDER BY layer, repositories.name",
        (plan, DONE, LEFT_OUT),
    ):
        where = names.setdefault(layer, [])
        if len(where) < _REPOSITORIES:
            where.append(name)
    tasks = [
        LayerTask(number, digest, size, tuple(names[number]))
        for number, digest, size in state.each('SELECT id, digest, size FROM layers WHERE NOT "foreign"')
        if number in names
    ]
    return sorted(tasks, key=lambda task: (-task.size, task.digest))


def map_layers(
    state: State,
    run: int,
    plan: str,
    tasks: Sequence[LayerTask],
    *,
    workers: Workers,
    told: Callable[[MapProgress], None],
) -> None:
    """Have all tasks done, and keep what comes of them."""
    _Map(state, run, plan, tasks, workers=workers, told=told).run()


class _Map:
    def __init__(
        self,
        state: State,
        run: int,
        plan: str,
        tasks: Sequence[LayerTask],
        *,
        workers: Workers,
        told: Callable[[MapProgress], None],
    ) -> None:
        self._state = state
        self._run = run
        self._plan = plan
        self._tasks = tasks
        self._workers = workers
        self._told = told
        self._layers = 0
        self._bytes = 0
        self._total = sum(max(task.size, 0) for task in tasks)

    def run(self) -> None:
        suspects = [task for task, outcome in self._done(self._tasks, _AHEAD) if not self._kept(task, outcome)]
        for task in suspects:
            for again, outcome in self._done([task], 0):
                if not self._kept(again, outcome):
                    why = f"each worker that had it died, twice ({outcome})"
                    self._keep(task, LayerOutcome(task.layer, code="killed-worker", message=why), LEFT_OUT)

    def _kept(self, task: LayerTask, outcome: LayerOutcome | BaseException) -> bool:
        """Keep an outcome; False where the worker died, and nothing is known."""
        if isinstance(outcome, self._workers.deaths):
            return False
        if isinstance(outcome, BaseException):
            outcome = LayerOutcome(task.layer, code="defect", message=f"{outcome}")
        self._keep(task, outcome, FAILED if outcome.code else DONE)
        return True

    def _keep(self, task: LayerTask, outcome: LayerOutcome, state: str) -> None:
        """One transaction: the scan is there with its data and is counted, or nothing has happened."""
        with self._state.transaction():
            self._state.do(
                "INSERT INTO scans (layer, plan, state, diff_id, size, members, run, code, message)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (layer, plan) DO UPDATE SET state = excluded.state,"
                " diff_id = excluded.diff_id, size = excluded.size, members = excluded.members, run = excluded.run,"
                " code = excluded.code, message = excluded.message",
                (
                    *(task.layer, self._plan, state, outcome.diff_id, outcome.size, outcome.members),
                    *(self._run, outcome.code, escape(outcome.message)),
                ),
            )
            if state == DONE:
                (scan,) = self._state.one("SELECT id FROM scans WHERE layer = ? AND plan = ?", (task.layer, self._plan))
                sealed = self._state.seal(outcome.data, f"{task.digest} {self._plan}")
                self._state.do("INSERT OR REPLACE INTO scan_data VALUES (?, ?)", (scan, sealed))
            self._state.do(
                "UPDATE runs SET layers_fetched = layers_fetched + ?, bytes_fetched = bytes_fetched + ? WHERE id = ?",
                (state == DONE, outcome.fetched, self._run),
            )
        self._layers += 1
        self._bytes += max(task.size, 0)
        self._told(MapProgress(self._layers, len(self._tasks), self._bytes, self._total))

    def _done(self, tasks: Sequence[LayerTask], ahead: int) -> Iterator[tuple[LayerTask, LayerOutcome | BaseException]]:
        """What becomes of tasks, as it comes; no more are under way than keep all slots busy."""
        rest = deque(tasks)
        running: dict[Future[LayerOutcome], LayerTask] = {}
        slots = self._workers.slots()
        while rest or running:
            while rest and len(running) < max(1, slots * ahead):
                task = rest.popleft()
                running[self._workers.executor.submit(scan_layer, task)] = task
            done = wait(running, timeout=_BEAT_SECONDS, return_when=FIRST_COMPLETED).done
            if not done:  # nothing came for a while: are they still there, or more of them?
                slots = self._workers.slots()
            for future in done:
                task = running.pop(future)
                try:
                    yield task, future.result()
                except CancelledError:
                    self._workers.slots()
                    yield task, RuntimeError("it was cancelled")
                except Exception as error:  # whatever it is, it is one layer's
                    yield task, error
