"""A session of requests that lends nothing to others: no netrc, no header or certificate for another host."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from imgscan import __version__
from imgscan.errors import SourceUnavailable
from imgscan.sources.registry.access import Certificates
from imgscan.sources.registry.failures import NotTrusted

MAX_REDIRECTS = 10


class RegistrySession(requests.Session):
    """`verify` is False, True, or a file of authorities; `direct` a host that no proxy is asked for, or ""."""

    def __init__(self, *, verify: bool | str, direct: str) -> None:
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
        if urlsplit(before).scheme == "https" and urlsplit(after).scheme == "http" and self._verify is not False:
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


class _Adapter(HTTPAdapter):
    """Connections under a TLS context of our own."""

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

    def _quieten(self, manager: Any) -> None:
        if not self._verified:
            manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": _UnverifiedPool}


class _UnverifiedPool(HTTPSConnectionPool):
    """Without urllib3's warning at each request: the user said --insecure."""

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


def make_session(
    origin: str, certificates: Certificates, authorities: str | None, *, insecure: bool, direct: str
) -> RegistrySession:
    """A session for a registry at `origin`; its own certificates are for it alone, not for where it redirects to."""
    verify: bool | str = False if insecure else (authorities or True)
    session = RegistrySession(verify=verify, direct=direct)
    session.mount("https://", _Adapter(_context(insecure=insecure, system=authorities is None), verified=not insecure))
    if certificates.authorities or certificates.client:
        context = _context(insecure=insecure, system=authorities is None)
        try:
            for path in certificates.authorities:
                context.load_verify_locations(str(path))
            if certificates.client is not None:
                certificate, key = certificates.client
                context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise SourceUnavailable(
                f"the certificates for {urlsplit(origin).netloc} cannot be read: {error.strerror or error}",
                tip="see the files in certs.d: PEM, *.crt for authorities, *.cert with *.key for clients",
            ) from error
        session.mount(f"{origin}/", _Adapter(context, verified=not insecure))
    return session


def _context(*, insecure: bool, system: bool) -> ssl.SSLContext:
    """TLS with the system's authorities, to which requests adds its own or the user's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif system:
        context.load_default_certs()
    return context
