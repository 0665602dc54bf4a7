"""Text in disguise: where base64, hex or escapes hide readable text with a telling word in it, and what they hide.

An encoding is nominated like a secret and confirmed by decoding it; what comes out is searched again, so that
encodings in one another come off one by one. What nominates is a word that secrets come with (`password`, `ghp_`),
itself encoded: three bytes of text are four characters, so that a word looks in one of three ways, the characters at
its ends left out. Measured with Hyperscan over 219 MB of Python packages and /usr/share: these literals cost nothing
beside the others and nominate twice a megabyte, where a pattern for any readable base64 would halve the speed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from imgscan.secrets.detector import Candidate, Detector, Nominator, Window
from imgscan.secrets.words import words

BEFORE = 4 << 10
"""Encoded characters before a nominated word that are decoded."""
AFTER = 32 << 10
"""And after it; what follows is nominated by its own words."""
OVERLAP = 1 << 10
"""Of a run that is longer than that, so many characters at the end are decoded again with what follows."""

_SHORTEST = 4
"""Characters of an encoded word; shorter ones occur by chance."""

_NAMES = words(
    """
    password passwd secret token apikey api_key api-key _key credential _pass auth
    """
)
# Invariable beginnings of tokens, and of what holds a secret under any name.
_TELLING = words(
    """
    AccessKey accessKey privateKey apiKey AccountKey= -----BEGIN :// ghp_ gho_ ghs_ ghu_ ghr_ github_pat_ glpat- gldt-
    AKIA ASIA xoxb- xoxp- xapp- hooks.slack sk_live_ rk_live_ sk-live- npm_ AIza ya29. hf_ SG. pypi- hvs. hvb. dop_v1_
    glsa_ glc_ sk-ant- sk-proj- T3BlbkFJ dckr_pat_ shpat_ shpss_ AGE-SECRET PuTTY-User PRIVATE lin_api_ key- EAAA sq0
    figd_ r8_ glrt- glcbt- glimt- glptt- glagent- gloas- glft- glsoat- GR1348941
    http:// https:// redis:// postgres mysql:// mongodb amqp:// ftp:// ssh:// ldap:// smtp:// artif JFrog _pw= -us1 -us2
    ATATT dapi PMAK- rubygems_ tfp_ .atlasv1. CFPAT- NRAK- eyJ
    """
)


def _spellings() -> tuple[str, ...]:
    return tuple(sorted({*_TELLING, *(s for name in _NAMES for s in (name, name.upper(), name.capitalize()))}))


def _in_base64(data: bytes) -> Iterable[str]:
    """What of `data` shows in base64 whatever stands round it: one string for each of the three alignments."""
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + data + bytes(3)).decode()
        yield encoded[-(-shift * 8 // 6) : (shift + len(data)) * 8 // 6]


def _literals(*groups: Iterable[str]) -> tuple[Nominator, ...]:
    """Some nominators: a pattern has a longest length."""
    found = sorted({literal for group in groups for literal in group if len(literal) >= _SHORTEST})
    # `-` and `_` are base64 for URLs; the others need no escape but `+`.
    spelled = [literal.replace("+", "[+-]").replace("/", "[/_]") for literal in found]
    return tuple(Nominator("(?:" + "|".join(spelled[at : at + 500]) + ")") for at in range(0, len(spelled), 500))


_ONCE = [literal for word in _spellings() for literal in _in_base64(word.encode())]
_WIDE = [literal for word in _spellings() for literal in _in_base64(word.encode("utf-16-le")[:-1])]
_TWICE = [literal for word in [*_ONCE, "H4sIAAAA"] if len(word) >= _SHORTEST for literal in _in_base64(word.encode())]
_HEX = sorted({word.encode().hex() for word in _spellings() if len(word) >= _SHORTEST})

# Wrapped lines belong together where the next one is base64 to its end.
_WRAP = r"(?:\\n|\\r\\n|\r?\n)[ \t]{0,16}(?=[A-Za-z0-9+/_-]{4,200}={0,2}(?:[\s\"'<\\]|\Z))"
_WRAPS = re.compile(_WRAP)
_B64_RUN = re.compile(rf"(?:[A-Za-z0-9+/_-]|{_WRAP})+")
_FOREIGN = re.compile(r"[^A-Za-z0-9+/_\-\\\s]")
_BREAKS = re.compile(r"\\[nr]|\s")
_HEX_DIGITS = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_URL_SAFE = str.maketrans("-_", "+/")
_TEXT = bytes({0, 9, 10, 13, *range(32, 127)})
_JUDGED = 96
"""Characters round the nominated word that must decode to text."""
_QUOTE = r'(?:\\{1,3}"|\\u0022)'
_KEYWORD = "(?:passw(?:or)?d|secret|token|api_?key|access_?key|private_?key)"


@dataclass(frozen=True, slots=True, repr=False)
class Decoded:
    """What an encoded run holds. `start` and `end` are indexes into the window; `more` says that the run goes on."""

    start: int
    end: int
    data: bytes
    more: bool = False


@dataclass(frozen=True, slots=True)
class Encoding:
    """A detector that confirms nothing itself: `decode` gives text to search. `label` is told as a place."""

    label: str
    nominators: tuple[Nominator, ...]
    decoder: Callable[[str, int], Decoded | None]
    """Is given the window's data and the index at which the nomination ended."""
    before: int = BEFORE
    after: int = AFTER
    version: int = 1

    @property
    def id(self) -> str:
        return f"encoding-{self.label}"

    def confirm(self, window: Window) -> Iterable[Candidate]:
        """No secret is in the encoded text as it stands."""
        del window
        return ()

    def decode(self, window: Window) -> Decoded | None:
        """The text that the run at `window.at` hides, None where there is none."""
        return self.decoder(window.data, window.at)


