"""The logins that docker and podman keep on this machine. Found when a registry asks for one; never in a repr."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imgscan.errors import AccessDenied
from imgscan.sources.registry.reference import HUB

HUB_KEY = "https://index.docker.io/v1/"
"""What docker login calls Docker Hub."""
IDENTITY_TOKEN_USER = "<token>"  # noqa: S105  # the user name by which helpers mark an identity token
_HELPER = re.compile(r"[A-Za-z0-9_.-]+")
_HELPER_SECONDS = 60.0
_MAX_FILE = 8 << 20


@dataclass(frozen=True, slots=True)
class Credential:
    """Name and password, or an identity token; anonymous where all are empty."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.username or self.password or self.identity_token)


ANONYMOUS = Credential()


class Credentials:
    """Looks logins up in the files that `environment` names: docker's first, then podman's."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment

    def find(self, registry: str, repository: str = "") -> Credential:
        """The login for a registry (podman: or for a part of it); anonymous where there is none.

        Raises AccessDenied where a credential helper is set up and fails: anonymous would be another user.
        """
        for document in self._documents():
            found = self._in_helpers(document, registry) or _in_auths(document, registry, repository)
            if found:
                return found
        return ANONYMOUS

    def _documents(self) -> Iterator[Mapping[str, Any]]:
        """What CI systems keep in a variable, as the docker CLI 28 and GitLab's runners read it; then the files."""
        if stated := self._environment.get("DOCKER_AUTH_CONFIG", "").strip():
            yield _object(stated.encode("utf-8", "surrogateescape"))
        yield from map(_read, self._files())

    def _files(self) -> Iterator[Path]:
        environment = self._environment
        home = environment.get("HOME", "")
        if stated := environment.get("REGISTRY_AUTH_FILE"):
            yield Path(stated)
        if folder := environment.get("DOCKER_CONFIG"):
            yield Path(folder, "config.json")
        elif home:
            yield Path(home, ".docker", "config.json")
        # containers-auth.json(5)
        if runtime := environment.get("XDG_RUNTIME_DIR"):
            yield Path(runtime, "containers", "auth.json")
        if settings := environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else ""):
            yield Path(settings, "containers", "auth.json")

    def _in_helpers(self, document: Mapping[str, Any], registry: str) -> Credential:
        helpers = document.get("credHelpers")
        helpers = helpers if isinstance(helpers, dict) else {}
        for key in _keys(registry):
            if isinstance(helper := helpers.get(key), str):
                return self._ask(helper, key)
        if isinstance(store := document.get("credsStore"), str) and store:
            return self._ask(store, HUB_KEY if registry == HUB else registry)
        return ANONYMOUS

    def _ask(self, helper: str, server: str) -> Credential:
        """What `docker-credential-HELPER get` says of a server."""
        if not _HELPER.fullmatch(helper):
            raise AccessDenied(f"{helper!r} in docker's config is no credential helper's name")
        program = f"docker-credential-{helper}"
        try:
            done = subprocess.run(  # noqa: S603  # the user's own config names it
                [program, "get"],
                input=server.encode(),
                capture_output=True,
                env=dict(self._environment),
                timeout=_HELPER_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = "it did not answer" if isinstance(error, subprocess.TimeoutExpired) else error.strerror
            raise AccessDenied(
                f"the credential helper {program} cannot be used: {why}",
                tip=f"install it, or take {helper} out of docker's config.json",
            ) from error
        if done.returncode != 0:
            if b"credentials not found" in done.stdout + done.stderr:
                return ANONYMOUS
            # What it printed stays untold: a helper that fails half-way may have printed the password.
            raise AccessDenied(
                f"the credential helper {program} failed with {done.returncode}",
                tip=f"see what it says: echo {server} | {program} get",
            )
        answer = _object(done.stdout)
        name, secret = answer.get("Username"), answer.get("Secret")
        if not isinstance(name, str) or not isinstance(secret, str):
            return ANONYMOUS
        return Credential(identity_token=secret) if name == IDENTITY_TOKEN_USER else Credential(name, secret)


def _in_auths(document: Mapping[str, Any], registry: str, repository: str) -> Credential:
    """The entry of `auths` that is most exact: podman's may be for a repository, docker's old ones are URLs."""
    auths = document.get("auths")
    if not isinstance(auths, dict):
        return ANONYMOUS
    parts = [registry, *repository.split("/")] if repository else [registry]
    for count in range(len(parts), 1, -1):
        if found := _decoded(auths.get("/".join(parts[:count]))):
            return found
    keys = _keys(registry)
    for key in keys:
        if found := _decoded(auths.get(key)):
            return found
    for key, entry in auths.items():
        if isinstance(key, str) and "://" in key and _host(key) in keys and (found := _decoded(entry)):
            return found
    return ANONYMOUS


def _keys(registry: str) -> tuple[str, ...]:
    return (HUB_KEY, HUB, "index.docker.io") if registry == HUB else (registry,)


def _host(key: str) -> str:
    return re.sub(r"\Ahttps?://", "", key).split("/", 1)[0]


def _decoded(entry: object) -> Credential:
    """One entry of `auths`; an empty one means that a helper has it, or nobody."""
    if not isinstance(entry, dict):
        return ANONYMOUS
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credential(identity_token=token)
    try:
        pair = base64.b64decode(str(entry.get("auth") or ""), validate=False).decode()
    except (ValueError, binascii.Error):
        return ANONYMOUS
    name, colon, password = pair.partition(":")
    if colon:
        return Credential(name, password.rstrip("\0"))
    name, password = entry.get("username") or "", entry.get("password") or ""
    return Credential(name, password) if isinstance(name, str) and isinstance(password, str) else ANONYMOUS


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            return _object(file.read(_MAX_FILE))
    except OSError:
        return {}


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
