"""Password hashes of accounts: shadow(5), and htpasswd of web servers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.evidence import Confidence
from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import LONGEST_NAME, Format, text_of

_LINE = re.compile(
    r"^(?P<user>[^:\r\n#]{1,100}):(?P<lock>[!*]{0,2})(?P<value>[^:\r\n!*]{8,512})(?::|\r?$)", re.MULTILINE
)

# crypt(5): prefixes, weak ones with what is wrong with them.
_SCHEMES = (
    (re.compile(r"\$(?:1|apr1|md5)\$.+"), "MD5, weak"),
    (re.compile(r"\$sha1\$.+|\{SHA\}[A-Za-z0-9+/=]{28}"), "SHA-1, weak"),
    (re.compile(r"\$3\$\$[0-9a-f]{32}"), "NT, weak"),
    (re.compile(r"_[./A-Za-z0-9]{19}"), "extended DES, weak"),
    (re.compile(r"[./A-Za-z0-9]{13}"), "DES, weak"),
    (re.compile(r"\$2[abxy]?\$.+"), "bcrypt"),
    (re.compile(r"\$5\$.+"), "SHA-256"),
    (re.compile(r"\$6\$.+"), "SHA-512"),
    (re.compile(r"\$g?y\$.+"), "yescrypt"),
    (re.compile(r"\$7\$.+|\$argon2(?:id|i|d)\$.+"), "memory-hard"),
)


def scheme(value: str) -> str:
    """How a password was hashed; empty for what is no hash (`x`, an invalid string)."""
    return next((name for pattern, name in _SCHEMES if pattern.fullmatch(value)), "")


def read(path: str, data: bytes) -> Iterator[Candidate]:
    """The second field of each line. `*`, `!` and nothing are no hash; one behind `!` can be guessed all the same."""
    text = text_of(data)
    for match in _LINE.finditer(text):
        how = scheme(match["value"])
        if not how:
            continue
        locked = "; locked" if match["lock"] else ""
        yield Candidate(
            kind="password-hash",
            start=match.start("value"),
            end=match.end("value"),
            value=match["value"],
            name=f"{match['user']} ({how}{locked})"[:LONGEST_NAME],
            confidence=Confidence.MEDIUM if locked else Confidence.HIGH,
        )


PASSWORD_HASHES = Format(
    "password-hashes",
    "password hashes of accounts",
    (
        "etc/shadow",
        "etc/shadow-",
        "etc/gshadow",
        "etc/gshadow-",
        "etc/passwd",
        "etc/passwd-",
        "etc/security/opasswd",
        "etc/master.passwd",
        "shadow.bak",
        ".htpasswd",
        "htpasswd",
        "*.htpasswd",
    ),
    read,
    "hashes, by user; DES, MD5 and SHA-1 are named weak, locked accounts told as such",
)
