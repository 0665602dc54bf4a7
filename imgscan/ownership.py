"""Whose a file is: which package's checksums vouch for its bytes, and whether everybody has that package.

What the databases of dpkg, apk, rpm and pip say is the image's own claim. It is asked as it stood in a layer in which
the file could be seen: a deleted file of a lower layer is judged by the database of then, and removing the database
later changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from typing import Protocol

from imgscan import publishers
from imgscan.evidence import Fact, LayerScan, Match, MemberDigest, MemberKind, encode
from imgscan.overlay import FileVersion, Overlay
from imgscan.package_checksums import MARK, digest_key, path_key, records
from imgscan.report import Policy

EXTRACTORS = ("dpkg", "apk", "rpm", "python_packages", "os_release")
"""The extractors whose facts are asked for."""
_ECOSYSTEMS = {"dpkg": "dpkg", "apk": "apk", "rpm": "rpm", "python_packages": "pip"}


class Standing(IntEnum):
    """How a file stands to the package that lists it; the least is the one that counts."""

    PUBLISHED = 0
    """Its bytes are the package's, and everybody can have the package."""
    UNPUBLISHED = 1
    """Its bytes are the package's, which nothing shows to be public: it may be the image's own code."""
    DIFFERS = 2
    """The package lists its path with another digest."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A package that lists a file: `package` is its name and version, `ecosystem` one of dpkg, apk, rpm, pip."""

    package: str
    ecosystem: str
    standing: Standing


class Evidence(Protocol):
    """What is needed of the evidence."""

    @property
    def scans(self) -> tuple[LayerScan, ...]: ...
    @property
    def overlay(self) -> Overlay: ...
    @property
    def policy(self) -> Policy: ...
    def facts(self, kind: str) -> Iterator[tuple[int, Fact]]: ...


@dataclass(frozen=True, slots=True)
class _Life:
    """The layers at whose end something could be seen: from `start` to before `stop`."""

    start: int
    stop: int

    def shared(self, other: _Life) -> _Life:
        return _Life(max(self.start, other.start), min(self.stop, other.stop))

    @property
    def empty(self) -> bool:
        return self.start >= self.stop

    def meets(self, other: _Life) -> bool:
        return not self.shared(other).empty


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a database's facts, and the file it is from."""

    life: _Life
    path: str
    values: tuple[str | int | None, ...]

    @property
    def texts(self) -> list[str]:
        return [str(value or "") for value in self.values]


@dataclass(frozen=True, slots=True)
class _Package:
    life: _Life
    name: str
    version: str
    published: bool


@dataclass(frozen=True, slots=True)
class _Record:
    """One line of a database: a digest for a path, of the package with this key."""

    life: _Life
    package: tuple[str, str]
    algorithm: str
    digest: bytes


