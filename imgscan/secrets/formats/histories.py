"""Histories: command lines that somebody typed, and statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from imgscan.evidence import Confidence
from imgscan.secrets.commands import passwords_in
from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, secret, text_of
from imgscan.secrets.strings import judged_password

_LINE = re.compile(r"[^\r\n]+")
# zsh writes `: time:duration;command`, fish `- cmd: command`.
_HEAD = re.compile(r": \d{1,12}:\d{1,8};|- cmd: |#\d{9,11}\Z")
_LONGEST_LINE = 16 << 10


def read_shell(_: str, data: bytes) -> Iterator[Candidate]:
    """Each line by itself: a quote that is left open hides nothing of the next."""
    text = text_of(data)
    for line in _LINE.finditer(text):
        head = _HEAD.match(line[0])
        start = line.start() + (head.end() if head else 0)
        command = text[start : min(line.end(), start + _LONGEST_LINE)]
        if not _MAY_HOLD.search(command):
            continue
        for found in passwords_in(command):
            candidate = judged_password(found)
            if candidate is not None:
                yield replace(candidate, start=candidate.start + start, end=candidate.end + start)


# Whatever `passwords_in` finds has an assignment or an option before it, or is written by echo.
_MAY_HOLD = re.compile(r"=|(?:^|\s)-|\b(?:echo|printf)\b|pass:")

_STATEMENT = re.compile(
    r"\b(?:password|identified(?:\s|\\040){1,4}(?:with(?:\s|\\040){1,4}\S{1,40}(?:\s|\\040){1,4})?by(?:(?:\s|\\040){1,4}password)?)"
    r"(?:\s|\\040){0,4}[=(]?(?:\s|\\040){0,4}'(?P<value>(?:[^'\n]|''){1,200})'",
    re.IGNORECASE,
)


def read_statements(_: str, data: bytes) -> Iterator[Candidate]:
    """`ALTER ROLE x PASSWORD '...'`, `IDENTIFIED BY '...'`; libedit writes a blank as `\\040`."""
    text = text_of(data)
    for match in _STATEMENT.finditer(text):
        value = match["value"].replace("''", "'").replace("\\040", " ")
        yield secret(
            text,
            "command-password",
            value,
            *match.span("value"),
            name="SQL password",
            confidence=Confidence.MEDIUM,
        )


_REDIS = re.compile(
    r"^\s*(?:auth|config set requirepass)[ \t]+(?:(?P<user>\S{1,100})[ \t]+)?(?P<value>\S{1,200})[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)


def read_redis(_: str, data: bytes) -> Iterator[Candidate]:
    """`AUTH [user] password`."""
    text = text_of(data)
    for match in _REDIS.finditer(text):
        value = match["value"].strip("\"'")
        yield secret(text, "command-password", value, *match.span("value"), name=match["user"] or "AUTH")


HISTORIES: tuple[Format, ...] = (
    Format(
        "shell-history",
        "history of a shell",
        (
            ".bash_history",
            ".zsh_history",
            ".sh_history",
            ".ash_history",
            ".ksh_history",
            ".history",
            ".zhistory",
            ".histfile",
            "fish_history",
            "ConsoleHost_history.txt",
        ),
        read_shell,
        "passwords on command lines and in assignments",
    ),
    Format(
        "database-history",
        "history of a database client",
        (".psql_history", ".mysql_history", ".mariadb_history", ".sqlite_history", ".dbshell", ".pgcli_history"),
        read_statements,
        "passwords in statements",
    ),
    Format("redis-history", "history of redis-cli", (".rediscli_history",), read_redis, "passwords of `AUTH`"),
)
