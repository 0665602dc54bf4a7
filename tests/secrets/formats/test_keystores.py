"""Keystores that open with a default password are told, others are not, whatever made them."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.evidence import Validation
from imgscan.secrets.formats.keystores import MOST_ITERATIONS, PASSWORDS, pkcs12_key, read

SALT = bytes(range(20))
KEY, CERTIFICATE = 1, 2


def names(data: bytes) -> list[str | None]:
    return [each.name for each in read("srv/app.jks", data)]


def jks(password: str, *tags: int, magic: bytes = b"\xfe\xed\xfe\xed") -> bytes:
    body = magic + struct.pack(">II", 2, len(tags))
    for tag in tags:
        body += struct.pack(">IH", tag, 1) + b"a" + bytes(8)
        body += struct.pack(">H", 5) + b"X.509" if tag == CERTIFICATE else b""
        body += struct.pack(">I", 40) + bytes(40)
        body += struct.pack(">I", 0) if tag == KEY else b""
    return body + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


def bks(password: str, *, version: int = 2, kind: int = 2, iterations: int = 1000) -> bytes:
    chain = struct.pack(">I", 0)
    body = bytes([kind]) + struct.pack(">H", 1) + b"a" + bytes(8) + chain
    body += struct.pack(">H", 5) + b"X.509" if kind == 1 else b""
    body += struct.pack(">I", 30) + bytes(30) + b"\0"
    key = pkcs12_key("sha1", password.encode("utf-16-be") + b"\0\0", SALT, iterations, 2 if version == 1 else 20)
    head = struct.pack(">II", version, len(SALT)) + SALT + struct.pack(">I", iterations)
    return head + body + hmac.digest(key, body, "sha1")


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([tag, 0x82]) + struct.pack(">H", len(body)) + body


DATA = bytes.fromhex("06092a864886f70d010701")
SHROUDED = bytes.fromhex("060b2a864886f70d010c0a0102")
CERT_BAG = bytes.fromhex("060b2a864886f70d010c0a0103")
DIGESTS = {"sha1": "06052b0e03021a", "sha256": "0609608648016503040201", "sha512": "0609608648016503040203"}


def pkcs12(password: bytes, *, bag: bytes = SHROUDED, digest: str = "sha256", iterations: int = 2048) -> bytes:
    content = der(0x30, der(0x30, DATA, der(0xA0, der(0x04, der(0x30, der(0x30, bag, der(0xA0, bytes(64))))))))
    size = hashlib.new(digest).digest_size
    mac = hmac.digest(pkcs12_key(digest, password, SALT, iterations, size), content, digest)
    algorithm = der(0x30, bytes.fromhex(DIGESTS[digest]), b"\x05\x00")
    count = der(0x02, iterations.to_bytes(4, "big"))
    parts = der(0x30, DATA, der(0xA0, der(0x04, content)))
    return der(0x30, b"\x02\x01\x03", parts, der(0x30, der(0x30, algorithm, der(0x04, mac)), der(0x04, SALT), count))


def bmp(password: str) -> bytes:
    return password.encode("utf-16-be") + b"\0\0"


def test_key_derivation_gives_the_values_others_publish():
    """A test vector that circulates with RFC 7292's appendix B, ID 3."""
    key = pkcs12_key("sha1", bmp("smeg"), bytes.fromhex("3d83c0e4546ac140"), 1, 20)
    assert key.hex() == "8d967d88f6caa9d714800ab3d48051d63f73a312"


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_store_that_opens_with_a_default_password_is_told_with_it(password):
    shown = f"`{password}`" if password else "an empty password"
    assert names(jks(password, KEY)) == [f"Java keystore that opens with {shown}"]
    assert names(bks(password)) == [f"Bouncy Castle keystore that opens with {shown}"]
    assert names(pkcs12(bmp(password))) == [f"PKCS#12 keystore that opens with {shown}"]


def test_the_finding_is_of_the_store_not_of_the_password():
    one, two = (next(iter(read("", jks("changeit", *tags)))) for tags in ((KEY,), (KEY, KEY)))
    assert one.kind == "keystore-default-password"
    assert one.validation is Validation.CHECKSUM_OK
    assert one.value != two.value
    assert (one.start, one.end) == (0, len(jks("changeit", KEY)))


@pytest.mark.parametrize(
    "data",
    [
        jks("Zr2Vt9Lp4Ws6", KEY),
        bks("Zr2Vt9Lp4Ws6"),
        pkcs12(bmp("Zr2Vt9Lp4Ws6")),
        jks("changeit", CERTIFICATE, CERTIFICATE),
        bks("changeit", kind=1),
        pkcs12(bmp("changeit"), bag=CERT_BAG),
        b"",
        b"0",
        b"\xfe\xed\xfe\xed",
    ],
    ids=["jks", "bks", "pkcs12", "jks trust", "bks trust", "pkcs12 trust", "empty", "short", "cut"],
)
def test_stores_behind_a_password_of_their_own_and_trust_stores_are_not_told(data):
    assert names(data) == []


@pytest.mark.parametrize("digest", sorted(DIGESTS))
def test_every_digest_of_tools_is_known(digest):
    assert names(pkcs12(bmp("changeit"), digest=digest))


def test_both_spellings_of_an_empty_password_open_a_store():
    assert names(pkcs12(b"")) == names(pkcs12(b"\0\0")) == ["PKCS#12 keystore that opens with an empty password"]


def test_other_generations_are_read():
    assert names(jks("changeit", KEY, magic=b"\xce\xce\xce\xce")) == ["JCEKS keystore that opens with `changeit`"]
    assert names(bks("changeit", version=1))


def test_a_key_behind_certificates_is_found():
    assert names(jks("changeit", CERTIFICATE, KEY))


def test_a_derivation_of_hostile_length_is_not_tried():
    sane = pkcs12(bmp("changeit"), iterations=1)
    hostile = sane.replace(der(0x02, (1).to_bytes(4, "big")), der(0x02, (0x7FFFFFFF).to_bytes(4, "big")))
    assert hostile != sane
    assert names(hostile) == []
    assert MOST_ITERATIONS < 0x7FFFFFFF


@given(data=st.data())
def test_a_damaged_store_is_none(data):
    content = bytearray(
        data.draw(st.sampled_from([jks("changeit", KEY), pkcs12(bmp("changeit"), iterations=1), bks("", iterations=1)]))
    )
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(content)))
    names(bytes(content))
    names(bytes(content[:cut]))
