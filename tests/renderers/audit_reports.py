"""An audit's report for the formats: two images that share a layer with a secret, one refused repository."""

from __future__ import annotations

from imgscan.errors import Effect, Problem
from imgscan.evidence import Confidence, Validation
from imgscan.report import (
    AddedBy,
    Finding,
    FindingFate,
    Location,
    LocationKind,
    Origin,
    Rule,
    SecretSighting,
    Severity,
)
from imgscan.report.audit import (
    AuditedFinding,
    AuditedImage,
    AuditedLayer,
    AuditedSecret,
    AuditPlan,
    AuditReport,
    AuditRun,
    Selection,
    Unread,
)

RULE = Rule("file-secret/keyword", "A secret by its name", Severity.HIGH, "It is in a layer.", "Rotate it.")
ROOT = Rule("root-user/implicit", "Runs as root", Severity.HIGH, "No USER.", "Set one.")
PLAN = AuditPlan(2, 3, 2, 1, 3, 3_000_000, 1, 1_000_000, 1, 0, 2, 2_000_000, 5)
LAYER = "sha256:" + "a" * 64


def audit_report(text: str = "app", *, previous: str = "", unread: tuple[Unread, ...] = ()) -> AuditReport:
    """`text` is everywhere that an image, a registry or a layer may say something."""
    secret = SecretSighting(kind=text, redacted=text, key=b"", name=text, validation=Validation.NONE, id="5ec4e7")
    images = tuple(
        AuditedImage(
            digest=f"sha256:{number:064}", references=(f"r.example.com/{text}:{number}",), repositories=(text,),
            platform=text, image_id="sha256:1", created=text, size=1000, layers=(LAYER,), runs_as_root=number == 0,
            user=text, secrets=1, secrets_deleted=0, build_tools=2, build_tool_bytes=5, dead_bytes=7,
            healthcheck=False, owner_label=text if number else None, severities=((Severity.HIGH, 2 - number),),
            complete=not unread, suppressed=3, new=number == 1,
            problems=(Problem("missing-blob", text, Effect.INCOMPLETE, text, 0),) if unread else (),
        )
        for number in range(2)
    )  # fmt: skip
    findings = (
        AuditedFinding(
            Finding(
                RULE, Location(LocationKind.FILE, path=text, inner_path=text, line=3, offset=5, name=text), text,
                Severity.HIGH, Confidence.HIGH, FindingFate("deleted", None, text), AddedBy(None, None, text),
                Origin.BASE, secret,
            ),
            LAYER, (0, 1), "2026-01-01T00:00:00Z", True,
        ),
        AuditedFinding(
            Finding(ROOT, Location(LocationKind.CONFIG, pointer="/config/User", name=text), text, Severity.HIGH),
            None, (0,), "2026-01-01T00:00:00Z", False,
        ),
    )  # fmt: skip
    return AuditReport(
        selection=Selection("r.example.com", repositories=(text,), tags=(text,)),
        run=AuditRun(2, "2026-01-02T00:00:00Z", "2026-01-02T00:01:00Z", previous, 1, 2, 2_000_000),
        plan=PLAN,
        images=images,
        findings=findings,
        secrets=(
            AuditedSecret(
                "5ec4e7", text, text, text, "none", Severity.HIGH, "deleted", (text,), (0, 1), (LAYER,), (0,),
                "2026-01-01T00:00:00Z", "2024-01-01T00:00:00Z", True,
            ),
        ),
        layers=(AuditedLayer(LAYER, "sha256:b", 1_000_000, (0, 1), (text,), ("5ec4e7",), 1, Severity.HIGH),),
        unread=unread,
        fail_on=Severity.HIGH,
        failed=True,
    )  # fmt: skip


REFUSED = (
    Unread("repository", "team/closed", "access-denied", "the registry does not show it"),
    Unread("tag", "app:gone", "vanished", "it was listed, and then not there any more", Effect.NOTE),
)
