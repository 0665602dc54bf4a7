"""What the bytes of an image are: in use, tools, caches, dead, and what the tars need besides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from imgscan.caches import caches
from imgscan.evidence import LayerScan
from imgscan.image.image import Image
from imgscan.overlay import FateKind, Overlay
from imgscan.report import Tool
from imgscan.report.report import LayerCauses
from imgscan.waste import dead_parts, written


class Evidence(Protocol):
    """What is needed of the evidence."""

    @property
    def image(self) -> Image: ...
    @property
    def scans(self) -> tuple[LayerScan, ...]: ...
    @property
    def overlay(self) -> Overlay: ...


def size_causes(evidence: Evidence, tools: Iterable[Tool]) -> tuple[LayerCauses, ...]:
    """One row for each layer that was read; its parts add up to the layer's uncompressed size.

    `tools` are those of the report: the ones that count as build tools are told apart from what is in use.
    """
    count = len(evidence.scans)
    files = [written(scan) for scan in evidence.scans]
    dead = {kind: [0] * count for kind in FateKind}
    for part in dead_parts(evidence.overlay, evidence.scans):
        dead[part.kind][part.made] += part.bytes
    cached = [0] * count
    for cache in caches(evidence):
        for layer, size in cache.layers:
            cached[layer] += size
    built = [0] * count
    for tool in tools:
        version = evidence.overlay.resolve(tool.path) if tool.tool_class.counted else None
        if version is not None:
            built[version.layer] += tool.size
    rows = []
    for layer, scan in enumerate(evidence.scans):
        lost = sum(dead[kind][layer] for kind in FateKind)
        alive = max(files[layer] - lost, 0)
        # Several programs of one tool may lie in different layers, and sizes are claims: no part exceeds the whole.
        in_caches = min(cached[layer], alive)
        in_tools = min(built[layer], alive - in_caches)
        rows.append(
            LayerCauses(
                index=layer,
                in_use=alive - in_caches - in_tools,
                tools=in_tools,
                caches=in_caches,
                deleted=dead[FateKind.DELETED][layer],
                overwritten=dead[FateKind.OVERWRITTEN][layer],
                rewritten=dead[FateKind.REWRITTEN][layer],
                metadata=max(scan.size - files[layer], 0),
            )
        )
    return tuple(rows)
