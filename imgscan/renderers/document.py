"""JSON as CI systems read it: ASCII, one row of a long list on a line, every string valid Unicode."""

from __future__ import annotations

import json
from typing import Any


def write(value: Any, rows: int) -> str:
    """`value` as JSON, its values at depth `rows` on one line each. No string in it may hold a lone surrogate."""
    return _written(value, rows) + "\n"


def _written(value: Any, rows: int) -> str:
    if rows and isinstance(value, dict) and value:
        return _block("{", [f"{_line(key)}: {_written(item, rows - 1)}" for key, item in value.items()], "}")
    if rows and isinstance(value, list) and value:
        return _block("[", [_written(item, rows - 1) for item in value], "]")
    return _line(value)


def _block(opening: str, parts: list[str], closing: str) -> str:
    lines = ",\n".join(parts).replace("\n", "\n  ")  # line ends within strings are escaped
    return f"{opening}\n  {lines}\n{closing}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)
