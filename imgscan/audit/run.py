"""An audit from beginning to end, over whatever an earlier one left in the state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import Protocol

from imgscan.audit.answers import report_of, take_over
from imgscan.audit.discovery import Registry
from imgscan.audit.judging import JudgeBench, JudgeOrders, secret_key
from imgscan.audit.listing import LEFT_OUT, plan_of
from imgscan.audit.mapping import MapProgress, Workers, layers_to_fetch, map_layers
from imgscan.audit.pace import Pace
from imgscan.audit.planning import plan_run
from imgscan.audit.pool import InProcess, LocalWorkers
from imgscan.audit.reducing import reduce_images, to_judge
from imgscan.audit.state import State
from imgscan.audit.tasks import LayerTask, Orders, Workbench
from imgscan.evidence import Depth, RuleSource, ScanPlan
from imgscan.pipeline import Options, chosen_analyzers, plan_for
from imgscan.report import Policy
from imgscan.report.audit import AuditPlan, AuditReport, Selection
from imgscan.sources.registry.access import Access
from imgscan.sources.registry.client import RegistryClient

_FEW_IMAGES = 8
_FEW_MEMBERS = 50_000
"""Up to here images are judged at once in this process: starting another takes longer."""


class Watcher(Protocol):
    """Hears how far an audit is."""

    def step(self, what: str, done: int, total: int | None) -> None:
        """Things done of a step other than fetching."""
        ...

    def fetched(self, progress: MapProgress) -> None: ...


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What to audit and how. `workers` are processes of this machine, 0 for this one alone; with a `scheduler` its
    workers scan instead."""

    selection: Selection
    state: Path
    version: str
    """Of imgscan, for the record of the run."""
    workers: int = 1
    scheduler: str | None = None
    rate: float | None = None
    """Requests a second, of all workers together."""
    access: Access = field(default_factory=Access)
    policy: Policy = field(default_factory=Policy)
    entropy: bool = False
    rules: tuple[RuleSource, ...] = ()
    key: bytes | None = field(default=None, repr=False)
    """IMGSCAN_KEY: keys the ids of secrets; None leaves it to the state."""
    matcher_cache: Path | None = None
    retry_left_out: bool = False
    """Try layers again whose workers died."""


class _Bench(Workbench, JudgeBench):
    """A worker of this machine: it scans first and judges later."""

    def __init__(self, orders: Orders, judging: JudgeOrders) -> None:
        Workbench.__init__(self, orders)
        JudgeBench.__init__(self, judging)

    def close(self) -> None:
        Workbench.close(self)
        JudgeBench.close(self)


class _Nobody:
    def step(self, what: str, done: int, total: int | None) -> None: ...

    def fetched(self, progress: MapProgress) -> None: ...


