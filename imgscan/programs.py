"""What a container starts, and where programs are looked for: PATH, entry point, wrappers, shells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from posixpath import basename, normpath

from imgscan.evidence import MemberKind
from imgscan.image.image import ImageConfig
from imgscan.overlay import FileVersion, Overlay

# What runtimes set where the config has no PATH (moby: oci/defaults).
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"})
# Programs that only start another one: their own options first, then its command line.
_WRAPPERS = frozenset({"tini", "tini-static", "dumb-init", "env", "exec", "catatonit", "docker-init", "nice", "nohup"})
_OPTIONS_WITH_VALUE = frozenset({"-p", "-e", "-r", "-n", "-u"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_MAX_ARGUMENTS = 256


@dataclass(frozen=True, slots=True)
class Started:
    """One program that an image starts. `path` is where it is found, None where it is not in the image.

    `text` is the shell text where the program is a shell given one (`sh -c TEXT`), else empty.
    """

    name: str
    arguments: tuple[str, ...]
    path: str | None
    version: FileVersion | None
    text: str = ""


def search_path(config: ImageConfig) -> tuple[str, ...]:
    """The directories of PATH, without leading slash, in order. The last PATH of the environment counts."""
    values = [entry.partition("=")[2] for entry in config.env if entry.startswith("PATH=")]
    parts = (values[-1] if values else _DEFAULT_PATH).split(":")
    return tuple(dict.fromkeys(normpath(part).lstrip("/") for part in parts if part.startswith("/")))


def find_program(overlay: Overlay, config: ImageConfig, command: str) -> tuple[str, FileVersion] | None:
    """(path, what it leads to) of a command, as exec would look for it. None where the image has none."""
    if "/" in command:
        whole = command if command.startswith("/") else f"/{config.working_dir}/{command}"
        candidates = [normpath(whole).lstrip("/")]
    else:
        candidates = [f"{directory}/{command}".lstrip("/") for directory in search_path(config)]
    for path in candidates:
        version = overlay.resolve(path)
        if version is not None and version.member.kind is MemberKind.FILE:
            return path, version
    return None


def started_programs(overlay: Overlay, config: ImageConfig) -> Iterator[Started]:
    """What the image's entry point and command start, outermost first: wrappers, then a shell or the program itself.

    A script given to a shell is a program of its own. What a program starts later is not known.
    """
    argv: Sequence[str] = (*config.entrypoint, *config.cmd)[:_MAX_ARGUMENTS]
    while argv:
        name = basename(argv[0])
        found = find_program(overlay, config, argv[0])
        path, version = found or (None, None)
        rest = argv[1:]
        if name in SHELLS:
            text, script = _shell_arguments(rest)
            yield Started(name, tuple(rest), path, version, text)
            argv = script
        else:
            yield Started(name, tuple(rest), path, version)
            argv = _wrapped(rest) if name in _WRAPPERS else ()


def programs_of(overlay: Overlay, config: ImageConfig) -> tuple[Started, ...]:
    """What the image starts, and what its command is: an entry point that is a script mostly runs that in the end."""
    started = tuple(started_programs(overlay, config))
    if not config.entrypoint or not config.cmd:
        return started
    command = started_programs(overlay, replace(config, entrypoint=()))
    return (*started, *(program for program in command if program not in started))


def _shell_arguments(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """(text of -c, command line of a script); one of them is empty."""
    value = False
    for index, argument in enumerate(arguments):
        if value:
            value = False  # of -o: pipefail
        elif argument.startswith("-") and not argument.startswith("--") and "c" in argument:
            return (arguments[index + 1] if index + 1 < len(arguments) else ""), ()
        elif argument.startswith(("-", "+")):
            value = argument.lower().endswith("o") and not argument.startswith("--")
        else:
            return "", arguments[index:]
    return "", ()


def _wrapped(arguments: Sequence[str]) -> Sequence[str]:
    """The command line behind a wrapper's own options and assignments."""
    value = False
    for index, argument in enumerate(arguments):
        if value:
            value = False
        elif argument == "--":
            return arguments[index + 1 :]
        elif argument in _OPTIONS_WITH_VALUE:
            value = True
        elif not argument.startswith("-") and not _ASSIGNMENT.fullmatch(argument):
            return arguments[index:]
    return ()
