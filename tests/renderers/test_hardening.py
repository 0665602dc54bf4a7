"""The three targets: valid by their own schemas, and no string of an image gets out of its place."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import pairwise

import jsonschema
import kubernetes_validate
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imgscan.renderers import hardening_compose, hardening_docker, hardening_kubernetes
from imgscan.renderers.yaml_text import comment, scalar
from imgscan.report.hardening import Capability, Hardening, Place, Port, Probe, RunUser

ANY = st.text(st.characters(exclude_categories=("Cs",)))
NASTY = ANY | st.sampled_from(
    [
        "$(touch /pwned)",
        "`id`",
        "'; id #",
        '"\n- x: y',
        "# no comment",
        "a\\",
        "${HOME}",
        "\u2028x",
        "\x1b[2J",
        "yes",
        "1e3",
        "22:22",
    ]
)
PLAIN = Hardening(
    image="app:latest", name="app", platform="linux/amd64", user=RunUser(999, 999, "the image says so"),
    tmpfs=(Place("/tmp", "temporary files"),), volumes=(), capabilities=(), gains_privileges="", ports=(), probe=None,
)  # fmt: skip
FULL = replace(
    PLAIN,
    user=RunUser(0, 0, "root it is", groups=(5, 6)),
    tmpfs=(Place("/run", "run files", execute=True), Place("/tmp", "temporary files")),
    volumes=(Place("/var/lib/app", "its data"), Place("/srv/a b", "more")),
    capabilities=(Capability("CHOWN", "it changes owners"),),
    gains_privileges="sudo",
    ports=(Port(53, "udp"), Port(80, "tcp"), Port(3000, "tcp")),
    probe=Probe("the image's health check", http=(80, "/health?a=b"), start_period=5),
    notes=("mind this",),
)
PROBES = [
    FULL.probe,
    Probe("x", command=("/bin/sh", "-c", "test \"$A\" = 'b' || exit 1 # no")),
    Probe("x", tcp=3000),
    None,
]
CASES = [PLAIN, *(replace(FULL, probe=probe) for probe in PROBES), replace(PLAIN, user=None)]


def hostile(text: str) -> Hardening:
    """One whose every string that an image can choose is `text`."""
    return replace(
        FULL,
        image=text,
        user=RunUser(1, 2, text),
        tmpfs=(Place("/tmp", text),),
        volumes=(Place("/data", text),),
        capabilities=(Capability("CHOWN", text),),
        gains_privileges=text or "x",
        probe=Probe(text, command=(text, text)),
        notes=(text,),
    )


def command(text: str) -> list[str]:
    """The words that a POSIX shell makes of the document: what is no comment, one command."""
    return shlex.split(text, comments=True)


def documents(text: str) -> list:
    return list(yaml.safe_load_all(text))


@cache
def compose_schema():
    folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    return jsonschema.Draft7Validator(json.loads((folder / "compose-spec.json").read_text()))


@pytest.mark.parametrize("hardened", CASES)
def test_compose_files_are_valid_by_the_specification(hardened):
    for given_images in ([hardened], [hardened, hardened, PLAIN]):
        (document,) = documents(hardening_compose.render(given_images))
        compose_schema().validate(document)
        assert len(document["services"]) == len(given_images)


@pytest.mark.parametrize("hardened", CASES)
def test_manifests_are_valid_by_kubernetes_schemas(hardened):
    for document in documents(hardening_kubernetes.render([hardened, PLAIN])):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@given(NASTY)
def test_any_string_is_one_yaml_scalar_and_comes_back(text):
    assert yaml.safe_load(f"key: {scalar(text)}  # {comment(text)}\nnext: 1") == {"key": text, "next": 1}


@given(NASTY)
def test_the_shell_sees_the_command_and_nothing_else(text):
    words = command(hardening_docker.render([hostile(text)]))
    assert words[:2] == ["docker", "run"]
    assert words[-1] == text
    options = [word for word in words if word.startswith("--")]
    assert set(options) <= {
        "--detach", "--name", "--user", "--read-only", "--tmpfs", "--mount", "--cap-drop", "--cap-add",
        "--security-opt", "--sysctl", "--memory", "--memory-swap", "--cpus", "--pids-limit", "--restart", "--publish",
    } | {text}  # fmt: skip


@given(NASTY)
def test_compose_keeps_hostile_strings_as_strings(text):
    (document,) = documents(hardening_compose.render([hostile(text)]))
    compose_schema().validate(document)
    (service,) = document["services"].values()
    # Compose reads `$$` as a dollar and a single one as a variable.
    assert service["image"].replace("$$", "\0").count("$") == 0
    assert service["image"].replace("$$", "$") == text
    assert service["read_only"] is True


@given(NASTY)
def test_kubernetes_keeps_hostile_strings_as_strings(text):
    claim, deployment, service = documents(hardening_kubernetes.render([hostile(text)]))
    assert [each["kind"] for each in (claim, deployment, service)] == ["PersistentVolumeClaim", "Deployment", "Service"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == text
    assert container["livenessProbe"]["exec"]["command"] == [text, text]


def test_the_command_says_all_that_was_derived():
    words = command(hardening_docker.render([FULL]))
    pairs = set(pairwise(words))
    assert {
        ("--user", "0:0"), ("--group-add", "5"), ("--cap-drop", "ALL"), ("--cap-add", "CHOWN"),
        ("--security-opt", "no-new-privileges:false"), ("--sysctl", "net.ipv4.ip_unprivileged_port_start=0"),
        ("--tmpfs", "/run:rw,exec,nosuid,nodev,size=64m,mode=1777"),
        ("--tmpfs", "/tmp:rw,noexec,nosuid,nodev,size=64m,mode=1777"),
        ("--mount", "type=volume,source=app-srv-a-b,target=/srv/a b"),
        ("--publish", "127.0.0.1:8053:53/udp"), ("--publish", "127.0.0.1:3000:3000/tcp"),
    } <= pairs  # fmt: skip
    assert "--read-only" in words


def test_every_flag_has_its_reason_and_limits_are_marked_as_the_readers_to_set():
    text = hardening_docker.render([FULL])
    for flag in (
        "--user",
        "--read-only",
        "--tmpfs",
        "--mount",
        "--cap-drop",
        "--cap-add",
        "--security-opt",
        "--publish",
    ):
        assert f"\n# {flag}" in text
    for flag in ("--memory", "--cpus", "--pids-limit"):
        (line,) = [line for line in text.splitlines() if line.startswith(f"# {flag} ")]
        assert "YOURS TO SET" in line
    assert hardening_compose.render([FULL]).count("YOURS TO SET") == 4
    assert hardening_kubernetes.render([FULL]).count("YOURS TO SET") == 4


def test_a_pod_gets_no_token_no_root_and_the_default_seccomp_profile():
    deployment = documents(hardening_kubernetes.render([PLAIN]))[0]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 999, "runAsGroup": 999, "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False, "privileged": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip


def test_names_are_dns_labels_however_long_a_path_is():
    paths = ("/" + "b" * 200, "/" + "b" * 199, "/a-b", "/a/b", "/c.d/")
    long = replace(PLAIN, name="a" * 40, volumes=tuple(Place(path, "x") for path in paths))
    claims = [
        each for each in documents(hardening_kubernetes.render([long])) if each["kind"] == "PersistentVolumeClaim"
    ]
    names = [claim["metadata"]["name"] for claim in claims]
    assert len(set(names)) == len(paths)
    assert all(re.fullmatch("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", name) for name in names)
