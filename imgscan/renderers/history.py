"""The history of an image for a person: the reconstructed Dockerfile with what each step weighs and brought in.

Not one of the formats of a report: `imgscan history` shows it where `imgscan inspect` shows the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from imgscan.renderers import phrases
from imgscan.renderers.grouping import Group, groups
from imgscan.renderers.ledger import coverage
from imgscan.renderers.renderer import MINIMUM_WIDTH, RenderOptions
from imgscan.renderers.style import Page, Style, title
from imgscan.renderers.text import count_text, one_line, size_text, wrap
from imgscan.report import Finding, LocationKind, Report
from imgscan.report.report import HistoryRow

INSTRUCTION_LIMIT = 4000
"""Columns of an instruction: a heredoc may be a file of any length."""

Lines = list[str]


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """The steps of each image, first one first."""
    page = Page(options, max(options.width, MINIMUM_WIDTH), Style(options.colour, options.unicode))
    lines = [line for report in reports for line in (*_image(report, page), "")]
    text = "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n" if lines else ""
    return text if options.unicode else page.style.ascii(text)


def _image(report: Report, page: Page) -> Lines:
    image, style = report.image, page.style
    layers = {layer.index: layer for layer in image.layers}
    lines = [*title(image, page), "", style.dim("STEP  LAYER      SIZE  INSTRUCTION")]
    told: set[int] = set()
    for step in image.history:
        layer = layers.get(step.layer) if step.layer is not None else None
        size = "" if layer is None else "not read" if layer.size is None else size_text(layer.size)
        head = f"{step.index:4}  {'' if step.layer is None else step.layer:>5}  {size:>8}  "
        lines += [*_step(step, head, page), *_line(report, step, len(head), page)]
        for number, finding in enumerate(report.verdict.open):
            if _belongs(finding, step):
                told.add(number)
        lines += _brought(report, step, len(head), page)
    others = [layer for layer in image.layers if layer.history is None]
    for layer in others:
        size = "not read" if layer.size is None else size_text(layer.size)
        lines.append(f"   ?  {layer.index:>5}  {size:>8}  {style.dim('no step of the history made this layer')}")
    lines += ["", *_totals(report, len(report.verdict.open) - len(told), page)]
    ledger = coverage(report, page)
    return [*lines, *(["", *ledger] if ledger else [])]


def _step(step: HistoryRow, head: str, page: Page) -> Lines:
    text = one_line(step.instruction or step.created_by, INSTRUCTION_LIMIT) or "(empty)"
    first, *more = wrap(text, page.width - len(head))
    keyword, blank, rest = first.partition(" ")
    lines = [f"{head}{page.style.bold(keyword)}{blank}{rest}", *(" " * len(head) + line for line in more)]
    if step.build_args:
        pairs = " ".join(f"{name}={value}" for name, value in step.build_args)
        told = wrap(f"build arguments: {one_line(pairs, 400)}", page.width - len(head))
        lines += [" " * len(head) + page.style.dim(line) for line in told]
    return lines


def _line(report: Report, step: HistoryRow, indent: int, page: Page) -> Lines:
    """Where the step stands in the user's Dockerfile; of the base image's steps the last one says so for all."""
    dockerfile = report.dockerfile
    line = dockerfile.line_of_step(step.index) if dockerfile is not None else None
    if dockerfile is None or line is None:
        return []
    base = dockerfile.base_steps or 0
    if step.index < base - 1:
        return []
    what = " brought in this step and those above" if step.index == base - 1 else ""
    told = wrap(f"{phrases.path_text(dockerfile.path)}:{line}{what}", page.width - indent)
    return [" " * indent + page.style.dim(text) for text in told]


def _belongs(finding: Finding, step: HistoryRow) -> bool:
    """Whether a finding is about this step, or about what it brought in."""
    if finding.location.kind is LocationKind.HISTORY:
        return finding.location.history == step.index
    added = finding.added_by
    if added is None:
        return False
    if added.history is not None:
        return added.history == step.index
    return added.layer is not None and added.layer == step.layer


def _brought(report: Report, step: HistoryRow, indent: int, page: Page) -> Lines:
    here = tuple(finding for finding in report.verdict.open if _belongs(finding, step))
    if not here:
        return []
    found = groups(replace(report, verdict=replace(report.verdict, open=here)))
    return [line for group in found for line in _group(group, indent, page)]


def _group(group: Group, indent: int, page: Page) -> Lines:
    style, first = page.style, group.first
    if group.about_tools:
        text = f"{phrases.class_text(group, len(group.findings))}: {phrases.tool_names(group, 12)}"
    else:
        what = phrases.secret_text(group.secret, page.options.show_secrets) if group.secret else ""
        title_text = one_line(first.rule.title, 200)
        where = phrases.place(first.location)
        more = f" {phrases.places_text(len(group.findings) - 1)}" if len(group.findings) > 1 else ""
        state = phrases.state(first).removeprefix("present")
        text = ", ".join(part for part in (f"{title_text} {what}".strip(), f"{where}{more}", state) if part)
    told = f"{style.severity(group.severity)} {text}"
    first_line, *others = style.wrap(told, page.width - indent - 2)
    return [f"{' ' * indent}> {first_line}", *(f"{' ' * indent}  {line}" for line in others)]


def _totals(report: Report, untold: int, page: Page) -> Lines:
    image = report.image
    steps, layers = count_text(len(image.history), "step"), count_text(len(image.layers), "layer")
    text = f"{steps}, {layers}, {size_text(image.size)}"
    if untold:
        text += f"; {count_text(untold, 'finding')} about the image as a whole: imgscan inspect tells them"
    return [page.style.dim(line) for line in wrap(text, page.width)]
