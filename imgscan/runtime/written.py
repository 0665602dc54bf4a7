"""What a container wrote since it was made: the engine's list of changes, and a scan of the files behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from imgscan.analyzers.analyzer import Evidence
from imgscan.analyzers.file_secret import FileSecretAnalyzer
from imgscan.errors import ContainerNotFound, Effect, Problem
from imgscan.evidence import Depth, LayerScan, MemberKind
from imgscan.image.blob import StreamedBlob
from imgscan.image.image import Image, ImageConfig, Layer, Platform, SourceKind
from imgscan.image.oci import clean
from imgscan.layers.plan import make_plan
from imgscan.overlay import Overlay
from imgscan.pipeline import Options
from imgscan.report.container import Change, ChangeKind
from imgscan.runtime import rules
from imgscan.runtime.engine import ContainerEngine
from imgscan.runtime.fields import Fields
from imgscan.runtime.files import BlockStream, ReadFile, Wanted, as_layer
from imgscan.runtime.secrets import FoundSecrets, as_container_finding
from imgscan.runtime.settings import Described

_PLATFORM = Platform("linux", "unknown")
MAX_CHANGES = 100_000
MAX_REQUESTS = 2_000
"""Files and directories that are asked for; each takes dockerd 20.10 some 65 ms, one after the other."""
_TOGETHER = 12
"""Changed files from which on their directory is asked for as a whole, and what else is in it passed over."""
MAX_BYTES = 1 << 30
_KINDS = {0: ChangeKind.MODIFIED, 1: ChangeKind.ADDED, 2: ChangeKind.DELETED}
_PROGRAM = re.compile(r"(?:.*/)?[^/]+\.so(?:\.[0-9.]+)?", re.DOTALL)
_ALWAYS_THERE = frozenset(
    {"etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", ".dockerenv", "run/.containerenv"}
)
"""What engines put into every container."""


@dataclass(frozen=True, slots=True)
class Written:
    """Changes in path order, and what was found in them."""

    changes: tuple[Change, ...] = ()
    secrets: FoundSecrets = field(default_factory=FoundSecrets)
    scan: LayerScan | None = None
    problems: tuple[Problem, ...] = ()


def written_since_start(
    engine: ContainerEngine, described: Described, options: Options, key: bytes, revealed: dict[bytes, str] | None
) -> Written:
    """Ask what changed, and scan it as a layer. A path that vanishes on the way is left to what is left of it."""
    if options.depth is Depth.CONFIG:
        return Written()
    changes, problems = parse_changes(engine.changes(described.id))
    mounts = _mounted(described)
    changes = [change for change in changes if not _within(change.path, mounts)]
    if options.depth is not Depth.CONTENT or not changes:
        return Written(tuple(changes), problems=tuple(problems))
    wanted = requests(trees(changes, mounts), mounts)
    if len(wanted) > MAX_REQUESTS:
        message = f"{len(wanted):,} changed files and directories; the first {MAX_REQUESTS:,} were read"
        problems.append(Problem("too-many-changes", message, Effect.INCOMPLETE))
    read: dict[str, ReadFile] = {}
    total = 0

    def seen(file: ReadFile) -> None:
        nonlocal total
        read[file.path] = file
        total += file.size
        if options.progress is not None:
            options.progress("reading changes", total, None)

    added = frozenset(change.path for change in changes if change.kind is ChangeKind.ADDED)
    archives = _archives(engine, described.id, wanted[:MAX_REQUESTS], added, problems)
    scan = _scan(as_layer(archives, seen, problems, MAX_BYTES), options, key, revealed)
    if total > MAX_BYTES:
        message = f"more than {MAX_BYTES:,} bytes were written; what came after those was not read"
        problems.append(Problem("too-much-written", message, Effect.INCOMPLETE))
    cut = sorted(path for path, file in read.items() if file.truncated)
    problems += [
        Problem("truncated-file", "the engine broke off handing out this file", Effect.INCOMPLETE, path) for path in cut
    ]
    problems += [replace(problem, layer=None) for problem in scan.problems]
    changes = [_completed(change, read) for change in changes]
    return Written(tuple(changes), _secrets(scan, described, options, key), scan, tuple(problems))


def parse_changes(answer: Sequence[object]) -> tuple[list[Change], list[Problem]]:
    """The engine's list, in path order; entries that are none are left out."""
    problems = []
    if len(answer) > MAX_CHANGES:
        message = f"{len(answer):,} changed paths; the first {MAX_CHANGES:,} were looked at"
        problems.append(Problem("too-many-changes", message, Effect.INCOMPLETE))
    found: dict[str, Change] = {}
    for item in answer[:MAX_CHANGES]:
        each = Fields(item)
        path, kind = clean(each.text("Path")).strip("/"), _KINDS.get(each.number("Kind"))
        if path and kind is not None and path not in _ALWAYS_THERE:
            found[path] = Change(path, kind)
    return [found[path] for path in sorted(found)], problems


