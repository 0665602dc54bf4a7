"""Containers of an engine: what its API tells of one, and its files. Nothing is started, stopped or executed."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from imgscan.errors import ContainerNotFound, ImageNotFound, SourceError
from imgscan.sources.docker_engine import CONNECT_SECONDS, READ_BYTES, EngineApi
from imgscan.sources.engine_answers import plain

FILE_SECONDS = 120.0
"""An engine may be silent for so long while it hands out a file of a container."""
_PROCESS_COLUMNS = "-eo pid,uid,comm"
"""For the `ps` of the engine's host. None of them shows arguments, which may hold secrets."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """What the engine says of a path: Go's os.FileMode, whose lower nine bits are the permissions."""

    size: int
    mode: int
    link_target: str

    @property
    def is_directory(self) -> bool:
        return bool(self.mode >> 31 & 1)


class ContainerEngine(EngineApi):
    """One engine's API, as far as containers need it.

    A container that is gone is ContainerNotFound, whichever question finds that out.
    """

    def container(self, name: str) -> Mapping[str, Any]:
        """The inspect document of a container, by name or id."""
        document = self._ask(name, "describe the container", "/containers/{0}/json")
        if not isinstance(document, dict):
            raise SourceError(f"{self.name} at {self.host} describes {plain(name)} in a way that is no container's")
        return document

    def info(self) -> object:
        """What the engine says of itself."""
        with self._answering("tell about itself"):
            return self._api._result(self._api._get(self._api._url("/info")), True)

    def image_config(self, image_id: str) -> Mapping[str, Any]:
        """`Config` of the image's inspect document; empty where the engine no longer has the image."""
        document = self.inspect(image_id, None) or {}
        config = document.get("Config")
        return config if isinstance(config, dict) else {}

    def processes(self, container_id: str) -> tuple[tuple[str, ...], ...]:
        """Rows (pid, uid, name) of the running processes; none where the engine cannot list them."""
        import docker  # noqa: PLC0415

        with self._answering("list the container's processes"):
            try:
                answer = self._get_json("/containers/{0}/top", container_id, {"ps_args": _PROCESS_COLUMNS})
            except docker.errors.NotFound:
                raise
            except docker.errors.APIError:  # stopped meanwhile, frozen, no such `ps` on the engine's host
                return ()
        rows = answer.get("Processes") if isinstance(answer, dict) else None
        return tuple(tuple(map(str, row)) for row in rows if isinstance(row, list)) if isinstance(rows, list) else ()

    def exec_session(self, exec_id: str) -> Mapping[str, Any]:
        """What the engine says of one `docker exec`; nothing of one that has ended."""
        import docker  # noqa: PLC0415

        with self._answering("describe a session in the container"):
            try:
                document = self._get_json("/exec/{0}/json", exec_id, {})
            except docker.errors.APIError:
                return {}
        return document if isinstance(document, dict) else {}

    def changes(self, container_id: str) -> list[Any]:
        """What differs from the image: objects with `Path` and `Kind` (0 modified, 1 added, 2 deleted)."""
        answer = self._ask(container_id, "tell what the container changed", "/containers/{0}/changes")
        return answer if isinstance(answer, list) else []

    def stat(self, container_id: str, path: str) -> FileStat | None:
        """What is at a path of a container; None where nothing is."""
        import docker  # noqa: PLC0415

        with self._answering("look at a file of the container"):
            response = self._api.head(
                self._api._url("/containers/{0}/archive", container_id), params={"path": path}, timeout=FILE_SECONDS
            )
            try:
                self._api._raise_for_status(response)
            except docker.errors.NotFound:
                return None
            return _stat(response.headers.get("X-Docker-Container-Path-Stat", ""))

    def archive(self, container_id: str, path: str) -> Iterator[bytes]:
        """A path of a container as a tar, in blocks: the file, or the directory with all in it."""
        with self._answering("hand out a file of the container"):
            response = self._api._get(
                self._api._url("/containers/{0}/archive", container_id),
                params={"path": path},
                headers={"Accept-Encoding": "identity"},  # else the engine compresses it
                stream=True,
                timeout=(CONNECT_SECONDS, FILE_SECONDS),
            )
            with response:
                self._api._raise_for_status(response)
                yield from response.raw.stream(READ_BYTES, decode_content=False)

    def _ask(self, name: str, task: str, path: str) -> object:
        import docker  # noqa: PLC0415

        with self._answering(task):
            try:
                return self._get_json(path, name, {})
            except docker.errors.NotFound as error:
                raise ContainerNotFound(
                    f"{self.name} has no container {plain(name)}", tip="docker ps -a shows those it has"
                ) from error

    @contextmanager
    def _answering(self, task: str) -> Iterator[None]:
        try:
            with super()._answering(task):
                yield
        except ImageNotFound as error:
            raise ContainerNotFound(
                f"the container, or the file asked for, is gone from {self.name}", tip="name it again"
            ) from error


def _stat(header: str) -> FileStat | None:
    try:
        document = json.loads(base64.b64decode(header))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    size, mode, target = document.get("size"), document.get("mode"), document.get("linkTarget")
    return FileStat(
        size if isinstance(size, int) and size >= 0 else 0,
        mode if isinstance(mode, int) and mode >= 0 else 0,
        target if isinstance(target, str) else "",
    )
