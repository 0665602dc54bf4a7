"""What can go wrong with a registry, as errors; how an HTTP answer tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from imgscan.errors import AccessDenied, ImageNotFound, SourceError, SourceUnavailable
from imgscan.sources.engine_answers import plain


class TlsFailed(SourceUnavailable):
    """The registry's certificate is not to be trusted, or it speaks no TLS."""


class NotTrusted(TlsFailed):
    """It speaks TLS, and what it says is not to be trusted: that is no reason to ask in clear."""


class RateLimited(SourceUnavailable):
    """The registry wants fewer requests than we had patience for."""


class NotOffered(SourceError):
    """The registry does not offer what was asked for, its list of repositories for one."""


class WrongBytes(SourceError):
    """What came is not what its digest or size says, or bigger than such a document may be."""


def answer_error(status: int, body: bytes, what: str, registry: str, headers: Mapping[str, str]) -> SourceError:
    """The error that an answer means; `what` names what was asked for, `body` is the start of the answer."""
    code, said = _first_error(body)
    told = f": {said}" if said else ""
    where = f"the registry {registry}"
    if status == 429 or code == "TOOMANYREQUESTS":
        wait = headers.get("Retry-After", "")
        later = f"; it asks to wait {wait} seconds" if wait.isdigit() else ""
        return RateLimited(
            f"{where} wants fewer requests than for {what}{told}{later}",
            tip="try later, or log in: docker login " + registry,
        )
    if status in (401, 403) or code in ("UNAUTHORIZED", "DENIED"):
        return AccessDenied(
            f"{where} does not show {what}{told}",
            tip=f"check the name, as it may hide whether that is there, and log in: docker login {registry}",
        )
    if status == 404:
        return ImageNotFound(f"{where} does not have {what}{told}", tip="check the repository, the tag and the digest")
    if status >= 500:
        return SourceUnavailable(f"{where} answers {status} for {what}{told}", tip="try later; the fault is its own")
    if status in (400, 405, 501):
        return NotOffered(f"{where} answers {status} for {what}{told}", tip="is it a registry of the v2 API?")
    return SourceError(f"{where} answers {status} for {what}{told}", tip="is it a registry that speaks the v2 API?")


def _first_error(body: bytes) -> tuple[str, str]:
    """Code and message of the first error of an answer (distribution-spec, error codes); empty where there is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", ""
    code, message = first.get("code"), first.get("message")
    return str(code or "").upper()[:40], plain(str(message or code or ""))
