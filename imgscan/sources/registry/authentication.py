"""Getting in: asks without a login first, then answers the registry's challenge with what this machine has."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from imgscan.errors import AccessDenied, SourceError
from imgscan.sources.registry.challenges import (
    Authorizations,
    Challenge,
    basic,
    parse_challenges,
    parse_token,
    scopes_of,
)
from imgscan.sources.registry.credentials import Credential, Credentials
from imgscan.sources.registry.failures import answer_error
from imgscan.sources.registry.transport import Transport, read_body

if TYPE_CHECKING:
    from imgscan.sources.registry.transport import Answer

CLIENT_ID = "imgscan"
_MAX_TOKEN = 1 << 20
_BASIC_SECONDS = 3600.0
_ANY = ""
"""Where the last name and password that worked is kept: they are good for more than one scope."""


class Authentication:
    """The logins of one registry: found when it asks for one, tokens kept by scope. Many threads may ask."""

    def __init__(self, transport: Transport, credentials: Credentials) -> None:
        self._transport = transport
        self._credentials = credentials
        self._kept = Authorizations()
        self._lock = Lock()

    def ask(self, method: str, url: str, scope: str, headers: Mapping[str, str]) -> Answer:
        """An answer to a request made with whatever the registry wants of us for `scope`.

        A second 401 is the answer: the login is not enough.
        """
        header = self._kept.get(scope) or self._kept.get(_ANY)
        response = self._transport.get(url, method=method, headers=headers, auth=header)
        if response.status_code != 401:
            return response
        challenges = parse_challenges(response.headers.get("WWW-Authenticate", ""))
        if not challenges:
            return response
        self._kept.drop(scope, header)
        self._kept.drop(_ANY, header)
        try:
            with self._lock:  # one thread gets the token, the others wait for it
                fresh = self._kept.get(scope)
                if fresh is None:
                    fresh = self._log_in(challenges, scope, header)
        except SourceError:
            response.close()
            raise
        if fresh is None:
            return response
        self._transport.discard(response)
        return self._transport.get(url, method=method, headers=headers, auth=fresh)

    def _log_in(self, challenges: list[Challenge], scope: str, refused: str | None) -> str | None:
        """A new Authorization header, kept from now on; None where we have nothing that the registry would take."""
        credential = self._credentials.find(self._transport.registry, _repository_of(scope))
        for challenge in challenges:
            if challenge.scheme == "bearer" and "realm" in challenge.parameters:
                token = self._token(challenge, scope, credential)
                self._kept.keep(scope, token[0], token[1])
                return token[0]
        if any(challenge.scheme == "basic" for challenge in challenges) and credential.username:
            header = basic(credential)
            if header != refused:
                self._kept.keep(scope, header, _BASIC_SECONDS)
                self._kept.keep(_ANY, header, _BASIC_SECONDS)
                return header
        return None

    def _token(self, challenge: Challenge, scope: str, credential: Credential) -> tuple[str, float]:
        """A bearer header and how many seconds it is good for, from the server that the challenge names."""
        realm = challenge.parameters["realm"]
        registry = self._transport.registry
        if not self._transport.is_secure(realm):
            # Without a login as well: a registry could have us fetch, and show to it, what only we can see.
            raise AccessDenied(
                f"the registry {registry} wants a token to be asked for over plain HTTP, which was not done",
                tip="if that is meant: --insecure",
            )
        form = {"client_id": CLIENT_ID, "scope": " ".join(scopes_of(challenge, scope))}
        if service := challenge.parameters.get("service"):
            form["service"] = service
        if credential.identity_token:
            form |= {"grant_type": "refresh_token", "refresh_token": credential.identity_token}
            response = self._transport.post(realm, form)
        else:
            auth = basic(credential) if credential.username else None
            response = self._transport.get(_with_query(realm, form), auth=auth)
        with response:
            body = self._transport.reading(response, lambda: read_body(response, _MAX_TOKEN, "the token"))
            if response.status_code != 200:
                raise answer_error(response.status_code, body, _told(scope), registry, response.headers)
        token = parse_token(body)
        if token is None:
            raise AccessDenied(f"the token server of {registry} gave no token", tip=f"log in: docker login {registry}")
        return f"Bearer {token.value}", token.seconds


def _repository_of(scope: str) -> str:
    kind, _, rest = scope.partition(":")
    return rest.rpartition(":")[0] if kind == "repository" else ""


def _told(scope: str) -> str:
    return _repository_of(scope) or "its list of repositories"


def _with_query(realm: str, form: Mapping[str, str]) -> str:
    pairs = [("scope", part) for part in form.get("scope", "").split(" ") if part]
    pairs += [(name, value) for name, value in form.items() if name != "scope"]
    return f"{realm}{'&' if '?' in realm else '?'}{urlencode(pairs)}"
