"""What unpacking may cost: counts and bytes, never time, so that equal layers are unpacked equally far."""

from __future__ import annotations

from imgscan.evidence import Limits

_RATIO_FROM = 64 << 20


class Exhausted(Exception):
    """A limit is reached; `reason` names it for the ledger."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Budget:
    """The shares of one layer, and of the member that is open; asked in tar order."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._layer_bytes = 0
        self._layer_entries = 0
        self._bytes = 0
        self._entries = 0
        self._ratio_cap = 0

    @property
    def depth(self) -> int:
        return self._limits.inner_depth

    def enter(self, size: int) -> None:
        """A member of `size` bytes is opened."""
        self._bytes = self._entries = 0
        self._ratio_cap = max(_RATIO_FROM, size * self._limits.inner_ratio)

    def entry(self) -> None:
        """One more entry; Exhausted where that is one too many."""
        self._entries += 1
        self._layer_entries += 1
        if self._entries > self._limits.inner_members:
            raise Exhausted("inner members", f"more than {self._limits.inner_members:,} entries")
        if self._layer_entries > self._limits.inner_layer_members:
            raise Exhausted(
                "inner members", f"more than {self._limits.inner_layer_members:,} entries in files of this layer"
            )

    def take(self, count: int) -> None:
        """So many bytes more were unpacked; Exhausted where those are too many."""
        self._bytes += count
        self._layer_bytes += count
        if self._bytes > self._limits.inner_bytes:
            raise Exhausted("inner bytes", f"more than {self._limits.inner_bytes:,} bytes")
        if self._bytes > self._ratio_cap:
            raise Exhausted("inner ratio", f"more than {self._limits.inner_ratio:,} bytes for each of the file's own")
        if self._layer_bytes > self._limits.inner_layer_bytes:
            raise Exhausted(
                "inner bytes", f"more than {self._limits.inner_layer_bytes:,} bytes from files of this layer"
            )
