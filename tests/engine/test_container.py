"""`imgscan container` against a real engine: as the lab runs its app, and as an intruder leaves it."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from imgscan.errors import ContainerNotFound, UsageError
from imgscan.evidence import Depth
from imgscan.pipeline import Options
from imgscan.runtime import inspect_container
from imgscan.runtime.engine import ContainerEngine
from imgscan.runtime.settings import EngineSecurity, parse_container
from imgscan.runtime.written import written_since_start
from imgscan.sources.docker_engine import connect
from tests.engine.conftest import LABEL, imgscan
from tests.engine.containers import containers_of, said

PASSWORD = "super_secret_password_123"
KEY = "sk-live-abc123xyz789"
DOCKERFILE = f"""\
FROM scratch
LABEL {LABEL}=1
ADD rootfs.tar /
COPY etc /etc
COPY srv /srv
ENV PATH=/bin API_KEY={KEY}
WORKDIR /srv
EXPOSE 3000
USER www
CMD ["/bin/sh", "-c", "echo started; exec sleep 300"]
"""
FILES = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nwww:x:999:999::/srv:/bin/sh\n",
    "etc/group": "root:x:0:\nwww:x:999:\n",
    "srv/app.sh": "#!/bin/sh\necho app\n",
    "srv/tool.sh": "#!/bin/sh\necho tool\n",
}
HARDENED = {
    "read_only": True,
    "tmpfs": {"/tmp": ""},
    "mem_limit": "128m",
    "nano_cpus": 500_000_000,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
}


@pytest.fixture(scope="session")
def app(engine, rootfs) -> str:
    return engine.build("container-app", DOCKERFILE, {**FILES, "rootfs.tar": rootfs})


@pytest.fixture
def containers(engine):
    yield from containers_of(engine)


@pytest.fixture
def container(tmp_path):
    """Runs `imgscan container --format json`: (exit code, containers, stderr)."""

    def run(*arguments, shown=False):
        done = imgscan("container", "--format", "json", *arguments, IMGSCAN_CACHE_DIR=str(tmp_path / "cache"))
        assert "Traceback" not in done.stderr, done.stderr
        for value in (PASSWORD, KEY):
            assert shown or value not in done.stdout + done.stderr
        return done.returncode, json.loads(done.stdout)["containers"], done.stderr

    return run


def rules(report):
    return {finding["rule"].removeprefix("container/"): finding["severity"] for finding in reversed(report["findings"])}


def shell(container, text):
    code, output = container.exec_run(["/bin/sh", "-c", text], user="0")
    assert code == 0, output


@pytest.mark.parametrize("fail_on", ["high", "medium"])
def test_the_labs_hardened_run_passes(app, containers, container, fail_on):
    ran = containers.run(app, **HARDENED)
    code, (report,), _ = container(ran.name, "--fail-on", fail_on)
    assert code == 0, rules(report)
    assert report["constraints"] == "read-only, 128 MB, 0.5 CPU, no capabilities, no new privileges"
    assert (report["settings"]["memory"], report["settings"]["nano_cpus"]) == (134217728, 500000000)
    assert report["runs_as_root"] is False
    assert report["user"] == "www (uid 999): the image says USER www"
    assert [process["uid"] for process in report["processes"]] == [999]
    assert report["changes"] == []


def test_the_plain_run_as_root_fails_and_is_told_what_it_lacks(app, containers, container):
    ran = containers.run(app, user="0", publish_all_ports=False)
    code, (report,), _ = container(ran.name)
    assert code == 1
    assert report["constraints"] == "none"
    assert rules(report) | {
        "root-user": "high", "capabilities": "medium", "new-privileges": "medium", "writable-root": "medium",
        "memory": "medium", "cpu": "low", "pids": "low", "no-health-check": "low",
    } == rules(report)  # fmt: skip
    assert report["runs_as_root"] is True


def test_one_that_gives_root_up_is_told_as_what_it_is(app, containers, container):
    """The configuration says root, the process says otherwise: the process is believed."""
    script = 'exec busybox su -s /bin/sh www -c "echo started; exec sleep 300"'
    ran = containers.run(app, "/bin/sh", "-c", script, user="0")
    said(ran, "started")
    _, (report,), _ = container(ran.name)
    assert report["runs_as_root"] is False
    assert rules(report)["root-user"] == "medium"
    assert report["user"].startswith("uid 999, started as root")


def test_privileges_and_the_hosts_own_are_found(engine, app, containers, container, tmp_path):
    # Sources that are not there would be made as directories: only what exists is mounted, and nothing is written.
    binds = {str(tmp_path): "/data", "/etc": "/host/etc"}
    socket = engine.host.removeprefix("unix://")
    if Path(socket).name == "docker.sock" and Path(socket).is_socket():
        binds[socket] = "/run/docker.sock"
    mounts = {source: {"bind": target, "mode": "ro"} for source, target in binds.items()}
    ran = containers.run(app, privileged=True, pid_mode="host", network_mode="host", ipc_mode="host", volumes=mounts)
    code, (report,), _ = container(ran.name)
    assert code == 1
    found = rules(report)
    for name in ("privileged", "host-pid", "host-network", "host-ipc"):
        assert found[name] == "high"
    assert ("engine-socket" in found) is (socket in binds)
    sensitive = [finding for finding in report["findings"] if finding["rule"] == "container/sensitive-mount"]
    assert [(each["location"]["name"], each["severity"]) for each in sensitive] == [("/host/etc", "medium")]


def test_secrets_of_its_own_are_told_and_the_images_are_not(app, containers, container):
    ran = containers.run(app, "sleep", "300", f"--password={PASSWORD}", environment={"DATABASE_PASSWORD": PASSWORD})
    code, (report,), _ = container(ran.name)
    secrets = [finding for finding in report["findings"] if finding["secret"]]
    assert {(each["rule"], each["secret"]["name"]) for each in secrets} == {
        ("container/env-secret", "DATABASE_PASSWORD"),
        ("container/command-secret", "password"),
    }
    assert len({each["secret"]["id"] for each in secrets}) == 1
    assert {"name": "API_KEY", "inherited": True} in report["environment"]
    assert code == 1
    _, (report,), _ = container(ran.name, "--show-secrets", shown=True)
    assert PASSWORD in {finding["secret"]["value"] for finding in report["findings"] if finding["secret"]}


def test_what_it_wrote_since_it_started_is_read(app, containers, container):
    ran = containers.run(app, tmpfs={"/scratch": ""})
    said(ran, "started")
    shell(
        ran,
        f"""mkdir -p /opt/new && echo 'DATABASE_PASSWORD={PASSWORD}' >/opt/new/.env &&
        echo '#!/bin/sh' >/opt/new/run && chmod 755 /opt/new/run && echo more >>/srv/app.sh &&
        chmod 700 /srv/tool.sh && echo 'x:x:0:0::/:/bin/sh' >>/etc/passwd && rm /etc/group &&
        echo 'API_KEY={KEY}' >/scratch/not-its-own""",
    )
    code, (report,), _ = container(ran.name)
    assert code == 1
    found = {finding["rule"]: finding for finding in report["findings"] if finding["severity"] != "info"}
    secret = found["container/written-secret"]
    assert (secret["location"]["path"], secret["location"]["kind"], secret["secret"]["name"]) == (
        "opt/new/.env", "container", "DATABASE_PASSWORD",
    )  # fmt: skip
    assert found["container/new-program"]["message"] == "opt/new/run"
    assert found["container/changed-program"]["message"] == "srv/app.sh"
    assert found["container/changed-system-file"]["message"] == "etc/passwd"
    same = [finding["message"] for finding in report["findings"] if finding["severity"] == "info"]
    assert "srv/tool.sh: owner, mode or time only, the bytes are the image's" in same
    changes = {change["path"]: change for change in report["changes"]}
    assert changes["etc/group"]["kind"] == "deleted"
    assert (changes["opt/new/run"]["mode"], changes["opt/new/run"]["size"]) == (0o755, 10)
    assert not any(path.startswith("scratch/") for path in changes)


def test_a_program_that_is_made_setuid_is_told_though_its_bytes_are_the_images(app, containers, container):
    ran = containers.run(app)
    said(ran, "started")
    shell(ran, "chmod u+s /srv/tool.sh && cp /srv/tool.sh /srv/copy.sh && chmod 4755 /srv/copy.sh")
    _, (report,), _ = container(ran.name)
    (gained,) = [finding for finding in report["findings"] if finding["rule"] == "container/gained-rights"]
    assert gained["severity"] == "high"
    assert gained["message"] == "srv/copy.sh (setuid of uid 0), srv/tool.sh (setuid of uid 0)"


def test_a_secret_of_the_image_is_not_the_containers_for_a_chmod(engine, rootfs, containers, container):
    files = {**FILES, "rootfs.tar": rootfs, "srv/.env": f"DATABASE_PASSWORD={PASSWORD}\n"}
    ran = containers.run(engine.build("container-chmod", DOCKERFILE, files))
    said(ran, "started")
    shell(ran, "chmod 600 /srv/.env")
    _, (report,), _ = container(ran.name)
    assert "srv/.env" in {change["path"] for change in report["changes"]}
    assert "written-secret" not in rules(report)
    shell(ran, "echo >>/srv/.env")
    assert rules(container(ran.name)[1][0])["written-secret"] == "high"


def test_a_volumes_files_are_not_the_containers(app, containers, container):
    ran = containers.run(app, volumes={containers.volume(): {"bind": "/new/data", "mode": "rw"}}, user="0")
    said(ran, "started")
    shell(ran, f"echo 'DATABASE_PASSWORD={PASSWORD}' >/new/data/.env")
    _, (report,), _ = container(ran.name)
    assert "written-secret" not in rules(report)
    assert "new" in {change["path"] for change in report["changes"]}


def test_how_far_to_look_can_be_said(app, containers, container):
    ran = containers.run(app)
    said(ran, "started")
    shell(ran, f"echo 'DATABASE_PASSWORD={PASSWORD}' >/srv/.env")
    found = {depth: container(ran.name, "--depth", depth)[1][0] for depth in ("config", "members", "content")}
    assert found["config"]["changes"] == []
    assert [change["path"] for change in found["members"]["changes"]] == ["srv", "srv/.env"]
    assert [("written-secret" in rules(report)) for report in found.values()] == [False, False, True]


def test_a_stopped_container_is_judged_too(app, containers, container):
    ran = containers.run(app, **HARDENED)
    ran.stop(timeout=0)
    code, (report,), _ = container(ran.name)
    assert code == 0
    assert report["state"]["status"] == "exited"
    assert report["processes"] == []
    assert report["runs_as_root"] is False


def test_a_container_that_was_never_started_is_judged_too(engine, app, containers, container):
    name = containers.name()
    engine.client.containers.create(app, name=name, labels={LABEL: "1"})
    _, (report,), _ = container(name)
    assert report["state"]["status"] == "created"


def test_an_open_session_of_root_is_told(engine, app, containers, container):
    ran = containers.run(app)
    session = engine.client.api.exec_create(ran.id, ["sleep", "300"], user="0")["Id"]
    engine.client.api.exec_start(session, detach=True)
    assert rules(container(ran.name)[1][0])["root-exec"] == "low"


def test_an_image_replaced_since_is_told(engine, rootfs, containers, container):
    tag = engine.build("container-replaced", DOCKERFILE, {**FILES, "rootfs.tar": rootfs})
    ran = containers.run(tag)
    engine.build("container-replaced", DOCKERFILE.replace("3000", "3001"), {**FILES, "rootfs.tar": rootfs})
    assert rules(container(ran.name)[1][0])["outdated-image"] == "low"


def test_a_name_that_does_not_exist_is_an_error_and_the_others_are_judged(app, containers, container):
    ran = containers.run(app, **HARDENED)
    code, reports, errors = container(ran.name, "imgscan-test-nowhere")
    assert code == 3
    assert [report["name"] for report in reports] == [ran.name]
    assert "error: " in errors
    assert "no container imgscan-test-nowhere" in errors
    assert "tip: docker ps -a" in errors


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "-"])
def test_what_is_no_name_is_wrong_usage(engine, name):
    with pytest.raises(UsageError):
        inspect_container(name)


def test_a_container_that_vanishes_is_said_to_be_gone(engine, app, containers):
    ran = containers.run(app)
    said(ran, "started")
    api = connect(os.environ, 30, ContainerEngine)
    try:
        described = parse_container(api.container(ran.name), EngineSecurity())
        ran.remove(force=True)
        with pytest.raises(ContainerNotFound):
            written_since_start(api, described, Options(depth=Depth.CONTENT), b"k", None)
        with pytest.raises(ContainerNotFound):
            api.processes(described.id)
    finally:
        api.close()


def test_without_an_engine_there_is_no_result(tmp_path):
    done = imgscan("container", "web", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 3
    assert "error: cannot reach the Docker engine" in done.stderr
    assert done.stdout == ""


def test_large_files_and_odd_names_are_read_too(app, containers, container):
    ran = containers.run(app, user="0")
    said(ran, "started")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in {
            "a b\n$(x)": b"",
            "deep/" * 20 + "f": b"x" * (5 << 20) + f"\nAPI_KEY={KEY}\n".encode(),
        }.items():
            member = tarfile.TarInfo(f"odd/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    ran.put_archive("/", buffer.getvalue())
    _, (report,), _ = container(ran.name)
    assert "odd/a b\n$(x)" in {change["path"] for change in report["changes"]}
    assert rules(report)["written-secret"] in ("high", "critical")
    assert report["problems"] == []
