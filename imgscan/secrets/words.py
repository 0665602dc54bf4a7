"""Word lists, written as text so that a reader can scan them."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, blanks between them."""
    return frozenset(text.split())
