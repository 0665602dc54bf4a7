"""What a registry wants of us, and the tokens it gave: RFC 7235, and docker's token authentication."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from imgscan.sources.registry.credentials import Credential

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 7230's word for a name
_PART = re.compile(rf'[\s,]*(?:({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))|({_TOKEN}))')
USUAL_SECONDS = 60.0
"""What a token lasts where nothing is said (distribution, token specification)."""
LONGEST_SECONDS = 3600.0
_MARGIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Challenge:
    """One of the ways in that a 401 offers; `scheme` and the names of parameters in small letters."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """All challenges of a WWW-Authenticate header, several of which may stand in one line."""
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while part := _PART.match(header, at):
        name, quoted, bare, scheme = part.groups()
        at = part.end()
        if scheme is not None:
            found.append((scheme.lower(), {}))
        elif found:
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
            found[-1][1].setdefault(name.lower(), value)
    return [Challenge(scheme, parameters) for scheme, parameters in found]


def basic(credential: Credential) -> str:
    """The Authorization header that shows name and password."""
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class Token:
    """`value` is worth a password while it lasts; `seconds` from when it was given."""

    value: str = field(repr=False)
    seconds: float = USUAL_SECONDS


def parse_token(body: bytes) -> Token | None:
    """The answer of a token server: `token` or `access_token`. None for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        return None
    lasts = document.get("expires_in")
    if not isinstance(lasts, int | float) or isinstance(lasts, bool) or not lasts > 0:
        return Token(value)
    return Token(value, float(min(lasts, LONGEST_SECONDS)))


class Authorizations:
    """The Authorization headers that worked, by scope, until they expire. Many threads may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[str, tuple[str, float]] = {}

    def get(self, scope: str) -> str | None:
        with self._lock:
            header, until = self._kept.get(scope, ("", 0.0))
            if header and self._clock() < until:
                return header
            self._kept.pop(scope, None)
            return None

    def keep(self, scope: str, header: str, seconds: float) -> None:
        with self._lock:
            self._kept[scope] = header, self._clock() + max(seconds - _MARGIN_SECONDS, seconds / 2)

    def drop(self, scope: str, header: str | None) -> None:
        """Forget a header that was refused, unless another thread has a new one by now."""
        with self._lock:
            if header is not None and self._kept.get(scope, ("", 0.0))[0] == header:
                del self._kept[scope]


def scopes_of(challenge: Challenge, scope: str) -> Sequence[str]:
    """What to ask the token for: the scope we know that we need, and what the challenge names beside it."""
    named = [part for part in challenge.parameters.get("scope", "").split(" ") if part]
    return list(dict.fromkeys(named or ([scope] if scope else [])))
