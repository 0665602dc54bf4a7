"""From a member that is a container to the files in it, and in those: depth first, in stored order."""

from __future__ import annotations

from io import BytesIO

from imgscan.errors import Effect, ProblemLog
from imgscan.evidence import InnerCoverage, Skip
from imgscan.image.blob import Readable
from imgscan.layers.inner_search import InnerPiece, InnerSearch
from imgscan.layers.unpack import SNIFF, unpacker_of
from imgscan.layers.unpack.budget import Budget, Exhausted
from imgscan.layers.unpack.content import CHUNK, Content, Joined, Spool, StreamedContent
from imgscan.layers.unpack.unpacker import Damaged, Form, Inner, Opaque, Unpacker

SEPARATOR = "!/"
"""Between the path of a container and of what is in it."""
_SMALL = 32 << 10
_LONGEST_PART = 1024  # characters of one path in an inner path; the end of a longer one tells more
_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".z")


class InnerWalk:
    """Opens members of one layer in tar order, gives what is in them to the search, and keeps the account."""

    def __init__(self, search: InnerSearch, budget: Budget) -> None:
        self._search = search
        self._budget = budget
        self._problems = ProblemLog()
        self._path = ""
        self._members = 0
        self._scanned = 0
        self._skipped: dict[str, Skip] = {}
        self._opaque: dict[str, Skip] = {}

    def attach(self, search: InnerSearch) -> None:
        """Go on with a search of this process, after the walk came from another."""
        self._search = search

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_search"}

    def open(self, path: str, content: Content, unpacker: Unpacker) -> None:
        """Search all that is in the member at `path`, as far as the budget goes. OSError of a spool goes through."""
        self._path = path
        self._budget.enter(content.size)
        try:
            self._open(unpacker, content, "", path, 1)
        except Exhausted as stop:
            self._problems.add(
                "inner-budget", f"{stop.message} in it: the rest was not read", Effect.INCOMPLETE, path=path
            )

    def read(self, path: str, piece: InnerPiece, depth: int) -> None:
        """Search what an encoding hid in the member at `path`; `depth` counts the encodings in one another."""
        self._path = path
        self._search.run = piece.run
        text = Inner(piece.piece.label, BytesIO(piece.piece.data), Form.ENCODING)
        try:
            self._read(piece.piece.label, text, piece.place, piece.piece.path, depth, sure=True)
        except Exhausted as stop:
            self._problems.add(
                "inner-budget", f"{stop.message} in it: the rest was not read", Effect.INCOMPLETE, path=path
            )
        finally:
            self._search.run = None

    def enter(self, size: int) -> None:
        """A member with so many bytes of decoded text comes."""
        self._budget.enter(size)

    def too_deep(self, path: str, count: int) -> None:
        """So many decoded texts of the member at `path` are not searched."""
        self._path = path
        for _ in range(count):
            self._too_deep("an encoded text")

    @property
    def depth(self) -> int:
        return self._budget.depth

    @property
    def coverage(self) -> InnerCoverage:
        return InnerCoverage(
            self._members,
            self._scanned,
            tuple(self._skipped[reason] for reason in sorted(self._skipped)),
            tuple(self._opaque[reason] for reason in sorted(self._opaque)),
        )

    @property
    def problems(self) -> ProblemLog:
        return self._problems

    def _open(self, unpacker: Unpacker, content: Content, place: str, name: str, depth: int) -> None:
        entries = unpacker.unpack(content)
        found = False
        while True:
            try:
                entry = next(entries, None)
            except Damaged as error:
                if unpacker.certain or found:
                    self._members += 1
                    self._set_aside(f"damaged {unpacker.name}", place, str(error))
                return
            if entry is None:
                return
            if isinstance(entry, Opaque):
                self._enter()
                self._set_aside(entry.reason, _joined(place, entry.path), "", entry.size)
                found = True
            elif self._read(unpacker.name, entry, place, name, depth, sure=unpacker.certain or found):
                found = True

    def _enter(self) -> None:
        self._members += 1
        try:
            self._budget.entry()
        except Exhausted as stop:
            _count(self._skipped, stop.reason)
            raise

    def _set_aside(self, reason: str, place: str, detail: str, size: int = 0) -> None:
        _count(self._opaque, reason, size)
        where = f"{place}: {reason}" if place else reason
        self._problems.add("opaque-content", f"{where}: {detail}" if detail else where, Effect.OPAQUE, path=self._path)

    def _read(self, container: str, entry: Inner, place: str, name: str, depth: int, *, sure: bool) -> bool:
        """Search one entry, or open it; False where it shows that there was no container."""
        inner_place, inner_name = _named(entry, place, name)
        try:
            head = _head(entry.stream)
        except Damaged as error:
            if sure:
                self._enter()
                self._set_aside(f"damaged {container}", inner_place, str(error))
            return sure
        self._enter()
        unpacker = unpacker_of(head)
        try:
            if unpacker is None:
                self._search_stream(_Counted(Joined(head, entry.stream), self._budget), inner_place, inner_name)
            elif depth >= self._budget.depth:
                self._search_stream(_Counted(Joined(head, entry.stream), self._budget), inner_place, inner_name)
                self._too_deep(inner_place)
            else:
                one = entry.form is Form.WHOLE and unpacker.streams  # a .tar.gz is one container, not two
                places = (inner_place, place if one else inner_place)
                self._nested(unpacker, Joined(head, entry.stream), places, inner_name, depth + (not one))
        except Damaged as error:
            self._set_aside(f"damaged {container}", inner_place, str(error))
        except Exhausted as stop:
            _count(self._skipped, stop.reason)
            raise
        else:
            self._scanned += 1
        return True

    def _nested(self, unpacker: Unpacker, stream: Readable, places: tuple[str, str], name: str, depth: int) -> None:
        """Open a container inside a container; `places` are its own and what the paths of its entries begin with."""
        place, inside = places
        if unpacker.streams:
            counted = _Counted(stream, self._budget)
            self._open(unpacker, StreamedContent(counted), inside, name, depth)
            self._search_stream(counted, place, name, at=counted.count)  # behind its end, or where it broke
            return
        spool = Spool()
        try:
            while data := stream.read(CHUNK):
                self._budget.take(len(data))
                spool.write(data)
        except Damaged:
            self._open_spooled(unpacker, spool, places, name, depth)
            raise
        except BaseException:
            spool.close()
            raise
        self._open_spooled(unpacker, spool, places, name, depth)

    def _open_spooled(self, unpacker: Unpacker, spool: Spool, places: tuple[str, str], name: str, depth: int) -> None:
        place, inside = places
        content = spool.content()
        try:
            self._search_stream(content.stream(), place, name)
            self._open(unpacker, content, inside, name, depth)
        finally:
            content.close()

    def _too_deep(self, place: str) -> None:
        self._members += 1
        _count(self._skipped, "inner depth")
        message = f"{place}: more than {self._budget.depth} containers or encodings in one another; it was not opened"
        self._problems.add("inner-budget", message, Effect.INCOMPLETE, path=self._path)

    def _search_stream(self, stream: Readable, place: str, name: str, *, at: int = 0) -> None:
        """Search the rest of a stream that is paid for; `at` is how much of the file went before."""
        self._search.begin(place, name, at)
        try:
            while data := stream.read(CHUNK):
                self._search.write(data)
        finally:
            self._search.end()


