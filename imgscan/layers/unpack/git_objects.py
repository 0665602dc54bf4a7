"""What git's commits and trees say of a file: where it was, and in which commit."""

from __future__ import annotations

from collections.abc import Iterator

_MOST = 200_000  # rows kept; 100 bytes each
_DEEPEST = 64


class Names:
    """Names of objects, from as many trees as fit: of a file that many trees have, the first place that is found."""

    def __init__(self) -> None:
        self._places: dict[bytes, tuple[bytes, bytes]] = {}  # object -> tree that has it, name in that
        self._roots: dict[bytes, bytes] = {}  # tree -> commit

    def add(self, kind: str, digest: bytes, data: bytes) -> None:
        """A commit or a tree, by its digest (20 bytes)."""
        if len(self._places) + len(self._roots) > _MOST:
            return
        if kind == "commit":
            first = data[:46].split(b"\n")[0].split(b" ")
            if len(first) == 2 and first[0] == b"tree" and len(first[1]) == 40:
                try:
                    self._roots.setdefault(bytes.fromhex(first[1].decode("ascii")), digest)
                except ValueError:
                    return
        elif kind == "tree":
            for name, child in _entries(data):
                self._places.setdefault(child, (digest, name))

    def of(self, kind: str, digest: bytes) -> str:
        """`commit 1a2b3c4:app/.env`; `blob 1a2b3c4` where no tree is known that has it."""
        parts: list[bytes] = []
        at = digest
        for _ in range(_DEEPEST):
            if kind == "blob" and parts and at in self._roots:
                path = b"/".join(reversed(parts)).decode("utf-8", "replace")
                return f"commit {self._roots[at].hex()[:7]}:{path}"
            if at not in self._places:
                break
            at, name = self._places[at]
            parts.append(name)
        if kind == "blob" and parts:
            return f"blob {digest.hex()[:7]}:{parts[0].decode('utf-8', 'replace')}"
        return f"{kind} {digest.hex()[:7]}"


def _entries(tree: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(tree):
        space = tree.find(b" ", at, at + 8)
        end = tree.find(b"\0", space + 1) if space >= 0 else -1
        if end < 0 or end + 21 > len(tree):
            return
        yield tree[space + 1 : end], tree[end + 1 : end + 21]
        at = end + 21
