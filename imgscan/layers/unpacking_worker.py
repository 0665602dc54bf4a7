"""What runs in the process of `layers.unpacking_apart`: opens containers as it is told, until its socket ends.

Messages are pickled tuples behind their length. The first is (plan, key, the matcher's database, whether to reveal),
and is answered by "!" once all is loaded; then (number of the layer's work, what to do, ...), where only `result` is
answered.
"""

from __future__ import annotations

import os
import pickle
import socket
import struct
import sys
from typing import Any

from imgscan.layers.inner_work import InnerWork
from imgscan.layers.matchers.hyperscan_matcher import HyperscanMatcher
from imgscan.layers.member_digests import Reopen, Reopened
from imgscan.layers.scan import LayerScanner
from imgscan.layers.unpack import SNIFF, unpacker_of
from imgscan.layers.unpack.content import Content, content_of_file

_LENGTH = struct.Struct("<Q")


class _Layer:
    """One layer's work, and its bytes where they can be opened again."""

    def __init__(self, state: bytes, scanner: LayerScanner) -> None:
        self.work: InnerWork
        self._reopen: Reopen | None
        self.work, self._reopen = pickle.loads(state)  # noqa: S301  # from the process that started this one
        self.work.attach(scanner.inner_search())
        self._reopened: Reopened | None = None

    def content(self, place: bytes | int, size: int) -> Content:
        """Bytes that came with the message, or those from an offset of the layer on."""
        if isinstance(place, bytes):
            return Content.of_bytes(place)
        if self._reopened is None:
            assert self._reopen is not None  # noqa: S101  # else there is no offset
            self._reopened = self._reopen()
        read_at, start = self._reopened.read_at, place
        return Content(size, lambda at, count: read_at(start + at, count))

    def open(self, member: int, path: str, content: Content, *, complete: bool) -> None:
        head = content.read_at(0, SNIFF)
        unpacker = unpacker_of(head, 0, len(head))
        if unpacker is None:  # the file it lay in has changed since
            content.close()
        else:
            self.work.open(member, path, unpacker, content, complete=complete)

    def close(self) -> None:
        if self._reopened is not None:
            self._reopened.close()


def main(descriptor: int) -> None:
    """Serve the socket that was inherited under `descriptor`."""
    sys.setswitchinterval(1)  # there is one thread
    with socket.socket(fileno=descriptor) as connection:
        first = _receive(connection)
        if first is None:
            return
        plan, key, database, reveal = first
        revealed: dict[bytes, str] | None = {} if reveal else None
        scanner = LayerScanner.for_plan(
            plan, secret_key=key, revealed=revealed, matcher=lambda _: HyperscanMatcher.loaded(database)
        )
        connection.sendall(b"!")
        layers: dict[int, _Layer] = {}
        while (message := _receive(connection)) is not None:
            number, task, *rest = message
            if task == "take":
                layers[number] = _Layer(rest[0], scanner)
            elif task == "open":
                member, path, place, size, complete = rest
                content = _from_file(connection, size) if place is None else layers[number].content(place, size)
                layers[number].open(member, path, content, complete=complete)
            elif task == "decode":
                member, path, pieces = rest
                layers[number].work.decode(member, path, pieces)
            else:
                layer = layers.pop(number)
                _answer(connection, (layer.work.result(), revealed or {}))
                layer.close()


def _from_file(connection: socket.socket, size: int) -> Content:
    """A file whose descriptor comes behind the message."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 1)
    return content_of_file(os.fdopen(descriptors[0], "rb"), size)


def _answer(connection: socket.socket, answer: object) -> None:
    data = pickle.dumps(answer)
    connection.sendall(_LENGTH.pack(len(data)))
    connection.sendall(data)


def _receive(connection: socket.socket) -> Any:
    """The next message; None at the end."""
    length = _exactly(connection, _LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    size = _LENGTH.unpack(length)[0]
    data = _exactly(connection, size)
    return pickle.loads(data) if len(data) == size else None  # noqa: S301  # from the process that started this one


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = connection.recv(min(size - len(data), 1 << 20))
        if not more:
            break
        data += more
    return bytes(data)
