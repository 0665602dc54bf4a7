r"""Names whose bytes are not UTF-8 (lone surrogates in Python) in documents that must be: spelled out, and back.

docs/json.md tells scripts how to undo it.
"""

from __future__ import annotations

import json
import re
from typing import Any

# Whole runs of backslashes only (look-behind, possessive): a megabyte of them must not take quadratic time.
_SURROGATES = re.compile(r"(?<!\\)(\\*+)(?:([\ud800-\udfff])|(?=x[89a-f][0-9a-f]|ud[89a-f][0-9a-f]{2}))")
_ESCAPES = re.compile(r"(?<!\\)(\\++)(x[89a-f][0-9a-f]|ud[89a-f][0-9a-f]{2})")


def escape(text: str) -> str:
    r"""`text` without lone surrogates: a stray byte 0xff becomes `\xff`, any other surrogate `\ud800`.

    Backslashes directly before such an escape, or before text that looks like one, are doubled; all others
    stay single, so that nearly every string is as it was.
    """

    def spelled(found: re.Match[str]) -> str:
        backslashes, surrogate = found[1], found[2]
        if surrogate is None:
            return backslashes * 2
        code = ord(surrogate)
        spelling = f"x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"u{code:04x}"
        return f"{backslashes * 2}\\{spelling}"

    return text if text.isascii() and "\\" not in text else _SURROGATES.sub(spelled, text)


def unescape(text: str) -> str:
    """What `escape` was given; stray bytes come back as surrogate escapes (PEP 383)."""

    def meant(found: re.Match[str]) -> str:
        literal, odd = divmod(len(found[1]), 2)
        if not odd:
            return "\\" * literal + found[2]
        code = int(found[2][1:], 16)
        return "\\" * literal + chr(code + 0xDC00 if found[2][0] == "x" else code)

    return _ESCAPES.sub(meant, text)


def cleaned(value: Any) -> Any:
    """A document with every string escaped, keys as well."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {escape(key): cleaned(item) for key, item in value.items()}
    return value


def json_line(value: Any) -> str:
    """A document as JSON on one line: ASCII, every string escaped."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False)
    # Without a backslash there is neither one to double nor a surrogate.
    return json.dumps(cleaned(value), ensure_ascii=True, allow_nan=False) if "\\" in text else text
