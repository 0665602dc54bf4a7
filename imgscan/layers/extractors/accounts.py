"""The accounts of an image: etc/passwd and etc/group, without hashes."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import Row, bounded


class AccountsExtractor:
    """Rows of etc/passwd: ("user", name, uid, gid, home, shell, password); of etc/group: ("group", name, gid, members).

    `members` is separated by commas. `password` says what field 2 is: `shadow` (x), `empty`, `locked` (* or !) or
    `set`; never the hash. A number that cannot be read is None. Order is that of the file: the first match wins.
    Blank lines, comments and lines without a name are left out, as runtimes do (moby/sys/user).
    """

    name = "accounts"
    version = 1
    paths = "etc/(?:passwd|group)"
    max_size = 1 << 40

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        lines = decode(data).split("\n")
        return bounded(_groups(lines) if path.endswith("group") else _users(lines))


def _fields(lines: list[str]) -> Iterator[list[str]]:
    for line in lines:
        text = line.strip()
        if text and not text.startswith("#"):
            fields = text.split(":")
            if fields[0]:
                yield fields + [""] * (7 - len(fields))


def _users(lines: list[str]) -> Iterator[Row]:
    for name, password, uid, gid, _, home, shell, *_rest in _fields(lines):
        yield ("user", name, _number(uid), _number(gid), home, shell, _password_state(password))


def _groups(lines: list[str]) -> Iterator[Row]:
    for name, _, gid, members, *_rest in _fields(lines):
        yield ("group", name, _number(gid), members)


def _number(text: str) -> int | None:
    """A uid or gid; None where it is not decimal or does not fit 32 bits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        return None
    value = int(text)
    return value if value < 1 << 32 else None


def _password_state(field: str) -> str:
    if field == "x":
        return "shadow"
    if not field:
        return "empty"
    return "locked" if field[0] in "*!" else "set"
