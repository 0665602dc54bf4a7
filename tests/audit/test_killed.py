"""An audit may be killed at any moment: it goes on where it was, and nothing is lost, done or counted twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imgscan.audit.run import audit
from tests.audit.dump import dump, finished_layers
from tests.audit.test_audit import LAYERS, blob_requests

TIMES = 20


def test_killed_twenty_times_at_random_and_finished_it_is_the_undisturbed_state(filled, tmp_path, matcher_cache):
    done = subprocess.run(
        [sys.executable, "-m", "tests.audit.killed", filled.address, str(tmp_path), str(matcher_cache), f"{TIMES}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    (undisturbed, none), *others = (line.split() for line in done.stdout.splitlines())
    assert none == "0"
    assert sum(int(kills) for _, kills in others) >= TIMES
    facts = dump(Path(undisturbed))
    assert len(facts["data"]) == len(LAYERS)
    for state, kills in others:
        found = dump(Path(state))
        for name in facts:
            assert found[name] == facts[name], f"{name} of {state}, killed {kills} times"


@pytest.mark.parametrize("after", [1, 4])
def test_no_finished_layer_is_fetched_again(after, front, auditor, matcher_cache):
    killed = []

    def kill_at(asked, upstream):
        if "/blobs/" in asked.path and asked.path.rpartition("/")[2] in LAYERS.values():
            killed.append(asked.path)
            if len(killed) == after + 1:
                os.kill(process.pid, signal.SIGKILL)

    process = subprocess.Popen(
        [sys.executable, "-m", "imgscan", "audit", front.address, "--state", str(auditor.state), "--workers", "1"],
        env=os.environ | {"IMGSCAN_KEY": "k", "IMGSCAN_CACHE_DIR": str(matcher_cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    front.rule = kill_at
    # Its workers have the same standard error: this returns when all of them are gone.
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    front.rule = lambda asked, upstream: None
    done = finished_layers(auditor.state)
    assert len(done) >= after - 1
    before = len(blob_requests(front))
    report = audit(auditor.options(front.address, key=b"k"))
    again = blob_requests(front)[before:]
    assert not done & set(again)
    assert sorted(again) == sorted(set(LAYERS.values()) - done)
    assert report.run.layers_fetched == len(LAYERS)
    assert report.complete


def test_ctrl_c_says_that_what_was_finished_is_kept_and_ends_all_processes(front, auditor, matcher_cache):
    def interrupt(asked, upstream):
        if "/blobs/" in asked.path and asked.path.rpartition("/")[2] in LAYERS.values():
            os.kill(process.pid, signal.SIGINT)

    process = subprocess.Popen(
        [sys.executable, "-m", "imgscan", "audit", front.address, "--state", str(auditor.state), "--workers", "2"],
        env=os.environ | {"IMGSCAN_CACHE_DIR": str(matcher_cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    front.rule = interrupt
    # Its workers have the same standard error: this returns when all of them are gone.
    out, told = process.communicate(timeout=300)
    assert process.returncode == 130
    assert not out
    assert "the same command goes on" in told
    assert "Traceback" not in told
