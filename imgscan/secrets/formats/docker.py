"""Logins at container registries, as docker, podman, helm and their relatives keep them."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.evidence import Validation
from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, from_base64, printable, secret, text_of
from imgscan.secrets.formats.json_text import json_leaves

_TOKENS = frozenset({"identitytoken", "registrytoken", "password"})


def read(_: str, data: bytes) -> Iterator[Candidate]:
    """The `auths` of a config.json, and the older .dockercfg, which is the same without `auths` round it."""
    yield from registry_logins(text_of(data))


def registry_logins(text: str) -> Iterator[Candidate]:
    """Each registry's password or token. `auth` is base64 of `user:password`."""
    for leaf in json_leaves(text):
        if len(leaf.path) < 2 or not leaf.value or leaf.value == "null":
            continue
        registry = leaf.path[-2]
        if leaf.key == "auth":
            pair = from_base64(leaf.value)
            if pair is None or not printable(pair):
                continue
            user, _, password = pair.partition(":")
            password = password.rstrip("\0")
            if password:
                yield secret(
                    text,
                    "docker-auth",
                    password,
                    leaf.start,
                    leaf.end,
                    name=f"{user}@{registry}",
                    validation=Validation.STRUCTURE_OK,
                )
        elif leaf.key in _TOKENS:
            yield secret(text, "docker-auth", leaf.value, leaf.start, leaf.end, name=registry, key=leaf.key)


DOCKER = Format(
    "docker-config",
    "Docker client's configuration",
    (
        ".docker/config.json",
        ".dockercfg",
        ".dockerconfigjson",
        "containers/auth.json",
        ".containers/auth.json",
        "helm/registry/config.json",
        "helm/registry.json",
    ),
    read,
    "`auth` out of base64, identity and registry tokens, by registry; credential helpers hold nothing",
)
