"""The client of one registry's API (OCI distribution-spec v1.1): what it has, and the bytes of it, digests checked.

    with RegistryClient("registry.example.com:5000") as client:
        for repository in client.repositories():
            for tag in client.tags(repository):
                manifest = client.manifest(repository, tag)

Every method may be called by many threads at once, and raises a SourceError: AccessDenied, ImageNotFound,
SourceUnavailable (RateLimited and TlsFailed among them), NotOffered or WrongBytes (failures.py).
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from imgscan.errors import AccessDenied, ImageNotFound, InvalidImage, SourceError
from imgscan.image.image import Descriptor
from imgscan.image.oci import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MAX_JSON,
    OCI_INDEX,
    OCI_MANIFEST,
    BadDocument,
    Index,
    Manifest,
    parse_document,
    parse_json,
    sha256,
)
from imgscan.sources.engine_answers import plain
from imgscan.sources.registry.access import Access
from imgscan.sources.registry.authentication import Authentication
from imgscan.sources.registry.blob_stream import BlobStream
from imgscan.sources.registry.credentials import Credentials
from imgscan.sources.registry.failures import NotOffered, WrongBytes, answer_error
from imgscan.sources.registry.reference import DIGEST, REPOSITORY, TAG, canonical_registry
from imgscan.sources.registry.transport import Transport, read_body

if TYPE_CHECKING:
    from imgscan.sources.registry.transport import Answer

PAGE = 1000
MAX_PAGES = 100_000
MAX_REFERRERS = 1000
_ERROR_BYTES = 4096
_ACCEPT = ", ".join((OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST))
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*rel="?next"?', re.IGNORECASE)
_RANGE = re.compile(r"bytes (\d+)-")
_CATALOG = "registry:catalog:*"


@dataclass(frozen=True, slots=True)
class FetchedManifest:
    """A manifest or index as the registry keeps it; `digest` was computed from the bytes."""

    digest: str
    media_type: str
    data: bytes = field(repr=False)

    def document(self) -> Manifest | Index:
        """Decoded. InvalidImage for what is neither, schema 1 among it."""
        try:
            return parse_document(self.data, f"the manifest {self.digest}")
        except BadDocument as error:
            raise InvalidImage(str(error)) from None


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What a registry says of a manifest without giving it: claims. `digest` may be empty, `size` -1."""

    digest: str
    media_type: str
    size: int


