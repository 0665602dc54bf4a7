"""A container: how it is run, what was found about that, and what it wrote since it started."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from imgscan.errors import Effect, Problem
from imgscan.report.exit_code import Completeness, ExitCode
from imgscan.report.finding import Rule
from imgscan.report.policy import Verdict


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mount. `source` is the host's path or the volume's name; `kind` is `bind`, `volume`, `tmpfs`, ..."""

    kind: str
    source: str
    destination: str
    writable: bool
    propagation: str = ""
    name: str = ""
    """Of the volume; empty where it has none."""


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port of the host that leads into the container. `host_ip` empty means all addresses of the host."""

    container_port: str
    """`3000/tcp`."""
    host_ip: str
    host_port: str

    @property
    def on_all_addresses(self) -> bool:
        return self.host_ip in ("", "0.0.0.0", "::", "*")  # noqa: S104  # it is looked for, not bound to


@dataclass(frozen=True, slots=True)
class Ulimit:
    """`-1` is no limit."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, repr=False)
class ContainerSettings:
    """How a container is run, decoded from an inspect document of Docker or podman. Each value is a claim.

    Sizes are in bytes, 0 where nothing was set; `nano_cpus` in billionths of a CPU, `cpu_quota` and `cpu_period` in
    microseconds. Capabilities have no `CAP_` prefix. The environment and the command line hold plaintext where the
    container does, so the repr shows none.
    """

    user: str = ""
    env: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    """What the process was started with: program and arguments."""
    working_dir: str = ""
    privileged: bool = False
    read_only: bool = False
    tmpfs: tuple[tuple[str, str], ...] = ()
    """(path, options)."""
    memory: int = 0
    memory_swap: int = 0
    """Memory and swap together; -1 is no limit, 0 twice the memory."""
    oom_kill_disabled: bool = False
    nano_cpus: int = 0
    cpu_quota: int = 0
    cpu_period: int = 0
    cpu_shares: int = 0
    cpuset_cpus: str = ""
    pids_limit: int = 0
    """-1 and 0 are no limit."""
    ulimits: tuple[Ulimit, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    no_new_privileges: bool | None = None
    """None where neither the container nor the engine says."""
    seccomp: str = ""
    """`default`, `unconfined`, `custom`, or empty where the engine has none."""
    apparmor: str | None = None
    """The profile; empty for none, None where the engine has no AppArmor."""
    selinux: str | None = None
    """The label; `disabled`, empty for none, None where the engine has no SELinux."""
    unmasked_paths: bool = False
    """systempaths=unconfined: what runtimes hide of /proc and /sys is there."""
    devices: tuple[str, ...] = ()
    """`/dev/fuse:rwm`, also cgroup rules and requested GPUs."""
    network_mode: str = ""
    pid_mode: str = ""
    ipc_mode: str = ""
    uts_mode: str = ""
    cgroupns_mode: str = ""
    userns_mode: str = ""
    user_namespace: bool | None = None
    """Whether root inside is somebody else on the host; None where it is not known."""
    cgroup_parent: str = ""
    mounts: tuple[MountPoint, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    restart_policy: str = ""
    restart_retries: int = 0
    healthcheck: tuple[str, ...] = ()
    runtime: str = ""
    sysctls: tuple[tuple[str, str], ...] = ()
    group_add: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ContainerSettings({len(self.env)} variables, {len(self.mounts)} mounts)"

    @property
    def cpus(self) -> float:
        """How many CPUs it may use; 0 where that is not limited."""
        if self.nano_cpus > 0:
            return self.nano_cpus / 1e9
        return self.cpu_quota / (self.cpu_period or 100_000) if self.cpu_quota > 0 else 0.0

    @property
    def drops_all_capabilities(self) -> bool:
        return "ALL" in self.cap_drop or not DEFAULT_CAPABILITIES - {*self.cap_drop}

    @property
    def shell_command(self) -> str:
        """The command line in one string, as process lists show it."""
        return " ".join(self.command)


DEFAULT_CAPABILITIES = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
"""What containers get without being asked (moby: oci/caps/defaults.go); podman gives a subset."""


BENCHMARK = "CIS Docker Benchmark 1.6.0"
"""The rules of family `container` name their item of it at the end of their explanations."""


class ChangeKind(StrEnum):
    """What a container did to a path since it was made."""

    MODIFIED = "modified"
    ADDED = "added"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """A path that differs from the image. `path` has no leading slash; size, mode and owner as far as it was read."""

    path: str
    kind: ChangeKind
    size: int | None = None
    mode: int | None = None
    uid: int | None = None
    sha256: str | None = None

    @property
    def executable(self) -> bool:
        return self.mode is not None and bool(self.mode & 0o111)

    @property
    def rights(self) -> str:
        """Whose rights the program gives to whoever starts it: `setuid`, `setgid`, both, or ""."""
        if not self.executable or self.mode is None:
            return ""
        bits = (("setuid", 0o4000), ("setgid", 0o2000))
        return " and ".join(name for name, bit in bits if self.mode & bit)


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What it does now. `status` is the engine's word (`running`, `exited`); times are the engine's, RFC 3339."""

    status: str = ""
    pid: int = 0
    exit_code: int | None = None
    started: str = ""
    finished: str = ""
    restarts: int = 0
    health: str = ""
    """`healthy`, `unhealthy`, `starting`; empty where nothing is checked."""
    oom_killed: bool = False

    @property
    def running(self) -> bool:
        return self.status in ("running", "paused", "restarting")


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the container as the host sees it: `uid` is the host's number."""

    pid: int
    uid: int
    name: str


@dataclass(frozen=True, slots=True)
class ContainerReport:
    """What is known of one container. Every string in it is redacted."""

    name: str
    id: str
    image: str
    """What it was started from, as named then."""
    image_id: str
    created: str
    state: ContainerState
    settings: ContainerSettings
    user: str
    """Who it runs as, for people: `root (the image names no user)`."""
    runs_as_root: bool | None
    """Of the process where it could be asked, else of the configuration; None where neither says."""
    constraints: str
    """Short words: `read-only, 128 MB, 0.5 CPU, no capabilities`; `none` where there are none."""
    verdict: Verdict
    processes: tuple[Process, ...] = ()
    changes: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    environment: tuple[tuple[str, bool], ...] = field(default=())
    """(name, whether the image sets it to the same value); never a value."""

    @property
    def complete(self) -> bool:
        """False where promised evidence was not read: exit code 3."""
        return not any(problem.effect is Effect.INCOMPLETE for problem in self.problems)


def benchmark_number(rule: Rule) -> str:
    """The item of the CIS Docker Benchmark that a rule answers to: `5.13`; empty where there is none."""
    _, found, number = rule.explanation.rpartition(f"{BENCHMARK}: ")
    return number.removesuffix(".") if found else ""


def container_exit_code(report: ContainerReport, completeness: Completeness) -> ExitCode:
    """What one container's report means for the run. Incomplete comes before found."""
    opaque = any(problem.effect is Effect.OPAQUE for problem in report.problems)
    lacks = not report.complete or (completeness is Completeness.STRICT and opaque)
    if lacks and completeness is not Completeness.LENIENT:
        return ExitCode.INCOMPLETE
    return ExitCode.FOUND if report.verdict.failed else ExitCode.CLEAN
