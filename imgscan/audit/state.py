"""The state of an audit: one SQLite file that a run can be killed over at any moment.

WAL and a transaction for each step: what was committed is there, whatever happened after (with synchronous=NORMAL a
power cut may take the last commits, never the file; what they held is done again). One writer: a lock beside the file,
which the operating system gives back when its holder dies.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from secrets import token_bytes
from types import TracebackType
from typing import Any

from imgscan.audit.schema import APPLICATION_ID, MIGRATIONS
from imgscan.errors import ImgscanError, UsageError

_SEALED_PIECE = 1 << 20
_ROWS = 1000
_COMPANIONS = ("", "-wal", "-shm")


class StateError(ImgscanError):
    """The state cannot be read or written."""


class State:
    """An open state. `write` for the one coordinator; readers of other processes come and go."""

    def __init__(self, path: Path, connection: sqlite3.Connection, key: bytes, lock: int | None) -> None:
        self.path = path
        self.key = key
        """Keys the ids of secrets across the registry: the user's (IMGSCAN_KEY), else one drawn when it was made."""
        self._connection = connection
        self._lock = lock
        self._sealing_key = b""
        self._sealing_key = bytes(self.one("SELECT value FROM meta WHERE name = 'sealing key'")[0])

    @classmethod
    def open(cls, path: Path, key: bytes | None = None) -> State:
        """Open or begin a state, for writing.

        UsageError for a file that is none of ours, is of a newer imgscan, is another audit's at the moment, or was
        made under another key. StateError for a damaged one, which is moved aside first.
        """
        if path.is_symlink():
            # By whatever name: the lock and SQLite's companions stand beside the file itself.
            path = Path(os.path.realpath(path))
        lock = _locked(path)
        try:
            with _told(path, mine=True):
                connection = _prepared(path)
                try:
                    return cls(path, connection, _chosen_key(connection, path, key), lock)
                except BaseException:
                    connection.close()
                    raise
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def read(cls, path: Path, key: bytes) -> State:
        """A reader in another process, while the coordinator has the state open."""
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        return cls(path, connection, key, None)

    # --- asking and telling

    def all(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._told():
            return self._connection.execute(query, values).fetchall()

    def each(self, query: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, one by one."""
        with self._told():
            cursor = self._connection.execute(query, values)
        while rows := self._some(cursor):
            yield from rows

    def _some(self, cursor: sqlite3.Cursor) -> list[tuple[Any, ...]]:
        with self._told():
            return cursor.fetchmany(_ROWS)

    def named(self, query: str, values: Sequence[object] = ()) -> Iterator[dict[str, Any]]:
        """The rows of a query, by the names of their columns."""
        with self._told():
            cursor = self._connection.execute(query, values)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    def one(self, query: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
        """The one row of a query that has one."""
        (row,) = self.all(query, values)
        return row

    def maybe(self, query: str, values: Sequence[object] = ()) -> tuple[Any, ...] | None:
        """The first row, if there is any."""
        with self._told():
            row: tuple[Any, ...] | None = self._connection.execute(query, values).fetchone()
            return row

    def do(self, statement: str, values: Sequence[object] = ()) -> int:
        """Run a statement; the id of the row it put in. Inside `transaction()` unless one statement is all."""
        with self._told():
            return self._connection.execute(statement, values).lastrowid or 0

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """A statement for many rows."""
        with self._told():
            self._connection.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing of it, also when the process is killed inside."""
        with self._told():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk may have ended it already
                self._connection.execute("ROLLBACK")
            raise
        with self._told():
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    # --- documents and scans, which hold strings as the images have them

    def seal(self, data: bytes, name: str) -> bytes:
        """Hide bytes from whoever searches the file for secrets, or show them again: no plaintext is written.

        A keystream from the state's key and what the bytes are called; no shelter from somebody who studies the file.
        """
        pieces = []
        for number, start in enumerate(range(0, len(data), _SEALED_PIECE)):
            piece = data[start : start + _SEALED_PIECE]
            stream = hashlib.shake_256(self._sealing_key + f"{number} {name}".encode()).digest(len(piece))
            mixed = int.from_bytes(piece, "little") ^ int.from_bytes(stream, "little")
            pieces.append(mixed.to_bytes(len(piece), "little"))
        return b"".join(pieces)

    def put_document(self, digest: str, data: bytes) -> None:
        """Keep a manifest, config or statement whose digest was verified."""
        self.do("INSERT OR IGNORE INTO documents VALUES (?, ?)", (digest, self.seal(data, digest)))

    def document(self, digest: str) -> bytes | None:
        row = self.maybe("SELECT data FROM documents WHERE digest = ?", (digest,))
        return self.seal(row[0], digest) if row is not None else None

    def _told(self) -> AbstractContextManager[None]:
        return _told(self.path, mine=self._lock is not None)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> State:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _locked(path: Path) -> int:
    """The lock of a state. Not on the file itself: whoever closes a database gives all its POSIX locks back."""
    lock = path.with_name(path.name + ".lock")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "it is no file")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _no_place(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise UsageError(
            f"another audit is working on the state {path}",
            tip="wait for it, or give this one a state of its own: --state FILE",
        ) from error
    return descriptor


def _no_place(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"the state {path} cannot be kept there: {error.strerror or error}",
        tip="name a file in a directory that you may write to: --state FILE",
    )


def _prepared(path: Path) -> sqlite3.Connection:
    """A connection to a state of this version's form, made or migrated where it was not."""
    if path.exists() and path.stat().st_size:
        _refuse_what_is_not_ours(path)
    # Nobody else may look at it: it tells where a company's secrets are.
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise _no_place(path, error) from error
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_what_is_not_ours(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != APPLICATION_ID and tables:
            raise UsageError(f"{path} is a database, but no state of an audit", tip="name another file: --state FILE")
        if version > len(MIGRATIONS):
            raise UsageError(
                f"the state {path} has form {version}; this imgscan knows up to {len(MIGRATIONS)}",
                tip="use the imgscan that wrote it or a newer one, or another --state FILE",
            )
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            # Gigabytes, and what is in them is verified when it is used.
            if name in ("scan_data", "documents"):
                continue
            (told,) = connection.execute("SELECT quick_check FROM pragma_quick_check(?)", (name,)).fetchone()
            if told != "ok":
                raise sqlite3.DatabaseError(told)


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a state up to date, one migration and its number in one transaction each."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        # executescript would commit first: the pieces are run one by one. No statement of ours has a semicolon inside.
        for statement in filter(str.strip, script.split(";")):
            connection.execute(statement)
        if not version and number == 1:
            connection.execute("INSERT INTO meta VALUES ('sealing key', ?)", (token_bytes(32),))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def _chosen_key(connection: sqlite3.Connection, path: Path, key: bytes | None) -> bytes:
    """The key of the secrets' ids: the first run decides, as ids under two keys cannot be compared."""
    known = dict(connection.execute("SELECT name, value FROM meta WHERE name IN ('key', 'key check')"))
    if not known:
        name, value = ("key check", _check(key)) if key is not None else ("key", token_bytes(32))
        connection.execute("INSERT INTO meta VALUES (?, ?)", (name, value))
        return key if key is not None else value
    if key is None and "key" in known:
        return bytes(known["key"])
    if key is not None and hmac.compare_digest(known.get("key check", b""), _check(key)):
        return key
    made = "under another IMGSCAN_KEY" if "key check" in known else "without IMGSCAN_KEY"
    raise UsageError(
        f"the state {path} was made {made}: its ids of secrets would not be equal",
        tip="set IMGSCAN_KEY as it was then, or name another file: --state FILE",
    )


def _check(key: bytes) -> bytes:
    return hmac.digest(key, b"imgscan audit state", "sha256")


@contextmanager
def _told(path: Path, *, mine: bool) -> Iterator[None]:
    """Errors of the database as errors of ours: full disks, lost permissions, damage.

    Who has the lock (`mine`) puts a damaged file aside; readers leave it alone.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(path, error, aside=mine) from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise StateError(
                f"the state {path} cannot be written: {error}",
                tip="make room on that disk and run the same command again: what was finished is kept",
            ) from error
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY):
            raise StateError(
                f"the state {path} cannot be opened for writing: {error}", tip="name another file: --state FILE"
            ) from error
        if type(error) is sqlite3.DatabaseError and not code:  # quick_check's own words
            raise _damaged(path, error, aside=mine) from error
        raise


def _damaged(path: Path, error: sqlite3.Error, *, aside: bool) -> StateError:
    """Put a damaged state, with what SQLite keeps beside it, where nothing overwrites it; the error to raise."""
    for number in range(1, 1000 if aside else 1):
        kept = path.with_name(f"{path.name}.damaged-{number}")
        try:
            os.link(path, kept)  # unlike a rename, this never replaces another file
        except FileExistsError:
            continue
        except OSError:
            break
        path.unlink()
        for suffix in _COMPANIONS[1:]:
            with suppress(OSError):
                path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
        return StateError(
            f"the state {path} is damaged ({error}); it was kept as {kept.name}",
            tip="run the same command again to begin a new one: all layers are fetched again",
        )
    return StateError(f"the state {path} is damaged ({error})", tip="move it away, or name another file: --state FILE")
