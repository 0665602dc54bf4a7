"""A report as the page shows it: words, numbers and bars, all decided here, so that the template only lays them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imgscan.errors import Effect
from imgscan.renderers import phrases
from imgscan.renderers.answers import Answer, answers
from imgscan.renderers.grouping import Group, groups
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import verdict_word
from imgscan.renderers.text import one_line, printable, size_text
from imgscan.report import Finding, LocationKind, Origin, Report, Severity, Tool
from imgscan.report.exit_code import exit_code
from imgscan.report.report import CAUSES, LayerCauses

GROUPS = 1000
"""Groups of findings on the page, the worst; the JSON document has all."""
PLACES = 100
"""Places of one group on the page."""
SUPPRESSED = 500
INSTRUCTION = 4000
"""Characters of one instruction: a heredoc may be a file of any length."""
BAR = 1000
"""Units that the longest bar is wide."""

CAUSE_WORDS = {
    "in_use": "in use",
    "tools": "build tools",
    "caches": "package caches",
    "deleted": "deleted",
    "overwritten": "overwritten",
    "rewritten": "stored again, unchanged",
    "metadata": "tar headers and padding",
}
"""What the parts of a size are called."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar, in units of BAR."""

    cause: str
    words: str
    bytes: int
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a finding: where, what brought it, what became of it, how to get it back."""

    where: str
    brought: str
    state: str
    recover: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One group of findings."""

    id: str
    severity: str
    title: str
    rules: tuple[str, ...]
    family: str
    confidence: str
    origin: str
    what: str
    notes: tuple[str, ...]
    places: tuple[Place, ...]
    more: int
    explanation: str
    remediation: str
    fingerprint: str
    fails: bool
    search: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of the build, with what it weighs and what is wrong with it; `index` counts from 0, as everywhere."""

    index: int
    layer: int | None
    size: str
    bar: tuple[Part, ...]
    keyword: str
    arguments: str
    origin: str
    begins_own: bool
    created: str
    dockerfile_line: int | None
    build_args: str
    cards: tuple[tuple[str, str, str], ...]
    """(id, severity, words) of the groups of findings on it."""


@dataclass(frozen=True, slots=True)
class ImageView:
    """One image's part of the page."""

    id: str
    report: Report
    word: str
    code: int
    counts: tuple[tuple[str, int], ...]
    answers: tuple[Answer, ...]
    total: tuple[Part, ...]
    steps: tuple[StepRow, ...]
    other_layers: tuple[tuple[int, str], ...]
    cards: tuple[Card, ...]
    more_groups: int
    families: tuple[str, ...]
    tools: tuple[Tool, ...]
    problems: tuple[tuple[str, str, str], ...]
    ledger: tuple[tuple[str, str, int, int], ...]
    suppressed: tuple[tuple[str, str, str, str], ...]
    dockerfile: str
    facts: tuple[tuple[str, str], ...]


def image(number: int, report: Report, options: RenderOptions) -> ImageView:
    """Everything that the page says of one image."""
    name = f"image-{number}"
    found = groups(report)
    cards = tuple(_card(f"{name}-finding-{at}", group, report, options) for at, group in enumerate(found[:GROUPS]))
    counts = Counter(finding.severity for finding in report.verdict.open)
    code = exit_code(report, options.completeness)
    return ImageView(
        id=name,
        report=report,
        word=verdict_word(code),
        code=int(code),
        counts=tuple((str(severity), counts[severity]) for severity in reversed(Severity) if counts[severity]),
        answers=tuple(answers(report, options)),
        total=_total(report),
        steps=tuple(_steps(report, found[:GROUPS], cards)),
        other_layers=tuple(
            (layer.index, _layer_size(layer.size)) for layer in report.image.layers if layer.history is None
        ),
        cards=cards,
        more_groups=max(0, len(found) - GROUPS),
        families=tuple(dict.fromkeys(card.family for card in cards)),
        tools=report.tools,
        problems=tuple(
            (_EFFECTS[problem.effect], phrases.problem_text(problem), problem.code) for problem in report.problems
        ),
        ledger=tuple(_ledger(report)),
        suppressed=tuple(_suppressed(report)),
        dockerfile=printable(report.dockerfile.path) if report.dockerfile is not None else "",
        facts=tuple(_facts(report)),
    )


