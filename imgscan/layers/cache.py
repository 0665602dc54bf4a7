"""Layer scans kept between runs: one file a scan, columnar, never pickle.

What may ask for a scan by a claimed diff_id is the caller's care (docs/architecture.md, Trust). A scan that
did not read everything is not kept. A cache that cannot be read or written is told once and otherwise ignored.

    key                       32 random bytes: the HMAC key of this cache's matches
    scans/HMAC.scan           a LayerScan, see `encode_scan`; named after diff_id and plan under the key, so that a
                              scan whose matches bear another key is never found
    files/IDENTITY.json       what a verified read of a run of bytes in a file gave
    blobs/HEX.json            what a blob with a verified digest gave, however it came
    configs/HEX               a config blob, by its digest, sealed under the key
    matcher-*.hsdb            compiled patterns
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import struct
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imgscan.errors import Effect, Problem
from imgscan.evidence import (
    Confidence,
    Coverage,
    Fact,
    InnerCoverage,
    LayerScan,
    Match,
    MemberDigest,
    MemberTable,
    Part,
    Skip,
    Validation,
)
from imgscan.image.blob import FileBlob

MAGIC = b"imgscan scan 1\n"
SIZE_CAP = 2 << 30
"""Bytes of all files together; the least recently used go first."""
_RACY_NS = 100_000_000  # a file changed later than this before it was read may change again unseen
_KEY_BYTES = 32
_HEADER = struct.Struct("<Q32s")
_COLUMNS = ("kinds", "sizes", "modes", "uids", "gids", "mtimes", "data_offsets", "checksums", "name_ends", "link_ends")


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """A run of bytes in a file that has not changed: device, inode, size, mtime and ctime in ns, offset, length."""

    parts: tuple[int, ...]
    settled: bool
    """The file was old enough when it was looked at for a later change to show."""

    @classmethod
    def of(cls, blob: FileBlob) -> FileIdentity:
        """OSError where the file is gone."""
        status = Path(blob.path).stat()
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        parts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return cls((*parts, blob.offset, blob.size), time.time_ns() - changed > _RACY_NS)

    @property
    def name(self) -> str:
        return hashlib.sha256(repr(self.parts).encode()).hexdigest()[:40]


class ScanCache:
    """The cache in one directory, made with mode 0700 on first use."""

    def __init__(self, directory: Path, secret_key: bytes | None = None) -> None:
        """`secret_key` stands in for the cache's own where ids of secrets must be equal in other places as well."""
        self._directory = directory
        self._key = secret_key
        self.failure = ""
        """Why the cache could not be written, told once; empty where it could."""

    @property
    def directory(self) -> Path:
        return self._directory

    def secret_key(self) -> bytes:
        """The HMAC key of its matches: the one it was given, else its own; a fresh one where that cannot be kept."""
        if self._key is None:
            self._key = self._kept_key()
        return self._key

    def _kept_key(self) -> bytes:
        path = self._directory / "key"
        kept = _read(path)
        if kept is not None and len(kept) == _KEY_BYTES:
            return kept
        if kept is not None:
            _remove(path)
        key = secrets.token_bytes(_KEY_BYTES)
        self._write(path, [key], keep_first=True)
        kept = _read(path)  # another process may have been first
        return kept if kept is not None and len(kept) == _KEY_BYTES else key

    def get(self, diff_id: str, plan: str) -> LayerScan | None:
        """The scan of a layer under a plan; as of an uncompressed blob, since a diff_id knows no other."""
        path = self._scan_path(diff_id, plan)
        data = _read(path)
        if data is None:
            return None
        try:
            scan = decode_scan(data)
        except ValueError:
            return None
        if scan.diff_id != diff_id or scan.plan != plan:
            return None
        _touch(path)
        return replace(scan, digest=scan.diff_id, stored_size=scan.size)

    def put(self, scan: LayerScan) -> None:
        """Keep a scan that read everything; others are not kept."""
        if any(problem.effect is Effect.INCOMPLETE for problem in scan.problems):
            return
        self._write(self._scan_path(scan.diff_id, scan.plan), _parts(scan))

    def find(self, identity: FileIdentity, plan: str) -> LayerScan | None:
        """The scan of the very bytes that a verified read gave, with the digest they have as stored."""
        data = _read(self._directory / "files" / f"{identity.name}.json")
        if data is None:
            return None
        try:
            document = json.loads(data)
        except ValueError:
            return None
        if not isinstance(document, dict) or document.get("identity") != list(identity.parts):
            return None
        diff_id, digest = document.get("diff_id"), document.get("digest")
        if not isinstance(diff_id, str) or not isinstance(digest, str):
            return None
        scan = self.get(diff_id, plan)
        # Another blob with the same content may be compressed in another way.
        return replace(scan, digest=digest, stored_size=identity.parts[-1]) if scan is not None else None

    def put_identity(self, identity: FileIdentity, scan: LayerScan) -> None:
        """Remember what the bytes with this identity are."""
        if identity.settled:
            document = {"identity": list(identity.parts), "diff_id": scan.diff_id, "digest": scan.digest}
            self._write(self._directory / "files" / f"{identity.name}.json", [json.dumps(document).encode()])

    def find_blob(self, digest: str, plan: str) -> LayerScan | None:
        """The scan of a blob that an earlier read verified to have this digest."""
        data = _read(self._blob_path(digest))
        if data is None:
            return None
        try:
            document = json.loads(data)
        except ValueError:
            return None
        if not isinstance(document, dict) or document.get("digest") != digest:
            return None
        diff_id, size = document.get("diff_id"), document.get("stored_size")
        scan = self.get(diff_id, plan) if isinstance(diff_id, str) else None
        return replace(scan, digest=digest, stored_size=size) if scan is not None and isinstance(size, int) else None

    def put_blob(self, scan: LayerScan) -> None:
        """Remember what the blob that was scanned is, by the digest that was computed from it."""
        document = {"digest": scan.digest, "diff_id": scan.diff_id, "stored_size": scan.stored_size}
        self._write(self._blob_path(scan.digest), [json.dumps(document).encode()])

    def config(self, image_id: str) -> bytes | None:
        """A config blob, if its digest is right."""
        algorithm, _, name = image_id.partition(":")
        if algorithm != "sha256" or not _is_hex(name):
            return None
        sealed = _read(self._directory / "configs" / name)
        data = self._seal(sealed, name) if sealed is not None else None
        return data if data is not None and hashlib.sha256(data).hexdigest() == name else None

    def put_config(self, image_id: str, blob: bytes) -> None:
        """Keep a config blob under the digest it has, sealed: ENV may hold secrets, and no plaintext is written."""
        name = hashlib.sha256(blob).hexdigest()
        if image_id == f"sha256:{name}":
            self._write(self._directory / "configs" / name, [self._seal(blob, name)])

    def _seal(self, data: bytes, name: str) -> bytes:
        """Hide bytes from whoever searches or copies the cache's files without its key, or show them again.

        A keystream from the key and the blob's digest; no shelter from somebody who may read the whole directory.
        """
        stream = hashlib.shake_256(self._kept_key() + name.encode()).digest(len(data))
        return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")

    def prune(self, cap: int = SIZE_CAP) -> None:
        """Remove the least recently used files until the rest fits the cap."""
        found = []
        for directory, _, names in os.walk(self._directory):
            for name in names:
                path = Path(directory, name)
                try:
                    status = path.lstat()
                except OSError:
                    continue
                if name != "key":
                    found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found, key=lambda item: (item[0], str(item[2]))):
            if total <= cap:
                break
            try:
                path.unlink()
            except OSError:
                continue
            total -= size

    def _scan_path(self, diff_id: str, plan: str) -> Path:
        name = hmac.digest(self.secret_key(), f"{diff_id} {plan}".encode(), hashlib.sha256).hex()[:40]
        return self._directory / "scans" / f"{name}.scan"

    def _blob_path(self, digest: str) -> Path:
        return self._directory / "blobs" / f"{hashlib.sha256(digest.encode()).hexdigest()[:40]}.json"

    def _write(self, path: Path, data: Sequence[bytes | memoryview], *, keep_first: bool = False) -> None:
        """Atomic: readers see all of it or nothing; a broken or interrupted write leaves no file behind.

        With `keep_first` a file that is there stays.
        """
        temporary: Path | None = None
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent)
            temporary = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(data)
            if keep_first:
                os.link(temporary, path)
            else:
                temporary.replace(path)
        except FileExistsError as error:
            if not keep_first:
                self._failed(error)
        except OSError as error:
            self._failed(error)
        finally:
            if temporary is not None:
                _remove(temporary)

    def _failed(self, error: OSError) -> None:
        self.failure = self.failure or f"the cache in {self._directory} cannot be written: {error.strerror or error}"


