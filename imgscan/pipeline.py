"""Inspect one image: plan, map, reduce, analyze, judge.

    source -> Image -> [scan] x layers -> Overlay -> analyzers -> Verdict -> Report

This is what every command and the library call; it prints nothing and reads no environment.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from secrets import token_bytes
from threading import Lock
from typing import TYPE_CHECKING

from imgscan.analyzers import ANALYZERS
from imgscan.analyzers.analyzer import Analyzer, Evidence
from imgscan.base_image import KnownImage, base_problems, begins_with, find_base
from imgscan.dockerfile_lines import with_dockerfile
from imgscan.errors import Effect, ImageNotFound, ImgscanError, Problem, SourceError, UsageError
from imgscan.evidence import Depth, LayerScan, RuleSource, ScanPlan
from imgscan.image.blob import BlobRef, FileBlob, Readable, RegistryBlob
from imgscan.image.dockerfile_parser import WrittenDockerfile
from imgscan.image.image import Image
from imgscan.judgement import judge
from imgscan.layers.cache import FileIdentity, ScanCache
from imgscan.layers.member_digests import Reopen
from imgscan.layers.plan import make_plan
from imgscan.overlay import Overlay
from imgscan.reduction import missing_layer, stack, unread_layer
from imgscan.report import Policy, Report
from imgscan.secrets.rules.load import load_rules
from imgscan.sources.opening import open_reference
from imgscan.sources.registry.blobs import RegistryBlobs
from imgscan.sources.source import Opened, PlatformRequest, Request

if TYPE_CHECKING:
    from imgscan.layers.scan import LayerScanner

DOWNLOADS = 4
"""Layers that come from a registry at once, on a machine with fewer processors too: each waits for the network."""

ProgressCallback = Callable[[str, int, int | None], None]
"""(what, done, total): bytes; `total` is None where nobody knows."""


class CacheMode(Enum):
    """What a run does with what earlier ones found."""

    USE = "use"
    VERIFY = "verify"
    """Read every layer again, whatever the cache says; what is found is kept."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Options:
    """How to inspect. `cache_directory` None means that nothing is kept."""

    platforms: PlatformRequest = field(default_factory=PlatformRequest)
    depth: Depth = Depth.CONTENT
    policy: Policy = field(default_factory=Policy)
    entropy: bool = False
    rules: tuple[RuleSource, ...] = ()
    """Files of rules beside our own, read (secrets/rules/files.py)."""
    show_secrets: bool = False
    cache: CacheMode = CacheMode.USE
    cache_directory: Path | None = None
    timeout: float | None = None
    """Seconds a source may be silent; None for its own defaults."""
    insecure: bool = False
    """Registries may be asked over plain HTTP, and with any certificate."""
    key: bytes | None = field(default=None, repr=False)
    """Keys the ids of secrets in reports (IMGSCAN_KEY); None draws one for this run."""
    progress: ProgressCallback | None = None
    base: str | None = None
    """The reference of the image that this one was built FROM, where the user knows it."""
    dockerfile: WrittenDockerfile | None = None
    """The Dockerfile that it was built from, read."""

    @property
    def identity_key(self) -> bytes | None:
        """What the ids of secrets are keyed with: the baseline's key, or the user's; None draws one."""
        baseline = self.policy.baseline
        return baseline.key(self.key) if baseline is not None else self.key


def inspect_image(reference: str | os.PathLike[str], options: Options | None = None) -> list[Report]:
    """Everything known of an image: one report for each platform asked for, or each image of an archive.

    A path is an archive's or a layout's, whatever it is called; a text is what the command line takes.
    Raises ImgscanError where no result is possible; what is missing of a result is a problem in it.
    """
    options = options or Options()
    if isinstance(reference, os.PathLike):
        path = Path(reference)
        reference = f"{'oci' if path.is_dir() else 'archive'}:{path}"
    with open_evidence(reference, options) as (evidences, analyzers, revealed):
        reports = [judge(evidence, analyzers, options.policy, revealed, options.identity_key) for evidence in evidences]
    if options.dockerfile is None:
        return reports
    return [
        with_dockerfile(report, options.dockerfile, evidence.image.steps)
        for report, evidence in zip(reports, evidences, strict=True)
    ]


