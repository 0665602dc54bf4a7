"""From facts to findings: pure, for any container of any engine. Secrets and changed files have their own modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from imgscan.report import Finding, Location, LocationKind, Origin, Rule, Severity
from imgscan.report.container import DEFAULT_CAPABILITIES
from imgscan.runtime import rules
from imgscan.runtime.facts import ContainerFacts
from imgscan.runtime.mounts import check_mounts

_WAYS_OUT = frozenset(
    {
        *("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT", "SYS_TIME", "DAC_READ_SEARCH"),
        *("BPF", "PERFMON", "MAC_ADMIN", "MAC_OVERRIDE", "SYSLOG", "NET_ADMIN", "CHECKPOINT_RESTORE"),
    }
)
"""Capabilities that reach beyond the container (docker-bench 99.x, capabilities(7)). Others widen it only."""
_WHOLE_HOST = ("/dev/sd", "/dev/vd", "/dev/xvd", "/dev/nvme", "/dev/mmcblk", "/dev/dm-", "/dev/mapper", "/dev/md",
               "/dev/loop", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg")  # fmt: skip
_MANY_RETRIES = 5
"""CIS 5.15 asks for on-failure with at most five."""


@dataclass(frozen=True, slots=True)
class Note:
    """A finding in the making: the rule, what to tell, and which setting of the container says so."""

    rule: Rule
    message: str
    setting: str
    severity: Severity | None = None
    origin: Origin = Origin.OWN
    name: str | None = None


def check(facts: ContainerFacts) -> list[Finding]:
    """Everything that the settings, the user and the state of a container show."""
    return [found(note) for group in _GROUPS for note in group(facts)]


def found(note: Note) -> Finding:
    return Finding(
        rule=note.rule,
        location=Location(LocationKind.CONTAINER, pointer=note.setting, name=note.name),
        message=note.message,
        severity=note.severity or note.rule.severity,
        origin=note.origin,
        remediation=note.rule.remediation,
    )


def _privileged(facts: ContainerFacts) -> Iterator[Note]:
    if facts.described.settings.privileged:
        yield Note(rules.PRIVILEGED, "privileged: all capabilities, all devices, no seccomp, no AppArmor", "privileged")


def _user(facts: ContainerFacts) -> Iterator[Note]:
    settings = facts.described.settings
    if facts.runs_as_root:
        dropped = settings.drops_all_capabilities and not settings.privileged
        mapped = settings.user_namespace is True
        less = " in a user namespace" if mapped else " without capabilities" if dropped else ""
        severity = Severity.MEDIUM if less else Severity.HIGH
        yield Note(rules.ROOT_USER, f"runs as {facts.user_label}{less}", "user", severity, facts.user_origin)
    elif facts.runs_as_root is False and facts.user.is_root:
        message = f"runs as {facts.user_label}: it starts as root and gives that up"
        yield Note(rules.ROOT_USER, message, "user", Severity.MEDIUM, facts.user_origin)
    elif facts.user.missing:
        message = f"the {facts.user.missing} that it should run as is not in the container's accounts"
        yield Note(rules.ROOT_USER, message, "user", Severity.LOW, facts.user_origin)


def _capabilities(facts: ContainerFacts) -> Iterator[Note]:
    settings = facts.described.settings
    if settings.privileged:
        return
    if not settings.drops_all_capabilities and "ALL" not in settings.cap_add:
        harmless = facts.runs_as_root is False and settings.no_new_privileges is True
        kept = len(DEFAULT_CAPABILITIES - {*settings.cap_drop})
        message = "no capability was dropped" if not settings.cap_drop else f"{kept} default capabilities are kept"
        if harmless:
            message += "; an unprivileged process that gains no privileges cannot use them"
        yield Note(rules.CAPABILITIES, message, "cap_drop", Severity.LOW if harmless else None)
    added = [name for name in settings.cap_add if name not in DEFAULT_CAPABILITIES]
    if added:
        severity = Severity.HIGH if _WAYS_OUT.intersection(added) else None
        yield Note(rules.ADDED_CAPABILITIES, f"added: {', '.join(added)}", "cap_add", severity)


def _confinement(facts: ContainerFacts) -> Iterator[Note]:
    settings = facts.described.settings
    if settings.no_new_privileges is False:
        yield Note(
            rules.NEW_PRIVILEGES, "neither the container nor the engine sets no-new-privileges", "no_new_privileges"
        )
    if settings.unmasked_paths and not settings.privileged:
        yield Note(
            rules.UNMASKED_PATHS, "systempaths=unconfined: nothing of /proc and /sys is hidden", "unmasked_paths"
        )
    if settings.privileged:
        return
    if settings.seccomp in ("unconfined", ""):
        message = (
            "seccomp=unconfined" if settings.seccomp else "the engine has no seccomp: all system calls are allowed"
        )
        yield Note(rules.SECCOMP, message, "seccomp")
    if settings.apparmor == "unconfined":
        yield Note(rules.APPARMOR, "apparmor=unconfined", "apparmor")
    elif not settings.apparmor and settings.selinux is None:
        lacks = "neither AppArmor nor SELinux holds it back" if settings.apparmor is None else "no profile is set"
        yield Note(rules.APPARMOR, lacks, "apparmor", Severity.INFO if settings.apparmor is None else None)
    if settings.selinux == "disabled":
        yield Note(rules.SELINUX, "label=disable", "selinux")


def _namespaces(facts: ContainerFacts) -> Iterator[Note]:
    settings = facts.described.settings
    for rule, mode, setting, what in (
        (rules.HOST_NETWORK, settings.network_mode, "network_mode", "network"),
        (rules.HOST_PID, settings.pid_mode, "pid_mode", "processes"),
        (rules.HOST_IPC, settings.ipc_mode, "ipc_mode", "shared memory"),
        (rules.HOST_UTS, settings.uts_mode, "uts_mode", "host name"),
    ):
        if mode == "host":
            yield Note(rule, f"shares the host's {what}", setting)
    if settings.userns_mode == "host" and settings.user_namespace is False:
        yield Note(rules.HOST_USER_NAMESPACE, "userns=host: root inside is root of the host", "userns_mode")
    if settings.cgroup_parent and not settings.cgroup_parent.startswith(("/kubepods", "kubepods")):
        yield Note(rules.CGROUP_PARENT, f"cgroup parent {settings.cgroup_parent}", "cgroup_parent")


def _limits(facts: ContainerFacts) -> Iterator[Note]:
    settings = facts.described.settings
    if not settings.read_only:
        yield Note(rules.WRITABLE_ROOT, "the root file system can be written to", "read_only")
    if not settings.memory:
        oom = "; the kernel may not end it either (--oom-kill-disable)" if settings.oom_kill_disabled else ""
        yield Note(rules.MEMORY, f"no memory limit{oom}", "memory")
    if not (settings.cpus or settings.cpu_shares or settings.cpuset_cpus):
        yield Note(rules.CPU, "no CPU limit, no share", "nano_cpus")
    if settings.pids_limit <= 0:
        yield Note(rules.PIDS, "no limit of processes", "pids_limit")
    endless = [
        limit.name for limit in settings.ulimits if limit.soft == -1 and limit.name in ("nofile", "nproc", "core")
    ]
    if endless:
        yield Note(rules.ULIMITS, f"unlimited: {', '.join(endless)}", "ulimits")


def _devices(facts: ContainerFacts) -> Iterator[Note]:
    devices = facts.described.settings.devices
    if devices:
        whole = [device for device in devices if device.startswith(_WHOLE_HOST)]
        severity = Severity.HIGH if whole else None
        yield Note(rules.DEVICES, f"{', '.join((whole or list(devices))[:8])}", "devices", severity)


def _ports(facts: ContainerFacts) -> Iterator[Note]:
    settings = facts.described.settings
    everywhere = sorted({port.container_port for port in settings.ports if port.on_all_addresses})
    if everywhere:
        message = f"{', '.join(everywhere[:8])} can be reached on every address of the host"
        yield Note(rules.PORT_ON_ALL_ADDRESSES, message, "ports")
    low = sorted(
        {port.host_port for port in settings.ports if port.host_port.isdecimal() and 0 < int(port.host_port[:6]) < 1024}
    )
    if low:
        yield Note(rules.PRIVILEGED_PORT, f"port {', '.join(low[:8])} of the host", "ports")
    exposed = {name if "/" in name else f"{name}/tcp" for name in facts.image.exposed_ports}
    unexpected = sorted({port.container_port for port in settings.ports} - exposed)
    if unexpected and exposed:
        message = f"{', '.join(unexpected[:8])}; the image names {', '.join(sorted(exposed)[:8])}"
        yield Note(rules.UNEXPECTED_PORT, message, "ports")
    if settings.network_mode in ("default", "bridge"):
        yield Note(rules.DEFAULT_BRIDGE, "on the default bridge, beside all others there", "network_mode")


def _life(facts: ContainerFacts) -> Iterator[Note]:
    settings, state = facts.described.settings, facts.described.state
    if state.health == "unhealthy":
        yield Note(rules.UNHEALTHY, "its health check fails", "healthcheck")
    if not settings.healthcheck or settings.healthcheck[0] == "NONE":
        off = settings.healthcheck[:1] == ("NONE",)
        origin = Origin.BASE if facts.image_known and not off else Origin.OWN
        yield Note(
            rules.HEALTH_CHECK,
            "the health check is switched off" if off else "no health check",
            "healthcheck",
            origin=origin,
        )
    endless = settings.restart_policy in ("always", "unless-stopped")
    if endless or (settings.restart_policy == "on-failure" and not 0 < settings.restart_retries <= _MANY_RETRIES):
        times = f", restarted {state.restarts:,} times" if state.restarts else ""
        yield Note(rules.RESTART_POLICY, f"restart policy {settings.restart_policy}{times}", "restart_policy")
    if facts.current_image_id and facts.current_image_id != facts.described.image_id:
        message = (
            f"{facts.described.image} now means {facts.current_image_id[:19]}, not {facts.described.image_id[:19]}"
        )
        yield Note(rules.OUTDATED_IMAGE, message, "image")
    if any(process.name == "sshd" for process in facts.processes):
        yield Note(rules.SSH_SERVER, "sshd runs inside", "processes")
    if any(session.privileged for session in facts.execs):
        yield Note(rules.PRIVILEGED_EXEC, "a session with all capabilities is open", "processes")
    if facts.user.uid != 0 and any(session.as_root for session in facts.execs):
        yield Note(rules.ROOT_EXEC, "a session of root is open in a container that does not run as root", "processes")


def _mounts(facts: ContainerFacts) -> Iterator[Note]:
    for mount in check_mounts(facts.described.settings.mounts):
        rule = {"socket": rules.ENGINE_SOCKET, "sensitive": rules.SENSITIVE_MOUNT, "shared": rules.MOUNT_PROPAGATION}
        severity = Severity.MEDIUM if mount.kind == "sensitive" and mount.read_only else None
        yield Note(rule[mount.kind], mount.message, "mounts", severity, name=mount.destination)


_GROUPS: tuple[Callable[[ContainerFacts], Iterator[Note]], ...] = (
    _privileged, _user, _capabilities, _confinement, _namespaces, _limits, _devices, _ports, _life, _mounts,
)  # fmt: skip
