"""Which version of a path is meant, and which entry of which layer holds its bytes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from imgscan.analyzers.analyzer import Evidence
from imgscan.errors import Effect, ImgscanError, UsageError
from imgscan.evidence import MemberKind, decode, encode
from imgscan.overlay import FateKind, FileVersion
from imgscan.renderers.escapes import unescape
from imgscan.renderers.text import count_text, printable
from imgscan.tar.names import normalised

_ALIVE = (FateKind.DELETED, FateKind.OVERWRITTEN, FateKind.REWRITTEN, FateKind.PRESENT)
_LISTED = 8
"""Versions and paths that an error names."""
_MOST = 10_000
"""Versions of one path that are looked at: a hostile layer has a path a million times."""
_BYTES = frozenset({MemberKind.FILE, MemberKind.OTHER})
_WITHOUT = {
    MemberKind.DIRECTORY: "a directory",
    MemberKind.CHARACTER_DEVICE: "a character device",
    MemberKind.BLOCK_DEVICE: "a block device",
    MemberKind.FIFO: "a named pipe",
    MemberKind.HARDLINK: "a hard link to what no layer has",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version of the path, and the entry that holds its bytes: itself, unless it is a hard link."""

    evidence: Evidence
    version: FileVersion
    content: FileVersion

    @property
    def same(self) -> tuple[object, ...]:
        """Equal for candidates with equal bytes; of those not read whole nobody knows, so they differ."""
        table = self.evidence.scans[self.content.layer].members
        digest = table.sha256(self.content.member.index)
        return (digest,) if digest else (self.content.layer, self.content.member.index, id(self.evidence))


def spellings(path: str) -> tuple[str, ...]:
    r"""What a path as typed may mean: without its leading slash, and with `\xff` for a byte as JSON has it."""
    texts = (decode(normalised(encode(text))[0]) for text in (path, unescape(path)))
    return tuple(dict.fromkeys(texts))


def choose(evidences: Sequence[Evidence], path: str, layer: int | None, member: int | None) -> Candidate:
    """The version that is meant. UsageError where there is none, where there are several, or where it has no bytes."""
    name = _name(evidences, path)
    if name is None:
        raise _nowhere(evidences, path)
    every = (one for evidence in evidences for one in _candidates(evidence, name))
    wanted = list(islice((one for one in every if _is(one, layer, member)), _MOST + 1))
    if not wanted:
        first = list(islice((one for evidence in evidences for one in _candidates(evidence, name)), _LISTED + 1))
        which = f"layer {layer} has no version of {_shown(first[0])}" if layer is not None else "there is no such entry"
        raise UsageError(
            which + (f" as its entry {member}" if layer is not None and member is not None else ""),
            tip=f"there {'is' if len(first) == 1 else 'are'} {_list(first)}",
        )
    if len(wanted) > _MOST:
        raise UsageError(
            f"{_shown(wanted[0])} has more than {_MOST:,} versions", tip="choose one: --layer N --member M"
        )
    with_bytes = [one for one in wanted if one.content.member.kind in _BYTES]
    if not with_bytes:
        raise _without_bytes(max(wanted, key=_aliveness))
    if len({one.same for one in with_bytes}) > 1:
        raise _ambiguous(with_bytes)
    return max(with_bytes, key=_aliveness)


def _is(one: Candidate, layer: int | None, member: int | None) -> bool:
    """Whether it is of that layer, and that entry of it."""
    return (layer is None or one.version.layer == layer) and (member is None or one.version.member.index == member)


def _name(evidences: Sequence[Evidence], path: str) -> str | None:
    """The path in the image that is meant: as it is typed, else the one that is printed like it; None for neither."""
    for text in spellings(path):
        if any(True for evidence in evidences for _ in evidence.overlay.versions(text)):
            return text
    if "\\" not in path:  # tables print odd characters with backslashes
        return None
    alike = {name for name in _names(evidences) if printable(name) == path.lstrip("/")}
    if len(alike) > 1:
        raise UsageError(
            f"{count_text(len(alike), 'path')} are printed as {path}",
            tip="take the path that imgscan files -f json has",
        )
    return next(iter(alike), None)


