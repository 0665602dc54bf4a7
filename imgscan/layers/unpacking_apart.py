"""Unpacking in a process of its own: what is inside members is opened, searched and confirmed where no walk is.

All of that is Python for the most part, and took half as long again as the layers' own bytes: of 14 s for which the
interpreter was held in a scan of 1.57 GB (240 MB of them containers, 850 MB unpacked), 6 s were this. The work begins
beside the scan, and moves, with all that it has found so far, once the other process is there; so a layer with a few
small archives never waits for one, and the result is the same wherever it moved.
"""

from __future__ import annotations

import pickle
import socket
import struct
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from imgscan.errors import Effect, Problem
from imgscan.evidence import Limits, ScanPlan
from imgscan.layers.confirmation import Piece
from imgscan.layers.inner_search import InnerSearch
from imgscan.layers.inner_work import InnerResult, InnerWork
from imgscan.layers.member_digests import Reopen
from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Unpacker

APART_FROM = 4 << 20
"""Bytes of containers from which on a layer asks for the process: it needs 0.6 s of a core to be there."""
_LENGTH = struct.Struct("<Q")
_BOOT = "import sys; sys.path[:] = {path!r}; from imgscan.layers.unpacking_worker import main; main({descriptor})"


class UnpackingApart:
    """The process, for all layers of a run: each has its own work there. OSError where there can be none."""

    def __init__(self, plan: ScanPlan, secret_key: bytes, database: bytes, revealed: dict[bytes, str] | None) -> None:
        """`database` is the matcher's; `revealed` gets what the process finds, for --show-secrets alone."""
        self._revealed = revealed
        self._lock = Lock()
        self._broken = False
        self._ready = False
        self._count = 0
        self._socket, other = socket.socketpair()
        with other:
            # -P: the working directory is nobody's to import from.
            boot = _BOOT.format(path=sys.path, descriptor=other.fileno())
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter, and a module of ours
                (sys.executable, "-P", "-c", boot),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(other.fileno(),),
                process_group=0,  # Ctrl-C is for us; the process ends when its socket does
            )
        self.close = weakref.finalize(self, _end, self._process, self._socket)
        self._setup = (plan, secret_key, database, revealed is not None)
        self._sent = False

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def ready(self) -> bool:
        """Whether the process can take work; asks without waiting."""
        with self._lock:
            if not self._sent:
                self._sent = True
                self._send(self._setup)
            if not self._ready and not self._broken:
                self._socket.setblocking(False)
                try:
                    self._ready = self._socket.recv(1) == b"!"
                    self._broken = not self._ready
                except BlockingIOError:
                    pass
                except OSError:
                    self._broken = True
                finally:
                    self._socket.setblocking(True)
            return self._ready and not self._broken

    def take(self, work: InnerWork, reopen: Reopen | None) -> WorkApart | None:
        """Go on with a layer's work there; None where that cannot be, and the work stays what it is."""
        with self._lock:
            if self._broken:
                return None
            self._count += 1
            number = self._count
            try:
                state = pickle.dumps((work, reopen))
            except (pickle.PicklingError, TypeError, AttributeError):  # a stream of a test, a blob without a value
                return None
            return WorkApart(self, number) if self._send((number, "take", state)) else None

    def tell(self, message: object, file: int | None = None) -> bool:
        """Send a message, and a descriptor along with it; False where the process is gone."""
        with self._lock:
            return self._send(message, file)

    def ask(self, number: int) -> InnerResult | None:
        """What became of a layer's work; None where the process is gone, and nobody knows."""
        with self._lock:
            answer = self._receive() if self._send((number, "result")) else None
        if answer is None:
            return None
        result, revealed = answer
        if self._revealed is not None:
            self._revealed.update(revealed)
        return result  # type: ignore[no-any-return]

    def _send(self, message: object, file: int | None = None) -> bool:
        data = pickle.dumps(message)
        try:
            self._socket.sendall(_LENGTH.pack(len(data)))
            self._socket.sendall(data)
            if file is not None:
                socket.send_fds(self._socket, [b"f"], [file])
        except OSError:
            self._broken = True
        return not self._broken

    def _receive(self) -> Any:
        try:
            length = self._exactly(_LENGTH.size)
            data = self._exactly(_LENGTH.unpack(length)[0])
        except (OSError, EOFError):
            self._broken = True
            return None
        return pickle.loads(data)  # noqa: S301  # of our own process

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            more = self._socket.recv(min(size - len(data), 1 << 20))
            if not more:
                raise EOFError
            data += more
        return bytes(data)


class WorkApart:
    """One layer's work in the other process, with the methods of InnerWork."""

    def __init__(self, apart: UnpackingApart, number: int) -> None:
        self._apart = apart
        self._number = number

    def open(self, member: int, path: str, unpacker: Unpacker, content: Content, *, complete: bool) -> None:
        """Have a container opened there; a file goes along as a descriptor, memory as bytes."""
        del unpacker  # told again by the content
        place = content.place
        what: bytes | int | None
        file = None
        if isinstance(place, int):
            what = place
        elif place is None or isinstance(place, memoryview):
            what = content.read_at(0, content.size)
        else:
            what, file = None, place
            file.flush()
        message = (self._number, "open", member, path, what, content.size, complete)
        self._apart.tell(message, file.fileno() if file is not None else None)
        content.close()

    def decode(self, member: int, path: str, pieces: Sequence[Piece]) -> None:
        self._apart.tell((self._number, "decode", member, path, list(pieces)))

    def result(self) -> InnerResult:
        """All of it; a process that is gone leaves the layer unread, and said to be."""
        result = self._apart.ask(self._number)
        if result is not None:
            return result
        message = "the process that opens archives ended: what is inside the files of this layer was not read"
        return InnerResult(problems=(Problem("unpacking-interrupted", message, Effect.INCOMPLETE),))


class MovingWork:
    """A layer's work: here at first, in the other process from the moment that it is there."""

    def __init__(
        self,
        search: InnerSearch,
        limits: Limits,
        reopen: Reopen | None,
        get_apart: Callable[[], UnpackingApart | None],
    ) -> None:
        """`get_apart` is asked once there is enough to do, and may be asked often."""
        self._here = InnerWork(search, limits, again=reopen is not None)
        self._work: InnerWork | WorkApart = self._here
        self._reopen = reopen
        self._get_apart = get_apart
        self._passed = 0

    def open(self, member: int, path: str, unpacker: Unpacker, content: Content, *, complete: bool) -> None:
        self._move(content.size)
        self._work.open(member, path, unpacker, content, complete=complete)

    def decode(self, member: int, path: str, pieces: Sequence[Piece]) -> None:
        self._move(sum(len(piece.data) for piece in pieces))
        self._work.decode(member, path, pieces)

    def result(self) -> InnerResult:
        return self._work.result()

    def _move(self, size: int) -> None:
        self._passed += size
        if self._work is not self._here or self._passed < APART_FROM:
            return
        apart = self._get_apart()
        if apart is not None and apart.ready():
            self._work = apart.take(self._here, self._reopen) or self._here


def _end(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    connection.close()
    process.kill()  # it keeps nothing
    process.wait()
