"""Making secrets unreadable: what a report may show of one, and how every other string is kept free of it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from hashlib import blake2b

SHOWN_TAIL = 4
"""Last characters that are shown of a long secret."""
LONG = 24
"""Length from which the tail is shown, and the prefix of a token beside it."""
HIDDEN = "***"
SHORTEST_ERASED = 4
"""Shorter values are not searched for in strings: they would erase half of any text."""

# Prefixes that vendors publish, the longest first.
_PUBLIC_PREFIX = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-[123]|"
    r"github_pat_|gh[pousr]_|glpat-|gldt-|glft-|glsoat-|glrt-|glcbt-|glimt-|glptt-|glagent-|gloas-|GR1348941|"
    r"A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA|AIza|xox[abposr]-|https://hooks\.slack\.com/services/|[sr]k_(?:live|test)_|"
    r"sk-(?:proj-|svcacct-|admin-|or-v1-|lf-|ant-(?:[a-z]{3,5}[0-9]{2}-)?)?|npm_|pypi-|SG\.|dckr_[po]at_|"
    r"hf_|glsa_|glc_|sntry[su]_|do[opr]_v1_|dapi|hv[sbr]\.|ops_|dp\.[a-z]{2,5}\.|GOCSPX-|ya29\.|"
    r"shp[a-z]{2,3}_|sq0[a-z]{3}-|NR[A-Z]{2}-|PMAK-|lin_api_|figd_|ntn_|CFPAT-|AT[AC]TT3|ATBB|rubygems_|cf(?:ut|at|k)_|"
    r"gsk_|pplx-|xai-|nvapi-|pcsk_|r8_|xapp-|xox[ce]-|xkeysib-|pul-|sq[upa]_|tskey-|AGE-SECRET-KEY-1|"
    r"SWMTKN-1-|whsec_|LTAI|AKID|eyJ|AKC|AC(?=[0-9a-f]{32})|SK(?=[0-9a-f]{32})"
)


def redact(value: str) -> str:
    """What may be shown: a public prefix, and the last 4 characters of what has 24 or more; nothing of a short one."""
    text = value.strip(" \t\r\n\v\f")
    if len(text) < LONG:
        return HIDDEN
    prefix = _PUBLIC_PREFIX.match(text)
    shown = prefix[0] if prefix and len(text) - prefix.end() >= LONG // 2 else ""
    if shown.startswith(("-----BEGIN", "PuTTY")):
        return f"{shown}..."
    tail = text[-SHOWN_TAIL:]
    return f"{shown}...{tail}" if tail.isprintable() and tail.isascii() else f"{shown}..."


_ARMOUR = re.compile(r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY")
_ARMOUR_BLANKS = re.compile(r"\\[nrt]|\s+")


def normalised(value: str) -> str:
    """The value as it is compared: without blanks round it, and an armoured key without its line ends.

    Values from files are Latin-1 text of their bytes, those from a config real text; UTF-8 makes them equal again.
    """
    text = _as_text(value).strip(" \t\r\n\v\f")
    return _ARMOUR_BLANKS.sub("", text) if _ARMOUR.match(text) else text


def _as_text(value: str) -> str:
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def secret_key(hmac_key: bytes, value: str) -> bytes:
    """16 bytes that are equal for equal secrets under one key, and say nothing of a weak one without it.

    Keyed BLAKE2b (RFC 7693): 1 us, where OpenSSL's HMAC takes 24 us to find its algorithm each time.
    """
    text = normalised(value)
    data = text.encode() if text.isascii() else _encoded(text)
    return _mac(hmac_key, data)


def _mac(key: bytes, data: bytes) -> bytes:
    return blake2b(data, key=key[:64], digest_size=16).digest()


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


# Where a value may begin: behind a blank, a quote, a separator, or the `//` of a URL; one `/` is a path's.
_BOUNDARY = re.compile(r"(?:(?<![^\s\"'`=:@,;(\[{<>&|])|(?<=//))(?=[^\s\"'`=:@,;(\[{<>&|])")


# Where it may end: where a word does.
_WORD_END = re.compile(r"(?<=\S)(?![^\W_])")


class Redactor:
    """Replaces every known secret in a string: those given in plaintext, and those known by length and HMAC alone.

    The latter are looked for where a word begins. Time grows with the text times the number of different lengths.
    """

    __slots__ = ("_by_length", "_hmac_key", "_lengths", "_plain")

    def __init__(
        self, plain: Iterable[str] = (), *, hmac_key: bytes = b"", keys: Iterable[tuple[int, bytes]] = ()
    ) -> None:
        """`plain` are secrets as found; `keys` pairs of a secret's length in characters and its `secret_key`."""
        self._hmac_key = hmac_key
        values = {text for value in plain for text in _spellings(value) if len(text) >= SHORTEST_ERASED}
        ordered = sorted(values, key=lambda text: (-len(text), text))
        self._plain = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._by_length: dict[int, set[bytes]] = {}
        for length, key in keys:
            if length >= SHORTEST_ERASED:
                self._by_length.setdefault(length, set()).add(key)
        self._lengths = sorted(self._by_length)

    def __repr__(self) -> str:
        return "Redactor()"

    def __call__(self, text: str) -> str:
        """The text without any known secret."""
        if self._plain is not None:
            text = self._plain.sub(lambda match: redact(match[0]), text)
        return self._without_keyed(text) if self._by_length else text

    def _without_keyed(self, text: str) -> str:
        if len(text) < self._lengths[0]:
            return text
        pieces: list[str] = []
        done = 0
        ends = [match.start() for match in _WORD_END.finditer(text)]
        places = set(ends)
        for match in _BOUNDARY.finditer(text):
            start = match.start()
            if start < done:
                continue
            end = self._keyed_from(text, start, ends, places)
            if end:
                pieces += [text[done:start], redact(text[start:end])]
                done = end
        return "".join([*pieces, text[done:]]) if pieces else text

    def _keyed_from(self, text: str, start: int, ends: list[int], places: set[int]) -> int:
        """Where the longest known secret that begins at `start` ends; 0 where none does."""
        low = bisect_left(ends, start + self._lengths[0])
        high = bisect_right(ends, start + self._lengths[-1])
        if high - low < len(self._lengths):  # the usual case: a short string, many lengths
            possible = [end for end in ends[low:high] if end - start in self._by_length]
        else:
            possible = [start + length for length in self._lengths if start + length in places]
        for end in reversed(possible):
            known = self._by_length[end - start]
            if _mac(self._hmac_key, _encoded(text[start:end])) in known:
                return end
        return 0


def _spellings(value: str) -> set[str]:
    """A secret as it is, trimmed, and as JSON and reprs escape it; each line of an armoured key by itself."""
    text = value.strip(" \t\r\n\v\f")
    spellings = {value, text, text.replace("\\", "\\\\").replace('"', '\\"'), text.replace("\n", "\\n")}
    if "\n" in text:
        spellings |= {line.strip() for line in text.splitlines() if len(line.strip()) >= LONG and "-----" not in line}
    return spellings
