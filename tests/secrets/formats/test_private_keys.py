"""Private keys in files of their own: encrypted or not, and never a public one."""

from __future__ import annotations

import base64
import struct

import pytest

from imgscan.secrets.formats.reading import format_candidates
from tests.secrets.formats.test_keystores import der
from tests.secrets.forms import pem

BODY = base64.encodebytes(bytes(range(7, 250))).decode()


def found(path: str, data: bytes) -> list[tuple[str, str | None]]:
    candidates, problems = format_candidates(path, data)
    assert not problems
    return [(each.kind, each.name) for each in candidates if not each.suppressed]


def openssh(cipher: bytes) -> bytes:
    derivation = b"none" if cipher == b"none" else b"bcrypt"
    names = b"".join(struct.pack(">I", len(name)) + name for name in (cipher, derivation))
    raw = b"openssh-key-v1\0" + names + bytes(range(200))
    body = base64.encodebytes(raw).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}-----END OPENSSH PRIVATE KEY-----\n".encode()


@pytest.mark.parametrize(("cipher", "kind"), [(b"none", "private-key"), (b"aes256-ctr", "encrypted-private-key")])
def test_an_openssh_key_names_its_cipher(cipher, kind):
    assert found("root/.ssh/id_ed25519", openssh(cipher)) == [(kind, "SSH key id_ed25519")]
    assert found("etc/ssh/ssh_host_ed25519_key", openssh(cipher)) == [(kind, "SSH host key ssh_host_ed25519_key")]


@pytest.mark.parametrize(("cipher", "kind"), [("none", "private-key"), ("aes256-cbc", "encrypted-private-key")])
def test_a_putty_key_names_its_cipher_and_its_comment(cipher, kind):
    text = (
        f"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: {cipher}\nComment: deploy\nPublic-Lines: 1\nAAAAB3Nz\n"
        f"Private-Lines: 4\n{BODY}Private-MAC: 0a1b2c3d4e\n"
    )
    assert found("home/a/deploy.ppk", text.encode()) == [(kind, "PuTTY key deploy")]


def mpi(size: int) -> bytes:
    return struct.pack(">H", size * 8) + b"\xff" * size


def key_packet(tag: int, usage: int, *, new: bool = False, algorithm: int = 1) -> bytes:
    public = b"\x04" + bytes(4) + bytes([algorithm])
    public += mpi(128) + mpi(3) if algorithm == 1 else b"\x05" + bytes(5) + mpi(33)
    body = public + (bytes([usage]) + mpi(64) if tag in (5, 7) else b"")
    if new:
        return bytes([0xC0 | tag, 255]) + struct.pack(">I", len(body)) + body
    return bytes([0x80 | tag << 2 | 1]) + struct.pack(">H", len(body)) + body


USER = bytes([0xCD, 3]) + b"a@b"


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("algorithm", [1, 22])
def test_secret_packets_of_a_ring_are_told_one_by_one(new, algorithm):
    ring = key_packet(5, 0, new=new, algorithm=algorithm) + USER + key_packet(7, 254, new=new, algorithm=algorithm)
    assert found("root/.gnupg/secring.gpg", ring) == [
        ("private-key", "OpenPGP secret key"),
        ("encrypted-private-key", "OpenPGP secret subkey"),
    ]


def test_an_armoured_ring_is_one_key_and_plain_where_one_of_it_is():
    ring = base64.encodebytes(key_packet(5, 0) + USER + key_packet(7, 254)).decode()
    text = f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nComment: x\n\n{ring}=aB3d\n-----END PGP PRIVATE KEY BLOCK-----\n"
    assert found("srv/key.asc", text.encode()) == [("private-key", "OpenPGP key")]
    ring = base64.encodebytes(key_packet(5, 254)).decode()
    text = f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{ring}-----END PGP PRIVATE KEY BLOCK-----\n"
    assert found("srv/key.asc", text.encode()) == [("encrypted-private-key", "OpenPGP key")]


@pytest.mark.parametrize(
    "data", [key_packet(6, 0) + USER, USER, b"\x95", b"\xff" * 50, b"plain text", key_packet(5, 0)[:-1]]
)
def test_public_rings_and_other_files_are_not_told(data):
    assert found("srv/ring.gpg", data) == []


RSA = der(0x30, bytes.fromhex("06092a864886f70d010101"), b"\x05\x00")


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (der(0x30, b"\x02\x01\x00", RSA, der(0x04, bytes(80))), ["private-key"]),
        (der(0x30, b"\x02\x01\x00", der(0x02, bytes(300))), ["private-key"]),
        (der(0x30, b"\x02\x01\x01\x04\x20", bytes(32)), ["private-key"]),
        (
            der(0x30, der(0x30, bytes.fromhex("06092a864886f70d01050d")), der(0x04, bytes(80))),
            ["encrypted-private-key"],
        ),
        (der(0x30, RSA, der(0x03, bytes(80))), []),
        (der(0x30, der(0x30, b"\x02\x01\x02"), RSA), []),
    ],
    ids=["PKCS#8", "PKCS#1", "SEC 1", "encrypted PKCS#8", "public key", "certificate"],
)
def test_keys_in_der_are_told_from_what_is_public(data, kinds):
    assert [kind for kind, _ in found("srv/server.der", data)] == kinds


def test_an_armoured_key_is_left_to_what_finds_it_anywhere():
    assert found("srv/tls.key", pem().encode()) == []
