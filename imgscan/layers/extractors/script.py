"""What an entry point's script does about privileges: whether it hands over to gosu, su-exec, setpriv, ..."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import Row, bounded

_MAX_LINE = 4_096  # characters of a line that are judged

_DROPPERS = (
    "gosu|su-exec|setpriv|s6-setuidgid|s6-applyuidgid|setuidgid|chpst|runuser|su|sudo|doas|chroot|capsh|"
    "start-stop-daemon|setuser|exec-as|fixuid"
)
# A command stands at the start of a line, behind a separator, an opening quote after `=`, or behind a word that
# takes a command. `set --` is how the official images hand over: set -- gosu postgres "$@".
_COMMAND = re.compile(
    # Repetitions are bounded: a hostile line must not cost the square of its length.
    r"(?:^|[;&|({`!]|=[\"']?|\b(?:exec|then|do|else|env|nohup|command)\s|\s--\s)\s{0,16}[\"']?"
    rf"/?(?:[\w.-]{{1,64}}/){{0,8}}(?P<tool>{_DROPPERS})[\"']?\s+(?P<arguments>[^;&|]{{1,300}})"
)
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,31}")
_USER_OPTION = {
    "setpriv": re.compile(r"--reuid[= ]\s*[\"']?(\S+)"),
    "chroot": re.compile(r"--userspec[= ]\s*[\"']?(\S+)"),
    "capsh": re.compile(r"--(?:user|uid)[= ]\s*[\"']?(\S+)"),
    "sudo": re.compile(r"(?:^|\s)(?:-u|--user[= ])\s*[\"']?(\S+)"),
    "doas": re.compile(r"(?:^|\s)-u\s*[\"']?(\S+)"),
    "chpst": re.compile(r"(?:^|\s)-[uU]\s*[\"']?(\S+)"),
    "start-stop-daemon": re.compile(r"(?:^|\s)(?:-c|--chuid[= ])\s*[\"']?(\S+)"),
    "runuser": re.compile(r"(?:^|\s)(?:-u|--user[= ])\s*[\"']?(\S+)"),
}
_NEEDS_OPTION = frozenset({"setpriv", "chroot", "capsh", "sudo", "doas", "chpst", "start-stop-daemon"})
_OPTIONS_WITH_VALUE = frozenset({"-s", "--shell", "-c", "--command", "-g", "--group", "-G", "-w"})


class ScriptExtractor:
    """Rows ("drops", tool, user, line) of a script's commands that start another program as another user.

    `user` is None where it is a variable or an expression; `line` counts from 1. Commands that hand over to root
    are left out. A script without any yields the one row ("script",); a file that is no script yields none.
    """

    name = "script"
    version = 1
    paths = (
        r"(?:[^/]++/)*+(?:[^/]*entry-?point[^/]*|(?:start|run|init|boot|launch|serve|docker)[\w-]*(?:\.sh|\.bash)?|[^/]+\.sh)"
        r"|(?:usr/|usr/local/)?s?bin/[^/]+"
        r"|etc/(?:s6-overlay/s6-rc\.d|services\.d|cont-init\.d|service)/(?:[^/]+/)*[^/]+"
    )
    max_size = 128 << 10
    """No entry point script of the well-known images is larger than 32 KiB."""

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        if not data.startswith(b"#!"):
            return ()
        return bounded((("script",), *privilege_drops(decode(data))))


def privilege_drops(text: str) -> Iterator[tuple[str, str, str | None, int]]:
    """("drops", tool, user, line) for each command of a shell text that starts a program as another user."""
    for number, whole in enumerate(text.split("\n"), start=1):
        line = whole[:_MAX_LINE].strip()
        if line.startswith("#"):
            continue
        for command in _COMMAND.finditer(line):
            drop = dropped_user(command["tool"], command["arguments"].split())
            if drop is not None:
                user = drop or None
                yield ("drops", command["tool"], user, number)


def dropped_user(tool: str, arguments: list[str]) -> str | None:
    """Whom a command hands over to: a name or number, "" where that is not literal, None where it drops nothing."""
    text = " ".join(arguments)
    option = _USER_OPTION.get(tool)
    found = option.search(text) if option else None
    if found:
        user = found[1]
    elif tool in _NEEDS_OPTION:
        return None
    else:
        user = _first_operand(arguments)
    if not user:
        return None
    user = re.split(r"[:\"']", user.lstrip("\"'"))[0]
    if user in ("root", "0"):
        return None
    return user if _NAME.fullmatch(user) else ""


def _first_operand(arguments: list[str]) -> str:
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in _OPTIONS_WITH_VALUE:
            skip = True
        elif argument == "--":
            return ""
        elif not argument.startswith("-"):
            return argument
    return ""
