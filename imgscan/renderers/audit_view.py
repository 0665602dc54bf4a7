"""An audit as its page shows it: words, numbers and lengths of bars, so that the template only lays them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgscan.errors import Effect
from imgscan.renderers import phrases
from imgscan.renderers.answers import Answer
from imgscan.renderers.text import count_text, middle, one_line, printable, size_text
from imgscan.report import Severity
from imgscan.report.audit import AuditedImage, AuditedSecret, AuditReport

SECRETS, LAYERS, IMAGES, UNREAD, RULES = 1000, 200, 5000, 500, 200
"""Rows of each list on the page, the worst; the JSON document and the state have all."""
PLACES = 50
NAMES = 12


@dataclass(frozen=True, slots=True)
class LayerLine:
    """A layer with secrets; `share` of 1000 is how many of all images carry it."""

    name: str
    images: int
    share: float
    secrets: int
    size: int
    repositories: str


@dataclass(frozen=True, slots=True)
class PlaceLine:
    """Where a secret is: one finding, in so many images."""

    where: str
    layer: str
    brought: str
    state: str
    images: int


@dataclass(frozen=True, slots=True)
class SecretLine:
    """One secret value, wherever it is."""

    id: str
    severity: str
    value: str
    kind: str
    state: str
    validation: str
    images: int
    repository_count: int
    repositories: str
    first_seen: str
    oldest: str
    new: bool
    places: tuple[PlaceLine, ...]
    more: int
    remediation: str
    search: str


@dataclass(frozen=True, slots=True)
class ImageLine:
    """One image's posture."""

    name: str
    others: str
    platform: str
    counts: tuple[tuple[str, int], ...]
    secrets: int
    deleted: int
    root: bool
    tools: int
    health: bool
    size: int
    created: str
    owner: str
    new: bool
    complete: bool
    search: str


@dataclass(frozen=True, slots=True)
class AuditView:
    """The whole page."""

    registry: str
    about: str
    images: int
    answers: tuple[Answer, ...]
    layers: tuple[LayerLine, ...]
    more_layers: int
    secrets: tuple[SecretLine, ...]
    more_secrets: int
    rows: tuple[ImageLine, ...]
    more_rows: int
    rules: tuple[tuple[str, str, str, int], ...]
    unread: tuple[tuple[str, str, str], ...]
    more_unread: int


def audit_view(report: AuditReport) -> AuditView:
    """Everything that the page says."""
    leaking = [layer for layer in report.layers if layer.secrets]
    unread = sorted(report.unread, key=lambda item: list(Effect).index(item.effect))
    return AuditView(
        registry=one_line(report.selection.registry, 200),
        about=_about(report),
        images=len(report.images),
        answers=tuple(_answers(report)),
        layers=tuple(
            LayerLine(
                name=layer.digest[:19],
                images=len(layer.images),
                share=round(1000 * len(layer.images) / max(1, len(report.images)), 2),
                secrets=len(layer.secrets),
                size=max(layer.size, 0),
                repositories=_few(layer.repositories),
            )
            for layer in leaking[:LAYERS]
        ),
        more_layers=max(0, len(leaking) - LAYERS),
        secrets=tuple(_secret(number, secret, report) for number, secret in enumerate(report.secrets[:SECRETS])),
        more_secrets=max(0, len(report.secrets) - SECRETS),
        rows=tuple(_image(image) for image in report.images[:IMAGES]),
        more_rows=max(0, len(report.images) - IMAGES),
        rules=tuple(_rules(report))[:RULES],
        unread=tuple(
            (_EFFECTS[item.effect], f"{item.kind} {one_line(item.name, 300)}: {one_line(item.message, 600)}", item.code)
            for item in unread[:UNREAD]
        ),
        more_unread=max(0, len(unread) - UNREAD),
    )


_EFFECTS = {Effect.INCOMPLETE: "not read", Effect.OPAQUE: "cannot be read", Effect.NOTE: "note"}


def _about(report: AuditReport) -> str:
    """Which part of the registry this is, and when it was looked at."""
    chosen, run = report.selection, report.run
    parts = [
        f"repositories {', '.join(chosen.repositories)}" if chosen.repositories else "",
        f"tags {', '.join(chosen.tags)}" if chosen.tags else "",
        f"the newest {chosen.newest} of each" if chosen.newest else "",
        f"since {chosen.since}" if chosen.since else "",
        chosen.platform or "all platforms",
        f"run {run.number}, begun {run.started}",
        f"went on {count_text(run.resumed, 'time')}" if run.resumed else "",
    ]
    return " · ".join(one_line(part, 300) for part in parts if part)


