"""Workers of this machine: a death is that of one task, and nothing outlives the pool."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future
from contextlib import closing

import pytest

from imgscan.audit.listing import DONE, LEFT_OUT
from imgscan.audit.mapping import map_layers
from imgscan.audit.pool import InProcess, LocalPool, LocalWorkers, WorkerDied
from imgscan.audit.state import State
from imgscan.audit.tasks import LayerOutcome, LayerTask


class Bench:
    """Counts what it was asked for."""

    def __init__(self):
        self.count = 0

    def close(self):
        pass


def counted(bench, value):
    bench.count += 1
    return value, bench.count, os.getpid()


def killed(bench):
    os.kill(os.getpid(), signal.SIGKILL)


def raising(bench):
    raise ValueError("API_KEY=sk-live-abc123xyz789")


def test_a_worker_keeps_its_bench_between_tasks():
    with LocalPool(1, Bench) as pool:
        results = [pool.submit(counted, value).result(60) for value in range(3)]
    assert [(value, count) for value, count, _ in results] == [(0, 1), (1, 2), (2, 3)]
    assert len({pid for *_, pid in results} - {os.getpid()}) == 1


def test_a_worker_that_dies_takes_one_task_with_it_and_is_replaced():
    with LocalPool(1, Bench) as pool:
        first = pool.submit(counted, 1)
        dead = pool.submit(killed)
        after = pool.submit(counted, 2)
        with pytest.raises(WorkerDied, match="SIGKILL"):
            dead.result(60)
        assert first.result(60)[1] == after.result(60)[1] == 1
        assert first.result()[2] != after.result()[2]


def test_what_goes_wrong_in_a_worker_is_told_without_its_words():
    with LocalPool(1, Bench) as pool:
        with pytest.raises(RuntimeError, match="unexpected ValueError") as raised:
            pool.submit(raising).result(60)
        assert "sk-live" not in str(raised.value)
        assert pool.submit(counted, 1).result(60)[0] == 1


def test_no_process_outlives_the_pool():
    pool = LocalPool(2, Bench)
    pids = {pool.submit(counted, value).result(60)[2] for value in range(4)}
    pool.shutdown()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


# --- the map step over workers that die


DEADLY = "sha256:" + "d" * 64
SHAKY = "sha256:" + "5" * 64


class Workers:
    """An InProcess whose workers die of one layer always, and of another the first time."""

    def __init__(self):
        self.deaths = (WorkerDied,)
        self.inner = InProcess(Bench())
        self.executor = self
        self.asked = []

    def slots(self):
        return 4

    def submit(self, function, task):
        self.asked.append(task.digest)
        future = Future()
        if task.digest == DEADLY or (task.digest == SHAKY and self.asked.count(SHAKY) == 1):
            future.set_exception(WorkerDied("it was ended by SIGKILL"))
        else:
            future.set_result(LayerOutcome(task.layer, b"x", "sha256:0", 1, 1, task.size))
        return future


def test_a_layer_is_left_out_when_its_worker_dies_again_with_nothing_beside_it(tmp_path):
    digests = [DEADLY, SHAKY, *(f"sha256:{number:064}" for number in range(5))]
    workers = Workers()
    with State.open(tmp_path / "state") as state:
        state.do("INSERT INTO runs (id, registry, selection, version, started) VALUES (1, 'r', '{}', '0', '')")
        tasks = []
        for number, digest in enumerate(digests, 1):
            state.do("INSERT INTO layers VALUES (?, ?, '', 10, 0, 1)", (number, digest))
            tasks.append(LayerTask(number, digest, 10, ("app",)))
        told = []
        map_layers(state, 1, "plan", tasks, workers=workers, told=told.append)
        states = dict(state.all("SELECT digest, state FROM scans JOIN layers ON layers.id = layer"))
        counted = state.one("SELECT layers_fetched, bytes_fetched FROM runs")
    assert states == {digest: LEFT_OUT if digest == DEADLY else DONE for digest in digests}
    assert (workers.asked.count(DEADLY), workers.asked.count(SHAKY)) == (2, 2)
    assert counted == (len(digests) - 1, 10 * (len(digests) - 1))
    assert [progress.layers for progress in told] == list(range(1, len(digests) + 1))
    assert (told[-1].bytes, told[-1].of_bytes) == (70, 70)


class Deadly:
    """A worker that is killed as soon as it looks at a layer, as it is for want of memory."""

    @property
    def orders(self):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_layer_that_kills_processes_is_left_out_until_it_is_asked_for_again(tmp_path):
    with State.open(tmp_path / "state") as state, closing(LocalWorkers(2, Deadly)) as workers:
        state.do("INSERT INTO runs (id, registry, selection, version, started) VALUES (1, 'r', '{}', '0', '')")
        state.do("INSERT INTO layers VALUES (1, ?, '', 10, 0, 1)", (DEADLY,))
        map_layers(state, 1, "plan", [LayerTask(1, DEADLY, 10, ("app",))], workers=workers, told=lambda _: None)
        ((found, code, message),) = state.all("SELECT state, code, message FROM scans")
    assert (found, code) == (LEFT_OUT, "killed-worker")
    assert "SIGKILL" in message
