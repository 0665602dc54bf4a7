"""Offline checks of vendors' own token formats; `secrets.checks` names them all. None raises, whatever it is given."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence

from imgscan.evidence import Validation

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def decoded(text: str) -> bytes:
    """Base64 of either alphabet, with or without padding; empty for anything else."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except ValueError:
        pass
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except ValueError:
        return b""


def base64_json(text: str) -> object:
    """The JSON that a text is the base64 of; None for anything else."""
    try:
        return json.loads(decoded(text))
    except (ValueError, RecursionError):
        return None


def _ok(right: bool) -> Validation:
    return Validation.STRUCTURE_OK if right else Validation.NONE


def _sum(right: bool) -> Validation:
    return Validation.CHECKSUM_OK if right else Validation.CHECKSUM_WRONG


def gitlab_routable(token: str) -> Validation:
    """`PREFIX PAYLOAD . LENGTH CRC32`: length and sum in base 36, the sum over all before it (seven digits)."""
    body, tail = token[:-7], token[-7:].lower()
    if "." not in token:
        return Validation.NONE
    number, digits = binascii.crc32(body.encode("latin-1", "replace")), ""
    for _ in range(7):
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return _sum(digits == tail)


def grafana_service_account(token: str) -> Validation:
    """`glsa_SECRET_CRC32`: the sum over all before it, least significant byte first, in hex."""
    body, _, tail = token.rpartition("_")
    crc = binascii.crc32(body.encode("latin-1", "replace")).to_bytes(4, "little").hex()
    return _sum(crc == tail.lower())


def age_identity(token: str) -> Validation:
    """Bech32 (BIP 173) with the human-readable part `age-secret-key-`."""
    prefix, _, data = token.lower().rpartition("1")
    if not data or any(letter not in BECH32 for letter in data):
        return Validation.NONE
    return _sum(bech32_polymod(prefix, [BECH32.index(letter) for letter in data]) == 1)


def bech32_polymod(prefix: str, data: Sequence[int]) -> int:
    """BIP 173's checksum over a human-readable part and groups of five bits; 1 where the last six are right."""
    values = [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix), *data]
    total = 1
    for value in values:
        top = total >> 25
        total = (total & 0x1FFFFFF) << 5 ^ value
        for index, generator in enumerate(_BECH32_GENERATOR):
            total ^= generator if (top >> index) & 1 else 0
    return total


def discord_bot(token: str) -> Validation:
    """The first of three parts is base64 of the bot's numeric id."""
    number = decoded(token.partition(".")[0])
    return _ok(len(number) >= 15 and number.isdigit())


_PYPI_LOCATIONS = tuple(map(base64.b64decode, ("AgEIcHlwaS5vcmc=", "AgENdGVzdC5weXBpLm9yZw==")))


def pypi_macaroon(token: str) -> Validation:
    """A macaroon of version 2 whose location is one of the two package indexes."""
    data = decoded(token.removeprefix("pypi-"))
    return _ok(data.startswith(_PYPI_LOCATIONS))


def sentry_organisation(token: str) -> Validation:
    """`sntrys_JSON_SECRET`: the JSON tells when it was issued, and for which server."""
    document = base64_json(token.removeprefix("sntrys_").rpartition("_")[0])
    return _ok(isinstance(document, dict) and "iat" in document)


def one_password(token: str) -> Validation:
    """`ops_JSON`: a service account's document."""
    document = base64_json(token.removeprefix("ops_"))
    return _ok(isinstance(document, dict) and ("signInAddress" in document or "userAuth" in document))


def json_document(token: str) -> Validation:
    """Base64 of a JSON object, behind a prefix that ends in `_` where there is one."""
    return _ok(any(isinstance(base64_json(part), dict) for part in (token, token.partition("_")[2])))


def user_and_password(token: str) -> Validation:
    """Base64 of `user:password` in printable text."""
    try:
        text = decoded(token).decode()
    except UnicodeDecodeError:
        return Validation.NONE
    user, colon, password = text.partition(":")
    return _ok(bool(user and colon and password) and text.isprintable())


def key_of_32_bytes(token: str) -> Validation:
    """Base64 of 32 bytes, as WireGuard writes its keys."""
    return _ok(len(decoded(token)) == 32)


def key_of_64_bytes(token: str) -> Validation:
    """Base64 of 64 bytes, as Azure Storage and Cosmos DB write theirs."""
    return _ok(len(decoded(token)) == 64)


def base64_of_private_key(token: str) -> Validation:
    """Base64 of an armoured private key."""
    return _ok(b"PRIVATE KEY-----" in decoded(token[: len(token) // 4 * 4]))


_AWS_ACCOUNT_MASK = 0x7FFFFFFFFF80


def aws_account(key_id: str) -> str:
    """The account number that an access key id of the present form holds; empty for other forms.

    The body is base32; the account is in the first six bytes, behind the first bit.
    """
    if not re.fullmatch(r"A[A-Z]{3}[A-Z2-7]{16}", key_id):
        return ""
    number = int.from_bytes(base64.b32decode(key_id[4:])[:6], "big")
    return f"{(number & _AWS_ACCOUNT_MASK) >> 7:012d}"


def bedrock_key(token: str) -> Validation:
    """Base64 of a text that begins with the service's name or with `BedrockAPIKey-`."""
    data = decoded(token.removeprefix("ABSK").removeprefix("bedrock-api-key-"))
    return _ok(data.startswith((b"BedrockAPIKey-", b"bedrock.amazonaws.com")))