def _answers(report: AuditReport) -> Iterator[Answer]:
    plan, run, images = report.plan, report.run, report.images
    repositories = count_text(plan.repositories, "repository", "repositories")
    yield Answer("info", "images", f"{len(images):,}", f"{count_text(plan.tags, 'tag')} in {repositories}")
    yield Answer(
        "info",
        "layers",
        f"{plan.layers:,}",
        f"{size_text(plan.bytes)}, each opened once; {plan.image_layers:,} in all images",
    )
    yield Answer("info", "fetched by this run", f"{run.layers_fetched:,}", size_text(run.bytes_fetched))
    live = sum(secret.state == "present" for secret in report.secrets)
    gone = f"{live} of them present, the others deleted, yet recoverable" if live < len(report.secrets) else ""
    yield Answer("bad" if report.secrets else "good", "secrets", f"{len(report.secrets) or 'none'}", gone)
    root = sum(image.runs_as_root for image in images)
    yield Answer("warn" if root else "good", "run as root", f"{root:,}", f"of {count_text(len(images), 'image')}")
    owners = sum(image.owner_label is None for image in images)
    yield Answer("warn" if owners else "good", "without an owner", f"{owners:,}", "no label says whose they are")
    if run.previous:
        new = [
            count_text(count, noun)
            for count, noun in (
                (sum(image.new for image in images), "image"),
                (sum(secret.new for secret in report.secrets), "secret"),
                (sum(item.new for item in report.findings), "finding"),
            )
            if count
        ]
        yield Answer("warn" if new else "good", "new", ", ".join(new) or "nothing", f"since {run.previous}")
    lost = sum(item.effect is Effect.INCOMPLETE for item in report.unread)
    partly = sum(not image.complete for image in images)
    told = [
        count_text(lost, "thing") + " not read" if lost else "",
        count_text(partly, "image") + " not wholly read" if partly else "",
    ]
    yield Answer(
        "good" if report.complete else "bad",
        "complete",
        "yes" if report.complete else "no",
        "; ".join(filter(None, told)),
    )


def _secret(number: int, secret: AuditedSecret, report: AuditReport) -> SecretLine:
    value = (
        f"{one_line(secret.name, 80)} = {one_line(secret.redacted, 120)}"
        if secret.name
        else one_line(secret.redacted, 120)
    )
    places = []
    for index in secret.findings[:PLACES]:
        item = report.findings[index]
        places.append(
            PlaceLine(
                where=phrases.place(item.finding.location),
                layer=item.layer.partition(":")[2][:12] if item.layer else "",
                brought=phrases.quoted(item.finding.added_by.instruction) if item.finding.added_by is not None else "",
                state=phrases.state(item.finding),
                images=len(item.images),
            )
        )
    first = report.findings[secret.findings[0]].finding if secret.findings else None
    words = (value, secret.kind, *secret.repositories[:200], *(place.where for place in places))
    return SecretLine(
        id=f"secret-{number}",
        severity=str(secret.severity),
        value=value,
        kind=one_line(secret.kind, 80),
        state=secret.state,
        validation="" if secret.validation == "none" else one_line(secret.validation, 80),
        images=len(secret.images),
        repository_count=len(secret.repositories),
        repositories=_few(secret.repositories),
        first_seen=secret.first_seen[:10],
        oldest=secret.oldest_image[:10],
        new=secret.new,
        places=tuple(places),
        more=max(0, len(secret.findings) - PLACES),
        remediation=one_line((first.remediation or first.rule.remediation) if first is not None else "", 2000),
        search=printable(" ".join(words))[:4000].casefold(),
    )


def _image(image: AuditedImage) -> ImageLine:
    name = middle(printable(image.references[0]), 200) if image.references else image.digest[:19]
    others = f"and {count_text(len(image.references) - 1, 'other tag')}" if len(image.references) > 1 else ""
    words = (
        *image.references[:50],
        image.digest,
        image.platform,
        image.owner_label or "",
        "root" if image.runs_as_root else "",
    )
    return ImageLine(
        name=name,
        others=others,
        platform=one_line(image.platform, 40),
        counts=tuple((str(severity), count) for severity, count in image.severities),
        secrets=image.secrets,
        deleted=image.secrets_deleted,
        root=image.runs_as_root,
        tools=image.build_tools,
        health=image.healthcheck,
        size=image.size,
        created=one_line(image.created[:10], 10),
        owner=one_line(image.owner_label or "", 120),
        new=image.new,
        complete=image.complete,
        search=printable(" ".join(words))[:4000].casefold(),
    )


def _rules(report: AuditReport) -> Iterator[tuple[str, str, str, int]]:
    """(severity, rule, title, images) of what is no secret, the worst and the most frequent first."""
    counts: Counter[tuple[Severity, str, str]] = Counter()
    for item in report.findings:
        if item.finding.secret is None:
            counts[item.finding.severity, item.finding.rule.id, item.finding.rule.title] += len(item.images)
    for (severity, rule, title), count in sorted(
        counts.items(), key=lambda pair: (-pair[0][0].rank, -pair[1], pair[0][1])
    ):
        yield str(severity), rule, one_line(title, 200), count


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
    return ", ".join(one_line(name, 120) for name in names[:NAMES]) + more
