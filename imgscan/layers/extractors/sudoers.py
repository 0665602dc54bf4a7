"""Who may become another user without a password: sudoers(5) and doas.conf(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import Row, bounded


class SudoersExtractor:
    """Rows ("nopasswd", line, who, scope, program).

    `who` is a user, `%group` or alias as written, `ALL` for everybody. `scope` is `all` where every command is
    allowed, else `some`, which may name many. `program` is `sudo` or `doas`; `line` counts from 1. Commands are left
    out: their arguments may be anything. Files in sudoers.d with a dot in their name are ignored, as sudo does.
    """

    name = "sudoers"
    version = 1
    paths = r"(?:usr/)?(?:local/)?etc/(?:sudoers|sudoers\.d/[^/.]*[^/.~]|doas\.conf|doas\.d/[^/]+\.conf)"
    max_size = 1 << 20

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        rows = _doas if "doas" in path.rpartition("etc/")[2] else _sudo
        return bounded(rows(decode(data)))


_SETTINGS = re.compile(r"Defaults(?:([:@>!])\s*(\S+))?\s+(.*)", re.DOTALL)
_ALIAS = re.compile(r"(?:User|Runas|Host|Cmnd|Cmd)_Alias\s")
_TAG = re.compile(r"\b(NOPASSWD|PASSWD)\s*:")
_RUNAS = re.compile(r"\([^)]{0,500}\)")
_LONGEST_WHO = 200


def _sudo(text: str) -> Iterator[Row]:
    for number, line in _lines(text):
        settings = _SETTINGS.fullmatch(line)
        if settings:
            if settings[1] in (None, ":") and re.search(r"(?:^|[\s,])!\s*authenticate\b", settings[3]):
                yield ("nopasswd", number, (settings[2] or "ALL")[:_LONGEST_WHO], "all", "sudo")
            continue
        who, equals, rest = line.partition("=")
        if not equals or _ALIAS.match(line):
            continue
        users = " ".join(who.split()[:-1])  # the last word is the hosts
        scopes = list(_without_password(rest))
        if users and scopes:
            yield ("nopasswd", number, users[:_LONGEST_WHO], "all" if "all" in scopes else "some", "sudo")


def _without_password(rest: str) -> Iterator[str]:
    """The scope of each list of commands behind NOPASSWD; a tag counts until its opposite."""
    parts = _TAG.split(rest)
    for tag, commands in zip(parts[1::2], parts[2::2], strict=True):
        if tag == "NOPASSWD":
            words = _RUNAS.sub(" ", commands).replace(",", " ").split()
            yield "all" if "ALL" in words else "some"


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first line, text) of each entry: continued lines joined, comments taken off."""
    joined, first = "", 0
    for number, line in enumerate(text.split("\n"), start=1):
        first = first or number
        if line.endswith("\\") and len(joined) < 1 << 16:
            joined += f"{line[:-1]} "
            continue
        # `#include` and a `#` before a number (a uid) are no comments; neither says NOPASSWD by itself.
        whole = re.sub(r"(?:^|\s)#(?!\d).*", "", joined + line).strip()
        if whole:
            yield first, whole
        joined, first = "", 0


def _doas(text: str) -> Iterator[Row]:
    for number, line in _lines(text):
        words = line.split()
        if len(words) < 2 or words[0] != "permit" or "nopass" not in words:
            continue
        operands = re.sub(r"\bsetenv\s*\{[^}]*\}", " ", line).split()
        who = next((word for word in operands[1:] if word not in ("nopass", "keepenv", "persist", "nolog")), "")
        if who:
            group = f"%{who[1:]}" if who.startswith(":") else who
            yield ("nopasswd", number, group[:_LONGEST_WHO], "some" if "cmd" in words else "all", "doas")
