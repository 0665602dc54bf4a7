"""Containers from what `docker inspect` or `podman inspect` printed: without an engine, on any machine."""

from __future__ import annotations

from pathlib import Path
from secrets import token_bytes

from imgscan.accounts import resolve
from imgscan.errors import Problem, SourceError
from imgscan.image.oci import MAX_JSON, BadDocument, parse_json
from imgscan.pipeline import Options
from imgscan.report.container import ContainerReport
from imgscan.runtime.checks import check
from imgscan.runtime.facts import ContainerFacts
from imgscan.runtime.judgement import Found, judge_container
from imgscan.runtime.secrets import secrets_of_settings
from imgscan.runtime.settings import EngineSecurity, parse_container

_TIP = "docker inspect NAME > FILE makes one"


def inspect_saved(path: Path, options: Options | None = None) -> list[ContainerReport]:
    """The containers of a saved inspect document, judged by their settings alone: neither image nor files are there.

    Raises SourceError where the file cannot be read or holds no container.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_JSON + 1)
        document = parse_json(data, str(path))
    except OSError as error:
        raise SourceError(f"cannot read {path}: {(error.strerror or str(error)).lower()}", tip=_TIP) from error
    except BadDocument as error:
        raise SourceError(str(error), tip=_TIP) from error
    found = [item for item in (document if isinstance(document, list) else [document]) if isinstance(item, dict)]
    containers = [item for item in found if isinstance(item.get("HostConfig"), dict) and "State" in item]
    if not containers:
        raise SourceError(f"{path} holds no container that an engine has described", tip=_TIP)
    return [judge_document(item, options or Options()) for item in containers]


def judge_document(document: object, options: Options) -> ContainerReport:
    """One inspect document, judged. What it does not say (the engine's defaults, who a user name is) stays unknown."""
    described = parse_container(document, EngineSecurity())
    user = resolve(described.settings.user, (), (), read=False)
    key = token_bytes(32)
    facts = ContainerFacts(described, user=user)
    secrets = secrets_of_settings(facts, key, options.rules, entropy=options.entropy)
    note = Problem("saved-document", "judged by a saved document: the image, the files and the engine were not asked")
    return judge_container(facts, Found(check(facts), (secrets,), (note,), key=key), options)
