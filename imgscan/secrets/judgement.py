"""Is what was assigned to a name a secret? The name, the value and the kind of file are judged together."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from imgscan.evidence import Confidence
from imgscan.secrets import placeholders
from imgscan.secrets.names import Strength, strength
from imgscan.secrets.syntax import Syntax

PLACEHOLDER = "placeholder"
NOT_A_SECRET_NAME = "name"  # noqa: S105  (a reason)
EMBEDDED = "embedded"

# The limits of detect-secrets' entropy plugins, in bits per character.
BASE64_LIMIT = 4.5
HEX_LIMIT = 3.0
_BASE64 = re.compile(r"[A-Za-z0-9+/\\_=-]{20,}")
_HEX = re.compile(r"[0-9a-fA-F]{16,}")


@dataclass(frozen=True, slots=True)
class Judgement:
    """`suppressed` is empty where the value counts."""

    confidence: Confidence
    suppressed: str = ""


def judge(name: str | None, value: str, syntax: Syntax, *, quoted: bool) -> Judgement:
    """Judge `value`, found under `name` in a file of this syntax."""
    how = strength(name) if name else Strength.PASSWORD
    if how is Strength.NONE:
        return Judgement(Confidence.LOW, NOT_A_SECRET_NAME)
    if placeholders.reason(value, name) or _is_no_literal(value, how, syntax, quoted=quoted):
        return Judgement(Confidence.LOW, PLACEHOLDER)
    random = looks_random(value)
    if how is Strength.WEAK and not random:
        return Judgement(Confidence.LOW, NOT_A_SECRET_NAME)
    if random or syntax is Syntax.CONFIG:
        return Judgement(Confidence.HIGH if random else Confidence.MEDIUM)
    return Judgement(Confidence.LOW)


def _is_no_literal(value: str, how: Strength, syntax: Syntax, *, quoted: bool) -> bool:
    text = placeholders.normalise(value)
    passphrase = syntax is Syntax.CONFIG and how is Strength.PASSWORD and any(letter.isdigit() for letter in text)
    if placeholders.reads_as_prose(text) and not passphrase:
        return True
    if not quoted and placeholders.reads_as_expression(text):
        return True
    if how is not Strength.PASSWORD and len(text) < SHORTEST_TOKEN:
        return True
    if syntax is Syntax.CONFIG and how is Strength.PASSWORD:
        return False
    if placeholders.reads_as_identifier(text) and not looks_random(text):
        return not (syntax is Syntax.JSON and how is Strength.PASSWORD and text.isascii() and text.islower())
    return syntax is Syntax.CODE and (len(text) < SHORTEST_IN_CODE or placeholders.reads_as_expression(text))


SHORTEST_TOKEN = 8
SHORTEST_IN_CODE = 5


def looks_random(value: str) -> bool:
    """Whether a value has the entropy that detect-secrets asks of base64 or hexadecimal strings."""
    if not any(character.isdigit() for character in value):
        return False  # letters alone are words and identifiers; of 22 random base64 characters 1 % have no digit
    if _HEX.fullmatch(value):
        return shannon(value) > HEX_LIMIT
    return bool(_BASE64.fullmatch(value)) and shannon(value) > BASE64_LIMIT - max(0.0, (36 - len(value)) / 16)


def shannon(text: str) -> float:
    """Bits per character."""
    total = len(text)
    return -sum(count / total * math.log2(count / total) for count in Counter(text).values()) if total else 0.0
