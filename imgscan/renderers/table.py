"""The table: for a person at a terminal, the answers first, then the findings worst first, then what was not read.

Nothing is told by colour alone, nothing from an image is printed unescaped, and no line is wider than asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from imgscan.evidence import Depth
from imgscan.renderers import phrases
from imgscan.renderers.answers import UNASKED, UNKNOWN, answers, build_tools, runs_as_root, secrets, yes_or_no
from imgscan.renderers.grouping import Group, by_cause, groups
from imgscan.renderers.ledger import coverage, verdict
from imgscan.renderers.renderer import MINIMUM_WIDTH, RenderOptions
from imgscan.renderers.style import Page, Style, title
from imgscan.renderers.text import count_text, one_line, shorten, size_text, width, wrap
from imgscan.report import IgnorePattern, Report, Severity
from imgscan.report.dockerfile import DockerfileRow
from imgscan.report.exit_code import combined, exit_code

WIDE = 72
"""Columns from which findings are told in a table with columns; below, one under the other."""
PLACES = 6
"""Places of a group that are listed; the JSON document has all."""
ROWS = 100
"""Rows of the table of findings, and lines of the minor ones: of 10,000 nobody reads more."""
NAMES = 30
MINOR_ADVICE = 5
"""Findings of low severity whose advice is told in full."""
TOOL_ADVICE = 2
"""Pieces of advice on build tools that are told, the worst tools' first: each class has its own, much alike."""

HEADERS = ("WHAT", "WHERE", "BROUGHT IN BY", "STATE")
TOOL_HEADERS = ("BUILD TOOLS", "NAMES", "SIZE", "BROUGHT IN BY")

Lines = list[str]


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """One part for each image, and for several a comparison at the end."""
    page = Page(options, max(options.width, MINIMUM_WIDTH), Style(options.colour, options.unicode))
    lines: Lines = []
    for report in reports:
        lines += [*_image(report, page), ""]
    if len(reports) + len(options.failures) > 1:
        lines += [*_comparison(reports, page), ""]
    text = "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n" if lines else ""
    return text if options.unicode else page.style.ascii(text)


def _image(report: Report, page: Page) -> Lines:
    found = groups(report)
    tools = [group for group in found if group.about_tools]
    others = [group for group in found if not group.about_tools]
    minor = [group for group in others if _is_minor(group, page.options)]
    small = set(map(id, minor))  # to compare groups with one another takes minutes where there are 10,000
    sections = [
        title(report.image, page),
        _summary(report, page),
        _findings([group for group in others if id(group) not in small], page, report.dockerfile),
        _tools(tools, page),
        _minor(minor, page, report.dockerfile),
        _remediation([group for group in found if id(group) not in small], minor, report.dockerignore, page),
        _recovery(report, page),
        _suppressed(report, page),
        coverage(report, page),
        verdict(report, page),
    ]
    lines: Lines = []
    for section in sections:
        if section:
            lines += [*section, ""]
    return lines[:-1]


# --- the answers at a glance


def _summary(report: Report, page: Page) -> Lines:
    told = answers(report, page.options)
    room = page.width - 2 - 2 - 12 - 2 - max(len(row.answer) for row in told) - 2
    table = [
        [page.style.mark(row.tone), row.question, page.style.bold(row.answer), "\n".join(wrap(row.detail, room))]
        for row in told
    ]
    return _plain(table)


# --- the findings


@dataclass(frozen=True, slots=True)
class Row:
    """A group as text before wrapping: lines for the first column, and one triple for each place."""

    what: Lines
    places: list[tuple[str, str, str]]


def _findings(found: Sequence[Group], page: Page, dockerfile: DockerfileRow | None) -> Lines:
    rows = [_row(group, page, dockerfile) for group in found[:ROWS]]
    if not rows:
        return []
    return [*(_columns(rows, page) if page.width >= WIDE else _stacked(rows, page)), *_uncounted(found[ROWS:], page)]


def _uncounted(left: Sequence[Group], page: Page) -> Lines:
    """What the table has no room for, by rule: how many, how bad, and where all of it is."""
    counts = Counter((finding.severity, finding.rule.id) for group in left for finding in group.findings)
    if not counts:
        return []
    worst = sorted(counts.items(), key=lambda item: (-item[0][0].rank, -item[1], item[0][1]))
    shown = ", ".join(f"{count:,} {severity} {rule}" for (severity, rule), count in worst[:PLACES])
    rules = f" and {count_text(len(worst) - PLACES, 'more rule')}" if len(worst) > PLACES else ""
    told = f"And {count_text(counts.total(), 'more finding')}: {shown}{rules}. --format json or html has them all."
    return wrap(told, page.width)


