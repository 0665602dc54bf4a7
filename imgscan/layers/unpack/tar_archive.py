"""tar, in any dialect: source archives, image archives inside images."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.errors import Effect
from imgscan.evidence import Limits, MemberKind
from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Damaged, Inner, Opaque
from imgscan.tar.reader import TarReader

_LIMITS = Limits(name_bytes=64 << 20)


class TarUnpacker:
    """Regular files of a tar. Compressed ones come here by way of what they are compressed with."""

    name = "tar"
    magic = rb".{257}ustar(?:\0|[ ][ ]\0)"
    certain = True
    streams = True

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """Members with data, in tar order."""
        reader = TarReader(content.stream(), _LIMITS)
        for member, data in reader:
            if member.size and member.kind not in (MemberKind.SYMLINK, MemberKind.HARDLINK):
                yield Inner(member.path, data)
        for problem in reader.problems:
            if problem.effect is Effect.INCOMPLETE:
                raise Damaged(problem.message)
