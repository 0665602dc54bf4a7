"""A real engine for the tests below: the one that DOCKER_HOST, or the CLI's context, names.

Without one they are skipped and say so; with IMGSCAN_REQUIRE_ENGINE=1 they fail instead. All images are made here,
from nothing and a static busybox; each has a tag under `imgscan-test/` and is removed at the end.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imgscan.errors import SourceError
from imgscan.sources.docker_engine import connect
from tests.engine.registry import Registry, running_registry
from tests.engine.socket_proxy import SocketProxy

# testcontainers reads these as it is imported: no reaper (its image is on a registry), ports on this machine.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")

REQUIRED = os.environ.get("IMGSCAN_REQUIRE_ENGINE") == "1"
REPOSITORY = "imgscan-test"
LABEL = os.environ.get("IMGSCAN_TEST_LABEL", "imgscan.test")
"""What a run sweeps away. Runs that share an engine at the same time need one each."""

SECRET_FILES = {
    "app/.env": "DATABASE_PASSWORD=super_secret_password_123\nAPI_KEY=sk-live-abc123xyz789\n",
    "app/main.sh": "#!/bin/sh\necho hello\n",
}
SECRET_DOCKERFILE = f"""\
FROM scratch
LABEL {LABEL}=1
ADD rootfs.tar /
ENV PATH=/bin MODE=production
COPY app /app
RUN rm /app/.env && chmod 700 /app/main.sh && ln /app/main.sh /app/again.sh
WORKDIR /srv/data
RUN mkdir -p /srv/old && echo one >/srv/old/file
RUN rm -r /srv/old && mkdir /srv/old && echo two >/srv/old/other
USER 1000
CMD ["/app/main.sh"]
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.engine)


@dataclass
class Engine:
    """The engine under test, driven with the SDK where a test prepares something."""

    host: str
    client: Any

    def build(self, name: str, dockerfile: str, files: Mapping[str, str | bytes] | None = None) -> str:
        """Build with the classic builder; the tag `imgscan-test/NAME:latest`."""
        tag = f"{REPOSITORY}/{name}:latest"
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            for path, data in {"Dockerfile": dockerfile, **(files or {})}.items():
                member = tarfile.TarInfo(path)
                content = data.encode() if isinstance(data, str) else data
                member.size = len(content)
                member.mode = 0o755
                tar.addfile(member, io.BytesIO(content))
        context.seek(0)
        said = list(
            self.client.api.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True, nocache=True)
        )
        errors = [line["error"] for line in said if "error" in line]
        assert not errors, errors
        return tag

    def save(self, reference: str, target: Path) -> Path:
        with target.open("wb") as file:
            for block in self.client.api.get_image(reference):
                file.write(block)
        return target

    def exported(self, reference: str) -> dict[str, tarfile.TarInfo]:
        """What `docker export` of a container that never ran gives: the merged tree, by path."""
        container = self.client.api.create_container(reference, command=["none"])["Id"]
        try:
            with tarfile.open(fileobj=_Blocks(self.client.api.export(container)), mode="r|") as tar:
                return {member.name.strip("/"): member for member in tar}
        finally:
            self.client.api.remove_container(container, force=True)

    def remove(self, reference: str) -> None:
        self.client.api.remove_image(reference, force=True)


class _Blocks:
    """A generator of blocks as a file to read, as an exported tree may be too big to hold."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            block = next(self._blocks, b"")
            if not block:
                break
            self._rest += block
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def absent(reason: str) -> None:
    if REQUIRED:
        pytest.fail(f"IMGSCAN_REQUIRE_ENGINE=1, and {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    import docker

    try:
        found = connect(os.environ, timeout=30)
    except SourceError as error:
        absent(error.message)
    found.close()
    host = found.host
    client = docker.DockerClient(base_url=host, timeout=120)
    _sweep(client)
    try:
        yield Engine(host, client)
    finally:
        _sweep(client)
        client.close()


def _sweep(client: Any) -> None:
    """Remove what these tests, or a run of them that was killed, left behind. Nothing else is touched."""
    for container in client.api.containers(all=True, filters={"label": LABEL}):
        client.api.remove_container(container["Id"], force=True)
    for image in client.api.images(filters={"label": LABEL}):
        named = [tag for tag in image["RepoTags"] or [] if tag != "<none>:<none>"]
        for tag in named or [image["Id"]]:
            client.api.remove_image(tag, force=True)


@pytest.fixture(scope="session")
def rootfs() -> bytes:
    """A tar with /bin: a static busybox and its applets as hard links."""
    busybox = shutil.which("busybox")
    if busybox is None or _has_interpreter(Path(busybox)):
        absent("there is no static busybox (Debian: busybox-static)")
    assert busybox is not None
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        program = tarfile.TarInfo("bin/busybox")
        program.size = Path(busybox).stat().st_size
        program.mode = 0o755
        with Path(busybox).open("rb") as file:
            tar.addfile(program, file)
        for applet in ("sh", "rm", "mkdir", "chmod", "ln", "echo", "cat", "sleep"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname, link.mode = tarfile.LNKTYPE, "bin/busybox", 0o755
            tar.addfile(link)
    return buffer.getvalue()


def _has_interpreter(program: Path) -> bool:
    """Whether an ELF file asks for a dynamic loader (PT_INTERP names it near the start)."""
    return b"/ld-linux" in program.read_bytes()[:4096]


@pytest.fixture(scope="session")
def secret_image(engine: Engine, rootfs: bytes) -> str:
    """An image whose `.env` a later layer deletes, with hard links, a replaced directory and an empty layer or two."""
    return engine.build("secret", SECRET_DOCKERFILE, {**SECRET_FILES, "rootfs.tar": rootfs})


@pytest.fixture
def proxy(engine: Engine):
    """Makes SocketProxies in front of the engine, and closes them."""
    proxies: list[SocketProxy] = []

    def make(**settings: Any) -> SocketProxy:
        one = SocketProxy(engine.host, **settings)
        proxies.append(one.__enter__())
        return one

    yield make
    for one in proxies:
        one.__exit__(None, None, None)


@pytest.fixture(scope="session")
def registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An open registry on this machine."""
    if shutil.which("docker-registry") is None:
        absent("there is no docker-registry (Debian: docker-registry)")
    with running_registry(engine, LABEL, tmp_path_factory.mktemp("registry")) as one:
        yield one


@pytest.fixture(scope="session")
def closed_registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants a login."""
    if shutil.which("docker-registry") is None:
        absent("there is no docker-registry (Debian: docker-registry)")
    with running_registry(engine, LABEL, tmp_path_factory.mktemp("closed"), login=True) as one:
        yield one


def imgscan(*arguments: str, stdin: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would."""
    with (stdin or Path(os.devnull)).open("rb") as source:
        return subprocess.run(
            [sys.executable, "-m", "imgscan", *arguments],
            stdin=source,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
