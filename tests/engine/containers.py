"""Containers of an engine under test: started with the client that tests prepare things with, removed at the end."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from tests.engine.conftest import LABEL, Engine, absent

NAME = f"imgscan-test-{os.getpid()}-"


class Containers:
    """Starts containers and removes them when the test ends. Names are the test run's own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._numbers = itertools.count()
        self._made: list[str] = []
        self._volumes: list[str] = []

    @property
    def bridge(self) -> bool:
        """Whether the engine can publish ports."""
        return bool(self._engine.client.networks.list(names=["bridge"]))

    def name(self) -> str:
        name = f"{NAME}{next(self._numbers)}"
        self._made.append(name)
        return name

    def volume(self) -> str:
        """The name of a volume that goes with the containers."""
        self._volumes.append(f"{NAME}{next(self._numbers)}")
        return self._volumes[-1]

    def run(self, image: str, *command: str, **settings: Any) -> Any:
        """A started container: the SDK's own, with what `docker run` calls its options."""
        settings.setdefault("network_mode", "none")
        return self._engine.client.containers.run(
            image, list(command) or None, name=self.name(), detach=True, labels={LABEL: "1"}, **settings
        )

    def run_shell(self, text: str, name: str) -> Any:
        """Have a shell run a `docker run` command as it stands, but for the names and ports of the run."""
        docker = os.environ.get("DOCKER_CLI") or shutil.which("docker") or absent("there is no docker CLI")
        words = shlex.split(text, comments=True)
        line = text.replace(f"--name {words[words.index('--name') + 1]}", f"--name {name} --label {LABEL}=1")
        line = re.sub(r"source=[a-z0-9-]+", lambda _: f"source={self.volume()}", line)
        line = line.replace("docker run --detach", f"{shlex.quote(str(docker))} run --detach")
        if not self.bridge:
            line = "\n".join(part for part in line.split("\n") if not part.strip().startswith("--publish"))
            line = line.replace(f"--name {name}", f"--name {name} --network none")
        for word in words:
            if word.startswith("127.0.0.1:"):
                line = line.replace(f"--publish {word}", f"--publish 127.0.0.1:{free_port()}:{word.split(':')[2]}")
        environment = os.environ | {"DOCKER_HOST": self._engine.host}
        done = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return self._engine.client.containers.get(name)

    def close(self) -> None:
        import docker

        api = self._engine.client.api
        for name in self._made:
            with suppress(docker.errors.NotFound):
                api.remove_container(name, force=True, v=True)
        for name in self._volumes:
            with suppress(docker.errors.NotFound):
                api.remove_volume(name, force=True)


def said(container: Any, text: str) -> None:
    """Return when the container has printed `text`; it fails where it ends without."""
    for _ in range(20_000):
        if text.encode() in container.logs():
            return
        container.reload()
        if container.status not in ("created", "running"):
            break
    raise AssertionError(
        f"{text!r} was not said by a container that is {container.status}: {container.logs().decode()}"
    )


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def containers_of(engine: Engine) -> Iterator[Containers]:
    made = Containers(engine)
    try:
        yield made
    finally:
        made.close()
