"""All rules, told: for `imgscan rules`, and as docs/rules.md (`python -m imgscan.cli.rule_book`)."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from imgscan.analyzers import ANALYZERS
from imgscan.credentials import SECRET_FAMILIES
from imgscan.errors import UsageError
from imgscan.evidence import RuleSource
from imgscan.report import Family
from imgscan.report.requirements import REQUIREMENT_RULES
from imgscan.runtime.rules import RULES as CONTAINER_RULES
from imgscan.secrets.kinds import kinds
from imgscan.secrets.redaction import redact
from imgscan.secrets.rules.compiled import builtin_rules, examples_of
from imgscan.secrets.rules.examples import example
from imgscan.secrets.rules.load import load_rules
from imgscan.secrets.rules.rule import SecretRule

_AREAS = {
    "cloud": "Clouds and hosting",
    "source_hosts": "Source hosts",
    "registries": "Registries of images and packages",
    "ci": "Continuous integration and delivery",
    "secret_managers": "Secret managers and identity",
    "keys": "Private keys, VPN, clusters, password hashes",
    "databases": "Databases and connection strings",
    "ai": "AI providers",
    "chat": "Chat, voice and push",
    "mail": "Mail",
    "payment": "Payment and shops",
    "monitoring": "Monitoring and analytics",
    "saas": "Other services and frameworks",
}
_CODE = "Told apart by code"
_GIVEN = "From your files"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the book. A secret has one for all its families; `forms` are the rules that find it."""

    id: str
    title: str
    severity: str
    area: str
    explanation: str
    remediation: str
    families: tuple[str, ...]
    forms: tuple[SecretRule, ...] = field(default=(), repr=False)


@lru_cache(maxsize=4)
def entries(rules: tuple[RuleSource, ...] = ()) -> tuple[Entry, ...]:
    """The families' own rules, then the kinds of secrets by area; `rules` are files beside our own."""
    own = [
        Entry(rule.id, rule.title, str(rule.severity), str(rule.family), rule.explanation, rule.remediation, ())
        for rules_of in (*(analyzer.rules for analyzer in ANALYZERS), REQUIREMENT_RULES, CONTAINER_RULES)
        for rule in rules_of
        if rule.family not in SECRET_FAMILIES
    ]
    forms: dict[str, list[SecretRule]] = {}
    for form in (*builtin_rules().rules, *load_rules(rules).rules):
        forms.setdefault(form.kind, []).append(form)
    why = (
        "It opens what it was made for to whoever reads it, and every layer of an image is handed to whoever may pull "
        "it, with the files that later layers delete."
    )
    secrets = [
        Entry(
            kind.id,
            kind.title,
            kind.severity,
            _area(forms.get(kind.id, ())),
            next((form.description for form in forms.get(kind.id, ()) if form.description), why),
            kind.remediation,
            tuple(str(family) for family in SECRET_FAMILIES),
            tuple(forms.get(kind.id, ())),
        )
        for kind in kinds(rules)
    ]
    order = [*(str(family) for family in Family), _GIVEN, *_AREAS.values(), _CODE]
    return (*own, *sorted(secrets, key=lambda entry: order.index(entry.area)))


def _area(forms: Sequence[SecretRule]) -> str:
    if not forms:
        return _CODE
    return _AREAS.get(forms[0].area, forms[0].area) or _GIVEN


def find(wanted: str, rules: tuple[RuleSource, ...] = ()) -> Entry:
    """The entry with this id: of a rule, a kind (`github-token`), or a form. UsageError where there is none."""
    book = entries(rules)
    family, _, kind = wanted.partition("/")
    for entry in book:
        if entry.id == wanted or (family in entry.families and entry.id == kind):
            return entry
    for entry in book:
        if any(form.id == wanted for form in entry.forms):
            return entry
    close = difflib.get_close_matches(wanted.rpartition("/")[2], [entry.id for entry in book], 3, 0.5)
    tip = f"did you mean {' or '.join(close)}?" if close else "`imgscan rules` lists all"
    raise UsageError(f"there is no rule {wanted!r}", tip=tip)


