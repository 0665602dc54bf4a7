"""The same map on a real Dask cluster: equal answers, also when a worker is lost; a layer that kills is left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from tests.audit.cluster import dask_processes
from tests.audit.content import BASE
from tests.audit.dump import dump
from tests.audit.test_audit import LAYERS, blob_requests

pytest.importorskip("distributed", reason="Dask's distributed is not installed: pip install 'imgscan[cluster]'")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with dask_processes(tmp_path_factory.mktemp("dask"), workers=2) as one:
        yield one


def imgscan(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "imgscan", "audit", *map(str, arguments)],
        env=os.environ | {"IMGSCAN_KEY": "k"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def answers(done):
    document = json.loads(done.stdout)["audit"]
    run = document.pop("run")
    return document, run


def without_times(facts):
    return {name: rows for name, rows in facts.items() if name != "runs"}


@pytest.fixture
def alone(front, tmp_path):
    """What this machine's own workers find."""
    done = imgscan(front.address, "--state", tmp_path / "alone.sqlite", "-f", "json", "--workers", "2")
    assert done.returncode == 1, done.stderr
    return answers(done)[0], dump(tmp_path / "alone.sqlite")


def test_a_cluster_finds_the_same_and_opens_each_layer_once(cluster, alone, front, tmp_path):
    before = len(blob_requests(front))
    state = tmp_path / "state.sqlite"
    done = imgscan(front.address, "--state", state, "-f", "json", "--scheduler", cluster.address)
    assert done.returncode == 1, done.stderr
    found, run = answers(done)
    assert run["layers_fetched"] == len(LAYERS)
    assert [(one["digest"], one["severities"]) for one in found["images"]] == [
        (one["digest"], one["severities"]) for one in alone[0]["images"]
    ]
    assert without_times(dump(state)) == without_times(alone[1])
    assert sorted(blob_requests(front)[before:]) == sorted(LAYERS.values())


def test_the_layers_of_a_worker_that_is_killed_run_again(alone, front, tmp_path):
    begun = threading.Event()
    gone_on = threading.Event()

    def hold(asked, upstream):
        if "/blobs/" in asked.path and asked.path.rpartition("/")[2] in LAYERS.values() and not gone_on.is_set():
            begun.set()
            gone_on.wait(60)

    with dask_processes(tmp_path / "dask", workers=2) as cluster:
        state = tmp_path / "state.sqlite"
        command = ["imgscan", "audit", front.address, "--state", str(state), "--scheduler", cluster.address]
        front.rule = hold
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *command],
            env=os.environ | {"IMGSCAN_KEY": "k"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert begun.wait(300)
        cluster.workers[0].kill()
        cluster.workers[0].wait(30)
        gone_on.set()
        _, told = process.communicate(timeout=300)
    assert process.returncode == 1, told
    assert without_times(dump(state)) == without_times(alone[1])


def test_a_layer_that_kills_its_workers_is_told_and_left_out(front, tmp_path):
    """The scheduler gives up on it after two workers, and again when it is alone."""
    deadly = LAYERS[BASE.diff_id]
    patience = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    with dask_processes(tmp_path / "dask", workers=1, **patience) as cluster:

        def kill(asked, upstream):
            if asked.path.endswith(deadly):
                victim = cluster.workers[-1]
                cluster.start_worker()
                victim.kill()

        front.rule = kill
        state = tmp_path / "state.sqlite"
        arguments = (front.address, "shop/web", "--tags", "1.0", "--state", state, "-f", "json")
        done = imgscan(*arguments, "--scheduler", cluster.address)
        assert done.returncode == 3, done.stderr
        found, _ = answers(done)
        (unread,) = found["unread"]
        assert (unread["kind"], unread["name"], unread["code"]) == ("layer", deadly, "killed-worker")
        assert [one["complete"] for one in found["images"]] == [False]
        front.rule = lambda asked, upstream: None
        again = imgscan(*arguments, "--scheduler", cluster.address)
        assert again.returncode == 3
        assert answers(again)[1]["layers_fetched"] == 0
        tried = imgscan(*arguments, "--scheduler", cluster.address, "--retry-left-out")
        assert tried.returncode == 1
        assert answers(tried)[1]["layers_fetched"] == 1


def test_no_credential_and_no_key_is_in_a_task(cluster, filled, tmp_path):
    """What a task is made of: names and digests."""
    import pickle

    from imgscan.audit.tasks import LayerTask

    task = LayerTask(1, "sha256:0", 5, ("shop/web",))
    assert {type(value) for value in (task.layer, task.digest, task.size, *task.repositories)} == {int, str}
    assert b"secret" not in pickle.dumps(task)


def test_what_is_no_address_is_a_clear_error(filled, tmp_path):
    done = imgscan(filled.address, "--state", tmp_path / "s", "--scheduler", "somewhere://else")
    assert done.returncode == 2
    assert done.stderr.startswith("error: 'somewhere://else' is no scheduler's address")


def test_no_scheduler_is_a_clear_error(filled, tmp_path):
    done = imgscan(filled.address, "--state", tmp_path / "s", "--scheduler", "tcp://127.0.0.1:1", "--timeout", "1")
    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "error: no scheduler answers at tcp://127.0.0.1:1"
    assert "Traceback" not in done.stderr
