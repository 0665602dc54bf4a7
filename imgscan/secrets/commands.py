"""Passwords on command lines: assignments before a command, and the password options of usual clients.

A tolerant reader of shell words: it knows quotes, escapes, operators and comments, keeps every word's place, and
never fails: an open quote ends with the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_COMMAND = 1 << 20
"""Longer texts are read up to here; a layer's instruction is far shorter."""


@dataclass(frozen=True, slots=True, repr=False)
class Word:
    """A shell word: its text without quotes, and where it stands; `operator` is set for `&&`, `|`, `;`, `>` and so on.

    `source` is what stands between `start` and `end`.
    """

    text: str
    start: int
    end: int
    source: str = ""
    operator: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """A value on a command line. `option` tells a password option from an assignment."""

    name: str
    value: str
    start: int
    end: int
    option: bool


_TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t\r\v\f]|\\\r?\n)+)|(?P<operator>&&|\|\||;;|[;|&\n()]|\d?(?:>>|>|<<<|<<-?|<)(?:&\d)?)|"""
    # `#(nop)` is how the classic builder begins its instructions, not a comment
    r"""(?P<comment>(?<![^\s;&|])\#(?!\(nop\))[^\n]*)|"""
    r"""(?P<word>(?:'[^']*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z)|\\.|[^\s'"\\;|&()<>]|\\\Z)+)|(?P<other>.)""",
    re.DOTALL,
)
_PIECE = re.compile(
    r"""'(?P<single>[^']*)'?|"(?P<double>(?:[^"\\]|\\.)*)"?|\\(?P<escaped>.)|(?P<plain>[^'"\\]+)|\\""", re.DOTALL
)
_DOUBLE_ESCAPE = re.compile(r"\\([\"\\$`])")


def shell_words(text: str) -> Iterator[Word]:
    """The words and operators of a shell text, in order."""
    for match in _TOKEN.finditer(text, 0, LONGEST_COMMAND):
        if match.lastgroup == "operator":
            yield Word(match[0], match.start(), match.end(), match[0], operator=True)
        elif match.lastgroup == "word":
            yield _word(match[0], match.start())


def _word(source: str, start: int) -> Word:
    pieces: list[str] = []
    for piece in _PIECE.finditer(source):
        if piece["double"] is not None:
            pieces.append(_DOUBLE_ESCAPE.sub(r"\1", piece["double"]))
        else:
            pieces.append(piece["single"] or piece["escaped"] or piece["plain"] or "")
    return Word("".join(pieces), start, start + len(source), source)


_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][\w.-]{0,99})=(?P<value>.+)", re.DOTALL)
_LONG_OPTION = re.compile(r"--?(?P<name>[A-Za-z][\w.-]{1,60})(?:=(?P<value>.+))?", re.DOTALL)
_CREDENTIAL_OPTIONS = re.compile(
    r"(?:[a-z]+-)*(?:password|passwd|passphrase|pass|secret|token|api-?key|access-?key|secret-?key|auth-?token|"
    r"secret-access-key|client-secret|requirepass|masterauth)",
    re.IGNORECASE,
)
_NOT_CREDENTIALS = re.compile(r".*(?:stdin|file|prompt|env|no-password|without-password|set-password)", re.IGNORECASE)

# Short password options, per client, from each one's manual page: attached, or as the next word.
_ATTACHED = {
    "mysql": "-p",
    "mysqldump": "-p",
    "mysqladmin": "-p",
    "mysqlimport": "-p",
    "mariadb": "-p",
    "mariadb-dump": "-p",
    "mariadb-admin": "-p",
    "sshpass": "-p",
    "7z": "-p",
    "7za": "-p",
}
_SEPARATE = {
    "redis-cli": "-a",
    "sshpass": "-p",
    "mongo": "-p",
    "mongosh": "-p",
    "mongodump": "-p",
    "mongorestore": "-p",
    "docker": "-p",
    "podman": "-p",
    "buildah": "-p",
    "helm": "-p",
    "ldapsearch": "-w",
    "ldapadd": "-w",
    "ldapmodify": "-w",
    "useradd": "-p",
    "usermod": "-p",
    "sqlcmd": "-P",
    "bcp": "-P",
    "isql": "-P",
    "az": "-p",
    "cqlsh": "-p",
    "influx": "-p",
    "rabbitmqadmin": "-p",
    "unzip": "-P",
    "zip": "-P",
    "smbclient": "-U",
    "curl": "-u",
    "wget": "-u",
    "http": "-a",
}
_LOGIN_ONLY = frozenset({"docker", "podman", "buildah", "helm", "az"})
_USER_AND_PASSWORD = {"curl": frozenset({"-u", "--user", "-U", "--proxy-user"}), "http": frozenset({"-a", "--auth"})}
_WRITERS = frozenset({"echo", "printf"})
_PREFIXES = frozenset(
    {"sudo", "env", "exec", "time", "nohup", "command", "export", "declare", "set", "ENV", "ARG", "RUN"}
)


