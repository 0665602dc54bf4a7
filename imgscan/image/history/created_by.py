"""The grammar of `created_by`.

    entry     =  nop / run / plain / text
    nop       =  shell " #(nop) " 1*" " keyword " " arguments [tail]         classic builder, buildah
    run       =  ["RUN "] [build-args] [shell " "] command [" # buildkit"]   classic builder, buildah, BuildKit
    plain     =  keyword " " arguments [" # buildkit"]                       BuildKit, kaniko
    tail      =  1*("|" name "=" value)                                      buildah, for its cache
    build-args = "|" count 1*(" " name "=" value) " "                        values unquoted, blanks and all
    text      =  whatever else: a command that was committed, another builder's title

The forms are read from BuildKit's dockerfile2llb/convert.go, moby's builder/dockerfile and buildah's
imagebuildah/stage_executor.go. Nothing is expanded and nothing is dropped from a RUN but what the builder added.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from imgscan.image.history.arguments import CONFIG_ONLY, normalise
from imgscan.image.history.builders import BUILDKIT_SUFFIX, identify_builder
from imgscan.image.history.shells import Command, is_interactive_shell, is_shell, split_build_args, split_shell
from imgscan.image.image import Builder, Instruction

KEYWORDS = CONFIG_ONLY | {"ADD", "COPY", "RUN", "WORKDIR"}

_NOP = " #(nop) "
_BUILDAH_TAIL = re.compile(
    r"(?:\|(?:unsetLabel|inheritLabels|unsetAnnotation|inheritAnnotations|force-mtime)=[^|\s]*\s*){1,64}$"
)
# buildah appends the digest of each bind mount, for its cache.
_MOUNT_DIGESTS = re.compile(r"(?::sha256:[0-9a-f]{64}){1,64}$")
_PIPED_SCRIPT = re.compile(r"/dev/pipes/(\S+)\s*")
_KEYWORD = re.compile(r"([A-Za-z]+)(?:[ \t]+|$)")


def parse_created_by(
    created_by: str,
    *,
    comment: str = "",
    author: str = "",
    shell: tuple[str, ...] = (),
    arg_names: Collection[str] = (),
) -> Instruction:
    """The instruction that `created_by` records, whichever builder wrote it; never raises.

    `shell` is the one in effect at this step and `arg_names` the build args declared before it, where known: both
    settle where unquoted text is ambiguous. Text that is no instruction comes back whole, under an empty keyword.
    """
    builder = identify_builder(created_by, comment, author)
    text, tailed = _without_tail(created_by)
    if tailed:
        builder = Builder.BUILDAH
    return (
        _parse_nop(text, builder, shell)
        or _parse_plain(text, builder, shell, arg_names)
        or _parse_classic_run(text, builder, shell, arg_names)
        or Instruction("", created_by, builder=_committed(created_by, builder))
    )


def _without_tail(created_by: str) -> tuple[str, bool]:
    # The tail is searched for in the last part only: it is short, and the text may be huge.
    start = max(created_by.rfind("\n"), len(created_by) - 4096, 0)
    tail = _BUILDAH_TAIL.search(created_by, start)
    if tail is None:
        return created_by, False
    # `COPY file:... in /dst ` ends in a blank of its own; nothing needs it.
    return created_by[: tail.start()].rstrip(" "), True


def _parse_nop(text: str, builder: Builder, shell: tuple[str, ...]) -> Instruction | None:
    prefix, marker, rest = text.partition(_NOP)
    if not marker:
        return None
    stripped = rest.lstrip(" ")
    keyword, arguments = _split_keyword(stripped)
    # SHELL is recorded under the shell it sets: `/my/sh -c #(nop)  SHELL [/my/sh -c]`, whatever program that is.
    sets_itself = keyword == "SHELL" and arguments.rstrip() == f"[{prefix}]"
    if not keyword or not (sets_itself or is_shell(prefix, shell)):
        return None
    if builder is Builder.UNKNOWN:
        builder = Builder.CLASSIC
    # Two blanks are the classic builder's; with one the text may be what somebody wrote (buildah keeps that).
    dumped = builder is not Builder.BUILDAH and rest != stripped
    return _instruction(keyword, arguments, builder, dumped=dumped, nop=True)


def _parse_plain(text: str, builder: Builder, shell: tuple[str, ...], arg_names: Collection[str]) -> Instruction | None:
    """An entry that begins with its keyword. In small letters only kaniko writes it, which keeps the user's."""
    keyword, arguments = _split_keyword(text)
    if not keyword or (builder is not Builder.KANIKO and not text.startswith(keyword)):
        return None
    buildkit = builder is Builder.BUILDKIT
    if buildkit and keyword in {"RUN", "COPY", "ADD"}:
        arguments = arguments.removesuffix(BUILDKIT_SUFFIX)
    if keyword != "RUN":
        return _instruction(keyword, arguments, builder, dumped=buildkit, nop=False)
    if not buildkit:
        return Instruction("RUN", arguments, builder=builder)
    command = split_build_args(arguments, shell, arg_names) or split_shell(arguments, shell) or Command((), arguments)
    return _run(command, builder)


def _parse_classic_run(
    text: str, builder: Builder, shell: tuple[str, ...], arg_names: Collection[str]
) -> Instruction | None:
    command = split_build_args(text, shell, arg_names) or split_shell(text, shell)
    if command is None:
        return None
    mounts = _MOUNT_DIGESTS.search(command.text, max(len(command.text) - 4608, 0))
    if mounts is not None:
        command = command._replace(text=command.text[: mounts.start()])
        builder = Builder.BUILDAH
    return _run(command, Builder.CLASSIC if builder is Builder.UNKNOWN else builder)


def _run(command: Command, builder: Builder) -> Instruction:
    # A heredoc that begins with "#!" runs as a file under /dev/pipes; of its body nothing is kept.
    piped = _PIPED_SCRIPT.fullmatch(command.text)
    if piped is not None:
        return Instruction("RUN", f"<<{piped[1]}", command.shell, command.build_args, builder, recorded=False)
    return Instruction("RUN", command.text, command.shell, command.build_args, builder)


def _instruction(keyword: str, arguments: str, builder: Builder, *, dumped: bool, nop: bool) -> Instruction:
    arguments = normalise(keyword, arguments, dumped=dumped, nop=nop)
    heredoc = keyword in {"COPY", "ADD"} and any(word.startswith("<<") for word in arguments.split()[:-1])
    return Instruction(keyword, arguments, builder=builder, recorded=not heredoc)


def _split_keyword(text: str) -> tuple[str, str]:
    found = _KEYWORD.match(text)
    keyword = found[1].upper() if found is not None else ""
    if found is None or keyword not in KEYWORDS:
        return "", text
    return keyword, text[found.end() :]


def _committed(created_by: str, builder: Builder) -> Builder:
    """`docker commit` records what the container ran; only a bare shell is told from other builders' titles."""
    return Builder.COMMIT if builder is Builder.UNKNOWN and is_interactive_shell(created_by) else builder
