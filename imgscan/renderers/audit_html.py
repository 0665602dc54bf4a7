"""A registry on one page: what to rebuild and to rotate first, each image's posture, what could not be read."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.renderers.audit_view import audit_view
from imgscan.renderers.pages import render_page
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import verdict_word
from imgscan.report.audit import AuditReport
from imgscan.report.exit_code import audit_exit_code


def lines(report: AuditReport, options: RenderOptions) -> Iterator[str]:
    """The page, in one piece."""
    code = audit_exit_code(report, options.completeness)
    yield render_page(
        "audit.html",
        version=options.version,
        started=report.run.started.replace("T", " ").removesuffix("Z"),
        word=verdict_word(code),
        code=int(code),
        view=audit_view(report),
    )