def _row(group: Group, page: Page, dockerfile: DockerfileRow | None) -> Row:
    first, style = group.first, page.style
    what = [style.severity(group.severity) + " " + style.bold(one_line(first.rule.title, 200))]
    if group.secret:
        what.append(phrases.secret_text(group.secret, page.options.show_secrets))
        seen = f"seen in {len(group.findings)} places" if len(group.findings) > 1 else ""
        checked = "" if group.secret.validation == "none" else str(group.secret.validation)
        what.append(" · ".join(filter(None, (seen, checked))))
    elif len({finding.message for finding in group.findings}) == 1:
        message = one_line(first.message, 300)
        what.append("" if message == first.rule.title else message)
    else:
        what.append(f"{len(group.findings):,} places")
    rules = dict.fromkeys(finding.rule.id for finding in group.findings)
    what += [style.dim(rule) for rule in list(rules)[:4]]
    what.append(style.dim("low confidence") if first.confidence == "low" else "")
    return Row([line for line in what if line], _places(group, dockerfile))


def _places(group: Group, dockerfile: DockerfileRow | None) -> list[tuple[str, str, str]]:
    """One triple for each place, those with equal causes under one another without repeating the causes."""
    rows = []
    for _, findings in by_cause(group.findings):
        for number, finding in enumerate(findings):
            brought = phrases.blamed(finding, dockerfile)
            causes = (brought, phrases.state(finding)) if number == 0 else ("", "")
            rows.append((phrases.place(finding.location), *causes))
    more = len(rows) - PLACES
    # One line that says "1 more" would be as long as the line it hides.
    return rows if more <= 1 else [*rows[:PLACES], (phrases.places_text(more), "", "")]


def _columns(rows: Sequence[Row], page: Page) -> Lines:
    """A frame of four columns; each group is one of its rows, its places one under the other inside."""
    style = page.style
    columns = [
        [style.plain(text) for row in rows for text in row.what],
        *([place[at] for row in rows for place in row.places] for at in range(3)),
    ]
    natural = [max(map(width, texts), default=0) for texts in columns]
    widths = _fit(natural, HEADERS, page.width - 13)
    table = []
    for row in rows:
        cells: list[Lines] = [[], [], []]
        for place in row.places:
            wrapped = [wrap(text, room) for text, room in zip(place, widths[1:], strict=True)]
            height = max(len(lines) for lines in wrapped)
            for cell, lines in zip(cells, wrapped, strict=True):
                cell.extend(lines + [""] * (height - len(lines)))
        what = [line for text in row.what for line in style.wrap(text, widths[0])]
        table.append(["\n".join(lines) for lines in (what, *cells)])
    return _framed(table, [style.dim(header) for header in HEADERS], style.frame)


def _fit(natural: Sequence[int], headers: Sequence[str], room: int) -> list[int]:
    """Widths of columns that together take at most `room`: the widest give way first.

    tabulate gives a column at least its header's width plus two, so none goes below that.
    """
    least = [len(header) + 2 for header in headers]
    widths = [max(pair) for pair in zip(natural, least, strict=True)]
    while sum(widths) > max(room, sum(least)):
        widest = max((at for at in range(len(widths)) if widths[at] > least[at]), key=widths.__getitem__)
        widths[widest] -= 1
    return widths


def _stacked(rows: Sequence[Row], page: Page) -> Lines:
    """The same, one under the other, for narrow terminals."""
    style, room = page.style, page.width - 7
    lines: Lines = []
    for row in rows:
        lines += [line for text in row.what for line in style.wrap(text, page.width)]
        table = [
            [style.dim(label), "\n".join(wrap(text, room))]
            for place in row.places
            for label, text in zip(("where", "by", "state"), place, strict=True)
            if text
        ]
        lines += [*_plain(table), ""]
    return lines[:-1]


def _tools(found: Sequence[Group], page: Page) -> Lines:
    """Build tools, one line for each class and step: twenty-seven of them must not drown the rest."""
    if not found:
        return []
    style = page.style
    rows: list[tuple[str, str, str, str]] = []
    for group in found:
        for line in phrases.tool_lines(group, NAMES):
            names = line.names + ("" if line.state == "present" else f" ({line.state})")
            padding = " " * (9 - len(group.severity))
            first = f"{style.severity(group.severity)}{padding}{line.counted}"
            size = "" if line.size is None else size_text(line.size)
            rows.append((first, names, size, line.brought_in))
    if page.width < WIDE:
        return [line for row in rows for line in _stacked_tool(row, page)]
    natural = [max(width(style.plain(row[at])) for row in rows) for at in range(4)]
    fixed = max(natural[0], len(TOOL_HEADERS[0]) + 2) + max(natural[2], len(TOOL_HEADERS[2]) + 2)
    room = _fit(natural[1::2], TOOL_HEADERS[1::2], page.width - 13 - fixed)
    table = [
        [first, "\n".join(wrap(names, room[0])), size, shorten(brought, room[1])]
        for first, names, size, brought in rows
    ]
    return _framed(table, [style.dim(header) for header in TOOL_HEADERS], style.outline)


