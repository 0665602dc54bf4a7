"""Inspect documents: what engines write is read, and nothing that one could write raises."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.report.container import ContainerSettings, PublishedPort
from imgscan.runtime.constraints import constraints
from imgscan.runtime.settings import EngineSecurity, parse_container, parse_info
from tests.runtime.documents import HARDENED, INFO, hardened, plain
from tests.runtime.judging import judged

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def settings(document: Any, info: Any = INFO) -> ContainerSettings:
    return parse_container(document, parse_info(info)).settings


def paths(document: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path for key, value in items for path in ((*above, key), *paths(value, (*above, key)))]


PATHS = paths(HARDENED)


@given(ANYTHING)
def test_any_document_can_be_judged(document):
    judged(document, image=None)


@given(st.lists(st.tuples(st.sampled_from(PATHS), ANYTHING), min_size=1, max_size=4))
def test_any_field_may_be_of_any_type(changes):
    document = copy.deepcopy(HARDENED)
    for path, value in changes:
        place: Any = document
        for part in path[:-1]:
            place = (
                place[part] if isinstance(place, dict | list) and (isinstance(place, list) or part in place) else None
            )
            if not isinstance(place, dict | list) or (isinstance(place, list) and not isinstance(path[-1], int)):
                break
        else:
            if isinstance(place, dict) or (isinstance(path[-1], int) and path[-1] < len(place)):
                place[path[-1]] = value
    report = judged(document)
    assert report.constraints
    assert report.user


@given(ANYTHING, ANYTHING, ANYTHING)
def test_image_and_engine_may_say_anything(image, info, more):
    judged(
        HARDENED, image={"User": image, "Env": more, "ExposedPorts": image, "Cmd": more}, info={"SecurityOptions": info}
    )
    judged(HARDENED, image={}, info=more)


def test_a_field_of_a_wrong_type_is_told_and_left_out():
    described = parse_container(hardened(Memory="128m", CapDrop={"ALL": 1}), EngineSecurity())
    assert described.settings.memory == 0
    assert described.settings.cap_drop == ()
    assert {"HostConfig.Memory", "HostConfig.CapDrop"} <= {problem.message.split()[0] for problem in described.problems}


def test_the_labs_hardened_container_is_read_in_full():
    described = parse_container(HARDENED, parse_info(INFO))
    found = described.settings
    assert (described.name, described.state.status, described.state.pid) == ("hardened", "running", 4711)
    assert found.read_only
    assert found.tmpfs == (("/tmp", ""),)
    assert (found.memory, found.nano_cpus, found.cpus) == (134217728, 500000000, 0.5)
    assert found.drops_all_capabilities
    assert found.no_new_privileges is True
    assert (found.seccomp, found.apparmor, found.selinux) == ("default", "docker-default", None)
    assert found.ports == (PublishedPort("3000/tcp", "0.0.0.0", "3000"),)
    assert found.command == ("docker-entrypoint.sh", "node", "app.js")


def test_constraints_are_few_words():
    assert constraints(settings(HARDENED)) == "read-only, 128 MB, 0.5 CPU, no capabilities, no new privileges"
    assert constraints(settings(plain())) == "none"
    assert constraints(settings(plain(Privileged=True, PidMode="host"))) == "privileged, host pid"
    assert constraints(settings(hardened(CapAdd=["CAP_CHOWN"]))).split(", ")[3] == "capabilities CHOWN"


@pytest.mark.parametrize(
    ("options", "engine", "expected"),
    [
        (["no-new-privileges"], [], True),
        (["no-new-privileges:true"], [], True),
        (["no-new-privileges=false"], ["name=no-new-privileges"], False),
        ([], ["name=no-new-privileges"], True),
        ([], [], False),
    ],
)
def test_no_new_privileges_is_the_containers_else_the_engines(options, engine, expected):
    assert settings(hardened(SecurityOpt=options), {"SecurityOptions": engine}).no_new_privileges is expected


def test_without_an_engine_its_defaults_are_unknown():
    found = parse_container(hardened(SecurityOpt=None), EngineSecurity()).settings
    assert found.no_new_privileges is None
    assert found.user_namespace is None


@pytest.mark.parametrize(
    ("mode", "engine", "expected"),
    [
        ("", ["name=userns"], True),
        ("host", ["name=userns"], False),
        ("", ["name=rootless"], True),
        ("keep-id", [], True),
        ("", [], False),
    ],
)
def test_user_namespaces_are_the_engines_unless_the_container_says_otherwise(mode, engine, expected):
    assert settings(hardened(UsernsMode=mode), {"SecurityOptions": engine}).user_namespace is expected


def test_cpu_may_be_limited_by_a_quota():
    assert settings(plain(CpuQuota=50_000)).cpus == 0.5
    assert settings(plain(CpuQuota=50_000, CpuPeriod=200_000)).cpus == 0.25


def test_podmans_spelling_of_capabilities_is_understood():
    fourteen = ["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
                "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
                "CAP_SYS_CHROOT"]  # fmt: skip
    assert settings(plain(CapDrop=fourteen)).drops_all_capabilities
    assert not settings(plain(CapDrop=fourteen[1:])).drops_all_capabilities


def test_a_stopped_container_has_the_ports_it_was_given():
    document = hardened()
    document["NetworkSettings"] = {"Ports": {}}
    (port,) = settings(document).ports
    assert port.on_all_addresses


def test_a_repr_shows_no_environment():
    document = hardened()
    document["Config"]["Env"] = ["API_KEY=sk-live-abc123xyz789"]
    described = parse_container(document, EngineSecurity())
    assert "abc123" not in repr(described)
