"""Texts from templates: how rules tell what they find and what they do not, without a token in the source.

    {20:[A-Za-z0-9_-]}      20 characters of a class; {16-32:[...]} for a length in between
    {crc32-base62}          six digits, the sum of the piece before it        {crc32-hex-le}, {crc32-base36:7}
    {base64:...}            of what the template inside gives                 {base64url:...}, {hex:...}
    {bech32-age}            an age identity              {private-key}   an armoured one
    {{ and }}               braces
    «...»                   the secret; without it all of the text is one

The same template and seed give the same text.
"""

from __future__ import annotations

import base64
import binascii
import random
import re
from dataclasses import dataclass

from imgscan.secrets.rules.regex import Chars, parse
from imgscan.secrets.token_checks import BECH32, bech32_polymod

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_DRAW = re.compile(r"(\d+)(?:-(\d+))?:(\[.*\])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """A text, and where the secret in it stands."""

    text: str
    start: int
    end: int


def example(template: str, seed: int = 0) -> Example:
    """The text that a template gives. ValueError for a broken template."""
    text = _Writer(template, random.Random(f"{seed}:{template}")).write()  # noqa: S311  (invented on purpose)
    opening, closing = text.find("«"), text.find("»")
    if opening < 0 or closing < opening:
        return Example(text, 0, len(text))
    plain = text[:opening] + text[opening + 1 : closing] + text[closing + 1 :]
    return Example(plain, opening, closing - 1)


class _Writer:
    def __init__(self, template: str, chooser: random.Random) -> None:
        self._template = template
        self._chooser = chooser

    def write(self) -> str:
        pieces: list[str] = []
        at = 0
        template = self._template
        while at < len(template):
            if template[at : at + 2] in ("{{", "}}"):
                pieces.append(template[at])
                at += 2
            elif template[at] == "{":
                end = self._closing(at)
                pieces.append(self._field(template[at + 1 : end], pieces))
                at = end + 1
            else:
                following = re.compile(r"[{}]").search(template, at + 1)
                end = following.start() if following else len(template)
                pieces.append(template[at:end])
                at = end
        return "".join(pieces)

    def _closing(self, start: int) -> int:
        depth, at = 0, start
        while at < len(self._template):
            if self._template[at : at + 2] in ("{{", "}}") and at > start and not self._ends_field(at, depth):
                at += 2
                continue
            depth += {"{": 1, "}": -1}.get(self._template[at], 0)
            if depth == 0:
                return at
            at += 1
        raise ValueError(f"a field without an end in {self._template!r}")

    def _ends_field(self, at: int, depth: int) -> bool:
        """Whether `}}` closes two fields rather than standing for a brace."""
        return self._template[at : at + 2] == "}}" and depth > 1

    def _field(self, field: str, pieces: list[str]) -> str:
        drawn = _DRAW.fullmatch(field)
        if drawn is not None:
            low = int(drawn[1])
            return self._draw(drawn[3], self._chooser.randint(low, int(drawn[2] or low)))
        name, _, rest = field.partition(":")
        if name in ("base64", "base64url", "hex"):
            inner = _Writer(rest, self._chooser).write().encode("latin-1")
            if name == "hex":
                return inner.hex()
            text = base64.b64encode(inner).decode()
            return text if name == "base64" else text.translate(str.maketrans("+/", "-_")).rstrip("=")
        body = "".join(pieces)
        body = body[body.rfind("«") + 1 :]
        if name == "crc32-base62":
            return _digits(binascii.crc32(pieces[-1].encode()), _BASE62, 6)
        if name == "crc32-base36":
            return _digits(binascii.crc32(body.encode()), _BASE36, int(rest))
        if name == "crc32-hex-le":
            return binascii.crc32(body.rstrip("_").encode()).to_bytes(4, "little").hex()
        if name == "bech32-age":
            return _age_identity(self._chooser)
        if name == "private-key":
            return private_key(rest or "PRIVATE KEY", self._chooser)
        raise ValueError(f"unknown field {{{field}}}")

    def _draw(self, characters: str, length: int) -> str:
        """Random, with each kind of character that the class has where the length allows: as real tokens nearly are."""
        tree = parse(characters)
        alphabet = sorted(chr(code) for code in tree.codes) if isinstance(tree, Chars) else []
        if not alphabet:
            raise ValueError(f"{characters} is no class")
        text = [self._chooser.choice(alphabet) for _ in range(length)]
        digits = [each for each in alphabet if each.isdigit()]
        if digits and length > 3 and not any(each.isdigit() for each in text):
            text[length // 2] = self._chooser.choice(digits)
        return "".join(text)


def _digits(number: int, alphabet: str, count: int) -> str:
    text = ""
    for _ in range(count):
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return text


def _age_identity(chooser: random.Random) -> str:
    prefix = "age-secret-key-"
    data = [chooser.randrange(32) for _ in range(51)] + [chooser.randrange(2) * 16]
    total = bech32_polymod(prefix, [*data, 0, 0, 0, 0, 0, 0]) ^ 1
    data += [total >> 5 * (5 - index) & 31 for index in range(6)]
    return f"{prefix}1{''.join(BECH32[value] for value in data)}".upper()


def private_key(label: str, chooser: random.Random) -> str:
    """An armoured key of invented bytes, long enough to read as one."""
    body = base64.b64encode(b"0\x82" + chooser.randbytes(600)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    dashes = "-" * 5
    return "\n".join([f"{dashes}BEGIN {label}{dashes}", *lines, f"{dashes}END {label}{dashes}"])