@contextmanager
def open_evidence(
    reference: str, options: Options
) -> Iterator[tuple[list[Evidence], Sequence[Analyzer], Mapping[bytes, str] | None]]:
    """The evidence of an image's layers, for whoever asks it; the analyzers that were planned for."""
    analyzers = chosen_analyzers(options.policy.families)
    run = _Run(options, plan_for(analyzers, options))
    with open_image(reference, options, run) as opened:
        bases = _stated_bases(options)
        evidences = [
            with_base(run.evidence(image, opened), opened, bases, options.dockerfile) for image in opened.images
        ]
    run.finish()
    yield evidences, analyzers, run.revealed


def open_layers(
    reference: str, options: Options, plan: ScanPlan, reader: Callable[[Readable], LayerScan] | None = None
) -> list[Evidence]:
    """The evidence of an image under a plan of the caller's own, for what asks no analyzer.

    `reader` takes the place of the scanner for layers that go by in a stream: it may keep bytes of them. They are then
    read even where the cache knows them.
    """
    run = _Run(options, plan, reader)
    with open_image(reference, options, run) as opened:
        evidences = [with_base(run.evidence(image, opened), opened) for image in opened.images]
    run.finish()
    return evidences


@contextmanager
def open_image(reference: str, options: Options, run: _Run | None = None) -> Iterator[Opened]:
    """An image's metadata, from the source that its reference means."""
    run = run or _Run(options, ScanPlan(depth=Depth.CONFIG))
    request = Request(reference, options.platforms, options.timeout, insecure=options.insecure)
    with open_reference(request, run) as opened:
        yield replace(opened, images=tuple(_asked_for(image, reference, options, opened) for image in opened.images))


def _asked_for(image: Image, reference: str, options: Options, opened: Opened) -> Image:
    """The image, with what asks for it once more: that of a chosen platform, or one of several, is chosen again."""
    words = [shlex.quote(reference)]
    if options.platforms.all or options.platforms.platform is not None:
        words.append(f"--platform {image.config.platform}")
    if sum(other.config.platform == image.config.platform for other in opened.images) > 1:
        words.append(f"--image {shlex.quote(image.config.image_id[:19])}")
    if options.insecure:
        words.append("--insecure")
    return replace(image, asked=" ".join(words))


def _stated_bases(options: Options) -> tuple[KnownImage, ...]:
    """What the user names as base: its images of all the platforms asked for; their layers are not opened."""
    if options.base is None:
        return ()
    try:
        with open_image(options.base, options) as opened:
            return tuple(KnownImage.of(image) for image in opened.images)
    except ImgscanError as error:
        error.message = f"the base image {options.base}: {error.message}"
        error.args = (error.message,)
        raise


def with_base(
    evidence: Evidence,
    opened: Opened,
    stated: Sequence[KnownImage] = (),
    written: WrittenDockerfile | None = None,
) -> Evidence:
    """The evidence of one of the `opened` images, with the image it was built FROM as far as that is known."""
    image = evidence.image
    others = [KnownImage.of(other) for other in opened.images if other is not image and other.tags]
    named = [known for known in stated if begins_with(image, known.diff_ids)] or list(stated)
    chosen = named[0] if named else None
    image = replace(image, problems=(*image.problems, *base_problems(image, chosen)))
    return replace(evidence, image=image, base=find_base(image, (*others, *opened.neighbours), chosen, written))


def chosen_analyzers(families: Sequence[str]) -> tuple[Analyzer, ...]:
    """The analyzers of the wanted families; UsageError for a family that does not exist."""
    known = {str(family) for analyzer in ANALYZERS for family in analyzer.families}
    unknown = sorted(set(families) - known)
    if unknown:
        raise UsageError(f"no such family: {', '.join(unknown)}", tip=f"choose from: {', '.join(sorted(known))}")
    return tuple(a for a in ANALYZERS if not families or any(str(family) in families for family in a.families))


def plan_for(analyzers: Sequence[Analyzer], options: Options) -> ScanPlan:
    """The union of what the analyzers declare, no deeper than asked for."""
    depth = min(options.depth, max((analyzer.depth for analyzer in analyzers), default=Depth.CONFIG))
    extractors = {name for analyzer in analyzers for name in analyzer.extractors}
    secrets = any(analyzer.detectors for analyzer in analyzers)
    return make_plan(depth, extractors, secrets=secrets, entropy=options.entropy, rules=options.rules)


