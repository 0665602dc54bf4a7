"""Deciding every fate, in one pass over all entries of all layers sorted by path.

A directory's subtree is then one run. A version ends at the first event after it that concerns it: a new entry
at its path, a whiteout of its path or of a directory above, an opaque marker in a directory above, a directory
above that stops being one, and for what is no directory an entry below it. Markers concern the layers below
theirs only; entries count in tar order, within one layer too. Symlinks are never followed while stacking
(image-spec, layer.md: markers name literal paths).
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from imgscan.errors import Effect
from imgscan.evidence import MemberKind, MemberTable, decode
from imgscan.overlay.fates import FateKind
from imgscan.overlay.hard_links import join_hard_links, tell_fates_of_contents
from imgscan.overlay.stack import MARKERS, Stack

# Sort key of an entry: its path with NUL for "/", two NULs (which no path has), then its number. One bytes object
# an entry keeps a million of them under 100 MB.
_TAIL = struct.Struct(">HI")
_SLICE = 50_000  # members whose names are taken at a time: copies of all would cost 80 MB for a million
MAX_MEMBERS = 10_000_000
"""Members of all layers that are stacked; an image may name one big layer a thousand times."""


def stack_up(tables: Sequence[MemberTable]) -> Stack:
    """Stack the layers, base first."""
    stack = Stack(tables)
    rewrites = _Stacker(stack).run()
    join_hard_links(stack)
    for at, successor in zip(rewrites[::2], rewrites[1::2], strict=True):
        if stack.same_bytes(at, successor):
            stack.end(at, FateKind.REWRITTEN, stack.ends[at])
    tell_fates_of_contents(stack)
    return stack


@dataclass(slots=True)
class _Above:
    """A directory above the current path that ends things: at each of `events` all that is under `prefix` and older.

    An event is the number from which on entries are not concerned.
    """

    prefix: bytes
    events: tuple[int, ...]


class _Stacker:
    """The pass. `run` returns versions, each with its successor behind it: REWRITTEN if their bytes are equal."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._keys = _sorted_keys(stack)
        self._above: list[_Above] = []
        self._rewrites = array("Q")
        # Files with entries below them are looked through each; nested ones would cost the square.
        self._patience = 1_000_000 + 8 * len(self._keys)

    def run(self) -> array[int]:
        keys, kinds, above = self._keys, self._stack.kinds, self._above
        add = self._stack.order.append
        number = _TAIL.unpack_from
        width = _TAIL.size
        count = len(keys)
        position = 0
        while position < count:
            key = keys[position]
            path = key[:-width]
            following = position + 1
            while following < count and keys[following][:-width] == path:
                following += 1
            while above and not path.startswith(above[-1].prefix):
                above.pop()
            at = number(key, len(path))[1]
            kind = kinds[at]
            plain = following == position + 1 and not above and kind not in MARKERS
            if plain and (kind == MemberKind.DIRECTORY or not self._has_below(following, path)):
                add(at)  # one version, and nothing that could end it
            else:
                entries = [number(keys[each], len(path))[1] for each in range(position, following)]
                self._decide(path, entries, following)
            position = following
        self._keys = []
        return self._rewrites

    def _decide(self, path: bytes, entries: list[int], following: int) -> None:
        """Fates of all versions at one path, and what the path ends below itself."""
        stack, kinds = self._stack, self._stack.kinds
        files = [at for at in entries if kinds[at] not in MARKERS]
        whiteouts = self._marker_events(entries, MemberKind.WHITEOUT)
        opaques = self._marker_events(entries, MemberKind.OPAQUE_WHITEOUT)
        replacing = [at for at in files if kinds[at] != MemberKind.DIRECTORY]
        has_below = self._has_below(following, path)
        above = self._above[-1].events if self._above else ()
        removals = _merged(above, whiteouts)
        below = sorted(self._below(following, path)) if replacing and has_below else []
        stack.order.extend(files)
        for index, at in enumerate(files):
            successor = files[index + 1] if index + 1 < len(files) else None
            self._end(at, successor, removals, below if kinds[at] != MemberKind.DIRECTORY else [])
        if has_below:
            events = _merged(removals, opaques, replacing)
            if events != above:
                self._above.append(_Above(path + b"\0" if path else b"", events))
        self._tell_oddities(path, files, whiteouts, opaques, has_below=has_below, below=below)

    def _marker_events(self, entries: list[int], kind: MemberKind) -> list[int]:
        """A marker hides what lower layers have: its event is the number of its own layer's first member."""
        stack = self._stack
        return [stack.bases[stack.layer(at)] for at in entries if stack.kinds[at] == kind]

    def _end(self, at: int, successor: int | None, removals: tuple[int, ...], below: list[int]) -> None:
        """The first event after a version decides. In one layer a new entry comes before removals: it replaces."""
        stack = self._stack
        removed = _first_after(removals, at)
        became_directory = _first_after(below, at)
        layer = None if successor is None else stack.layer(successor)
        removed_in = None if removed is None else stack.layer(removed)
        earlier = [event for event in (successor, removed) if event is not None]
        if became_directory is not None and became_directory < min(earlier, default=became_directory + 1):
            stack.end(at, FateKind.OVERWRITTEN, stack.layer(became_directory))
        elif successor is not None and layer is not None and (removed_in is None or layer <= removed_in):
            stack.end(at, FateKind.OVERWRITTEN, layer)
            if removed is None or removed > successor:
                self._rewrites.extend((at, successor))
        elif removed_in is not None:
            stack.end(at, FateKind.DELETED, removed_in)

    def _has_below(self, position: int, path: bytes) -> bool:
        """Whether the entry at `position` lies under directory `path` (all of a subtree sorts behind it)."""
        if position >= len(self._keys):
            return False
        key = self._keys[position]
        return not path or (key.startswith(path + b"\0") and key[len(path) + 1] != 0)

    def _below(self, position: int, path: bytes) -> Iterator[int]:
        """Entries under `path`: from them on it is a directory, even where no entry says so."""
        while self._has_below(position, path):
            key = self._keys[position]
            at = _TAIL.unpack_from(key, len(key) - _TAIL.size)[1]
            if self._stack.kinds[at] not in MARKERS:
                yield at
            position += 1
            self._patience -= 1
            if self._patience < 0:
                self._stack.problems.add(
                    "too-many-clashes", "too many files have entries below them; not all were joined", Effect.INCOMPLETE
                )
                return

    def _tell_oddities(
        self,
        path: bytes,
        files: list[int],
        whiteouts: list[int],
        opaques: list[int],
        *,
        has_below: bool,
        below: list[int],
    ) -> None:
        stack = self._stack
        name = decode(path.replace(b"\0", b"/"))
        add = stack.problems.add
        if not all([*whiteouts, *opaques]):
            add("marker-in-base-layer", "a whiteout in the base layer hides nothing", path=name, layer=stack.layer(0))
        for event in whiteouts:
            if event and not has_below and not (files and files[0] < event):
                layer = stack.layer(event)
                add("whiteout-without-target", "a whiteout of a path that no lower layer has", path=name, layer=layer)
        for first, second in pairwise(files):
            directories = stack.kinds[first] == stack.kinds[second] == MemberKind.DIRECTORY  # hides nothing
            if stack.layer(first) == stack.layer(second) and not directories:
                layer = stack.layer(first)
                add("duplicate-entry", "twice in one layer; the last entry counts", path=name, layer=layer)
        clashes = {stack.layer(at) for at in below} & {
            stack.layer(at) for at in files if stack.kinds[at] != MemberKind.DIRECTORY
        }
        for layer in sorted(clashes):
            add("path-clash", "a file and a directory in one layer; the last entry counts", path=name, layer=layer)


def _sorted_keys(stack: Stack) -> list[bytes]:
    pack = _TAIL.pack
    keys: list[bytes] = []
    for layer, table in enumerate(stack.tables):
        if len(keys) + len(table) > MAX_MEMBERS:
            message = f"more than {MAX_MEMBERS:,} entries in all layers; this layer and those above were not stacked"
            stack.problems.add("too-many-members", message, Effect.INCOMPLETE, layer=layer)
            break
        start = 0
        for first in range(0, len(table), _SLICE):
            ends = table.name_ends[first : first + _SLICE]
            origin, names = start, bytes(table.names[start : ends[-1]]).replace(b"/", b"\0")
            for at, end in enumerate(ends, len(keys)):
                keys.append(names[start - origin : end - origin] + pack(0, at))
                start = end
    keys.sort()
    return keys


def _merged(events: tuple[int, ...], *more: list[int]) -> tuple[int, ...]:
    return tuple(sorted({*events, *(event for each in more for event in each)})) if any(more) else events


def _first_after(events: Sequence[int], at: int) -> int | None:
    position = bisect_right(events, at)
    return events[position] if position < len(events) else None
