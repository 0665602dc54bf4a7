"""Kubernetes: the users of a kubeconfig, tokens of service accounts, and manifests of Secrets wherever they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from imgscan.evidence import Validation
from imgscan.secrets.detector import Candidate, Nominator, Window
from imgscan.secrets.formats.docker import registry_logins
from imgscan.secrets.formats.format import Format, Leaf, from_base64, secret, text_of
from imgscan.secrets.formats.json_text import json_leaves
from imgscan.secrets.formats.yaml_text import yaml_leaves

_USER_KEYS = frozenset({"token", "password", "id-token", "access-token", "refresh-token", "client-secret"})


def read_kubeconfig(_: str, data: bytes) -> Iterator[Candidate]:
    """Tokens and passwords of `users`; `client-key-data` is base64 of a PEM file."""
    text = text_of(data)
    leaves = [leaf for _, leaf in _leaves(text) if leaf.path[:1] == ("users",) and len(leaf.path) > 2]
    users = {leaf.path[1]: leaf.value for leaf in leaves if leaf.path[2:] == ("name",)}
    for leaf in leaves:
        name = users.get(leaf.path[1])
        if leaf.key == "client-key-data":
            decoded = from_base64(leaf.value)
            if decoded is not None and "PRIVATE KEY" in decoded:
                key = secret(text, "private-key", decoded, leaf.start, leaf.end, name=name)
                yield replace(key, validation=Validation.STRUCTURE_OK)
        elif leaf.key in _USER_KEYS and leaf.value:
            label = f"{name}/{leaf.key}" if name else leaf.key
            yield secret(text, "kubeconfig-credential", leaf.value, leaf.start, leaf.end, name=label, key=leaf.key)


def _leaves(text: str) -> Iterable[tuple[int, Leaf]]:
    if text.lstrip()[:1] == "{":
        return ((0, leaf) for leaf in json_leaves(text))
    return yaml_leaves(text)


KUBECONFIG = Format(
    "kubeconfig",
    "Kubernetes configuration",
    (
        ".kube/config",
        "kubeconfig",
        "kubeconfig.yaml",
        "kubeconfig.yml",
        "*.kubeconfig",
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/super-admin.conf",
        "etc/kubernetes/kubelet.conf",
        "etc/kubernetes/scheduler.conf",
        "etc/kubernetes/controller-manager.conf",
        "rancher/k3s/k3s.yaml",
    ),
    read_kubeconfig,
    "tokens and passwords of users, client keys out of base64",
)


class SecretManifestDetector:
    """`kind: Secret` with `data` in base64 or `stringData`, in a file of any name: YAML, or JSON that is a whole file.

    Nominated rather than told by a path: manifests lie anywhere, and YAML and JSON files are many.
    """

    id = "kubernetes-secret"
    version = 1
    nominators = (Nominator("kind[\"']?[ \\t]{0,8}:[ \\t]{0,8}[\"']?Secret[\"', \\t\\r\\n}#]"),)
    before = 32 << 10
    after = 32 << 10

    def confirm(self, window: Window) -> Iterable[Candidate]:
        """The values of the document that the nominated line is in."""
        start, end = _document(window.data, window.at)
        text = window.data[start:end]
        try:
            found = list(_values(text))
        except ValueError:
            return ()
        return [replace(each, start=each.start + start, end=each.end + start) for each in found]


_SEPARATOR = re.compile(r"^---", re.MULTILINE)


def _document(data: str, at: int) -> tuple[int, int]:
    """The document round `at`: between lines that begin with three dashes."""
    start = max((match.start() for match in _SEPARATOR.finditer(data, 0, at)), default=0)
    following = _SEPARATOR.search(data, at)
    return start, following.start() if following else len(data)


def _values(text: str) -> Iterator[Candidate]:
    """Values of each Secret in a document: it may be one, or a list that holds some."""
    leaves = [leaf for _, leaf in _leaves(text)]
    roots = [leaf.path[:-1] for leaf in leaves if leaf.key == "kind" and leaf.value == "Secret"]
    for root in roots:
        depth = len(root)
        own = [leaf for leaf in leaves if leaf.path[:depth] == root]
        name = next((leaf.value for leaf in own if leaf.path[depth:] == ("metadata", "name")), "")
        for leaf in own:
            where, key = leaf.path[depth:-1], leaf.key
            if where in (("data",), ("stringData",)) and leaf.value:
                yield from _value(text, leaf, f"{name}/{key}" if name else key, encoded=where == ("data",))


def _value(text: str, leaf: Leaf, name: str, *, encoded: bool) -> Iterator[Candidate]:
    value = from_base64(leaf.value) if encoded else leaf.value
    if value is None or not value.strip() or leaf.key == "ca.crt" or "BEGIN CERTIFICATE" in value[:64]:
        return
    if leaf.key in (".dockerconfigjson", ".dockercfg"):
        try:
            logins = list(registry_logins(value))
        except ValueError:
            logins = []
        if logins:  # one span holds them all: the first stands for it
            yield secret(text, "docker-auth", logins[0].value, leaf.start, leaf.end, name=logins[0].name)
            return
    if "PRIVATE KEY-----" in value[:80]:
        yield replace(
            secret(text, "private-key", value, leaf.start, leaf.end, name=name), validation=Validation.STRUCTURE_OK
        )
        return
    if leaf.key in ("username", "user", "namespace") or (leaf.key == "release" and value.startswith("H4sI")):
        return  # a Helm release is a compressed archive, which is opened as such
    yield secret(text, "kubernetes-secret", value, leaf.start, leaf.end, name=name, key=leaf.key)