class _Run:
    """One run's map step: the plan, the cache and the scanner, which is made when the first layer needs it."""

    def __init__(self, options: Options, plan: ScanPlan, reader: Callable[[Readable], LayerScan] | None = None) -> None:
        self.plan = plan
        self._reader = reader
        self.revealed: dict[bytes, str] | None = {} if options.show_secrets else None
        self._options = options
        # --show-secrets reads again, and neither reads nor writes the cache.
        off = options.cache is CacheMode.OFF or options.show_secrets or options.cache_directory is None
        # A key of the user's makes ids equal everywhere; the matches under it are kept apart from those under others.
        key = options.identity_key
        own = hmac.digest(key, b"imgscan secrets", hashlib.sha256) if key else None
        self._cache = None if off or options.cache_directory is None else ScanCache(options.cache_directory, own)
        self._matcher_cache = options.cache_directory
        self._key = own or (self._cache.secret_key() if self._cache is not None else token_bytes(32))
        self._scanner: LayerScanner | None = None
        self._scanner_lock = Lock()
        self._lock = Lock()
        self._registries = RegistryBlobs(timeout=options.timeout)
        self._downloaded: dict[BlobRef, LayerScan] = {}  # by all images of one reference: platforms may share layers
        self._unreferenced: dict[BlobRef, LayerScan] = {}  # of no image: scanned once for all of them
        self._done = 0
        self._total: int | None = None

    # -- LayerVisitor: what a source may ask for while it reads

    @property
    def opens_layers(self) -> bool:
        return self.plan.depth > Depth.CONFIG

    def prepare(self) -> None:
        if self.opens_layers:
            # What goes wrong there goes wrong again where the scanner is needed, and is told by whoever needs it.
            maker = ThreadPoolExecutor(1, "imgscan-prepare")
            maker.submit(self._make_scanner)
            maker.shutdown(wait=False)

    def scan(self, stream: Readable, name: str) -> LayerScan | None:
        del name
        if not self.opens_layers:
            return None
        if self._reader is not None:
            return self._reader(stream)
        scan = self._scan(stream)
        if self._cache is not None:
            self._cache.put(scan)
        return scan

    def cached(self, diff_id: str) -> LayerScan | None:
        if self._reader is not None or self._cache is None or self._options.cache is CacheMode.VERIFY:
            return None
        return self._cache.get(diff_id, self.plan.fingerprint)

    def cached_config(self, image_id: str) -> bytes | None:
        if self._cache is None or self._options.cache is CacheMode.VERIFY:
            return None
        return self._cache.config(image_id)

    def keep_config(self, image_id: str, blob: bytes) -> None:
        if self._cache is not None:
            self._cache.put_config(image_id, blob)

    def progress(self, what: str, done: int, total: int | None) -> None:
        if self._options.progress is not None:
            self._options.progress(what, done, total)

    # -- the rest of the map, and the reduce

    def evidence(self, image: Image, opened: Opened) -> Evidence:
        """Scan what was not scanned in passing, check the claims, and stack the layers."""
        told = load_rules(self._options.rules).problems
        image = replace(image, problems=(*opened.problems, *image.problems, *told))
        if not self.opens_layers:
            return Evidence(image, (), Overlay(()), secret_key=self._key, rules=self._options.rules)
        lost = [blob for _, blob in opened.unreferenced]
        known = {**opened.scans, **self._unreferenced, **self._downloaded}
        found = self._scan_all([*(layer.blob for layer in image.layers), *lost], known)
        if len(opened.images) > 1:
            self._downloaded |= {blob: scan for blob, scan in found.items() if isinstance(blob, RegistryBlob)}
        self._unreferenced = {blob: found[blob] for blob in lost}
        unreferenced = tuple((name, found[blob]) for name, blob in opened.unreferenced)
        return stack(image, found, secret_key=self._key, rules=self._options.rules, unreferenced=unreferenced)

    def finish(self) -> None:
        """Leave the cache as it should be, and no connection open."""
        self._registries.close()
        if self._scanner is not None:
            self._scanner.close()
            if self._cache is not None:
                self._cache.prune()

    @property
    def cache_failure(self) -> str:
        """Why nothing could be kept, or ""."""
        return self._cache.failure if self._cache is not None else ""

    def _scan_all(self, wanted: Sequence[BlobRef], known: Mapping[BlobRef, LayerScan]) -> dict[BlobRef, LayerScan]:
        """A scan for each distinct blob, the biggest first, as one big layer may take as long as all others."""
        scans = dict(known)
        blobs = [blob for blob in dict.fromkeys(wanted) if blob not in scans]
        openable = [blob for blob in blobs if isinstance(blob, FileBlob | RegistryBlob)]
        openable.sort(key=lambda blob: -blob.size)
        self._total = sum(max(blob.size, 0) for blob in openable)
        remote = any(isinstance(blob, RegistryBlob) for blob in openable)
        workers = max(cores(), DOWNLOADS) if remote else cores()
        with ThreadPoolExecutor(max(1, min(len(openable), workers)), "imgscan-layer") as pool:
            try:
                scans.update(zip(openable, pool.map(self._scan_blob, openable), strict=True))
            except BaseException:
                self._registries.close()  # else an interrupt waits until what is coming has come
                raise
        for blob in blobs:
            if blob not in scans:
                scans[blob] = missing_layer(blob)
        return scans

    def _scan_blob(self, blob: FileBlob | RegistryBlob) -> LayerScan:
        return self._scan_file(blob) if isinstance(blob, FileBlob) else self._scan_download(blob)

    def _scan_download(self, blob: RegistryBlob) -> LayerScan:
        """Scan a layer while it comes; where it breaks off for good, what came before counts."""
        use_cache = self._cache is not None and self._reader is None
        if use_cache and self._cache is not None and self._options.cache is not CacheMode.VERIFY:
            known = self._cache.find_blob(blob.digest, self.plan.fingerprint)
            if known is not None:
                return known
        try:
            with self._registries.open(blob) as stream:
                scan = self._scan(stream) if self._reader is None else self._reader(stream)
        except ImageNotFound as error:
            return unread_layer(Problem("missing-blob", error.message, Effect.INCOMPLETE))
        except SourceError as error:
            return unread_layer(Problem("unreadable-blob", error.message, Effect.INCOMPLETE))
        if stream.failure is not None:
            lost = Problem("interrupted-blob", f"the layer broke off: {stream.failure.message}", Effect.INCOMPLETE)
            return replace(scan, problems=(*scan.problems, lost))
        if use_cache and self._cache is not None:
            self._cache.put(scan)
            self._cache.put_blob(scan)
        return scan

    def _scan_file(self, blob: FileBlob) -> LayerScan:
        try:
            identity = FileIdentity.of(blob)
            known = self._known(identity)
            if known is not None:
                return known
            with blob.open() as stream:
                scan = self._scan(stream, blob.open)
            if self._cache is not None and FileIdentity.of(blob).parts == identity.parts:
                self._cache.put(scan)
                self._cache.put_blob(scan)
                self._cache.put_identity(identity, scan)
        except OSError as error:
            message = f"the layer cannot be read: {error.strerror or error}"
            return unread_layer(Problem("unreadable-blob", message, Effect.INCOMPLETE))
        return scan

    def _known(self, identity: FileIdentity) -> LayerScan | None:
        if self._cache is None or self._options.cache is CacheMode.VERIFY:
            return None
        return self._cache.find(identity, self.plan.fingerprint)

    def _scan(self, stream: Readable, reopen: Reopen | None = None) -> LayerScan:
        scanner = self._make_scanner()
        return scanner.scan(stream, reopen=reopen, progress=self._advance)

    def _make_scanner(self) -> LayerScanner:
        """The scanner, made once: by whoever needs it first."""
        with self._scanner_lock:
            if self._scanner is None:
                from imgscan.layers.scan import LayerScanner  # noqa: PLC0415  # loads Hyperscan and detect-secrets

                self._scanner = LayerScanner.for_plan(
                    self.plan,
                    secret_key=self._key,
                    matcher_cache=self._matcher_cache,
                    revealed=self.revealed,
                )
            return self._scanner

    def _advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            done, total = self._done, self._total
        self.progress("scanning", done, max(total, done) if total else None)


def cores() -> int:
    """Processors that this process may use: each layer at work holds some 40 MB of blocks."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
