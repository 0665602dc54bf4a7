"""Which line of a Dockerfile made which step of an image: the two lists aligned.

For each stage the instructions that lead to it, those of the stages below it included, are aligned with the history by
a dynamic programme (Needleman-Wunsch with a free beginning: the first steps are the base image's). The stage that
agrees best is the one the image is. A line is told only where every best alignment tells the same, and none at all
where the Dockerfile is not the image's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imgscan.image.dockerfile_comparison import NO, Comparison, Scope, comparison, may_be
from imgscan.image.dockerfile_parser import Stage, WrittenDockerfile, WrittenInstruction
from imgscan.image.dockerfile_words import Lookup, expand, literal
from imgscan.image.image import Builder, HistoryStep

_GAP = -5
"""For an instruction without a step, and for a step without an instruction: nearly as bad as a match is good."""
_CELLS = 1_000_000
"""Comparisons of one alignment: seconds at most. Real ones have a few thousand."""
_STEPS = 200
"""Steps before the instructions that are looked at; what lies further back is the base image's."""
_ALLOWED = 1 / 3
"""Of the matches, how many instructions and steps may be without one for the Dockerfile still to be the image's."""

_UNRECORDED = {
    Builder.BUILDKIT: frozenset({"ONBUILD"}),
    Builder.KANIKO: frozenset(
        {
            "ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL",
            "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
        }
    ),
}  # fmt: skip
"""Instructions of which a builder keeps no step, or not always."""


