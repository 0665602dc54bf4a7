"""A real registry in a container, made from Debian's package: nothing is fetched for it."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.engine.conftest import Engine

CONFIG = """\
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000"}
"""
CONTENT = 600_000
"""Bytes of a pushed image's one file; they do not compress, and configs and manifests are far smaller."""
LOGIN = "auth: {htpasswd: {realm: test, path: /etc/htpasswd}}\n"
HTPASSWD = "somebody:$2b$05$abcdefghijklmnopqrstuudLYPY/O3Omal5/C.k5.n2dNOG5VmjFK\n"


@dataclass
class Registry:
    """`address` is host:port; `storage` the directory its blobs are in."""

    address: str
    storage: Path
    engine: Engine

    def push(self, name: str, label: str) -> str:
        """Push an image that no engine has seen, and remove it from the engine; the reference to pull it by."""
        content = f"{name}: {secrets.token_hex(8)}\n".encode() + secrets.token_bytes(CONTENT)
        built = self.engine.build(name, f"FROM scratch\nLABEL {label}=1\nCOPY file /file\n", {"file": content})
        target = f"{self.address}/imgscan-test/{name}"
        api = self.engine.client.api
        api.tag(built, target, "latest")
        errors = [line["error"] for line in api.push(target, "latest", stream=True, decode=True) if "error" in line]
        assert not errors, errors
        api.remove_image(f"{target}:latest")
        api.remove_image(built)
        return f"{target}:latest"

    def lose_the_layers(self) -> None:
        """Delete the layers of all images pushed so far, so that a pull fails after it began."""
        blobs = self.storage.glob("docker/registry/v2/blobs/sha256/*/*/data")
        layers = [blob for blob in blobs if blob.stat().st_size > CONTENT // 2]
        assert layers
        for layer in layers:
            layer.unlink()


@contextmanager
def running_registry(engine: Engine, label: str, storage: Path, *, login: bool = False) -> Iterator[Registry]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import HttpWaitStrategy

    image = engine.build("registry" + ("-login" if login else ""), *_recipe(label, login=login))
    container = (
        DockerContainer(image)
        .with_exposed_ports(5000)
        .with_volume_mapping(str(storage), "/var/lib/registry", "rw")
        .with_kwargs(labels={label: "1"})
        .waiting_for(HttpWaitStrategy(5000, "/v2/").for_status_code(401 if login else 200))
    )
    with container:
        yield Registry(f"127.0.0.1:{container.get_exposed_port(5000)}", storage, engine)


def _recipe(label: str, *, login: bool) -> tuple[str, dict[str, bytes]]:
    binary = shutil.which("docker-registry")
    assert binary is not None
    files = {
        "registry": Path(binary).read_bytes(),
        "config.yml": (CONFIG + (LOGIN if login else "")).encode(),
        "htpasswd": HTPASSWD.encode(),
    }
    lines = [f"FROM scratch\nLABEL {label}=1\nCOPY registry /registry"]
    for number, library in enumerate(_libraries(binary)):
        files[f"library{number}"] = library.read_bytes()
        lines.append(f"COPY library{number} {library}")
    lines.append('COPY config.yml htpasswd /etc/\nENTRYPOINT ["/registry", "serve", "/etc/config.yml"]\n')
    return "\n".join(lines), files


def _libraries(binary: str) -> list[Path]:
    said = subprocess.run(["ldd", binary], capture_output=True, text=True, check=True).stdout
    return [Path(word) for line in said.splitlines() for word in line.split() if word.startswith("/")]
