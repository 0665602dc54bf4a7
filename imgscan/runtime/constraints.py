"""What holds a container back, in a few words: `read-only, 128 MB, 0.5 CPU, no capabilities`."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.report.container import ContainerSettings

NONE = "none"


def constraints(settings: ContainerSettings) -> str:
    """The limits first, then what undoes them; `none` where nothing was set."""
    return ", ".join(_words(settings)) or NONE


def _words(settings: ContainerSettings) -> Iterator[str]:
    if settings.read_only:
        yield "read-only"
    if settings.memory:
        yield memory_text(settings.memory)
    if settings.cpus:
        yield f"{settings.cpus:g} CPU"
    if settings.pids_limit > 0:
        yield f"{settings.pids_limit} pids"
    if settings.drops_all_capabilities and not settings.privileged:
        yield f"capabilities {' '.join(settings.cap_add)}" if settings.cap_add else "no capabilities"
    if settings.no_new_privileges and not settings.privileged:
        yield "no new privileges"
    if settings.privileged:
        yield "privileged"
    modes = (("network", settings.network_mode), ("pid", settings.pid_mode), ("ipc", settings.ipc_mode))
    for name, mode in modes:
        if mode == "host":
            yield f"host {name}"


def memory_text(count: int) -> str:
    """Bytes as the engine's own options take them, in powers of 1024: `128 MB` is what --memory 128m sets."""
    for unit, size in (("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} B"
