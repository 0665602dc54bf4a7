"""Streams that never end."""

from __future__ import annotations

import pytest

from imgscan.errors import InvalidImage
from imgscan.image.image import SourceKind
from imgscan.sources import archive_stream
from imgscan.sources.source import Request
from tests.sources.keeping_visitor import KeepingVisitor


class Zeros:
    """What /dev/zero gives."""

    def read(self, size):
        return bytes(size)


def test_an_endless_stream_of_zeros_is_refused(monkeypatch):
    monkeypatch.setattr(archive_stream, "MAX_BEHIND", 1 << 20)
    with pytest.raises(InvalidImage):
        archive_stream.read_archive_stream(
            Zeros(), KeepingVisitor(), Request("-"), reference="standard input", source=SourceKind.ARCHIVE
        )
