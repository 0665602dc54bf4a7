"""`imgscan compare` as JSON, schema `imgscan/1`. docs/forensics.md has the keys."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from imgscan.comparison import Changes, Compared, Comparison, Difference
from imgscan.renderers.escapes import cleaned
from imgscan.renderers.json import SCHEMA, finding_document, problem_document
from imgscan.renderers.renderer import RenderOptions
from imgscan.report import Severity, Tool

Document = dict[str, Any]


def render(comparison: Comparison, options: RenderOptions) -> str:
    """The whole document."""
    found = comparison.difference
    document = {
        "schema": SCHEMA,
        "tool": {"name": "imgscan", "version": options.version},
        "comparison": {
            "rows": [_row(row, comparison.rows[0]) for row in comparison.rows],
            "difference": _difference(found, options) if found is not None else None,
        },
    }
    return json.dumps(cleaned(document), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _row(row: Compared, first: Compared) -> Document:
    report, summary = row.report, row.report.summary
    more, percent = row.size_difference(first)
    counts = Counter(finding.severity for finding in report.verdict.open)
    container = row.container
    return {
        "kind": "image" if container is None else "container",
        "name": row.name,
        "image": {
            "reference": report.image.reference,
            "source": str(report.image.source),
            "platform": report.image.platform,
            "image_id": report.image.image_id,
            "manifest_digest": report.image.manifest_digest,
            "layers": len(report.image.layers),
        },
        "size": report.image.size,
        "size_difference": {"bytes": more, "percent": percent and round(percent, 3)},
        "runs_as_root": row.runs_as_root,
        "user": row.user,
        "secrets": summary.secrets,
        "secrets_deleted": summary.secrets_deleted,
        "build_tools": summary.build_tools,
        "build_tool_bytes": summary.build_tool_bytes,
        "dead_bytes": summary.dead_bytes,
        "healthcheck": summary.healthcheck,
        "constraints": None if container is None else container.constraints,
        "container": None if container is None else {"name": container.name, "id": container.id},
        "findings": {str(severity): counts[severity] for severity in list(Severity)[:0:-1]},
        "complete": report.complete and report.coverage.complete,
        "problems": [problem_document(problem) for problem in report.problems],
    }


def _difference(found: Difference, options: RenderOptions) -> Document:
    return {
        "empty": found.empty,
        "findings": {
            "new": [finding_document(finding, options) for finding in found.new],
            "fixed": [finding_document(finding, options) for finding in found.fixed],
            "unchanged": found.unchanged,
        },
        "tools": {
            "added": [_tool(tool) for tool in found.tools_added],
            "removed": [_tool(tool) for tool in found.tools_removed],
        },
        "settings": _changes(found.settings),
        "users": _changes(found.users),
        "privileged": _changes(found.privileged),
        "packages": _changes(found.packages),
        "size": {
            "before": found.size_before,
            "after": found.size_after,
            "causes": [{"cause": cause, "before": before, "after": after} for cause, before, after in found.sizes],
        },
    }


def _changes(changes: Changes) -> Document:
    return {
        "added": [{"name": name, "value": value} for name, value in changes.added],
        "removed": [{"name": name, "value": value} for name, value in changes.removed],
        "changed": [{"name": name, "before": before, "after": after} for name, before, after in changes.changed],
    }


def _tool(tool: Tool) -> Document:
    return {"name": tool.name, "class": str(tool.tool_class), "path": tool.path, "package": tool.package}
