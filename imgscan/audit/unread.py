"""What an audit could not read, and why: told at the end, never a reason to stop."""

from __future__ import annotations

from imgscan.errors import AccessDenied, Effect, ImageNotFound, InvalidImage, SourceError, SourceUnavailable
from imgscan.report.audit import Unread
from imgscan.sources.registry.failures import NotOffered, RateLimited, TlsFailed, WrongBytes

_CODES: tuple[tuple[type[SourceError], str], ...] = (
    (AccessDenied, "access-denied"),
    (ImageNotFound, "not-found"),
    (RateLimited, "rate-limited"),
    (TlsFailed, "tls"),
    (SourceUnavailable, "unavailable"),
    (WrongBytes, "wrong-bytes"),
    (NotOffered, "not-offered"),
    (InvalidImage, "unreadable-manifest"),
)


def code_of(error: SourceError) -> str:
    """The stable word for a kind of failure."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), "unreadable")


def unread(kind: str, name: str, error: SourceError, effect: Effect = Effect.INCOMPLETE) -> Unread:
    """A failure, as the report tells it."""
    return Unread(kind, name, code_of(error), error.message, effect)