def _candidates(evidence: Evidence, path: str) -> Iterator[Candidate]:
    for version in evidence.overlay.versions(path):
        place = evidence.overlay.content_of(version.layer, version.member.index)
        yield Candidate(evidence, version, evidence.overlay.version_of(*place))


def _names(evidences: Sequence[Evidence]) -> Iterator[str]:
    for evidence in evidences:
        for layer, member, _, _ in evidence.overlay.places():
            yield decode(evidence.overlay.tables[layer].path(member))


def _aliveness(one: Candidate) -> tuple[int, int, int]:
    return _ALIVE.index(one.version.fate.kind), one.version.layer, one.version.member.index


def _nowhere(evidences: Sequence[Evidence], path: str) -> ImgscanError:
    """The path is in no layer: a mistake, unless a layer was not read."""
    problems = [problem for evidence in evidences for problem in evidence.image.problems]
    if any(problem.effect is Effect.INCOMPLETE for problem in problems):
        return ImgscanError(
            f"{path} is in nothing of the image that could be read", tip="imgscan files tells what could not be read"
        )
    name = spellings(path)[0].rpartition("/")[2]
    alike = sorted({other for other in _names(evidences) if name and other.rpartition("/")[2] == name})
    some = ", ".join(printable(other) for other in alike[:_LISTED])
    return UsageError(
        f"no layer of the image has {path}",
        tip=f"of that name it has {some}{', ...' if len(alike) > _LISTED else ''}"
        if alike
        else "imgscan files IMAGE lists all paths",
    )


def _without_bytes(one: Candidate) -> UsageError:
    """A version that is no file, with the way to what it leads to."""
    kind, shown = one.content.member.kind, _shown(one)
    if kind is MemberKind.SYMLINK:
        target = one.evidence.overlay.resolve(one.version.path) if one.version.present else None
        tip = f"extract what it leads to: {printable(target.path)}" if target is not None else "it leads nowhere now"
        return UsageError(f"{shown} is a symlink to {printable(one.content.member.linkname)}", tip=tip)
    what = _WITHOUT.get(kind, "no file")
    tip = "it has no bytes of its own"
    if kind is MemberKind.DIRECTORY:
        tip = f"list what is below it: imgscan files IMAGE {shlex.quote(shown + '/**')}"
    return UsageError(f"{shown} in layer {one.version.layer} is {what}", tip=tip)


def _ambiguous(found: Sequence[Candidate]) -> UsageError:
    images = {id(one.evidence): one.evidence.image for one in found}
    if len(images) > 1:
        platforms = ", ".join(f"{image.reference} ({image.config.platform})" for image in images.values())
        return UsageError(f"{_shown(found[0])} differs in {platforms}", tip="choose one: --image NAME, or --platform")
    layers = [one.version.layer for one in found]
    places = [f"--layer {layer}" for layer in dict.fromkeys(layers)]
    if len(places) < len(found):  # a layer has it more than once
        places = [f"--layer {one.version.layer} --member {one.version.member.index}" for one in found]
    return UsageError(
        f"{_shown(found[0])} has {len(found)} versions that differ: {_list(found)}",
        tip=f"choose one: {', '.join(places[:_LISTED])}{', ...' if len(places) > _LISTED else ''}",
    )


def _list(found: Sequence[Candidate]) -> str:
    """`layer 1 (120 bytes, overwritten in layer 3), layer 3 (98 bytes, present)`."""
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return ", ".join(_told(one) for one in found[:_LISTED]) + more


def _told(one: Candidate) -> str:
    fate = one.version.fate
    state = str(fate.kind) if fate.by_layer is None else f"{fate.kind} in layer {fate.by_layer}"
    return f"layer {one.version.layer} ({one.content.member.size:,} bytes, {state})"


def _shown(one: Candidate) -> str:
    return printable(one.version.path) or "/"