_EFFECTS = {Effect.INCOMPLETE: "not read", Effect.OPAQUE: "cannot be read", Effect.NOTE: "note"}


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    """What identifies the image."""
    row = report.image
    for name, value in (
        ("platform", row.platform),
        ("read from", row.source),
        ("created", row.created),
        ("image id", row.image_id),
        ("manifest", row.manifest_digest or ""),
    ):
        if value:
            yield name, one_line(value, 200)


# --- findings


def _card(identity: str, group: Group, report: Report, options: RenderOptions) -> Card:
    first = group.first
    what, notes = _what(group, options)
    places = tuple(_place(finding, report) for finding in group.findings[:PLACES])
    title = one_line(first.rule.title, 200)
    remediation = one_line(group.remediation, 2000)
    words = (title, what, *notes, *(part for place in places for part in (place.where, place.brought)))
    return Card(
        id=identity,
        severity=str(group.severity),
        title=title,
        rules=tuple(dict.fromkeys(finding.rule.id for finding in group.findings)),
        family=str(first.rule.family),
        confidence=str(first.confidence),
        origin=_ORIGINS[first.origin],
        what=what,
        notes=notes,
        places=places,
        more=max(0, len(group.findings) - PLACES),
        explanation=one_line(first.rule.explanation, 2000),
        remediation=remediation,
        fingerprint=first.fingerprint,
        fails=any(options.fails(finding) for finding in group.findings),
        search=" ".join((*words, first.rule.id, str(group.severity))).casefold()[:4000],
    )


_ORIGINS = {Origin.BASE: "inherited", Origin.OWN: "own", Origin.UNKNOWN: ""}


def _what(group: Group, options: RenderOptions) -> tuple[str, tuple[str, ...]]:
    """What was found, and what there is to say of it."""
    first, secret = group.first, group.secret
    if group.about_tools:
        size = sum(tool.size for tool in group.tools)
        text = f"{phrases.class_text(group, len(group.findings))}: {phrases.tool_names(group, 40)}"
        return text, ((size_text(size),) if size else ())
    if secret is None:
        messages = list(dict.fromkeys(finding.message for finding in group.findings))
        return (one_line(messages[0], 600) if len(messages) == 1 else f"{len(group.findings):,} places"), ()
    notes = [f"seen in {len(group.findings)} places" if len(group.findings) > 1 else ""]
    notes.append("" if secret.validation == "none" else str(secret.validation))
    notes.append(secret.companion or "")
    if secret.readable_by_user is not None:
        notes.append(
            "the user it runs as can read it" if secret.readable_by_user else "the user it runs as cannot read it"
        )
    if secret.state in ("deleted", "overwritten"):
        notes.append(f"{secret.state}, yet recoverable by anyone who can pull the image")
    message = one_line(first.message, 600)
    if ";" in message:  # ownership, a file's kind: what the message adds to the place
        notes.append(message.partition(";")[2].strip())
    return phrases.secret_text(secret, options.show_secrets), tuple(printable(note) for note in notes if note)


def _place(finding: Finding, report: Report) -> Place:
    return Place(
        where=phrases.place(finding.location),
        brought=phrases.blamed(finding, report.dockerfile),
        state=phrases.state(finding),
        recover=_printable(phrases.recovery(report.image, finding)),
    )


def _printable(text: str | None) -> str | None:
    return printable(text) if text is not None else None


# --- the build


