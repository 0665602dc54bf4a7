"""The exact bytes of one version of one file, out of the layer that still has them.

A layer in a local file is opened again at the member's offset. One that goes by in a stream (an engine's save, a
compressed archive, standard input) or is downloaded gives the bytes of all versions of the path in passing; only where
another path holds them, as for a hard link, is a second pass needed. Nothing is written but to files without a name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import IO

from imgscan.analyzers.analyzer import Evidence
from imgscan.errors import ImgscanError
from imgscan.evidence import LayerScan, encode
from imgscan.image.blob import FileBlob, Readable
from imgscan.image.compression import Compression, PlainStream
from imgscan.layers.member_taking import Kept, MemberTaking, spooled
from imgscan.layers.unpack.content import Content
from imgscan.listing import members_plan, named
from imgscan.overlay import FileVersion
from imgscan.pipeline import Options, open_layers
from imgscan.recovery.choice import Candidate, choose, spellings
from imgscan.recovery.inner import take_inner
from imgscan.renderers.text import printable

_PIECE = 1 << 20
_STANDARD_INPUT = ("-", "archive:-")


@dataclass(frozen=True, slots=True)
class Recovered:
    """One version and its bytes.

    `version` is the name that was asked for, `content` the entry that holds its bytes: another one for a hard link.
    """

    evidence: Evidence
    version: FileVersion
    content: FileVersion
    md5: str
    sha1: str
    sha256: str
    missing: int
    """Bytes at the end of the content that its layer does not have: it ends within."""
    kept: Kept = field(repr=False)
    inner_path: str | None = None
    """Of the file inside the content that the bytes and their digests are of; None for the content itself."""

    @property
    def size(self) -> int:
        return self.kept.size

    def pieces(self) -> Iterator[bytes]:
        """The bytes, each time from the first one."""
        return _pieces(self.kept)

    @property
    def scan(self) -> LayerScan:
        """Of the layer that holds the bytes."""
        return self.evidence.scans[self.content.layer]


@contextmanager
def recover(
    reference: str,
    path: str,
    options: Options,
    *,
    layer: int | None = None,
    member: int | None = None,
    image: str | None = None,
    inner: str | None = None,
) -> Iterator[Recovered]:
    """One version of `path`: the only one, or the one that `layer` brought (and that is its entry `member`).

    Of several images in an archive, those that `image` names are looked through. With `inner` the file of that path
    inside the version is given, which is an archive then.
    UsageError for a path that the image does not have, that several different versions share, or that has no bytes;
    ImgscanError where the bytes are gone: the layer was not read, or changed meanwhile.
    """
    with ExitStack() as stack:
        taking = stack.enter_context(MemberTaking(encode(text) for text in spellings(path)))
        evidences = open_layers(reference, options, members_plan(digests=True), taking.read)
        chosen = choose(named(evidences, image), path, layer, member)
        found = _recovered(chosen, _bytes(reference, options, chosen, taking, stack))
        yield found if inner is None else _inside(found, inner, stack)


def _bytes(reference: str, options: Options, chosen: Candidate, taking: MemberTaking, stack: ExitStack) -> Kept:
    """The bytes of the chosen content: from the pass that was made, from the local layer, or from another pass."""
    evidence, content = chosen.evidence, chosen.content
    place = (evidence.scans[content.layer].diff_id, content.member.index)
    if place in taking.taken:
        return taking.taken[place]
    blob = evidence.image.layers[content.layer].blob
    if isinstance(blob, FileBlob):
        return _read_again(blob, content, stack)
    if reference in _STANDARD_INPUT:
        name = printable(content.path)
        raise ImgscanError(
            f"{printable(chosen.version.path)} is a hard link, and its bytes, which are {name}'s, have gone by",
            tip=f"standard input can be read once: save it to a file, or ask for {name} --layer {content.layer}",
        )
    again = stack.enter_context(MemberTaking([encode(content.path)]))
    open_layers(reference, options, members_plan(digests=True), again.read)
    if place not in again.taken:
        raise ImgscanError(
            f"layer {content.layer} was another one when it was read again", tip="the image has changed: run it again"
        )
    return again.taken[place]


def _read_again(blob: FileBlob, content: FileVersion, stack: ExitStack) -> Kept:
    """The bytes of a member of a layer in a file; by its offset alone where the layer is not compressed."""
    start, size = content.member.data_offset, content.member.size
    spool = stack.enter_context(spooled())
    try:
        with blob.open() as stream:
            plain = PlainStream(stream)
            if plain.compression is Compression.NONE:
                at = start  # the size is a claim: what is not there ends it
                while at < start + size and (data := stream.read_at(at, min(_PIECE, start + size - at))):
                    spool.write(data)
                    at += len(data)
            else:
                _copy(plain, start, size, spool)
    except OSError as error:
        raise ImgscanError(
            f"the layer in {blob.path} cannot be read: {error.strerror or error}", tip="see whether it is still there"
        ) from error
    return Kept(spool, 0, spool.tell())


def _copy(stream: Readable, start: int, size: int, target: IO[bytes]) -> None:
    at = 0
    while at < start + size and (data := stream.read(_PIECE)):
        target.write(data[max(start - at, 0) : max(start + size - at, 0)])
        at += len(data)


def _recovered(chosen: Candidate, kept: Kept) -> Recovered:
    md5, sha1, sha256 = _digests(kept)
    content = chosen.content
    expected = chosen.evidence.scans[content.layer].members.sha256(content.member.index)
    if expected and expected.hex() != sha256:
        raise ImgscanError(
            f"{printable(content.path)} in layer {content.layer} has other bytes than when the layer was scanned",
            tip="the image has changed meanwhile: run it again, with --verify",
        )
    missing = content.member.size - kept.size
    return Recovered(chosen.evidence, chosen.version, content, md5, sha1, sha256, missing, kept)


def _inside(found: Recovered, path: str, stack: ExitStack) -> Recovered:
    spool = stack.enter_context(spooled())
    take_inner(Content(found.size, found.kept.read_at), found.version.path, path, spool)
    kept = Kept(spool, 0, spool.tell())
    md5, sha1, sha256 = _digests(kept)
    return replace(found, md5=md5, sha1=sha1, sha256=sha256, kept=kept, inner_path=path.lstrip("/"))


def _pieces(kept: Kept) -> Iterator[bytes]:
    at = 0
    while data := kept.read_at(at, _PIECE):
        yield data
        at += len(data)


def _digests(kept: Kept) -> tuple[str, str, str]:
    """md5, sha1 and sha256."""
    hashes = (hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False), hashlib.sha256())
    for piece in _pieces(kept):
        for each in hashes:
            each.update(piece)
    md5, sha1, sha256 = (each.hexdigest() for each in hashes)
    return md5, sha1, sha256
