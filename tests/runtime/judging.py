"""Judges inspect documents as `imgscan container` does, without an engine."""

from __future__ import annotations

from typing import Any

from imgscan.accounts import resolve
from imgscan.image.oci import config_from
from imgscan.pipeline import Options
from imgscan.report.container import ContainerReport
from imgscan.runtime.changed_files import check_changes
from imgscan.runtime.checks import check
from imgscan.runtime.facts import UNKNOWN_IMAGE, ContainerFacts
from imgscan.runtime.judgement import Found, judge_container
from imgscan.runtime.secrets import secrets_of_settings
from imgscan.runtime.settings import EngineSecurity, parse_container, parse_info
from tests.runtime.documents import IMAGE, INFO

KEY = b"k" * 32
USERS = (
    ("user", "root", 0, 0, "/root", "/bin/sh", "shadow"),
    ("user", "appuser", 999, 999, "/home/appuser", "/bin/sh", "shadow"),
)


def facts_of(document: Any, *, image: Any = IMAGE, info: Any = INFO, **known: Any) -> ContainerFacts:
    """`known` are further fields of the facts: processes, changes, sessions."""
    described = parse_container(document, parse_info(info) if info is not None else EngineSecurity())
    config = config_from({"config": image}, described.image_id)[0] if image is not None else UNKNOWN_IMAGE
    user = resolve(described.settings.user, USERS, (), read=True)
    return ContainerFacts(described, image=config, user=user, **known)


def judged(document: Any, *, options: Options | None = None, **known: Any) -> ContainerReport:
    facts = facts_of(document, **known)
    same = [change for change in facts.changes if change.path.startswith("same")]
    findings = [*check(facts), *check_changes(facts.changes, same.__contains__, same.__contains__)]
    return judge_container(facts, Found(findings, (secrets_of_settings(facts, KEY),), key=KEY), options or Options())


def rules_of(report: ContainerReport) -> dict[str, str]:
    """{rule without family: worst severity}."""
    return {
        finding.rule.id.removeprefix("container/"): str(finding.severity) for finding in reversed(report.verdict.open)
    }
