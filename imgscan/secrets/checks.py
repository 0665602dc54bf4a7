"""Offline checks of a token's own structure. A failed check lowers confidence; it never drops a token."""

from __future__ import annotations

import base64
import binascii
import json
import re

from imgscan.evidence import Validation

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
