"""`imgscan harden --target docker`: the reasons as comments, then one `docker run` command for a POSIX shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from imgscan.renderers.yaml_text import comment
from imgscan.report.hardening import CPUS, MEMORY, PIDS, TMPFS_SIZE, Hardening, Place

_LABEL = 63
"""Characters of a DNS label (RFC 1123), which names in Kubernetes are."""

Flag = tuple[tuple[str, ...], str]
"""(words, reason)."""


def render(hardened: Sequence[Hardening]) -> str:
    """One command for each image."""
    return "\n".join(_command(each) for each in hardened)


def _command(hardened: Hardening) -> str:
    flags = list(flags_of(hardened))
    told = [(shlex.join(words), reason) for words, reason in flags if reason]
    wide = max((len(text) for text, _ in told if len(text) <= 48), default=0)
    lines = [f"# {comment(hardened.image)}, as far as its contents tell; try it before you rely on it."]
    lines += [f"# Note: {comment(note)}." for note in hardened.notes]
    for text, reason in told:
        lines.append(
            f"# {text:<{wide}}  {comment(reason)}" if len(text) <= wide else f"# {comment(text)}\n#   {comment(reason)}"
        )
    lines.append("# seccomp and AppArmor stay as the engine has them: do not add unconfined.")
    words = ["docker run --detach", *(shlex.join(words) for words, _ in flags), shlex.quote(hardened.image)]
    return "\n".join(lines) + "\n" + " \\\n  ".join(words) + "\n"


def flags_of(hardened: Hardening) -> Iterator[Flag]:
    """The options of `docker run`, in the order they are written."""
    yield ("--name", hardened.name), ""
    user = hardened.user
    if user is not None:
        yield ("--user", f"{user.uid}:{user.gid}"), user.reason
        for group in user.groups:
            yield ("--group-add", str(group)), "a further group of that account"
    yield ("--read-only",), "nothing is written but to the places below"
    for place in hardened.tmpfs:
        yield ("--tmpfs", tmpfs_option(place)), f"{place.reason}; the size is yours to set"
    for source, place in zip(volume_names(hardened.name, hardened.volumes), hardened.volumes, strict=True):
        yield ("--mount", f"type=volume,source={source},target={place.path}"), place.reason
    yield ("--cap-drop", "ALL"), "root's powers, which hardly any service needs"
    for capability in hardened.capabilities:
        yield ("--cap-add", capability.name), capability.reason
    if not hardened.gains_privileges:
        yield ("--security-opt", "no-new-privileges:true"), "no setuid program makes root of it"
    else:
        yield ("--security-opt", "no-new-privileges:false"), f"must stay off: {hardened.gains_privileges}"
    if hardened.low_ports:
        low = ", ".join(port.name for port in hardened.low_ports)
        yield (
            ("--sysctl", "net.ipv4.ip_unprivileged_port_start=0"),
            f"lets it listen on {low} without NET_BIND_SERVICE, in the container's own network only",
        )
    yield ("--memory", MEMORY), "YOURS TO SET: above its peak, see docker stats"
    yield ("--memory-swap", MEMORY), "YOURS TO SET: the same, so that it does not swap"
    yield ("--cpus", CPUS), "YOURS TO SET"
    yield ("--pids-limit", str(PIDS)), "YOURS TO SET: processes and threads"
    yield ("--restart", "on-failure:5"), "restarted when it fails, not without end"
    for port in hardened.ports:
        reason = f"EXPOSE {port.name} of the image; on this machine alone: change the address for others"
        yield ("--publish", f"127.0.0.1:{published(port.number)}:{port.name}"), reason


def tmpfs_option(place: Place) -> str:
    """`/tmp:rw,noexec,nosuid,nodev,size=64m`."""
    execute = "exec" if place.execute else "noexec"
    return f"{place.path}:rw,{execute},nosuid,nodev,size={TMPFS_SIZE},mode=1777"


def volume_names(name: str, places: Sequence[Place]) -> list[str]:
    """A name for the volume of each place: `/var/lib/mysql` gives `NAME-var-lib-mysql`. DNS labels, all different."""
    names: list[str] = []
    for number, place in enumerate(places):
        whole = name + re.sub(r"[^a-z0-9]+", "-", place.path.lower()).rstrip("-")
        names.append(whole if len(whole) <= _LABEL and whole not in names else f"{name}-data-{number}")
    return names


def published(number: int) -> int:
    """The host's port for one of the container: from 1024 on, so that it needs no privilege either."""
    return number if number >= 1024 else number + 8000
