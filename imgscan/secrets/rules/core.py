"""From a pattern to what nominates it: a context-free part of bounded length that each of its matches contains.

The part is cut out of the pattern's sequence: marks and optional items go, a repetition at an end shrinks to its
shortest, one without end in the middle divides the pattern. Of the pieces the most telling one is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

from imgscan.secrets.detector import Nominator
from imgscan.secrets.rules.regex import (
    Capture,
    Chars,
    Choice,
    Mark,
    Node,
    PatternError,
    Repeat,
    Sequence,
    children,
    has_caseless,
    is_caseless,
    parse,
)
from imgscan.secrets.rules.writing import write

LONGEST_CORE = 160
"""Bytes of a nominator: beyond that nothing is gained, and the engine's states cost."""
LONGEST_GAP = 64
"""A repetition that varies by more than this, in the middle of a pattern, divides it."""
UNBOUNDED = 4096
"""Bytes that a repetition without end is followed for."""
_LEAST_BITS = 24.0
"""A core that says less would nominate many places in every file."""


@dataclass(frozen=True, slots=True)
class Core:
    """`lead` is how far before the core's end a match may begin; `exact` where it always begins there."""

    nominator: Nominator
    lead: int
    exact: bool
    bits: float
    gate: tuple[str, ...]
    """Texts in lower case of which each match holds one; empty where none is known."""


def written(pattern: str) -> tuple[str, bool]:
    """A pattern as an engine takes it, and whether without regard to case."""
    node = _unmarked(parse(pattern))
    caseless = is_caseless(node) or has_caseless(node)
    return write(node, caseless=caseless, captures=False), caseless


def width(node: Node) -> tuple[int, int | None]:
    """Fewest and most bytes of a match; None for no limit."""
    if isinstance(node, Chars):
        return 1, 1
    if isinstance(node, Mark):
        return 0, 0
    if isinstance(node, Capture):
        return width(node.item)
    if isinstance(node, Repeat):
        low, high = width(node.item)
        most = 0 if high == 0 else None if high is None or node.high is None else high * node.high
        return low * node.low, most
    widths = [width(child) for child in children(node)]
    highs = [high for _, high in widths if high is not None]
    if isinstance(node, Choice):
        return min(low for low, _ in widths), max(highs) if len(highs) == len(widths) else None
    return sum(low for low, _ in widths), sum(highs) if len(highs) == len(widths) else None


def check_linear(node: Node, most: int = 3) -> None:
    """PatternError for a pattern on which a backtracking engine could take exponential time.

    `most` long repetitions may follow one another: each is a power of the length of the text.
    """
    if isinstance(node, Repeat) and (node.high is None or node.high > 4):
        if _wide_inside(node.item) and not _separated(node.item):
            raise PatternError("a repetition within a repetition, without a byte that keeps them apart, is not run", 0)
        if isinstance(_plain(node.item), Choice) and not _disjoint(_plain(node.item)):
            raise PatternError("a repetition of alternatives that begin alike is not run", 0)
    for child in children(node):
        check_linear(child, most)
    if isinstance(node, Sequence) and _in_a_row(node.items) > most:
        raise PatternError(f"more than {most} long repetitions in one sequence are not run", 0)


def _in_a_row(items: SequenceOf[Node]) -> int:
    """Most long repetitions that no byte keeps apart: `\\d+-\\d+-\\d+` are each by itself."""
    most = count = 0
    before: frozenset[int] = frozenset()
    for item in items:
        if isinstance(_plain(item), Repeat) and _span(_plain(item)) > 256:
            count, before = count + 1, alphabet(item)
            most = max(most, count)
        elif isinstance(item, Chars) and not item.codes & before:
            count = 0
    return most


def _plain(node: Node) -> Node:
    while isinstance(node, Capture):
        node = node.item
    return node


def _span(node: Node) -> int:
    low, high = width(node)
    return (UNBOUNDED if high is None else high) - low


def _wide_inside(node: Node) -> bool:
    if isinstance(node, Repeat) and (node.high is None or node.high - node.low > 4):
        return True
    return any(_wide_inside(child) for child in children(node))


