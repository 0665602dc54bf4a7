"""rclone: passwords are obscured with a key that is part of its source, so anyone can read them.

AES-256 in counter mode, the initial vector first, all in URL-safe base64 (rclone: fs/config/obscure). Python brings
no AES; the encryption of single blocks is all that the mode needs, and FIPS 197 is short.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, printable, secret, text_of
from imgscan.secrets.formats.ini_text import ini_leaves

_KEY = bytes.fromhex("9c935b48730a554d6bfd7c63c886a92bd390198eb8128afbf4de162b8b95f638")
_LONGEST = 1_024

_OBSCURED = frozenset({"pass", "password", "password2", "key_file_pass", "bearer_token_command_pass"})
_PLAIN = re.compile(
    r"secret_access_key|access_key_secret|client_secret|token|bearer_token|api_key|key|sas_url|service_account_credentials"
    r"|session_token|auth_token|access_grant|passphrase"
)


def read(_: str, data: bytes) -> Iterator[Candidate]:
    """Secrets of each remote; OAuth tokens are JSON and told whole."""
    text = text_of(data)
    for leaf in ini_leaves(text, "="):
        name = "/".join(part for part in leaf.path if part)
        if leaf.key in _OBSCURED:
            value = reveal(leaf.value)
            yield secret(text, "tool-credential", value or leaf.value, leaf.start, leaf.end, name=name, key=leaf.key)
        elif _PLAIN.fullmatch(leaf.key):
            yield secret(text, "tool-credential", leaf.value, leaf.start, leaf.end, name=name, key=leaf.key)


def reveal(obscured: str) -> str | None:
    """The password as Latin-1 text of its bytes; None where what comes out is no text."""
    if len(obscured) > _LONGEST or not re.fullmatch(r"[A-Za-z0-9_-]{22,}", obscured):
        return None
    try:
        raw = base64.urlsafe_b64decode(obscured + "=" * (-len(obscured) % 4))
    except binascii.Error:
        return None
    if len(raw) <= 16:
        return None
    counter, hidden = int.from_bytes(raw[:16], "big"), raw[16:]
    schedule = _expanded(_KEY)
    stream = b"".join(
        _encrypted(((counter + block) & ((1 << 128) - 1)).to_bytes(16, "big"), schedule)
        for block in range(-(-len(hidden) // 16))
    )
    text = bytes(one ^ other for one, other in zip(hidden, stream, strict=False)).decode("latin-1")
    return text if printable(text) else None


def _doubled(value: int) -> int:
    value <<= 1
    return value ^ 0x11B if value & 0x100 else value


def _substitutions() -> bytes:
    """FIPS 197 section 5.1.1: inverses in GF(2^8), by powers of 3, and an affine map."""
    box = bytearray(256)
    power = inverse = 1
    while True:
        power ^= _doubled(power)  # times 3
        for shift in (1, 2, 4):  # divided by 3
            inverse ^= inverse << shift & 0xFF
        inverse ^= 0x09 if inverse & 0x80 else 0
        mixed = inverse
        for turn in range(1, 5):
            mixed ^= (inverse << turn | inverse >> (8 - turn)) & 0xFF
        box[power] = mixed ^ 0x63
        if power == 1:
            break
    box[0] = 0x63
    return bytes(box)


_BOX = _substitutions()


def _expanded(key: bytes) -> list[bytes]:
    """The round keys (FIPS 197 section 5.2) of a key of 32 bytes."""
    words = [key[index : index + 4] for index in range(0, len(key), 4)]
    constant = 1
    for index in range(8, 60):
        word = words[-1]
        if index % 8 == 0:
            word = bytes(_BOX[byte] for byte in word[1:] + word[:1])
            word = bytes((word[0] ^ constant, *word[1:]))
            constant = _doubled(constant)
        elif index % 8 == 4:
            word = bytes(_BOX[byte] for byte in word)
        words.append(bytes(one ^ other for one, other in zip(words[index - 8], word, strict=True)))
    return [b"".join(words[index : index + 4]) for index in range(0, 60, 4)]


_SHIFTED = tuple((4 * (column + row) + row) % 16 for column in range(4) for row in range(4))


def _encrypted(block: bytes, schedule: list[bytes]) -> bytes:
    """One block (FIPS 197 section 5.1)."""
    state = bytes(one ^ other for one, other in zip(block, schedule[0], strict=True))
    for number, key in enumerate(schedule[1:], 1):
        state = bytes(_BOX[state[index]] for index in _SHIFTED)
        if number < len(schedule) - 1:
            state = b"".join(_mixed(state[index : index + 4]) for index in range(0, 16, 4))
        state = bytes(one ^ other for one, other in zip(state, key, strict=True))
    return state


def _mixed(column: bytes) -> bytes:
    total = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(column[row] ^ total ^ _doubled(column[row] ^ column[(row + 1) % 4]) for row in range(4))


RCLONE = Format(
    "rclone",
    "rclone configuration",
    ("rclone.conf", ".rclone.conf"),
    read,
    "obscured passwords, revealed; keys and tokens of remotes",
)
