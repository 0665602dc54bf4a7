"""Images of a running engine: Docker's, or podman's through the same API. The one place that knows the Docker SDK."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from imgscan.errors import (
    AccessDenied,
    ImageNotFound,
    PlatformNotFound,
    Problem,
    SourceError,
    SourceUnavailable,
    UsageError,
    causes_of,
)
from imgscan.image.image import Platform
from imgscan.sources.engine_answers import (
    WRONG_PLATFORM,
    PullFailed,
    plain,
    pull_error,
    pull_progress,
    trailing_error,
)
from imgscan.sources.engine_images import IMAGE_ID, read, resolve
from imgscan.sources.source import LayerVisitor, NotHere, Opened, Request

if TYPE_CHECKING:
    import docker

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
"""For requests that only look something up."""
PULL_SILENCE_SECONDS = 600.0
"""Between two lines of a pull: extracting a big layer may be silent for long."""

READ_BYTES = 1 << 20
TAIL_BYTES = 4096
"""Of the end of a save, kept to see an error message there."""
DOCKER_SOCKET = "unix:///var/run/docker.sock"
START_TIP = "start it, or scan a saved image: docker save IMAGE | imgscan inspect -"

# The grammar of distribution's reference package; a path never matches, as it starts with `/`, `.` or `~`.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
REFERENCE = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/)?"
    rf"{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,})?"
)


class DockerEngine:
    """The source `docker:REFERENCE`: the local image, else a pull; scanned while the engine's save streams.

    What is local is never replaced: an image of another platform is an error, not a reason to pull.
    """

    scheme = "docker"

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = environment

    def detect(self, target: str) -> bool:
        return REFERENCE.fullmatch(target) is not None or IMAGE_ID.fullmatch(target) is not None

    @contextmanager
    def open(self, request: Request, visitor: LayerVisitor) -> Iterator[Opened]:
        """Get one image from the engine; all its layers have gone by when this yields."""
        if not self.detect(request.target):
            raise UsageError(
                f"{plain(request.target)!r} is no image reference",
                tip="write NAME[:TAG], NAME@DIGEST or an image id; names are lower case",
            )
        environment = os.environ if self._environment is None else self._environment
        try:
            engine = connect(environment, request.timeout)
        except SourceUnavailable as error:
            # An id names bytes; a registry would take it for a name, and give whatever has that name.
            if request.elsewhere and not IMAGE_ID.fullmatch(request.target):
                raise NotHere(error.message, tip=error.tip) from error
            raise
        try:
            opened = read(engine, resolve(engine, request, visitor), request, visitor)
        finally:
            engine.close()
        yield opened


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an engine may answer; `stated` where the user named it, so that no other is tried."""

    name: str
    host: str
    stated: bool
    tls: Any = False


