"""Evidence of an image built in memory: scanned by the real map step, stacked by the real overlay."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

from imgscan.analyzers import Evidence
from imgscan.evidence import Depth, LayerScan, Match, ScanPlan
from imgscan.image.blob import StreamedBlob
from imgscan.image.history import join_history
from imgscan.image.image import Image, Layer, SourceKind
from imgscan.image.oci import parse_config
from imgscan.layers.extractors import EXTRACTORS
from imgscan.layers.scan import LayerScanner
from imgscan.overlay import Overlay
from tests.image_builder import BuiltImage

PLAN = ScanPlan(depth=Depth.CONTENT, extractors=tuple(extractor.name for extractor in EXTRACTORS))


def evidence_of(
    built: BuiltImage, *, oci_format: bool = False, matches: dict[int, list[Match]] | None = None
) -> Evidence:
    """All facts of an image, without secret detection; `matches` stands for what that found, by layer."""
    config, problems = parse_config(built.config, built.image_id)
    history = join_history(config, len(built.layers))
    layers = tuple(
        Layer(index, layer.diff_id, StreamedBlob(f"{index}", len(layer.tar)), step=history.by_layer.get(index))
        for index, layer in enumerate(built.layers)
    )
    image = Image(
        "app:latest", SourceKind.ARCHIVE, config, layers, history.steps, oci_format=oci_format, problems=problems
    )
    scanner = LayerScanner(PLAN, (), secret_key=b"")
    scans: list[LayerScan] = [scanner.scan(BytesIO(layer.tar)) for layer in built.layers]
    for index, found in (matches or {}).items():
        scans[index] = replace(scans[index], matches=tuple(found))
    return Evidence(image, tuple(scans), Overlay(scans))
