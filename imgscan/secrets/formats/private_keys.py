"""Files that hold private keys: OpenSSH's, PuTTY's, OpenPGP's rings, and keys in DER."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import replace

from imgscan.evidence import Validation
from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, text_of
from imgscan.secrets.private_keys import armoured_key

_HEADER = re.compile(r"(?:BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?|PuTTY-User-Key-File-[123])")


def read_host_key(path: str, data: bytes) -> Iterator[Candidate]:
    """A server's own key: every container of the image answers with it."""
    text = text_of(data)
    for match in _HEADER.finditer(text):
        yield replace(armoured_key(text, *match.span(), len(text)), name=f"SSH host key {path.rpartition('/')[2]}")


def read_user_key(path: str, data: bytes) -> Iterator[Candidate]:
    """A user's SSH key; whether it is encrypted stands in it."""
    text = text_of(data)
    for match in _HEADER.finditer(text):
        yield replace(armoured_key(text, *match.span(), len(text)), name=f"SSH key {path.rpartition('/')[2]}")


_PUTTY_COMMENT = re.compile(r"^Comment: ([^\r\n]{1,80})", re.MULTILINE)


def read_putty(path: str, data: bytes) -> Iterator[Candidate]:
    """PuTTY's format names its encryption and a comment."""
    text = text_of(data)
    if not text.startswith("PuTTY-User-Key-File-"):
        yield from read_user_key(path, data)
        return
    comment = _PUTTY_COMMENT.search(text)
    name = f"PuTTY key {comment[1]}" if comment else "PuTTY key"
    yield replace(armoured_key(text, 0, len("PuTTY-User-Key-File-3"), len(text)), name=name)


_SECRET_TAGS = {5: "secret key", 7: "secret subkey"}  # RFC 9580 section 5.5.1


def read_openpgp(_: str, data: bytes) -> Iterator[Candidate]:
    """Secret key packets of a ring (RFC 9580 sections 4.2 and 5.5.3); armoured rings are decoded first."""
    armour = _unarmoured(data)
    if armour is not None:
        body, start, end = armour
        states = [encrypted for _, _, _, encrypted in _secret_packets(body)]
        if states:
            text = text_of(data)
            kind = "encrypted-private-key" if all(states) else "private-key"
            yield Candidate(kind, start, end, text[start:end], name="OpenPGP key", validation=Validation.STRUCTURE_OK)
        return
    for tag, start, end, encrypted in _secret_packets(data):
        yield Candidate(
            kind="encrypted-private-key" if encrypted else "private-key",
            start=start,
            end=end,
            value=base64.b64encode(data[start:end]).decode(),
            name=f"OpenPGP {_SECRET_TAGS[tag]}",
            validation=Validation.STRUCTURE_OK,
        )


_ARMOUR = re.compile(
    rb"-----BEGIN PGP PRIVATE KEY BLOCK-----[ \t]*\r?\n(?:[^\r\n:]{1,40}:[^\r\n]*\r?\n)*(?:[ \t]*\r?\n)?"
    rb"(?P<body>[A-Za-z0-9+/=\s]{16,})-----END PGP PRIVATE KEY BLOCK-----"
)


def _unarmoured(data: bytes) -> tuple[bytes, int, int] | None:
    """The packets of an armoured ring, and its span."""
    match = _ARMOUR.search(data)
    if match is None:
        return None
    body = re.sub(rb"\n=[A-Za-z0-9+/]{4}\s*\Z", b"", match["body"])  # the checksum
    try:
        return base64.b64decode(re.sub(rb"\s+", b"", body)), match.start(), match.end()
    except binascii.Error:
        return None


def _secret_packets(data: bytes) -> Iterator[tuple[int, int, int, bool]]:
    """(tag, start, end, encrypted) of each secret key; stops where no packet begins."""
    at = 0
    while at + 2 < len(data) and data[at] & 0x80:
        start = at
        head = data[at]
        if head & 0x40:
            tag = head & 0x3F
            first = data[at + 1]
            if first < 192:
                size, at = first, at + 2
            elif first < 224:
                size, at = ((first - 192) << 8) + data[at + 2] + 192, at + 3
            elif first == 255:
                size, at = int.from_bytes(data[at + 2 : at + 6], "big"), at + 6
            else:
                return
        else:
            tag, length = (head >> 2) & 0x0F, head & 3
            if length == 3:
                return
            width = 1 << length
            size, at = int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width
        end = at + size
        if end > len(data):
            return
        if tag in _SECRET_TAGS:
            usage = _usage(data[at:end])
            if usage is None:
                return
            yield tag, start, end, usage != 0
        at = end


