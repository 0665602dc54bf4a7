"""Blobs that lie in an archive or layout and belong to no image in it: they may hide content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgscan.errors import Problem
from imgscan.image.blob import BlobRef, FileBlob, StreamedBlob
from imgscan.sources.entries import ArchiveEntries, DirectoryEntries, may_be_layer, read_head_of

Lost = tuple[str, BlobRef]
"""A blob that belongs to no image, with its name."""


def unclaimed(entries: ArchiveEntries | DirectoryEntries, claimed: set[str]) -> Iterator[Lost]:
    """Layer-like blobs that no image names, in the order of their names."""
    used = {entries.place(name) for name in claimed}
    for name in sorted(entries.names()):
        blob = entries.blob(name)
        if entries.place(name) in used or not isinstance(blob, FileBlob) or not blob.size:
            continue
        if may_be_layer(read_head_of(blob), blob.size):
            yield name, blob


def tell_unreferenced(lost: Sequence[Lost]) -> Iterator[Problem]:
    """One note for each such blob; sizes are in bytes as stored."""
    for name, blob in lost:
        size = f" ({blob.size:,} bytes)" if isinstance(blob, FileBlob | StreamedBlob) else ""
        yield Problem("unreferenced-blob", f"{name}{size} belongs to no image of the archive")
