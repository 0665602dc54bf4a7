"""Inspect documents of containers, as engines write them."""

from __future__ import annotations

import copy
from typing import Any

HARDENED: dict[str, Any] = {
    "Id": "8" * 64,
    "Created": "2026-01-02T03:04:05.6Z",
    "Path": "docker-entrypoint.sh",
    "Args": ["node", "app.js"],
    "State": {"Status": "running", "Running": True, "Pid": 4711, "ExitCode": 0, "StartedAt": "2026-01-02T03:04:06Z",
              "FinishedAt": "0001-01-01T00:00:00Z"},
    "Image": "sha256:" + "a" * 64,
    "Name": "/hardened",
    "RestartCount": 0,
    "AppArmorProfile": "docker-default",
    "HostConfig": {
        "NetworkMode": "lab",
        "PortBindings": {"3000/tcp": [{"HostIp": "", "HostPort": "3000"}]},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "CapAdd": None,
        "CapDrop": ["ALL"],
        "IpcMode": "private",
        "Privileged": False,
        "ReadonlyRootfs": True,
        "SecurityOpt": ["no-new-privileges:true"],
        "Tmpfs": {"/tmp": ""},
        "Memory": 134217728,
        "NanoCpus": 500000000,
        "MemorySwap": 268435456,
        "PidsLimit": None,
        "Ulimits": None,
        "Devices": [],
    },
    "Mounts": [],
    "Config": {"User": "appuser", "Env": ["PATH=/usr/bin", "NODE_VERSION=20"], "Image": "multistage-app:latest",
               "Healthcheck": {"Test": ["CMD", "node", "check.js"]}},
    "NetworkSettings": {"Ports": {"3000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "3000"}]}},
}  # fmt: skip
"""The lab's hardened `docker run`."""

PLAIN_HOST: dict[str, Any] = {
    "CapDrop": None,
    "ReadonlyRootfs": False,
    "SecurityOpt": None,
    "Tmpfs": None,
    "Memory": 0,
    "NanoCpus": 0,
}
"""What the plain `docker run` has instead."""

INFO: dict[str, Any] = {"SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"]}
IMAGE: dict[str, Any] = {
    "User": "appuser",
    "Env": ["PATH=/usr/bin", "NODE_VERSION=20"],
    "ExposedPorts": {"3000/tcp": {}},
    "Entrypoint": ["docker-entrypoint.sh"],
    "Cmd": ["node", "app.js"],
}


def hardened(**host: Any) -> dict[str, Any]:
    """The hardened container with other settings in HostConfig."""
    document = copy.deepcopy(HARDENED)
    document["HostConfig"].update(host)
    return document


def plain(**host: Any) -> dict[str, Any]:
    """The container that was started without any flag."""
    return hardened(**{**PLAIN_HOST, **host})
