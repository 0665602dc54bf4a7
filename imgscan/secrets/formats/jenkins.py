"""Jenkins: stored credentials, and the keys that open them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.evidence import Validation
from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, secret, text_of
from imgscan.secrets.formats.xml_text import beside, xml_elements

_ENCRYPTED = re.compile(r"\{A[A-Za-z0-9+/=\s]{16,}\}")
_NAMES = frozenset(
    {"password", "passphrase", "privateKey", "secret", "apiToken", "secretKey", "secretBytes", "clientSecret", "token"}
)


def read_credentials(_: str, data: bytes) -> Iterator[Candidate]:
    """Values in braces are encrypted with `secrets/hudson.util.Secret`, which often lies in the same image."""
    text = text_of(data)
    elements = xml_elements(data)
    ids, users = beside(elements, "id"), beside(elements, "username")
    for element in elements:
        if element.name not in _NAMES or element.start < 0 or element.end <= element.start:
            continue
        name = ids.get(element.parent) or users.get(element.parent) or element.name
        if _ENCRYPTED.fullmatch(element.text):
            label = f"{name} (encrypted)"
            yield secret(text, "encrypted-credential", element.text, element.start, element.end, name=label)
        elif "PRIVATE KEY-----" in element.text[:80]:
            yield secret(text, "private-key", element.text, element.start, element.end, name=name)
        else:
            value = element.text
            yield secret(text, "jenkins-credential", value, element.start, element.end, name=name, key=element.name)


def read_key(_: str, data: bytes) -> Iterator[Candidate]:
    """master.key is text of 256 hexadecimal digits; hudson.util.Secret is encrypted with it."""
    text = text_of(data)
    value = text.strip()
    if len(value) >= 32:
        start = text.index(value)
        hexadecimal = re.fullmatch(r"[0-9a-f]{256}", value) is not None
        validation = Validation.STRUCTURE_OK if hexadecimal else Validation.NONE
        yield secret(text, "jenkins-key", value, start, start + len(value), validation=validation)


JENKINS: tuple[Format, ...] = (
    Format(
        "jenkins-credentials",
        "Jenkins credentials",
        ("credentials.xml",),
        read_credentials,
        "passwords, tokens and keys, by id; encrypted ones are told as such",
    ),
    Format(
        "jenkins-key",
        "Jenkins master key",
        ("secrets/master.key", "secrets/hudson.util.Secret"),
        read_key,
        "the keys that open credentials.xml",
        max_size=64 << 10,
    ),
)
