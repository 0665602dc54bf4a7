"""How to ask whether a service is well: from the image's health check, else from its ports."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from imgscan.image.image import ImageConfig
from imgscan.report.hardening import Port, Probe

_HTTP = re.compile(
    r"(?:curl|wget)\b[^;&|]{0,300}?\bhttp://(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)(?::([0-9]{1,5}))?(/[\w./?&=%-]{0,200})?"
    r"(?=[\s\"';&|)]|$)"
)
_MAX_COMMAND = 4_096
_SECOND = 1_000_000_000


def derive_probe(config: ImageConfig, ports: tuple[Port, ...]) -> Probe | None:
    """The health check as a probe, else whether the first TCP port takes connections; None without either."""
    test = config.healthcheck.test if config.healthcheck else ()
    health = _health(config.raw)
    checked = Probe(
        "the image's health check",
        interval=_seconds(health, "Interval", 30),
        timeout=_seconds(health, "Timeout", 30),
        start_period=_seconds(health, "StartPeriod", 0),
        retries=_retries(health),
    )
    if len(test) > 1 and test[0] in ("CMD", "CMD-SHELL") and sum(map(len, test)) <= _MAX_COMMAND:
        text = " ".join(test[1:])
        request = _HTTP.search(text)
        # Kubernetes asks at the pod's address: where the port is not exposed, it may listen on the loopback alone.
        if request is not None and int(request[1] or 80) in {port.number for port in ports}:
            return replace(checked, http=(int(request[1] or 80), request[2] or "/"))
        shell = config.shell or ("/bin/sh", "-c")
        command = test[1:] if test[0] == "CMD" else (*shell, text)
        return replace(checked, command=command)
    first = next((port.number for port in ports if port.protocol == "tcp"), None)
    if first is None:
        return None
    return Probe("the image has no health check; this asks only whether the port takes connections", tcp=first)


def _health(document: dict[str, Any]) -> dict[str, Any]:
    """The health check as the config has it, with its times."""
    config = document.get("config") or document.get("Config")
    health = config.get("Healthcheck") if isinstance(config, dict) else None
    return health if isinstance(health, dict) else {}


def _seconds(health: dict[str, Any], name: str, default: int) -> int:
    """A duration of the config, nanoseconds, in whole seconds; the engine's default where there is none."""
    value = health.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return default
    return min(max(value // _SECOND, 1), 86_400)


def _retries(health: dict[str, Any]) -> int:
    value = health.get("Retries")
    return min(value, 1000) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 3
