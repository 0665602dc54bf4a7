"""Debian's docker-registry as a process on a port of its own choice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

USER, PASSWORD = "somebody", "front-door-for-tests"
HTPASSWD = "somebody:$2b$05$imgscanimgscanimgscanOqU.0Pl6v3utkV6DeDO9XZunea/iipOu\n"
REQUIRED = os.environ.get("IMGSCAN_REQUIRE_ENGINE") == "1"


@dataclass(frozen=True)
class RegistryProcess:
    """`address` is host:port, `storage` the directory of its blobs, `authority` the CA's file where it speaks TLS."""

    address: str
    storage: Path
    authority: Path | None = None

    @property
    def origin(self) -> str:
        return f"{'https' if self.authority else 'http'}://{self.address}"

    def blob_file(self, digest: str) -> Path:
        """Where it keeps a blob."""
        value = digest.partition(":")[2]
        return self.storage / "docker/registry/v2/blobs/sha256" / value[:2] / value / "data"


def needed(program: str, package: str) -> str:
    """The path of a program; without it the test is skipped, or fails where real parts are required."""
    found = shutil.which(program)
    if found is None:
        reason = f"there is no {program} (Debian: {package})"
        if REQUIRED:
            pytest.fail(f"IMGSCAN_REQUIRE_ENGINE=1, and {reason}")
        pytest.skip(reason)
    return found


@contextmanager
def registry_process(
    directory: Path, *, login: bool = False, tls: bool = False, client_certificates: bool = False
) -> Iterator[RegistryProcess]:
    """A registry that keeps its blobs in `directory`; with `login` it wants USER and PASSWORD.

    With `client_certificates` (and `tls`) it speaks to those alone who have one of its own authority's:
    `server.crt` is one.
    """
    program = needed("docker-registry", "docker-registry")
    directory.mkdir(parents=True, exist_ok=True)
    lines = [
        "version: 0.1",
        "log: {level: info, formatter: text}",
        f"storage: {{filesystem: {{rootdirectory: {directory}/storage}}, delete: {{enabled: true}}}}",
    ]
    authority = None
    if login:
        (directory / "htpasswd").write_text(HTPASSWD)
        lines.append(f"auth: {{htpasswd: {{realm: test, path: {directory}/htpasswd}}}}")
    if tls:
        authority = make_certificates(directory)
        pair = f"certificate: {directory}/server.crt, key: {directory}/server.key"
        if client_certificates:
            pair += f", clientcas: [{directory}/ca.crt]"
        lines.append(f"http: {{addr: '127.0.0.1:0', tls: {{{pair}}}}}")
    else:
        lines.append("http: {addr: '127.0.0.1:0'}")
    (directory / "config.yml").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        [program, "serve", str(directory / "config.yml")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not key.startswith("OTEL_")},
        text=True,
    )
    assert process.stderr is not None
    try:
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"listening on (127\.0\.0\.1:\d+)", line):
                break
        else:
            raise AssertionError(f"the registry did not start: {said}")
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        yield RegistryProcess(found.group(1), directory / "storage", authority)
    finally:
        process.terminate()
        process.wait(30)
        reader.join(30)
        process.stderr.close()


def make_certificates(directory: Path) -> Path:
    """An authority and a server certificate for this machine, both new; the authority's file."""
    openssl = needed("openssl", "openssl")
    commands = [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-authority "
        "-keyout ca.key -out ca.crt",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
    ]
    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for command in commands:
        subprocess.run([openssl, *command.split()], cwd=directory, check=True, capture_output=True)
    return directory / "ca.crt"
