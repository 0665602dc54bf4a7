"""`imgscan container` as JSON, schema `imgscan/1`; docs/json.md has the keys. No value of a variable is in it."""

from __future__ import annotations

from collections.abc import Sequence

from imgscan.renderers.json import (
    SCHEMA,
    Document,
    failure_document,
    finding_document,
    problem_document,
    suppressed_document,
    written,
)
from imgscan.renderers.renderer import RenderOptions
from imgscan.report import Finding
from imgscan.report.container import ContainerReport, ContainerSettings, benchmark_number, container_exit_code


def render(reports: Sequence[ContainerReport], options: RenderOptions) -> str:
    """All containers as one document, in the order given."""
    document: Document = {
        "schema": SCHEMA,
        "tool": {"name": "imgscan", "version": options.version},
        "containers": [_container(report, options) for report in reports],
        "failures": [failure_document(failure) for failure in options.failures],
    }
    return written(document) + "\n"


def _container(report: ContainerReport, options: RenderOptions) -> Document:
    state = report.state
    return {
        "name": report.name,
        "id": report.id,
        "image": report.image,
        "image_id": report.image_id,
        "created": report.created or None,
        "state": {
            "status": state.status,
            "started": state.started or None,
            "finished": state.finished or None,
            "exit_code": state.exit_code,
            "restarts": state.restarts,
            "health": state.health or None,
            "oom_killed": state.oom_killed,
        },
        "user": report.user,
        "runs_as_root": report.runs_as_root,
        "constraints": report.constraints,
        "settings": settings_document(report.settings),
        "environment": [{"name": name, "inherited": inherited} for name, inherited in report.environment],
        "processes": [{"pid": each.pid, "uid": each.uid, "name": each.name} for each in report.processes],
        "changes": [
            {
                "path": change.path,
                "kind": str(change.kind),
                "size": change.size,
                "mode": change.mode,
                "uid": change.uid,
                "sha256": change.sha256,
            }
            for change in report.changes
        ],
        "verdict": {
            "failed": report.verdict.failed,
            "fail_on": str(options.fail_on),
            "exit_code": int(container_exit_code(report, options.completeness)),
        },
        "findings": [_finding(finding, options) for finding in report.verdict.open],
        "suppressed": [suppressed_document(item, options) for item in report.verdict.suppressed],
        "problems": [problem_document(problem) for problem in report.problems],
    }


def _finding(finding: Finding, options: RenderOptions) -> Document:
    return {**finding_document(finding, options), "cis": benchmark_number(finding.rule) or None}


def settings_document(settings: ContainerSettings) -> Document:
    """How a container is run, each setting under its own key; null where nobody says."""
    return {
        "user": settings.user,
        "privileged": settings.privileged,
        "read_only": settings.read_only,
        "tmpfs": [{"path": path, "options": how} for path, how in settings.tmpfs],
        "memory": settings.memory or None,
        "memory_swap": settings.memory_swap or None,
        "oom_kill_disabled": settings.oom_kill_disabled,
        "nano_cpus": settings.nano_cpus or None,
        "cpu_quota": settings.cpu_quota or None,
        "cpu_period": settings.cpu_period or None,
        "cpu_shares": settings.cpu_shares or None,
        "cpuset_cpus": settings.cpuset_cpus or None,
        "pids_limit": settings.pids_limit if settings.pids_limit > 0 else None,
        "ulimits": [{"name": each.name, "soft": each.soft, "hard": each.hard} for each in settings.ulimits],
        "cap_add": list(settings.cap_add),
        "cap_drop": list(settings.cap_drop),
        "no_new_privileges": settings.no_new_privileges,
        "seccomp": settings.seccomp or None,
        "apparmor": settings.apparmor,
        "selinux": settings.selinux,
        "unmasked_paths": settings.unmasked_paths,
        "devices": list(settings.devices),
        "network_mode": settings.network_mode,
        "pid_mode": settings.pid_mode,
        "ipc_mode": settings.ipc_mode,
        "uts_mode": settings.uts_mode,
        "cgroupns_mode": settings.cgroupns_mode,
        "userns_mode": settings.userns_mode,
        "user_namespace": settings.user_namespace,
        "cgroup_parent": settings.cgroup_parent or None,
        "mounts": [
            {
                "kind": mount.kind,
                "source": mount.source,
                "destination": mount.destination,
                "writable": mount.writable,
                "propagation": mount.propagation or None,
                "name": mount.name or None,
            }
            for mount in settings.mounts
        ],
        "ports": [
            {"container_port": port.container_port, "host_ip": port.host_ip, "host_port": port.host_port}
            for port in settings.ports
        ],
        "restart_policy": settings.restart_policy,
        "restart_retries": settings.restart_retries,
        "healthcheck": list(settings.healthcheck),
        "command": list(settings.command),
        "working_dir": settings.working_dir,
        "runtime": settings.runtime or None,
        "sysctls": dict(settings.sysctls),
        "group_add": list(settings.group_add),
    }
