"""A baseline: the findings that were there when somebody decided to look at what is new only.

It holds no secret. An entry of a secret has three hexadecimal digits made of the secret's id, so that another value
at the same place is told as new (but for one in 4,096) while whoever reads the file learns 12 bits at the most.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from imgscan.errors import UsageError
from imgscan.report.finding import Family, Finding, fingerprint_of

SCHEMA = "imgscan-baseline/1"
_HEX = re.compile(r"[0-9a-f]*")
_TEXTS = ("rule", "place", "inner_path", "name", "check", "note")


class Audit(StrEnum):
    """What somebody who looked at an entry says of it."""

    OPEN = "open"
    """Nobody has looked."""
    TRUE_POSITIVE = "true-positive"
    FALSE_POSITIVE = "false-positive"


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted finding, by what does not change from build to build."""

    rule: str
    place: str
    """Path, pointer, or the kind of place."""
    inner_path: str = ""
    name: str = ""
    ordinal: int = 0
    check: str = ""
    """Of the secret's value; empty where there is none, or where any value is accepted."""
    audit: Audit = Audit.OPEN
    note: str = ""

    @classmethod
    def of(cls, finding: Finding) -> Entry:
        rule, place, inner_path, name = finding.identity
        return cls(rule, place, inner_path, name, finding.ordinal, check_of(finding))

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.rule, self.place, self.inner_path, self.name)

    @property
    def fingerprint(self) -> str:
        """Of the finding that was accepted."""
        return fingerprint_of(self.identity, self.ordinal)

    @property
    def told(self) -> str:
        """`file-secret/stripe-key in app/.env, STRIPE_SECRET`."""
        inner = f"!/{self.inner_path}" if self.inner_path else ""
        return f"{self.rule} in {self.place}{inner}{f', {self.name}' if self.name else ''}"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Entries by rule and place, and what keys the secrets' ids.

    `salt` does that where the user has no key of their own; it is no secret. Without it `key_check` tells whether the
    key (IMGSCAN_KEY) is the one that the checks were made with.
    """

    entries: tuple[Entry, ...] = ()
    salt: str = ""
    key_check: str = ""
    name: str = field(default="", compare=False)
    """The file it came from."""

    def key(self, own: bytes | None) -> bytes | None:
        """What a run with this baseline keys its ids with; `own` is the user's key."""
        return bytes.fromhex(self.salt) if self.salt else own

    def accepting(self, findings: Sequence[Finding]) -> Baseline:
        """This and all findings of one report; their ids must be keyed as this baseline says."""
        return updated(self, [findings], prune=False).baseline

    def comparable(self, key: bytes | None) -> bool:
        """Whether values can be compared in a run that keys its ids with `key`."""
        if self.salt:
            return key == bytes.fromhex(self.salt)
        return key is not None and key_check(key) == self.key_check


def key_check(key: bytes) -> str:
    """Four digits that tell most wrong keys from the right one, and nothing of use about it."""
    return hashlib.sha256(b"imgscan baseline key\0" + key).hexdigest()[:4]


def check_of(finding: Finding) -> str:
    """Three digits of the secret's id, "" for a finding without a secret."""
    if finding.secret is None or not finding.secret.id:
        return ""
    return hashlib.sha256(b"imgscan baseline check\0" + finding.secret.id.encode()).hexdigest()[:3]


@dataclass(frozen=True, slots=True)
class Compared:
    """Findings against a baseline: accepted ones with their entries, new ones, and entries without a finding."""

    accepted: tuple[tuple[Finding, Entry], ...]
    new: tuple[Finding, ...]
    absent: tuple[Entry, ...]


def compare(findings: Sequence[Finding], entries: Iterable[Entry], *, values: bool = True) -> Compared:
    """Which findings a baseline has; each entry accepts one. Order, layers and lines do not matter.

    Findings that share rule, place and name are told apart by their secrets' values, and by their order where there
    are none or `values` is False: then the key that the entries were made with is not at hand.
    """
    left = _Left(entries)
    matched: dict[int, Entry] = {}
    for at, finding in enumerate(findings if values else ()):
        entry = left.with_value(finding.identity, check_of(finding))
        if entry is not None:
            matched[at] = entry
    for at, finding in enumerate(findings):
        if at not in matched:
            entry = left.at_place(finding.identity, any_value=not values or finding.secret is None)
            if entry is not None:
                matched[at] = entry
    return Compared(
        tuple((finding, matched[at]) for at, finding in enumerate(findings) if at in matched),
        tuple(finding for at, finding in enumerate(findings) if at not in matched),
        left.all(),
    )


