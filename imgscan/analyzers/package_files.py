"""Files of packages that are not what their package brought: changed after it was installed.

Digests are known of some files only (programs that everybody trusts, programs with rights of their own, files with a
match): those are compared with the package's. Of all others it is known when their bytes changed: a file that a later
layer replaced, while the package's records stayed as they were, is no longer the package's.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from imgscan.analyzers.analyzer import Evidence
from imgscan.evidence import MemberKind, encode
from imgscan.overlay import FateKind, FileVersion
from imgscan.ownership import EXTRACTORS as OWNERSHIP_EXTRACTORS
from imgscan.ownership import Ownership, Standing
from imgscan.package_checksums import MARK, path_key, records

EXTRACTORS = OWNERSHIP_EXTRACTORS
_DATABASES = ("dpkg", "apk", "rpm")
# Where packages put what nobody is meant to change; settings (etc/) and state (var/) are.
_PLACES = (b"usr/", b"bin/", b"sbin/", b"lib/", b"lib32/", b"lib64/", b"libx32/", b"opt/", b"boot/")
_DIVERTED = (".distrib", ".dpkg-divert", ".orig", ".real", ".diverted")
"""What dpkg-divert moves a package's file to; another package's is then at its path."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file in the final file system, the package that lists it, and whether its digest says that it differs.

    Without, a layer above the package's replaced it.
    """

    version: FileVersion
    package: str
    by_digest: bool


def changed_files(evidence: Evidence) -> list[Change]:
    """Each once, by path."""
    found = {change.version.path: change for change in _replaced(evidence)}
    found.update((change.version.path, change) for change in _differing(evidence))
    return [found[path] for path in sorted(found)]


def _differing(evidence: Evidence) -> Iterator[Change]:
    ownership = Ownership(evidence)
    for layer, scan in enumerate(evidence.scans):
        for digest in scan.digests:
            version = evidence.overlay.version_of(layer, digest.member)
            if not version.present or not scan.members.path(digest.member).startswith(_PLACES):
                continue
            owner = ownership.owner(version)
            if owner is None or owner.standing is not Standing.DIFFERS or owner.ecosystem not in _DATABASES:
                continue
            if not any(evidence.overlay.final(f"{version.path}{suffix}") for suffix in _DIVERTED):
                yield Change(version, owner.package, by_digest=True)


def _replaced(evidence: Evidence) -> Iterator[Change]:
    overlay = evidence.overlay
    candidates: dict[bytes, tuple[FileVersion, int]] = {}
    for path in _overwritten(evidence):
        version = overlay.final(path)
        if version is not None and version.member.kind is MemberKind.FILE:
            first, _ = overlay.origin_of(version.layer, version.member.index)
            candidates[path_key(encode(path))] = version, first
    if not candidates:
        return
    before: dict[bytes, set[bytes]] = {}
    after: dict[bytes, set[bytes]] = {}
    packages: dict[bytes, str] = {}
    for where, digest, layer, package in _records(evidence, candidates.keys()):
        known = before if layer < candidates[where][1] else after
        known.setdefault(where, set()).add(digest)
        packages.setdefault(where, package)
    for where, digests in before.items():
        # Records that changed with the file are an upgrade.
        if after.get(where, digests) <= digests:
            yield Change(candidates[where][0], packages[where], by_digest=False)


def _overwritten(evidence: Evidence) -> set[str]:
    """Paths in packages' places of files that a layer above theirs has other bytes for."""
    paths = set()
    for layer, member, fate, by_layer in evidence.overlay.places():
        if fate is FateKind.OVERWRITTEN and by_layer != layer:
            table = evidence.scans[layer].members
            if table.kinds[member] == MemberKind.FILE and table.path(member).startswith(_PLACES):
                paths.add(table[member].path)
    return paths


def _records(evidence: Evidence, wanted: Container[bytes]) -> Iterator[tuple[bytes, bytes, int, str]]:
    """(path key, digest, layer of the database, package) of the records of wanted paths."""
    for kind in _DATABASES:
        for layer, fact in evidence.facts(kind):
            for row in fact.rows:
                if row[0] == MARK:
                    for where, digest in records(str(row[3])):
                        if where in wanted:
                            yield where, digest, layer, str(row[1])
