"""Blobs that lie in an archive or layout and belong to no image in it: they may hide content."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.errors import Problem
from imgscan.image.blob import FileBlob
from imgscan.sources.entries import ArchiveEntries, DirectoryEntries, looks_like_layer, read_head_of


def unclaimed(entries: ArchiveEntries | DirectoryEntries, claimed: set[str]) -> Iterator[Problem]:
    """One note a layer-like blob that no image names, in the order of their names."""
    used = {entries.place(name) for name in claimed}
    for name in sorted(entries.names()):
        blob = entries.blob(name)
        if entries.place(name) in used or not isinstance(blob, FileBlob) or not blob.size:
            continue
        if looks_like_layer(read_head_of(blob)):
            yield unreferenced(name, blob.size)


def unreferenced(name: str, size: int) -> Problem:
    """The note on one such blob; `size` in bytes as stored."""
    return Problem("unreferenced-blob", f"{name} ({size:,} bytes) belongs to no image of the archive")
