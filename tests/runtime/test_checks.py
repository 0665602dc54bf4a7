"""What the settings of a container mean: the lab's hardened one passes, the plain one is told what it lacks."""

from __future__ import annotations

import re

import pytest

from imgscan.pipeline import Options
from imgscan.report import Origin, Policy, Severity
from imgscan.report.container import Change, ChangeKind, Process, benchmark_number, container_exit_code
from imgscan.report.exit_code import Completeness, ExitCode
from imgscan.runtime.facts import ExecSession
from imgscan.runtime.rules import RULES
from tests.runtime.documents import IMAGE, hardened, plain
from tests.runtime.judging import judged, rules_of

ROOT = {**IMAGE, "User": ""}


def run_as_root(**host):
    document = plain(**host)
    document["Config"]["User"] = ""
    return document


@pytest.mark.parametrize("fail_on", [Severity.HIGH, Severity.MEDIUM])
def test_the_labs_hardened_container_passes(fail_on):
    report = judged(hardened(), options=Options(policy=Policy(fail_on=fail_on)))
    assert container_exit_code(report, Completeness.PROMISED) is ExitCode.CLEAN
    assert rules_of(report) == {"pids": "low", "port-on-all-addresses": "low"}


def test_the_plain_container_is_told_what_it_lacks():
    assert rules_of(judged(plain())) == {
        "capabilities": "medium",
        "new-privileges": "medium",
        "writable-root": "medium",
        "memory": "medium",
        "cpu": "low",
        "pids": "low",
        "port-on-all-addresses": "low",
    }


def test_root_with_its_capabilities_fails_the_run_and_the_image_is_named_as_the_cause():
    report = judged(run_as_root(), image=ROOT)
    assert report.verdict.failed
    first = report.verdict.open[0]
    assert (first.rule.id, first.severity, first.origin) == ("container/root-user", Severity.HIGH, Origin.BASE)
    assert "the image names no user" in first.message


def test_root_chosen_for_the_container_is_not_the_images_fault():
    document = hardened()
    document["Config"]["User"] = "0"
    report = judged(document)
    (finding,) = [finding for finding in report.verdict.open if finding.rule.id == "container/root-user"]
    assert (finding.severity, finding.origin) == (Severity.MEDIUM, Origin.OWN)
    assert "--user 0" in finding.message
    assert "without capabilities" in finding.message


@pytest.mark.parametrize(
    ("uid", "severity", "root"),
    [(0, "high", True), (999, "medium", False)],
)
def test_the_running_process_decides_over_the_configuration(uid, severity, root):
    report = judged(run_as_root(), image=ROOT, processes=(Process(4711, uid, "postgres"), Process(4712, 0, "sh")))
    assert report.runs_as_root is root
    assert rules_of(report)["root-user"] == severity
    assert (f"uid {uid}" in report.user) is (uid != 0)


def test_an_unprivileged_user_whose_process_is_root_is_told():
    report = judged(plain(), processes=(Process(4711, 0, "node"),))
    assert report.runs_as_root is True
    assert rules_of(report)["root-user"] == "high"


def test_in_a_user_namespace_the_hosts_uid_says_nothing():
    engine = {"SecurityOptions": ["name=userns", "name=apparmor", "name=seccomp,profile=default"]}
    report = judged(run_as_root(), image=ROOT, info=engine, processes=(Process(4711, 100_000, "node"),))
    assert report.runs_as_root is True
    assert rules_of(report)["root-user"] == "medium"


def test_privileged_is_told_once_and_not_as_all_it_implies():
    report = judged(plain(Privileged=True))
    assert rules_of(report)["privileged"] == "high"
    assert not {"capabilities", "seccomp", "apparmor", "added-capabilities"} & set(rules_of(report))


