"""A look at what files with a sensitive name hold: kinds and counts, never a byte of it."""

from __future__ import annotations

import re
import struct

from imgscan.layers.extractors.extractor import Row, bounded
from imgscan.secrets.sensitive_paths import ALL_PATHS, SensitiveKind, SensitivePath, classify

EMPTY, NOTHING, PUBLIC = "empty", "nothing", "public"


class SensitiveExtractor:
    """One row (kind, store, state, count) for a file with a sensitive name.

    `kind` is a SensitiveKind, `store` its name for a reader. `state` says what the content is:

        empty      nothing but blanks
        nothing    the right name, and no credential inside
        public     public keys or certificates alone
        plain      a private key that anyone can use
        encrypted  a private key behind a passphrase
        present    credentials, a keystore, settings, a repository; `count` of lines, assignments or keys, or None
    """

    name = "sensitive"
    version = 1
    paths = ALL_PATHS
    max_size = 1 << 40

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        row = classify(path)
        if row is None:
            return ()
        kind, store, state, count = look(row, data)
        return bounded([(str(kind), store, state, count)])


def look(row: SensitivePath, data: bytes) -> tuple[SensitiveKind, str, str, int | None]:
    """(kind, store, state, count) of a file's content. A key or keystore under another's name is told as it is."""
    if not data.strip(b"\0 \t\r\n"):
        return row.kind, row.store, EMPTY, None
    if row.kind is SensitiveKind.PRIVATE_KEY or row.kind is SensitiveKind.KEYSTORE:
        state = key_state(data)
        if state:
            return SensitiveKind.PRIVATE_KEY, "private key", state, None
        store, count = keystore(data)
        if store:
            state = NOTHING if count == 0 else "present"
            return SensitiveKind.KEYSTORE, store, state, count
        return row.kind, row.store, NOTHING, None
    if not row.holds_credential(data):
        return row.kind, row.store, NOTHING, None
    if row.kind is SensitiveKind.HISTORY_FILE:
        return row.kind, row.store, "present", sum(1 for line in data.split(b"\n") if line.strip())
    if row.kind is SensitiveKind.ENV_FILE:
        return row.kind, row.store, "present", sum(1 for _ in _ASSIGNMENT.finditer(data))
    return row.kind, row.store, "present", None


_ASSIGNMENT = re.compile(rb"^[ \t]*(?:export[ \t]+)?[A-Za-z_][\w.]*[ \t]*=[ \t]*[^\s#]", re.MULTILINE)

# RFC 7468 and its older relatives; the label has no private key in it where the file is public.
_ARMOUR = re.compile(rb"-----BEGIN ([A-Z0-9 ]{0,48}?)(PRIVATE KEY(?: BLOCK)?|SECRET KEY(?: BLOCK)?)-----")
_PUBLIC = re.compile(
    rb"-----BEGIN (?:[A-Z0-9 ]{0,40}PUBLIC KEY(?: BLOCK)?|(?:X509 |TRUSTED )?CERTIFICATE(?: REQUEST)?|X509 CRL|"
    rb"DH PARAMETERS|EC PARAMETERS|PGP (?:SIGNATURE|MESSAGE)|SSH2 PUBLIC KEY)-----|\A(?:ssh-|ecdsa-|sk-)[\w@.-]+ "
)
_OPENSSH_MAGIC = b"b3BlbnNzaC1rZXktdjE"  # base64 of "openssh-key-v1\0" without its last character
_OPENSSH_PLAIN = b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"  # ... followed by the cipher name "none"
# private-keys-v1.d of GnuPG: canonical S-expressions, or text behind a name (agent/keyformat.txt).
_GNUPG_KEY = re.compile(rb"(?:\A|^Key: )\((?:\d{1,2}:)?(protected-|shadowed-)?private-key", re.MULTILINE)
_AGE_KEY = b"AGE-SECRET-KEY-1"


def key_state(data: bytes) -> str:
    """`plain`, `encrypted` or `public` where the content is keys or certificates, else empty.

    One plain key among others makes it plain.
    """
    states = {_armoured_state(data, found) for found in _ARMOUR.finditer(data)}
    if data.startswith(b"PuTTY-User-Key-File-"):
        states.add("plain" if re.search(rb"^Encryption: none", data, re.MULTILINE) else "encrypted")
    if _AGE_KEY in data:
        states.add("plain")
    gnupg = _GNUPG_KEY.search(data[:512])
    if gnupg:
        states.add("encrypted" if gnupg[1] else "plain")
    if data[:1] == b"\x95" and data[3:4] == b"\x04":  # RFC 9580: an old-format secret key packet of version 4
        states.add("encrypted")
    states.add(_binary_state(data))
    if not states & {"plain", "encrypted"} and _PUBLIC.search(data):
        return PUBLIC
    return next((state for state in ("plain", "encrypted") if state in states), "")


