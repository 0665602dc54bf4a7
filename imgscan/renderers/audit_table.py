"""An audit for a person at a terminal: the answers first, then what to do first: secrets, layers, images, what is new.

Long lists end early and say so; the JSON document and the state have all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from imgscan.errors import Effect
from imgscan.renderers import phrases
from imgscan.renderers.renderer import MINIMUM_WIDTH, RenderOptions
from imgscan.renderers.style import Page, Style
from imgscan.renderers.text import count_text, middle, one_line, printable, size_text, wrap
from imgscan.report import Severity
from imgscan.report.audit import AuditedImage, AuditedLayer, AuditedSecret, AuditPlan, AuditReport, Selection, Unread
from imgscan.report.exit_code import ExitCode, audit_exit_code

SECRETS, LAYERS, IMAGES, PLACES, UNREAD = 20, 10, 20, 3, 20
"""Rows of each list that are told."""

Lines = list[str]


def lines(report: AuditReport, options: RenderOptions) -> Iterator[str]:
    """The page, in pieces that end with a newline."""
    page = _page(options)
    sections = [
        _title(report.selection, page),
        _summary(report, page),
        _secrets(report, page),
        _layers(report, page),
        _images(report, page),
        _others(report, page),
        _unread(report, page),
        _verdict(report, page),
    ]
    yield from _printed([section for section in sections if section], page)


def plan_lines(selection: Selection, plan: AuditPlan, options: RenderOptions) -> Iterator[str]:
    """What an audit would do."""
    page = _page(options)
    rows = [
        ("images", f"{plan.images:,}", f"of {count_text(plan.tags, 'tag')}, in {_repositories(plan.repositories)}"),
        ("distinct layers", f"{plan.layers:,}", f"{size_text(plan.bytes)}, {plan.image_layers:,} in all images"),
        ("known already", f"{plan.known_layers:,}", size_text(plan.known_bytes)),
        ("to fetch", f"{plan.to_fetch:,}", size_text(plan.bytes_to_fetch)),
    ]
    if plan.foreign_layers:
        rows.append(("foreign layers", f"{plan.foreign_layers:,}", "not kept by registries"))
    if plan.left_out:
        rows.append(("left out", f"{plan.left_out:,}", "their workers died: --retry-left-out"))
    if plan.artifacts:
        rows.append(("no images", f"{plan.artifacts:,}", "tags of charts, signatures and the like"))
    table = [[what, page.style.bold(count), detail] for what, count, detail in rows]
    yield from _printed([_title(selection, page), _plain(table)], page)


def _page(options: RenderOptions) -> Page:
    return Page(options, max(options.width, MINIMUM_WIDTH), Style(options.colour, options.unicode))


def _printed(sections: Sequence[Lines], page: Page) -> Iterator[str]:
    for number, section in enumerate(sections):
        for line in (*([""] if number else []), *section):
            text = line.rstrip()
            yield (text if page.options.unicode else page.style.ascii(text)) + "\n"


def _title(selection: Selection, page: Page) -> Lines:
    parts = [
        f"repositories {', '.join(selection.repositories)}" if selection.repositories else "",
        f"tags {', '.join(selection.tags)}" if selection.tags else "",
        f"the newest {selection.newest}" if selection.newest else "",
        f"since {selection.since}" if selection.since else "",
        selection.platform or "all platforms",
    ]
    about = " · ".join(one_line(part, 300) for part in parts if part)
    style = page.style
    return [
        style.bold(one_line(f"Audit of {selection.registry}", page.width)),
        *(style.dim(line) for line in wrap(about, page.width)),
        style.dim(style.rule * page.width),
    ]


def _summary(report: AuditReport, page: Page) -> Lines:
    plan, run, images, style = report.plan, report.run, report.images, page.style
    again = f", went on {count_text(run.resumed, 'time')}" if run.resumed else ""
    live = sum(secret.state == "present" for secret in report.secrets)
    owners = sum(image.owner_label is None for image in images)
    root = sum(image.runs_as_root for image in images)
    tags = f"of {count_text(plan.tags, 'tag')}, in {_repositories(plan.repositories)}"
    once = f"{size_text(plan.bytes)}, each opened once; {plan.image_layers:,} in all images"
    gone = f"{live} of them present, the others deleted, yet recoverable" if live < len(report.secrets) else ""
    whole = "yes" if report.complete else "no"
    rows = [
        ("info", "images", f"{len(images):,}", tags),
        ("info", "layers", f"{plan.layers:,}", once),
        ("info", "fetched", f"{run.layers_fetched:,}", f"{size_text(run.bytes_fetched)} by this run{again}"),
        ("bad" if report.secrets else "good", "secrets", f"{len(report.secrets) or 'none'}", gone),
        ("warn" if root else "good", "run as root", f"{root:,}", count_text(root, "image")),
        ("warn" if owners else "good", "without owner", f"{owners:,}", "no label says whose these images are"),
        ("good" if report.complete else "bad", "complete", whole, _missing(report)),
    ]
    if run.previous:
        new = _new(report)
        since = f"{new} since the run of {run.previous}".strip()
        rows.insert(-1, ("warn" if new else "good", "new", "yes" if new else "nothing", since))
    # Two blanks between the columns, of which the first has one sign and the second thirteen.
    room = page.width - 20 - max(len(answer) for _, _, answer, _ in rows)
    return _plain(
        [
            [style.mark(tone), what, style.bold(answer), "\n".join(wrap(detail, max(room, 8)))]
            for tone, what, answer, detail in rows
        ]
    )


def _new(report: AuditReport) -> str:
    parts = [
        (sum(image.new for image in report.images), "image"),
        (sum(secret.new for secret in report.secrets), "secret"),
        (sum(item.new for item in report.findings), "finding"),
    ]
    return ", ".join(count_text(count, noun) for count, noun in parts if count)


def _missing(report: AuditReport) -> str:
    count = sum(item.effect is Effect.INCOMPLETE for item in report.unread)
    images = sum(not image.complete for image in report.images)
    told = [count_text(count, "thing") + " could not be read" if count else ""]
    told.append(count_text(images, "image") + " not wholly read" if images else "")
    return "; ".join(part for part in told if part)


def _secrets(report: AuditReport, page: Page) -> Lines:
    found, style = report.secrets, page.style
    if not found:
        return []
    rows: Lines = [style.heading(f"SECRETS  {len(found):,}")]
    for secret in found[:SECRETS]:
        rows += _secret(secret, report, page)
    return [*rows, *_more(len(found) - SECRETS, "secret", page)]


def _secret(secret: AuditedSecret, report: AuditReport, page: Page) -> Lines:
    style, width = page.style, page.width
    name = f"{one_line(secret.name, 60)} = " if secret.name else ""
    new = " NEW" if secret.new else ""
    value = style.bold(one_line(name + secret.redacted, 100))
    head = f"{style.severity(secret.severity)}{new} {value} {one_line(secret.kind, 100)}"
    since = f", oldest image of {one_line(secret.oldest_image[:10], 10)}" if secret.oldest_image else ""
    where = (
        f"{secret.state} in {count_text(len(secret.images), 'image')} of {_repositories(len(secret.repositories))}: "
        f"{_few(secret.repositories)}; first seen {secret.first_seen[:10]}{since}"
    )
    lines = [*style.wrap(head, width), *(f"    {line}" for line in wrap(where, width - 4))]
    for index in secret.findings[:PLACES]:
        item = report.findings[index]
        layer = f", layer {item.layer.partition(':')[2][:12]}" if item.layer else ""
        added = item.finding.added_by
        by = f", by {phrases.quoted(added.instruction)}" if added is not None and added.instruction else ""
        became = phrases.state(item.finding)
        state = f", {became}" if became not in ("", "present") else ""
        place = f"{phrases.place(item.finding.location)}{layer}{by}{state}"
        carried = f" ({count_text(len(item.images), 'image')})"
        lines += [f"    {line}" for line in wrap(f"• {place}{carried}", width - 4)]
    return [*lines, *(f"    {line}" for line in _more(len(secret.findings) - PLACES, "place", page))]


def _layers(report: AuditReport, page: Page) -> Lines:
    """The layers to rebuild first: each is a leak in all images above it."""
    leaking = [layer for layer in report.layers if layer.secrets]
    if not leaking:
        return []
    rows: Lines = [page.style.heading(f"LAYERS WITH SECRETS  {len(leaking):,}")]
    for layer in leaking[:LAYERS]:
        rows += [f"  {line}" for line in wrap(_layer(layer), page.width - 2)]
    return [*rows, *_more(len(leaking) - LAYERS, "layer", page)]


def _layer(layer: AuditedLayer) -> str:
    return (
        f"{layer.digest[:19]} ({size_text(max(layer.size, 0))}): {count_text(len(layer.secrets), 'secret')} in "
        f"{count_text(len(layer.images), 'image')} of {_repositories(len(layer.repositories))}: "
        f"{_few(layer.repositories)}"
    )


def _images(report: AuditReport, page: Page) -> Lines:
    bad = [image for image in report.images if image.worst >= Severity.MEDIUM or not image.complete]
    if not bad:
        return []
    style = page.style
    headers = ("IMAGE", "WORST", "SECRETS", "ROOT", "TOOLS", "SIZE")
    table = [
        [
            "\n".join(wrap(_name(image), max(page.width - 52, 20))),
            f"{image.worst.upper()}{' NEW' if image.new else ''}",
            f"{image.secrets}",
            "yes" if image.runs_as_root else "no",
            f"{image.build_tools}",
            size_text(image.size) if image.complete else "incomplete",
        ]
        for image in bad[:IMAGES]
    ]
    heading = style.heading(f"IMAGES, THE WORST FIRST  {len(bad):,}")
    framed = tabulate(table, headers=headers, tablefmt="simple", disable_numparse=True).splitlines()
    return [heading, *framed, *_more(len(bad) - IMAGES, "image", page)]


def _name(image: AuditedImage) -> str:
    first = middle(printable(image.references[0]), 160) if image.references else image.digest[:19]
    more = f" and {count_text(len(image.references) - 1, 'other tag')}" if len(image.references) > 1 else ""
    platform = "" if image.platform == "linux/amd64" else f" {one_line(image.platform, 40)}"
    return f"{first}{more}{platform}"


def _others(report: AuditReport, page: Page) -> Lines:
    """Everything but secrets, counted by rule: a registry has the same tools and roots everywhere."""
    counts: Counter[tuple[int, str]] = Counter()
    for item in report.findings:
        if item.finding.secret is None:
            counts[-item.finding.severity.rank, item.finding.rule.id] += len(item.images)
    if not counts:
        return []
    by_rank = {-severity.rank: severity for severity in Severity}
    rows = [
        f"  {page.style.severity(by_rank[rank])} {one_line(rule, 60)}: {count:,}"
        for (rank, rule), count in sorted(counts.items(), key=lambda pair: (pair[0][0], -pair[1], pair[0][1]))
    ]
    shown = rows[:UNREAD]
    return [page.style.heading("OTHER FINDINGS, BY RULE"), *shown, *_more(len(rows) - len(shown), "rule", page)]


def _unread(report: AuditReport, page: Page) -> Lines:
    found = sorted((*report.unread, *_of_images(report)), key=lambda item: list(Effect).index(item.effect))
    if not found:
        return []
    rows: Lines = [page.style.heading("NOT READ")]
    for item in found[:UNREAD]:
        tone = {Effect.INCOMPLETE: "bad", Effect.OPAQUE: "warn"}.get(item.effect, "info")
        first, *more = wrap(_told(item), page.width - 2)
        rows += [f"{page.style.mark(tone)} {first}", *(f"  {line}" for line in more)]
    return [*rows, *_more(len(found) - UNREAD, "thing", page)]


def _of_images(report: AuditReport) -> Iterator[Unread]:
    """Why images were not wholly read, but for layers that did not come, which are told by themselves."""
    for image in report.images:
        for problem in image.problems:
            if problem.effect is Effect.INCOMPLETE and problem.code != "missing-blob":
                name = image.references[0] if image.references else image.digest
                yield Unread("image", name, problem.code, problem.message, problem.effect)


def _told(item: Unread) -> str:
    return f"{item.kind} {one_line(item.name, 200)}: {one_line(item.message, 400)} ({item.code})"


def _verdict(report: AuditReport, page: Page) -> Lines:
    code = audit_exit_code(report, page.options.completeness)
    told = {
        ExitCode.CLEAN: ("CLEAN", f"nothing at or above {report.fail_on}"),
        ExitCode.FOUND: ("FAILED", f"findings at or above {report.fail_on}"),
        ExitCode.INCOMPLETE: ("INCOMPLETE", "not all that the registry has could be read"),
    }
    word, why = told[code]
    return wrap(f"{word}: {why}; exit code {int(code)}", page.width)


def _repositories(count: int) -> str:
    return count_text(count, "repository", "repositories")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - PLACES:,} more" if len(names) > PLACES else ""
    return ", ".join(one_line(name, 80) for name in names[:PLACES]) + more


def _more(count: int, noun: str, page: Page) -> Lines:
    if count <= 0:
        return []
    return [page.style.dim(f"and {count_text(count, f'more {noun}')}: --format json has all")]


def _plain(table: Sequence[Sequence[str]]) -> Lines:
    return tabulate(table, tablefmt="plain", disable_numparse=True).splitlines()
