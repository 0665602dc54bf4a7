"""What a scan of bytes yields: members, matches, facts and an account of what was read.

Everything here is a value: equal bytes and an equal plan give an equal LayerScan, in any process, and
again from the cache. Nothing here knows an image, a history or a layer's index.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from imgscan.errors import Problem


class MemberKind(IntEnum):
    """What a tar header describes, with the whiteouts of the OCI image spec (layer.md) told apart."""

    FILE = 0
    DIRECTORY = 1
    SYMLINK = 2
    HARDLINK = 3
    CHARACTER_DEVICE = 4
    BLOCK_DEVICE = 5
    FIFO = 6
    WHITEOUT = 7
    """`.wh.NAME`: hides NAME of the layers below; the member's path is NAME's."""
    OPAQUE_WHITEOUT = 8
    """`.wh..wh..opq`: hides all of the layers below in a directory; the member's path is the directory's."""
    ANOMALY = 9
    """A marker without effect (`.wh.` alone, unknown `.wh..wh.*`): kept, and told as a problem."""
    OTHER = 10
    """A type flag that no tar dialect we know gives a meaning."""


_KINDS = tuple(MemberKind)


class Depth(IntEnum):
    """How far a plan goes into an image."""

    CONFIG = 0
    """No layer is opened."""
    MEMBERS = 1
    """Headers only."""
    CONTENT = 2
    """Every byte is matched."""


class Confidence(StrEnum):
    """How sure we are; never changes a severity."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Validation(StrEnum):
    """What checking a secret offline said."""

    CHECKSUM_OK = "checksum ok"
    CHECKSUM_WRONG = "checksum wrong"
    STRUCTURE_OK = "structure ok"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Limits:
    """The caps of a scan. Hitting one is a Problem with effect INCOMPLETE, never a silent end."""

    members: int = 5_000_000
    """Entries of one layer."""
    layer_bytes: int = 1 << 40
    """Uncompressed bytes of one layer."""
    ratio: int = 1_200
    """Uncompressed bytes per stored byte, judged after the first GiB; DEFLATE itself ends at about 1,032."""
    header_bytes: int = 1 << 20
    """Bytes of one pax header or GNU long name."""
    name_bytes: int = 256 << 20
    """Names, link targets and extended attributes of one layer."""
    extract_bytes: int = 64 << 20
    """Bytes of one member that an extractor is given."""
    confirmations: int = 20_000
    """Candidates of one member that are confirmed."""
    inner_depth: int = 6
    """Containers within containers that are opened."""
    inner_bytes: int = 1 << 30
    """Bytes unpacked from one member, those of containers in it counted again."""
    inner_layer_bytes: int = 8 << 30
    """Bytes unpacked from all members of a layer."""
    inner_members: int = 1_000_000
    """Entries of the containers in one member."""
    inner_layer_members: int = 5_000_000
    """Entries of the containers in a layer."""
    inner_ratio: int = 1_200
    """Unpacked bytes per byte of the member, judged after the first 64 MiB."""


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A file of rules, read: its name for messages, and its text."""

    name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """Everything that may influence a scan: what to look for, how deep, the caps, and the code that does it.

    `patterns` names sets of detectors, `extractors` extractors; the code behind them is found by name where the
    scan runs, and `code` identifies it (layers/plan.py).
    """

    depth: Depth = Depth.CONTENT
    patterns: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()
    entropy: bool = False
    limits: Limits = field(default_factory=Limits)
    code: str = ""
    rules: tuple[RuleSource, ...] = ()
    """Files of rules beside our own."""
    digests: bool = False
    """Whether the sha256 of every regular file is wanted."""

    @property
    def fingerprint(self) -> str:
        """Hex digest that differs whenever a scan might; part of every cache key."""
        parts = {
            "code": self.code,
            "depth": int(self.depth),
            "patterns": self.patterns,
            "extractors": self.extractors,
            "entropy": self.entropy,
            "limits": [getattr(self.limits, name) for name in Limits.__slots__],
            "rules": [source.text for source in self.rules],
            "digests": self.digests,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class Part(StrEnum):
    """What of a member a match is in."""

    DATA = "data"
    NAME = "name"
    LINK = "link target"
    XATTR = "extended attribute"
    TRAILING = "data after the end"
    """Of no member (`Match.member` is -1): behind the tar's end marker, or where its headers cannot be followed."""


@dataclass(frozen=True, slots=True)
class Match:
    """A credential seen in a member. The secret itself stops at the matcher: only `redacted` and `key` travel.

    `offset` and `length` are in bytes from the first of the member, or of the innermost file it was unpacked from;
    `line` and `line_end` count from 1.
    `key` is an HMAC that tells equal secrets apart from different ones within one cache, and nothing outside it.
    """

    rule: str
    """The kind of secret, as in `secrets.kinds`: `github-token`, `keyword`, ..."""
    member: int
    inner_path: str | None
    """Where in the member, for what was unpacked: `lib/app.jar!/application.properties`."""
    offset: int
    length: int
    line: int
    line_end: int
    name: str | None
    """The key it was assigned to (`DATABASE_PASSWORD`), where there is one."""
    confidence: Confidence
    validation: Validation
    redacted: str
    key: bytes
    suppressed: str = ""
    """Why it does not count (`placeholder`, ...); empty where it does."""
    suppressed_by: str = ""
    """Who says so, where it is not the value itself: `CPython's test suite`."""
    part: Part = Part.DATA
    """What of the member it is in. For names and attributes `offset` and `length` count characters of that string, for
    TRAILING `offset` is that in the layer's tar."""
    spellings: tuple[tuple[int, bytes], ...] = ()
    """Where it was decoded: length in characters and key of the value, and of how the file spells it. No string of a
    report may have either."""
    companion: str = ""
    """The other half of the credential, redacted: `access key ID AKIA...7QX2`."""