def audit(
    options: AuditOptions,
    *,
    registry: Registry | None = None,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AuditReport:
    """Plan, map, reduce, report. Interrupted anywhere, the next call with equal options goes on from there.

    Raises ImgscanError where there can be no report; what could not be read of the registry is in the report.
    """
    with State.open(options.state, options.key) as state, _client(options, registry) as client:
        return _Audit(options, state, client, watcher or _Nobody(), clock).run()


def plan_audit(
    options: AuditOptions,
    *,
    registry: Registry | None = None,
    watcher: Watcher | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AuditPlan:
    """What an audit would fetch. No layer is opened; the manifests are kept for the audit itself."""
    with State.open(options.state, options.key) as state, _client(options, registry) as client:
        return _Audit(options, state, client, watcher or _Nobody(), clock).plan()


@contextmanager
def _client(options: AuditOptions, registry: Registry | None) -> Iterator[Registry]:
    """The registry that was given, else a client of our own, whose pauses end with the audit."""
    if registry is not None:
        yield registry
        return
    ended = Event()

    def pause(seconds: float) -> None:
        ended.wait(seconds)

    wait = Pace(options.rate, pause=pause).wait
    with RegistryClient(options.selection.registry, options.access, before_request=wait, pause=pause) as client:
        try:
            yield client
        finally:
            ended.set()


class _Audit:
    def __init__(
        self,
        options: AuditOptions,
        state: State,
        registry: Registry,
        watcher: Watcher,
        clock: Callable[[], datetime],
    ) -> None:
        self._options = options
        self._state = state
        self._registry = registry
        self._watcher = watcher
        self._clock = clock
        # For all families, whatever is asked for: another question of the same registry must not fetch it again.
        wanted = Options(depth=Depth.CONTENT, entropy=options.entropy, rules=options.rules)
        self._plan: ScanPlan = plan_for(chosen_analyzers(()), wanted)
        self._fingerprint = self._plan.fingerprint

    def plan(self) -> AuditPlan:
        run = self._begin()
        planned = plan_run(self._state, run, self._registry, self._options.selection, self._watcher.step)
        return plan_of(self._state, self._fingerprint, planned.artifacts)

    def run(self) -> AuditReport:
        run = self._begin()
        planned = plan_run(self._state, run, self._registry, self._options.selection, self._watcher.step)
        if self._options.retry_left_out:
            self._state.do("DELETE FROM scans WHERE plan = ? AND state = ?", (self._fingerprint, LEFT_OUT))
        plan = plan_of(self._state, self._fingerprint, planned.artifacts)
        self._work(run)
        finished = self._now()
        report = report_of(
            self._state,
            run,
            finished,
            selection=self._options.selection,
            plan=plan,
            fingerprint=self._fingerprint,
            policy=self._options.policy,
        )
        # Last: a run that was killed before it could tell what is new will tell it when it goes on.
        with self._state.transaction():
            take_over(self._state, run)
            self._state.do("UPDATE runs SET finished = ? WHERE id = ?", (finished, run))
        return report

    def _begin(self) -> int:
        """The run to work on: the last one if it is not finished and was asked for the same, else a new one."""
        wanted = json.dumps(asdict(self._options.selection), sort_keys=True)
        last = self._state.maybe("SELECT id, selection, finished FROM runs ORDER BY id DESC")
        if last is not None and last[2] is None and last[1] == wanted:
            with self._state.transaction():
                # One that has fetched nothing was a plan: it begins now.
                self._state.do(
                    "UPDATE runs SET started = iif(layers_fetched, started, ?), plan = ?, version = ?,"
                    " resumed = resumed + (layers_fetched > 0) WHERE id = ?",
                    (self._now(), self._fingerprint, self._options.version, last[0]),
                )
                # Each attempt tells what it cannot read itself.
                self._state.do("DELETE FROM unread WHERE run = ?", (last[0],))
            return int(last[0])
        return self._state.do(
            "INSERT INTO runs (registry, selection, plan, version, started) VALUES (?, ?, ?, ?, ?)",
            (self._options.selection.registry, wanted, self._fingerprint, self._options.version, self._now()),
        )

    def _work(self, run: int) -> None:
        """Map and reduce, with the workers of this machine for both of them, unless a cluster scans."""
        tasks = layers_to_fetch(self._state, self._fingerprint)
        with closing(self._here()) as here:
            scheduler = self._options.scheduler
            if tasks and scheduler is None:
                self._map(run, tasks, here)
            elif tasks and scheduler is not None:
                from imgscan.audit.cluster import Cluster  # noqa: PLC0415  # loads distributed

                with closing(Cluster(scheduler, self._orders, self._options.access.timeout)) as cluster:
                    self._map(run, tasks, cluster)
            self._reduce(run, here)

    def _here(self) -> LocalWorkers | InProcess:
        if not self._options.workers:
            return InProcess(_Bench(self._orders(1), self._judge_orders()))
        orders = self._orders(self._options.workers)
        return LocalWorkers(self._options.workers, partial(_Bench, orders, self._judge_orders()))

    def _map(self, run: int, tasks: list[LayerTask], workers: Workers) -> None:
        map_layers(self._state, run, self._fingerprint, tasks, workers=workers, told=self._watcher.fetched)

    def _orders(self, workers: int) -> Orders:
        rate = self._options.rate
        return Orders(
            registry=self._options.selection.registry,
            plan=self._plan,
            secret_key=secret_key(self._state.key),
            access=self._options.access,
            rate=rate / workers if rate else None,
            matcher_cache=self._options.matcher_cache if self._options.scheduler is None else None,
        )

    def _judge_orders(self) -> JudgeOrders:
        return JudgeOrders(
            state=self._state.path,
            registry=self._options.selection.registry,
            plan=self._fingerprint,
            secret_key=secret_key(self._state.key),
            id_key=self._state.key,
            policy=self._options.policy,
            rules=self._options.rules,
        )

    def _reduce(self, run: int, here: LocalWorkers | InProcess) -> None:
        orders = self._judge_orders()
        images = to_judge(self._state, orders)
        few = len(images) <= _FEW_IMAGES and self._members() <= _FEW_MEMBERS
        with closing(InProcess(JudgeBench(orders))) as alone:
            reduce_images(
                self._state,
                run,
                self._now(),
                images,
                tasks=alone if few else here.executor,
                at_once=1 if few else here.slots(),
                told=partial(self._watcher.step, "judging images"),
            )

    def _members(self) -> int:
        """Members of the selected layers."""
        (members,) = self._state.one(
            "SELECT coalesce(sum(members), 0) FROM scans WHERE plan = ?"
            " AND layer IN (SELECT layer FROM selected_layers)",
            (self._fingerprint,),
        )
        return int(members)

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