def _stacked_tool(row: tuple[str, str, str, str], page: Page) -> Lines:
    first, names, size, brought = row
    texts = (f"{names}, {size}" if size else names, brought)
    return [
        *page.style.wrap(first, page.width),
        *(f"  {line}" for text in texts for line in wrap(text, page.width - 2)),
    ]


def _is_minor(group: Group, options: RenderOptions) -> bool:
    """Whether a line is enough: of low severity, and nothing that fails the run."""
    return group.severity <= Severity.LOW and group.secret is None and not any(map(options.fails, group.findings))


def _minor(found: Sequence[Group], page: Page, dockerfile: DockerfileRow | None) -> Lines:
    """What is good to know, a line or two each: twenty of these must not drown a secret."""
    lines: Lines = []
    for group in found[:ROWS]:
        first, style = group.first, page.style
        messages = list(dict.fromkeys(finding.message for finding in group.findings))
        text = messages[0] if len(messages) == 1 else f"{first.rule.title}: {len(group.findings):,} places"
        where = phrases.blamed(first, dockerfile) or phrases.place(first.location)
        more = len(group.findings) - 1
        told = f"{one_line(text, 300)}; {where}{f' {phrases.places_text(more)}' if more else ''}"
        padding = " " * (4 - len(group.severity))
        head = f"{style.severity(group.severity)}{padding}  "
        body = style.wrap(f"{told} {style.dim(f'({first.rule.id})')}", page.width - 6)
        lines += [f"{head}{body[0]}", *(f"      {line}" for line in body[1:])]
    return [page.style.heading("ALSO"), *lines, *_uncounted(found[ROWS:], page)] if lines else []


def _remediation(found: Sequence[Group], minor: Sequence[Group], ignored: Sequence[IgnorePattern], page: Page) -> Lines:
    """What to do, worst first; equal advice once, with the families it is for. Of the minor, the first few."""
    advice: dict[str, list[str]] = {}
    about_tools = 0
    for group in (*found, *minor[:MINOR_ADVICE]):
        for finding in group.findings:
            text = finding.remediation or finding.rule.remediation
            if group.about_tools and text not in advice:
                about_tools += 1
                if about_tools > TOOL_ADVICE:
                    continue
            families = advice.setdefault(text, [])
            if finding.rule.family not in families:
                families.append(finding.rule.family)
    lines: Lines = []
    for number, (text, families) in enumerate(((text, of) for text, of in advice.items() if text), 1):
        first, *more = wrap(f"{', '.join(families)}: {one_line(text, 600)}", page.width - 4)
        lines += [f"{number:2}. {first}", *(f"    {line}" for line in more)]
    rules = {group.first.rule.id for group in minor[MINOR_ADVICE:]}
    if rules:
        told = f"and what ALSO tells: imgscan rules RULE explains each of {count_text(len(rules), 'more rule')}"
        lines += [page.style.dim(f"    {line}") for line in wrap(told, page.width - 4)]
    lines += _dockerignore(ignored, page) if lines else []
    return [page.style.heading("WHAT TO DO"), *lines] if lines else []


