"""What extended headers (pax, GNU long names) say of the members that follow them."""

from __future__ import annotations

from imgscan.errors import ProblemLog
from imgscan.tar.header import GNU_LONG_LINK, GNU_LONG_NAME, PAX_GLOBAL, Overrides, apply_pax


class ExtendedHeaders:
    """Collects overrides; `take` gives those of the next member. `limit` caps the bytes in force at one time."""

    def __init__(self, limit: int, problems: ProblemLog) -> None:
        self._limit = limit
        self._problems = problems
        self._globals: Overrides | None = None
        self._next: Overrides | None = None
        self._header_bytes = 0  # of the headers before the next member
        self._global_bytes = 0  # of global headers with extended attributes, which all members get

    @property
    def waiting(self) -> bool:
        """A member was announced, and did not come yet."""
        return self._next is not None

    def admit(self, size: int) -> bool:
        """Whether another header of so many bytes is within the limit."""
        self._header_bytes += size
        return self._header_bytes + self._global_bytes <= self._limit

    def take(self) -> Overrides | None:
        """What counts for the member that begins now."""
        overrides, self._next, self._header_bytes = self._next or self._globals, None, 0
        return overrides

    def read(self, kind: bytes, data: bytes, at: int) -> None:
        """Take in one header; `at` is the offset of what follows it."""
        if kind == PAX_GLOBAL:
            self._read_global(data, at)
            return
        overrides = self._next
        if overrides is None:
            overrides = self._next = self._globals.copy() if self._globals else Overrides()
        if kind == GNU_LONG_NAME:
            overrides.long_name = data.partition(b"\0")[0] or None
        elif kind == GNU_LONG_LINK:
            overrides.long_link = data.partition(b"\0")[0] or None
        else:
            self._apply(data, overrides, at)

    def _read_global(self, data: bytes, at: int) -> None:
        """Container engines ignore global headers; what could hide or rename members is ignored here too, and told."""
        overrides = self._globals = self._globals or Overrides()
        self._apply(data, overrides, at)
        if overrides.drop_structure():
            self._problems.add(
                "global-pax-header",
                f"the header before byte {at} renames or resizes all members; as engines do, we ignore that",
            )
        if overrides.xattrs:
            self._global_bytes += len(data)

    def _apply(self, data: bytes, overrides: Overrides, at: int) -> None:
        wrong = apply_pax(data, overrides)
        if wrong:
            self._problems.add("bad-pax-header", f"pax header before byte {at}: {wrong}")
