"""A session of requests that lends nothing to others: no netrc, no header or certificate for another host."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from imgscan import __version__
from imgscan.errors import SourceUnavailable
from imgscan.sources.registry.access import Certificates
from imgscan.sources.registry.failures import NotTrusted

MAX_REDIRECTS = 10


class RegistrySession(requests.Session):
    """`verify` is whether certificates are looked at; `direct` a host that no proxy is asked for, or ""."""

    def __init__(self, *, verify: bool, direct: str) -> None:
        super().__init__()
        self._verify = verify
        self._direct = {"no_proxy": direct} if direct else None
        self.max_redirects = MAX_REDIRECTS
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # What a blob's digest is of is the body as stored: nobody on the way may compress it.
        self.headers.update({"User-Agent": f"imgscan/{__version__}", "Accept-Encoding": "identity"})

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        auth: str | None,
        form: Mapping[str, str] | None,
        timeout: tuple[float, float],
    ) -> requests.Response:
        """One request and the redirects that follow from it, the last body unread."""
        return self.request(
            method,
            url,
            headers=dict(headers),
            data=form,
            auth=_Authorization(auth),
            timeout=timeout,
            stream=True,
            verify=self._verify,
            proxies=self._direct,
            allow_redirects=form is None,
        )

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Before a redirect is followed: a login stays with its host, and is not replaced by one from ~/.netrc."""
        before, after = str(response.request.url), str(prepared_request.url)
        if urlsplit(before).scheme == "https" and urlsplit(after).scheme == "http" and self._verify:
            raise NotTrusted(
                f"{urlsplit(before).netloc} redirects to plain HTTP at {urlsplit(after).netloc}",
                tip="that is allowed with --insecure alone",
            )
        if "Authorization" in prepared_request.headers and self.should_strip_auth(before, after):  # type: ignore[no-untyped-call]
            del prepared_request.headers["Authorization"]


class _Authorization(requests.auth.AuthBase):
    """Sets the header, or none. With any `auth` of ours requests looks nothing up in ~/.netrc."""

    def __init__(self, header: str | None) -> None:
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header is not None:
            request.headers["Authorization"] = self._header
        return request


@dataclass(frozen=True, slots=True)
class Trust:
    """TLS contexts, made once for all threads: reading a system's authorities takes 25 ms, requests' own 30 more.

    `own` is for the registry itself, with the certificates that are its alone; `others` for where it redirects to.
    """

    own: ssl.SSLContext
    others: ssl.SSLContext
    verified: bool


class _Adapter(HTTPAdapter):
    """Connections under a TLS context of ours, which has all authorities already."""

    def __init__(self, context: ssl.SSLContext, *, verified: bool) -> None:
        self._context = context
        self._verified = verified
        super().__init__()

    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **settings)
        self._quieten(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **settings)
        self._quieten(manager)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Instead of requests' own, which has urllib3 read a file of authorities for each connection."""
        del url, verify, cert
        conn.cert_reqs = "CERT_REQUIRED" if self._verified else "CERT_NONE"

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        del verify  # may be a file that the environment names: it is in the context
        return super().build_connection_pool_key_attributes(request, self._verified, cert)

    def _quieten(self, manager: Any) -> None:
        if not self._verified:
            manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": _UnverifiedPool}


class _UnverifiedPool(HTTPSConnectionPool):
    """Without urllib3's warning at each request: the user said --insecure."""

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


def make_trust(registry: str, certificates: Certificates, authorities: str | None, *, insecure: bool) -> Trust:
    """What TLS with a registry goes by. SourceUnavailable where a file of it cannot be read."""
    try:
        others = _context(authorities, insecure=insecure)
        if not (certificates.authorities or certificates.client):
            return Trust(others, others, not insecure)
        own = _context(authorities, insecure=insecure)
        for path in certificates.authorities:
            own.load_verify_locations(str(path))
        if certificates.client is not None:
            own.load_cert_chain(*certificates.client)
    except (OSError, ssl.SSLError) as error:
        raise SourceUnavailable(
            f"the certificates for {registry} cannot be read: {error.strerror or error}",
            tip="PEM is wanted: of SSL_CERT_FILE or REQUESTS_CA_BUNDLE, and in certs.d *.crt, *.cert and *.key",
        ) from error
    return Trust(own, others, not insecure)


def make_session(origin: str, trust: Trust, *, direct: str) -> RegistrySession:
    """A session for a registry at `origin`; its own certificates are for it alone, not for where it redirects to."""
    session = RegistrySession(verify=trust.verified, direct=direct)
    session.mount("https://", _Adapter(trust.others, verified=trust.verified))
    session.mount(f"{origin}/", _Adapter(trust.own, verified=trust.verified))
    return session


def _context(authorities: str | None, *, insecure: bool) -> ssl.SSLContext:
    """TLS with the authorities that the user names, else the system's and requests' own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities is not None:
        path = Path(authorities)
        context.load_verify_locations(**{"capath" if path.is_dir() else "cafile": authorities})
    else:
        context.load_default_certs()
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context
