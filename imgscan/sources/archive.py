"""The source `archive:PATH`: what docker save, podman, skopeo, buildah, jib, ... wrote; `-` is standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgscan.errors import InvalidImage, SourceError
from imgscan.image.blob import FileBlob, Readable
from imgscan.image.compression import Compression, detect_compression
from imgscan.image.image import SourceKind
from imgscan.sources.archive_stream import read_archive_stream
from imgscan.sources.assemble import assemble
from imgscan.sources.entries import ArchiveEntries, cut_off, read_head_of
from imgscan.sources.source import LayerVisitor, Opened, Request
from imgscan.sources.unclaimed import tell_unreferenced, unclaimed

STANDARD_INPUT = "-"


class Archive:
    """A plain archive is opened at its blobs; a compressed one, a pipe or standard input is read once."""

    scheme = "archive"

    def detect(self, target: str) -> bool:
        # os.path answers for names that no file can have as well; pathlib raises.
        return target == STANDARD_INPUT or (os.path.exists(target) and not os.path.isdir(target))  # noqa: PTH110, PTH112

    @contextmanager
    def open(self, request: Request, visitor: LayerVisitor) -> Iterator[Opened]:
        try:
            opened = self._read(request, visitor)
        except OSError as error:
            raise SourceError(
                f"{request.target} cannot be read: {error.strerror or error}",
                tip="name a file that exists and that you may read",
            ) from error
        yield opened

    def _read(self, request: Request, visitor: LayerVisitor) -> Opened:
        target = request.target
        if target == STANDARD_INPUT:
            if sys.stdin is None:  # started with `<&-`
                raise SourceError("standard input is closed", tip="docker save IMAGE | imgscan inspect -")
            return self._stream(sys.stdin.buffer, request, visitor, "standard input")
        path = Path(target)
        if path.is_dir():
            raise InvalidImage(f"{target} is a directory", tip=f"scan it as a layout: imgscan inspect oci:{target}")
        if not path.is_file():
            with path.open("rb", buffering=0) as stream:
                return self._stream(stream, request, visitor, target)
        whole = FileBlob(target, 0, path.stat().st_size)
        if detect_compression(read_head_of(whole)) is not Compression.NONE:
            with whole.open() as sliced:
                return self._stream(sliced, request, visitor, target)
        return self._plain(target, request)

    def _stream(self, stream: Readable, request: Request, visitor: LayerVisitor, name: str) -> Opened:
        return read_archive_stream(stream, visitor, request, reference=name, source=SourceKind.ARCHIVE)

    def _plain(self, path: str, request: Request) -> Opened:
        entries = ArchiveEntries.read(path)
        try:
            assembly = assemble(entries, request.platforms, where=path, source=SourceKind.ARCHIVE)
        except InvalidImage as error:
            raise cut_off(path, entries.problems, error) from error
        lost = tuple(unclaimed(entries, assembly.claimed))
        problems = (*entries.problems, *assembly.problems, *tell_unreferenced(lost))
        return Opened(images=tuple(assembly.images), unreferenced=lost, problems=problems)
