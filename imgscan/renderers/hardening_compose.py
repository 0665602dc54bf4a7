"""`imgscan harden --target compose`: a compose file (Compose Specification), each line with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgscan.renderers.hardening_docker import published, tmpfs_option, volume_names
from imgscan.renderers.yaml_text import comment, scalar
from imgscan.report.hardening import CPUS, MEMORY, PIDS, Hardening


def render(hardened: Sequence[Hardening]) -> str:
    """One service for each image."""
    lines = ["# As far as the contents of the images tell; try it before you rely on it.", "services:"]
    names = unique_names(hardened)
    for name, each in zip(names, hardened, strict=True):
        lines += [f"  {scalar(name)}:", *(f"    {line}" for line in _service(each, name))]
    volumes = [
        volume for name, each in zip(names, hardened, strict=True) for volume in volume_names(name, each.volumes)
    ]
    if volumes:
        lines += ["volumes:", *(f"  {scalar(volume)}: {{}}" for volume in volumes)]
    return "\n".join(lines) + "\n"


def unique_names(hardened: Sequence[Hardening]) -> list[str]:
    """A name for each: several images of one name get numbers."""
    counts: dict[str, int] = {}
    names = []
    for each in hardened:
        count = counts[each.name] = counts.get(each.name, 0) + 1
        names.append(each.name if count == 1 else f"{each.name}-{count}")
    return names


def _value(text: str) -> str:
    """Compose replaces `$NAME` in values; `$$` is a dollar."""
    return scalar(text.replace("$", "$$"))


def _service(hardened: Hardening, name: str) -> Iterator[str]:
    for note in hardened.notes:
        yield f"# Note: {comment(note)}."
    yield f"image: {_value(hardened.image)}"
    user = hardened.user
    if user is not None:
        yield f"# {comment(user.reason)}"
        yield f'user: "{user.uid}:{user.gid}"'
        if user.groups:
            yield "group_add:"
            yield from (f'  - "{group}"' for group in user.groups)
    yield "read_only: true  # nothing is written but to the places below"
    yield "tmpfs:  # sizes are yours to set"
    for place in hardened.tmpfs:
        yield f"  - {_value(tmpfs_option(place))}  # {comment(place.reason)}"
    if hardened.volumes:
        yield "volumes:"
        for source, place in zip(volume_names(name, hardened.volumes), hardened.volumes, strict=True):
            yield f"  - type: volume  # {comment(place.reason)}"
            yield f"    source: {_value(source)}"
            yield f"    target: {_value(place.path)}"
    yield "cap_drop:"
    yield '  - "ALL"  # root\'s powers, which hardly any service needs'
    if hardened.capabilities:
        yield "cap_add:"
        for capability in hardened.capabilities:
            yield f"  - {_value(capability.name)}  # {comment(capability.reason)}"
    yield "security_opt:  # seccomp and AppArmor stay as the engine has them"
    if hardened.gains_privileges:
        yield f'  - "no-new-privileges:false"  # must stay off: {comment(hardened.gains_privileges)}'
    else:
        yield '  - "no-new-privileges:true"  # no setuid program makes root of it'
    if hardened.low_ports:
        yield "sysctls:"
        yield '  "net.ipv4.ip_unprivileged_port_start": 0  # ports below 1024 without NET_BIND_SERVICE'
    yield f'mem_limit: "{MEMORY}"  # YOURS TO SET: above its peak, see docker stats'
    yield f'memswap_limit: "{MEMORY}"  # YOURS TO SET: the same, so that it does not swap'
    yield f"cpus: {CPUS}  # YOURS TO SET"
    yield f"pids_limit: {PIDS}  # YOURS TO SET: processes and threads"
    yield 'restart: "on-failure:5"  # restarted when it fails, not without end'
    if hardened.ports:
        yield "ports:  # on this machine alone: change the addresses for others"
        for port in hardened.ports:
            yield f'  - "127.0.0.1:{published(port.number)}:{port.name}"  # EXPOSE of the image'
    if hardened.probe is None or hardened.probe.tcp is not None:
        yield "# The image has no health check: add `healthcheck:` with a request of your own."
