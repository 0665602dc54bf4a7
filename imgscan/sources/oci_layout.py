"""The source `oci:PATH[:TAG]`: an OCI image layout directory (image-spec, image-layout.md)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgscan.errors import InvalidImage, SourceError
from imgscan.image.image import SourceKind
from imgscan.sources.assemble import assemble
from imgscan.sources.entries import DirectoryEntries
from imgscan.sources.source import LayerVisitor, Opened, Request
from imgscan.sources.unclaimed import tell_unreferenced, unclaimed


class OciLayout:
    """A directory with an index.json; one that docker save's files were unpacked to works as well."""

    scheme = "oci"

    def detect(self, target: str) -> bool:
        return os.path.isdir(_split(target)[0])  # noqa: PTH112  # pathlib raises for names that no file can have

    @contextmanager
    def open(self, request: Request, visitor: LayerVisitor) -> Iterator[Opened]:
        del visitor  # everything here can be opened again
        path, tag = _split(request.target)
        if not path.is_dir():
            raise InvalidImage(f"{path} is no directory", tip=f"scan a file with: imgscan inspect archive:{path}")
        try:
            entries = DirectoryEntries(path)
            assembly = assemble(entries, request.platforms, where=str(path), source=SourceKind.OCI, tag=tag)
            lost = tuple(unclaimed(entries, assembly.claimed))
            problems = (*assembly.problems, *tell_unreferenced(lost))
        except OSError as error:
            raise SourceError(
                f"{path} cannot be read: {error.strerror or error}", tip="all its files must be readable for you"
            ) from error
        yield Opened(images=tuple(assembly.images), unreferenced=lost, problems=problems)


def _split(target: str) -> tuple[Path, str | None]:
    """PATH[:TAG]; a path that exists as it is written has no tag."""
    if os.path.isdir(target):  # noqa: PTH112
        return Path(target), None
    path, colon, tag = target.rpartition(":")
    return (Path(path), tag) if colon and tag and "/" not in tag else (Path(target), None)
