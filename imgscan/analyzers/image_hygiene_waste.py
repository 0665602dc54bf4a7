"""Bytes that are shipped and cannot be reached: what one step brought and a later one deleted or wrote again."""

from __future__ import annotations

import re
from dataclasses import replace

from imgscan.amounts import counted, size_text
from imgscan.analyzers.analyzer import Evidence, Outcome, on_steps
from imgscan.evidence import Depth, decode
from imgscan.overlay import FateKind
from imgscan.report import Family, Finding, Origin, Rule, Severity
from imgscan.waste import DeadPart, dead_parts, written

DEAD_BYTES = Rule(
    id="image-hygiene/dead-bytes",
    title="Files that a later step deletes or replaces are still shipped",
    severity=Severity.LOW,
    explanation=(
        "A layer never changes. A file that a later step deletes or replaces is only hidden: its bytes are stored, "
        "pushed and pulled with the image, and whoever has the image can read them."
    ),
    remediation=(
        "Bring and remove it in one RUN instruction (&&), so that no layer ever has it, or do both in a build stage "
        "and copy the result."
    ),
)
METADATA_REWRITE = Rule(
    id="image-hygiene/metadata-rewrite",
    title="Files are stored twice because their owner or mode was changed",
    severity=Severity.LOW,
    explanation=(
        "chown, chmod and touch write a file into their own layer once more, with all its bytes, even where only its "
        "metadata differs: the image holds each of them twice."
    ),
    remediation=(
        "Set owner and mode where the files are made: COPY --chown=USER:GROUP --chmod=MODE, or chown at the end of "
        "the RUN that makes them."
    ),
)
_TOLD = 1_000_000  # bytes from which a pair of steps is worth a change whatever the image's size
_LEAST, _SHARE = 100_000, 20  # in a small image: from here on, if it is a twentieth of all contents
_REWRITES = re.compile(r"\b(?:chown|chmod|chgrp|setfacl|touch)\b")
_MAX_FINDINGS = 12
_WHOLE = 100  # characters of an instruction that a message quotes; never a part of one, which may be part of a secret


class WasteAnalyzer:
    """`image-hygiene`: one finding for each pair of a step that made and one that ended, if it is worth a change.

    Depth CONTENT: only checksums tell a file that was written again from one that was replaced.
    """

    families: tuple[Family, ...] = (Family.IMAGE_HYGIENE,)
    rules: tuple[Rule, ...] = (DEAD_BYTES, METADATA_REWRITE)
    depth = Depth.CONTENT
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        parts = dead_parts(evidence.overlay, evidence.scans)
        rewrites = [part for part in parts if part.kind is FateKind.REWRITTEN]
        # Told together: whether a file was deleted or replaced by that step is of no matter to what can be done.
        losses = _joined([part for part in parts if part.kind is not FateKind.REWRITTEN])
        sizes = [written(scan) for scan in evidence.scans] if parts else []
        worth = min(_TOLD, max(sum(sizes) // _SHARE, _LEAST))
        told = [part for part in losses if part.bytes - part.records >= worth][:_MAX_FINDINGS]
        findings = [_dead(evidence, part) for part in told]
        by_layer: dict[int, list[DeadPart]] = {}
        for part in rewrites:
            by_layer.setdefault(part.ended, []).append(part)
        for layer, ended in sorted(by_layer.items()):
            total = sum(part.bytes for part in ended)
            # A step that does nothing else is a mistake whatever its size.
            if total >= worth or (2 * total >= sizes[layer] and _only_rewrites(evidence, layer)):
                findings.append(_rewrite(evidence, layer, ended))
        findings.sort(key=lambda finding: (finding.location.history or 0, finding.location.layer or 0))
        return on_steps(findings)


def _joined(parts: list[DeadPart]) -> list[DeadPart]:
    pairs: dict[tuple[int, int], DeadPart] = {}
    for part in parts:  # the biggest comes first and names the pair
        known = pairs.get((part.made, part.ended))
        if known is None:
            pairs[part.made, part.ended] = part
        else:
            pairs[part.made, part.ended] = replace(
                known,
                files=known.files + part.files,
                bytes=known.bytes + part.bytes,
                records=known.records + part.records,
            )
    return sorted(pairs.values(), key=lambda part: (-part.bytes, part.made, part.ended))


def _layer(evidence: Evidence, layer: int) -> str:
    """`layer 5`, with a short instruction that made it."""
    step = evidence.step(layer)
    text = step.instruction.text if step is not None else ""
    return f"layer {layer} (`{text}`)" if 0 < len(text) <= _WHOLE else f"layer {layer}"


def _only_rewrites(evidence: Evidence, layer: int) -> bool:
    step = evidence.step(layer)
    return step is not None and _REWRITES.search(step.instruction.arguments) is not None


def _dead(evidence: Evidence, part: DeadPart) -> Finding:
    members = evidence.scans[part.made].members
    path = decode(members.path(part.largest))
    ended = "deleted" if part.kind is FateKind.DELETED else "replaced"
    message = (
        f"{size_text(part.bytes)} in {counted(part.files, 'file')} of layer {part.made} are {ended} by "
        f"{_layer(evidence, part.ended)} and still shipped; the largest is {path} "
        f"({size_text(members.sizes[part.largest])})"
    )
    if part.made == part.ended:
        message = (
            f"{size_text(part.bytes)} in {counted(part.files, 'file')} are twice in layer {part.made}: a later entry "
            f"of the same layer replaces them; the largest is {path}"
        )
    return Finding(
        rule=DEAD_BYTES,
        location=evidence.place_of(part.ended),
        message=message,
        severity=DEAD_BYTES.severity,
        added_by=evidence.added_by(part.made),
        # Whose the mistake is says the step that ended them: deleting what the base brought saves nothing.
        origin=evidence.base.origin_of(part.ended, None) if evidence.base is not None else Origin.UNKNOWN,
        remediation=DEAD_BYTES.remediation,
    )


def _rewrite(evidence: Evidence, layer: int, parts: list[DeadPart]) -> Finding:
    files, size = sum(part.files for part in parts), sum(part.bytes for part in parts)
    biggest = max(parts, key=lambda part: (part.bytes, -part.made))
    step = evidence.step(biggest.made)
    made = step.instruction.keyword if step is not None else ""
    advice = METADATA_REWRITE.remediation
    if made in ("COPY", "ADD"):
        advice = f"Use {made} --chown=USER:GROUP (--chmod=MODE) instead of a step of its own: saves {size_text(size)}."
    message = (
        f"{_layer(evidence, layer)} stores {counted(files, 'file')} once more with the same bytes and another owner, "
        f"mode or time: {size_text(size)}, most of them from layer {biggest.made}"
    )
    return Finding(
        rule=METADATA_REWRITE,
        location=evidence.place_of(layer),
        message=message,
        severity=METADATA_REWRITE.severity,
        added_by=evidence.added_by(layer),
        remediation=advice,
    )
