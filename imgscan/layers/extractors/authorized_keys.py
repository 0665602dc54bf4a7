"""Who may log in by key: the public keys of sshd's authorized_keys (sshd(8))."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterator

from imgscan.layers.extractors.extractor import Row, bounded

# Options may stand before the type, a comment behind the key.
_KEY = re.compile(
    rb"(?:^|[ \t])(ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d{3}|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
    rb"[ \t]+([A-Za-z0-9+/]{40,20000}={0,2})"
)


class AuthorizedKeysExtractor:
    """Rows ("key", line, type, fingerprint); `fingerprint` is as ssh-keygen -l shows it (`SHA256:...`).

    Comments and options are left out: the one names people, the other may hold commands.
    """

    name = "authorized_keys"
    version = 1
    paths = r"(?:.*/)?\.ssh/authorized_keys2?|etc/ssh/authorized_keys(?:\.d)?/[^/]+|etc/dropbear/authorized_keys"
    max_size = 4 << 20

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        return bounded(_keys(data))


def _keys(data: bytes) -> Iterator[Row]:
    for number, line in enumerate(data.split(b"\n"), start=1):
        found = _KEY.search(line) if not line.lstrip().startswith(b"#") else None
        if found is None:
            continue
        try:
            blob = b64decode(found[2], validate=True)
        except (Error, ValueError):
            continue
        fingerprint = b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        yield ("key", number, found[1].decode(), f"SHA256:{fingerprint}")
