"""Hard links are several names of one content: which entry holds the bytes, and what became of them."""

from __future__ import annotations

from imgscan.evidence import MemberKind
from imgscan.overlay.fates import Fate, FateKind
from imgscan.overlay.stack import Stack
from imgscan.tar.names import normalised

_ALIVE = {FateKind.PRESENT: 2, FateKind.REWRITTEN: 1, FateKind.OVERWRITTEN: 0, FateKind.DELETED: 0}


def join_hard_links(stack: Stack) -> None:
    """Fill `contents`. A link means the newest entry at its target that came before it, as when unpacking.

    So links cannot form a loop, and each is resolved when it is come to. One without such an entry is its own content.
    """
    at = stack.kinds.find(MemberKind.HARDLINK)
    while at >= 0:
        layer, member = stack.locate(at)
        linkname = stack.tables[layer].linkname(member)
        target = _newest_before(stack, normalised(linkname)[0], at)
        if target is None:
            stack.problems.add(
                "dangling-hard-link",
                "a hard link to a path that nothing before it has",
                path=stack.tables[layer][member].path,
                layer=layer,
            )
        else:
            stack.contents[at] = stack.contents.get(target, target)
        at = stack.kinds.find(MemberKind.HARDLINK, at + 1)


def tell_fates_of_contents(stack: Stack) -> None:
    """Fill `hard_linked`: of several names the most alive counts, of dead ones the one that lived longest."""
    for at, root in stack.contents.items():
        best = stack.hard_linked.get(root) or stack.fate(root)
        other = stack.fate(at)
        stack.hard_linked[root] = max(best, other, key=_aliveness)


def _aliveness(fate: Fate) -> tuple[int, int]:
    return _ALIVE[fate.kind], fate.by_layer or 0


def _newest_before(stack: Stack, path: bytes, link: int) -> int | None:
    start, stop = stack.positions(path)
    for position in range(stop - 1, start - 1, -1):
        if stack.order[position] < link:
            return stack.order[position]
    return None
