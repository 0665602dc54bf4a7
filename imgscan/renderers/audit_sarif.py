"""An audit as SARIF 2.1.0: one run for the registry, a result for each finding, whatever the number of its images.

Known again by fingerprint and first repository: layers differ after each build, and an alert must not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from imgscan.renderers.document import write
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sarif_parts import (
    LEVELS,
    NOTICE,
    RESULTS,
    SCHEMA,
    Object,
    driver,
    message_text,
    physical,
    rules_of,
)
from imgscan.renderers.sentences import advice, place_in_image, sentence
from imgscan.renderers.text import count_text, printable
from imgscan.report.audit import AuditedFinding, AuditReport, Unread
from imgscan.report.exit_code import audit_exit_code

NAMED = 5
"""Images of a result that its message names."""
LOGICAL = 100
"""Images of a result among its logical locations."""
NOTIFICATIONS = 1000


def lines(report: AuditReport, options: RenderOptions) -> Iterator[str]:
    """The log, whole."""
    told = report.findings[:RESULTS]
    notices = [_notification(item) for item in report.unread[:NOTIFICATIONS]]
    left_out = len(report.findings) - len(told)
    if left_out:
        text = f"{left_out:,} results beyond the first {RESULTS:,} are left out, the least severe ones"
        notices.insert(0, {"level": "warning", "message": {"text": text}})
    run: Object = {
        "tool": {"driver": driver(options, rules_of([item.finding for item in told]))},
        "automationDetails": {"id": f"imgscan-audit/{printable(report.selection.registry)}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": report.complete,
                "exitCode": int(audit_exit_code(report, options.completeness)),
                "toolExecutionNotifications": notices,
            }
        ],
        "properties": {"registry": printable(report.selection.registry), "images": len(report.images)},
        "results": [_result(item, report) for item in told],
    }
    yield write({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, 4)


def _result(item: AuditedFinding, report: AuditReport) -> Object:
    finding = item.finding
    images = [report.images[index] for index in item.images]
    names = [printable(name) for image in images for name in image.references]
    place = place_in_image(finding)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    where = f"In {count_text(len(images), 'image')}: {', '.join(names[:NAMED])}{more}"
    repository = min((name for image in images for name in image.repositories), default="")
    identity = hashlib.sha256(f"{repository}\0{finding.fingerprint}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
    logical: list[Object] = [
        {"name": name, "fullyQualifiedName": name, "kind": "image"} for name in names[: LOGICAL - 1]
    ]
    if item.layer is not None:
        logical.append({"name": item.layer, "fullyQualifiedName": item.layer, "kind": "layer"})
    result: Object = {
        "ruleId": printable(finding.rule.id),
        "level": LEVELS[finding.severity],
        "message": {"text": message_text(f"{sentence(finding)}. {where}. {advice(finding)}")},
        "locations": [{**physical(place.path, place.line), "logicalLocations": logical}],
        "partialFingerprints": {"primaryLocationLineHash": f"{identity}:1", "imgscanFingerprint/v1": identity},
        "properties": {
            "severity": str(finding.severity),
            "confidence": str(finding.confidence),
            "images": len(images),
            "firstSeen": item.first_seen,
            **({"secret": {"id": finding.secret.id}} if finding.secret is not None else {}),
        },
    }
    if report.run.previous:
        result["baselineState"] = "new" if item.new else "unchanged"
    return result


def _notification(item: Unread) -> Object:
    return {
        "level": NOTICE[item.effect],
        "descriptor": {"id": printable(item.code)},
        "message": {"text": message_text(f"{item.kind} {item.name}: {item.message}")},
    }
