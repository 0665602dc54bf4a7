"""The reduce step of an audit: an image's scans out of the state, stacked and judged, in a process of its own.

Nothing is fetched, and the coordinator's memory is not needed: workers read the state, and give rows back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from imgscan.analyzers.analyzer import Analyzer
from imgscan.audit.listing import DONE, chains
from imgscan.audit.state import State
from imgscan.audit.tasks import unpack_scan
from imgscan.base_image import KnownImage
from imgscan.errors import Effect, ImgscanError, Problem
from imgscan.evidence import LayerScan, RuleSource
from imgscan.image.blob import BlobRef, MissingBlob, StreamedBlob
from imgscan.image.image import Image, SourceKind
from imgscan.image.oci import ATTESTATION_OF, ATTESTATION_TYPE, OCI_MANIFEST, parse_config
from imgscan.judgement import judge
from imgscan.pipeline import chosen_analyzers, with_base
from imgscan.reduction import missing_layer, stack
from imgscan.renderers.escapes import escape
from imgscan.report import Finding, Policy, Report, Rule, SecretSighting, Severity
from imgscan.secrets.rules.load import load_rules
from imgscan.sources.assembly import Assembly
from imgscan.sources.index_images import add_index_images
from imgscan.sources.source import Opened, PlatformRequest

_KEPT_MEMBERS = 1_000_000
"""Members of the scans that a worker keeps for the next image, which has the same base: 110 MB of them."""
_NO_SAY = frozenset({"cli", "configuration", "renderers", "runtime"})
"""Parts that have no say in what is made of an image's scans."""
_OWNERS = frozenset({"authors", "contact", "maintainer", "maintainers", "owner", "owners", "team", "vendor"})
"""Last parts of the names of labels that say whose an image is: `org.opencontainers.image.authors`, `maintainer`."""

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class JudgeOrders:
    """What the judging of all images has in common."""

    state: Path
    registry: str
    plan: str
    """Fingerprint of the scan plan."""
    secret_key: bytes = field(repr=False)
    id_key: bytes = field(repr=False)
    policy: Policy
    rules: tuple[RuleSource, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Differs whenever the same scans may be judged differently."""
        policy = replace(self.policy, fail_on=Severity.NONE, fail_on_families=(), fail_on_inherited=None, today=None)
        expired = [ignore.expired(self.policy.today) for ignore in self.policy.ignores]
        parts = (judging_code(), self.plan, repr(policy), repr(expired))
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class JudgedFinding:
    """One open finding as rows of the state: the columns of `findings`, and its rule's and secret's."""

    finding: Row
    rule: Row
    secret: Row | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging one image gave: rows for the state, every string redacted and fit for any encoder."""

    image: int
    posture: Row
    findings: tuple[JudgedFinding, ...]
    problems: tuple[Row, ...]


POSTURE = (
    "size", "runs_as_root", "user", "secrets", "secrets_deleted", "build_tools", "build_tool_bytes", "dead_bytes",
    "healthcheck", "owner_label", "suppressed", "complete",
)  # fmt: skip
"""Columns of `images` that judging fills, in the order of `Judged.posture`."""
FINDING = (
    "identity", "rule", "severity", "confidence", "origin", "message", "fingerprint", "kind", "layer", "path",
    "inner_path", "line", "offset", "history", "pointer", "name", "state", "ended_by", "added_by", "secret",
    "remediation",
)  # fmt: skip
"""Columns of `findings`, in the order of `JudgedFinding.finding`."""


class JudgeBench:
    """What a worker keeps between two images: its reader of the state, and scans that the next image may share."""

    def __init__(self, orders: JudgeOrders) -> None:
        self.judging = orders
        self._scans: OrderedDict[str, LayerScan] = OrderedDict()

    @cached_property
    def state(self) -> State:
        return State.read(self.judging.state, self.judging.id_key)

    @cached_property
    def analyzers(self) -> tuple[Analyzer, ...]:
        return chosen_analyzers(self.judging.policy.families)

    def close(self) -> None:
        """Close the reader: a state with readers keeps its log beside it."""
        if "state" in self.__dict__:
            self.state.close()

    def scan(self, layer: int, digest: str) -> LayerScan | Problem:
        """The scan of a layer, or why there is none."""
        known = self._scans.get(digest)
        if known is not None:
            self._scans.move_to_end(digest)
            return known
        row = self.state.maybe(
            "SELECT state, message, data FROM scans LEFT JOIN scan_data ON scan = id WHERE layer = ? AND plan = ?",
            (layer, self.judging.plan),
        )
        if row is None or row[0] != DONE or row[2] is None:
            return Problem("missing-blob", row[1] if row is not None else "it was not fetched", Effect.INCOMPLETE)
        try:
            scan = unpack_scan(self.state.seal(row[2], f"{digest} {self.judging.plan}"))
        except ValueError as error:
            return Problem("missing-blob", f"its scan in the state is damaged: {error}", Effect.INCOMPLETE)
        self._scans[digest] = scan
        while len(self._scans) > 1 and sum(len(kept.members) for kept in self._scans.values()) > _KEPT_MEMBERS:
            self._scans.popitem(last=False)
        return scan


class _StoredEntries:
    """The state's documents as the files of a layout (sources/entries.py)."""

    def __init__(self, state: State, blobs: dict[str, BlobRef]) -> None:
        self._state = state
        self._blobs = blobs

    def names(self) -> Collection[str]:
        return self._blobs.keys()

    def document(self, name: str) -> bytes | None:
        return self._state.document(name.removeprefix("blobs/").replace("/", ":", 1))

    def blob(self, name: str) -> BlobRef | None:
        return self._blobs.get(name.removeprefix("blobs/").replace("/", ":", 1))


def judge_image(bench: JudgeBench, number: int) -> Judged:
    """Judge the image with that id in the state. Never raises for what an image may contain."""
    state, orders = bench.state, bench.judging
    (digest,) = state.one("SELECT digest FROM images WHERE id = ?", (number,))
    layers = state.all(
        'SELECT layers.id, digest, size, "foreign" FROM image_layers JOIN layers ON layers.id = layer'
        " WHERE image = ? ORDER BY position",
        (number,),
    )
    blobs: dict[str, BlobRef] = {}
    found: dict[BlobRef, LayerScan] = {}
    for layer, name, size, foreign in layers:
        scan = bench.scan(layer, name)
        if isinstance(scan, Problem):
            blobs[name] = MissingBlob(name, scan.message, bool(foreign))
            found[blobs[name]] = missing_layer(blobs[name])
        else:
            blobs[name] = StreamedBlob(name, size)
            found[blobs[name]] = scan
    try:
        image = _image(state, orders.registry, number, digest, blobs)
    except ImgscanError as error:
        return unjudged(number, "bad-manifest", error.message)
    told = load_rules(orders.rules).problems
    image = replace(image, problems=(*image.problems, *told))
    evidence = stack(image, found, secret_key=orders.secret_key, rules=orders.rules)
    bases = tuple(_bases(state, orders.registry, [name for _, name, *_ in layers]))
    evidence = with_base(evidence, Opened(images=(evidence.image,), neighbours=bases))
    report = judge(evidence, bench.analyzers, orders.policy, None, orders.id_key)
    return _rows(number, report, [layer for layer, *_ in layers], _owner_label(image))


def _image(state: State, registry: str, number: int, digest: str, blobs: dict[str, BlobRef]) -> Image:
    """The image out of its documents: an index with it and its attestations, read as a layout's is."""
    attestations = [name for (name,) in state.each("SELECT digest FROM attestations WHERE image = ?", (number,))]
    notes = {ATTESTATION_TYPE: "attestation-manifest", ATTESTATION_OF: digest}
    manifests: list[dict[str, Any]] = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": -1}]
    manifests += [{"mediaType": OCI_MANIFEST, "digest": name, "annotations": notes} for name in sorted(attestations)]
    index = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    assembly = Assembly(_StoredEntries(state, blobs), f"{registry}@{digest}", SourceKind.REGISTRY)
    add_index_images(assembly, index, PlatformRequest(all=True), None, None)
    (image,) = assembly.images
    return replace(image, problems=(*assembly.problems, *image.problems))


def _bases(state: State, registry: str, layers: Sequence[str]) -> Iterator[KnownImage]:
    """Images of the registry whose layers this one begins with: it may be built from one of them."""
    for name in chains(layers)[:-1]:
        row = state.maybe(
            "SELECT image_id, repositories.name, tags.name FROM images JOIN target_images ON image = images.id"
            " JOIN tags ON tags.target = target_images.target JOIN repositories ON repositories.id = repository"
            " WHERE chain = ? ORDER BY 2, 3 LIMIT 1",
            (name,),
        )
        document = state.document(row[0]) if row is not None else None
        if row is not None and document is not None:
            config = parse_config(document, row[0])[0]
            yield KnownImage.of_config(f"{registry}/{row[1]}:{row[2]}", config.diff_ids, config)


def _owner_label(image: Image) -> str | None:
    """The name of the label that says whose the image is, where its value says anything."""
    named = sorted(name for name, value in image.config.labels if value.strip())
    return next((name for name in named if name.lower().replace("-", ".").rpartition(".")[2] in _OWNERS), None)


def unjudged(number: int, code: str, message: str) -> Judged:
    """An image of which nothing can be said but why."""
    posture = (0, False, "", 0, 0, 0, 0, 0, False, None, 0, False)
    return Judged(number, posture, (), ((code, str(Effect.INCOMPLETE), escape(message), None, None),))


def _rows(number: int, report: Report, layers: Sequence[int], owner: str | None) -> Judged:
    summary = report.summary
    complete = report.complete and report.coverage.complete
    posture = (
        *(report.image.size, summary.runs_as_root, escape(summary.user), summary.secrets, summary.secrets_deleted),
        *(summary.build_tools, summary.build_tool_bytes, summary.dead_bytes, summary.healthcheck),
        *(None if owner is None else escape(owner), sum(report.verdict.suppressed_counts.values()), complete),
    )
    problems = tuple(
        (problem.code, str(problem.effect), escape(problem.message), _optional(problem.path), problem.layer)
        for problem in report.problems
    )
    return Judged(number, posture, tuple(_finding(finding, layers) for finding in report.verdict.open), problems)


def _finding(finding: Finding, layers: Sequence[int]) -> JudgedFinding:
    place, fate, added, secret = finding.location, finding.fate, finding.added_by, finding.secret
    layer = layers[place.layer] if place.layer is not None and place.layer < len(layers) else None
    columns: Row = (
        *(finding.rule.id, str(finding.severity), str(finding.confidence), str(finding.origin)),
        *(escape(finding.message), finding.fingerprint, str(place.kind), layer, _optional(place.path)),
        *(_optional(place.inner_path), place.line, place.offset, place.history, _optional(place.pointer)),
        *(_optional(place.name), str(fate.state) if fate is not None else None),
        *(_optional(fate.instruction) if fate is not None else None,),
        *(_optional(added.instruction) if added is not None else None,),
        *(secret.id if secret is not None else None, finding.remediation or finding.rule.remediation),
    )
    identity = hashlib.sha256(json.dumps(columns).encode()).hexdigest()[:32]
    return JudgedFinding((identity, *columns), _rule(finding.rule), _secret(secret) if secret is not None else None)


def _secret(secret: SecretSighting) -> Row:
    return (secret.id, secret.kind, _optional(secret.name), escape(secret.redacted), str(secret.validation))


def _rule(rule: Rule) -> Row:
    return (rule.id, rule.title, str(rule.severity), rule.explanation, rule.remediation)


def _optional(text: str | None) -> str | None:
    return None if text is None else escape(text)


@lru_cache(maxsize=1)
def judging_code() -> str:
    """Digest of the source of everything that has a say in what is made of scans; 10 ms."""
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and path.relative_to(root).parts[0] not in _NO_SAY:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def secret_key(id_key: bytes) -> bytes:
    """The key that matches are made under; the same as the pipeline's for IMGSCAN_KEY, so that ids are the same too."""
    return hmac.digest(id_key, b"imgscan secrets", hashlib.sha256)