def encode_scan(scan: LayerScan) -> bytes:
    """A scan as bytes: magic, length and digest of what follows, a JSON head, the table's columns."""
    return b"".join(_parts(scan))


def _parts(scan: LayerScan) -> list[bytes | memoryview]:
    """The bytes of a scan, none copied: the columns of a million members have 110 MB."""
    table = scan.members
    columns: list[tuple[str, str, memoryview]] = [
        (name, getattr(table, name).typecode, _bytes_of(getattr(table, name))) for name in _COLUMNS
    ]
    columns += [(name, "", memoryview(getattr(table, name))) for name in ("names", "links", "sha256s")]
    head = {
        "byteorder": sys.byteorder,
        "columns": [(name, code, len(data)) for name, code, data in columns],
        "xattrs": [
            (index, [(name, base64.b64encode(value).decode()) for name, value in pairs])
            for index, pairs in table.xattrs.items()
        ],
        "raw_names": [(index, base64.b64encode(name).decode()) for index, name in table.raw_names.items()],
        "scan": [scan.diff_id, scan.digest, scan.size, scan.stored_size, scan.plan],
        "matches": [_match_row(match) for match in scan.matches],
        "digests": [(digest.member, digest.md5, digest.sha1, digest.sha256) for digest in scan.digests],
        "facts": [(fact.kind, fact.member, fact.rows) for fact in scan.facts],
        "coverage": [scan.coverage.members, scan.coverage.scanned, _skips(scan.coverage.skipped)],
        "opaque": _skips(scan.coverage.opaque),
        "inner": _inner_row(scan.coverage.inner),
        "problems": [(p.code, p.message, p.effect, p.path, p.layer) for p in scan.problems],
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    body: list[bytes | memoryview] = [struct.pack("<Q", len(text)), text, *(data for _, _, data in columns)]
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    return [MAGIC, _HEADER.pack(sum(map(len, body)), digest.digest()), *body]


def _bytes_of(column: array[int]) -> memoryview:
    return memoryview(column).cast("B") if column else memoryview(b"")  # an empty view cannot be cast


def decode_scan(data: bytes) -> LayerScan:
    """The inverse of `encode_scan`; ValueError for anything else, another version's form too."""
    try:
        return _decode(data)
    except (KeyError, TypeError, struct.error) as error:
        raise ValueError(f"a scan in another form: {error!r}") from None


def _decode(data: bytes) -> LayerScan:
    start = len(MAGIC) + _HEADER.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise ValueError("no scan")
    length, digest = _HEADER.unpack_from(data, len(MAGIC))
    body = memoryview(data)[start:]
    if len(body) != length or hashlib.sha256(body).digest() != digest:
        raise ValueError("a damaged scan")
    (text_length,) = struct.unpack_from("<Q", body)
    head: dict[str, Any] = json.loads(bytes(body[8 : 8 + text_length]))
    if head["byteorder"] != sys.byteorder:
        raise ValueError("a scan of another machine")
    diff_id, blob_digest, size, stored_size, plan = head["scan"]
    members, scanned, skipped = head["coverage"]
    return LayerScan(
        diff_id=diff_id,
        digest=blob_digest,
        size=size,
        stored_size=stored_size,
        plan=plan,
        members=_decode_table(head, body[8 + text_length :]),
        matches=tuple(_match(row) for row in head["matches"]),
        facts=tuple(Fact(kind, member, tuple(tuple(row) for row in rows)) for kind, member, rows in head["facts"]),
        digests=tuple(MemberDigest(*row) for row in head["digests"]),
        coverage=Coverage(members, scanned, _unskips(skipped), _unskips(head["opaque"]), _inner(head["inner"])),
        problems=tuple(Problem(c, m, Effect(effect), path, layer) for c, m, effect, path, layer in head["problems"]),
    )


def _decode_table(head: dict[str, Any], columns: memoryview) -> MemberTable:
    table = MemberTable()
    at = 0
    for name, code, length in head["columns"]:
        chunk = columns[at : at + length]
        at += length
        if code:
            column = array(code)
            column.frombytes(chunk)
            setattr(table, name, column)
        else:
            setattr(table, name, bytearray(chunk))
    table.xattrs = {
        index: tuple((name, base64.b64decode(value)) for name, value in pairs) for index, pairs in head["xattrs"]
    }
    table.raw_names = {index: base64.b64decode(name) for index, name in head["raw_names"]}
    return table


def _match_row(match: Match) -> list[Any]:
    row = {name: getattr(match, name) for name in Match.__slots__}
    row["key"] = base64.b64encode(match.key).decode()
    row["spellings"] = [(length, base64.b64encode(key).decode()) for length, key in match.spellings]
    return list(row.values())


def _match(row: list[Any]) -> Match:
    values = dict(zip(Match.__slots__, row, strict=True))
    values["key"] = base64.b64decode(values["key"])
    values["confidence"] = Confidence(values["confidence"])
    values["validation"] = Validation(values["validation"])
    values["part"] = Part(values["part"])
    values["spellings"] = tuple((length, base64.b64decode(key)) for length, key in values["spellings"])
    return Match(**values)


def _inner_row(inner: InnerCoverage) -> list[Any]:
    return [inner.members, inner.scanned, _skips(inner.skipped), _skips(inner.opaque)]


def _inner(row: list[Any]) -> InnerCoverage:
    members, scanned, skipped, opaque = row
    return InnerCoverage(members, scanned, _unskips(skipped), _unskips(opaque))


def _skips(skips: tuple[Skip, ...]) -> list[tuple[str, int, int]]:
    return [(skip.reason, skip.count, skip.bytes) for skip in skips]


def _unskips(rows: list[list[Any]]) -> tuple[Skip, ...]:
    return tuple(Skip(*row) for row in rows)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        return


def _is_hex(text: str) -> bool:
    return len(text) == 64 and all(character in "0123456789abcdef" for character in text)
