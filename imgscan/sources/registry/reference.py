"""What a reference means: `[host/]repository[:tag][@digest]`, as docker reads it (distribution's reference package)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from imgscan.errors import UsageError

HUB = "docker.io"
HUB_ADDRESS = "registry-1.docker.io"
"""Where Docker Hub's API answers; its name in references has none."""
_HUB_NAMES = frozenset({HUB, "index.docker.io", "registry.hub.docker.com", HUB_ADDRESS})

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]{32,256}")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Reference:
    """`registry` is host[:port] as the user says it, `docker.io` for Docker Hub; `tag` or `digest` may be empty."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest where there is one, as a tag may have moved since."""
        return self.digest or self.tag


def parse_reference(text: str) -> Reference:
    """A reference, its short forms written out: `alpine` is `docker.io/library/alpine:latest`. UsageError otherwise."""
    if "://" in text:
        raise UsageError(f"{text[:200]!r} is a URL, no image reference", tip="write HOST/REPOSITORY[:TAG]")
    name, _, digest = text[:_LONGEST].partition("@")
    first, slash, rest = name.partition("/")
    # A first part is a host where it cannot be a user of Docker Hub (docker: splitDockerDomain).
    named = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    registry, path = (first, rest) if named else (HUB, name)
    repository, colon, tag = path.partition(":")
    registry = canonical_registry(registry)
    if registry == HUB and "/" not in repository:
        repository = f"library/{repository}"
    if not colon and not digest:
        tag = "latest"
    good = (
        len(text) <= _LONGEST
        and REPOSITORY.fullmatch(repository)
        and (TAG.fullmatch(tag) or not (tag or colon))
        and (DIGEST.fullmatch(digest) or (not digest and "@" not in text))
    )
    if not good:
        raise UsageError(
            f"{text[:200]!r} is no image reference",
            tip="write [HOST/]REPOSITORY[:TAG][@DIGEST]; repositories are lower case",
        )
    return Reference(registry, repository, tag, digest)


def canonical_registry(text: str) -> str:
    """host[:port]; all names of Docker Hub are one. UsageError for what is no host."""
    if not _HOST.fullmatch(text):
        raise UsageError(f"{text[:200]!r} is no registry", tip="write HOST[:PORT], as registry.example.com:5000")
    return HUB if text.lower() in _HUB_NAMES else text.lower()


def address(registry: str) -> str:
    """host[:port] to connect to."""
    return HUB_ADDRESS if registry == HUB else registry


def host_of(registry: str) -> str:
    """The host without its port or brackets."""
    return re.sub(r":[0-9]+\Z", "", registry).strip("[]")


def is_loopback(registry: str) -> bool:
    """Whether a registry is on this machine, by its name alone: nothing is looked up."""
    host = host_of(registry)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
