"""Keystores that open with a password everybody knows: JKS, JCEKS, PKCS#12, BKS, by their own integrity checks.

A store is told only where it has a private or secret key: the trust stores of every Java installation open with
`changeit`, and hold certificates alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.evidence import Validation
from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format

PASSWORDS = ("changeit", "changeme", "", "password", "android", "secret", "123456", "mypass", "keystore", "default")
"""Of Java's own tools and manuals, Android's debug keystore, application servers; and the first that anyone tries."""
MOST_ITERATIONS = 20_000
"""Of one key derivation: a hostile store may ask for two thousand million. Tools write 1,024 to 10,000, and
as many as this take 0.15 s for all passwords together."""


def read(_: str, data: bytes) -> Iterator[Candidate]:
    """One candidate for a store that opens; its value is the store, which is as good as the keys in it."""
    found = _opens(data)
    if found is None:
        return
    what, password = found
    shown = f"`{password}`" if password else "an empty password"
    yield Candidate(
        kind="keystore-default-password",
        start=0,
        end=len(data),
        value=base64.b64encode(data).decode(),
        name=f"{what} that opens with {shown}",
        validation=Validation.CHECKSUM_OK,
    )


def _opens(data: bytes) -> tuple[str, str] | None:
    """What a store is, and the first known password that opens it."""
    if data[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        name = "Java keystore" if data[0] == 0xFE else "JCEKS keystore"
        return _first(name, data, _jks_opens) if _jks_has_key(data) else None
    if data[:4] in (b"\0\0\0\1", b"\0\0\0\2"):
        return _bks(data)
    if data[:1] == b"\x30":
        return _pkcs12(data)
    return None


def _first(name: str, data: bytes, opens: object) -> tuple[str, str] | None:
    assert callable(opens)  # noqa: S101
    return next(((name, password) for password in PASSWORDS if opens(data, password)), None)


def _jks_opens(data: bytes, password: str) -> bool:
    """SHA-1 over the password in UTF-16, a phrase, and all before the digest (JavaKeyStore.getPreKeyedHash)."""
    digest = hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + data[:-20], usedforsecurity=False)
    return hmac.compare_digest(digest.digest(), data[-20:])


def _jks_has_key(data: bytes) -> bool:
    """Whether an entry is no certificate: tag, alias, date; behind a certificate (tag 2) its type and its bytes."""
    try:
        version, count = struct.unpack_from(">II", data, 4)
        at = 12
        for _ in range(min(count, 100_000)):
            tag, alias = struct.unpack_from(">IH", data, at)
            if tag != 2:
                return tag in (1, 3)
            at += 6 + alias + 8
            if version == 2:
                at += 2 + int(struct.unpack_from(">H", data, at)[0])
            at += 4 + int(struct.unpack_from(">I", data, at)[0])
    except struct.error:
        pass
    return False


def _bks(data: bytes) -> tuple[str, str] | None:
    """Bouncy Castle: version, salt, iterations, entries, then HMAC-SHA-1 over the entries.

    Version 1 derived a key of 20 bits where it meant bytes, and stayed so.
    """
    try:
        version, salt_size = struct.unpack_from(">II", data)
        salt = data[8 : 8 + salt_size]
        (iterations,) = struct.unpack_from(">I", data, 8 + salt_size)
    except struct.error:
        return None
    body = data[12 + salt_size : -20]
    if salt_size > 64 or not 0 < iterations <= MOST_ITERATIONS or not _bks_has_key(body):
        return None
    for password in PASSWORDS:
        key = pkcs12_key("sha1", _bmp(password), salt, iterations, 2 if version == 1 else 20)
        if hmac.compare_digest(hmac.digest(key, body, "sha1"), data[-20:]):
            return "Bouncy Castle keystore", password
    return None


def _bks_has_key(body: bytes) -> bool:
    """Whether an entry is a key: kind, alias, date, a chain of certificates, then what the kind says."""
    at = 0
    try:
        while body[at : at + 1] not in (b"", b"\0"):
            kind = body[at]
            (alias,) = struct.unpack_from(">H", body, at + 1)
            at += 3 + alias + 8
            (chain,) = struct.unpack_from(">I", body, at)
            if kind in (2, 3, 4):
                return True
            if kind != 1 or chain > 100:
                return False
            at += 4
            for _ in range(chain + 1):
                at += 2 + int(struct.unpack_from(">H", body, at)[0])
                at += 4 + int(struct.unpack_from(">I", body, at)[0])
    except struct.error:
        pass
    return False


# DER object identifiers.
_DATA = bytes.fromhex("06092a864886f70d010701")
_KEY_BAGS = (bytes.fromhex("060b2a864886f70d010c0a0101"), bytes.fromhex("060b2a864886f70d010c0a0102"))
_DIGESTS = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040204"): "sha224",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}


@dataclass(frozen=True, slots=True)
class _Der:
    """One element of DER: its tag and the span of its content."""

    tag: int
    start: int
    end: int


def _der(data: bytes, at: int) -> _Der:
    """The element at `at`; ValueError where there is none of a definite length. A span may overrun the data."""
    if at + 2 > len(data):
        raise ValueError("DER ends within an element")
    tag, length = data[at], data[at + 1]
    at += 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or at + count > len(data):
            raise ValueError("a length in another form")
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    return _Der(tag, at, at + length)


def _children(data: bytes, parent: _Der) -> list[_Der]:
    found: list[_Der] = []
    at = parent.start
    while at < parent.end and len(found) < 16:
        child = _der(data, at)
        found.append(child)
        at = child.end
    return found


def _pkcs12(data: bytes) -> tuple[str, str] | None:
    """RFC 7292: PFX { version 3, authSafe, macData }; only stores with a key bag that is not itself encrypted."""
    if not any(bag in data for bag in _KEY_BAGS):
        return None
    try:
        parts = _children(data, _der(data, 0))
        if len(parts) != 3 or data[parts[0].start : parts[0].end] != b"\x03":
            return None
        mac, salt, iterations, body = _mac(data, parts[1], parts[2])
    except (ValueError, IndexError):
        return None
    if mac is None or not 0 < iterations <= MOST_ITERATIONS:
        return None
    digest, expected = mac
    size = hashlib.new(digest, usedforsecurity=False).digest_size
    for password in PASSWORDS:
        for spelled in (_bmp(password),) if password else (b"\0\0", b""):  # tools disagree on what empty is
            key = pkcs12_key(digest, spelled, salt, iterations, size)
            if hmac.compare_digest(hmac.digest(key, body, digest), expected):
                return "PKCS#12 keystore", password
    return None


def _mac(data: bytes, safe: _Der, mac: _Der) -> tuple[tuple[str, bytes] | None, bytes, int, bytes]:
    """(digest's name and value, salt, iterations, what is authenticated); None for an unknown digest."""
    kind, content = _children(data, safe)
    if not data[kind.start - 2 :].startswith(_DATA):
        raise ValueError("signed rather than authenticated")
    inner = _der(data, content.start)
    info, salt, *rest = _children(data, mac)
    algorithm, value = _children(data, info)
    identifier = _children(data, algorithm)[0]
    name = _DIGESTS.get(data[identifier.start : identifier.end])
    iterations = int.from_bytes(data[rest[0].start : rest[0].end][:8], "big") if rest else 1
    expected = data[value.start : value.end]
    return (name, expected) if name else None, data[salt.start : salt.end], iterations, data[inner.start : inner.end]


def _bmp(password: str) -> bytes:
    return password.encode("utf-16-be") + b"\0\0"


def pkcs12_key(digest: str, password: bytes, salt: bytes, iterations: int, size: int) -> bytes:
    """RFC 7292 appendix B.2 with ID 3, a key for integrity; `size` is at most that of one digest."""
    block = 128 if digest in ("sha384", "sha512") else 64

    def filled(data: bytes) -> bytes:
        return (data * (block // max(1, len(data)) + 2))[: -(-len(data) // block) * block] if data else b""

    value = b"\3" * block + filled(salt) + filled(password)
    for _ in range(iterations):
        value = hashlib.new(digest, value, usedforsecurity=False).digest()
    return value[:size]


KEYSTORE = Format(
    "keystore",
    "keystore",
    ("*.jks", "*.jceks", "*.keystore", ".keystore", "*.bks", "*.p12", "*.pfx", "*.pkcs12", "*.ks"),
    read,
    "stores with a private key that open with a default password: JKS, JCEKS, PKCS#12, BKS",
)
