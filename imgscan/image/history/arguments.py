"""Arguments as one would write them in a Dockerfile, from the form the builders dump their parsed values in."""

from __future__ import annotations

import re
from collections.abc import Callable

from imgscan.image.history.assignments import ASSIGNING, is_written_pairs, quote_dump
from imgscan.image.history.go_values import (
    read_bare_list,
    read_list,
    read_rune,
    read_strings,
    read_whole_list,
    write_list,
)
from imgscan.image.history.shells import split_shell, split_shell_list

# Instructions that set the config and never touch a file. WORKDIR is none of them: it makes its directory.
CONFIG_ONLY = ASSIGNING | {
    "CMD",
    "ENTRYPOINT",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "MAINTAINER",
    "ONBUILD",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
}

_COPIED = re.compile(r"((?:--\S+ +)*)(\S+) in (.*)", re.DOTALL)
_PORT_MAP = re.compile(r"map\[(.*)\]", re.DOTALL)
_HEALTHCHECK_FIELDS = re.compile(
    r"\{Test:\[(.*)\] Interval:(\S+) Timeout:(\S+) StartPeriod:(\S+)(?: StartInterval:(\S+))? Retries:(-?\d+)\}",
    re.DOTALL,
)
_HEALTHCHECK_OPTIONS = ("interval", "timeout", "start-period", "start-interval")


def normalise(keyword: str, arguments: str, *, dumped: bool, nop: bool) -> str:
    """`arguments` as one would write them.

    `dumped` says that the builder printed parsed values, unquoted; otherwise they may be the user's own text, and what
    reads as such stays. `nop` says that the entry is of the form `#(nop)`, where COPY has the digest of its sources.
    """
    if keyword in ASSIGNING:
        written = not dumped and is_written_pairs(arguments)
        return arguments.strip() if written else quote_dump(keyword, arguments)
    if keyword in {"COPY", "ADD"}:
        return _copied(arguments) if nop else arguments.strip(" ")
    rewrite = _REWRITES.get(keyword)
    rewritten = rewrite(arguments.strip()) if rewrite is not None else None
    return arguments.strip() if rewritten is None else rewritten


def _copied(arguments: str) -> str:
    """`file:<sha256> in /dst ` -> `file:<sha256> /dst`: the names of the sources are not recorded."""
    copied = _COPIED.fullmatch(arguments)
    if copied is None:
        return arguments.strip(" ")
    flags, source, target = copied[1], copied[2], copied[3].strip(" ")
    # `COPY ["file:...", "/my dir"]` is the only way to write a target with blanks.
    return f"{flags}{write_list((source, target))}" if re.search(r"\s", target) else f"{flags}{source} {target}"


def _command(text: str) -> str | None:
    """CMD and ENTRYPOINT: `["a" "b"]` -> `["a", "b"]`; the oldest engines quoted nothing."""
    items = read_whole_list(text)
    if items is not None:
        return write_list(items)
    bare = read_bare_list(text)
    if bare is None or '"' in bare:
        return None
    through_shell = split_shell(bare)
    return write_list((*through_shell.shell, through_shell.text) if through_shell else bare.split())


def _shell(text: str) -> str | None:
    items = read_whole_list(text)
    if items is not None:
        return write_list(items)
    bare = read_bare_list(text)
    return None if bare is None else write_list(split_shell_list(bare))


def _ports(text: str) -> str | None:
    """`map[80/tcp:{}]` (older BuildKit) and `[80/tcp]` (newer) -> `80/tcp`."""
    mapped = _PORT_MAP.fullmatch(text)
    if mapped is not None:
        return " ".join(port.removesuffix(":{}") for port in mapped[1].split())
    return read_bare_list(text)


def _volumes(text: str) -> str | None:
    items = read_whole_list(text)
    return write_list(items) if items is not None else read_bare_list(text)


def _healthcheck(text: str) -> str | None:
    """Both dumps of the health check's settings.

    `&{["CMD-SHELL" "x"] "30s" "0s" "0s" '\\x03'}`: classic builder and older BuildKit, with one duration more since
    start-interval exists. `{Test:[CMD-SHELL x] Interval:30s ... Retries:3}`: newer BuildKit; words of a list unquoted.
    """
    fields = _HEALTHCHECK_FIELDS.fullmatch(text)
    if fields is not None:
        kind, _, command = fields[1].partition(" ")
        test = (kind, command) if kind == "CMD-SHELL" else tuple(fields[1].split())
        return _write_healthcheck(test, fields.group(2, 3, 4, 5), int(fields[6][:9]))
    if not text.startswith(("&{[", "{[")):
        return None
    found = read_list(text, text.index("["))
    if found is None:
        return None
    test, end = found
    durations = read_strings(text[end:])
    return _write_healthcheck(test, durations[:4], read_rune(text[end:]) or 0)


def _write_healthcheck(test: tuple[str, ...], durations: tuple[str | None, ...], retries: int) -> str:
    options = [
        f"--{option}={value}"
        for option, value in zip(_HEALTHCHECK_OPTIONS, durations, strict=False)
        if value and value != "0s"
    ]
    if retries > 0:
        options.append(f"--retries={retries}")
    match test:
        case ("NONE", *_):
            return "NONE"
        case ("CMD-SHELL", *words):
            options.append(f"CMD {' '.join(words)}".strip())
        case ("CMD", *words):
            options.append(f"CMD {write_list(words)}")
        case _:
            pass
    return " ".join(options)


_REWRITES: dict[str, Callable[[str], str | None]] = {
    "CMD": _command,
    "ENTRYPOINT": _command,
    "EXPOSE": _ports,
    "HEALTHCHECK": _healthcheck,
    "SHELL": _shell,
    "STOPSIGNAL": read_bare_list,
    "USER": read_bare_list,
    "VOLUME": _volumes,
}
