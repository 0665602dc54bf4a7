"""Files that are one secret from the first byte to the last."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, printable, secret, text_of

_LONGEST = 4096


def _one_word(kind: str, text: str, name: str | None = None) -> Iterator[Candidate]:
    value = text.strip(" \t\r\n\0")
    if value and len(value) <= _LONGEST and printable(value) and not re.search(r"\s", value):
        start = text.index(value)
        yield secret(text, kind, value, start, start + len(value), name=name)


def read_vault_token(_: str, data: bytes) -> Iterator[Candidate]:
    """What `vault login` leaves."""
    return _one_word("vault-token", text_of(data))


def read_mounted(path: str, data: bytes) -> Iterator[Candidate]:
    """A secret of an orchestrator that was mounted while the container ran, and committed with it."""
    return _one_word("mounted-secret", text_of(data), path.rpartition("/")[2])


def read_password_file(path: str, data: bytes) -> Iterator[Candidate]:
    """A password alone on its line."""
    return _one_word("tool-credential", text_of(data).split("\n", 1)[0], path.rpartition("/")[2])


def read_systemd(path: str, data: bytes) -> Iterator[Candidate]:
    """systemd's credential store: plain where a file is no base64 of an encrypted credential."""
    text = text_of(data)
    name = path.rpartition("/")[2]
    if ".encrypted/" in path or name.endswith(".cred"):
        value = text.strip()
        if len(value) >= 32:
            start = text.index(value)
            label = f"{name} (encrypted)"
            yield secret(text, "encrypted-credential", value, start, start + len(value), name=label)
        return
    yield from _one_word("mounted-secret", text, name)


WHOLE_FILES: tuple[Format, ...] = (
    Format("vault-token", "Vault token", (".vault-token",), read_vault_token, "the token", max_size=_LONGEST),
    Format(
        "mounted-secret",
        "secret of an orchestrator",
        (
            "run/secrets/*",
            "secrets/kubernetes.io/serviceaccount/token",
            "secrets/eks.amazonaws.com/serviceaccount/token",
        ),
        read_mounted,
        "the whole file, where it is one word",
        max_size=_LONGEST,
    ),
    Format(
        "systemd-credential",
        "systemd credential",
        ("credstore/*", "credstore.encrypted/*", "*.cred"),
        read_systemd,
        "the whole file; encrypted ones are told as such",
        max_size=64 << 10,
    ),
    Format(
        "password-file",
        "password file of a tool",
        (
            ".vault_pass",
            ".vault_pass.txt",
            "vault_pass.txt",
            ".vault_password",
            "vault-password",
            ".ansible_vault_pass",
            "ansible_vault_password",
            ".mysql_pwd",
            "redis.pass",
            ".vnc_passwd",
        ),
        read_password_file,
        "the first line, where it is one word",
        max_size=_LONGEST,
    ),
)
