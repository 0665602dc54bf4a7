"""What contradicts itself in an image, or hides: judged by what reading and stacking its layers told."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.analyzers.layer_anomaly_rules import (
    ABSURD_SIZE,
    BY_FILE,
    BY_IMAGE,
    BY_LAYER,
    DEVICE,
    DUPLICATE,
    HIDDEN_DATA,
    NAME,
    PACKAGE_FILE,
    RULES,
    UNREFERENCED,
)
from imgscan.analyzers.package_files import EXTRACTORS, changed_files
from imgscan.errors import Problem, count_of
from imgscan.evidence import Confidence, Depth, MemberKind, MemberTable, decode
from imgscan.image.image import SourceKind
from imgscan.overlay import FateKind, FileVersion
from imgscan.report import Family, Finding, Location, LocationKind, Rule, Severity

_STARGZ = "containerd.io/snapshot/stargz/toc.digest"
_NOT_ALL_READ = frozenset({"missing-blob", "foreign-layer", "truncated-layer", "truncated-stream", "unreadable-blob"})
_MAX_FILES = 100
"""Files of one rule that are told one by one."""
_RATIO, _LEAST = 200, 100 << 20
"""Bytes per stored byte, and bytes, from which on a layer is absurd. DEFLATE makes zeros 1,030 times smaller."""
_LINE_BREAK = 2
"""Bytes of a whiteout that a careless tool may have written (`echo > .wh.NAME`)."""
_CONTROLS = re.compile(rb"[\x01-\x1f\x7f]")
_USUAL = bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_HINTS = (b"...", b"/ ", b".. ", b"\xe2\x80", b"\xe2\x81")
"""What odd names have in them but for control characters; the last two begin signs of direction."""
_BLANK = re.compile(r"(?:\.{3,}| +|\.{1,2} +)")
_REORDERING = re.compile("[\x01-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_MARKERS = re.compile(bytes((91, MemberKind.WHITEOUT, MemberKind.OPAQUE_WHITEOUT, MemberKind.ANOMALY, 93)))
_DEVICES = re.compile(bytes((91, MemberKind.CHARACTER_DEVICE, MemberKind.BLOCK_DEVICE, 93)))
_IN_DEV = re.compile(r"(?:.*/)?dev/", re.DOTALL)


class LayerAnomalyAnalyzer:
    """`layer-anomaly`: every layer, deleted content too. The problems of reading stay problems beside it."""

    families: tuple[Family, ...] = (Family.LAYER_ANOMALY,)
    rules: tuple[Rule, ...] = RULES
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = EXTRACTORS

    def analyze(self, evidence: Evidence) -> Outcome:
        findings: list[Finding] = [*_of_image(evidence)]
        if evidence.scans:
            findings += _of_layers(evidence)
            findings += _unreferenced(evidence)
            findings += _absurd_sizes(evidence)
            findings += _hidden_in_markers(evidence)
            for found in (_of_files(evidence), _odd_names(evidence), _devices(evidence), _changed(evidence)):
                findings += _capped(list(found))
        return Outcome(tuple(_numbered(findings)))


def _of_image(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each rule, however many layers and claims it concerns: the problems name them all."""
    kinds: dict[Rule, list[Problem]] = {}
    for problem in evidence.image.problems:
        if problem.code == "history-mismatch" and not evidence.image.config.history:
            continue  # the specification lets a config have none
        if problem.code in BY_IMAGE:
            kinds.setdefault(BY_IMAGE[problem.code], []).append(problem)
    for rule, problems in kinds.items():
        more = f"; {len(problems) - 1:,} more of these" if len(problems) > 1 else ""
        place = Location(LocationKind.IMAGE, name=problems[0].code)
        yield _finding(rule, place, f"{problems[0].message}{more}", rule.severity)


