"""Blobs that lie in an archive or layout and belong to no image in it: they may hide content."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.errors import Problem
from imgscan.image.blob import FileBlob
from imgscan.sources.entries import ArchiveEntries, DirectoryEntries, follow, looks_like_layer, read_head_of


def unclaimed(entries: ArchiveEntries | DirectoryEntries, claimed: set[str]) -> Iterator[Problem]:
    """One note a layer-like blob that no image names, in the order of their names."""
    links = entries.links if isinstance(entries, ArchiveEntries) else {}
    names = set(entries.names())
    used = {follow(name, names, links) for name in claimed}
    for name in sorted(names - used):
        blob = entries.blob(name)
        if isinstance(blob, FileBlob) and blob.size and looks_like_layer(read_head_of(blob)):
            yield unreferenced(name, blob.size)


def unreferenced(name: str, size: int) -> Problem:
    """The note on one such blob; `size` in bytes as stored."""
    return Problem("unreferenced-blob", f"{name} ({size:,} bytes) belongs to no image of the archive")
