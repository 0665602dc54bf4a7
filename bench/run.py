"""Measure imgscan against other programs on the same archives in the same run: `python -m bench.run --help`.

Prints Markdown and writes `results.json` next to the archives. This process stays small and builds nothing itself:
a child's peak memory is never less than its parent's (see `measure.Run`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import programs, tables
from bench.measure import Run, median_of, pin, read_through, run

OUT = Path(__file__).parent / "out"
STEPS = ("hash", "gzip", "zstd", "warm", "help", "hostile", "linear", "peers", "recall")


@dataclass(frozen=True, slots=True)
class Check:
    """A figure beside what it should be; `met` is None where it could not be measured."""

    name: str
    figure: str
    target: str
    met: bool | None


@dataclass(slots=True)
class Results:
    """What one run of the benchmark yields, filled step by step."""

    machine: dict[str, Any]
    corpus: dict[str, Any]
    runs: dict[str, Run] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    recall: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def check(self, name: str, value: float | None, limit: float, *, unit: str = "x", at_least: bool = False) -> None:
        """Compare a figure with its target; None is `not measured`."""
        target = f"{'>=' if at_least else '<='} {limit:g} {unit}"
        if value is None:
            self.checks.append(Check(name, "not measured", target, None))
            return
        met = value >= limit if at_least else value <= limit
        self.checks.append(Check(name, f"{value:.2f} {unit}", target, met))

    def ratio(self, name: str, numerator: str, denominator: str, limit: float, *, at_least: bool = False) -> None:
        """Check the ratio of two runs' wall times."""
        above, below = self.runs.get(numerator), self.runs.get(denominator)
        usable = above and below and above.usable and below.usable
        self.check(name, above.wall / below.wall if usable else None, limit, at_least=at_least)


