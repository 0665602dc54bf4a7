"""How an image can be run: what it can live with, each part with its reason. Derived, not tried."""

from __future__ import annotations

from dataclasses import dataclass

from imgscan.errors import Problem

MEMORY = "256m"
CPUS = "1.0"
PIDS = 100
TMPFS_SIZE = "64m"
STORAGE = "1Gi"
"""Placeholders: nothing in an image says how much its service needs."""


@dataclass(frozen=True, slots=True)
class RunUser:
    """Who to run as, in numbers: orchestrators that check for root cannot look names up."""

    uid: int
    gid: int
    reason: str
    groups: tuple[int, ...] = ()
    """More group ids that the image's accounts give."""

    @property
    def is_root(self) -> bool:
        return self.uid == 0


@dataclass(frozen=True, slots=True)
class Place:
    """A directory that must be writable; `path` is absolute. With `execute` programs are started from it."""

    path: str
    reason: str
    execute: bool = False


@dataclass(frozen=True, slots=True)
class Capability:
    """One that is given back after all were dropped; `name` without `CAP_`."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the service listens on."""

    number: int
    protocol: str

    @property
    def name(self) -> str:
        return f"{self.number}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Probe:
    """How to ask the service whether it is well. Times in whole seconds.

    Of `http` (port, path), `command` and `tcp` (port) one is set.
    """

    reason: str
    http: tuple[int, str] | None = None
    command: tuple[str, ...] = ()
    tcp: int | None = None
    interval: int = 30
    timeout: int = 30
    retries: int = 3
    start_period: int = 0


@dataclass(frozen=True, slots=True)
class Hardening:
    """The flags that one image can live with."""

    image: str
    """What to run; a placeholder where the image has no name."""
    name: str
    """For the container, the service or the deployment: a DNS label."""
    platform: str
    user: RunUser | None
    """None where nobody can tell who it runs as."""
    tmpfs: tuple[Place, ...]
    volumes: tuple[Place, ...]
    """Data that must survive the container."""
    capabilities: tuple[Capability, ...]
    gains_privileges: str
    """Why no-new-privileges cannot be set; empty where it can."""
    ports: tuple[Port, ...]
    probe: Probe | None
    notes: tuple[str, ...] = ()
    """What to know before using it: what could not be derived, what is left out."""
    problems: tuple[Problem, ...] = ()

    @property
    def low_ports(self) -> tuple[Port, ...]:
        """Those for which the kernel asks for a privilege, unless its sysctl says otherwise."""
        return tuple(port for port in self.ports if port.number < 1024)
