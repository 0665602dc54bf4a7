"""Opens a RegistryBlob in any process, with the logins of the machine it runs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from weakref import WeakSet

from imgscan.image.blob import RegistryBlob
from imgscan.sources.registry.access import Access
from imgscan.sources.registry.blob_stream import BlobStream
from imgscan.sources.registry.client import RegistryClient


class RegistryBlobs:
    """Clients for the registries that blobs come from, one each, made when the first blob is opened.

    Many threads may open blobs. Not for sending elsewhere: each process makes its own.
    """

    def __init__(
        self,
        *,
        timeout: float | None = None,
        environment: Mapping[str, str] | None = None,
        before_request: Callable[[], None] | None = None,
    ) -> None:
        self._timeout = timeout
        self._environment = environment
        self._before_request = before_request
        self._clients: dict[tuple[str, bool], RegistryClient] = {}
        self._streams: WeakSet[BlobStream] = WeakSet()
        self._closed = False
        self._lock = Lock()

    def open(self, blob: RegistryBlob) -> BlobStream:
        """The blob while it downloads; close it, and see its `failure` when it has ended. SourceError."""
        stream = self._client(blob).blob(blob.repository, blob.digest, blob.size)
        with self._lock:
            self._streams.add(stream)
            if self._closed:
                stream.stop()
        return stream

    def close(self) -> None:
        """End all streams, also those that another thread reads, and all connections."""
        with self._lock:
            self._closed = True
            for stream in self._streams:
                stream.stop()
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def __enter__(self) -> RegistryBlobs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _client(self, blob: RegistryBlob) -> RegistryClient:
        key = (blob.registry, blob.insecure)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = RegistryClient(
                    blob.registry,
                    Access(insecure=blob.insecure, timeout=self._timeout),
                    environment=self._environment,
                    before_request=self._before_request,
                )
            return self._clients[key]
