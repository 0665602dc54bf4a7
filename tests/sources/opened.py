"""Opening archives and layouts as the pipeline does, and what two ways to one image must have in common."""

from __future__ import annotations

from pathlib import Path

from imgscan.errors import Effect, Problem
from imgscan.evidence import Depth, LayerScan, ScanPlan
from imgscan.image.blob import FileBlob
from imgscan.image.image import Image, Platform
from imgscan.layers.scan import LayerScanner
from imgscan.sources.archive import Archive
from imgscan.sources.oci_layout import OciLayout
from imgscan.sources.source import Opened, PlatformRequest, Request

SCANNER = LayerScanner(ScanPlan(Depth.CONTENT), (), secret_key=b"k" * 32)


class Visitor:
    """Scans what goes by."""

    opens_layers = True

    def prepare(self):
        return None

    def scan(self, stream, name):
        return SCANNER.scan(stream)

    def cached(self, diff_id):
        return None

    def cached_config(self, image_id):
        return None

    def keep_config(self, image_id, blob):
        return None

    def progress(self, what, done, total):
        return None


def opened(target: Path | str, platforms: PlatformRequest | Platform | None = None) -> Opened:
    """What a source gives for a path; a directory is a layout."""
    request = platforms if isinstance(platforms, PlatformRequest) else PlatformRequest(platforms)
    path = str(target)
    source = OciLayout() if OciLayout().detect(path) and path != "-" else Archive()
    with source.open(Request(path, request), Visitor()) as result:
        return result


def layer_scans(image: Image, result: Opened) -> list[LayerScan]:
    """The scans of an image's layers: from the stream, or read now."""
    scans = []
    for layer in image.layers:
        if layer.blob in result.scans:
            scans.append(result.scans[layer.blob])
        elif isinstance(layer.blob, FileBlob):
            with layer.blob.open() as stream:
                scans.append(SCANNER.scan(stream))
    return scans


def essence(image: Image, result: Opened) -> dict[str, object]:
    """What is the same of an image however it is stored."""
    return {
        "config": image.config,
        "steps": image.steps,
        "tags": image.tags,
        "layers": [(layer.index, layer.diff_id, layer.step) for layer in image.layers],
        "scans": [(scan.diff_id, scan.size, scan.members) for scan in layer_scans(image, result)],
        "problems": image.problems,
    }


def incomplete(problems: tuple[Problem, ...]) -> list[str]:
    return [problem.code for problem in problems if problem.effect is Effect.INCOMPLETE]


def problem_codes(result: Opened) -> list[str]:
    return [p.code for p in (*result.problems, *(p for image in result.images for p in image.problems))]
