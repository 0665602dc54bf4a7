"""The rules of imgscan as they are shipped: read from `builtin.json`, which `python -m imgscan.secrets.rules.compiled`
makes of `builtin/*.toml`.

Reading the tables and working out what nominates each rule takes half a second, reading the result 6 ms (measured with
450 rules); a test holds the two equal. The examples stay in the tables: `rules_in_full` reads those.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from imgscan.evidence import Confidence
from imgscan.secrets.detector import Nominator
from imgscan.secrets.rules.load import load_rules
from imgscan.secrets.rules.rule import Allowlist, RuleSet, RuleSource, SecretRule

TABLES = Path(__file__).parent / "builtin"
COMPILED = Path(__file__).parent / "builtin.json"
_LEFT_OUT = frozenset({"examples", "near_misses"})
_DEFAULTS = {field.name: field.default for field in fields(SecretRule)}


@lru_cache(maxsize=1)
def builtin_rules() -> RuleSet:
    """The rules of imgscan without their examples, in the order of their files' names."""
    return RuleSet(tuple(_rule(row) for row in json.loads(COMPILED.read_text(encoding="utf-8"))))


def rules_in_full() -> RuleSet:
    """The same from the tables, with examples and near misses."""
    found: list[SecretRule] = []
    for path in sorted(TABLES.glob("*.toml")):
        source = RuleSource(path.name, path.read_text(encoding="utf-8"))
        found += (replace(rule, area=path.stem) for rule in load_rules((source,)).rules)
    return RuleSet(tuple(found))


def examples_of(rule: SecretRule) -> tuple[str, ...]:
    """The templates of a rule's examples, of ours from its table."""
    if not rule.area:
        return rule.examples
    tables = tomllib.loads((TABLES / f"{rule.area}.toml").read_text(encoding="utf-8"))["rules"]
    return next((tuple(table["examples"]) for table in tables if table["id"] == rule.id), ())


def compiled_text() -> str:
    """What `builtin.json` must hold: a rule a line."""
    rows = (json.dumps(_row(rule), ensure_ascii=False, separators=(",", ":")) for rule in rules_in_full().rules)
    return "[\n" + ",\n".join(rows) + "\n]\n"


def _row(rule: SecretRule) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        value = getattr(rule, name)
        if name in _LEFT_OUT or value == default:
            continue
        if name == "nominators":
            value = [[nominator.pattern, nominator.caseless] for nominator in value]
        elif name == "allowlists":
            value = [{key.name: getattr(each, key.name) for key in fields(Allowlist)} for each in value]
        row[name] = value
    return row


def _rule(row: dict[str, Any]) -> SecretRule:
    row["nominators"] = tuple(Nominator(pattern, caseless) for pattern, caseless in row.get("nominators", ()))
    if "confidence" in row:
        row["confidence"] = Confidence(row["confidence"])
    for name in ("keywords", "literals"):
        if name in row:
            row[name] = tuple(row[name])
    if "allowlists" in row:
        row["allowlists"] = tuple(_allowlist(each) for each in row["allowlists"])
    return SecretRule(**row)


def _allowlist(row: dict[str, Any]) -> Allowlist:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Allowlist(**values)


if __name__ == "__main__":
    COMPILED.write_text(compiled_text(), encoding="utf-8")
