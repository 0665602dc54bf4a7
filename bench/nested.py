"""Archives and compressed files that lie inside an image, with the same text as everything else in them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from random import Random

from bench import tarball
from bench.text import Pools, compose, elf

RATIO = 3.6
"""Uncompressed bytes for each stored byte that these blocks give at level 6, about; sizes are planned with it."""
NAMES = {"zip": "src/{}.js", "jar": "META-INF/resources/{}.json", "tar.gz": "package/lib/{}.py", "gz": "{}"}
CATEGORIES = {"zip": "javascript", "jar": "json", "tar.gz": "python", "gz": "text"}
SPAN = 24_000
"""Mean size of an inner file, bytes."""


def archive(
    random: Random, pool: Pools, category: str, size: int, extra: tuple[tuple[str, bytes], ...]
) -> tuple[bytes, int]:
    """An archive of about `size` stored bytes, and its size when inflated.

    `extra` are more inner files, last but one; for a `gz`, a single compressed file, they are lines in its middle.
    """
    budget = int(size * RATIO)
    if category == "gz":
        blocks = compose(random, pool, "text", budget)
        middle = len(blocks) // 2
        data = b"".join([*blocks[:middle], *(line for _, line in extra), *blocks[middle:]])
        return gzipped(data), len(data)
    files = inner_files(random, pool, category, budget)
    files[-1:-1] = extra
    if category == "tar.gz":
        parts = []
        for name, data in files:
            parts += [tarball.header(name.encode(), len(data)), data, tarball.padding(len(data))]
        data = b"".join([*parts, tarball.END])
        return gzipped(data), len(data)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target:
        for name, data in files:
            target.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue(), sum(len(data) for _, data in files)


def inner_files(random: Random, pool: Pools, category: str, budget: int) -> list[tuple[str, bytes]]:
    """Inner files that add up to about `budget` bytes; every eighth looks like an executable."""
    files: list[tuple[str, bytes]] = []
    while budget > 0:
        size = min(budget, int(random.expovariate(1 / SPAN)) + 400)
        words = pool.words.values["f"]
        name = NAMES[category].format(f"{random.choice(words)}{len(files)}")
        pieces = elf(random, pool, size) if len(files) % 8 == 7 else compose(random, pool, CATEGORIES[category], size)
        files.append((name, b"".join(pieces)))
        budget -= len(files[-1][1])
    return files


def gzipped(data: bytes) -> bytes:
    """One gzip member at level 6 without name or time stamp."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = stream.compress(data) + stream.flush()
    trailer = struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + body + trailer


def disguise(data: bytes) -> bytes:
    """The same bytes without the signatures that tell what they are, so that nothing can be unpacked; same length."""
    for signature in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"):
        data = data.replace(signature, b"\x00\x01\x02\x03")
    return b"\x00\x01\x02\x03" + data[4:]