@dataclass(frozen=True, slots=True)
class DockerfileMapping:
    """How an image's steps map to a Dockerfile.

    `lines` has the line (from 1) of the instruction that made each step; a step of the base image has that of the FROM
    that brought it in, and None says that no line is sure. `stage` is the stage that the image is: its name, else its
    number from 0. `base_steps` counts the first steps, which no instruction made; None where that is not sure.
    `missing` are the lines of instructions without a step, `extra` the steps without an instruction, `unsure` the
    lines of instructions that made a step of which nobody knows which. `reason` says why a Dockerfile does not fit; it
    is empty where it fits, and then lines may be told.
    """

    lines: tuple[int | None, ...]
    from_line: int | None
    stage: str
    base_steps: int | None
    missing: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()
    unsure: tuple[int, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """An instruction on the way to a stage; `recorded` says that its builder keeps a step of it."""

    written: WrittenInstruction
    compare: Comparison
    recorded: bool


@dataclass(frozen=True, slots=True)
class _Alignment:
    """The best alignments of one stage: what all of them agree on.

    `pairs` are (step, entry) that all have, `unsure` the steps on which they differ, `possible` the entries that have a
    step in one of them at least.
    """

    stage: int
    score: int
    entries: tuple[_Entry, ...]
    pairs: tuple[tuple[int, int], ...]
    unsure: frozenset[int]
    possible: frozenset[int]


def map_dockerfile(written: WrittenDockerfile, steps: Sequence[HistoryStep]) -> DockerfileMapping:
    """Align `written` with the steps of an image."""
    found = [alignment for number in range(len(written.stages)) if (alignment := _align(written, number, steps))]
    if not found:
        return _no_fit(steps, "it is too large to be compared with the image's history")
    best = max(alignment.score for alignment in found)
    if best <= 0:
        return _no_fit(steps, "none of its stages has the instructions of the image's history")
    # A build without --target makes the last stage.
    chosen = [alignment for alignment in found if alignment.score == best]
    mappings = [_mapping(written, alignment, steps) for alignment in chosen]
    if chosen[-1].stage == len(written.stages) - 1 or len(mappings) == 1:
        return mappings[-1]
    return _agreed(mappings)


def _no_fit(steps: Sequence[HistoryStep], reason: str) -> DockerfileMapping:
    return DockerfileMapping((None,) * len(steps), None, "", None, reason=reason)


def _agreed(mappings: Sequence[DockerfileMapping]) -> DockerfileMapping:
    """Several stages are equally good: what they agree on."""
    last = mappings[-1]
    lines = tuple(
        found[0] if len(set(found)) == 1 else None for found in zip(*(m.lines for m in mappings), strict=True)
    )
    if len({mapping.from_line for mapping in mappings}) > 1:
        return replace(last, lines=lines, from_line=None, base_steps=None)
    return replace(last, lines=lines)


# --- the instructions that lead to a stage


def _chain(written: WrittenDockerfile, number: int) -> list[int]:
    """The stages that stage `number` is built on, the lowest first, itself last."""
    scope = _global_scope(written)
    chain = [number]
    while True:
        stage = written.stages[chain[0]]
        base = literal(expand(stage.base, written.escape, scope.likely)[0]) if stage.base else None
        below = _named(written.stages[: chain[0]], base or stage.base)
        if below is None:
            return chain
        chain.insert(0, below)


def _named(stages: Sequence[Stage], base: str) -> int | None:
    """The stage of that name, the last one of several. A number is one for COPY --from alone."""
    names = [number for number, stage in enumerate(stages) if stage.name and stage.name.lower() == base.lower()]
    return names[-1] if names else None


def _global_scope(written: WrittenDockerfile) -> Scope:
    values: dict[str, str | None] = {}
    for argument in written.arguments:
        _declare(argument, values, written.escape)
    return Scope(written.escape, lambda _: None, values.get)


def _declare(argument: WrittenInstruction, values: dict[str, str | None], escape: str) -> None:
    for word in expand(argument.arguments, escape, values.get):
        name, equals, _ = (word[0] or "").partition("=") if word else ("", "", "")
        text = literal(word)
        values[name] = text.partition("=")[2] if equals and text is not None else None


def _entries(written: WrittenDockerfile, number: int, builder: Builder) -> Iterator[_Entry]:
    """The instructions of a stage and of those below it, each with what is known of the variables where it stands."""
    unrecorded = _UNRECORDED.get(builder, frozenset())
    defaults = _global_scope(written).likely
    sure: dict[str, str | None] = {}
    triggers: list[WrittenInstruction] = []
    for below in _chain(written, number):
        likely: dict[str, str | None] = {}
        stage = written.stages[below]
        handed_on, triggers = triggers, []
        for instruction in (*handed_on, *stage.instructions):
            arguments = dict(likely)
            scope = Scope(written.escape, dict(sure).get, _both(dict(sure), arguments))
            yield _Entry(instruction, comparison(instruction, scope), instruction.keyword not in unrecorded)
            if instruction.keyword == "ARG":
                _declare(instruction, likely, written.escape)
                likely.update({name: defaults(name) for name, value in likely.items() if value is None})
            elif instruction.keyword == "ENV":
                sure.update(_environment(instruction, scope))
            elif instruction.keyword == "ONBUILD":
                triggers.append(_trigger(instruction))


def _both(sure: dict[str, str | None], likely: dict[str, str | None]) -> Lookup:
    return lambda name: sure[name] if name in sure else likely.get(name)


def _environment(instruction: WrittenInstruction, scope: Scope) -> dict[str, str | None]:
    words = expand(instruction.arguments, scope.escape, scope.sure)
    if words and "=" not in (words[0][0] or "") and len(words) > 1:
        values = [literal(word) for word in words[1:]]
        name = literal(words[0]) or ""
        return {name: None if None in values else " ".join(value or "" for value in values)}
    found: dict[str, str | None] = {}
    for word in words:
        name, equals, _ = (word[0] or "").partition("=") if word else ("", "", "")
        text = literal(word)
        if equals:
            found[name] = None if text is None else text.partition("=")[2]
    return found


def _trigger(instruction: WrittenInstruction) -> WrittenInstruction:
    """What an ONBUILD puts at the beginning of the stages built on its own."""
    keyword, _, arguments = instruction.arguments.strip().partition(" ")
    return WrittenInstruction(
        keyword.upper(), arguments.strip(), instruction.line, instruction.end_line, instruction.heredocs
    )


# --- the alignment


def _align(written: WrittenDockerfile, number: int, steps: Sequence[HistoryStep]) -> _Alignment | None:
    """The best alignments of a stage with the history; None where there are too many cells to compute."""
    builder = _builder(steps)
    entries = tuple(_entries(written, number, builder))
    first = max(0, len(steps) - len(entries) - max(_STEPS, len(entries)))
    tail = steps[first:]
    if len(tail) * len(entries) > _CELLS:
        return None
    costs = _Costs(
        pairs=[[_score(entry, step, builder) for entry in entries] for step in tail],
        steps=[[_alone(step, entry, len(entries)) for entry in range(len(entries) + 1)] for step in tail],
        entries=[_GAP if entry.recorded else 0 for entry in entries],
    )
    before, after = costs.before(), costs.after()
    best = after[0][0]
    pairs: list[tuple[int, int]] = []
    unsure, possible = set[int](), set[int]()
    for at in range(len(tail)):
        row = costs.pairs[at]
        partners = [
            entry
            for entry in range(len(entries))
            if row[entry] and before[at][entry] + row[entry] + after[at + 1][entry + 1] == best
        ]
        alone = any(
            before[at][entry] + costs.steps[at][entry] + after[at + 1][entry] == best
            for entry in range(len(entries) + 1)
        )
        possible.update(partners)
        if partners and not alone and len({entries[entry].written.line for entry in partners}) == 1:
            pairs.append((first + at, partners[0]))
        elif partners:
            unsure.add(first + at)
    return _Alignment(number, best, entries, tuple(pairs), frozenset(unsure), frozenset(possible))


def _builder(steps: Sequence[HistoryStep]) -> Builder:
    """Who made the last step that tells: the base image may be another builder's."""
    told = (step.instruction.builder for step in reversed(steps) if step.instruction.keyword)
    return next(told, Builder.UNKNOWN)


def _score(entry: _Entry, step: HistoryStep, builder: Builder) -> int:
    if not entry.recorded and step.instruction.builder is not builder:
        return NO  # the base image's, by a builder that does record it
    return entry.compare(step.instruction) if may_be(entry.written, step) else NO


def _alone(step: HistoryStep, entry: int, count: int) -> int:
    """What a step without an instruction costs: nothing in the base image, next to nothing for `build --label`."""
    if entry == 0:
        return 0
    return -1 if entry == count and step.instruction.keyword == "LABEL" else _GAP


@dataclass(frozen=True, slots=True)
class _Costs:
    """What each move of an alignment adds to its score.

    `pairs[i][j]` of step i with entry j, 0 where they do not agree; `steps[i][j]` of step i alone after j entries;
    `entries[j]` of entry j alone.
    """

    pairs: list[list[int]]
    steps: list[list[int]]
    entries: list[int]

    def before(self) -> list[list[int]]:
        """[i][j]: the best score of the first i steps with the first j entries."""
        table = [[0]]
        for cost in self.entries:
            table[0].append(table[0][-1] + cost)
        for pairs, alone in zip(self.pairs, self.steps, strict=True):
            above = table[-1]
            row = [above[0] + alone[0]]
            for entry, pair in enumerate(pairs):
                best = max(above[entry + 1] + alone[entry + 1], row[entry] + self.entries[entry])
                row.append(max(best, above[entry] + pair) if pair else best)
            table.append(row)
        return table

    def after(self) -> list[list[int]]:
        """[i][j]: the best score of the steps from i on with the entries from j on."""
        count = len(self.entries)
        last = [0] * (count + 1)
        for entry in reversed(range(count)):
            last[entry] = last[entry + 1] + self.entries[entry]
        table = [last]
        for pairs, alone in zip(reversed(self.pairs), reversed(self.steps), strict=True):
            below = table[-1]
            row = [0] * (count + 1)
            row[count] = below[count] + alone[count]
            for entry in reversed(range(count)):
                best = max(below[entry] + alone[entry], row[entry + 1] + self.entries[entry])
                pair = pairs[entry]
                row[entry] = max(best, below[entry + 1] + pair) if pair else best
            table.append(row)
        return table[::-1]


# --- what it means


def _mapping(written: WrittenDockerfile, alignment: _Alignment, steps: Sequence[HistoryStep]) -> DockerfileMapping:
    """Lines for the steps, as far as they are sure; none where too much does not agree."""
    entries, pairs = alignment.entries, dict(alignment.pairs)
    matched = set(pairs.values())
    first = min((*pairs, *alignment.unsure), default=len(steps))
    # Of instructions that are alike, as many as there are steps for them have one.
    unsure = alignment.possible - matched
    missing = [number for number, entry in enumerate(entries) if entry.recorded and number not in alignment.possible]
    without = len(missing) + max(0, len(unsure) - len(alignment.unsure))
    extra = tuple(
        step
        for step in range(first, len(steps))
        if step not in pairs and step not in alignment.unsure and not _is_added_label(step, pairs, steps)
    )
    off = max(without, len(extra))  # an edited instruction is one of each
    name = _stage_name(written, alignment.stage)
    if off > _ALLOWED * (len(matched) + len(alignment.unsure)):
        agree = f"of the {len(entries)} instructions of stage {name}, {len(matched)} are in the image's history"
        return _no_fit(steps, f"at best, {agree}")
    # Where the first instructions have no step, nobody knows how many of the steps before are the base's.
    leading = min((*missing, *unsure), default=len(entries)) < min(matched, default=len(entries))
    from_line = written.stages[_chain(written, alignment.stage)[0]].line
    lines: list[int | None] = [None if leading else from_line] * first + [None] * (len(steps) - first)
    for step, number in pairs.items():
        lines[step] = entries[number].written.line
    return DockerfileMapping(
        lines=tuple(lines),
        from_line=from_line,
        stage=name,
        base_steps=None if leading else first,
        missing=tuple(sorted({entries[number].written.line for number in missing})),
        unsure=tuple(sorted({entries[number].written.line for number in unsure})),
        extra=extra,
    )


def _is_added_label(step: int, pairs: dict[int, int], steps: Sequence[HistoryStep]) -> bool:
    return steps[step].instruction.keyword == "LABEL" and step > max(pairs, default=-1)


def _stage_name(written: WrittenDockerfile, number: int) -> str:
    return written.stages[number].name or str(number)
