"""One registry's HTTP: which scheme, retries, what failures mean. With sessions.py the doorway to requests."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from imgscan.errors import SourceError, SourceUnavailable, causes_of
from imgscan.sources.engine_answers import plain
from imgscan.sources.registry.access import Access, authority_file, authority_variable, certificates_for
from imgscan.sources.registry.failures import NotTrusted, TlsFailed, WrongBytes
from imgscan.sources.registry.reference import address, host_of, is_loopback

if TYPE_CHECKING:
    import requests

    from imgscan.sources.registry.sessions import RegistrySession, Trust

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 60.0
"""Between two bytes of an answer."""
ATTEMPTS = 5
LONGEST_PAUSE = 60.0
"""Seconds; a registry that wants us to wait longer is not waited for."""
_FIRST_PAUSE = 0.5
_AGAIN = frozenset({429, 500, 502, 503, 504})
_BAD_REQUEST = 400
_SMALL = 1 << 16
READ_BYTES = 1 << 20

Pause = Callable[[float], None]
Answer: TypeAlias = "requests.Response"
"""What HTTP answers; others need not know requests for it."""


class Transport:
    """Requests to one registry and to wherever it redirects; one session for each thread.

    `before_request` is called before each request that goes out and may wait, for whoever keeps to a rate.
    """

    def __init__(
        self,
        registry: str,
        access: Access,
        environment: Mapping[str, str] | None = None,
        *,
        pause: Pause = time.sleep,
        before_request: Callable[[], None] | None = None,
    ) -> None:
        self.registry = registry
        self._access = access
        self._environment = os.environ if environment is None else environment
        self._pause = pause
        self._before_request = before_request
        self._silence = SILENCE_SECONDS if access.timeout is None else access.timeout
        self._may_be_plain = access.insecure or is_loopback(registry)
        self._origin = "" if self._may_be_plain else f"https://{address(registry)}"
        self._lock = threading.Lock()
        self._local = threading.local()
        self._sessions: list[RegistrySession] = []
        self._trust: Trust | None = None

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()
            self._local = threading.local()

    @property
    def origin(self) -> str:
        """`https://host:port`; plain HTTP only where that is allowed and the registry speaks nothing else."""
        with self._lock:
            known = self._origin
        if known:
            return known
        secure, bare = (f"{scheme}://{address(self.registry)}" for scheme in ("https", "http"))
        origin = secure
        try:
            self._probe(secure)
        except NotTrusted:
            raise
        except SourceUnavailable as error:
            # 400 is what a server of TLS has for a request in clear (Go's net/http, nginx).
            if self._probe(bare) == _BAD_REQUEST:
                raise error from None
            origin = bare
        with self._lock:
            self._origin = origin
        return origin

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, auth: str | None = None, method: str = "GET"
    ) -> Answer:
        """An answer, its body unread; the caller closes it. One that asks to come again was waited for, a few times.

        Raises SourceUnavailable where there is no answer. What its status means is the caller's to say.
        """
        return self._again(lambda: self._send(method, url, headers or {}, auth))

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """The answer to a form, which a redirect does not take along."""
        return self._again(lambda: self._send("POST", url, {}, None, form))

    def reading(self, response: Answer, read: Callable[[], bytes]) -> bytes:
        """What `read` gives of an answer's body; raises our error for what it raises."""
        import urllib3  # noqa: PLC0415

        try:
            return read()
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as error:
            raise self.failed(response.url, error) from None

    def discard(self, response: Answer) -> None:
        """Close an answer that nobody needs; read to its end if that is near, so that its connection serves again."""
        with response, suppress(SourceError):
            self.reading(response, lambda: response.raw.read(_SMALL, decode_content=False))

    def is_secure(self, url: str) -> bool:
        """Whether credentials may go there: over TLS, or to where plain HTTP is allowed."""
        parts = urlsplit(url)
        return parts.scheme == "https" or (
            parts.scheme == "http" and (self._access.insecure or is_loopback(parts.netloc.rpartition("@")[2]))
        )

    def _again(self, send: Callable[[], Answer]) -> Answer:
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                response = send()
            except SourceUnavailable as error:
                if last or not passes(error):
                    raise
                self._pause(_FIRST_PAUSE * 2 ** (attempt - 1))
                continue
            if response.status_code not in _AGAIN or last:
                return response
            wait = _asked_pause(response.headers.get("Retry-After"))
            if wait is not None and wait > LONGEST_PAUSE:
                return response
            self.discard(response)
            self._pause(wait if wait is not None else _FIRST_PAUSE * 2 ** (attempt - 1))
        raise AssertionError  # the last attempt returns or raises

    def _probe(self, origin: str) -> int:
        response = self._send("GET", f"{origin}/v2/", {}, None)
        self.discard(response)
        return response.status_code

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], auth: str | None, form: Mapping[str, str] | None = None
    ) -> Answer:
        import requests  # noqa: PLC0415  # takes 0.1 s to load
        import urllib3  # noqa: PLC0415

        if self._before_request is not None:
            self._before_request()
        session = self._session()
        try:
            return session.ask(
                method,
                url,
                headers=headers,
                auth=auth,
                form=form,
                timeout=(min(CONNECT_SECONDS, self._silence), self._silence),
            )
        except requests.exceptions.TooManyRedirects as error:
            raise SourceError(f"{_where(url)} redirects without end") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise self.failed(
                url, error
            ) from None  # urllib3's words have the whole URL, an object store's signature too

    def failed(self, url: str, error: BaseException) -> SourceError:
        """Our error for what requests, urllib3 or the system raised while `url` was asked or read."""
        causes = list(causes_of(error))
        host = _where(url)
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                variable = authority_variable(self._environment)
                return NotTrusted(
                    f"the certificate of {host} is not trusted: {plain(cause.verify_message or str(cause))}",
                    tip=f"trust its authority: {variable}=FILE, /etc/docker/certs.d/HOST/ca.crt, or --insecure",
                )
        for cause in causes:
            if isinstance(cause, ssl.SSLError):
                why = plain(cause.reason or str(cause))
                if "CERTIFICATE_REQUIRED" in why:
                    return NotTrusted(
                        f"{host} wants a client certificate",
                        tip="put it into /etc/docker/certs.d/HOST: NAME.cert and NAME.key",
                    )
                return TlsFailed(
                    f"{host} does not speak TLS as it should: {why}", tip="plain HTTP is asked for with --insecure"
                )
        for cause in causes:
            if isinstance(cause, socket.gaierror):
                return NoSuchHost(f"no such host: {host}", tip="check the registry's name, and the network")
            if isinstance(cause, ConnectionRefusedError):
                return NoSuchHost(f"{host} refuses the connection", tip="is it running, and is the port right?")
        if any(isinstance(cause, TimeoutError) or "timed out" in str(cause) for cause in causes):
            return Silent(
                f"{host} did not answer within {self._silence:g} seconds", tip="wait longer: --timeout SECONDS"
            )
        system = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
        why = system[0].lower() if system else plain(str(causes[-1]))
        return SourceUnavailable(f"the connection to {host} failed: {why}", tip="check the network, and try again")

    def _session(self) -> RegistrySession:
        with self._lock:
            local = self._local
        session: RegistrySession | None = getattr(local, "session", None)
        if session is None:
            from imgscan.sources.registry.sessions import make_session, make_trust  # noqa: PLC0415

            with self._lock:
                if self._trust is None:
                    files = certificates_for(self.registry, self._environment)
                    named = authority_file(self._environment)
                    self._trust = make_trust(self.registry, files, named, insecure=self._access.insecure)
                # Go's rule, which docker keeps to: no proxy for what is on this machine.
                direct = host_of(self.registry) if is_loopback(self.registry) else ""
                session = make_session(f"https://{address(self.registry)}", self._trust, direct=direct)
                self._sessions.append(session)
            local.session = session
        return session


class NoSuchHost(SourceUnavailable):
    """Nobody is there: asking again does not help."""


class Silent(SourceUnavailable):
    """A peer that does not answer: asking again takes as long again."""


def passes(error: SourceError) -> bool:
    """Whether a failure may pass by itself soon."""
    return isinstance(error, SourceUnavailable) and not isinstance(error, NoSuchHost | Silent | TlsFailed)


def read_body(response: Answer, limit: int, what: str) -> bytes:
    """A whole answer, as it was sent; WrongBytes for one of more than `limit` bytes, of which no more is read."""
    parts, size = [], 0
    for block in response.raw.stream(READ_BYTES if limit > READ_BYTES else limit + 1, decode_content=False):
        parts.append(block)
        size += len(block)
        if size > limit:
            raise WrongBytes(f"{what} has more than {limit:,} bytes, which is too big to be read")
    return b"".join(parts)


def _where(url: str) -> str:
    """The host of a URL for a message: paths of object stores carry signatures."""
    return plain(urlsplit(url).netloc.rpartition("@")[2])


def _asked_pause(text: str | None) -> float | None:
    """Seconds of a Retry-After, which may be a number or a date; None for neither."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