def _separated(node: Node) -> bool:
    """Whether a byte that must be there is in none of the other items."""
    items = items_of(node)
    for index, item in enumerate(items):
        if isinstance(item, Chars):
            others = (each for number, each in enumerate(items) if number != index)
            if all(not (item.codes & alphabet(other)) for other in others):
                return True
    return False


def _disjoint(node: Node) -> bool:
    seen: frozenset[int] = frozenset()
    for branch in children(node):
        first = _first(branch)
        if first & seen or width(branch)[0] == 0:
            return False
        seen |= first
    return True


def alphabet(node: Node) -> frozenset[int]:
    """The bytes that a match may hold."""
    if isinstance(node, Chars):
        return node.codes
    return frozenset[int]().union(*(alphabet(child) for child in children(node)))


def _first(node: Node) -> frozenset[int]:
    """The bytes that a match may begin with."""
    if isinstance(node, Sequence):
        found: frozenset[int] = frozenset()
        for item in node.items:
            found |= _first(item)
            if width(item)[0]:
                break
        return found
    if isinstance(node, Chars):
        return node.codes
    return frozenset[int]().union(*(_first(child) for child in children(node)))


def items_of(node: Node) -> list[Node]:
    """The top-level sequence, without the groups round its parts."""
    if isinstance(node, Capture):
        return items_of(node.item)
    if isinstance(node, Sequence):
        return [part for item in node.items for part in items_of(item)]
    return [node]


def cores(node: Node) -> tuple[Core, ...]:
    """What nominates a pattern: one core, or one for each of the alternatives that it consists of.

    Empty where no part says enough: then only a keyword can.
    """
    top = _plain(node)
    if isinstance(top, Choice):
        found = [core for branch in top.branches for core in (cores(branch) or (None,))]
        return tuple(core for core in found if core is not None) if None not in found else ()
    core = _core(items_of(node))
    return (core,) if core is not None else ()


def _core(items: SequenceOf[Node]) -> Core | None:
    pieces: list[tuple[int, int]] = []
    start = 0
    for index, item in enumerate(items):
        if _span(item) > LONGEST_GAP:
            pieces += [(start, index), (index, index + 1)]
            start = index + 1
    pieces.append((start, len(items)))
    # A piece takes what is sure of the long repetitions beside it: `mark[a-z]{20,}` is nominated by twenty letters.
    best: Core | None = None
    for low, high in pieces:
        core = _trimmed(items, max(0, low - 1), min(len(items), high + 1))
        if core is not None and core.bits >= _LEAST_BITS and (best is None or _worth(core) > _worth(best)):
            best = core
    return best


def _worth(core: Core) -> tuple[int, float]:
    return min(4, *map(len, core.gate)) if core.gate else 0, core.bits


def _trimmed(items: SequenceOf[Node], low: int, high: int) -> Core | None:
    """The core of `items[low:high]`: its ends shrunk to what is sure, marks gone, no longer than LONGEST_CORE."""
    kept = [(index, items[index]) for index in range(low, high) if width(items[index])[1] != 0]
    while kept and width(kept[0][1])[0] == 0:
        kept.pop(0)
    while kept and width(kept[-1][1])[0] == 0:
        kept.pop()
    if not kept:
        return None
    kept = _telling(kept)
    kept[0] = (kept[0][0], _shrunk(kept[0][1]))
    kept[-1] = (kept[-1][0], _shrunk(kept[-1][1]))
    cut = _cut([_unmarked(item) for _, item in kept])
    if not cut:
        return None
    shape = Sequence(tuple(cut))
    longest = width(shape)[1]
    if longest is None or longest > LONGEST_CORE:
        return None
    caseless = is_caseless(shape) or has_caseless(shape)
    before = [width(item) for item in items[: kept[0][0]]]
    # A repetition that was shrunk at the front may have had more before.
    slack = _span(items[kept[0][0]])
    limits = [UNBOUNDED if most is None else most for _, most in before]
    lead = min(sum(limits) + slack + longest, UNBOUNDED)
    fixed = slack == 0 and all(least == most for least, most in before) and width(shape)[0] == longest
    nominator = Nominator(write(shape, caseless=caseless, captures=False), caseless)
    return Core(nominator, lead, fixed, sum(map(_bits, cut)), _gate(cut))


_ENOUGH_BITS = 40.0