# Multi-precision integers of the public part, by algorithm: RSA, Elgamal, DSA; -1 is a curve's name and a point.
_PUBLIC_PARTS = {1: 2, 2: 2, 3: 2, 16: 3, 17: 4, 18: -1, 19: -1, 22: -1}
_FIXED_PARTS = {25: 32, 26: 56, 27: 32, 28: 57}  # RFC 9580: X25519, X448, Ed25519, Ed448


def _usage(body: bytes) -> int | None:
    """The octet that says how the secret part is protected, 0 for not at all; None where it is no key packet."""
    version = body[0] if body else 0
    if version not in (3, 4, 5, 6):
        return None
    at = 5 if version == 4 else 7 if version == 3 else 9
    if len(body) <= at + 1:
        return None
    algorithm = body[at]
    at += 1
    if version in (5, 6):
        at = 10
    parts = _PUBLIC_PARTS.get(algorithm)
    if algorithm in _FIXED_PARTS:
        at += _FIXED_PARTS[algorithm]
    elif parts is None:
        return None
    elif parts < 0:
        at += 1 + body[at]
        at = _after_integer(body, at)
        if algorithm == 18 and at < len(body):
            at += 1 + body[at]
    else:
        for _ in range(parts):
            at = _after_integer(body, at)
    return body[at] if at < len(body) else None


def _after_integer(body: bytes, at: int) -> int:
    return at + 2 + (int.from_bytes(body[at : at + 2], "big") + 7) // 8


# DER of PKCS#8 (RFC 5958), PKCS#1 (RFC 8017), SEC 1 (RFC 5915): what the outer sequence begins with.
_ALGORITHMS = (
    bytes.fromhex("06092a864886f70d010101"),
    bytes.fromhex("06072a8648ce3d0201"),
    bytes.fromhex("06032b6570"),
    bytes.fromhex("06032b6571"),
    bytes.fromhex("06072a8648ce380401"),
)


def read_der(_: str, data: bytes) -> Iterator[Candidate]:
    """A key in DER, alone in its file."""
    state = _der_state(data)
    if state:
        yield Candidate(
            kind=state,
            start=0,
            end=len(data),
            value=base64.b64encode(data).decode(),
            name="key in DER",
            validation=Validation.STRUCTURE_OK,
        )


def _der_state(data: bytes) -> str:
    body = _sequence(data)
    if body is None:
        return ""
    if body.startswith(b"\2\1\0"):
        inner = _sequence(body[3:])
        if inner is not None:
            return "private-key" if inner.startswith(_ALGORITHMS) else ""
        return "private-key" if body[3:4] == b"\2" and len(data) > 200 else ""
    if body.startswith((b"\2\1\1\4\x20", b"\2\1\1\4\x30", b"\2\1\1\4\x42")):
        return "private-key"
    inner = _sequence(body)
    return "encrypted-private-key" if inner is not None and inner.startswith(_PBES) else ""


_PBES = (bytes.fromhex("06092a864886f70d01050d"), bytes.fromhex("060a2a864886f70d010c01"))


def _sequence(data: bytes) -> bytes | None:
    """The beginning of what is in the sequence that `data` begins with."""
    if len(data) < 2 or data[0] != 0x30:
        return None
    length = data[1]
    if length < 0x80:
        return data[2:66]
    return data[2 + (length & 0x7F) :][:64] if 0x81 <= length <= 0x83 else None


_USER_KEYS = ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", "id_xmss")
_HOST_KEYS = ("ssh_host_rsa_key", "ssh_host_dsa_key", "ssh_host_ecdsa_key", "ssh_host_ed25519_key", "ssh_host_key")

PRIVATE_KEYS: tuple[Format, ...] = (
    Format("ssh-host-key", "SSH host key", _HOST_KEYS, read_host_key, "the key, named as a host's"),
    Format("ssh-key", "SSH key", _USER_KEYS, read_user_key, "the key, encrypted or not"),
    Format("putty-key", "PuTTY key", ("*.ppk",), read_putty, "the key with its comment, encrypted or not"),
    Format(
        "openpgp",
        "OpenPGP secret ring",
        ("secring.gpg", "*.pgp", "*.gpg", "*.asc"),
        read_openpgp,
        "secret key packets, encrypted or not",
    ),
    Format("der-key", "key in DER", ("*.der", "*.pk8", "*.p8", "*.key"), read_der, "PKCS#8, PKCS#1 and SEC 1 keys"),
)