def listing(book: Sequence[Entry]) -> str:
    """All entries, one a line, under their areas."""
    wide = max(len(entry.id) for entry in book)
    lines: list[str] = []
    area = ""
    for entry in book:
        if entry.area != area:
            area = entry.area
            lines += ["", area] if lines else [area]
        lines.append(f"  {entry.id:<{wide}}  {entry.severity:<8}  {entry.title}")
    count = sum(len(entry.forms) for entry in book)
    secrets = sum(1 for entry in book if entry.families)
    lines += ["", f"{len(book)} rules, {secrets} of them kinds of secrets, in {count} forms and those that code knows."]
    lines.append(f"Secrets are reported per place: {', '.join(f'{family}/KIND' for family in SECRET_FAMILIES)}.")
    lines.append("`imgscan rules ID` explains one.")
    return "\n".join(lines) + "\n"


def explanation(entry: Entry) -> str:
    """Everything about one entry."""
    blocks = [f"{entry.id}  {entry.severity}  {entry.title}", entry.explanation]
    if entry.families:
        blocks.append("Reported as " + ", ".join(f"{family}/{entry.id}" for family in entry.families) + ".")
    blocks += ["\n".join(_form_lines(form)) for form in entry.forms]
    if entry.families and not entry.forms:
        blocks.append("What it looks like is told apart by code, with context.")
    blocks.append("What to do: " + entry.remediation)
    return "\n\n".join(blocks) + "\n"


def _form_lines(form: SecretRule) -> Iterable[str]:
    yield f"form {form.id}: {form.title}"
    yield f"  pattern    {form.regex}"
    for template in examples_of(form)[:1]:
        shown = example(template)
        text = shown.text[: shown.start] + redact(shown.text[shown.start : shown.end]) + shown.text[shown.end :]
        yield f"  example    {' '.join(text.split())[:200]}"
    if form.validator:
        yield f"  checked    offline, as {form.validator}: right is high confidence, wrong is lower and still told"
    if form.companion:
        yield f"  with       its {form.companion_title or 'companion'}, where that stands near"
    if form.documentation:
        yield f"  source     {form.documentation}"


def as_json(book: Iterable[Entry]) -> dict[str, object]:
    """The document of `imgscan rules -f json`."""
    return {
        "schema": "imgscan-rules/1",
        "rules": [
            {
                "id": entry.id,
                "title": entry.title,
                "severity": entry.severity,
                "area": entry.area,
                "families": list(entry.families),
                "explanation": entry.explanation,
                "remediation": entry.remediation,
                "forms": [
                    {
                        "id": form.id,
                        "title": form.title,
                        "regex": form.regex,
                        "validator": form.validator or None,
                        "confidence": str(form.confidence),
                        "companion": form.companion_title or None,
                        "source": form.documentation or None,
                    }
                    for form in entry.forms
                ],
            }
            for entry in book
        ],
    }


def markdown() -> str:
    """docs/rules.md."""
    book = entries()
    lines = [
        "# Rules",
        "",
        "Made by `make docs` from the rules themselves; `imgscan rules ID` tells more of each, and",
        "[writing-rules.md](writing-rules.md) how to add your own.",
        "",
    ]
    area = ""
    for entry in book:
        if entry.area != area:
            area = entry.area
            head = "form and source" if entry.families else "what to do"
            lines += ["", f"## {area}", "", f"| id | severity | what | {head} |", "|---|---|---|---|"]
        told = "; ".join(dict.fromkeys(_told(form) for form in entry.forms)) if entry.families else entry.remediation
        lines.append(
            f"| `{entry.id}` | {entry.severity} | {_cell(entry.title)} | {_cell(told or 'told apart by code')} |"
        )
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _told(form: SecretRule) -> str:
    checked = f", checked as {form.validator}" if form.validator else ""
    return f"{form.documentation}{checked}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(markdown())
