"""A Dockerfile, read as BuildKit's parser reads it: instructions with their lines, in their stages.

Continued lines are joined, comments and blank lines inside them dropped, heredocs kept apart; nothing is expanded. The
rules are those of moby/buildkit, frontend/dockerfile/parser and docs.docker.com, "Dockerfile reference".
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from imgscan.errors import UsageError

MAX_SIZE = 1 << 20
"""Characters of a Dockerfile; BuildKit takes no line longer than 64 KiB."""

HEREDOC = re.compile(r"""(?<!\S)\d*<<(-?)(["']?)([^\s<"']+)\2(?!\S)""")
_DIRECTIVE = re.compile(r"#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*")
_KEYWORD = re.compile(r"\s*([A-Za-z]+)(?:\s+|$)")
_FROM = re.compile(r"((?:--\S+\s+)*)(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
_TIP = "name the Dockerfile that the image was built from"


@dataclass(frozen=True, slots=True)
class WrittenInstruction:
    """An instruction as it stands in a Dockerfile: one logical line.

    `keyword` is upper case. `line` and `end_line` count from 1. `heredocs` are (name, body) in order, a body with all
    its line ends, leading tabs dropped where `<<-` says so.
    """

    keyword: str
    arguments: str
    line: int
    end_line: int
    heredocs: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> tuple[str, ...] | None:
        """The words of a list (`["a", "b"]`, flags before it left out); None for any other form."""
        return json_words(without_flags(self.arguments))


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: what stands between one FROM and the next. `base` is not expanded; `name` is empty where it has none."""

    base: str
    name: str
    line: int
    instructions: tuple[WrittenInstruction, ...]


@dataclass(frozen=True, slots=True)
class WrittenDockerfile:
    """A whole Dockerfile; `path` is what reports call it. `arguments` are the ARGs before the first FROM."""

    path: str
    escape: str
    arguments: tuple[WrittenInstruction, ...]
    stages: tuple[Stage, ...]


def parse_dockerfile(text: str, path: str, *, typed: str = "") -> WrittenDockerfile:
    """The stages of a Dockerfile. Raises UsageError for what is none: too long, binary, or without a FROM.

    `typed` is what the user calls it, where that is not `path`.
    """
    name = typed or path
    if len(text) > MAX_SIZE or "\0" in text:
        raise UsageError(f"{name} is no Dockerfile: it is binary or longer than {MAX_SIZE:,} characters", tip=_TIP)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    escape = _escape(lines)
    before: list[WrittenInstruction] = []
    stages: list[tuple[WrittenInstruction, list[WrittenInstruction]]] = []
    for instruction in _instructions(lines, escape):
        if instruction.keyword == "FROM":
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        else:
            before.append(instruction)
    if not stages:
        raise UsageError(f"{name} is no Dockerfile: it has no FROM", tip=_TIP)
    return WrittenDockerfile(
        path=path,
        escape=escape,
        arguments=tuple(instruction for instruction in before if instruction.keyword == "ARG"),
        stages=tuple(_stage(head, instructions) for head, instructions in stages),
    )


def without_flags(arguments: str) -> str:
    """`--chown=1:1 --from=build a b` -> `a b`."""
    rest = arguments.lstrip()
    while rest.startswith("--") and not rest.startswith("-- "):
        _, blank, after = rest.partition(" ")
        if not blank:
            return ""
        rest = after.lstrip()
    return rest


def json_words(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON list; None where `text` is none. Builders take such text as a command line then."""
    if not text.lstrip().startswith("["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and all(isinstance(word, str) for word in found):
        return tuple(found)
    return None


def _escape(lines: list[str]) -> str:
    """The escape character; directives stand before everything else, comments included."""
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None:
            break
        if directive[1].lower() == "escape" and directive[2] in ("\\", "`"):
            return directive[2]
    return "\\"


def _instructions(lines: list[str], escape: str) -> list[WrittenInstruction]:
    # A line goes on where it ends in one escape character, not in two.
    continued = re.compile(rf"(?:^|(?<=[^{re.escape(escape)}])){re.escape(escape)}[ \t]*$")
    found = []
    at = 0
    while at < len(lines):
        first, parts, going_on = at, list[str](), True
        while going_on and at < len(lines):
            line = lines[at]
            at += 1
            if line.lstrip().startswith("#") or (parts and not line.strip()):
                continue
            end = continued.search(line)
            if not parts:
                first = at - 1
            parts.append(line[: end.start()] if end else line)
            going_on = end is not None
        logical = "".join(parts).strip()
        keyword = _KEYWORD.match(logical)
        if keyword is None:
            continue
        name, arguments = keyword[1].upper(), logical[keyword.end() :]
        heredocs, at = _heredocs(name, arguments, lines, at)
        found.append(WrittenInstruction(name, arguments, first + 1, at, heredocs))
    return found


def _heredocs(keyword: str, arguments: str, lines: list[str], at: int) -> tuple[tuple[tuple[str, str], ...], int]:
    """The bodies that follow an instruction, and the index of the line after them."""
    if keyword == "ONBUILD":
        keyword, _, arguments = arguments.partition(" ")
    if keyword.upper() not in ("RUN", "COPY", "ADD") or json_words(without_flags(arguments)) is not None:
        return (), at
    bodies = []
    start = at
    for marker in HEREDOC.finditer(arguments):
        body = []
        while at < len(lines):
            line = lines[at].lstrip("\t") if marker[1] else lines[at]
            at += 1
            if line == marker[3]:
                break
            body.append(line + "\n")
        else:
            return (), start  # never ended: it was none
        bodies.append((marker[3], "".join(body)))
    return tuple(bodies), at


def _stage(head: WrittenInstruction, instructions: list[WrittenInstruction]) -> Stage:
    parts = _FROM.fullmatch(head.arguments)
    base, name = (parts[2], parts[3] or "") if parts is not None else (head.arguments, "")
    return Stage(base, name, head.line, tuple(instructions))
