"""Offline checks of a token's own structure. A failed check lowers confidence; it never drops a token."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from imgscan.evidence import Validation
from imgscan.secrets import token_checks

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN_BODY = 30
_TOKEN_SUM = 6


def base62_crc32(token: str) -> Validation:
    """GitHub's and npm's form: prefix, 30 characters, then their CRC32 in six base62 digits.

    https://github.blog/engineering/behind-githubs-new-authentication-token-formats/
    """
    body = token.partition("_")[2]
    if len(body) != _TOKEN_BODY + _TOKEN_SUM or not (body.isascii() and body.isalnum()):
        return Validation.NONE
    number = binascii.crc32(body[:_TOKEN_BODY].encode())
    digits = ""
    for _ in range(_TOKEN_SUM):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return Validation.CHECKSUM_OK if digits == body[_TOKEN_BODY:] else Validation.CHECKSUM_WRONG


def aws_key_id(token: str) -> Validation:
    """Bodies that AWS issues are base32, which has no 0, 1, 8 or 9."""
    return Validation.STRUCTURE_OK if re.fullmatch(r"[A-Z2-7]{16}", token[4:]) else Validation.NONE


def json_web_token(token: str) -> Validation:
    """RFC 7519: header and payload are base64url of JSON objects; the header names an algorithm."""
    header, payload = (_json(part) for part in (*token.split("."), "", "")[:2])
    if isinstance(header, dict) and "alg" in header and isinstance(payload, dict):
        return Validation.STRUCTURE_OK
    return Validation.NONE


def _json(part: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None


_NOISE = re.compile(r"\\[nrt]|[\s\"',;\\>]+|(?:Proc-Type|DEK-Info|Version|Comment|Hash):[^\n\\]*")
_LONGEST_RUN = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")


def key_material(block: str) -> Validation | None:
    """What the body of an armoured private key holds: None where there is no material at all."""
    body = _NOISE.sub("", block)
    run = _LONGEST_RUN.search(body)
    if run is None or len(set(run[0])) < 16 or not any(character.isdigit() for character in run[0]):
        return None
    text = run[0].rstrip("=")
    try:
        head = base64.b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return Validation.NONE
    # DER SEQUENCE (RFC 5208, 5958), openssh-key-v1, an OpenPGP secret-key packet (RFC 9580 section 4.2)
    known = head[:1] == b"0" or head.startswith(b"openssh-key-v1\0") or head[:1] in {b"\x94", b"\x95", b"\xc5"}
    return Validation.STRUCTURE_OK if known else Validation.NONE


VALIDATORS: Mapping[str, Callable[[str], Validation]] = MappingProxyType(
    {
        "age-identity": token_checks.age_identity,
        "aws-key-id": aws_key_id,
        "base62-crc32": base62_crc32,
        "base64-json": token_checks.json_document,
        "base64-private-key": token_checks.base64_of_private_key,
        "base64-user-password": token_checks.user_and_password,
        "bedrock-key": token_checks.bedrock_key,
        "discord-bot": token_checks.discord_bot,
        "gitlab-routable": token_checks.gitlab_routable,
        "grafana-service-account": token_checks.grafana_service_account,
        "json-web-token": json_web_token,
        "key-of-32-bytes": token_checks.key_of_32_bytes,
        "key-of-64-bytes": token_checks.key_of_64_bytes,
        "one-password": token_checks.one_password,
        "pypi-macaroon": token_checks.pypi_macaroon,
        "sentry-organisation": token_checks.sentry_organisation,
    }
)
"""What a rule's `validator` can name."""
