"""An archive that can be read only once: standard input, an engine's save, a compressed archive.

Layers come before the config there. Blobs are told apart by their first bytes, layer-like ones are scanned as
they pass, documents are kept, and everything is joined when the end is reached.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from imgscan.errors import Effect, InvalidImage, Problem, ProblemLog
from imgscan.evidence import LayerScan, MemberKind
from imgscan.image.blob import BlobRef, Readable, StreamedBlob
from imgscan.image.compression import SNIFF, PlainStream
from imgscan.image.image import Image, SourceKind
from imgscan.image.oci import MAX_JSON, sha256
from imgscan.sources.assemble import assemble
from imgscan.sources.entries import (
    ARCHIVE_LIMITS,
    MAX_DOCUMENTS,
    add_link,
    cut_off,
    follow,
    looks_like_json,
    may_be_layer,
    not_an_archive,
    read_all,
    tell_duplicate,
)
from imgscan.sources.source import LayerVisitor, Opened, Request
from imgscan.sources.unclaimed import Lost, tell_unreferenced
from imgscan.tar.reader import MemberStream, TarReader

MAX_BEHIND = 1 << 30
"""Bytes behind an archive's end that are read, so that whoever writes them may finish; some devices never do."""


@dataclass(slots=True)
class _StreamEntries:
    """What has gone by."""

    documents: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, StreamedBlob] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    scans: dict[BlobRef, LayerScan] = field(default_factory=dict)
    problems: ProblemLog = field(default_factory=ProblemLog)
    kept: int = 0

    def names(self) -> Collection[str]:
        return self.blobs.keys()

    def document(self, name: str) -> bytes | None:
        return self.documents.get(follow(name, self.blobs, self.links))

    def blob(self, name: str) -> StreamedBlob | None:
        return self.blobs.get(follow(name, self.blobs, self.links))


def read_archive_stream(
    stream: Readable, visitor: LayerVisitor, request: Request, *, reference: str, source: SourceKind
) -> Opened:
    """Read an image archive to its end, scanning its layers in passing; `reference` names it for messages.

    A stream that breaks off gives what was complete, with an INCOMPLETE problem; InvalidImage where that is no
    image. OSError of the stream goes through.
    """
    visitor.prepare()
    plain = PlainStream(stream)
    entries = _StreamEntries()
    reader = TarReader(plain, ARCHIVE_LIMITS)
    count = 0
    for member, data in reader:
        count += 1
        visitor.progress("reading", plain.stored_size, None)
        if member.kind in (MemberKind.SYMLINK, MemberKind.HARDLINK):
            add_link(entries.links, member)
        elif member.kind in (MemberKind.FILE, MemberKind.OTHER):
            if member.path in entries.blobs:
                tell_duplicate(entries.problems, member)
            _take(entries, member.path, member.size, data, visitor)
    if not plain.drain(MAX_BEHIND):
        message = f"more than {MAX_BEHIND:,} bytes follow the archive's end; they were not read"
        entries.problems.add("data-after-end", message, Effect.INCOMPLETE)
    if not count:
        raise not_an_archive(reference)
    wrong: list[Problem] = [*entries.problems.all(), *reader.problems, *plain.problems]
    try:
        assembly = assemble(entries, request.platforms, where=reference, source=source)
    except InvalidImage as error:
        raise cut_off(reference, wrong, error) from error
    if source is SourceKind.DOCKER:
        # An engine names an image's config by its digest: known, it need not be saved to be read again.
        for image in assembly.images:
            blob = next((one for one in entries.documents.values() if sha256(one) == image.config.image_id), None)
            if blob is not None:
                visitor.keep_config(image.config.image_id, blob)
    _scan_documents_that_are_layers(entries, assembly.images, visitor)
    claimed = {follow(name, entries.blobs, entries.links) for name in assembly.claimed}
    lost: list[Lost] = [
        (blob.name, blob)
        for blob in entries.scans
        if isinstance(blob, StreamedBlob) and blob.name not in claimed and blob.size
    ]
    lost.sort(key=lambda pair: pair[0])
    return Opened(
        images=tuple(assembly.images),
        scans=entries.scans,
        unreferenced=tuple(lost),
        problems=(*wrong, *assembly.problems, *tell_unreferenced(lost)),
    )


def _take(entries: _StreamEntries, name: str, size: int, data: MemberStream, visitor: LayerVisitor) -> None:
    """Scan a layer, keep a document. What is neither is kept too, or scanned where it is big: it may be named a layer.

    A tar is looked for first: its first member may be called `{`.
    """
    head = read_all(data, min(SNIFF, size))
    blob = StreamedBlob(name, size)
    entries.blobs[name] = blob
    entries.documents.pop(name, None)
    too_big = size > MAX_JSON or entries.kept + size > MAX_DOCUMENTS
    if may_be_layer(head, size) or (too_big and not looks_like_json(head)):
        _scan(entries, blob, _Rejoined(head, data), visitor)
    elif too_big:
        message = f"{name} has {size:,} bytes and is no layer; it was not read"
        entries.problems.add("document-too-big", message, Effect.OPAQUE)
    else:
        entries.documents[name] = head + read_all(data, size - len(head))
        entries.kept += size


def _scan_documents_that_are_layers(entries: _StreamEntries, images: Sequence[Image], visitor: LayerVisitor) -> None:
    """Layers that looked like none when they went by, an empty file among them: their scans say what they are."""
    for blob in dict.fromkeys(layer.blob for image in images for layer in image.layers):
        if isinstance(blob, StreamedBlob) and blob not in entries.scans and blob.name in entries.documents:
            _scan(entries, blob, io.BytesIO(entries.documents[blob.name]), visitor)


def _scan(entries: _StreamEntries, blob: StreamedBlob, stream: Readable, visitor: LayerVisitor) -> None:
    scan = visitor.scan(stream, blob.name)
    if scan is not None:
        entries.scans[blob] = scan


class _Rejoined:
    """The bytes that told what a blob is, and then the rest of it."""

    def __init__(self, head: bytes, rest: MemberStream) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int, /) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._rest.read(size)

    def readinto(self, view: memoryview, /) -> int:
        if not self._head:
            return self._rest.readinto(view)
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)
