"""Keys and tokens that are published for everybody to test and learn with, known by their fingerprints.

Interpreters unpacked into /usr/local bring the keys of their test suites, and no checksums that a package could vouch
with. A fingerprint is the first 128 bits of a sha256: of a private key's base64 alone, whatever line ends, escapes or
string literals it is written with; of any other secret as it stands. known_examples.txt is made by
tools/known_examples.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from imgscan.secrets.detector import Candidate

KNOWN_EXAMPLE = "known-example"

LIST = Path(__file__).with_suffix(".txt")
_FINGERPRINT = 32  # hexadecimal digits
_SHORTEST = 16
"""Characters of a value that is looked up: shorter ones are words, not examples of tokens."""

_ESCAPE = re.compile(r"\\{1,4}[nrt]")
_JOINT = re.compile(r"[\"'`][\s+.,\\]{0,64}[\"'`]")  # between two parts of a string in source code
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]+")
_ARMOUR = re.compile(r"-{4,5} ?(?:BEGIN|END) [A-Z0-9 ]{0,40}-{4,5}")


def set_aside(candidate: Candidate) -> Candidate:
    """The candidate, suppressed with its publisher named if it is a known example."""
    if candidate.suppressed or len(candidate.value) < _SHORTEST:
        return candidate
    publisher = publisher_of(candidate.value)
    return replace(candidate, suppressed=KNOWN_EXAMPLE, suppressed_by=publisher) if publisher else candidate


def publisher_of(value: str) -> str:
    """Who published a secret as an example (`CPython's test suite`); empty where nobody known did."""
    known = known_examples().get(fingerprint(value), "")
    return known or ("jwt.io's example" if _is_example_token(value) else "")


def fingerprint(value: str) -> str:
    """What a secret is known by."""
    if "PRIVATE KEY" in value[:80]:
        value = key_body(value)
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:_FINGERPRINT]


def key_body(block: str) -> str:
    """The base64 of an armoured key, without armour, headers (`Proc-Type: 4,ENCRYPTED`) and how it is quoted."""
    text = _JOINT.sub("\n", _ESCAPE.sub("\n", _ARMOUR.sub("\n", block)))
    return "".join(_NOT_BASE64.sub("", line) for line in text.split("\n") if ":" not in line)


def _is_example_token(value: str) -> bool:
    """A JSON web token of John Doe, user 1234567890: what tutorials sign with a key of their own."""
    if not value.startswith("eyJ") or len(value) > 2_000:
        return False
    payload = value.split(".")[1:2]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload[0] + "=" * (-len(payload[0]) % 4))) if payload else None
    except (ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and claims.get("sub") == "1234567890" and claims.get("name") == "John Doe"


@lru_cache(maxsize=1)
def known_examples() -> dict[str, str]:
    """Publishers by fingerprint. A line `[publisher]` begins the fingerprints of what it published."""
    known: dict[str, str] = {}
    publisher = ""
    for line in LIST.read_text(encoding="ascii").split("\n"):
        if line.startswith("["):
            publisher = line.strip("[]")
        elif line and not line.startswith("#"):
            known[line] = publisher
    return known