class RegistryClient:
    """One registry, by its name in references (`docker.io` is Docker Hub). Nothing is asked before the first call."""

    def __init__(
        self,
        registry: str,
        access: Access | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        before_request: Callable[[], None] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`environment` names the files of logins and certificates; None means this process's own."""
        self.registry = canonical_registry(registry)
        self._pause = pause
        self._transport = Transport(
            self.registry, access or Access(), environment, pause=pause, before_request=before_request
        )
        self._authentication = Authentication(self._transport, Credentials(environment))

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def repositories(self) -> Iterator[str]:
        """All repositories, as the registry orders them, page by page. NotOffered where it does not list them."""
        what = "its list of repositories"
        try:
            yield from self._pages("/v2/_catalog", "repositories", _CATALOG, what)
        except (AccessDenied, ImageNotFound) as error:
            raise NotOffered(
                error.message,
                tip="log in as somebody who may see the list, or name them: --repos-from FILE",
            ) from error

    def tags(self, repository: str) -> Iterator[str]:
        """All tags of a repository, as the registry orders them, each once."""
        path = f"{self._repository(repository)}/tags/list"
        yield from self._pages(path, "tags", _pull(repository), f"the tags of {repository}")

    def manifest(self, repository: str, reference: str) -> FetchedManifest:
        """A manifest or index by tag or digest. WrongBytes where the bytes are not what a digest says, or too many."""
        what = f"{repository}{'@' if ':' in reference else ':'}{reference}"
        with self._manifest("GET", repository, reference, what) as response:
            data = self._body(response, MAX_JSON, f"the manifest of {what}")
            stated = response.headers.get("Docker-Content-Digest", "")
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        claimed = reference if ":" in reference else stated
        digest = sha256(data)
        if claimed.startswith("sha256:") and claimed != digest:
            raise WrongBytes(f"the manifest of {what} is not what its digest says: {claimed} claimed, {digest} read")
        if ":" in reference and not reference.startswith("sha256:"):
            _verify(data, reference, f"the manifest of {what}")
            digest = reference
        return FetchedManifest(digest, media_type, data)

    def head(self, repository: str, reference: str) -> ManifestHead:
        """What the registry says of a manifest; as cheap as asking whether a tag has moved."""
        what = f"{repository}{'@' if ':' in reference else ':'}{reference}"
        with self._manifest("HEAD", repository, reference, what) as response:
            size = response.headers.get("Content-Length", "")
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
            digest = response.headers.get("Docker-Content-Digest", "")
            response.raw.drain_conn()  # there is nothing to read, but unread it closes the connection
            return ManifestHead(
                digest if DIGEST.fullmatch(digest) else "", media_type, int(size) if size.isdigit() else -1
            )

    def document(self, repository: str, descriptor: Descriptor) -> bytes:
        """A small blob whole: a config or a statement. WrongBytes where it is bigger than a document, or another."""
        what = f"the blob {descriptor.digest} of {repository}"
        with self._blob(repository, descriptor.digest, 0) as response:
            data = self._body(response, MAX_JSON, what)
        _verify(data, descriptor.digest, what)
        return data

    def blob(self, repository: str, digest: str, size: int = -1) -> BlobStream:
        """A blob to read while it downloads; `size` in bytes as claimed, -1 if unknown. Close it.

        It ends early where it breaks off for good, and its `failure` says why; the digest of sha256 is the reader's
        to compare (LayerScan.digest).
        """
        return BlobStream(
            lambda offset: _Rest(self._blob(repository, digest, offset), offset, self._transport),
            digest,
            size,
            pause=self._pause,
        ).start()

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """What refers to a manifest: signatures, SBOMs, attestations. By the API, else by the tag in its place."""
        path = f"{self._repository(repository)}/referrers/{_checked(digest)}"
        try:
            found: list[Descriptor] = []
            for document in self._documents(path, _pull(repository), f"the referrers of {digest}"):
                found += _manifests(document)
                if len(found) > MAX_REFERRERS:
                    break
        except (ImageNotFound, NotOffered):
            pass
        else:
            return tuple(found[:MAX_REFERRERS])
        try:
            index = self.manifest(repository, digest.replace(":", "-", 1)).document()
        except (ImageNotFound, InvalidImage):
            return ()
        return index.manifests[:MAX_REFERRERS] if isinstance(index, Index) else ()

    def _manifest(self, method: str, repository: str, reference: str, what: str) -> Answer:
        if not (TAG.fullmatch(reference) or DIGEST.fullmatch(reference)):
            raise ImageNotFound(f"{plain(reference)!r} is neither a tag nor a digest")
        path = f"{self._repository(repository)}/manifests/{reference}"
        return self._ask(path, _pull(repository), what, method=method, headers={"Accept": _ACCEPT})

    def _blob(self, repository: str, digest: str, offset: int) -> Answer:
        path = f"{self._repository(repository)}/blobs/{_checked(digest)}"
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        return self._ask(path, _pull(repository), f"the blob {digest} of {repository}", headers=headers)

    def _repository(self, name: str) -> str:
        """Names come from catalogs too: none of them leads elsewhere."""
        if not REPOSITORY.fullmatch(name):
            raise ImageNotFound(f"{plain(name)!r} is no repository's name")
        return f"/v2/{name}"

    def _ask(
        self, path: str, scope: str, what: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """An answer that has what was asked for; else the error it means."""
        url = urljoin(self._transport.origin, path)
        response = self._authentication.ask(method, url, scope, headers or {})
        if response.status_code in (200, 206):
            return response
        with response:
            try:
                body = self._transport.reading(response, lambda: response.raw.read(_ERROR_BYTES, decode_content=True))
            except SourceError:
                body = b""
            raise answer_error(response.status_code, body or b"", what, self.registry, response.headers)

    def _body(self, response: Answer, limit: int, what: str) -> bytes:
        return self._transport.reading(response, lambda: read_body(response, limit, what))

    def _pages(self, path: str, key: str, scope: str, what: str) -> Iterator[str]:
        """The strings of all pages of a list, each once."""
        seen: set[str] = set()
        for document in self._documents(f"{path}?n={PAGE}", scope, what):
            names = document.get(key)
            for name in names if isinstance(names, list) else ():
                if isinstance(name, str) and name not in seen:
                    seen.add(name)
                    yield name

    def _documents(self, path: str, scope: str, what: str) -> Iterator[dict[str, Any]]:
        """The pages of a list, along their Link headers, which may not lead to another host or back."""
        asked: set[str] = set()
        following: str | None = path
        while following is not None and following not in asked and len(asked) < MAX_PAGES:
            asked.add(following)
            try:
                response = self._ask(following, scope, what)
            except NotOffered:
                # registry 2.8 answers 400 where it does not like the number of entries.
                if following != path or "?n=" not in path:
                    raise
                following = path = path.partition("?")[0]
                continue
            with response:
                data = self._body(response, MAX_JSON, what)
                link = response.headers.get("Link", "")
                final = response.url
            try:
                document = parse_json(data, what)
            except BadDocument as error:
                raise NotOffered(f"the registry {self.registry} does not tell {what}: {error}") from None
            if not isinstance(document, dict):
                raise NotOffered(f"the registry {self.registry} does not tell {what}: the answer is no JSON object")
            yield document
            following = self._next(link, final)

    def _next(self, link: str, base: str) -> str | None:
        found = _NEXT.search(link)
        if found is None:
            return None
        # Behind a proxy registries write links with a host or scheme of their own: only the path counts, and our login
        # goes nowhere else.
        url = urlsplit(urljoin(base, found.group(1)))
        if not url.path.startswith("/v2/"):
            raise WrongBytes(f"the registry {self.registry} links to {plain(url.path)} for the next page of a list")
        return f"{url.path}?{url.query}" if url.query else url.path


class _Rest:
    """The body of a blob from an offset on, also where the server sends all of it again."""

    def __init__(self, response: Answer, offset: int, transport: Transport) -> None:
        self._response = response
        self._transport = transport
        self._skip = 0
        if offset and response.status_code == 200:
            self._skip = offset
        elif offset:
            start = _RANGE.match(response.headers.get("Content-Range", ""))
            if start is None or int(start.group(1)) != offset:
                response.close()
                raise WrongBytes(f"the server sent another part than asked for, from byte {offset:,} on")

    def read(self, size: int, /) -> bytes:
        while self._skip:
            data = self._read(min(self._skip, size))
            if not data:
                return b""
            self._skip -= len(data)
        return self._read(size)

    def stop(self) -> None:
        shutdown = getattr(self._response.raw, "shutdown", None)  # urllib3 since 2.3
        if shutdown is not None:
            with suppress(OSError, ValueError, RuntimeError):  # it may have ended by itself
                shutdown()

    def close(self) -> None:
        self._response.close()

    def _read(self, size: int) -> bytes:
        raw = self._response.raw
        # What has come, not all of `size`: a slow peer is seen to be slow.
        return self._transport.reading(self._response, lambda: raw.read1(size, decode_content=False) or b"")


def _pull(repository: str) -> str:
    return f"repository:{repository}:pull"


def _checked(digest: str) -> str:
    if not DIGEST.fullmatch(digest):
        raise ImageNotFound(f"{plain(digest)!r} is no digest")
    return digest


def _verify(data: bytes, digest: str, what: str) -> None:
    algorithm, _, claimed = digest.partition(":")
    if algorithm in ("sha256", "sha384", "sha512") and hashlib.new(algorithm, data).hexdigest() != claimed:
        raise WrongBytes(f"{what} is not what its digest says")


def _manifests(document: dict[str, Any]) -> tuple[Descriptor, ...]:
    try:
        index = parse_document(json.dumps(document).encode(), "referrers")
    except BadDocument:
        return ()
    return index.manifests if isinstance(index, Index) else ()
