"""What a JSON report says, in the words of the lab's expected.json: for archives and for a real engine's images."""

from __future__ import annotations

from typing import Any

SECRET_FAMILIES = (
    "file-secret",
    "env-secret",
    "history-secret",
    "label-secret",
    "config-secret",
    "attestation-secret",
)


def row(report: dict[str, Any]) -> dict[str, Any]:
    """The lab's columns. `file_secrets` are in order of path and line; `elsewhere` are the other families'."""
    by_path: dict[str, list[dict[str, Any]]] = {}
    elsewhere: list[str] = []
    for finding in report["findings"]:
        family = finding["rule"].partition("/")[0]
        if family == "file-secret":
            by_path.setdefault(finding["location"]["path"], []).append(finding)
        elif family in SECRET_FAMILIES:
            elsewhere.append(finding["rule"])
    return {
        "runs_as_root": report["summary"]["runs_as_root"],
        "file_secrets": [
            {
                "path": path,
                "names": [one["secret"]["name"] for one in sorted(found, key=lambda one: one["location"]["line"])],
            }
            for path, found in sorted(by_path.items())
        ],
        "elsewhere": elsewhere,
        "secrets": report["summary"]["secrets"],
        "build_tools": report["summary"]["build_tools"] > 0,
        "healthcheck": report["summary"]["healthcheck"],
    }


def expected_row(expected: dict[str, Any]) -> dict[str, Any]:
    """The same of an expected.json."""
    keys = ("runs_as_root", "file_secrets", "build_tools", "healthcheck")
    secrets = sum(len(one["names"]) for one in expected["file_secrets"])
    return {key: expected[key] for key in keys} | {"elsewhere": [], "secrets": secrets}


def wrong_tools(report: dict[str, Any], expected: dict[str, Any]) -> set[str]:
    """Commands that the report should name and does not, or should not and does."""
    names = {tool["name"] for tool in report["tools"]}
    return (set(expected["tools"]["present"]) - names) | (set(expected["tools"]["absent"]) & names)
