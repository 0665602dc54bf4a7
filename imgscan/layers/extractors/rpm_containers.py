"""The three containers of rpm header blobs, read without a database library: the bytes are hostile.

SQLite: https://www.sqlite.org/fileformat2.html, the table Packages alone. NDB: rpm's lib/backend/ndb/rpmpkg.c.
Berkeley DB: a hash database (db_page.h), whose values are overflow pages. Every page is visited at most once and
all records together are no larger than the file, so that no pointer makes a loop and no overlap a bomb.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_MAX_BLOB = 64 << 20
_SQLITE_LEAF, _SQLITE_INTERIOR = 0x0D, 0x05
_PACKAGES_TABLE = re.compile(rb"CREATE TABLE ['\"]?Packages['\"]? ?\(", re.IGNORECASE)


def header_blobs(data: bytes) -> Iterator[bytes]:
    """The package headers of a database, in its order; ValueError where it is none of the three."""
    if not data:
        return
    if data.startswith(b"SQLite format 3\0"):
        blobs = _SqliteFile(data).packages()
    elif data.startswith(b"RpmP"):
        blobs = _ndb(data)
    elif data[12:16] in (b"\x61\x15\x06\x00", b"\x00\x06\x15\x61"):
        blobs = _berkeley(data)
    else:
        raise ValueError("not an rpm database: neither SQLite, NDB nor a Berkeley DB hash")
    left = len(data)
    for blob in blobs:
        left -= len(blob)
        if left < 0:
            raise ValueError("records of an rpm database overlap")
        yield blob


class _SqliteFile:
    """As much of an SQLite database as finding the blobs of one table needs. What a WAL holds is not seen."""

    def __init__(self, data: bytes) -> None:
        size = struct.unpack_from(">H", data, 16)[0]
        self._page_size = 65_536 if size == 1 else size
        if self._page_size < 512:
            raise ValueError("SQLite page size below 512")
        self._usable = self._page_size - data[20]
        if self._usable < 480:
            raise ValueError("SQLite pages without room")
        self._data = data
        self._visited: set[int] = set()

    def packages(self) -> Iterator[bytes]:
        """The blobs of the table Packages, by row id."""
        root = next((root for root in map(_packages_root, self._rows(1)) if root), 0)
        if not root:
            raise ValueError("SQLite database without the table Packages")
        for row in self._rows(root):
            yield from (value for value in _columns(row) if isinstance(value, bytes))

    def _page(self, number: int) -> bytes:
        if number in self._visited or number < 1:
            raise ValueError(f"SQLite page {number} is used twice")
        self._visited.add(number)
        page = self._data[(number - 1) * self._page_size : number * self._page_size]
        if len(page) < self._page_size:
            raise ValueError(f"SQLite page {number} lies beyond the end")
        return page

    def _rows(self, root: int) -> Iterator[bytes]:
        """The records of a table b-tree, in order."""
        todo = [root]
        while todo:
            number = todo.pop()
            page = self._page(number)
            start = 100 if number == 1 else 0
            kind, _, cells = struct.unpack_from(">BHH", page, start)
            if kind == _SQLITE_LEAF:
                for at in struct.unpack_from(f">{cells}H", page, start + 8):
                    yield self._payload(page, at)
            elif kind == _SQLITE_INTERIOR:
                children = [
                    struct.unpack_from(">I", page, at)[0] for at in struct.unpack_from(f">{cells}H", page, start + 12)
                ]
                todo.extend(reversed([*children, struct.unpack_from(">I", page, start + 8)[0]]))
            else:
                raise ValueError(f"SQLite page {number} is not of a table")

    def _payload(self, page: bytes, at: int) -> bytes:
        """A leaf cell's record, overflow pages included."""
        length, at = _varint(page, at)
        _, at = _varint(page, at)
        if length > _MAX_BLOB:
            raise ValueError(f"SQLite record of {length} bytes")
        limit = self._usable - 35
        if length <= limit:
            return page[at : at + length]
        least = (self._usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (self._usable - 4)
        if local > limit:
            local = least
        parts = [page[at : at + local]]
        following = struct.unpack_from(">I", page, at + local)[0]
        missing = length - local
        while missing > 0 and following:
            overflow = self._page(following)
            following = struct.unpack_from(">I", overflow)[0]
            parts.append(overflow[4 : 4 + min(missing, self._usable - 4)])
            missing -= len(parts[-1])
        return b"".join(parts)


def _packages_root(record: bytes) -> int:
    """The root page of the table Packages, if that is what a row of the schema describes; else 0."""
    columns = list(_columns(record))  # type, name, table name, root page, SQL
    if len(columns) < 5 or columns[0] != b"table" or not isinstance(columns[4], bytes):
        return 0
    return columns[3] if isinstance(columns[3], int) and _PACKAGES_TABLE.match(columns[4]) else 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """SQLite's 1 to 9 byte big-endian integer, and where it ends."""
    value = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | data[at], at + 1


_INTEGER_SIZES = (0, 1, 2, 3, 4, 6, 8)


def _columns(record: bytes) -> Iterator[int | bytes | None]:
    """The values of a record; texts as bytes, floats as None."""
    end, at = _varint(record, 0)
    body = end
    while at < min(end, len(record)):
        kind, at = _varint(record, at)
        if kind >= 12:
            size = (kind - 12) // 2
            yield record[body : body + size]
        elif kind <= 6:
            size = _INTEGER_SIZES[kind]
            yield int.from_bytes(record[body : body + size], "big", signed=True) if kind else None
        else:
            size = 8 if kind == 7 else 0
            yield {8: 0, 9: 1}.get(kind)
        body += size


_NDB_PAGE = 4_096
_NDB_SLOT = struct.Struct("<4sIII")
_NDB_BLOB = struct.Struct("<4sIII")


def _ndb(data: bytes) -> Iterator[bytes]:
    """Slots of 16 bytes (magic, package, block offset, block count) fill the first pages; blocks are 16 bytes."""
    slot_pages = struct.unpack_from("<I", data, 12)[0]
    if slot_pages > 2_048:
        raise ValueError(f"NDB database with {slot_pages} slot pages")
    for at in range(32, slot_pages * _NDB_PAGE, _NDB_SLOT.size):
        magic, package, block, _ = _NDB_SLOT.unpack_from(data, at)
        if magic != b"Slot":
            raise ValueError("NDB slot without its magic")
        if not package:
            continue  # a free slot
        magic, number, _, length = _NDB_BLOB.unpack_from(data, block * 16)
        if magic != b"BlbS" or number != package or length > _MAX_BLOB:
            raise ValueError(f"NDB blob of package {package} is not where its slot says")
        start = block * 16 + _NDB_BLOB.size
        yield data[start : start + length]


_HASH, _OVERFLOW = frozenset({2, 13}), 7  # page types: P_HASH_UNSORTED, P_HASH; P_OVERFLOW
_H_OFFPAGE = 3
_PAGE_HEADER = 26


def _berkeley(data: bytes) -> Iterator[bytes]:
    """Hash pages hold pairs of key and value; a header blob is too large for its page and lies on a chain of others."""
    order = "<" if data[12:16] == b"\x61\x15\x06\x00" else ">"
    page_size = struct.unpack_from(f"{order}I", data, 20)[0]
    if page_size < 512 or page_size > 65_536 or page_size & (page_size - 1):
        raise ValueError(f"Berkeley DB page size {page_size}")
    visited: set[int] = set()
    for start in range(page_size, len(data) - page_size + 1, page_size):
        page = data[start : start + page_size]
        entries = struct.unpack_from(f"{order}H", page, 20)[0]
        if page[25] not in _HASH or entries % 2 or _PAGE_HEADER + 2 * entries > page_size:
            continue
        offsets = struct.unpack_from(f"{order}{entries}H", page, _PAGE_HEADER)
        for offset in offsets[1::2]:
            if offset + 12 <= page_size and page[offset] == _H_OFFPAGE:
                number, length = struct.unpack_from(f"{order}II", page, offset + 4)
                parts = []
                missing = min(length, _MAX_BLOB)
                while missing > 0 and number:
                    if number in visited:
                        raise ValueError(f"Berkeley DB page {number} is used twice")
                    visited.add(number)
                    following = data[number * page_size : (number + 1) * page_size]
                    part, number = _overflow(following, order, missing)
                    parts.append(part)
                    missing -= len(part)
                yield b"".join(parts)


def _overflow(page: bytes, order: str, missing: int) -> tuple[bytes, int]:
    """The bytes of an overflow page, and the number of the next one (0: none)."""
    if len(page) < _PAGE_HEADER or page[25] != _OVERFLOW:
        raise ValueError("Berkeley DB value leads to a page that is no overflow page")
    used = struct.unpack_from(f"{order}H", page, 22)[0]
    return page[_PAGE_HEADER : _PAGE_HEADER + min(used, missing)], struct.unpack_from(f"{order}I", page, 16)[0]