def _steps(report: Report, found: Sequence[Group], cards: Sequence[Card]) -> Iterator[StepRow]:
    layers = {layer.index: layer for layer in report.image.layers}
    causes = {row.index: row for row in report.size_causes}
    largest = max((layer.size or 0 for layer in report.image.layers), default=0)
    on_step = _by_step(report, found, cards)
    before: Origin | None = None
    for step in report.image.history:
        layer = layers.get(step.layer) if step.layer is not None else None
        origin = layer.origin if layer is not None else before
        text = one_line(step.instruction or step.created_by, INSTRUCTION) or "(empty)"
        keyword, _, arguments = text.partition(" ")
        line = report.dockerfile.line_of_step(step.index) if report.dockerfile is not None else None
        yield StepRow(
            index=step.index,
            layer=step.layer,
            size=_layer_size(layer.size) if layer is not None else "",
            bar=_bar(causes.get(layer.index), layer.size, largest) if layer is not None else (),
            keyword=keyword,
            arguments=arguments,
            origin=_ORIGINS[origin] if origin is not None else "",
            begins_own=before is Origin.BASE and origin is Origin.OWN,
            created=one_line(step.created, 40),
            dockerfile_line=line,
            build_args=one_line(" ".join(f"{name}={value}" for name, value in step.build_args), 400),
            cards=tuple(on_step.get(step.index, ())),
        )
        before = origin


def _by_step(report: Report, found: Sequence[Group], cards: Sequence[Card]) -> dict[int, list[tuple[str, str, str]]]:
    """The cards to show beside each step, worst first."""
    of_layer = {step.layer: step.index for step in report.image.history if step.layer is not None}
    told: dict[int, list[tuple[str, str, str]]] = {}
    for group, card in zip(found, cards, strict=True):
        for step, count in Counter(_step_of(finding, of_layer) for finding in group.findings).items():
            if step is not None:
                words = f"{card.title}: {card.what}" if group.secret is not None else card.title
                words = words if count == 1 else f"{words} ({count:,})"
                told.setdefault(step, []).append((card.id, card.severity, words))
    return told


def _step_of(finding: Finding, of_layer: dict[int, int]) -> int | None:
    if finding.location.kind is LocationKind.HISTORY:
        return finding.location.history
    added = finding.added_by
    if added is None:
        return None
    return added.history if added.history is not None else of_layer.get(added.layer or 0)


def _layer_size(size: int | None) -> str:
    return "not read" if size is None else size_text(size)


def _bar(causes: LayerCauses | None, size: int | None, largest: int) -> tuple[Part, ...]:
    """A layer's bytes, as long as it is large: by cause where that is known."""
    if not size or not largest:
        return ()
    if causes is None:
        return (Part("unknown", "not told apart", size, 0, BAR * size / largest),)
    return tuple(_parts([(cause, getattr(causes, cause)) for cause in CAUSES], largest))


def _total(report: Report) -> tuple[Part, ...]:
    """All bytes of the image by cause."""
    if not report.size_causes:
        return ()
    sums = [(cause, sum(getattr(row, cause) for row in report.size_causes)) for cause in CAUSES]
    whole = sum(size for _, size in sums)
    return tuple(_parts(sums, whole)) if whole else ()


def _parts(sizes: Sequence[tuple[str, int]], whole: int) -> Iterator[Part]:
    start = 0.0
    for cause, size in sizes:
        if size > 0:
            length = BAR * size / whole
            yield Part(cause, CAUSE_WORDS[cause], size, round(start, 2), round(length, 2))
            start += length


# --- what was not read, and what was set aside


def _ledger(report: Report) -> Iterator[tuple[str, str, int, int]]:
    """(what became of it, why, how many, bytes)."""
    ledger = report.coverage
    inner = ledger.inner
    for what, skips in (
        ("skipped", ledger.skipped),
        ("cannot be read", ledger.opaque),
        ("skipped inside files", inner.skipped),
        ("cannot be read inside files", inner.opaque),
    ):
        for skip in skips:
            yield what, one_line(skip.reason, 200), skip.count, skip.bytes


def _suppressed(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """(reason, who says so, rule, place) of what was set aside, as far as the page goes."""
    for item in report.verdict.suppressed[:SUPPRESSED]:
        place = phrases.place(replace(item.finding.location))
        yield item.reason, one_line(item.by, 200), item.finding.rule.id, place