def endpoints(environment: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """Where to ask, in order: DOCKER_HOST, else the CLI's context, else Docker's socket and then those of its kin."""
    import docker.context.config  # noqa: PLC0415  # the SDK takes 0.2 s to load; only this source pays for it
    import docker.utils  # noqa: PLC0415

    stated = docker.utils.kwargs_from_env(dict(environment) or {"": ""})  # the SDK takes an empty one for none given
    if "base_url" in stated:
        return (Endpoint("the Docker engine", stated["base_url"], stated=True, tls=stated.get("tls", False)),)
    context = environment.get("DOCKER_CONTEXT") or docker.context.config.get_current_context_name()
    if context != "default":
        _check_context(context)
        params = docker.context.ContextAPI.kwargs_from_context(context)
        host = str(params.get("base_url") or DOCKER_SOCKET)
        return (Endpoint(f"the Docker engine of context {context}", host, stated=True, tls=params.get("tls", False)),)
    found = [Endpoint("the Docker engine", DOCKER_SOCKET, stated=False)]
    runtime = environment.get("XDG_RUNTIME_DIR")
    kin = [("podman", "/run/podman/podman.sock")]
    if runtime:
        kin = [
            ("the rootless Docker engine", f"{runtime}/docker.sock"),
            ("podman", f"{runtime}/podman/podman.sock"),
            *kin,
        ]
    found += [Endpoint(name, f"unix://{path}", stated=False) for name, path in kin if Path(path).exists()]
    return tuple(found)


def _check_context(name: str) -> None:
    """Raise what the SDK would pass over: with a context that is not there it asks the default engine instead."""
    import docker.context.config  # noqa: PLC0415

    try:
        json.loads(Path(docker.context.config.get_meta_file(name)).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourceUnavailable(
            f"the Docker context {plain(name)} does not exist", tip="docker context ls shows those there are"
        ) from error
    except (OSError, ValueError) as error:
        raise SourceUnavailable(
            f"the Docker context {plain(name)} cannot be read", tip="docker context inspect says what is wrong with it"
        ) from error


_Api = TypeVar("_Api", bound="EngineApi")


@overload
def connect(environment: Mapping[str, str], timeout: float | None) -> EngineApi: ...
@overload
def connect(environment: Mapping[str, str], timeout: float | None, kind: type[_Api]) -> _Api: ...
def connect(environment: Mapping[str, str], timeout: float | None, kind: type[EngineApi] | None = None) -> EngineApi:
    """The first engine that answers. Others than Docker's own are tried only where the user named none."""
    unanswered: list[tuple[Endpoint, SourceUnavailable]] = []
    for endpoint in endpoints(environment):
        try:
            api = _client(endpoint, ANSWER_SECONDS if timeout is None else timeout)
        except SourceUnavailable as error:
            unanswered.append((endpoint, error))
            continue
        problems: tuple[Problem, ...] = ()
        if unanswered:
            problems = (
                Problem("other-engine", f"{unanswered[0][1].message}; {endpoint.name} at {endpoint.host} was asked"),
            )
        return (kind or EngineApi)(api, endpoint, problems)
    (_, first), *others = unanswered
    if others:
        raise SourceUnavailable("; ".join([first.message, *(error.message for _, error in others)]), tip=first.tip)
    raise first


def _client(endpoint: Endpoint, timeout: float) -> docker.APIClient:
    import docker  # noqa: PLC0415
    import requests  # noqa: PLC0415

    if endpoint.host.startswith("ssh://") and find_spec("paramiko") is None:
        # The SDK needs it even where it shells out to ssh, and hides that the import failed.
        raise SourceUnavailable(
            f"{endpoint.name} is reached over ssh, and imgscan was installed without that",
            tip="pip install 'imgscan[ssh]'",
        )
    _knock(endpoint)
    try:
        # The ssh client of the system knows the user's jump hosts and keys; paramiko knows some of them.
        return docker.APIClient(
            base_url=endpoint.host,
            version="auto",
            timeout=timeout,  # type: ignore[arg-type]  # goes to requests, which takes fractions
            tls=endpoint.tls,
            use_ssh_client=True,
        )
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise _unreachable(endpoint, error) from error


def _knock(endpoint: Endpoint) -> None:
    """Connect to a Unix socket and hang up: its error is the system's own, and the SDK leaves a socket open on one."""
    if not endpoint.host.startswith("unix://"):
        return
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(CONNECT_SECONDS)
        try:
            sock.connect("/" + endpoint.host.removeprefix("unix://").lstrip("/"))
        except OSError as error:
            raise _unreachable(endpoint, error) from error


def _unreachable(endpoint: Endpoint, error: BaseException) -> SourceError:
    causes = list(causes_of(error))
    at = f"{endpoint.name} at {plain(endpoint.host)}"
    if any(isinstance(cause, PermissionError) for cause in causes):
        return AccessDenied(
            f"no permission to use {at}", tip="use sudo, or an account of the group that owns the socket"
        )
    system = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    why = system[0].lower() if system else plain(str(causes[-1]))
    return SourceUnavailable(f"cannot reach {at}: {why}", tip=START_TIP)


class EngineApi:
    """One engine's API, as far as imgscan needs it.

    What the SDK's own methods do not do is done here with its private request methods, in one place that a test
    guards: get_image and history know no platform, pull and get_image wait without end (ecosystem facts of
    docker 7.2; its maintainers recommend the recipe in issue 1352).
    """

    def __init__(self, api: docker.APIClient, endpoint: Endpoint, problems: tuple[Problem, ...] = ()) -> None:
        self._endpoint = endpoint
        self.name = endpoint.name
        self.host = plain(endpoint.host)
        self.problems = problems
        self._api: Any = api

    def close(self) -> None:
        self._api.close()

    def inspect(self, reference: str, platform: Platform | None) -> Mapping[str, Any] | None:
        """What the engine says of an image; None where it does not have it."""
        import docker  # noqa: PLC0415

        params = {"platform": _platform_json(platform)} if platform and self._speaks("1.49") else {}
        with self._answering("describe the image"):
            try:
                document = self._get_json("/images/{0}/json", reference, params)
            except docker.errors.NotFound as error:
                if WRONG_PLATFORM.search(str(error.explanation)):
                    raise PlatformNotFound(
                        f"{reference} in {self.name} is not for {platform}",
                        tip=f"fetch it: docker pull --platform {platform} {reference}",
                    ) from error
                return None
        if not isinstance(document, dict):
            raise SourceError(f"{self.name} at {self.host} describes the image in a way that is no image's")
        return document

    def tagged(self) -> Sequence[Mapping[str, Any]]:
        """The images that have names, the newest first, as the list call tells them."""
        with self._answering("list its images"):
            images = self._api._result(self._api._get(self._api._url("/images/json")), True)
        listed = [image for image in images if isinstance(image, dict)] if isinstance(images, list) else []
        return [image for image in listed if image.get("RepoTags")]

    def history(self, image_id: str) -> Sequence[Mapping[str, Any]]:
        """The steps of the image's history, newest first, as the history call tells them."""
        _knock(self._endpoint)  # it may be asked when a save broke off, by an engine that is gone
        with self._answering("tell the image's history"):
            steps = self._get_json("/images/{0}/history", image_id, {})
        return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []

    def pull(self, reference: str, platform: Platform | None, visitor: LayerVisitor) -> None:
        """Have the engine fetch an image; an error line in its answer is an error."""
        import docker.auth  # noqa: PLC0415
        import docker.utils  # noqa: PLC0415

        repository, tag = docker.utils.parse_repository_tag(reference)
        params = {"fromImage": repository, "tag": tag or "latest"}
        if platform is not None:
            params["platform"] = str(platform)
        with self._answering(f"pull {reference}"):
            registry, _ = docker.auth.resolve_repository_name(repository)
            login = docker.auth.get_config_header(self._api, registry)
            try:
                response = self._api._post(
                    self._api._url("/images/create"),
                    params=params,
                    headers={"X-Registry-Auth": login} if login else {},
                    stream=True,
                    timeout=(CONNECT_SECONDS, PULL_SILENCE_SECONDS),
                )
                with response:
                    self._api._raise_for_status(response)
                    for done, total in pull_progress(response.iter_lines(READ_BYTES)):
                        visitor.progress("pull", done, total)
            except docker.errors.APIError as error:
                raise pull_error(reference, self.name, str(error.explanation or error)) from error
            except PullFailed as error:
                raise pull_error(reference, self.name, str(error)) from error

    def save(self, image_id: str, platform: Platform | None, first: float, silence: float) -> Iterator[bytes]:
        """The image as an archive, in blocks; what goes wrong on the way is raised when all before it was given."""
        params = {"platform": _platform_json(platform)} if platform and self._speaks("1.48") else {}
        tail = b""
        with self._answering("save the image"):
            response = self._api._get(
                self._api._url("/images/{0}/get", image_id),
                params=params,
                stream=True,
                timeout=(CONNECT_SECONDS, first),
            )
            with response:
                self._api._raise_for_status(response)
                raw = self._api._get_raw_response_socket(response)
                for channel in (raw, getattr(raw, "_sock", None)):  # a file over a socket, or a channel of ssh
                    set_timeout = getattr(channel, "settimeout", None)
                    if set_timeout is not None:
                        set_timeout(silence)
                for block in response.raw.stream(READ_BYTES, decode_content=False):
                    tail = block[-TAIL_BYTES:] if len(block) >= TAIL_BYTES else (tail + block)[-TAIL_BYTES:]
                    yield block
        said = trailing_error(tail)
        if said is not None:
            raise SourceError(f"{self.name} broke off saving the image: {said}", tip=f"see the log of {self.name}")

    def silent(self, seconds: float) -> SourceError:
        return SourceUnavailable(
            f"{self.name} at {self.host} sent nothing for {seconds:g} seconds", tip="wait longer: --timeout SECONDS"
        )

    def _speaks(self, version: str) -> bool:
        import docker.utils  # noqa: PLC0415

        return bool(docker.utils.version_gte(self._api.api_version, version))

    def _get_json(self, path: str, image: str, params: Mapping[str, str]) -> object:
        return self._api._result(self._api._get(self._api._url(path, image), params=params), True)

    @contextmanager
    def _answering(self, task: str) -> Iterator[None]:
        """Turn what the SDK, requests and urllib3 raise while the engine is asked to do `task` into our errors."""
        import docker  # noqa: PLC0415
        import requests  # noqa: PLC0415
        import urllib3  # noqa: PLC0415

        try:
            yield
        except docker.errors.NotFound as error:
            raise ImageNotFound(
                f"{self.name} no longer has the image: {plain(str(error.explanation))}", tip="name it again"
            ) from error
        except docker.errors.APIError as error:
            raise SourceError(
                f"{self.name} does not {task}: {plain(str(error.explanation or error))}",
                tip=f"see the log of {self.name}",
            ) from error
        except (
            docker.errors.DockerException,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
        ) as error:
            causes = list(causes_of(error))
            if any(isinstance(cause, TimeoutError | urllib3.exceptions.ReadTimeoutError) for cause in causes):
                what, tip = f"fell silent when asked to {task}", "wait longer: --timeout SECONDS"
            else:
                what = f"went away when asked to {task}: {plain(str(causes[-1]))}"
                tip = "see whether it still runs: docker info"
            raise SourceUnavailable(f"{self.name} at {self.host} {what}", tip=tip) from error


def _platform_json(platform: Platform) -> str:
    """An OCI platform as the engine's API takes it from version 1.48 on."""
    parts = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
    return json.dumps({key: value for key, value in parts.items() if value})