def _telling(kept: list[tuple[int, Node]]) -> list[tuple[int, Node]]:
    """Without classes at the front, where what follows says enough: engines look for texts."""
    for first in range(1, len(kept)):
        head, rest = kept[first - 1][1], [item for _, item in kept[first:]]
        if _gate([head]):
            break
        gate = _gate(rest)
        if gate and min(map(len, gate)) >= 4 and sum(map(_bits, rest)) >= _ENOUGH_BITS and _gate(rest[:4]):
            return kept[first:] if _gate([rest[0]]) else _telling(kept[first:])
    return kept


def _unmarked(node: Node) -> Node:
    """Without marks: what is left matches wherever the pattern does."""
    if isinstance(node, Mark):
        return Sequence(())
    if isinstance(node, Repeat):
        return Repeat(_unmarked(node.item), node.low, node.high, node.lazy)
    if isinstance(node, Sequence):
        return Sequence(tuple(_unmarked(item) for item in node.items))
    if isinstance(node, Choice):
        return Choice(tuple(_unmarked(branch) for branch in node.branches))
    return _unmarked(node.item) if isinstance(node, Capture) else node


def _shrunk(node: Node) -> Node:
    """Its shortest form at its end, so that a nomination ends within the match whatever follows it."""
    plain = _plain(node)
    if isinstance(plain, Choice):
        return Choice(tuple(sorted(map(_shrunk, plain.branches), key=lambda branch: width(branch)[0])))
    if isinstance(plain, Sequence) and plain.items:
        return Sequence((*plain.items[:-1], _shrunk(plain.items[-1])))
    if isinstance(plain, Repeat) and plain.low == 0:
        return Sequence(())
    if isinstance(plain, Repeat) and plain.high != plain.low:
        return Repeat(plain.item, plain.low, plain.low)
    return plain


def _cut(items: list[Node]) -> list[Node]:
    """As many items as fit: the last one may be a part of its repetition."""
    kept: list[Node] = []
    room = LONGEST_CORE
    for item in items:
        high = width(item)[1]
        most = UNBOUNDED if high is None else high
        if most <= room:
            kept.append(item)
            room -= most
            continue
        plain = _plain(item)
        if isinstance(plain, Repeat):
            each = width(plain.item)[1]
            count = min(plain.low, room // each) if each else 0
            if count:
                kept.append(Repeat(plain.item, count, count))
        break
    while kept and width(kept[-1])[0] == 0:
        kept.pop()
    if kept:
        kept[-1] = _shrunk(kept[-1])
    return kept


def _bits(node: Node) -> float:
    """What a match of it says at least, in bits."""
    if isinstance(node, Chars):
        return 8 - math.log2(max(1, len(node.codes)))
    if isinstance(node, Repeat):
        return node.low * _bits(node.item)
    if isinstance(node, Choice):
        return min(_bits(branch) for branch in node.branches)
    return sum(_bits(child) for child in children(node))


def _gate(items: SequenceOf[Node]) -> tuple[str, ...]:
    """Texts in lower case of which each match holds one: the longest run, or one of each of some alternatives."""
    runs = [""]
    choices: list[tuple[str, ...]] = []
    for item in items:
        plain = _plain(item)
        if isinstance(plain, Choice):
            inner = [_gate(items_of(branch)) for branch in plain.branches]
            if all(inner):
                choices.append(tuple(dict.fromkeys(text for texts in inner for text in texts)))
        for part in _spelled(item):
            if part:
                runs[-1] += part
            else:
                runs.append("")
    choices += [(run,) for run in runs if run]
    return max(choices, key=lambda texts: (min(map(len, texts)), -len(texts)), default=())


def _spelled(node: Node) -> list[str]:
    """One string for each byte that is always the same, and an empty one for anything else."""
    plain = _plain(node)
    if isinstance(plain, Chars):
        letters = {chr(code).lower() for code in plain.codes}
        return [letters.pop()] if len(letters) == 1 else [""]
    if isinstance(plain, Sequence):
        return [each for item in plain.items for each in _spelled(item)]
    if isinstance(plain, Repeat) and plain.low == plain.high and plain.low < 64:
        return _spelled(plain.item) * plain.low
    return [""]