def _from_base64(data: str, at: int) -> Decoded | None:
    foreign = _FOREIGN.search(data[:at][::-1])
    low = at - foreign.start() if foreign else 0  # no run spans it: the 4 KiB before need not be gone through
    match = next((run for run in _B64_RUN.finditer(data, low) if run.end() >= at), None)
    if match is None or match.start() >= at:
        return None
    start = _first_line(data, match, at)
    before, run = (_BREAKS.sub("", data[start:end]) for end in (at, match.end()))
    low = max(0, len(before) - _JUDGED // 2)
    # Where it begins is known only if nothing that might be base64 is stuck to it: the text itself tells.
    for shift in range(4):
        some = _decode(run[low // 4 * 4 + shift : low + _JUDGED])
        if len(some) > 8 and len(some.translate(None, _TEXT)) * 10 < len(some):
            decoded = _decode(run[shift:])
            return Decoded(start + shift, match.end(), decoded, match.end() == len(data))
    return None


def _first_line(data: str, run: re.Match[str], at: int) -> int:
    """Where the run begins that has `at` in it: lines before it belong to it only if they are as long."""
    lines: list[tuple[int, int]] = []
    start = run.start()
    for wrap in _WRAPS.finditer(data, run.start(), run.end()):
        lines.append((start, wrap.start()))
        start = wrap.end()
        if start >= at:
            break
    else:
        lines.append((start, run.end()))
    start, end = lines.pop()
    for low, high in reversed(lines):
        if high - low < end - start:
            break
        start, end = low, high
    return start


def _from_packed(data: str, at: int) -> Decoded | None:
    start = at - 24
    match = _B64_RUN.match(data, start) if start >= 0 else None
    if match is None:
        return None
    return Decoded(start, match.end(), _decode(_BREAKS.sub("", match[0])))


def _decode(run: str) -> bytes:
    run = run.translate(_URL_SAFE)
    run = run[:-1] if len(run) % 4 == 1 else run
    try:
        return base64.b64decode(run + "=" * (-len(run) % 4))
    except binascii.Error:
        return b""


def _from_hex(data: str, at: int) -> Decoded | None:
    start = at
    while start >= 2 and _HEX_DIGITS.fullmatch(data, start - 2, start):
        start -= 2
    match = _HEX_DIGITS.match(data, start)
    if match is None:
        return None
    return Decoded(start, match.end(), bytes.fromhex(match[0]), match.end() >= len(data) - 1)


def _line(data: str, at: int) -> tuple[int, int]:
    start = max(data.rfind("\n", 0, at) + 1, at - 1024)
    end = data.find("\n", at, at + 4096)
    return start, end if end >= 0 else min(len(data), at + 4096)


def _from_url(data: str, at: int) -> Decoded | None:
    """Separators too: `a=1&password%3Dx%26b` is three lines."""
    start, end = _line(data, at)
    text = unquote_to_bytes(data[start:end].encode("latin-1").replace(b"+", b" "))
    return Decoded(start, end, text.replace(b"&", b"\n"))


def _from_json(data: str, at: int) -> Decoded | None:
    """One level of backslashes comes off; deeper ones when the result is searched."""
    start, end = _line(data, at)
    return Decoded(start, end, _ESCAPE.sub(_unescaped, data[start:end]).encode("latin-1", "replace"))


_ESCAPE = re.compile(r"\\(?:u00([0-7][0-9a-fA-F])|(.))")


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return {"n": "\n", "r": "\r", "t": "\t"}.get(match[2], match[2])


_B64 = "[A-Za-z0-9+/_-]"

_OTHERS: tuple[Encoding, ...] = (
    Encoding(
        "base64",
        # gzip, zip, bzip2, zstd
        (
            Nominator(
                f"[^A-Za-z0-9+/_-](?:H4sI{_B64}{{4}}|UEsDB{_B64}{{3}}|QlpoO{_B64}{{3}}|KLUv{_B64}{{4}}){_B64}{{16}}"
            ),
        ),
        _from_packed,
    ),
    Encoding("hex", (Nominator("(?:" + "|".join(_HEX) + ")", caseless=True),), _from_hex),
    Encoding(
        "url",
        (Nominator(_KEYWORD + "[A-Za-z0-9_]{0,20}(?:%2[27])?%3[AaDd]", caseless=True),),
        _from_url,
        before=1024,
        after=4096,
    ),
    Encoding(
        "json",
        (Nominator(_KEYWORD + "[A-Za-z0-9_]{0,20}" + _QUOTE + " {0,4}: {0,4}" + _QUOTE + r'[^\\"]', caseless=True),),
        _from_json,
        before=1024,
        after=4096,
    ),
)


def encodings(detectors: Iterable[Detector]) -> tuple[Encoding, ...]:
    """All encodings, nominated by our own words and by those that the detectors' tokens begin with (`dp.st.`).

    Plain words that a detector may want near a value are left to our own list.
    """
    words_of = (word for detector in detectors for word in getattr(detector, "gate", ()))
    found = {word for word in words_of if len(word) >= _SHORTEST and not word.isalpha()}
    told = {spelling for word in found for spelling in (word, word.upper(), word.capitalize())}
    ours = [literal for word in sorted(told) for literal in _in_base64(word.encode())]
    return (Encoding("base64", _literals(_ONCE, _WIDE, _TWICE, ours), _from_base64), *_OTHERS)
