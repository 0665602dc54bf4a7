"""How registries are reached: what the user said, and the certificates this machine has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CERTIFICATES = ("/etc/docker/certs.d", "/etc/containers/certs.d")
USER_CERTIFICATES = ("docker/certs.d", "containers/certs.d")
"""Below ~/.config; the last ones are podman's."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the user said of registries; a value without credential, which may travel to other processes.

    `insecure` takes any certificate and plain HTTP, of registries that are not on this machine as well. `timeout`
    is in seconds, of silence; None for the client's own patience.
    """

    insecure: bool = False
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files that docker and podman keep for one registry: authorities to trust, and what we show of ourselves."""

    authorities: tuple[Path, ...] = ()
    client: tuple[Path, Path] | None = None
    """Certificate and key."""


def certificates_for(registry: str, environment: Mapping[str, str]) -> Certificates:
    """`*.crt` are authorities, `*.cert` with the `*.key` of the same name what we show (docs.docker.com, certs.d)."""
    home = environment.get("XDG_CONFIG_HOME") or (f"{environment['HOME']}/.config" if "HOME" in environment else "")
    folders = [*CERTIFICATES, *(f"{home}/{folder}" for folder in USER_CERTIFICATES if home)]
    authorities: list[Path] = []
    client: tuple[Path, Path] | None = None
    for folder in folders:
        place = Path(folder, registry)
        authorities += sorted(place.glob("*.crt"))
        for certificate in sorted(place.glob("*.cert")):
            key = certificate.with_suffix(".key")
            if client is None and key.exists():
                client = certificate, key
    return Certificates(tuple(authorities), client)


def authority_file(environment: Mapping[str, str]) -> str | None:
    """The authorities that the user wants trusted instead of the usual ones."""
    return environment.get(authority_variable(environment)) or None


def authority_variable(environment: Mapping[str, str]) -> str:
    """The variable that names them: the first that is set, as the others do not count then."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((name for name in names if environment.get(name)), names[-1])
