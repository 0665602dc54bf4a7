"""The JSON schema of the file, made from the table of settings (`python -m imgscan.configuration.schema`)."""

from __future__ import annotations

import json
import sys
from typing import Any

from imgscan.configuration.configuration import IGNORE_KEYS, ORIGINS, SCHEMA
from imgscan.configuration.settings import SETTINGS, Kind, Setting

DIALECT = "http://json-schema.org/draft-07/schema#"
_TEXT = {"type": "string", "pattern": r"\S"}
_SIZE = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": r"^\s*\d{1,15}(\.\d{1,6})?\s*([kKmMgGtT][iI]?)?[bB]?\s*$"},
    ]
}


def schema() -> dict[str, Any]:
    """Draft 7, which editors' TOML extensions read. What it accepts is accepted, but for what only reading tells."""
    properties: dict[str, Any] = {"schema": {"const": SCHEMA, "description": "The form of this file."}}
    for setting in SETTINGS:
        if setting.in_file:
            properties[setting.key] = {"description": setting.about, **_value(setting)}
            if setting.default not in (None, ()):
                properties[setting.key]["default"] = setting.default
    properties["ignore"] = {
        "type": "array",
        "description": "Findings to live with, each with the reason why.",
        "items": _ignore(),
    }
    return {
        "$schema": DIALECT,
        "title": "imgscan.toml, or [tool.imgscan] of pyproject.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _value(setting: Setting) -> dict[str, Any]:
    choices = {"enum": list(setting.choices)}
    match setting.kind:
        case Kind.CHOICE:
            return {"enum": [*setting.choices, True, False]} if setting.choices == ("yes", "no") else choices
        case Kind.CHOICES:
            return {"type": "array", "items": choices}
        case Kind.SWITCH:
            return {"type": "boolean"}
        case Kind.TEXT if setting.key == "required-user":
            return {"anyOf": [_TEXT, {"type": "integer", "minimum": 0}]}
        case Kind.TEXT | Kind.PATH:
            return dict(_TEXT)
        case Kind.TEXTS | Kind.PATHS:
            return {"type": "array", "items": _TEXT}
        case Kind.SIZE:
            return dict(_SIZE)
        case Kind.COUNT:
            return {"type": "integer", "minimum": 0}
        case Kind.SECONDS:
            return {"type": "number", "exclusiveMinimum": 0}
        case Kind.LEVELS:
            table: dict[str, Any] = {"type": "object", "additionalProperties": choices}
            if setting.key == "severity":
                return {**table, "propertyNames": {"pattern": rf"^(({'|'.join(setting.keys)})(/|$)|[^/]*[*?\[])"}}
            return {**table, "propertyNames": {"enum": list(setting.keys)}}


def _ignore() -> dict[str, Any]:
    about = {
        "fingerprint": "Of one finding, as --format json shows it.",
        "rule": "A family, a rule, or a glob over rules.",
        "path": "A glob over paths in the image.",
        "secret-id": "The id of a secret: needs a baseline or IMGSCAN_KEY, which keep ids the same.",
        "origin": "Whose layers: the image's own, or those it inherited.",
        "reason": "Why this is accepted.",
        "until": "The last day it is accepted.",
    }
    properties: dict[str, Any] = {key: {"description": about[key], **_TEXT} for key in IGNORE_KEYS}
    properties["fingerprint"] |= {"pattern": "^[0-9a-f]{24}$"}
    properties["origin"] = {"description": about["origin"], "enum": list(ORIGINS)}
    properties["until"] = {"description": about["until"], "type": "string", "format": "date"}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["reason"],
        "anyOf": [{"required": [key]} for key in IGNORE_KEYS[:5]],
        "properties": properties,
    }


def text() -> str:
    """imgscan.schema.json."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
