"""From a nomination to candidates: ask the detectors, then let one candidate stand for each value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from imgscan.secrets.detector import Candidate, Window
from imgscan.secrets.detectors import detectors_by_id
from imgscan.secrets.kinds import precision_of
from imgscan.secrets.known_examples import set_aside


def confirm(window: Window, detector_ids: Iterable[str]) -> list[Candidate]:
    """What the named detectors confirm at `window.at`, merged, in order of place.

    Spans are indexes into the window's data. Unknown ids are a KeyError: the caller made them up.
    """
    known = detectors_by_id()
    return merge([candidate for each in detector_ids for candidate in known[each].confirm(window)])


def merge(candidates: Sequence[Candidate]) -> list[Candidate]:
    """One candidate for each value, in order of place; all spans count from the same origin.

    Of candidates that overlap the most precise kind stays, and keeps the name that another one knows. One that is set
    aside never hides one that counts and covers more. Where a value was decoded, what was found in its spelling alone
    does not count. Merging what is merged changes nothing. Known examples are set aside at the end.
    """
    return [set_aside(candidate) for candidate in _merged(candidates)]


def _merged(candidates: Sequence[Candidate]) -> list[Candidate]:
    if len(candidates) < 2:
        return list(candidates)
    decoded = [candidate for candidate in candidates if candidate.spelling]
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=_rank):
        if not candidate.spelling and any(_in_spelling(candidate, other) for other in decoded):
            continue
        rivals = [other for other in kept if _overlap(candidate, other)]
        if not rivals:
            kept.append(candidate)
        elif not candidate.suppressed and all(other.suppressed and _covers(candidate, other) for other in rivals):
            kept = [other for other in kept if other not in rivals] + [candidate]
        elif candidate.name is not None and rivals[0].name is None:
            kept[kept.index(rivals[0])] = replace(rivals[0], name=candidate.name)
    return sorted(kept, key=lambda candidate: (candidate.start, candidate.end, candidate.kind))


def _in_spelling(candidate: Candidate, decoded: Candidate) -> bool:
    return _overlap(candidate, decoded) and candidate.value not in decoded.value


def _rank(candidate: Candidate) -> tuple[int, bool, bool, int, int, bool, str, int, str]:
    return (
        -precision_of(candidate.kind),
        bool(candidate.suppressed),
        not candidate.spelling,
        candidate.start - candidate.end,
        candidate.start,
        candidate.name is None,  # what says whose it is comes before what only knows the form
        candidate.kind,
        -len(candidate.name or ""),
        candidate.name or "",
    )


def _overlap(one: Candidate, other: Candidate) -> bool:
    return one.start < other.end and other.start < one.end


def _covers(one: Candidate, other: Candidate) -> bool:
    return one.start <= other.start and other.end <= one.end and one.end - one.start > other.end - other.start
