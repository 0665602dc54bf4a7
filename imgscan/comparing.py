"""Compare images, and containers with the images they run: scan each once, and set them side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from secrets import token_bytes

from imgscan.comparison import Compared, Comparison, inventory
from imgscan.evidence import Depth
from imgscan.judgement import judge
from imgscan.pipeline import Options, open_evidence
from imgscan.runtime import inspect_container


def compare_images(
    references: Sequence[str],
    containers: Sequence[str],
    options: Options,
    environment: Mapping[str, str] | None = None,
) -> Comparison:
    """A row for each image (all its platforms that are asked for), then one for each container.

    A container that runs one of the images is told with it; the image of any other is asked of the engine.
    Raises ImgscanError for an image or a container of which nothing can be told.
    """
    key = options.identity_key or token_bytes(32)  # equal secrets of all images under equal ids
    scanned = {reference: _scan(reference, options, key) for reference in dict.fromkeys(references)}
    images = [image for reference in references for image in scanned[reference]]
    return Comparison.of(images, [_container(name, images, options, key, environment) for name in containers])


def _scan(reference: str, options: Options, key: bytes) -> list[Compared]:
    with open_evidence(reference, options) as (evidences, analyzers, revealed):
        reports = [judge(evidence, analyzers, options.policy, revealed, key) for evidence in evidences]
    several = len(reports) > 1
    return [
        Compared(_name(reference, report.image.reference, report.image.platform, several), report, inventory(evidence))
        for report, evidence in zip(reports, evidences, strict=True)
    ]


def _name(asked: str, found: str, platform: str, several: bool) -> str:
    """What was asked for; of several images in one place, which it is as well."""
    return f"{asked}: {found} {platform}" if several else asked


def _container(
    name: str, images: Sequence[Compared], options: Options, key: bytes, environment: Mapping[str, str] | None
) -> Compared:
    found = inspect_container(name, replace(options, depth=Depth.CONFIG, show_secrets=False), environment)
    image = next((one for one in images if one.report.image.image_id == found.image_id), None)
    if image is None:
        (image, *_) = _scan(f"docker:{found.image_id}", options, key)
    return Compared(found.name or name, image.report, image.inventory, found)
