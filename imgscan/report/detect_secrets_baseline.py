"""Baselines of detect-secrets: what was accepted in the source, looked for among the findings of an image.

Their `.secrets.baseline` (docs/design.md of detect-secrets 1.x) has, by file, the type and the SHA-1 of each secret,
and the answer of an audit. A finding is one of them where the file is called the same and the value has that SHA-1; so
the findings must have their values, which the caller asks for and keeps in memory.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from imgscan.errors import UsageError
from imgscan.report.baseline import Audit, Entry
from imgscan.report.finding import Finding

_SHA1 = re.compile(r"[0-9a-f]{40}")
_ARMOUR = re.compile(r"BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?")
_AUDITS = {True: Audit.TRUE_POSITIVE, False: Audit.FALSE_POSITIVE}


@dataclass(frozen=True, slots=True)
class Accepted:
    """One secret of theirs."""

    path: str
    kind: str
    digest: str
    line: int | None
    audit: Audit

    @property
    def name(self) -> str:
        """Of the file; theirs are paths in a repository, ours in an image."""
        return self.path.rpartition("/")[2]


def decode_detect_secrets(text: str, name: str) -> tuple[Accepted, ...]:
    """What is accepted in a `.secrets.baseline`; UsageError for anything else."""
    tip = "`detect-secrets scan > .secrets.baseline` writes one"
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"{name} is no baseline of detect-secrets: it is no JSON", tip=tip) from None
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, dict):
        raise UsageError(f"{name} is no baseline of detect-secrets: it has no results", tip=tip)
    accepted = []
    for path, rows in results.items():
        for given in rows if isinstance(rows, list) else [None]:
            row: dict[str, Any] = given if isinstance(given, dict) else {}
            digest = row.get("hashed_secret")
            if not isinstance(digest, str) or not _SHA1.fullmatch(digest):
                raise UsageError(f"{name} is damaged: a secret of {path} has no SHA-1", tip=tip)
            line, audited = row.get("line_number"), row.get("is_secret")
            accepted.append(
                Accepted(
                    str(path).replace("\\", "/"),
                    str(row.get("type", "")),
                    digest,
                    line if isinstance(line, int) else None,
                    _AUDITS[audited] if isinstance(audited, bool) else Audit.OPEN,
                )
            )
    return tuple(accepted)


def accepted_among(
    findings: Iterable[Finding], theirs: Iterable[Accepted]
) -> tuple[list[tuple[Finding, Entry]], list[Accepted]]:
    """The findings that were accepted there, with entries for them, and what was accepted and is not in the image."""
    known: dict[tuple[str, str], list[Accepted]] = {}
    for item in theirs:
        known.setdefault((item.name, item.digest), []).append(item)
    matched: list[tuple[Finding, Entry]] = []
    met: set[tuple[str, str]] = set()
    for finding in findings:
        place = finding.location.inner_path or finding.location.path
        if finding.secret is None or finding.secret.value is None or place is None:
            continue
        name = re.split(r"[/!]", place)[-1]
        key = next((key for digest in _digests(finding.secret.value) if (key := (name, digest)) in known), None)
        if key is None:
            continue
        met.add(key)
        item = known[key][0]
        note = f"detect-secrets: {item.kind} in {item.path}{f':{item.line}' if item.line is not None else ''}"
        matched.append((finding, replace(Entry.of(finding), audit=item.audit, note=note)))
    return matched, [item for key, items in known.items() if key not in met for item in items]


def _digests(value: str) -> Iterable[str]:
    """SHA-1s that detect-secrets may have of a value: of a private key it takes the armour's first words alone."""
    spellings = [value, value.strip(), value.strip().strip("\"'")]
    armour = _ARMOUR.search(value)
    if armour is not None:
        spellings.append(armour[0])
    for spelling in dict.fromkeys(spellings):
        yield hashlib.sha1(spelling.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