def is_program(change: Change) -> bool:
    """Whether a changed path is a program or a library that programs load."""
    return change.sha256 is not None and (change.executable or _PROGRAM.fullmatch(change.path) is not None)


def _mounted(described: Described) -> frozenset[str]:
    """Places that are not of the container's own layer: asking for them would give the volume's files."""
    places = [mount.destination for mount in described.settings.mounts]
    places += [path for path, _ in described.settings.tmpfs]
    return frozenset(place.strip("/") for place in places if place.strip("/"))


def _within(path: str, places: frozenset[str]) -> bool:
    return path in places or any(path[:at] in places for at, character in enumerate(path) if character == "/")


def trees(changes: Sequence[Change], mounts: frozenset[str]) -> list[str]:
    """What to ask for: each added tree once, each modified path that has no change below it."""
    above_mounts = {place[:at] for place in mounts for at, character in enumerate(place) if character == "/"}
    above_changes = {
        change.path[:at] for change in changes for at, character in enumerate(change.path) if character == "/"
    }
    wanted: list[str] = []
    last = None
    for change in changes:
        if change.kind is ChangeKind.DELETED or (last is not None and change.path.startswith(last)):
            continue
        if change.kind is ChangeKind.ADDED and change.path not in above_mounts:
            wanted.append(change.path)
            last = f"{change.path}/"
        elif change.path not in above_changes and change.path not in above_mounts:
            wanted.append(change.path)
    return wanted


def requests(paths: Sequence[str], mounts: frozenset[str]) -> list[Wanted]:
    """What to ask an engine for: each path, or one directory for many changed files directly in it.

    Not a directory with a mount below, whose files would come along, and not the root.
    """
    above_mounts = {place[:at] for place in mounts for at, character in enumerate(place) if character == "/"}
    beside: dict[str, list[str]] = {}
    for path in paths:
        beside.setdefault(path.rpartition("/")[0], []).append(path)
    found: list[Wanted] = []
    for directory, each in beside.items():
        together = len(each) > _TOGETHER and directory and directory not in above_mounts
        found += [Wanted(directory, frozenset(each))] if together else [Wanted(path) for path in each]
    return found


def _archives(
    engine: ContainerEngine, container_id: str, wanted: Sequence[Wanted], added: frozenset[str], problems: list[Problem]
) -> Iterator[tuple[Wanted, Iterator[bytes]]]:
    """What the engine hands out, in order; nothing of a directory that was there before."""
    for each in wanted:
        path = f"/{each.path}"
        try:
            if not each.only and each.path not in added:
                stat = engine.stat(container_id, path)
                if stat is None or stat.is_directory:
                    continue
            yield each, _quiet(engine.archive(container_id, path))
        except ContainerNotFound:  # deleted since the list was made; the container itself is asked again
            engine.container(container_id)
            problems.append(Problem("vanished-file", "it was deleted while it was to be read", path=each.path))


def _quiet(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """A file that is deleted while it is being sent ends there."""
    try:
        yield from blocks
    except ContainerNotFound:
        return


def _scan(blocks: Iterator[bytes], options: Options, key: bytes, revealed: dict[bytes, str] | None) -> LayerScan:
    from imgscan.layers.scan import LayerScanner  # noqa: PLC0415  # loads Hyperscan and detect-secrets

    plan = make_plan(Depth.CONTENT, (), secrets=True, entropy=options.entropy, rules=options.rules)
    scanner = LayerScanner.for_plan(plan, secret_key=key, matcher_cache=options.cache_directory, revealed=revealed)
    try:
        return scanner.scan(BlockStream(blocks))
    finally:
        scanner.close()


def _secrets(scan: LayerScan, described: Described, options: Options, key: bytes) -> FoundSecrets:
    """What analyzers of images find in it, told as a container's."""
    config = ImageConfig(described.image_id, _PLATFORM)
    blob = StreamedBlob("writable layer", scan.size)
    image = Image(described.name, SourceKind.DOCKER, config, (Layer(0, scan.diff_id, blob),), ())
    evidence = Evidence(image, (scan,), Overlay([scan]), secret_key=key, rules=options.rules, policy=options.policy)
    outcome = FileSecretAnalyzer().analyze(evidence)
    return FoundSecrets(
        tuple(as_container_finding(finding, rules.WRITTEN_SECRET) for finding in outcome.findings),
        tuple(
            replace(each, finding=as_container_finding(each.finding, rules.WRITTEN_SECRET))
            for each in outcome.suppressed
        ),
    )


def _completed(change: Change, read: dict[str, ReadFile]) -> Change:
    file = read.get(change.path)
    if file is None:
        return change
    size = file.size if file.kind is MemberKind.FILE else None
    return replace(change, size=size, mode=file.mode & 0o7777, uid=file.uid, sha256=file.sha256)