@dataclass(frozen=True, slots=True)
class MemberDigest:
    """Digests of the whole content of a member that has a match, in hex: what package databases vouch with."""

    member: int
    md5: str
    sha1: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What an extractor read from one member: a table without secrets, plain enough for any cache."""

    kind: str
    """The extractor's name."""
    member: int
    rows: tuple[tuple[str | int | None, ...], ...]


@dataclass(frozen=True, slots=True)
class Skip:
    """Members left out, and why; `bytes` is the sum of their sizes."""

    reason: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class InnerCoverage:
    """The account of what lies inside members: `scanned` plus the counts of `skipped` and `opaque` is `members`.

    `members` counts the entries of containers at every depth, as far as they were met. A container that was
    recognised and cannot be opened counts as one entry.
    """

    members: int = 0
    scanned: int = 0
    skipped: tuple[Skip, ...] = ()
    opaque: tuple[Skip, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """The account of a scan: `scanned` plus the counts of `skipped` is `members`, always."""

    members: int = 0
    scanned: int = 0
    skipped: tuple[Skip, ...] = ()
    opaque: tuple[Skip, ...] = ()
    inner: InnerCoverage = InnerCoverage()


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of a layer's tar, decoded once.

    `path` has no leading slash and no `.` or `..` parts; a whiteout's path is the one it hides. Bytes that are
    not UTF-8 are kept as surrogate escapes. `raw_name` is the name as stored where it differs.
    `data_offset` counts from the first byte of the uncompressed tar.
    """

    index: int
    path: str
    kind: MemberKind
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int
    linkname: str
    xattrs: tuple[tuple[str, bytes], ...]
    data_offset: int
    checksum: int
    """64-bit xxh3 of a regular file's bytes, 0 for what has none; tells an equal rewrite."""
    raw_name: str


class MemberTable:
    """The members of one layer in tar order: arrays and one buffer of names.

    A million members fit in about 100 MB; `table[i]` makes a Member on demand.
    """

    __slots__ = (
        "checksums",
        "data_offsets",
        "gids",
        "kinds",
        "link_ends",
        "links",
        "modes",
        "mtimes",
        "name_ends",
        "names",
        "raw_names",
        "sha256s",
        "sizes",
        "uids",
        "xattrs",
    )

    def __init__(self) -> None:
        self.kinds = array("B")
        self.sizes = array("q")
        self.modes = array("I")
        self.uids = array("q")
        self.gids = array("q")
        self.mtimes = array("q")
        self.data_offsets = array("q")
        self.checksums = array("Q")
        self.names = bytearray()
        self.name_ends = array("Q")
        self.links = bytearray()
        self.link_ends = array("Q")
        self.xattrs: dict[int, tuple[tuple[str, bytes], ...]] = {}
        self.raw_names: dict[int, bytes] = {}
        self.sha256s = bytearray()
        """32 bytes a member, zeros for what is no regular file or was not read whole; empty where no plan asked."""

    def __len__(self) -> int:
        return len(self.kinds)

    def path(self, index: int) -> bytes:
        """The normalised path of member `index`, as bytes."""
        return bytes(self.names[self.name_ends[index - 1] if index else 0 : self.name_ends[index]])

    def linkname(self, index: int) -> bytes:
        """The link target of member `index` as stored; empty where it is no link."""
        return bytes(self.links[self.link_ends[index - 1] if index else 0 : self.link_ends[index]])

    def sha256(self, index: int) -> bytes:
        """The digest of a regular file's bytes; empty where it was not asked for, or is not known."""
        digest = bytes(self.sha256s[32 * index : 32 * index + 32])
        return digest if any(digest) else b""

    def __getitem__(self, index: int) -> Member:
        path = decode(self.path(index))
        raw_name = self.raw_names.get(index)
        return Member(
            index=index,
            path=path,
            kind=_KINDS[self.kinds[index]],
            size=self.sizes[index],
            mode=self.modes[index],
            uid=self.uids[index],
            gid=self.gids[index],
            mtime=self.mtimes[index],
            linkname=decode(self.linkname(index)),
            xattrs=self.xattrs.get(index, ()),
            data_offset=self.data_offsets[index],
            checksum=self.checksums[index],
            raw_name=path if raw_name is None else decode(raw_name),
        )

    def __iter__(self) -> Iterator[Member]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MemberTable):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # it is filled while a layer is walked


@dataclass(frozen=True, slots=True)
class LayerScan:
    """All that one layer's bytes yield under one plan."""

    diff_id: str
    """Computed digest of the uncompressed tar, `sha256:...`; of what was read when the stream broke."""
    digest: str
    """Computed digest of the blob as stored; equal to `diff_id` for an uncompressed blob."""
    size: int
    """Uncompressed bytes read."""
    stored_size: int
    """Bytes of the blob as stored."""
    plan: str
    """Fingerprint of the plan it answers."""
    members: MemberTable
    matches: tuple[Match, ...] = ()
    facts: tuple[Fact, ...] = ()
    digests: tuple[MemberDigest, ...] = ()
    """Of the members with matches, in tar order; one that the layer ends within has none."""
    coverage: Coverage = Coverage()
    problems: tuple[Problem, ...] = ()


def decode(name: bytes) -> str:
    """A name of a tar as text: UTF-8, other bytes as surrogate escapes (PEP 383)."""
    return name.decode("utf-8", "surrogateescape")


def encode(name: str) -> bytes:
    """The bytes that `decode` was given."""
    return name.encode("utf-8", "surrogateescape")