def _dockerignore(ignored: Sequence[IgnorePattern], page: Page) -> Lines:
    """The file to write, and beside each line what it would have kept out."""
    if not ignored:
        return []
    lines = wrap("A .dockerignore that keeps out of the next build what COPY took along:", page.width - 4)
    patterns = [one_line(line.pattern, page.width // 2) for line in ignored]
    longest = max(map(width, patterns))
    for line, pattern in zip(ignored, patterns, strict=True):
        example = phrases.path_text(line.example)
        what = f"{example} and {count_text(line.files - 1, 'other file')}" if line.files > 1 else example
        why = one_line(f"{what}: {line.reason}", max(page.width - longest - 8, 8))
        lines.append(f"  {pattern}{' ' * (longest - width(pattern))}  {page.style.dim(why)}")
    return [f"    {line}" for line in lines]


def _recovery(report: Report, page: Page) -> Lines:
    """The commands that give back what was deleted or overwritten, the worst findings' first, each once."""
    gone = [finding for finding in report.verdict.open if phrases.recovery(report.image, finding)]
    commands = list(dict.fromkeys(phrases.recovery_words(report.image, finding.location) for finding in gone))
    if not commands:
        return []
    lines = [line for words in commands[:PLACES] for line in _command(words, page.width)]
    more = len(commands) - PLACES
    if more > 0:
        lines += wrap(f"  and {count_text(more, 'more file')}: imgscan files IMAGE --fate dead", page.width)
    return [page.style.heading("TO RECOVER WHAT IS GONE"), *lines]


def _command(words: Sequence[str], columns: int) -> Lines:
    """A command on one line, else on several as a shell takes them."""
    whole = " ".join(words)
    if width(whole) <= columns - 2:
        return [f"  {whole}"]
    lines = [*(f"{word} \\" for word in words[:-1]), words[-1]]
    return [f"  {part}" for line in lines for part in wrap(line, columns - 2)]


# --- what was set aside


def _suppressed(report: Report, page: Page) -> Lines:
    suppressed, style = report.verdict.suppressed, page.style
    counts = report.verdict.suppressed_counts
    if not counts:
        return []
    reasons = ", ".join(f"{count:,} {one_line(reason, 40)}" for reason, count in counts.items())
    if not page.options.show_suppressed:
        text = f"{sum(counts.values()):,} suppressed ({reasons}): --show-suppressed lists them"
        return [style.dim(line) for line in wrap(text, page.width)]
    table = []
    third = (page.width - 4) // 3
    for item in suppressed:
        finding = item.finding
        told = ": ".join(one_line(text, 200) for text in (item.by, item.justification) if text)
        reason = f"{one_line(item.reason, 60)}{f' ({told})' if told else ''}"
        cells = (finding.rule.id, phrases.place(finding.location), reason)
        table.append(["\n".join(wrap(cell, third)) for cell in cells])
    heading = style.wrap(f"{style.heading('SUPPRESSED')}  {style.dim(reasons)}", page.width)
    return [*heading, *_plain(table)]


# --- several images


def _comparison(reports: Sequence[Report], page: Page) -> Lines:
    style = page.style
    rows = [_comparison_row(report, page) for report in reports]
    rows += [
        [f"{failure.reference} (not scanned)", *[""] * 6, f"{int(failure.code)}"] for failure in page.options.failures
    ]
    codes = [exit_code(report, page.options.completeness) for report in reports]
    codes += [failure.code for failure in page.options.failures]
    title = f"{style.heading('COMPARISON')}  {style.dim(f'exit code of the run: {int(combined(codes))}')}"
    headers = ("IMAGE", "ROOT", "SECRETS", "DELETED", "TOOLS", "SIZE", "HEALTH", "EXIT")
    lines = [style.dim(style.rule * page.width), title]
    # tabulate puts two blanks between columns and gives each at least its header's width plus two.
    taken = sum(max(len(headers[at]) + 2, *(len(row[at]) for row in rows)) + 2 for at in range(1, len(headers)))
    room = page.width - taken
    if room < 20:
        for name, *cells in rows:
            told = ", ".join(f"{head.lower()} {cell}" for head, cell in zip(headers[1:], cells, strict=True) if cell)
            lines += [*wrap(one_line(name, 300), page.width), *(f"  {line}" for line in wrap(told, page.width - 2))]
        return lines
    table = [["\n".join(wrap(one_line(row[0], 300), room)), *row[1:]] for row in rows]
    return [*lines, *_framed(table, headers, "simple")]


def _comparison_row(report: Report, page: Page) -> list[str]:
    summary, options = report.summary, page.options
    root, sought = runs_as_root(report, options).answer, secrets(report, options).answer != UNASKED
    return [
        report.image.reference,
        "?" if root == UNKNOWN else root,
        f"{summary.secrets}" if sought else "?",
        f"{summary.secrets_deleted}" if sought else "?",
        "?" if build_tools(report, options).answer == UNASKED else f"{summary.build_tools}",
        "?" if options.depth is Depth.CONFIG else size_text(report.image.size),
        yes_or_no(summary.healthcheck),
        f"{int(exit_code(report, page.options.completeness))}",
    ]


def _framed(table: Sequence[Sequence[str]], headers: Sequence[str], frame: str) -> Lines:
    return tabulate(
        table, headers=headers, tablefmt=frame, disable_numparse=True, colalign=("left",) * len(headers)
    ).splitlines()


def _plain(table: Sequence[Sequence[str]]) -> Lines:
    return tabulate(table, tablefmt="plain", disable_numparse=True).splitlines()
