"""The reduce step up to the evidence: scans of layers, checked against what the image claims of them, and stacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from imgscan.analyzers.analyzer import Evidence
from imgscan.errors import Effect, Problem
from imgscan.evidence import LayerScan, MemberTable, RuleSource
from imgscan.image.blob import BlobRef, MissingBlob
from imgscan.image.image import Descriptor, Image, Layer
from imgscan.overlay import Overlay


def stack(
    image: Image,
    found: Mapping[BlobRef, LayerScan],
    *,
    secret_key: bytes,
    rules: tuple[RuleSource, ...] = (),
    unreferenced: tuple[tuple[str, LayerScan], ...] = (),
) -> Evidence:
    """The evidence of an image: `found` has a scan for the blob of each of its layers, the unread ones' too.

    `unreferenced` are scans of blobs that belong to no image, with their names.
    """
    scans, problems = [], []
    for layer in image.layers:
        scan, wrong = _checked(layer, found[layer.blob])
        scans.append(scan)
        problems += wrong
    problems += [problem for name, scan in unreferenced for problem in _of_unreferenced(name, scan)]
    overlay = Overlay(scans)
    image = replace(image, problems=(*image.problems, *problems, *overlay.problems))
    return Evidence(image, tuple(scans), overlay, unreferenced=unreferenced, secret_key=secret_key, rules=rules)


def missing_layer(blob: BlobRef) -> LayerScan:
    """The scan of a blob that is not there."""
    if isinstance(blob, MissingBlob) and blob.foreign:
        problem = Problem("foreign-layer", f"{blob.digest} is a foreign layer: not part of images", Effect.OPAQUE)
        return unread_layer(problem)
    reason = blob.reason if isinstance(blob, MissingBlob) else "it did not come"
    name = blob.digest if isinstance(blob, MissingBlob) else "the layer"
    return unread_layer(Problem("missing-blob", f"{name} was not read: {reason}", Effect.INCOMPLETE))


def unread_layer(problem: Problem) -> LayerScan:
    """The scan of a layer of which nothing was read, and why."""
    return LayerScan("", "", 0, 0, "", MemberTable(), problems=(problem,))


def _checked(layer: Layer, scan: LayerScan) -> tuple[LayerScan, list[Problem]]:
    """A layer's scan against what the metadata claims of it; its problems get the layer's index."""
    problems = [replace(problem, layer=layer.index) for problem in scan.problems]
    descriptor = layer.descriptor
    if descriptor is not None and not is_tar(descriptor.media_type):
        problems = [
            Problem("no-layer", f"the blob is {descriptor.media_type}, no tar", Effect.OPAQUE, layer=layer.index)
            if not scan.members and problem.code in ("not-a-tar", "truncated-layer")
            else problem
            for problem in problems
        ]
    if isinstance(layer.blob, MissingBlob) or any(problem.code in _NOT_READ for problem in problems):
        return scan, problems

    def mismatch(code: str, what: str, claimed: object, read: object) -> None:
        message = f"layer {layer.index}: {what} {claimed} is claimed, {read} was read"
        problems.append(Problem(code, message, Effect.INCOMPLETE, layer=layer.index))

    if descriptor is not None:
        if descriptor.digest.startswith("sha256:") and descriptor.digest != scan.digest:
            mismatch("digest-mismatch", "digest", descriptor.digest, scan.digest)
        if descriptor.size >= 0 and descriptor.size != scan.stored_size:
            mismatch("size-mismatch", "size", f"{descriptor.size:,}", f"{scan.stored_size:,}")
    if layer.diff_id and layer.diff_id.startswith("sha256:") and layer.diff_id != scan.diff_id:
        mismatch("diff-id-mismatch", "diff_id", layer.diff_id, scan.diff_id)
    return scan, problems


def _of_unreferenced(name: str, scan: LayerScan) -> Iterator[Problem]:
    """Nobody promised to read a blob that belongs to no image; that a part of it was not is told all the same.

    One that is no tar was searched as it is.
    """
    no_tar = () if len(scan.members) else ("not-a-tar", "truncated-layer")
    for problem in scan.problems:
        if problem.effect is not Effect.NOTE and problem.code not in no_tar:
            yield replace(problem, message=f"{name}: {problem.message}", effect=Effect.OPAQUE)


_NOT_READ = ("unreadable-blob", "interrupted-blob", "missing-blob")
"""Codes of what was not read whole: it need not be told as well that its digest and size differ."""


def is_tar(media_type: str) -> bool:
    """Whether a layer says that it is a tar; free text, so it is no proof of anything."""
    return not media_type or "tar" in media_type or "layer" in media_type or "rootfs" in media_type


def is_foreign(descriptor: Descriptor) -> bool:
    """Whether a layer is to be had from its maker only (image-spec, layer.md, non-distributable layers)."""
    media_type = descriptor.media_type
    return bool(descriptor.urls) or "foreign" in media_type or "nondistributable" in media_type
