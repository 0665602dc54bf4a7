"""COPY and ADD: what they took along, whether their order breaks the build cache, and ADD where COPY serves."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import basename

from imgscan.amounts import counted, listed
from imgscan.analyzers.analyzer import Evidence, Outcome, on_steps
from imgscan.context_leftovers import leftovers
from imgscan.dependencies import Installation, installation, manifests_among
from imgscan.evidence import Depth, MemberKind, decode, encode
from imgscan.image.image import HistoryStep
from imgscan.instructions import commands
from imgscan.report import AddedBy, Family, Finding, Location, LocationKind, Rule, Severity

CONTEXT = Rule(
    "image-hygiene/context-leftovers",
    "COPY took along what the image does not need",
    Severity.LOW,
    "COPY . . takes the whole build context: the repository with its history, settings of one machine, tests, what the "
    "build installs anew. It makes the image larger, invalidates the build cache with every commit, and is how .env "
    "files and keys get into images.",
    "Write a .dockerignore with these lines, or copy what is needed by name.",
)
CACHE_ORDER = Rule(
    "image-hygiene/cache-breaking-order",
    "A change of any file installs all dependencies anew",
    Severity.LOW,
    "A step is taken from the build cache as long as all before it are. Where the whole source is copied before the "
    "dependencies are installed, a comment in one file makes the build fetch and install everything again, and "
    "everybody who pulls the image gets that layer again.",
    "Copy the files that name the dependencies first, install, and copy the rest after it.",
)
ADD_FILE = Rule(
    "image-hygiene/add-instead-of-copy",
    "ADD where COPY serves",
    Severity.LOW,
    "ADD also unpacks archives and fetches URLs. For plain files it does what COPY does, and something else as soon as "
    "one of them happens to be an archive.",
    "Write COPY; keep ADD for archives that are to be unpacked.",
)
ADD_URL = Rule(
    "image-hygiene/add-url",
    "ADD of a URL",
    Severity.LOW,
    "ADD fetches whatever the server sends and, without --checksum, nothing compares it with anything. An archive is "
    "not unpacked, so it stays in a layer even if a later step unpacks and deletes it.",
    "ADD --checksum=sha256:... URL, or fetch, check, unpack and delete in one RUN, or fetch in a build stage.",
)
_MAX_LINES = 12
# Copies of a build, manifests of a copy, and names of manifests that are looked at.
_MAX_BROAD, _MAX_MANIFESTS, _MAX_ENDINGS = 20, 1_000, 100
_MAX_INSTALLATIONS = 200
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|tzst|tar\.\w{1,4}|gz|bz2|xz|zst)\Z", re.IGNORECASE)
_DIGEST = re.compile(r"(?:file|dir|multi):[0-9a-f]{64}")
_BROAD = frozenset({".", "./", "*", "./*", "/", "..", "${PWD}"})
# What hardly anybody would change a build for, if nothing else is there.
_WEAK = frozenset({"**/*.md", "**/test", "**/tests", "**/__tests__", "**/.dockerignore", "**/*.log"})


@dataclass(frozen=True, slots=True)
class _Copy:
    """What a COPY or ADD names. `broad` is for the whole context or, where digests hide the names, a directory."""

    step: HistoryStep
    layer: int
    sources: tuple[str, ...]
    target: str
    broad: bool


class CopiesAnalyzer:
    """`image-hygiene`: at most one finding for each step, and one for all that should not have come along."""

    families: tuple[Family, ...] = (Family.IMAGE_HYGIENE,)
    rules: tuple[Rule, ...] = (CONTEXT, CACHE_ORDER, ADD_FILE, ADD_URL)
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        copies = [copy for step in evidence.image.steps if (copy := _copy(step, len(evidence.scans))) is not None]
        findings = [*_added(evidence, copies), *_order(evidence, copies), *_context(evidence, copies)]
        findings.sort(key=lambda finding: finding.location.history or 0)
        return on_steps(findings)


def _copy(step: HistoryStep, layers: int) -> _Copy | None:
    if step.instruction.keyword not in ("COPY", "ADD") or step.layer is None or step.layer >= layers:
        return None
    words = _words(step.instruction.arguments)
    if len(words) < 2:
        return None
    *sources, target = words
    if sources and sources[-1] == "in" and _DIGEST.fullmatch(sources[0]):
        sources = sources[:-1]
    broad = any(source in _BROAD or source.startswith("dir:") for source in sources)
    return _Copy(step, step.layer, tuple(sources), target, broad)


def _words(arguments: str) -> list[str]:
    text = re.sub(r"\A(?:--[a-z]+(?:=\S+)?\s+)+", "", arguments.strip())
    if text.startswith("["):
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            words = []
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
    return text.split()


def _added(evidence: Evidence, copies: Sequence[_Copy]) -> Iterator[Finding]:
    for copy in copies:
        if copy.step.instruction.keyword != "ADD":
            continue
        if any("://" in source or source.startswith("git@") for source in copy.sources):
            if "--checksum" not in copy.step.instruction.arguments:
                yield _finding(copy.step, ADD_URL, f"ADD fetches into {copy.target} what nothing checks")
        elif not any(_ARCHIVE.search(source) for source in copy.sources) and not _unpacked(evidence, copy):
            files = _files(evidence, copy.layer)
            yield _finding(
                copy.step, ADD_FILE, f"ADD brings {counted(files, 'file')} that COPY would have brought as well"
            )


def _unpacked(evidence: Evidence, copy: _Copy) -> bool:
    """Whether the classic builder, which keeps no names, unpacked an archive: one file became several entries.

    The lowest layer is taken for a root file system, whatever it has.
    """
    hidden = any(source.startswith("file:") or re.fullmatch(r"[0-9a-f]{64}", source) for source in copy.sources)
    return hidden and (copy.layer == 0 or _files(evidence, copy.layer) != 1)


def _files(evidence: Evidence, layer: int) -> int:
    return evidence.scans[layer].members.kinds.count(MemberKind.FILE)


def _order(evidence: Evidence, copies: Sequence[_Copy]) -> Iterator[Finding]:
    """Installations of what a manifest names, behind a broad COPY that brought the manifest with all the rest."""
    wide = [copy for copy in copies if copy.broad][:_MAX_BROAD]
    installations = [
        (step, found)
        for step in evidence.image.steps
        if wide and step.layer is not None and step.instruction.keyword == "RUN"
        for command in commands(step)
        if (found := installation(command)) is not None
    ]
    installations = installations[:_MAX_INSTALLATIONS]
    endings = tuple(dict.fromkeys(ending for _, found in installations for ending in found.endings))[:_MAX_ENDINGS]
    broad = [_Broad(copy, _files(evidence, copy.layer), _paths(evidence, copy.layer, endings)) for copy in wide]
    told: set[int] = set()
    for step, found in installations:
        guilty = _guilty(broad, step, found)
        if guilty and guilty.copy.step.index not in told:
            told.add(guilty.copy.step.index)
            yield _order_finding(guilty, step, found)


@dataclass(frozen=True, slots=True)
class _Broad:
    """A broad COPY, the number of its files, and the paths among them that may be manifests."""

    copy: _Copy
    files: int
    manifests: tuple[str, ...]


def _guilty(broad: Sequence[_Broad], step: HistoryStep, found: Installation) -> _Broad | None:
    """The first broad COPY before the installation that brought one of its manifests, and more than that."""
    for one in broad:
        if one.copy.step.index < step.index:
            manifests = manifests_among(one.manifests, found)
            if manifests and one.files > len(manifests):
                return one
    return None


def _paths(evidence: Evidence, layer: int, endings: Sequence[str]) -> tuple[str, ...]:
    """Paths of a layer that end so. A search in the buffer of all names for each ending, instead of a look at each."""
    members = evidence.scans[layer].members
    paths: set[str] = set()
    for ending in map(encode, endings):
        at = members.names.find(ending)
        while at >= 0 and len(paths) < _MAX_MANIFESTS:
            index = bisect_right(members.name_ends, at)
            if at + len(ending) == members.name_ends[index] and members.kinds[index] == MemberKind.FILE:
                paths.add(decode(members.path(index)))
            at = members.names.find(ending, at + 1)
    return tuple(sorted(paths))


def _order_finding(guilty: _Broad, step: HistoryStep, found: Installation) -> Finding:
    names = list(dict.fromkeys(basename(path) for path in manifests_among(guilty.manifests, found)))
    message = (
        f"step {guilty.copy.step.index} copies {counted(guilty.files, 'file')} before step {step.index} runs "
        f"{found.told}: a change of any of them installs all anew"
    )
    advice = f"COPY {' '.join(names)} ./ first, then RUN {found.told}, and COPY the rest after it."
    return _finding(guilty.copy.step, CACHE_ORDER, message, advice)


def _context(evidence: Evidence, copies: Sequence[_Copy]) -> Iterator[Finding]:
    lines = leftovers(evidence, ())
    if not copies or not lines or all(line.pattern in _WEAK for line in lines):
        return
    broad = [copy for copy in copies if copy.broad] or copies
    copy = max(broad, key=lambda one: (_files(evidence, one.layer), -one.step.index))
    files = sum(line.files for line in lines)
    names = listed((line.example for line in lines), 4)
    message = f"{counted(files, 'file')} that a .dockerignore would keep out: {names}"
    patterns = [line.pattern for line in lines]
    more = f" (and {len(patterns) - _MAX_LINES} more)" if len(patterns) > _MAX_LINES else ""
    quoted = ", ".join(f"'{pattern}'" for pattern in patterns[:_MAX_LINES])
    advice = f"Write these lines into .dockerignore: {quoted}{more}; or copy what is needed by name."
    yield _finding(copy.step, CONTEXT, message, advice)


def _finding(step: HistoryStep, rule: Rule, message: str, advice: str = "") -> Finding:
    return Finding(
        rule=rule,
        location=Location(LocationKind.HISTORY, history=step.index),
        message=message,
        severity=rule.severity,
        added_by=AddedBy(step.layer, step.index, step.instruction.text),
        remediation=advice or rule.remediation,
    )
