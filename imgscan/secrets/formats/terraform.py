"""Terraform and OpenTofu: what a state holds in plain text, and logins at their registries."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.evidence import Confidence
from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, Leaf, secret, text_of
from imgscan.secrets.formats.json_text import json_leaves
from imgscan.secrets.formats.picks import Pick, json, picked
from imgscan.secrets.names import Strength, strength

_NO_VALUES = frozenset({"null", "true", "false", ""})


def read_state(_: str, data: bytes) -> Iterator[Candidate]:
    """Outputs that are declared sensitive, and attributes that are, or whose name says secret."""
    text = text_of(data)
    leaves = list(json_leaves(text))
    marked = {leaf.path[:2] for leaf in leaves if _is_output(leaf) and leaf.key == "sensitive" and leaf.value == "true"}
    names = _names(leaves)
    sensitive = _sensitive_attributes(leaves)
    for leaf in leaves:
        if leaf.value in _NO_VALUES or not leaf.value.strip():
            continue
        if _is_output(leaf) and leaf.path[2] == "value":
            label = "/".join(leaf.path[1:2] + leaf.path[3:])
            if leaf.path[:2] in marked or strength(leaf.path[1]) >= Strength.TOKEN:
                yield secret(text, "terraform-state-secret", leaf.value, leaf.start, leaf.end, name=f"output {label}")
            continue
        found = _attribute(leaf)
        if found is None:
            continue
        depth, attribute = found
        declared = (*leaf.path[: depth - 1], attribute) in sensitive
        if declared or strength(attribute) >= Strength.TOKEN or strength(leaf.key) >= Strength.TOKEN:
            resource = names.get(leaf.path[:2], "")
            kind = "private-key" if "PRIVATE KEY-----" in leaf.value[:80] else "terraform-state-secret"
            yield secret(
                text,
                kind,
                leaf.value,
                leaf.start,
                leaf.end,
                name=f"{resource}.{attribute}".lstrip("."),
                key=attribute,
                confidence=Confidence.HIGH if declared else Confidence.MEDIUM,
            )


def _is_output(leaf: Leaf) -> bool:
    return leaf.path[:1] == ("outputs",) and len(leaf.path) > 2


def _attribute(leaf: Leaf) -> tuple[int, str] | None:
    """Where in the path the attribute of a resource's instance stands, and its name."""
    for index, part in enumerate(leaf.path[:-1]):
        if part == "attributes":
            return index + 1, leaf.path[index + 1]
    return None


def _names(leaves: list[Leaf]) -> dict[tuple[str, ...], str]:
    """`type.name` of each resource, by its place."""
    parts: dict[tuple[str, ...], dict[str, str]] = {}
    for leaf in leaves:
        if leaf.path[:1] == ("resources",) and len(leaf.path) == 3 and leaf.key in ("type", "name"):
            parts.setdefault(leaf.path[:2], {})[leaf.key] = leaf.value
    return {place: f"{each.get('type', '')}.{each.get('name', '')}" for place, each in parts.items()}


def _sensitive_attributes(leaves: list[Leaf]) -> set[tuple[str, ...]]:
    """Places of attributes that `sensitive_attributes` names: lists of steps, of which the first is `get_attr`."""
    found = set()
    for leaf in leaves:
        if "sensitive_attributes" in leaf.path and leaf.key == "value" and leaf.path[-2:-1] == ("0",):
            at = leaf.path.index("sensitive_attributes")
            found.add((*leaf.path[:at], leaf.value))
    return found


_HCL = re.compile(
    r"credentials[ \t]+\"(?P<host>[^\"\n]{1,200})\"[ \t]*\{[^}\"]{0,400}?"
    r"token[ \t]*=[ \t]*\"(?P<value>[^\"\n]{1,4096})\""
)


def read_rc(_: str, data: bytes) -> Iterator[Candidate]:
    """`credentials "HOST" { token = "..." }`."""
    text = text_of(data)
    for match in _HCL.finditer(text):
        yield secret(text, "terraform-token", match["value"], *match.span("value"), name=match["host"], key="token")


TERRAFORM: tuple[Format, ...] = (
    Format(
        "terraform-state",
        "Terraform state",
        ("*.tfstate", "*.tfstate.backup"),
        read_state,
        "sensitive outputs, sensitive attributes, and attributes whose name says secret",
        max_size=8 << 20,
    ),
    Format(
        "terraform-rc",
        "Terraform CLI configuration",
        (".terraformrc", "terraform.rc", ".tofurc"),
        read_rc,
        "tokens, by host",
    ),
    picked(
        "terraform-login",
        "Terraform login",
        "credentials.tfrc.json",
        json,
        Pick.of(r"credentials/.*/token", "terraform-token"),
        decodes="tokens, by host",
    ),
)
