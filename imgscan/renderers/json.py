r"""The JSON document, schema `imgscan/1`: written by hand, key by key, because scripts are written against it.

docs/json.md is its reference, and a test compares the two. The document is ASCII. A name's bytes that are not
UTF-8 (lone surrogates in Python, which many JSON parsers refuse) are written as the four characters `\xff`;
`escapes.unescape` gives them back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from imgscan.errors import Problem
from imgscan.evidence import Skip
from imgscan.renderers import phrases
from imgscan.renderers.escapes import json_line
from imgscan.renderers.renderer import Failure, RenderOptions
from imgscan.report import CoverageLedger, Finding, Origin, Report, SecretSighting, Suppressed, Tool, Verdict
from imgscan.report.dockerfile import DockerfileRow
from imgscan.report.exit_code import exit_code
from imgscan.report.report import CAUSES, ImageRow, LayerCauses, Summary

SCHEMA = "imgscan/1"

Document = dict[str, Any]


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """All reports as one document, in the order given."""
    document: Document = {
        "schema": SCHEMA,
        "tool": {"name": "imgscan", "version": options.version},
        "reports": [_report(report, options) for report in reports],
        "failures": [failure_document(failure) for failure in options.failures],
    }
    return written(document) + "\n"


_ROWS = 4
"""Depth from which a value stands on one line: a finding, a layer. Twenty thousand findings are told one by one."""


def written(value: Any, depth: int = 0) -> str:
    """A document, or a part of one that stands at `depth`, as text."""
    if isinstance(value, dict) and value and depth < _ROWS:
        parts = [f"{json_line(key)}: {written(item, depth + 1)}" for key, item in value.items()]
        return _block("{", parts, "}")
    if isinstance(value, list | Iterator) and depth <= _ROWS:
        return _block("[", [written(item, depth + 1) for item in value], "]")
    return json_line(value)


def _block(opening: str, parts: Sequence[str], closing: str) -> str:
    if not parts:
        return opening + closing
    lines = ",\n".join(parts).replace("\n", "\n  ")  # line ends within strings are escaped
    return f"{opening}\n  {lines}\n{closing}"


def failure_document(failure: Failure) -> Document:
    return {
        "reference": failure.reference,
        "message": failure.message,
        "tip": failure.tip,
        "exit_code": int(failure.code),
    }


def _report(report: Report, options: RenderOptions) -> Document:
    return {
        "image": _image(report.image, report.size_causes),
        "scope": {"depth": options.depth.name.lower(), "families": sorted(options.families), "only": _only(options)},
        "summary": _summary(report.summary),
        "verdict": {
            "failed": report.verdict.failed,
            "fail_on": str(options.fail_on),
            "exit_code": int(exit_code(report, options.completeness)),
        },
        "baseline": _baseline(report.verdict),
        "findings": (
            {
                **finding_document(finding, options, report.dockerfile),
                "recover": phrases.recovery(report.image, finding),
                "baseline_state": report.verdict.baseline_state,
            }
            for finding in report.verdict.open
        ),
        "suppressed": (
            {
                **suppressed_document(suppressed, options, report.dockerfile),
                "recover": phrases.recovery(report.image, suppressed.finding),
            }
            for suppressed in report.verdict.suppressed
        ),
        "suppressed_counts": [
            {"reason": reason, "count": count} for reason, count in report.verdict.suppressed_counts.items()
        ],
        "tools": [_tool(tool) for tool in report.tools],
        "coverage": _coverage(report.coverage),
        "problems": [problem_document(problem) for problem in report.problems],
        "dockerfile": report.dockerfile
        and {
            "path": report.dockerfile.path,
            "fits": report.dockerfile.fits,
            "stage": report.dockerfile.stage or None,
            "from_line": report.dockerfile.from_line,
            "base_steps": report.dockerfile.base_steps,
            "lines": list(report.dockerfile.lines),
        },
        "dockerignore": [
            {"pattern": line.pattern, "reason": line.reason, "files": line.files, "example": line.example}
            for line in report.dockerignore
        ],
    }


def _only(options: RenderOptions) -> str | None:
    return options.only and ("inherited" if options.only is Origin.BASE else "own")


def _image(image: ImageRow, causes: Sequence[LayerCauses]) -> Document:
    by_layer = {row.index: row for row in causes}
    return {
        "reference": image.reference,
        "source": str(image.source),
        "platform": image.platform,
        "image_id": image.image_id,
        "manifest_digest": image.manifest_digest,
        "created": image.created or None,
        "size": image.size,
        "size_causes": _causes(causes) if causes else None,
        "layers": [
            {
                "index": layer.index,
                "diff_id": layer.diff_id,
                "digest": layer.digest,
                "size": layer.size,
                "history": layer.history,
                "instruction": layer.instruction,
                "origin": str(layer.origin),
                "size_causes": _causes([by_layer[layer.index]]) if layer.index in by_layer else None,
            }
            for layer in image.layers
        ],
        "history": [
            {
                "index": step.index,
                "layer": step.layer,
                "created": step.created or None,
                "created_by": step.created_by,
                "instruction": step.instruction,
                "build_args": dict(step.build_args),
            }
            for step in image.history
        ],
        "base": image.base
        and {
            "reference": image.base.reference,
            "digest": image.base.digest,
            "layers": image.base.layers,
            "confidence": image.base.confidence,
            "evidence": image.base.evidence,
        },
    }


def _causes(rows: Sequence[LayerCauses]) -> Document:
    return {name: sum(getattr(row, name) for row in rows) for name in CAUSES}


def _summary(summary: Summary) -> Document:
    return {
        "runs_as_root": summary.runs_as_root,
        "user": summary.user,
        "secrets": summary.secrets,
        "secrets_deleted": summary.secrets_deleted,
        "build_tools": summary.build_tools,
        "build_tool_bytes": summary.build_tool_bytes,
        "dead_bytes": summary.dead_bytes,
        "healthcheck": summary.healthcheck,
    }


def finding_document(finding: Finding, options: RenderOptions, dockerfile: DockerfileRow | None = None) -> Document:
    place, fate, added_by = finding.location, finding.fate, finding.added_by
    line = dockerfile.line_of(finding) if dockerfile is not None else None
    added_line = dockerfile.line_of_step(added_by.history) if dockerfile is not None and added_by is not None else None
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
            "layer": place.layer,
            "line": place.line,
            "offset": place.offset,
            "history": place.history,
            "pointer": place.pointer,
            "name": place.name,
            "dockerfile": _dockerfile_place(dockerfile, line),
        },
        "fate": fate and {"state": str(fate.state), "layer": fate.layer, "instruction": fate.instruction},
        "added_by": added_by
        and {
            "layer": added_by.layer,
            "history": added_by.history,
            "instruction": added_by.instruction,
            "dockerfile": _dockerfile_place(dockerfile, added_line),
        },
        "secret": finding.secret and _secret(finding.secret, options),
        "remediation": finding.remediation or finding.rule.remediation,
    }


def _dockerfile_place(dockerfile: DockerfileRow | None, line: int | None) -> Document | None:
    return None if dockerfile is None or line is None else {"path": dockerfile.path, "line": line}


def _secret(secret: SecretSighting, options: RenderOptions) -> Document:
    document: Document = {
        "id": secret.id,
        "kind": secret.kind,
        "name": secret.name,
        "redacted": secret.redacted,
        "sightings": secret.sightings,
        "state": str(secret.state),
        "readable_by_user": secret.readable_by_user,
        "validation": str(secret.validation),
        "companion": secret.companion or None,
    }
    if options.show_secrets:
        document["value"] = secret.value
    return document


def suppressed_document(
    suppressed: Suppressed, options: RenderOptions, dockerfile: DockerfileRow | None = None
) -> Document:
    return {
        "reason": suppressed.reason,
        "by": suppressed.by,
        "justification": suppressed.justification or None,
        **finding_document(suppressed.finding, options, dockerfile),
        "baseline_state": suppressed.baseline_state,
    }


def _baseline(verdict: Verdict) -> Document | None:
    if verdict.baseline is None:
        return None
    return {
        "file": verdict.baseline,
        "new": len(verdict.open),
        "unchanged": sum(item.baseline_state == "unchanged" for item in verdict.suppressed),
        "absent": [
            {
                "fingerprint": entry.fingerprint,
                "rule": entry.rule,
                "place": entry.place,
                "inner_path": entry.inner_path or None,
                "name": entry.name or None,
            }
            for entry in verdict.absent
        ],
    }


def _tool(tool: Tool) -> Document:
    return {
        "name": tool.name,
        "class": str(tool.tool_class),
        "path": tool.path,
        "layer": tool.layer,
        "instruction": tool.instruction,
        "package": tool.package,
        "size": tool.size,
        "origin": str(tool.origin),
        "usable": tool.usable,
    }


def _coverage(coverage: CoverageLedger) -> Document:
    return {
        "members": coverage.members,
        "scanned": coverage.scanned,
        "skipped": [_skip(skip) for skip in coverage.skipped],
        "opaque": [_skip(skip) for skip in coverage.opaque],
        "inner": {
            "members": coverage.inner.members,
            "scanned": coverage.inner.scanned,
            "skipped": [_skip(skip) for skip in coverage.inner.skipped],
            "opaque": [_skip(skip) for skip in coverage.inner.opaque],
        },
        "complete": coverage.complete,
    }


def _skip(skip: Skip) -> Document:
    return {"reason": skip.reason, "count": skip.count, "bytes": skip.bytes}


def problem_document(problem: Problem) -> Document:
    return {
        "code": problem.code,
        "message": problem.message,
        "effect": str(problem.effect),
        "path": problem.path,
        "layer": problem.layer,
    }
