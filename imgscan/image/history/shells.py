"""Shells in front of a command line, and the build args in front of the shell.

Builders join shell, build args and command with blanks and quote nothing, so the only firm point of such a line is the
shell: the one in effect where it is known, else anything of the form of a shell with its options.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection
from typing import NamedTuple

LINUX_SHELL: tuple[str, ...] = ("/bin/sh", "-c")
WINDOWS_SHELL: tuple[str, ...] = ("cmd", "/S", "/C")

# Repetitions are bounded, so that no text makes a search slower than linear.
_POSIX_NAME = r"(?:[^\s=]*/)?(?:ba|da|a|z|k|mk|fi)?sh"
_POSIX_OPTION = r"[ ](?:[-+]o[ ][a-z]{1,16}|-(?![A-Za-z]{0,16}c)[A-Za-z]{1,16}|\+[A-Za-z]{1,16}|--[a-z-]{1,16})"
_POSIX = rf"{_POSIX_NAME}(?:{_POSIX_OPTION}){{0,16}}[ ]-[A-Za-z]{{0,16}}c[A-Za-z]{{0,16}}"
_CMD = r"(?i:(?:\S*[\\/])?cmd(?:\.exe)?(?:[ ]/[a-bd-z]\S{0,16}){0,8}[ ]/c)"
_POWERSHELL_OPTION = r"[ ]-(?!c(?:ommand)?[ ])[a-z]{1,32}(?:[ ](?!-)[a-z]{1,32})?"
_POWERSHELL = rf"(?i:(?:\S*[\\/])?(?:powershell|pwsh)(?:\.exe)?(?:{_POWERSHELL_OPTION}){{0,8}}[ ]-c(?:ommand)?)"
_SHELL = re.compile(rf"(?:{_POSIX}|{_CMD}|{_POWERSHELL})(?=\s|$)")
_SHELL_AFTER_BLANK = re.compile(rf"(?<=[ ])(?:{_POSIX}|{_CMD}|{_POWERSHELL})(?=[ ])")
_WINDOWS = re.compile(r"(?i:(?:\S*[\\/])?(?:cmd|powershell|pwsh)(?:\.exe)?)(?=\s|$)")
_INTERACTIVE = re.compile(r"(?:\S*/)?(?:ba|da|a|z|k|mk|fi)?sh(?:[ ]-[il]+)?|(?i:cmd|powershell|pwsh)(?:\.exe)?")
_COUNT = re.compile(r"\|(\d{1,6})[ ]")
_NAME = re.compile(r"(?:^|(?<=[ ]))([A-Za-z_][A-Za-z0-9_.-]*)=")


class Command(NamedTuple):
    """A command line taken apart; `shell` is empty where the command went through none."""

    shell: tuple[str, ...]
    text: str
    build_args: tuple[tuple[str, str], ...] = ()


def split_shell(text: str, shell: tuple[str, ...] = ()) -> Command | None:
    """The shell that `text` begins with, and what it was given; None where it begins with none.

    `shell` is the one in effect, matched word by word before any form is guessed.
    """
    known = " ".join(shell)
    if known and text.startswith(known + " "):
        return Command(shell, text[len(known) + 1 :])
    match = _SHELL.match(text)
    if match is None or match.end() == len(text):
        return None
    return Command(tuple(match[0].split(" ")), text[match.end() + 1 :])


def split_shell_list(text: str) -> tuple[str, ...]:
    """The words of an unquoted SHELL: `/bin/bash -o pipefail -c`, or a PowerShell with commands of its own."""
    match = _SHELL.match(text)
    words = tuple(text.split())
    if match is None or _WINDOWS.match(text) is None:
        return words
    # PowerShell's own commands ("$ErrorActionPreference = 'Stop';") are one word of the list, blanks and all.
    rest = text[match.end() :].strip()
    return (*match[0].split(" "), *((rest,) if rest else ()))


def is_shell(text: str, shell: tuple[str, ...] = ()) -> bool:
    """Whether `text` is a shell and its options, with no command."""
    if text == " ".join(shell):
        return True
    match = _SHELL.fullmatch(text)
    # A PowerShell of SHELL carries commands; there the first word has to do.
    return match is not None or (_WINDOWS.match(text) is not None and "\n" not in text)


def is_interactive_shell(text: str) -> bool:
    """`bash`, `/bin/sh`, `powershell`: what a container was running when it was committed."""
    return _INTERACTIVE.fullmatch(text) is not None


def split_build_args(text: str, shell: tuple[str, ...] = (), names: Collection[str] = ()) -> Command | None:
    """Take `|N A=b C=d e SHELL COMMAND` apart; None where `text` does not begin with `|N `.

    `names` are the build args known to be declared. They decide where a value may end, since values are not quoted.
    Docker's N counts the pairs; buildah's counts the blank-separated words.
    """
    counted = _COUNT.match(text)
    if counted is None:
        return None
    count, rest = int(counted[1]), text[counted.end() :]
    if count == 0:
        return split_shell(rest, shell) or Command((), rest)
    starts = [match.start() for match in _NAME.finditer(rest)]
    anchor = _anchor(rest, " ".join(shell), count, starts)
    if anchor is None:
        return _without_shell(rest, count, starts)
    at, end = anchor
    known = " ".join(shell)
    words = shell if rest[at:end] == known else tuple(rest[at:end].split(" "))
    return Command(words, rest[end + 1 :], _pairs(rest[: at - 1] if at else "", count, names))


def _anchor(rest: str, known: str, count: int, starts: list[int]) -> tuple[int, int] | None:
    """Where the shell stands in `rest`: the first place with enough build args before it, else the first place."""
    for places in (_exact(rest, known), [match.span() for match in _SHELL_AFTER_BLANK.finditer(rest)]):
        blanks, counted_to = 0, 0
        for at, end in places:
            blanks += rest.count(" ", counted_to, at)
            counted_to = at
            if bisect_left(starts, at) >= count or blanks == count:
                return at, end
        if places:
            return places[0]
    return None


def _exact(rest: str, known: str) -> list[tuple[int, int]]:
    if not known:
        return []
    pattern = re.compile(rf"(?:^|(?<=[ ])){re.escape(known)}(?=[ ])")
    return [match.span() for match in pattern.finditer(rest)]


def _pairs(region: str, count: int, names: Collection[str]) -> tuple[tuple[str, str], ...]:
    found = list(_NAME.finditer(region))
    if len(found) > count:
        # More `x=` than build args: some stand inside a value. Declared names win, then the first ones.
        declared = [match for match in found if match[1] in names]
        found = declared if len(declared) == count else found[:count]
    ends = [match.start() - 1 for match in found[1:]] + [len(region)]
    return tuple((match[1], region[match.end() : end]) for match, end in zip(found, ends, strict=False))


def _without_shell(rest: str, count: int, starts: list[int]) -> Command:
    """An exec-form command: nothing tells the last value from the command, so it is taken to be one word."""
    if len(starts) < count:
        return Command((), rest)
    last_ends = rest.find(" ", starts[count - 1])
    cut = len(rest) if last_ends < 0 else last_ends
    return Command((), rest[cut + 1 :], _pairs(rest[:cut], count, ()))
