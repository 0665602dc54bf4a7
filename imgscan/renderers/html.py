"""One page for a person to read: the verdict, what the bytes are, the build step by step, the findings, the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from imgscan.renderers import html_view
from imgscan.renderers.pages import render_page
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import verdict_word
from imgscan.report import Report, Severity
from imgscan.report.exit_code import combined, exit_code


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """All images on one page, each with a part of its own; what could not be scanned is told first."""
    codes = [*(exit_code(report, options.completeness) for report in reports), *(f.code for f in options.failures)]
    return render_page(
        "images.html",
        version=options.version,
        started=options.started.replace("T", " "),
        word=verdict_word(combined(codes)),
        images=[html_view.image(number, report, options) for number, report in enumerate(reports)],
        failures=options.failures,
        severities=[str(severity) for severity in reversed(Severity) if severity is not Severity.NONE],
        show_secrets=options.show_secrets,
    )
