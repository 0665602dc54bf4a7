"""SQLite databases (sqlite.org/fileformat2.html): what a search of the raw pages misses.

Pages hold text as it is, free ones too, so that most of a database is searched with the file's own bytes. Here come
the rows that those cannot show: payloads cut up by overflow pages, text in UTF-16, and values whose name stands
elsewhere: in the column (`users.password`), or in the cell before (`smtp_password | ...`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Damaged, Inner, Opaque
from imgscan.secrets.names import Strength, strength

_LEAF, _INTERIOR = 0x0D, 0x05
_LONGEST_PAYLOAD = 16 << 20
_MOST_TABLES = 10_000
_MOST_COLUMNS = 32_767
_COLUMN = re.compile(r"""[(,]\s*(?:"([^"]{1,128})"|\[([^\]]{1,128})\]|`([^`]{1,128})`|(\w{1,128}))""")
_NOT_COLUMNS = frozenset({"primary", "unique", "foreign", "check", "constraint"})
_SETTING = frozenset(
    {"key", "name", "setting", "option", "property", "variable", "param", "parameter", "config", "item"}
)
_VALUE = frozenset({"value", "val", "data", "content", "text", "setting_value", "option_value", "config_value"})
_SETTING_LINE = re.compile(
    rb"(?P<name>(?:[A-Za-z_][\w.-]{0,60})?(?i:pass|pwd|secret|token|key|auth|cred)[\w.-]{0,40})=(?P<value>[^\s=]\S{3,4000})"
)
_ENCODINGS = {2: "utf-16-le", 3: "utf-16-be"}


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    root: int
    columns: tuple[str, ...]
    all_rows: bool
    """Its rows are told with their columns' names; of others only what overflow pages cut up."""


class SqliteUnpacker:
    """A database's tables, as far as their rows add to what its pages show."""

    name = "SQLite"
    magic = rb"SQLite\x20format\x203\0"
    certain = True
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """The tables in the order of the schema, each a text of rows."""
        database = _Database(content)
        for table in _schema(database):
            yield Inner(table.name, _Rows(database, table))


