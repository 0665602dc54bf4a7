"""Commands that start another program as another user: gosu, su-exec, setpriv, s6-setuidgid, runuser, su, ...

An image whose configured user is root may still run its service as another, when its entry point does this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MAX_LINE = 4_096  # characters of a line that are judged

_DROPPERS = (
    *("gosu", "su-exec", "setpriv", "s6-setuidgid", "s6-applyuidgid", "setuidgid", "chpst", "runuser"),
    *("su", "sudo", "doas", "chroot", "capsh", "start-stop-daemon", "setuser"),
)
# A command stands at the start of a line, behind a separator, an opening quote after `=`, or behind a word that
# takes a command. `set --` is how the official images hand over: set -- gosu postgres "$@".
_COMMAND = re.compile(
    # Repetitions are bounded: a hostile line must not cost the square of its length.
    r"(?:^|[;&|({`!]|=[\"']?|\b(?:exec|then|do|else|env|nohup|command)\s|\s--\s)\s{0,16}[\"']?"
    rf"/?(?:[\w.-]{{1,64}}/){{0,8}}(?P<tool>{'|'.join(_DROPPERS)})[\"']?\s+(?P<arguments>[^;&|]{{1,300}})"
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


@dataclass(frozen=True, slots=True)
class PrivilegeDrop:
    """A command that hands over: `user` is a name or number, None where it is a variable; `line` counts from 1."""

    tool: str
    user: str | None
    line: int


def privilege_drops(text: str) -> Iterator[PrivilegeDrop]:
    """The commands of a shell text that start another program as a user who is not literally root."""
    for number, whole in enumerate(text.split("\n"), start=1):
        line = whole[:_MAX_LINE].strip()
        if line.startswith("#"):
            continue
        for command in _COMMAND.finditer(line):
            yield from dropped_by(command["tool"], command["arguments"].split(), number)


def dropped_by(tool: str, arguments: Sequence[str], line: int = 1) -> Iterator[PrivilegeDrop]:
    """What one command drops: nothing or one."""
    if tool not in _DROPPERS:
        return
    option = _USER_OPTION.get(tool)
    found = option.search(" ".join(arguments)) if option else None
    if found:
        operand = found[1]
    elif tool in _NEEDS_OPTION:
        return
    else:
        operand = _first_operand(arguments)
    user = re.split(r"[:\"']", operand.lstrip("\"'"))[0]
    if user and user not in ("root", "0"):
        yield PrivilegeDrop(tool, user if _NAME.fullmatch(user) else None, line)


def _first_operand(arguments: Sequence[str]) -> str:
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
