"""Which mounts of a container reach what of the host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import normpath

from imgscan.report.container import MountPoint

_SOCKETS = frozenset(
    {
        *("docker.sock", "docker.sock.raw", "podman.sock", "containerd.sock", "crio.sock", "buildkitd.sock"),
        *("dockershim.sock", "cri-dockerd.sock"),
    }
)
# A mount of one of these, or of a directory that has one in it, is the engine's.
_SOCKET_PATHS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
)
# Directories whose every file is the system's: the benchmark's list and those that lead to the same.
_WHOLE = (
    *("/", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/root", "/run", "/sys", "/usr", "/bin"),
    *(
        "/sbin",
        "/var",
        "/var/run",
        "/var/lib",
        "/var/log",
        "/var/spool/cron",
        "/home",
        "/usr/bin",
        "/usr/sbin",
        "/usr/lib",
    ),
    *("/usr/local/bin", "/etc/cron.d", "/etc/ssh", "/etc/sudoers.d", "/etc/systemd", "/etc/kubernetes", "/etc/pam.d"),
    *("/opt", "/srv", "/mnt"),
)
_LESS = frozenset({"/opt", "/srv", "/mnt", "/var/log"})
_WITH_ALL_BELOW = (
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/lib/containers",
    "/var/lib/etcd",
    "/boot",
    "/proc",
    "/dev/mapper",
)
_FILES = frozenset(
    {"/etc/shadow", "/etc/gshadow", "/etc/passwd", "/etc/group", "/etc/sudoers", "/etc/crontab", "/etc/ld.so.preload"}
)
_LOGINS = ("/.ssh", "/.aws", "/.kube", "/.docker", "/.gnupg", "/.config/gcloud", "/.azure")
# What programs are commonly given of these: names, times and certificates, which tell nothing.
_HARMLESS = frozenset(
    {
        *("/etc/localtime", "/etc/timezone", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/dev/null"),
        "/dev/shm",  # noqa: S108  # a place of the host, told apart and not written to
    }
)


@dataclass(frozen=True, slots=True)
class MountNote:
    """`kind` is `socket`, `sensitive` or `shared`."""

    kind: str
    message: str
    destination: str
    read_only: bool


def check_mounts(mounts: Iterable[MountPoint]) -> Iterator[MountNote]:
    """What is wrong with each mount, in the order of their places in the container."""
    for mount in sorted(mounts, key=lambda each: (each.destination, each.source)):
        source = _plain(mount.source)
        rights = "writable" if mount.writable else "read-only"
        told = f"{mount.source} of the host at {mount.destination}, {rights}"
        if mount.kind == "bind" and _has_engine_socket(source):
            yield MountNote("socket", told, mount.destination, not mount.writable)
        elif mount.kind == "bind" and _is_sensitive(source, writable=mount.writable):
            yield MountNote("sensitive", told, mount.destination, not mount.writable)
        if mount.propagation in ("shared", "rshared"):
            message = f"{mount.destination} is mounted with {mount.propagation} propagation"
            yield MountNote("shared", message, mount.destination, not mount.writable)


def _plain(source: str) -> str:
    path = normpath(f"/{source.lstrip('/')}")
    return path.removeprefix("/var") if path.startswith("/var/run/") else path


def _has_engine_socket(source: str) -> bool:
    if source.rpartition("/")[2] in _SOCKETS:
        return True
    # /run has the socket in it; / and /var lead to far more, and are told as sensitive.
    return source in ("/run", "/var/run") or any(path.rpartition("/")[0] == source for path in _SOCKET_PATHS)


def _is_sensitive(source: str, *, writable: bool) -> bool:
    if source in _HARMLESS:
        return False
    if source in _WHOLE:
        return writable or source not in _LESS
    if source in _FILES or source.endswith(_LOGINS):
        return True
    if source.startswith("/sys/") and writable:
        return True
    return any(source == place or source.startswith(f"{place}/") for place in _WITH_ALL_BELOW)