@pytest.mark.parametrize(
    ("host", "rule", "severity"),
    [
        ({"NetworkMode": "host"}, "host-network", "high"),
        ({"PidMode": "host"}, "host-pid", "high"),
        ({"IpcMode": "host"}, "host-ipc", "high"),
        ({"UTSMode": "host"}, "host-uts", "medium"),
        ({"UsernsMode": "host"}, "host-user-namespace", "medium"),
        ({"CapAdd": ["CAP_SYS_ADMIN"]}, "added-capabilities", "high"),
        ({"CapAdd": ["IPC_LOCK"]}, "added-capabilities", "medium"),
        ({"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]}, "seccomp", "medium"),
        ({"SecurityOpt": ["no-new-privileges", "systempaths=unconfined"]}, "unmasked-paths", "high"),
        ({"Devices": [{"PathOnHost": "/dev/fuse"}]}, "devices", "medium"),
        ({"Devices": [{"PathOnHost": "/dev/sda1"}]}, "devices", "high"),
        ({"Ulimits": [{"Name": "nofile", "Soft": -1, "Hard": -1}]}, "ulimits", "low"),
        ({"RestartPolicy": {"Name": "always"}}, "restart-policy", "info"),
        ({"CgroupParent": "/mine"}, "cgroup-parent", "low"),
        ({"NetworkMode": "default"}, "default-bridge", "info"),
        ({"Memory": 0}, "memory", "medium"),
        ({"ReadonlyRootfs": False}, "writable-root", "medium"),
    ],
)  # fmt: skip
def test_each_setting_has_its_rule(host, rule, severity):
    assert rules_of(judged(hardened(**host)))[rule] == severity
    assert rule not in rules_of(judged(hardened()))


@pytest.mark.parametrize("host", [{"CapAdd": ["CHOWN"]}, {"CpuShares": 512, "NanoCpus": 0}, {"PidsLimit": 100}])
def test_what_is_in_order_is_no_finding(host):
    assert not {"added-capabilities", "cpu"} & set(rules_of(judged(hardened(**host))))


@pytest.mark.parametrize(
    ("source", "writable", "rule", "severity"),
    [
        ("/var/run/docker.sock", False, "engine-socket", "high"),
        ("/run/containerd/containerd.sock", True, "engine-socket", "high"),
        ("/var/run", True, "engine-socket", "high"),
        ("/", False, "sensitive-mount", "medium"),
        ("/etc", True, "sensitive-mount", "high"),
        ("/etc/../etc/", True, "sensitive-mount", "high"),
        ("/root/.ssh", False, "sensitive-mount", "medium"),
        ("/var/lib/docker/volumes", True, "sensitive-mount", "high"),
        ("/proc", True, "sensitive-mount", "high"),
    ],
)
def test_mounts_of_the_hosts_own_files_are_told(source, writable, rule, severity):
    document = hardened()
    document["Mounts"] = [
        {"Type": "bind", "Source": source, "Destination": "/x", "RW": writable, "Propagation": "rprivate"}
    ]
    assert rules_of(judged(document))[rule] == severity


@pytest.mark.parametrize(
    "mount",
    [
        {"Type": "bind", "Source": "/etc/localtime", "Destination": "/etc/localtime", "RW": False},
        {"Type": "bind", "Source": "/srv/app/data", "Destination": "/data", "RW": True},
        {
            "Type": "volume",
            "Name": "etc",
            "Source": "/var/lib/docker/volumes/etc/_data",
            "Destination": "/data",
            "RW": True,
        },
        {"Type": "tmpfs", "Source": "", "Destination": "/run", "RW": True},
    ],
)
def test_mounts_of_data_are_not(mount):
    document = hardened()
    document["Mounts"] = [mount]
    assert rules_of(judged(document)) == rules_of(judged(hardened()))


def test_shared_propagation_is_told():
    document = hardened()
    document["Mounts"] = [
        {"Type": "bind", "Source": "/srv/x", "Destination": "/x", "RW": True, "Propagation": "rshared"}
    ]
    assert rules_of(judged(document))["mount-propagation"] == "medium"


def test_a_port_on_the_loopback_is_in_order_and_one_the_image_does_not_name_is_told():
    document = hardened(PortBindings={"9229/tcp": [{"HostIp": "127.0.0.1", "HostPort": "80"}]})
    document["NetworkSettings"] = {}
    rules = rules_of(judged(document))
    assert "port-on-all-addresses" not in rules
    assert rules["unexpected-port"] == "low"
    assert rules["privileged-port"] == "info"


@pytest.mark.parametrize(("test", "told"), [(["NONE"], True), ([], True), (["CMD", "true"], False)])
def test_a_health_check_is_asked_for(test, told):
    document = hardened()
    document["Config"]["Healthcheck"] = {"Test": test}
    assert ("no-health-check" in rules_of(judged(document))) is told


def test_an_unhealthy_container_is_told():
    document = hardened()
    document["State"]["Health"] = {"Status": "unhealthy"}
    assert rules_of(judged(document))["unhealthy"] == "medium"


def test_changed_files_are_told_by_what_they_are():
    def change(path, kind=ChangeKind.MODIFIED, mode=0o644):
        return Change(path, kind, size=1, mode=mode, uid=0, sha256="0" * 64)

    changes = (
        change("bin/ls", mode=0o755), change("etc/cron.d/x", ChangeKind.ADDED), change("etc/passwd"),
        change("opt/miner", ChangeKind.ADDED, 0o755), change("same/bin", mode=0o755), change("usr/lib/libc.so.6"),
        change("var/log/app.log", ChangeKind.ADDED),
    )  # fmt: skip
    found = [
        (finding.rule.id.removeprefix("container/"), str(finding.severity), finding.message.split(":")[0])
        for finding in judged(hardened(), changes=changes).verdict.open
        if finding.location.pointer == "changes"
    ]
    assert found == [
        ("changed-program", "high", "bin/ls, usr/lib/libc.so.6"),
        ("changed-system-file", "high", "etc/cron.d/x"),
        ("new-program", "medium", "opt/miner"),
        ("changed-system-file", "medium", "etc/passwd"),
        ("changed-program", "info", "same/bin"),
    ]


def test_a_setuid_bit_that_the_image_does_not_set_is_told_whoever_wrote_the_bytes():
    def program(path, kind, mode):
        return Change(path, kind, size=1, mode=mode, uid=0, sha256="0" * 64)

    changes = (
        program("bin/dash", ChangeKind.MODIFIED, 0o4755), program("same/su", ChangeKind.MODIFIED, 0o4755),
        program("tmp/.x", ChangeKind.ADDED, 0o6755), program("tmp/notes", ChangeKind.ADDED, 0o4644),
    )  # fmt: skip
    found = [
        (finding.rule.id.removeprefix("container/"), str(finding.severity), finding.message.split(": ")[0])
        for finding in judged(hardened(), changes=changes).verdict.open
        if finding.location.pointer == "changes"
    ]
    assert sorted(found) == [
        ("changed-program", "high", "bin/dash (setuid of uid 0)"),
        ("changed-program", "info", "same/su (setuid of uid 0)"),
        ("gained-rights", "high", "bin/dash (setuid of uid 0), tmp/.x (setuid and setgid of uid 0)"),
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_says_which_item_of_the_benchmark_it_answers_to_or_that_there_is_none(rule):
    number = benchmark_number(rule)
    assert re.fullmatch(r"[45]\.[0-9]{1,2}", number) or "has no item for it" in rule.explanation
    assert rule.remediation


def test_the_benchmarks_runtime_items_are_covered_but_for_those_that_no_container_shows():
    covered = {benchmark_number(rule) for rule in RULES}
    # Swarm mode is the engine's.
    assert {f"5.{item}" for item in range(1, 33)} - covered == {"5.1"}


def test_sessions_of_docker_exec_are_told():
    rules = rules_of(
        judged(hardened(), execs=(ExecSession("root:root", privileged=False), ExecSession("", privileged=True)))
    )
    assert (rules["privileged-exec"], rules["root-exec"]) == ("high", "low")
    assert not {"privileged-exec", "root-exec"} & set(
        rules_of(judged(hardened(), execs=(ExecSession("", privileged=False),)))
    )
