"""The map step of an audit: what a worker is given, what it gives back, and what it keeps between two layers.

A worker is a thread or process of this machine or of another one. It is given names and digests, never a credential:
it reads its own docker config and environment.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from imgscan.audit.pace import Pace
from imgscan.audit.unread import code_of
from imgscan.errors import SourceError
from imgscan.evidence import LayerScan, ScanPlan
from imgscan.layers.cache import decode_scan, encode_scan
from imgscan.layers.plan import code_identity
from imgscan.sources.registry.access import Access
from imgscan.sources.registry.client import RegistryClient

if TYPE_CHECKING:
    from imgscan.layers.scan import LayerScanner

_FASTEST = 1  # zlib's: names of files pack to a tenth of their size, at 100 MB/s and more


@dataclass(frozen=True, slots=True)
class Orders:
    """What all tasks of a run have in common; a worker is given it once."""

    registry: str
    plan: ScanPlan
    secret_key: bytes = field(repr=False)
    """Keys the HMAC by which equal secrets are known, wherever they are found."""
    access: Access = field(default_factory=Access)
    rate: float | None = None
    """Requests a second that this one worker may make."""
    matcher_cache: Path | None = None


@dataclass(frozen=True, slots=True)
class LayerTask:
    """A layer to open once; `repositories` are some that have it. `size` in compressed bytes as claimed, or -1."""

    layer: int
    digest: str
    size: int
    repositories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LayerOutcome:
    """What became of a task: `data` is the scan, packed, and empty where `code` and `message` say why there is none."""

    layer: int
    data: bytes = field(default=b"", repr=False)
    diff_id: str = ""
    size: int = 0
    """Uncompressed bytes."""
    members: int = 0
    fetched: int = 0
    """Compressed bytes that were read."""
    code: str = ""
    message: str = ""


class Workbench:
    """What a worker keeps between two tasks: the scanner and the connections, made when the first layer needs them."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self._lock = Lock()
        self._scanner: LayerScanner | None = None
        self._client: RegistryClient | None = None
        self._pace = Pace(orders.rate)

    def scanner(self) -> LayerScanner:
        """Many threads may have it at once."""
        with self._lock:
            if self._scanner is None:
                from imgscan.layers.scan import LayerScanner  # noqa: PLC0415  # loads Hyperscan and detect-secrets

                orders = self.orders
                self._scanner = LayerScanner.for_plan(
                    orders.plan, secret_key=orders.secret_key, matcher_cache=orders.matcher_cache
                )
                # The machine's cores have layers of their own: none matches in a process apart.
                self._scanner.close()
            return self._scanner

    def close(self) -> None:
        """End the connections."""
        if self._client is not None:
            self._client.close()

    def client(self) -> RegistryClient:
        with self._lock:
            if self._client is None:
                orders = self.orders
                self._client = RegistryClient(orders.registry, orders.access, before_request=self._pace.wait)
            return self._client


def scan_layer(bench: Workbench, task: LayerTask) -> LayerOutcome:
    """Fetch and scan a layer, from the first repository that gives it. A failure is an outcome, not an exception."""
    mine = code_identity()
    if bench.orders.plan.code != mine:
        message = f"this worker runs another imgscan ({mine}, not {bench.orders.plan.code})"
        return LayerOutcome(task.layer, code="other-version", message=message)
    failure: LayerOutcome | None = None
    for repository in task.repositories:
        try:
            outcome = _scanned(bench, task, repository)
        except SourceError as error:
            outcome = LayerOutcome(task.layer, code=code_of(error), message=error.message)
        except MemoryError:
            outcome = LayerOutcome(task.layer, code="memory", message="the worker has not enough memory for it")
        if not outcome.code:
            return outcome
        failure = failure or outcome
    return failure or LayerOutcome(task.layer, code="not-found", message="no repository has it any more")


def _scanned(bench: Workbench, task: LayerTask, repository: str) -> LayerOutcome:
    with bench.client().blob(repository, task.digest, task.size) as stream:
        scan = bench.scanner().scan(stream)
        if stream.failure is not None:
            code, message = code_of(stream.failure), stream.failure.message
            return LayerOutcome(task.layer, fetched=stream.done, code=code, message=message)
        fetched = stream.done
    if task.digest.startswith("sha256:") and scan.digest != task.digest:
        message = f"what came is not what its digest says: {scan.digest} was read"
        return LayerOutcome(task.layer, fetched=fetched, code="wrong-bytes", message=message)
    return LayerOutcome(task.layer, pack_scan(scan), scan.diff_id, scan.size, len(scan.members), fetched)


def pack_scan(scan: LayerScan) -> bytes:
    """A scan for the state: the cache's form (layers/cache.py), compressed."""
    return zlib.compress(encode_scan(scan), _FASTEST)


def unpack_scan(data: bytes) -> LayerScan:
    """The inverse of `pack_scan`; ValueError for anything else."""
    try:
        return decode_scan(zlib.decompress(data))
    except zlib.error as error:
        raise ValueError(f"a damaged scan: {error}") from None
