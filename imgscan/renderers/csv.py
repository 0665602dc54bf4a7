"""CSV for spreadsheets and data frames: a header, then a row for each finding, suppressed ones with their reason.

RFC 4180 but for the line end, which is one newline. A cell that a spreadsheet would take for a formula begins with an
apostrophe (OWASP, "CSV Injection"); whatever is invisible is spelled out, so no cell holds a line break.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from imgscan.renderers import phrases
from imgscan.renderers.cells import cell
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import advice, dockerfile_line
from imgscan.report import Finding, Report, Suppressed

COLUMNS = (
    "image", "platform", "rule", "title", "severity", "confidence", "origin", "place", "kind", "path", "inner_path",
    "layer", "line", "history", "pointer", "name", "state", "state_layer", "state_instruction", "added_layer",
    "added_history", "added_instruction", "dockerfile", "dockerfile_line", "secret_kind", "secret", "secret_id",
    "message", "remediation", "suppressed", "suppressed_by", "fingerprint",
)  # fmt: skip


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """All findings of all images."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for report in reports:
        for finding in report.verdict.open:
            writer.writerow(_row(report, finding, None, options))
        for item in report.verdict.suppressed:
            writer.writerow(_row(report, item.finding, item, options))
    return text.getvalue()


def _row(report: Report, finding: Finding, suppressed: Suppressed | None, options: RenderOptions) -> Iterator[str]:
    place, fate, added, secret = finding.location, finding.fate, finding.added_by, finding.secret
    line = dockerfile_line(report, finding)
    value = secret and (secret.value if options.show_secrets and secret.value is not None else secret.redacted)
    values = (
        report.image.reference, report.image.platform, finding.rule.id, finding.rule.title, finding.severity,
        finding.confidence, finding.origin, phrases.place(place), place.kind, place.path, place.inner_path,
        place.layer, place.line, place.history, place.pointer, place.name,
        fate and fate.state, fate and fate.layer, fate and fate.instruction,
        added and added.layer, added and added.history, added and added.instruction,
        report.dockerfile.path if report.dockerfile is not None and line is not None else None, line,
        secret and secret.kind, value, secret and secret.id,
        finding.message, advice(finding), suppressed and suppressed.reason, suppressed and suppressed.by,
        finding.fingerprint,
    )  # fmt: skip
    return map(cell, values)