class _Counted:
    """A stream that is paid for as it is read."""

    def __init__(self, stream: Readable, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget
        self.count = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        self._budget.take(len(data))
        return data


def _head(stream: Readable) -> bytes:
    """Enough to tell what it is; most files whole, since decompressors ask for as much memory as they are asked for."""
    data = stream.read(_SMALL)
    while 0 < len(data) < SNIFF:
        more = stream.read(_SMALL)
        if not more:
            break
        data += more
    return data


def _named(entry: Inner, place: str, name: str) -> tuple[str, str]:
    """Where an entry is for a report, and what it is called."""
    if entry.form is Form.ENCODING:
        return _joined(place, entry.path), name
    path = entry.path.lstrip("/") if entry.form is Form.FILE else entry.path or _uncompressed(name)
    return _joined(place, path), entry.name or path


def _uncompressed(name: str) -> str:
    """`dump.sql` of `var/dump.sql.gz`."""
    base = name.rpartition("/")[2]
    for suffix in _SUFFIXES:
        if base.lower().endswith(suffix) and len(base) > len(suffix):
            return base[: -len(suffix)]
    return base


def _joined(place: str, path: str) -> str:
    path = path[-_LONGEST_PART:]
    return f"{place}{SEPARATOR}{path}" if place else path


def _count(counts: dict[str, Skip], reason: str, size: int = 0) -> None:
    known = counts.get(reason, Skip(reason, 0, 0))
    counts[reason] = Skip(reason, known.count + 1, known.bytes + size)
