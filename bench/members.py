"""A planned member's bytes, and where in them its secrets came to lie."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from bench import nested, tarball
from bench.plan import NESTED, Entry
from bench.planted import Secret, written
from bench.text import Pools, blob, compose, elf, pools

KINDS = {"directory": tarball.DIRECTORY, "symlink": tarball.SYMLINK, "hardlink": tarball.HARDLINK}


@dataclass(frozen=True, slots=True)
class Planting:
    """Where one secret lies. `offset` is in bytes, `line` from 1; both of the inner file's none in nested content."""

    secret: Secret
    place: str
    path: str
    inner_path: str | None = None
    offset: int | None = None
    line: int | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of finished tar members; offsets of nested files count from the segment's first byte."""

    data: bytes
    members: int
    nested: tuple[tuple[int, int], ...]
    inflated: int
    """Bytes that the nested files hold when unpacked."""
    plantings: tuple[Planting, ...]


def segment(seed: int, pool_size: int, entries: list[Entry]) -> Segment:
    """Build members; the same for the same arguments, in any process."""
    pool = pools(seed, pool_size)
    parts: list[bytes] = []
    at = 0
    nested_files: list[tuple[int, int]] = []
    plantings: list[Planting] = []
    inflated = 0
    for entry in entries:
        data, size, found = content(seed, pool, entry)
        inflated += size
        kind = KINDS.get(entry.category, tarball.FILE)
        name = entry.path + "/" if kind == tarball.DIRECTORY else entry.path
        head = tarball.header(name.encode(), len(data), mode=entry.mode, kind=kind, link=entry.link.encode())
        if entry.category in NESTED:
            nested_files.append((at + len(head), len(data)))
        parts += [head, data, tarball.padding(len(data))]
        at += sum(map(len, parts[-3:]))
        plantings += found
    return Segment(b"".join(parts), len(entries), tuple(nested_files), inflated, tuple(plantings))


def content(seed: int, pool: Pools, entry: Entry) -> tuple[bytes, int, list[Planting]]:
    """The bytes of one member, what they inflate to where it is nested (else 0), and its plantings."""
    random = Random(f"{seed} {entry.path} {entry.secrets and entry.secrets[0].value}")
    category = entry.category
    if category in KINDS or category == "empty":
        return b"", 0, []
    if category in NESTED:
        return nested_content(random, pool, entry)
    if category == "blob":
        return b"".join(blob(random, entry.size)), 0, []
    if category == "elf":
        pieces = elf(random, pool, entry.size)
    elif category == "key-file":
        pieces = []
    else:
        text_category = category if category in pool.blocks else "text"
        pieces = compose(random, pool, text_category, entry.size // (2 if category == "utf16" else 1))
    if category == "last-byte":
        pieces = [padded_to_block(pieces, entry.secrets[0])]
    places = [insertion_point(random, entry, pieces) for _ in entry.secrets]
    for place, secret in zip(places, entry.secrets, strict=True):
        pieces.insert(place, line_of(secret, entry).encode())
    data = b"".join(pieces)
    encoding = "utf-8"
    if category == "utf16":
        data = data.decode().encode("utf-16")
        encoding = "utf-16"
    return data, 0, [located(secret, entry, data, encoding) for secret in entry.secrets]


def line_of(secret: Secret, entry: Entry) -> str:
    """What is written for a secret in this member."""
    if entry.category in ("key-file", "first-byte", "last-byte"):
        return secret.value + ("\n" if entry.category == "first-byte" else "")
    return written(secret, entry.category)


def insertion_point(random: Random, entry: Entry, pieces: list[bytes]) -> int:
    """The index among the pieces at which a secret goes."""
    if entry.category in ("first-byte", "key-file"):
        return 0
    if entry.category in ("last-byte", "elf"):
        return len(pieces)
    return random.randrange(len(pieces) + 1)


def padded_to_block(pieces: list[bytes], secret: Secret) -> bytes:
    """Text that, with the secret after it, ends exactly at a block's end, so that the next header follows at once."""
    data = b"".join(pieces)
    return data + b"." * (-(len(data) + len(secret.value) + 1) % tarball.BLOCK) + b" "


def located(secret: Secret, entry: Entry, data: bytes, encoding: str) -> Planting:
    """The planting of a secret in finished bytes."""
    coded = secret.value.encode("utf-16-le" if encoding == "utf-16" else encoding)
    newline = "\n".encode("utf-16-le" if encoding == "utf-16" else encoding)
    offset = data.index(coded)
    line = None if entry.category == "elf" else data.count(newline, 0, offset) + 1
    return Planting(secret, entry.place, entry.path, None, offset, line, encoding)


def nested_content(random: Random, pool: Pools, entry: Entry) -> tuple[bytes, int, list[Planting]]:
    """An archive or compressed file; its secrets are in inner files of their own, or a line of a single file."""
    extra = []
    plantings = []
    for number, secret in enumerate(entry.secrets):
        inner = None if entry.category == "gz" else f"config/settings-{number}.py"
        line = written(secret, "text" if entry.category == "gz" else "python")
        if inner is not None:
            around = compose(random, pool, "python", 2_000)
            line = b"".join([*around[:2], line.encode(), *around[2:]]).decode()
        extra.append((inner or "", line.encode()))
        plantings.append(Planting(secret, entry.place, entry.path, inner))
    data, inflated = nested.archive(random, pool, entry.category, entry.size, tuple(extra))
    return data, inflated, plantings