def passwords_in(text: str) -> Iterator[Found]:
    """All assignments and password options of a shell text; whether a value counts is for the caller to judge."""
    command: list[Word] = []
    for word in shell_words(text):
        if word.operator and word.text[:1] not in {">", "<"} and not word.text[:1].isdigit():
            yield from _of_command(command)
            command = []
        elif not word.operator:
            command.append(word)
    yield from _of_command(command)


def _of_command(words: list[Word]) -> Iterator[Found]:
    program = ""
    for index, word in enumerate(words):
        following = words[index + 1] if index + 1 < len(words) else None
        assignment = None if word.text.startswith("-") else _ASSIGNMENT.fullmatch(word.text)
        if assignment is not None and program in _WRITERS:
            continue
        if assignment is not None:
            yield _found(assignment["name"], assignment["value"], word, option=False)
        elif not word.text.startswith("-"):
            if not program and word.text not in _PREFIXES:
                program = word.text.rpartition("/")[2]
        else:
            yield from _of_option(program, words, word, following)
    yield from _of_program(program, words)


def _of_option(program: str, words: list[Word], word: Word, following: Word | None) -> Iterator[Found]:
    pair = _USER_AND_PASSWORD.get(program, frozenset())
    if word.text in pair and following is not None:
        _, colon, password = following.text.partition(":")
        if colon and password:
            yield _found(f"{program} {word.text}", password, following, option=True)
        return
    attached = _ATTACHED.get(program)
    if (
        attached
        and word.text.startswith(attached)
        and len(word.text) > len(attached)
        and not word.text.startswith("--")
    ):
        yield _found(f"{program} {attached}", word.text[len(attached) :], word, option=True)
        return
    login = program not in _LOGIN_ONLY or any(other.text == "login" for other in words)
    if program not in _USER_AND_PASSWORD and word.text == _SEPARATE.get(program) and following is not None and login:
        yield _found(f"{program} {word.text}", _after_percent(program, following.text), following, option=True)
        return
    option = _LONG_OPTION.fullmatch(word.text)
    if (
        option is None
        or not _CREDENTIAL_OPTIONS.fullmatch(option["name"])
        or _NOT_CREDENTIALS.fullmatch(option["name"])
    ):
        return
    if option["value"]:
        yield _found(option["name"], option["value"], word, option=True)
    elif following is not None and not following.text.startswith("-") and word.text.startswith("--"):
        yield _found(option["name"], following.text, following, option=True)


def _after_percent(program: str, text: str) -> str:
    """smbclient takes `user%password`."""
    return text.partition("%")[2] if program == "smbclient" else text


_INNER = re.compile(r"(?:\\n|(?<![\w.\\-]))(?P<name>[A-Za-z_][\w.-]{0,99})=(?P<value>(?:(?!\\n)[^\s\"'])+)")
_AUTHORIZATION = re.compile(
    r"(?P<name>(?:Proxy-)?Authorization|X-[A-Za-z-]{0,30}(?:Token|Key|Auth|Secret)|Private-Token|Job-Token|Api-?Key)"
    r":[ \t]{0,8}(?:(?:Bearer|Basic|Token|ApiKey)[ \t]{1,8})?(?P<value>[^\s\"'\\]{4,})",
    re.IGNORECASE,
)
_NETRC = re.compile(  # `printf` writes its line breaks as backslash and n
    r"\bmachine(?:\s|\\n)+[^\s\\]{1,255}(?:\s|\\n)+login(?:\s|\\n)+[^\s\\]{1,255}(?:\s|\\n)+"
    r"password(?:\s|\\n)+(?P<value>[^\s\"'\\]+)"
)
_OPENSSL_PASS = re.compile(r"pass:(?P<value>.+)", re.DOTALL)
_CHPASSWD = re.compile(r"(?P<name>[a-z_][\w-]{0,31}):(?P<value>[^\s:]+)")


def _of_program(program: str, words: list[Word]) -> Iterator[Found]:
    """What echo writes (`echo "A=b c=d" > .env`, `echo root:secret | chpasswd`), openssl's `pass:`, HTTP headers."""
    for word in words[1:]:
        for header in _AUTHORIZATION.finditer(word.text):
            yield _found(f"{header['name']} header", header["value"], word, option=True)
        if program in _WRITERS:
            for entry in _NETRC.finditer(word.text):
                yield _found("netrc password", entry["value"], word, option=True)
            for match in _INNER.finditer(word.text):
                yield _found(match["name"], match["value"], word, option=False)
            pair = _CHPASSWD.fullmatch(word.text.removesuffix("\\n"))
            if pair is not None:
                yield _found(f"{pair['name']} password", pair["value"], word, option=False)
        elif program == "openssl" and (given := _OPENSSL_PASS.fullmatch(word.text)) is not None:
            yield _found("openssl pass", given["value"], word, option=True)
        elif program == "htpasswd" and word is words[-1] and any(re.fullmatch(r"-\w*b\w*", w.text) for w in words):
            yield _found("htpasswd", word.text, word, option=True)


def _found(name: str, value: str, word: Word, *, option: bool) -> Found:
    """Places the value: the last time it stands in its word, or the whole word where quotes and escapes hide it."""
    at = word.source.rfind(value)
    start, end = (word.start + at, word.start + at + len(value)) if at >= 0 else (word.start, word.end)
    return Found(name, value, start, end, option)