def _of_layers(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each code of a layer."""
    kinds: dict[tuple[int, str], list[Problem]] = {}
    for problem in evidence.image.problems:
        if problem.code in BY_LAYER and problem.layer is not None:
            kinds.setdefault((problem.layer, problem.code), []).append(problem)
    incomplete = any(problem.code in _NOT_ALL_READ for problem in evidence.image.problems)
    windows = evidence.image.config.platform.os == "windows"
    for (layer, code), problems in sorted(kinds.items()):
        if code == "dangling-hard-link" and (incomplete or windows):
            continue  # what it links to is in a layer that is not here
        descriptor = evidence.image.layers[layer].descriptor
        if code == "data-after-end" and descriptor and _STARGZ in dict(descriptor.annotations):
            continue
        count = sum(map(count_of, problems))
        paths = [_quoted(problem.path) for problem in problems if problem.path is not None]
        message = f"layer {layer}: {problems[0].message}"
        if paths:
            shown = ", ".join(paths[:3])
            message += f": {shown}" if count <= len(paths[:3]) else f", {count:,} times: {shown}, ..."
        elif count > 1:
            message += f"; {count - 1:,} more of these"
        rule = BY_LAYER[code]
        yield _of_layer(evidence, rule, layer, message)


def _of_layer(evidence: Evidence, rule: Rule, layer: int, message: str) -> Finding:
    found = _finding(rule, evidence.place_of(layer), message, rule.severity)
    return replace(found, added_by=evidence.added_by(layer))


def _of_files(evidence: Evidence) -> Iterator[Finding]:
    """One finding for each path; a path of which the version is not found again is told of its layer."""
    raw = {
        (layer, decode(name)): index
        for layer, scan in enumerate(evidence.scans)
        for index, name in scan.members.raw_names.items()
    }
    seen = set()
    for problem in evidence.image.problems:
        layer, path = problem.layer, problem.path
        if problem.code not in BY_FILE or layer is None:
            continue
        rule = BY_FILE[problem.code]
        if path is not None and (rule, layer, path) in seen:
            continue  # twice there, and a directory as well
        seen.add((rule, layer, path))
        message = f"{problem.message}: {_quoted(path)}" if path is not None else problem.message
        versions = [] if path is None else [each for each in evidence.overlay.versions(path) if each.layer == layer]
        if path is not None and (layer, path) in raw:
            version = evidence.overlay.version_of(layer, raw[layer, path])
            versions = [] if version.member.kind >= MemberKind.WHITEOUT else [version]
        hidden = [each for each in versions if _is_hidden(each)] if rule is DUPLICATE else []
        if not versions:
            yield _of_layer(evidence, rule, layer, f"layer {layer}: {message}")
        elif hidden:
            message += f"; {hidden[0].member.size:,} bytes of an earlier entry are hidden by the last one"
            yield _of_version(evidence, rule, hidden[0], message, Severity.HIGH)
        else:
            yield _of_version(evidence, rule, versions[-1], message, rule.severity)


def _is_hidden(version: FileVersion) -> bool:
    """Whether the bytes of a file were never to be seen: its own layer replaced them by others."""
    fate = version.fate
    replaced = fate.kind is FateKind.OVERWRITTEN and fate.by_layer == version.layer
    return replaced and version.member.kind is MemberKind.FILE and version.member.size > 0


def _unreferenced(evidence: Evidence) -> Iterator[Finding]:
    lost = evidence.unreferenced
    if not lost:
        return
    files = sum(sum(kind == MemberKind.FILE for kind in scan.members.kinds) for _, scan in lost)
    stored = sum(scan.stored_size for _, scan in lost)
    names = ", ".join(_quoted(name) for name, _ in lost[:3]) + (", ..." if len(lost) > 3 else "")
    ordinary = evidence.image.source is SourceKind.OCI or not files
    message = f"{len(lost):,} in no image, {stored:,} bytes as stored, {files:,} files in them: {names}"
    place = Location(LocationKind.IMAGE, name="unreferenced-blob")
    yield _finding(UNREFERENCED, place, message, Severity.MEDIUM if ordinary else UNREFERENCED.severity)


def _absurd_sizes(evidence: Evidence) -> Iterator[Finding]:
    for layer, scan in enumerate(evidence.scans):
        if scan.size >= _LEAST and scan.stored_size and scan.size > _RATIO * scan.stored_size:
            times = scan.size // scan.stored_size
            message = (
                f"layer {layer}: {scan.stored_size:,} bytes as stored, {scan.size:,} unpacked, {times:,} times as much"
            )
            yield _of_layer(evidence, ABSURD_SIZE, layer, message)


def _hidden_in_markers(evidence: Evidence) -> Iterator[Finding]:
    """Markers are empty files: what one holds is unpacked by nobody."""
    for layer, scan in enumerate(evidence.scans):
        table = scan.members
        found = [hit.start() for hit in _MARKERS.finditer(table.kinds) if table.sizes[hit.start()] > 0]
        if found:
            paths = ", ".join(_quoted(decode(table.path(index))) for index in found[:3])
            total = sum(table.sizes[index] for index in found)
            more = ", ..." if len(found) > 3 else ""
            message = f"layer {layer}: {total:,} bytes as the content of {len(found):,} whiteouts: {paths}{more}"
            finding = _of_layer(evidence, HIDDEN_DATA, layer, message)
            line_breaks = max(table.sizes[index] for index in found) <= _LINE_BREAK
            yield replace(finding, severity=Severity.MEDIUM) if line_breaks else finding


def _odd_names(evidence: Evidence) -> Iterator[Finding]:
    for layer, scan in enumerate(evidence.scans):
        for index in sorted(_hinted(scan.members)):
            what = _oddity(decode(scan.members.path(index)))
            if what and scan.members.kinds[index] < MemberKind.WHITEOUT:
                version = evidence.overlay.version_of(layer, index)
                yield _of_version(evidence, NAME, version, what, NAME.severity)


def _hinted(table: MemberTable) -> set[int]:
    """Members whose names may be odd: 10 ms for 100,000, where one expression for all would take 150.

    Names lie in one buffer without separators, so each is looked at again by itself.
    """
    names, ends = table.names, table.name_ends
    found: set[int] = set()
    if names.translate(None, _USUAL):
        found.update(bisect_right(ends, hit.start()) for hit in _CONTROLS.finditer(names))
    for hint in _HINTS:
        at = names.find(hint)
        while at >= 0:
            index = bisect_right(ends, at)
            found.add(index)
            at = names.find(hint, ends[index])
    return found


def _oddity(path: str) -> str:
    if _REORDERING.search(path):
        return "its name has control characters, which terminals do not show as they are"
    if any(_BLANK.fullmatch(part) for part in path.split("/")):
        return "a name of dots and blanks alone, which listings hide"
    return ""


def _devices(evidence: Evidence) -> Iterator[Finding]:
    for layer, scan in enumerate(evidence.scans):
        for index in _device_members(scan.members):
            version = evidence.overlay.version_of(layer, index)
            if not _IN_DEV.match(version.path) and version.fate.by_layer != layer:
                kind = "block" if version.member.kind is MemberKind.BLOCK_DEVICE else "character"
                yield _of_version(evidence, DEVICE, version, f"a {kind} device outside of /dev", DEVICE.severity)


def _device_members(table: MemberTable) -> Iterator[int]:
    return (hit.start() for hit in _DEVICES.finditer(table.kinds))


def _changed(evidence: Evidence) -> Iterator[Finding]:
    for change in changed_files(evidence):
        if change.by_digest:
            message = f"it belongs to package {change.package}, and its checksum is not the package's"
            confidence = Confidence.HIGH
        else:
            message = f"it belongs to package {change.package}; layer {change.version.layer} has other bytes for it"
            confidence = Confidence.MEDIUM
        found = _of_version(evidence, PACKAGE_FILE, change.version, message, PACKAGE_FILE.severity)
        yield replace(found, confidence=confidence)


def _of_version(evidence: Evidence, rule: Rule, version: FileVersion, message: str, severity: Severity) -> Finding:
    found = _finding(
        rule, Location(LocationKind.FILE, path=version.path or ".", layer=version.layer), message, severity
    )
    return replace(found, fate=evidence.fate_of(version), added_by=evidence.added_by(version.layer))


def _finding(rule: Rule, place: Location, message: str, severity: Severity) -> Finding:
    return Finding(rule=rule, location=place, message=message, severity=severity, remediation=rule.remediation)


def _capped(findings: list[Finding]) -> Iterable[Finding]:
    """The worst first; beyond the cap one finding counts what is left."""
    ordered = sorted(findings, key=lambda finding: -finding.severity.rank)
    yield from ordered[:_MAX_FILES]
    if len(ordered) > _MAX_FILES:
        first = ordered[_MAX_FILES]
        message = f"{len(ordered) - _MAX_FILES:,} more of these"
        yield _finding(first.rule, Location(LocationKind.IMAGE, name="more"), message, first.severity)


def _numbered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Ordinals for findings that share rule, place and name."""
    seen: dict[tuple[str, ...], int] = {}
    for finding in findings:
        ordinal = seen[finding.identity] = seen.get(finding.identity, -1) + 1
        yield replace(finding, ordinal=ordinal) if ordinal else finding


def _quoted(text: str | None) -> str:
    text = text or "."
    return f"'{text}'" if len(text) <= 120 else f"'{text[:117]}...'"