class _Database:
    """Pages and payloads. Every page is taken once, so that no chain or tree can lead in a circle."""

    def __init__(self, content: Content) -> None:
        head = content.read_at(0, 100)
        size = int.from_bytes(head[16:18], "big")
        self.page_size = 65536 if size == 1 else size
        if len(head) < 100 or self.page_size < 512 or self.page_size & (self.page_size - 1):
            raise Damaged("its header makes no sense")
        self._content = content
        self.usable = self.page_size - head[20]
        self.pages = content.size // self.page_size
        self.encoding = _ENCODINGS.get(int.from_bytes(head[56:60], "big"), "")
        self._taken = bytearray(self.pages + 1)
        if self.usable < 480:
            raise Damaged("its header makes no sense")

    def take(self, number: int) -> bytes:
        """Page `number`, from 1; b"" if there is none or it was taken before."""
        if not 0 < number <= self.pages or self._taken[number]:
            return b""
        self._taken[number] = 1
        return self._content.read_at((number - 1) * self.page_size, self.page_size)

    def payloads(self, root: int) -> Iterator[tuple[bytes, bool]]:
        """The records of a table b-tree in order of its pages, and whether each was cut up by overflow pages."""
        waiting = [root]
        while waiting:
            number = waiting.pop()
            page = self.take(number)
            start = 100 if number == 1 else 0
            if len(page) < start + 12 or page[start] not in (_LEAF, _INTERIOR):
                continue
            leaf = page[start] == _LEAF
            cells = start + (8 if leaf else 12)
            count = int.from_bytes(page[start + 3 : start + 5], "big")
            pointers = page[cells : cells + 2 * count]
            places = [int.from_bytes(pointers[at : at + 2], "big") for at in range(0, len(pointers) - 1, 2)]
            if leaf:
                for place in places:
                    yield from self._payload(page, place)
            else:
                below = [int.from_bytes(page[place : place + 4], "big") for place in places]
                waiting += [int.from_bytes(page[start + 8 : start + 12], "big"), *reversed(below)]

    def _payload(self, page: bytes, at: int) -> Iterator[tuple[bytes, bool]]:
        size, at = _varint(page, at)
        _, at = _varint(page, at)
        if size <= self.usable - 35:
            yield page[at : at + size], False
            return
        if size > _LONGEST_PAYLOAD:
            return
        least = (self.usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (self.usable - 4)
        local = least if local > self.usable - 35 else local
        parts = [page[at : at + local]]
        following = int.from_bytes(page[at + local : at + local + 4], "big")
        left = size - local
        while left > 0:
            more = self.take(following)
            if not more:
                break
            parts.append(more[4 : min(4 + left, self.usable)])
            left -= self.usable - 4
            following = int.from_bytes(more[:4], "big")
        yield b"".join(parts), True


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A value and where it ends; what is not there reads as 0."""
    value = 0
    for index in range(9):
        byte = data[at + index] if at + index < len(data) else 0
        if index == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    return value, at + 9


def _record(payload: bytes) -> Iterator[bytes | None]:
    """A record's text and blob values; numbers and NULL are None."""
    length, at = _varint(payload, 0)
    place = length
    for _ in range(_MOST_COLUMNS):
        if at >= min(length, len(payload)):
            return
        kind, at = _varint(payload, at)
        if kind >= 12:
            size = (kind - 12) // 2
            yield payload[place : place + size]
        else:
            size = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
            yield None
        place += size


def _schema(database: _Database) -> Iterator[_Table]:
    count = 0
    for payload, _ in database.payloads(1):
        values = list(_record(payload))
        if len(values) < 5 or values[0] is None or values[1] is None or values[4] is None:
            continue
        kind, name, statement = (_text(value or b"", database.encoding) for value in (values[0], values[1], values[4]))
        root = _root(payload)
        count += 1
        if kind == "table" and count <= _MOST_TABLES:
            columns = _columns(statement)
            yield _Table(name, root, columns, bool(database.encoding) or _tells(columns))


def _root(payload: bytes) -> int:
    """The fourth value of a row of the schema, the only number in it."""
    length, at = _varint(payload, 0)
    place = length
    for index in range(5):
        kind, at = _varint(payload, at)
        size = (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
        if index == 3:
            return 1 if kind == 9 else int.from_bytes(payload[place : place + size], "big")
        place += size
    return 0


def _columns(statement: str) -> tuple[str, ...]:
    start = statement.find("(")
    found = []
    for match in _COLUMN.finditer(statement[: 64 << 10], max(start, 0)):
        name = next(group for group in match.groups() if group)
        if name.lower() in _NOT_COLUMNS:
            break
        found.append(name)
    return tuple(found)


def _tells(columns: tuple[str, ...]) -> bool:
    names = {column.lower() for column in columns}
    pairs = len(columns) <= 8 and any(_is_setting(name) for name in names) and any(name in _VALUE for name in names)
    return pairs or any(strength(column) is not Strength.NONE for column in columns)


def _is_setting(name: str) -> bool:
    return name in _SETTING or name.rpartition("_")[2] in _SETTING


class _Rows:
    """A table's rows as text: `"column": "value"` a line, or the bare record."""

    def __init__(self, database: _Database, table: _Table) -> None:
        self._payloads = database.payloads(table.root)
        self._encoding = database.encoding
        self._table = table
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        while not self._rest:
            try:
                payload, cut = next(self._payloads)
            except StopIteration:
                return b""
            if self._table.all_rows:
                self._rest = self._row(payload)
            elif cut:
                self._rest = payload + b"\n"
            elif _SETTING_LINE.search(payload):
                self._rest = b"".join(line for value in _record(payload) for line in _settings(value or b""))
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def _row(self, payload: bytes) -> bytes:
        lines = []
        names = self._table.columns
        label = b""
        for index, value in enumerate(_record(payload)):
            if not value:
                continue
            text = _text(value, self._encoding).encode("utf-8", "replace") if self._encoding else value
            column = names[index].lower() if index < len(names) else "value"
            if column in _VALUE and label:
                lines.append(b'"%s": "%s"\n' % (label, text))
            else:
                lines.append(b'"%s": "%s"\n' % (column.encode("utf-8", "replace"), text))
            lines += _settings(text)
            if _is_setting(column):
                label = text[:128].replace(b'"', b"'").replace(b"\n", b" ")
        return b"".join(lines)


def _settings(text: bytes) -> Iterator[bytes]:
    """Lines of a cell that are an assignment, `db_password=...`: quoted, as a database's name promises no settings."""
    for line in text.splitlines():
        found = _SETTING_LINE.fullmatch(line.strip())
        if found is not None and b'"' not in found["value"]:
            yield b'"%s": "%s"\n' % (found["name"], found["value"])


def _text(value: bytes, encoding: str) -> str:
    return value.decode(encoding or "utf-8", "replace")