class Bench:
    """The steps; each adds to the results what it measured."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = self.build("--scale", str(options.scale))
        manifest = json.loads((self.folder / "manifest.json").read_text())
        self.planted = manifest.pop("planted")
        self.state = options.out / "state"
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True)
        # Caches of all programs go here: nothing of the user's is read or written.
        self.environment = {"HOME": str(self.state), "XDG_CACHE_HOME": str(self.state / "cache")}
        self.results = Results(machine(options.cores), manifest)
        self.warm_up()

    def build(self, *arguments: str) -> Path:
        """Have `bench.corpus` build, or find, what the arguments ask for; the path it names."""
        command = [sys.executable, "-m", "bench.corpus", "--out", str(self.options.out), *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return Path(done.stdout.splitlines()[0])

    def warm_up(self) -> None:
        """Let every program compile and keep its patterns, on a tiny archive; not measured."""
        tiny = self.build("--hostile", "100")
        commands = [peer.command(tiny, self.state / "warm-up.json") for peer in programs.PEERS if peer.find()]
        for command in (programs.imgscan(tiny, cache=True), *commands):
            run(command, environment=self.environment, timeout=self.options.timeout)

    def measure(self, name: str, command: list[str], *, expected: tuple[int, ...] = (0,), times: int = 0) -> Run:
        """Measure a program under a name; told on standard error at once."""
        measured = median_of(
            times or self.options.repeat,
            command,
            environment=self.environment,
            expected=expected,
            timeout=self.options.timeout,
        )
        self.results.runs[name] = measured
        told = f"{measured.wall:.2f} s, {measured.peak:.0f} MB" if measured.usable else measured.error or "timed out"
        sys.stderr.write(f"{name}: {told}\n")
        if not measured.usable:
            self.results.notes.append(f"{name}: {measured.error or 'timed out'}")
        return measured

    def imgscan(self, name: str, archive: Path, *, times: int = 0, **options: bool) -> Run:
        command = programs.imgscan(archive, **options)
        return self.measure(name, command, expected=programs.IMGSCAN_EXITS, times=times)

    def hash(self) -> None:
        """Cold cache, plain archive: against hashing it, with and without nested content to unpack."""
        for variant in ("plain", "flat"):
            read_through(self.folder / f"{variant}.tar")
            self.measure(f"openssl {variant}", ["openssl", "dgst", "-sha256", str(self.folder / f"{variant}.tar")])
            self.imgscan(f"imgscan {variant}", self.folder / f"{variant}.tar")
        self.results.ratio("inspect, raw layer bytes / openssl sha256", "imgscan flat", "openssl flat", 2.5)
        plain, flat = self.results.runs["imgscan plain"], self.results.runs["imgscan flat"]
        self.results.check("peak memory of inspect", plain.peak if plain.usable else None, 300, unit="MB")
        self.results.check(
            "peak memory of inspect, all its processes", plain.together if plain.usable else None, 300, unit="MB"
        )
        if plain.usable and flat.usable:
            inflated = self.results.corpus["inflated_bytes"]
            extra = plain.wall - flat.wall
            speed = inflated / extra / 1e6 if extra > 0.1 else float("inf")
            self.results.notes.append(
                f"Unpacking {inflated / 1e6:.0f} MB of nested content added {extra:.2f} s: "
                f"{speed:.0f} MB/s of inflated bytes."
            )

    def gzip(self) -> None:
        """Compressed layers: against unpacking the same blobs with gzip."""
        self.compressed("gzip", ["gzip", "-dc"], 1.5)

    def zstd(self) -> None:
        """The same with zstd, for which there is no target."""
        if shutil.which("zstd"):
            self.compressed("zstd", ["zstd", "-dcq"], None)
        else:
            self.results.notes.append("zstd: not installed, skipped")

    def compressed(self, variant: str, unpack: list[str], limit: float | None) -> None:
        blobs = sorted((self.folder / "layers").glob(f"*.{variant}"))
        for path in (self.folder / f"{variant}.tar", *blobs):
            read_through(path)
        self.measure(f"{unpack[0]} -dc", [*unpack, *map(str, blobs)])
        self.imgscan(f"imgscan {variant}", self.folder / f"{variant}.tar")
        if limit:
            name = f"inspect, {variant} layers / {variant} -dc"
            self.results.ratio(name, f"imgscan {variant}", f"{unpack[0]} -dc", limit)

    def warm(self) -> None:
        """The second and later inspects of one archive."""
        archive = self.folder / "plain.tar"
        self.imgscan("imgscan, filling the cache", archive, times=1, cache=True)
        warm = self.imgscan("imgscan, warm cache", archive, cache=True)
        self.results.check("inspect with a warm cache", warm.wall if warm.usable else None, 0.5, unit="s")

    def help(self) -> None:
        """Start-up."""
        started = self.measure("imgscan --help", programs.IMGSCAN_HELP, times=5)
        self.results.check("imgscan --help", started.wall if started.usable else None, 0.3, unit="s")

    def hostile(self) -> None:
        """An archive of a million tiny members."""
        archive = self.build("--hostile", str(self.options.hostile))
        read_through(archive)
        measured = self.imgscan(f"imgscan, {self.options.hostile} members", archive, times=1)
        peak = measured.peak if measured.usable else None
        self.results.check(f"peak memory, {self.options.hostile} members", peak, 300, unit="MB")

    def linear(self) -> None:
        """Ten times the members, ten times the bytes."""
        tenth = self.build("--scale", str(self.options.scale / 10)) / "plain.tar"
        small = self.build("--hostile", str(self.options.hostile // 10))
        large = self.build("--hostile", str(self.options.hostile))
        for name, archive in (("tenth of the bytes", tenth), ("tenth of the members", small)):
            read_through(archive)
            self.imgscan(f"imgscan, {name}", archive)
        if "imgscan plain" not in self.results.runs:
            self.imgscan("imgscan plain", self.folder / "plain.tar")
        name = f"imgscan, {self.options.hostile} members"
        if name not in self.results.runs:
            self.imgscan(name, large, times=1)
        self.results.ratio("10 x bytes: time", "imgscan plain", "imgscan, tenth of the bytes", 11)
        self.results.ratio("10 x members: time", name, "imgscan, tenth of the members", 11)

    def peers(self) -> None:
        """Other scanners on the same archive."""
        archive = self.folder / "plain.tar"
        read_through(archive)
        if "imgscan plain" not in self.results.runs:
            self.imgscan("imgscan plain", archive)
        for peer in programs.PEERS:
            if peer.find() is None:
                self.results.notes.append(f"{peer.name}: not installed, skipped")
                continue
            self.results.machine[peer.name] = peer.version()
            command = peer.command(archive, self.state / f"{peer.name}.json")
            self.measure(peer.name, command, expected=peer.exits, times=1)
            self.results.ratio(f"faster than {peer.name}", peer.name, "imgscan plain", peer.floor, at_least=True)

    def recall(self) -> None:
        """Which of the planted secrets each program reports, whatever it calls them."""
        report = self.state / "imgscan.json"
        command = programs.imgscan(self.folder / "plain.tar", str(report), show=True)
        limit = self.options.timeout
        shown = run(command, environment=self.environment, expected=programs.IMGSCAN_EXITS, timeout=limit)
        if not shown.usable:
            self.results.notes.append(f"recall of imgscan: {shown.error or 'timed out'}")
        for name in ("imgscan", *(peer.name for peer in programs.PEERS)):
            path = self.state / f"{name}.json"
            if path.exists() and path.stat().st_size:
                self.results.recall[name] = counted(self.planted, programs.reported(name, path))
        places = self.results.recall.get("imgscan", {}).get("places")
        if places and not any(places[place][0] for place in ("gz", "tar.gz", "zip", "jar")):
            self.results.notes.append("imgscan found nothing in nested files: no figure here includes unpacking them.")


def counted(planted: list[dict[str, Any]], values: set[str]) -> dict[str, Any]:
    """Planted and found by place and by kind, and how many other values were reported."""
    places: dict[str, list[int]] = {}
    kinds: dict[str, list[int]] = {}
    for record in planted:
        found = programs.is_found(record["core"], values)
        for key, table in ((place_of(record), places), (record["kind"], kinds)):
            count = table.setdefault(key, [0, 0])
            count[0] += found
            count[1] += 1
    known = [programs.normal(record["value"]) for record in planted]
    others = sum(not any(value in one or one in value for one in known) for value in values)
    return {
        "found": sum(count[0] for count in places.values()),
        "planted": len(planted),
        "others": others,
        "places": places,
        "kinds": kinds,
    }


def place_of(record: dict[str, Any]) -> str:
    """Where a secret was planted; plain files of dependency trees apart, which some programs leave out on purpose."""
    trees = ("node_modules/", "site-packages/", "dist-packages/")
    if record["place"] == "plain" and any(tree in record["path"] for tree in trees):
        return "plain, dependency tree"
    return str(record["place"])


def machine(cores: int) -> dict[str, Any]:
    """What the figures depend on."""
    pinned = pin(cores)
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
        names = [value.strip() for key, _, value in lines if key.strip() == "model name"]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": len(pinned) or os.cpu_count(),
        "pinned": bool(pinned),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT, help="where the archives are kept")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is about 1.5 GB and 100,000 members")
    parser.add_argument("--hostile", type=int, default=1_000_000, help="members of the hostile archive")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each program, of which the median counts")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one run of a program")
    parser.add_argument("--cores", type=int, default=2, help="cores that everything is kept on")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=STEPS, help="steps to run")
    parser.add_argument("--skip", nargs="+", choices=STEPS, default=(), help="steps to leave out")
    parser.add_argument(
        "--write-docs", type=Path, metavar="FILE", help="put the tables between the markers of this page"
    )
    bench = Bench(parser.parse_args())
    for step in STEPS:
        if step in bench.options.only and step not in bench.options.skip:
            measure_step: Callable[[], None] = getattr(bench, step)
            measure_step()
    document = asdict(bench.results)
    (bench.options.out / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    text = tables.markdown(document)
    sys.stdout.write(text)
    if bench.options.write_docs:
        tables.insert(bench.options.write_docs, text)


if __name__ == "__main__":
    main()
