"""Bytes that come in pieces, to standard output or to a file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from imgscan.cli import terminal
from imgscan.errors import ImgscanError, UsageError

_TIP = "name a file in a directory that exists and that you may write to"
_PIECE = 1 << 16


def check_target(path: Path, *, force: bool) -> None:
    """Find out before the work that a file could not be written. Raises UsageError.

    What is there is left alone without `force`; with it a file is replaced, and nothing but a file.
    """
    try:
        if path.is_symlink() or path.exists():
            if not path.is_file() or path.is_symlink():
                raise UsageError(f"{path} is there and is no plain file", tip="name another file")
            if not force:
                raise UsageError(f"{path} is there already", tip="name another file, or replace it: --force")
        if not path.name or not path.parent.is_dir():
            raise UsageError(f"cannot write {path}: its directory does not exist", tip=_TIP)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise UsageError(f"cannot write {path}: its directory is read-only", tip=_TIP)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write {path}: {_reason(error)}", tip=_TIP) from error


def write_file(path: Path, pieces: Iterable[bytes], *, force: bool, mode: int = 0o666) -> None:
    """Write a file: under another name first, so that it appears whole; one that came meanwhile stays without `force`.

    `mode` is what the process' mask is applied to.
    """
    mask = os.umask(0)
    os.umask(mask)
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=".imgscan-", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            os.fchmod(file.fileno(), mode & ~mask)
        if force:
            temporary.replace(path)
            temporary = None
        else:
            os.link(temporary, path)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already", tip="name another file, or replace it: --force") from error
    except OSError as error:
        raise ImgscanError(f"cannot write {path}: {_reason(error)}", tip=_TIP) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def check_bag(directory: Path) -> None:
    """Find out before the work that a directory could not be made. Raises UsageError; an empty one is fine."""
    try:
        if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
            raise UsageError(f"{directory} is there and is no directory", tip="name a directory that is not there yet")
        if directory.is_dir() and any(directory.iterdir()):
            raise UsageError(f"{directory} is not empty", tip="name a directory that is not there yet")
        if not directory.name or not os.access(directory.parent, os.W_OK | os.X_OK):
            raise UsageError(f"cannot make {directory}: nothing can be written beside it", tip=_TIP)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot make {directory}: {_reason(error)}", tip=_TIP) from error


def write_bag(directory: Path, files: Iterable[tuple[str, Iterable[bytes]]]) -> None:
    """Make a directory of files, whole or not at all; only its owner may read it. Names are `NAME` or `FOLDER/NAME`."""
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".imgscan-", dir=directory.parent))
        for name, pieces in files:
            file = temporary / name
            file.parent.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.writelines(pieces)
        temporary.rename(directory)  # takes the place of an empty directory, and of nothing else
        temporary = None
    except OSError as error:
        raise ImgscanError(f"cannot make {directory}: {_reason(error)}", tip=_TIP) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(pieces: Iterable[bytes]) -> None:
    """Write to standard output as they come. One that nobody reads any more (`| head`) is no error."""
    if sys.stdout is None:
        return
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        terminal.silence_output()
    except OSError as error:
        terminal.silence_output()
        raise ImgscanError(
            f"cannot write standard output: {_reason(error)}", tip="see whether the disk is full, or write with -o FILE"
        ) from error


def encoded(lines: Iterable[str], encoding: str = "utf-8") -> Iterable[bytes]:
    """Text as bytes, many lines at a time; what the encoding does not have is written as an escape."""
    waiting: list[str] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _PIECE:
            yield "".join(waiting).encode(encoding, "backslashreplace")
            waiting, size = [], 0
    yield "".join(waiting).encode(encoding, "backslashreplace")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