class Ownership:
    """Owners of the files that the scans have digests of: those with a match or a sensitive name.

    With `Policy.trust_packages` off nothing has an owner.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._overlay = evidence.overlay
        self._layers = len(evidence.scans)
        self._policy = evidence.policy
        self._scans = evidence.scans
        trusted = evidence.policy.trust_packages
        self._digests: dict[tuple[int, int], MemberDigest] = {
            (layer, digest.member): digest
            for layer, scan in enumerate(evidence.scans if trusted else ())
            for digest in scan.digests
        }
        self._packages: dict[tuple[str, str], list[_Package]] = {}
        self._records: dict[bytes, set[_Record]] = {}
        self._owners: dict[tuple[int, int], Owner | None] = {}
        self._keys: dict[tuple[int, int], set[bytes]] = {}
        self._unread: Evidence | None = evidence if self._digests else None

    def owner(self, version: FileVersion) -> Owner | None:
        """The package that lists a file, one that vouches for its bytes before one that does not."""
        place = (version.layer, version.member.index)
        if place not in self._owners:
            digest = self._digests.get(place) if version.member.kind is MemberKind.FILE else None
            self._owners[place] = self._find_owner(version, digest) if digest is not None else None
        return self._owners[place]

    def _find_owner(self, version: FileVersion, digest: MemberDigest) -> Owner | None:
        if self._unread is not None:  # 0.1 s for a Debian system, and most images have nothing to ask about
            self._read(self._unread)
            self._unread = None
        life = self._life(version)
        # A database may list one path a million times: each package is judged once.
        claims = {
            (record.package, life.shared(record.life), digest_key(getattr(digest, record.algorithm)) == record.digest)
            for record in self._records.get(path_key(encode(version.path)), ())
            if life.meets(record.life)
        }
        owners = (self._judge(package, shared, vouches=vouches) for package, shared, vouches in claims)
        return min(owners, key=lambda owner: (owner.standing, owner.package), default=None)

    def voucher(self, version: FileVersion, match: Match) -> str:
        """Who vouches that a match is published content, as `by` of what is suppressed; empty where nobody does."""
        owner = self.owner(version)
        if owner is not None and owner.standing is Standing.PUBLISHED:
            return owner.package
        if not self._policy.trust_packages or version.member.kind is not MemberKind.FILE:
            return ""
        return self._compiled_from(version, match) or index_of(version.path)

    def _judge(self, key: tuple[str, str], shared: _Life, *, vouches: bool) -> Owner:
        packages = (package for package in self._packages.get(key, ()) if shared.meets(package.life))
        known = max(packages, key=lambda package: (package.life.start, package.version), default=None)
        name = f"{known.name} {known.version}".strip() if known is not None else key[1].rpartition("/")[2]
        if not vouches:
            standing = Standing.DIFFERS
        else:
            standing = Standing.PUBLISHED if known is not None and known.published else Standing.UNPUBLISHED
        return Owner(name, _ECOSYSTEMS[key[0]], standing)

    def _compiled_from(self, version: FileVersion, match: Match) -> str:
        """What vouches for the source of a .pyc, if the same secret is in it."""
        source = source_of(version.path)
        if not source:
            return ""
        life = self._life(version)
        for candidate in self._overlay.versions(source):
            place = (candidate.layer, candidate.member.index)
            if match.key in self._keys_of(place) and life.meets(self._life(candidate)):
                owner = self.owner(candidate)
                if owner is not None and owner.standing is Standing.PUBLISHED:
                    return f"{owner.package}, compiled from {source}"
        return ""

    def _keys_of(self, place: tuple[int, int]) -> set[bytes]:
        if not self._keys:
            for layer, scan in enumerate(self._scans):
                for match in scan.matches:
                    self._keys.setdefault((layer, match.member), set()).add(match.key)
        return self._keys.get(place, set())

    def _life(self, version: FileVersion) -> _Life:
        """Of the bytes of a version at its path: equal rewrites of it are one with it."""
        first, _ = self._overlay.origin_of(version.layer, version.member.index)
        by_layer = version.fate.by_layer
        return _Life(first, self._layers if by_layer is None else by_layer)

    def _read(self, evidence: Evidence) -> None:
        """Only records of the paths that may be asked for are kept."""
        wanted = {path_key(self._scans[layer].members.path(member)) for layer, member in self._digests}
        distributions = frozenset(
            str(row[1]) for _, fact in evidence.facts("os_release") for row in fact.rows if row[0] == "ID"
        )
        for ecosystem in _ECOSYSTEMS:
            rows = list(self._rows(evidence, ecosystem))
            direct = [row for row in rows if row.values[0] == "direct"]
            for row in rows:
                if row.values[0] == "package":
                    package = self._package(ecosystem, row, direct, distributions)
                    self._packages.setdefault(_key(ecosystem, row), []).append(package)
                elif row.values[0] == MARK:
                    _, _, algorithm, packed = row.texts
                    for where, digest in records(packed):
                        if where in wanted:
                            record = _Record(row.life, _key(ecosystem, row), algorithm, digest)
                            self._records.setdefault(where, set()).add(record)

    def _rows(self, evidence: Evidence, ecosystem: str) -> Iterator[_Row]:
        for layer, fact in evidence.facts(ecosystem):
            version = self._overlay.version_of(layer, fact.member)
            if version.member.kind is not MemberKind.FILE:
                continue  # a whiteout with content hides a database and is none
            life = self._life(version)
            if not life.empty:
                for values in fact.rows:
                    yield _Row(life, version.path, values)

    def _package(self, ecosystem: str, row: _Row, direct: list[_Row], distributions: frozenset[str]) -> _Package:
        """What is known of a package, from the row of its extractor; `direct` are the rows of PEP 610."""
        values = row.texts
        name, version = (values[2], values[3]) if ecosystem == "python_packages" else (values[1], values[2])
        if ecosystem == "dpkg":
            public = publishers.is_public_deb(name, values[5], values[4])
        elif ecosystem == "apk":
            public = publishers.is_public_apk(name, values[5], values[4], distributions)
        elif ecosystem == "rpm":
            public = publishers.is_public_rpm(values[4])
        else:
            from_path = any(other.values[1] == values[1] and other.life.meets(row.life) for other in direct)
            public = publishers.is_public_wheel(name, direct=from_path)
        if self._named(name, self._policy.public_packages):
            public = True
        if self._named(name, self._policy.own_packages):
            public = False
        return _Package(row.life, name, version, public)

    @staticmethod
    def _named(name: str, globs: tuple[str, ...]) -> bool:
        """Whether a package is named by a glob; case and Python's `-`, `_` and `.` make no difference."""
        return any(fnmatchcase(publishers.python_name(name), publishers.python_name(glob)) for glob in globs)


def _key(ecosystem: str, row: _Row) -> tuple[str, str]:
    """What joins a package's rows over the files of a database: in status.d their name, elsewhere the package's."""
    if ecosystem == "dpkg" and "/status.d/" in row.path:
        return ecosystem, row.path.removesuffix(".md5sums")
    return ecosystem, row.texts[1]


_BYTECODE = re.compile(r"((?:[^/]+/)*)(?:__pycache__/([^/.]+)\.[\w.-]+\.pyc|([^/.]+)\.py[co])", re.DOTALL)


def source_of(path: str) -> str:
    """The source that a .pyc was compiled from (PEP 3147, or beside it as before); empty for other files."""
    found = _BYTECODE.fullmatch(path)
    return f"{found[1]}{found[2] or found[3]}.py" if found else ""


# Lists that apt and apk fetch: names, versions and descriptions of an archive's packages. apt names a list after where
# it is from; only those of distributions are public. The caches are made of all lists.
_APT_LIST = re.compile(
    r"var/lib/apt/lists/(?:partial/)?([\w.-]+\.)?(debian\.org|ubuntu\.com)_[^/]*"
    r"_(?:Packages|Sources|InRelease|Release|Translation-\w+|Contents-\w+|Components-\w+)(?:\.\w+){0,2}"
)
_APT_CACHE = re.compile(r"var/cache/apt/(?:src)?pkgcache\.bin")
_APK_INDEX = re.compile(r"(?:var/cache/apk|etc/apk/cache)/APKINDEX\.[0-9a-f]{8}\.tar\.gz")


def index_of(path: str) -> str:
    """Which archive's index a file is by its place; empty for other files.

    Nothing vouches for its bytes: a secret put there by hand is set aside, and shown with what is suppressed.
    """
    found = _APT_LIST.fullmatch(path)
    if found:
        return f"apt's index of {found[2]}"
    if _APT_CACHE.fullmatch(path):
        return "apt's cache of its indexes"
    return "apk's index" if _APK_INDEX.fullmatch(path) else ""
