"""Where a document goes: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgscan.cli.outfile import encoded, write_bytes
from imgscan.cli.terminal import OutputError, write_output
from imgscan.errors import ImgscanError, UsageError
from imgscan.renderers import RENDERERS

FORMATS = tuple(name for name, _ in RENDERERS)
_LAYOUT = (("oci-layout",), ("index.json",), ("blobs",))
"""What an OCI layout directory consists of (image-spec, image-layout.md)."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One document: its format, and the file it goes to; None for standard output."""

    format: str
    path: Path | None = None


def parse_destinations(
    formats: list[str], output: str | None, known: Sequence[str] = FORMATS
) -> tuple[Destination, ...]:
    """What `--format FORMAT`, `--format FORMAT=FILE` and `--output FILE` ask for, in order; `known` are the formats.

    `-` as a file is standard output. At most one document goes there, and none goes where another does.
    """
    found = [_destination(text, known) for text in formats] or [Destination("table")]
    loose = [destination for destination in found if destination.path is None]
    if len(loose) > 1:
        names = " and ".join(destination.format for destination in loose)
        raise UsageError(
            f"{names} cannot both go to standard output",
            tip=f"give one of them a file: --format {loose[0].format}=FILE",
        )
    if output is not None and output != "-":
        if not loose:
            raise UsageError(
                "--output has nothing to write: every --format has a file of its own", tip="leave --output out"
            )
        target = Path(output)
        found = [Destination(each.format, target) if each.path is None else each for each in found]
    targets = [each.path.resolve() for each in found if each.path]
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice is not None:
        raise UsageError(f"two documents would go to {twice}", tip="give each --format a file of its own")
    return tuple(found)


def _destination(text: str, known: Sequence[str]) -> Destination:
    name, equals, path = text.partition("=")
    if name not in known:
        raise UsageError(f"unknown format {name!r}", tip=f"the formats are {', '.join(known)}")
    if equals and not path:
        raise UsageError(f"--format {text} names no file", tip=f"write --format {name}=FILE, or --format {name}")
    return Destination(name, Path(path) if path and path != "-" else None)


def check_writable(destination: Destination, read: Iterable[str | Path | None] = ()) -> None:
    """Find out before a long scan that its result could not be kept. Raises UsageError.

    `read` is what the run reads, as typed: images (those that are no paths do not matter), the policy, a Dockerfile.
    """
    path = destination.path
    if path is None:
        return
    tip = "name a file in a directory that exists and that you may write to"
    try:
        target = path.resolve()
        spared = next((name for name in read if name is not None and _belongs_to(target, str(name))), None)
        if spared is not None:
            raise UsageError(f"cannot write {path}: it is {spared}, which is read", tip="name another file")
        if target.is_dir():
            raise UsageError(f"cannot write {path}: it is a directory", tip=tip)
        if _is_special(path):
            return
        if target.exists() and not os.access(target, os.W_OK):
            raise UsageError(f"cannot write {path}: it is read-only", tip="name another file, or make it writable")
        # Asking os.access of the directory would not tell of a read-only file system or of one that is full.
        descriptor, probe = tempfile.mkstemp(prefix=".imgscan-", dir=target.parent)
        os.close(descriptor)
        Path(probe).unlink()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"cannot write {path}: {_reason(error)}", tip=tip) from error


def _belongs_to(target: Path, name: str) -> bool:
    """Whether a file is what an argument names, or part of the OCI layout that it names."""
    bare = re.sub(r"^(archive|oci):", "", name)
    for text in {name, bare, bare.rpartition(":")[0]} - {""}:  # a path may have a tag behind it
        try:
            known = Path(text).resolve()
            layout = (known / "oci-layout").is_file()
        except (OSError, RuntimeError):
            continue  # too long for a path: a reference
        if known == target and target.is_file():
            return True
        if layout and target.is_relative_to(known) and target.relative_to(known).parts[:1] in _LAYOUT:
            return True
    return False


def deliver(destination: Destination, text: str, *, private: bool) -> None:
    """Write a document where it belongs. A file appears whole or stays what it was; `private` ones are mode 0600."""
    try:
        if destination.path is None:
            write_output(text)
        else:
            _replace(destination.path, [text.encode("utf-8", "backslashreplace")], private=private)
    except (OSError, RuntimeError, OutputError) as error:
        name = destination.path or "standard output"
        raise ImgscanError(
            f"cannot write {name}: {_reason(error)}",
            tip="see whether the disk is full, or run it again with another --output",
        ) from error


def deliver_lines(destination: Destination, lines: Iterable[str]) -> None:
    """Write a document that is made while it is written; like `deliver`, and standard output line by line."""
    if destination.path is None:
        write_bytes(encoded(lines, (sys.stdout and sys.stdout.encoding) or "ascii"))
        return
    try:
        _replace(destination.path, encoded(lines), private=False)
    except (OSError, RuntimeError) as error:
        raise ImgscanError(f"cannot write {destination.path}: {_reason(error)}", tip="try another --output") from error


def _replace(path: Path, data: Iterable[bytes], *, private: bool) -> None:
    if _is_special(path):
        with path.open("wb") as file:
            file.writelines(data)
        return
    target = path.resolve()  # a symlink stays one
    descriptor, name = tempfile.mkstemp(prefix=".imgscan-", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(data)
            os.fchmod(file.fileno(), 0o600 if private else _mode(target))
        temporary.replace(target)
    except BaseException:  # Ctrl-C as well must not leave the temporary file behind
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _mode(target: Path) -> int:
    """The permissions a new file would have, or those of the file that is replaced."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _is_special(target: Path) -> bool:
    """Whether it is a device or a pipe (/dev/null, /dev/stdout, a process substitution): written, not replaced."""
    return target.exists() and not target.is_file()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
