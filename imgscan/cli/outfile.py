"""Bytes that come in pieces, to standard output or to a file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
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
