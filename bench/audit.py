"""Audits of a synthetic registry, measured: `python -m bench.audit --help`. Figures for docs/audit.md.

200 repositories of 10 tags that share bases, runtimes and dependencies, served by a real docker-registry on loopback.
What was opened and fetched is counted in the registry's own log.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.registry import REPOSITORIES, TAGS, Made, build, served

OUT = Path(__file__).parent / "out" / "audit"
_GET_BLOB = re.compile(rb'"GET /v2/[^" ]+/blobs/(sha256:[0-9a-f]{64})[^"]*" (?:200|206) (\d+)')


@dataclass(frozen=True, slots=True)
class Audit:
    """One run: `wall` and `cpu` (workers too) in seconds, `peak` of the coordinator alone in MB, and what it wrote."""

    wall: float
    cpu: float
    peak: float
    document: dict[str, Any]
    blobs: Counter[str]
    bytes: int


def audit(address: str, state: Path, log: Path, *options: str) -> Audit:
    """Run the command as a user would."""
    before = log.stat().st_size
    output = state.with_suffix(".json")
    command = [sys.executable, "-m", "imgscan", "audit", address, "--state", str(state), "-f", f"json={output}", "-q"]
    started = time.perf_counter()
    process = subprocess.Popen([*command, *options], env=os.environ | {"IMGSCAN_KEY": "bench"})
    peak = 0
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        peak = max(peak, _peak(process.pid))
        time.sleep(0.05)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"the audit ended with {process.returncode}")
    with log.open("rb") as lines:
        lines.seek(before)
        found = _GET_BLOB.findall(lines.read())
    blobs = Counter(digest.decode() for digest, _ in found)
    cpu = usage.ru_utime + usage.ru_stime
    return Audit(wall, cpu, peak / 1000, json.loads(output.read_text()), blobs, sum(int(size) for _, size in found))


def _peak(pid: int) -> int:
    """Peak of the resident memory in kB so far (proc(5), VmHWM); 0 where it cannot be had."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


def fresh(name: str) -> Path:
    """A state that is not there."""
    for old in OUT.glob(f"{name}.*"):
        old.unlink()
    return OUT / f"{name}.sqlite"


def local(address: str, log: Path, layers: dict[str, Made], workers: int) -> list[str]:
    """The first audit and the second, against what exists."""
    distinct = {layer.digest: layer.size for layer in layers.values()}
    state = fresh("local")
    first = audit(address, state, log, "--workers", str(workers))
    opened = Counter({digest: count for digest, count in first.blobs.items() if digest in distinct})
    assert set(opened) == set(distinct), "not every layer was opened"
    assert max(opened.values()) == 1, "a layer was opened twice"
    again = audit(address, state, log, "--workers", str(workers))
    assert not again.blobs, "the second run fetched blobs"
    told = first.document["audit"]
    assert told["run"]["bytes_fetched"] == sum(distinct.values())
    plain = sum(layer.plain for layer in layers.values())
    members = sum(layer.members for layer in layers.values())
    return [
        f"images {told['summary']['images']:,}, layers in all images {told['plan']['image_layers']:,}",
        f"distinct layers {len(distinct):,}, opened {len(opened):,}; members {members:,}",
        f"distinct compressed bytes {sum(distinct.values()):,}, fetched {told['run']['bytes_fetched']:,}; "
        f"uncompressed {plain:,}",
        f"first run {first.wall:.1f} s, {first.cpu:.0f} s of CPU with {workers} workers "
        f"({plain / 1e6 / first.wall:.0f} MB/s uncompressed); "
        f"coordinator's peak {first.peak:.0f} MB",
        f"second run {again.wall:.2f} s, {again.cpu:.1f} s of CPU, {again.wall / first.wall:.1%} of the first; "
        "blobs fetched 0; "
        f"coordinator's peak {again.peak:.0f} MB",
        f"state {state.stat().st_size / 1e6:.0f} MB",
        f"findings {told['summary']['findings']:,}, secrets {told['summary']['secrets']}",
    ]


def cluster(address: str, log: Path, repositories: str) -> list[str]:
    """One single-threaded Dask worker against two, on part of the registry."""
    told, walls = [], []
    for count in (1, 2):
        with ExitStack() as stack:
            scheduler = _dask(stack, "dask_scheduler", "--host", "127.0.0.1", "--port", "0")
            for _ in range(count):
                _dask(stack, "dask_worker", scheduler, "--nthreads", "1", "--no-nanny", wanted="Registered to")
            run = audit(
                address, fresh(f"cluster{count}"), log, repositories, "--scheduler", scheduler, "--workers", "2"
            )
        walls.append(_mapping(OUT / f"cluster{count}.sqlite"))
        fetched = run.document["audit"]["run"]["layers_fetched"]
        told.append(
            f"{count} Dask workers of one thread: {walls[-1]:.0f} s for {fetched:,} layers; run {run.wall:.1f} s"
        )
    return [*told, f"speed-up {walls[0] / walls[1]:.2f}"]


def _mapping(state: Path) -> float:
    """Seconds from the beginning of a run to the end of its map step, to the second."""
    with closing(sqlite3.connect(state)) as connection:
        ((seconds,),) = connection.execute(
            "SELECT 86400 * (julianday(min(first_seen)) - julianday(min(started))) FROM findings, runs"
        ).fetchall()
    return float(seconds)


def _dask(stack: ExitStack, program: str, *arguments: str, wanted: str = "Scheduler at") -> str:
    """Start one; the last word of the line that says it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{program}", *arguments, "--no-dashboard"],
        stderr=subprocess.PIPE,
        text=True,
    )
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stderr is not None
    for line in process.stderr:
        if wanted in line:
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
            stack.callback(drain.wait)
            stack.callback(drain.terminate)
            return line.split()[-1]
    raise RuntimeError(f"{program} did not start")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=float, default=1.0, help="files of each layer, 1 for 3 GB in all")
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options.add_argument("--only-clusters", action="store_true", help="leave out the audits of all of it")
    options.add_argument(
        "--part", default="group0/*", help="repositories for the comparison of clusters; empty for none"
    )
    chosen = options.parse_args()
    storage, log = OUT / f"registry-{chosen.scale}", OUT / "requests.log"
    storage.mkdir(parents=True, exist_ok=True)
    layers = build(storage, chosen.scale)
    print(f"{REPOSITORIES} repositories of {TAGS} tags, scale {chosen.scale}, {os.cpu_count()} cores")
    with served(storage, log) as address:
        for line in () if chosen.only_clusters else local(address, log, layers, chosen.workers):
            print(line, flush=True)
        if chosen.part:
            for line in cluster(address, log, chosen.part):
                print(line, flush=True)


if __name__ == "__main__":
    main()