def _armoured_state(data: bytes, found: re.Match[bytes]) -> str:
    label = found[1]
    body = data[found.end() : found.end() + 512]
    if label.startswith(b"ENCRYPTED") or b"Proc-Type: 4,ENCRYPTED" in body or label.startswith(b"PGP"):
        return "encrypted"  # an OpenPGP export may be plain; telling needs its packets, and it is a key either way
    base64 = re.sub(rb"\s", b"", body)
    if base64.startswith(_OPENSSH_MAGIC):
        return "plain" if base64.startswith(_OPENSSH_PLAIN) else "encrypted"
    # Documentation and code hold armour lines without a key behind them.
    return "plain" if re.match(rb"[A-Za-z0-9+/=]{16}|[\w-]+:", base64) else ""


# DER object identifiers of private keys: rsaEncryption, id-ecPublicKey, Ed25519, DSA; PBES2 and PKCS#12 PBE.
_KEY_ALGORITHMS = (
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01",
    b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01",
    b"\x06\x03\x2b\x65\x70",
    b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01",
)
_ENCRYPTIONS = (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05", b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01")


def _binary_state(data: bytes) -> str:
    """Private keys as DER: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017), SEC 1 (RFC 5915)."""
    body = _der_sequence(data)
    if body is None:
        return ""
    if body.startswith(b"\x02\x01\x00"):  # version 0
        inner = _der_sequence(body[3:])
        if inner is not None:
            return "plain" if inner.startswith(_KEY_ALGORITHMS) else ""
        return "plain" if body[3:4] == b"\x02" else ""  # PKCS#1: the modulus follows
    if body.startswith((b"\x02\x01\x01\x04\x20", b"\x02\x01\x01\x04\x30", b"\x02\x01\x01\x04\x42")):
        return "plain"  # SEC 1: version 1 and the key's octets
    inner = _der_sequence(body)
    return "encrypted" if inner is not None and inner.startswith(_ENCRYPTIONS) else ""


def _der_sequence(data: bytes) -> bytes | None:
    """The first bytes inside a DER SEQUENCE at the start of `data`; None where there is none."""
    if data[:1] != b"\x30" or len(data) < 2:
        return None
    length = data[1]
    return data[2:64] if length < 0x80 else data[2 + (length & 0x7F) : 64] if 0x81 <= length <= 0x84 else None


def keystore(data: bytes) -> tuple[str, int | None]:
    """(what kind of keystore, its private keys where that can be counted without a password); ("", None) if none."""
    magic = data[:4]
    if magic in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        return ("Java keystore" if magic[0] == 0xFE else "Java keystore (JCEKS)"), _java_keys(data)
    if magic == b"\x03\xd9\xa2\x9a":
        return "KeePass database", None
    if data.startswith(b"kych\0\1\0\0"):
        return "macOS keychain", None
    if data.startswith(b"PWS3"):
        return "Password Safe database", None
    if (_der_sequence(data) or b"").startswith(b"\x02\x01\x03\x30"):
        return "PKCS#12 keystore", None
    if magic in (b"\0\0\0\1", b"\0\0\0\2") and data[4:8] == b"\0\0\0\x14":
        return "Bouncy Castle keystore", None
    return "", None


def _java_keys(data: bytes) -> int | None:
    """Entries of a JKS file that are not certificates; None where its structure cannot be followed.

    magic, version, count, then entries: tag, alias, date, and behind a certificate (tag 2) its type and bytes.
    Behind a key come its bytes and a chain; the first one settles it.
    """
    try:
        version, count = struct.unpack_from(">II", data, 4)
        at = 12
        for _ in range(min(count, 100_000)):
            tag, alias = struct.unpack_from(">IH", data, at)
            if tag != 2:
                return 1
            at += 6 + alias + 8
            if version == 2:
                at += 2 + struct.unpack_from(">H", data, at)[0]
            at += 4 + struct.unpack_from(">I", data, at)[0]
    except struct.error:
        return None
    return 0
