"""An inspect document of a container, of Docker's engine or podman's, decoded into one value. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imgscan.errors import Effect, Problem
from imgscan.image.oci import clean
from imgscan.report.container import ContainerSettings, ContainerState, MountPoint, PublishedPort, Ulimit
from imgscan.runtime.fields import Fields


@dataclass(frozen=True, slots=True)
class EngineSecurity:
    """What an engine has and gives to every container, from the `SecurityOptions` of its info answer."""

    known: bool = False
    """False where the engine was not asked, as for a saved document."""
    seccomp: bool = False
    apparmor: bool = False
    selinux: bool = False
    no_new_privileges: bool = False
    user_namespaces: bool = False
    rootless: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """An inspect document, decoded."""

    id: str
    name: str
    image: str
    image_id: str
    created: str
    state: ContainerState
    settings: ContainerSettings
    exec_ids: tuple[str, ...]
    problems: tuple[Problem, ...]


def parse_info(document: object) -> EngineSecurity:
    """What an info answer says. Each option is `name=seccomp,profile=default` (moby: daemon/info.go)."""
    options = {}
    for text in Fields(document).texts("SecurityOptions"):
        pairs = dict(part.partition("=")[::2] for part in text.split(","))
        options[pairs.get("name") or text] = pairs
    return EngineSecurity(
        known=True,
        # Podman names what it has in the same words.
        seccomp=bool(options.get("seccomp")) and options["seccomp"].get("profile") != "unconfined",
        apparmor="apparmor" in options,
        selinux="selinux" in options,
        no_new_privileges="no-new-privileges" in options,
        user_namespaces="userns" in options,
        rootless="rootless" in options,
    )


def parse_container(document: object, engine: EngineSecurity) -> Described:
    """Everything of an inspect document that is judged; fields of a wrong type are left out and told."""
    whole = Fields(document)
    config, state = whole.inner("Config"), whole.inner("State")
    health = state.inner("Health") if "Health" in state else state.inner("Healthcheck")  # podman's name
    settings = _settings(whole, config, engine)
    return Described(
        id=whole.text("Id") or whole.text("ID"),
        name=whole.text("Name").removeprefix("/"),
        image=config.text("Image") or whole.text("ImageName"),
        image_id=_image_id(whole.text("Image")),
        created=whole.text("Created"),
        state=ContainerState(
            status=state.text("Status") or ("running" if state.flag("Running") else ""),
            pid=state.number("Pid"),
            exit_code=state.number("ExitCode") if "ExitCode" in state and not state.flag("Running") else None,
            started=_time(state.text("StartedAt")),
            finished=_time(state.text("FinishedAt")),
            restarts=whole.number("RestartCount"),
            health="" if health.text("Status") == "none" else health.text("Status"),
            oom_killed=state.flag("OOMKilled"),
        ),
        settings=settings,
        exec_ids=whole.texts("ExecIDs"),
        problems=tuple(_problems(whole)),
    )


def _settings(whole: Fields, config: Fields, engine: EngineSecurity) -> ContainerSettings:
    host = whole.inner("HostConfig")
    options = host.texts("SecurityOpt")
    privileged = host.flag("Privileged")
    policy = host.inner("RestartPolicy")
    program = whole.text("Path")
    return ContainerSettings(
        user=config.text("User"),
        env=config.texts("Env"),
        command=((program,) if program else ()) + whole.texts("Args"),
        working_dir=config.text("WorkingDir"),
        privileged=privileged,
        read_only=host.flag("ReadonlyRootfs"),
        tmpfs=_tmpfs(host, whole),
        memory=max(host.number("Memory"), 0),
        memory_swap=host.number("MemorySwap"),
        oom_kill_disabled=host.flag("OomKillDisable"),
        nano_cpus=max(host.number("NanoCpus"), 0),
        cpu_quota=host.number("CpuQuota"),
        cpu_period=max(host.number("CpuPeriod"), 0),
        cpu_shares=max(host.number("CpuShares"), 0),
        cpuset_cpus=host.text("CpusetCpus"),
        pids_limit=host.number("PidsLimit"),
        ulimits=tuple(
            Ulimit(each.text("Name"), each.number("Soft"), each.number("Hard")) for each in host.objects("Ulimits")
        ),
        cap_add=_capabilities(host.texts("CapAdd")),
        cap_drop=_capabilities(host.texts("CapDrop")),
        no_new_privileges=_no_new_privileges(options, engine),
        seccomp=_seccomp(options, engine, privileged=privileged),
        apparmor=_apparmor(whole.text("AppArmorProfile"), options, engine, privileged=privileged),
        selinux=_selinux(whole.text("ProcessLabel"), options, engine, privileged=privileged),
        unmasked_paths="systempaths=unconfined" in options or "unmask=ALL" in options,
        devices=tuple(_devices(host)),
        network_mode=host.text("NetworkMode"),
        pid_mode=host.text("PidMode"),
        ipc_mode=host.text("IpcMode"),
        uts_mode=host.text("UTSMode"),
        cgroupns_mode=host.text("CgroupnsMode") or host.text("CgroupMode"),
        userns_mode=host.text("UsernsMode"),
        user_namespace=_user_namespace(host.text("UsernsMode"), engine),
        cgroup_parent=host.text("CgroupParent"),
        mounts=tuple(_mounts(whole)),
        ports=tuple(_ports(whole, host)),
        restart_policy=policy.text("Name"),
        restart_retries=max(policy.number("MaximumRetryCount"), 0),
        healthcheck=config.inner("Healthcheck").texts("Test"),
        runtime=host.text("Runtime"),
        sysctls=host.pairs("Sysctls"),
        group_add=host.texts("GroupAdd"),
    )


def _problems(whole: Fields) -> Iterator[Problem]:
    for name in sorted(whole.wrong):
        yield Problem("odd-container", f"{name} of the inspect document has a type it should not have; it was left out")
    for name in sorted(whole.too_many):
        message = f"{name} of the inspect document has more entries than are read; the rest was left out"
        yield Problem("odd-container", message, Effect.INCOMPLETE)


def _image_id(text: str) -> str:
    return f"sha256:{text}" if len(text) == 64 and ":" not in text else text  # podman leaves the algorithm out


def _time(text: str) -> str:
    return "" if text.startswith("0001-") else text  # Go's zero time


def _capabilities(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.upper().removeprefix("CAP_") for name in names))


def _option(options: tuple[str, ...], name: str) -> str | None:
    """The value of the last `name=value` or `name:value`; the latter is the form before Docker 1.11."""
    for text in reversed(options):
        for separator in "=:":
            if text.startswith(name + separator):
                return text[len(name) + 1 :]
        if text == name:
            return ""
    return None


def _no_new_privileges(options: tuple[str, ...], engine: EngineSecurity) -> bool | None:
    value = _option(options, "no-new-privileges")
    if value is not None:
        return value.lower() not in ("false", "0", "f")  # as Go's strconv.ParseBool; bare is true
    if engine.no_new_privileges:
        return True
    return False if engine.known else None


def _seccomp(options: tuple[str, ...], engine: EngineSecurity, *, privileged: bool) -> str:
    value = _option(options, "seccomp")
    if value == "unconfined" or (privileged and value is None):
        return "unconfined"
    if value and value not in ("builtin", "default"):
        return "custom"
    return "default" if engine.seccomp or not engine.known else ""


def _apparmor(profile: str, options: tuple[str, ...], engine: EngineSecurity, *, privileged: bool) -> str | None:
    stated = _option(options, "apparmor")
    if stated is None and not profile and not engine.apparmor:
        return None
    return "unconfined" if privileged and not stated and not profile else (profile or stated or "")


def _selinux(label: str, options: tuple[str, ...], engine: EngineSecurity, *, privileged: bool) -> str | None:
    stated = _option(options, "label")
    if not label and not engine.selinux and stated is None:
        return None
    if stated in ("disable", "disabled") or (privileged and not label):
        return "disabled"
    return label or stated or ""


def _user_namespace(mode: str, engine: EngineSecurity) -> bool | None:
    if mode == "host":
        return engine.rootless
    if mode.startswith(("auto", "keep-id", "nomap", "private")):  # podman's
        return True
    return engine.user_namespaces or engine.rootless if engine.known else None


def _devices(host: Fields) -> Iterator[str]:
    for device in host.objects("Devices"):
        path = device.text("PathOnHost") or device.text("PathInContainer")
        yield f"{path}:{device.text('CgroupPermissions') or 'rwm'}"
    for rule in host.texts("DeviceCgroupRules"):
        yield f"cgroup rule {rule}"
    for request in host.objects("DeviceRequests"):
        yield f"{request.text('Driver') or 'gpu'} devices"


def _tmpfs(host: Fields, whole: Fields) -> tuple[tuple[str, str], ...]:
    """Those of --tmpfs, and those of --mount type=tmpfs."""
    found = dict(host.pairs("Tmpfs"))
    for mount in whole.objects("Mounts"):
        if mount.text("Type") == "tmpfs":
            found.setdefault(mount.text("Destination"), mount.text("Mode"))
    return tuple(sorted(found.items()))


def _mounts(whole: Fields) -> Iterator[MountPoint]:
    for mount in whole.objects("Mounts"):
        kind = mount.text("Type")
        yield MountPoint(
            kind=kind,
            source=mount.text("Source"),
            destination=mount.text("Destination"),
            writable=mount.flag("RW"),
            propagation=mount.text("Propagation"),
            name=mount.text("Name"),
        )


def _ports(whole: Fields, host: Fields) -> Iterator[PublishedPort]:
    """Those of a running container as they are, of a stopped one as they were asked for."""
    now, wanted = whole.inner("NetworkSettings").mapping("Ports"), host.mapping("PortBindings")
    found: set[PublishedPort] = set()
    for name in {**wanted, **now}:
        bindings: Any = now.get(name) or wanted.get(name)
        for binding in bindings[:100] if isinstance(bindings, list) else ():
            each = Fields(binding)
            found.add(PublishedPort(clean(name), each.text("HostIp"), each.text("HostPort")))
    yield from sorted(found, key=lambda port: (port.container_port, port.host_ip, port.host_port))
