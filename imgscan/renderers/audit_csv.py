"""An audit as CSV: a row for each finding of each image. Safe for spreadsheets, like all CSV of ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from imgscan.renderers import phrases
from imgscan.renderers.cells import cell
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import advice
from imgscan.report.audit import AuditedFinding, AuditedImage, AuditReport

COLUMNS = (
    "references", "image", "platform", "created", "owner_label", "rule", "title", "severity", "confidence", "origin",
    "place", "kind", "path", "inner_path", "line", "history", "pointer", "name", "layer", "state",
    "state_instruction", "added_instruction", "secret_kind", "secret", "secret_id", "images_with_it", "first_seen",
    "new", "message", "remediation", "fingerprint",
)  # fmt: skip


def lines(report: AuditReport, options: RenderOptions) -> Iterator[str]:
    """The header, then the findings worst first, each for all its images; images without findings are in no row."""
    del options
    yield _line(COLUMNS)
    for item in report.findings:
        for index in item.images:
            yield _line(map(cell, _values(item, report.images[index])))


def _values(item: AuditedFinding, image: AuditedImage) -> tuple[object, ...]:
    finding, place = item.finding, item.finding.location
    fate, added, secret = finding.fate, finding.added_by, finding.secret
    return (
        " ".join(image.references), image.digest, image.platform, image.created, image.owner_label, finding.rule.id,
        finding.rule.title, finding.severity, finding.confidence, finding.origin, phrases.place(place), place.kind,
        place.path, place.inner_path, place.line, place.history, place.pointer, place.name, item.layer,
        fate and fate.state, fate and fate.instruction, added and added.instruction,
        secret and secret.kind, secret and secret.redacted, secret and secret.id, len(item.images), item.first_seen,
        "yes" if item.new else "no", finding.message, advice(finding), finding.fingerprint,
    )  # fmt: skip


def _line(values: Iterator[str] | tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
