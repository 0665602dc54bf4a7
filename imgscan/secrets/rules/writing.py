"""A pattern's tree in the syntax that Python's `re` and Hyperscan share."""

from __future__ import annotations

import string

from imgscan.secrets.rules.regex import Capture, Chars, Choice, Mark, Node, Repeat, Sequence

_ALL = frozenset(range(256))


def write(node: Node, *, caseless: bool = False, captures: bool = True) -> str:
    """The tree in the syntax that `re` and Hyperscan share; with `caseless` for their flag of that meaning."""
    if isinstance(node, Chars):
        return _write_chars(node.codes, caseless=caseless)
    if isinstance(node, Mark):
        return node.source
    if isinstance(node, Sequence):
        return "".join(
            f"(?:{text})" if isinstance(item, Choice) else text
            for item in node.items
            for text in (write(item, caseless=caseless, captures=captures),)
        )
    if isinstance(node, Choice):
        return "|".join(write(branch, caseless=caseless, captures=captures) for branch in node.branches)
    if isinstance(node, Repeat) and node.high == 0 and not captures:
        return ""  # Hyperscan takes no `{0}`
    inner = write(node.item, caseless=caseless, captures=captures)
    if isinstance(node, Capture):
        name = f"?P<{node.name}>" if node.name else ""
        return f"({name}{inner})" if captures else f"(?:{inner})"
    body = inner if isinstance(node.item, Chars) else f"(?:{inner})"
    return body + _write_counts(node)


def _write_counts(node: Repeat) -> str:
    if (node.low, node.high) == (1, 1):
        return ""
    counts = {(0, 1): "?", (0, None): "*", (1, None): "+"}.get((node.low, node.high))
    if counts is None:
        high = "" if node.high is None else node.high
        counts = f"{{{node.low}}}" if node.high == node.low else f"{{{node.low},{high}}}"
    return counts + ("?" if node.lazy else "")


def _write_chars(codes: frozenset[int], *, caseless: bool) -> str:
    if caseless:
        codes = frozenset(ord(chr(code).lower()) if code < 128 else code for code in codes)
    if len(codes) == 1:
        return _write_code(next(iter(codes)))
    if not codes:
        return r"[^\x00-\xff]"
    negated = len(codes) > 128 and not caseless
    return (
        f"[{'^' if negated else ''}{_write_ranges(_ALL - codes if negated else codes)}]"
        if codes != _ALL
        else (r"[\x00-\xff]")
    )


def _write_ranges(codes: frozenset[int]) -> str:
    parts: list[str] = []
    ordered = sorted(codes)
    start = 0
    for index, code in enumerate(ordered):
        if index + 1 < len(ordered) and ordered[index + 1] == code + 1:
            continue
        low = ordered[start]
        start = index + 1
        if code - low > 1:
            parts.append(f"{_write_code(low)}-{_write_code(code)}")
        else:
            parts += [_write_code(each) for each in range(low, code + 1)]
    return "".join(parts)


def _write_code(code: int) -> str:
    character = chr(code)
    if character in string.ascii_letters + string.digits + "_/ \"'`,:;<>=@!%":
        return character
    return f"\\{character}" if character in string.punctuation else f"\\x{code:02x}"