class _Left:
    """Entries that have not met their finding yet, in order; thousands of them may share one place."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = sorted(entries, key=lambda entry: (entry.identity, entry.ordinal))
        self._taken: set[int] = set()
        self._by_value: dict[tuple[tuple[str, ...], str], deque[int]] = {}
        self._by_place: dict[tuple[str, ...], deque[int]] = {}
        for at, entry in enumerate(self._entries):
            self._by_value.setdefault((entry.identity, entry.check), deque()).append(at)
            self._by_place.setdefault(entry.identity, deque()).append(at)

    def with_value(self, identity: tuple[str, ...], check: str) -> Entry | None:
        """The first with this check; none has an empty one."""
        return self._first(self._by_value.get((identity, check))) if check else None

    def at_place(self, identity: tuple[str, ...], *, any_value: bool) -> Entry | None:
        """The first one there, or the first that accepts any value."""
        return self._first(self._by_place.get(identity) if any_value else self._by_value.get((identity, "")))

    def _first(self, waiting: deque[int] | None) -> Entry | None:
        while waiting:
            at = waiting.popleft()
            if at not in self._taken:
                self._taken.add(at)
                return self._entries[at]
        return None

    def all(self) -> tuple[Entry, ...]:
        return tuple(entry for at, entry in enumerate(self._entries) if at not in self._taken)


@dataclass(frozen=True, slots=True)
class Update:
    """A baseline brought up to date: what was added, and which entries no image of the run has."""

    baseline: Baseline
    added: tuple[Entry, ...]
    absent: tuple[Entry, ...]


def updated(old: Baseline, images: Iterable[Sequence[Finding]], *, prune: bool, add: bool = True) -> Update:
    """The baseline with all findings of some images in it; audits and notes of what it has already stay.

    Entries that none of the images has go where `prune` says so. What a policy demands is never accepted here. The
    findings' ids must be keyed as the baseline says.
    """
    entries, seen, added = list(old.entries), set[int](), list[Entry]()
    for findings in images:
        compared = compare([f for f in findings if f.rule.family is not Family.POLICY], entries)
        seen.update(id(entry) for _, entry in compared.accepted)
        new = [Entry.of(finding) for finding in compared.new] if add else []
        seen.update(map(id, new))
        entries += new
        added += new
    absent = tuple(entry for entry in entries if id(entry) not in seen)
    kept = [entry for entry in entries if not prune or id(entry) in seen]
    return Update(replace(old, entries=numbered(kept)), tuple(added), absent)


def numbered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Entries in the file's order; those that share rule, place and name are numbered from 0."""
    counts: dict[tuple[str, ...], int] = {}
    found = []
    for entry in sorted(entries, key=lambda e: (e.place, e.inner_path, e.rule, e.name, e.ordinal, e.check)):
        ordinal = counts[entry.identity] = counts.get(entry.identity, -1) + 1
        found.append(replace(entry, ordinal=ordinal))
    return tuple(found)


def encode(baseline: Baseline, version: str) -> str:
    """The file: an entry a line, in an order that makes small differences."""
    rows = [
        json.dumps(
            {
                "fingerprint": entry.fingerprint,
                "rule": entry.rule,
                "place": entry.place,
                "inner_path": entry.inner_path,
                "name": entry.name,
                "ordinal": entry.ordinal,
                "check": entry.check,
                "audit": str(entry.audit),
                "note": entry.note,
            }
        )
        for entry in baseline.entries
    ]
    head = {"schema": SCHEMA, "tool": {"name": "imgscan", "version": version}}
    head |= {"salt": baseline.salt, "key_check": baseline.key_check}
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
    body = ",\n".join(f"    {row}" for row in rows)
    return "\n".join(["{", *lines, '  "entries": [', *([body] if body else []), "  ]", "}"]) + "\n"


def decode(text: str, name: str) -> Baseline:
    """A file's baseline; UsageError, with `name` in it, for anything else."""
    tip = "`imgscan baseline IMAGE -o FILE` writes one"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "no JSON"
        raise UsageError(f"{name} is no baseline: {where}", tip=tip) from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        if isinstance(schema, str) and re.fullmatch(r"imgscan-baseline/\d{1,9}", schema):
            raise UsageError(f"{name} has the form {schema}, and this imgscan knows {SCHEMA}", tip="update imgscan")
        if isinstance(document, dict) and {"plugins_used", "results"} <= document.keys():
            tip = f"it is one of detect-secrets: `imgscan baseline IMAGE --import {name}` takes over what it accepts"
        raise UsageError(f"{name} is no baseline of imgscan: it has no schema {SCHEMA}", tip=tip)
    salt, check, rows = document.get("salt", ""), document.get("key_check", ""), document.get("entries")
    if not _is_hex(salt) or len(salt) % 2 or not _is_hex(check):
        raise UsageError(f"{name} is damaged: its salt and key_check must be hexadecimal", tip=tip)
    if not isinstance(rows, list):
        raise UsageError(f"{name} is damaged: it has no list of entries", tip=tip)
    entries = tuple(_entry(row, f"{name}: entry {number}") for number, row in enumerate(rows, 1))
    return Baseline(entries, salt, check, name)


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _entry(row: object, told: str) -> Entry:
    if not isinstance(row, dict):
        raise UsageError(f"{told} is no object", tip="write it anew with `imgscan baseline IMAGE`")
    texts = {name: row.get(name, "") for name in _TEXTS}
    wrong = next((name for name, value in texts.items() if not isinstance(value, str)), None)
    ordinal, audit = row.get("ordinal", 0), row.get("audit", Audit.OPEN)
    if wrong is None and not (isinstance(ordinal, int) and not isinstance(ordinal, bool) and ordinal >= 0):
        wrong = "ordinal"
    if wrong is None and not (texts["rule"] and texts["place"]):
        wrong = "rule" if not texts["rule"] else "place"
    if wrong is not None:
        raise UsageError(f"{told} has a wrong {wrong}", tip="write it anew with `imgscan baseline IMAGE`")
    if audit not in tuple(Audit):
        raise UsageError(f"{told} has the audit {audit!r}", tip=f"the values are {', '.join(Audit)}")
    return Entry(ordinal=ordinal, audit=Audit(audit), **texts)
