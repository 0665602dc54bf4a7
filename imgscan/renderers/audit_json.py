"""An audit as JSON, schema `imgscan/1`: a row a line, written as they come. docs/audit.md has the keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from imgscan.renderers.escapes import json_line
from imgscan.renderers.renderer import RenderOptions
from imgscan.report.audit import (
    AuditedFinding,
    AuditedImage,
    AuditedLayer,
    AuditedSecret,
    AuditPlan,
    AuditReport,
    Selection,
    Unread,
)
from imgscan.report.exit_code import audit_exit_code

SCHEMA = "imgscan/1"

Document = dict[str, Any]


def lines(report: AuditReport, options: RenderOptions) -> Iterator[str]:
    """The document in pieces, each a line or some."""
    yield _opening(options)
    yield f'    "selection": {json_line(_selection(report.selection))},\n'
    yield f'    "run": {json_line(_run(report))},\n'
    yield f'    "plan": {json_line(asdict(report.plan))},\n'
    yield f'    "summary": {json_line(_summary(report))},\n'
    yield f'    "verdict": {json_line(_verdict(report, options))},\n'
    yield from _rows("secrets", map(_secret, report.secrets))
    yield from _rows("layers", map(_layer, report.layers))
    yield from _rows("images", map(_image, report.images))
    yield from _rows("findings", map(_finding, report.findings))
    yield from _rows("unread", map(_unread, report.unread), last=True)
    yield "  }\n}\n"


def plan_lines(selection: Selection, plan: AuditPlan, options: RenderOptions) -> Iterator[str]:
    """What an audit would do."""
    yield _opening(options)
    yield f'    "selection": {json_line(_selection(selection))},\n'
    yield f'    "plan": {json_line(asdict(plan))}\n'
    yield "  }\n}\n"


def _opening(options: RenderOptions) -> str:
    tool = {"name": "imgscan", "version": options.version}
    return f'{{\n  "schema": "{SCHEMA}",\n  "tool": {json_line(tool)},\n  "audit": {{\n'


def _rows(name: str, rows: Iterable[Document], *, last: bool = False) -> Iterator[str]:
    yield f'    "{name}": ['
    comma = ""
    for row in rows:
        yield f"{comma}\n      {json_line(row)}"
        comma = ","
    yield ("\n    ]" if comma else "]") + ("\n" if last else ",\n")


def _selection(selection: Selection) -> Document:
    return {
        "registry": selection.registry,
        "repositories": list(selection.repositories),
        "named": None if selection.named is None else list(selection.named),
        "tags": list(selection.tags),
        "newest": selection.newest,
        "since": selection.since,
        "platform": selection.platform,
    }


def _run(report: AuditReport) -> Document:
    run = report.run
    return {
        "id": run.number,
        "started": run.started,
        "finished": run.finished or None,
        "previous": run.previous or None,
        "resumed": run.resumed,
        "layers_fetched": run.layers_fetched,
        "bytes_fetched": run.bytes_fetched,
    }


def _summary(report: AuditReport) -> Document:
    images = report.images
    return {
        "images": len(images),
        "images_with_secrets": sum(image.secrets > 0 for image in images),
        "images_as_root": sum(image.runs_as_root for image in images),
        "images_without_healthcheck": sum(not image.healthcheck for image in images),
        "images_without_owner": sum(image.owner_label is None for image in images),
        "images_incomplete": sum(not image.complete for image in images),
        "secrets": len(report.secrets),
        "findings": len(report.findings),
        "new_images": sum(image.new for image in images),
        "new_secrets": sum(secret.new for secret in report.secrets),
        "new_findings": sum(item.new for item in report.findings),
        "unread": len(report.unread),
    }


def _verdict(report: AuditReport, options: RenderOptions) -> Document:
    code = audit_exit_code(report, options.completeness)
    return {
        "failed": report.failed,
        "fail_on": str(report.fail_on),
        "complete": report.complete,
        "exit_code": int(code),
    }


def _secret(secret: AuditedSecret) -> Document:
    return {
        "id": secret.id,
        "kind": secret.kind,
        "name": secret.name,
        "redacted": secret.redacted,
        "validation": secret.validation,
        "severity": str(secret.severity),
        "state": secret.state,
        "first_seen": secret.first_seen,
        "oldest_image": secret.oldest_image or None,
        "new": secret.new,
        "repositories": list(secret.repositories),
        "layers": list(secret.layers),
        "images": list(secret.images),
        "findings": list(secret.findings),
    }


def _layer(layer: AuditedLayer) -> Document:
    return {
        "digest": layer.digest,
        "diff_id": layer.diff_id or None,
        "size": layer.size,
        "worst": str(layer.worst),
        "findings": layer.findings,
        "secrets": list(layer.secrets),
        "repositories": list(layer.repositories),
        "images": list(layer.images),
    }


def _image(image: AuditedImage) -> Document:
    return {
        "references": list(image.references),
        "digest": image.digest,
        "platform": image.platform,
        "image_id": image.image_id,
        "created": image.created or None,
        "size": image.size,
        "layers": list(image.layers),
        "runs_as_root": image.runs_as_root,
        "user": image.user,
        "secrets": image.secrets,
        "secrets_deleted": image.secrets_deleted,
        "build_tools": image.build_tools,
        "build_tool_bytes": image.build_tool_bytes,
        "dead_bytes": image.dead_bytes,
        "healthcheck": image.healthcheck,
        "owner_label": image.owner_label,
        "severities": {str(severity): count for severity, count in image.severities},
        "suppressed": image.suppressed,
        "complete": image.complete,
        "new": image.new,
        "problems": [
            {"code": p.code, "message": p.message, "effect": str(p.effect), "path": p.path, "layer": p.layer}
            for p in image.problems
        ],
    }


def _finding(item: AuditedFinding) -> Document:
    finding, place = item.finding, item.finding.location
    return {
        "rule": finding.rule.id,
        "title": finding.rule.title,
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "message": finding.message,
        "fingerprint": finding.fingerprint,
        "origin": str(finding.origin),
        "location": {
            "kind": str(place.kind),
            "path": place.path,
            "inner_path": place.inner_path,
            "layer": item.layer,
            "line": place.line,
            "offset": place.offset,
            "history": place.history,
            "pointer": place.pointer,
            "name": place.name,
        },
        "fate": finding.fate and {"state": finding.fate.state, "instruction": finding.fate.instruction},
        "added_by": finding.added_by and {"instruction": finding.added_by.instruction},
        "secret": finding.secret and finding.secret.id,
        "remediation": finding.remediation or finding.rule.remediation,
        "first_seen": item.first_seen,
        "new": item.new,
        "images": list(item.images),
    }


def _unread(item: Unread) -> Document:
    return {
        "kind": item.kind,
        "name": item.name,
        "code": item.code,
        "effect": str(item.effect),
        "message": item.message,
    }
