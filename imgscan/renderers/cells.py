"""Cells of CSV files: visible text that no spreadsheet takes for a formula."""

from __future__ import annotations

from imgscan.renderers.text import printable

_FORMULAS = frozenset("=+-@\t\r\n＝＋－＠")
"""What a formula begins with (OWASP, "CSV Injection")."""


def cell(value: object) -> str:
    """`value` as a spreadsheet may show it, never a formula."""
    text = printable("" if value is None else str(value))
    return f"'{text}" if text and text[0] in _FORMULAS else text
