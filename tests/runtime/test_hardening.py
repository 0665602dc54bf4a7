"""What an image can live with, and why."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.report.hardening import Port
from tests.image_builder import directory, executable, file
from tests.runtime.hardened import hardened

NET_RAW = {"security.capability": struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)}
BIND = {"security.capability": struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)}
GOSU = {"usr/sbin/gosu": executable(), "usr/bin/entrypoint.sh": executable('#!/bin/sh\nexec gosu www "$@"\n')}


def places(found):
    return [place.path for place in found.tmpfs]


def test_an_unprivileged_image_needs_nothing_but_temporary_files():
    found = hardened(user="node")
    assert (found.user.uid, found.user.gid, found.user.groups) == (1000, 1000, (44,))
    assert places(found) == ["/tmp"]
    assert (found.capabilities, found.gains_privileges, found.volumes, found.notes) == ((), "", (), ())


def test_an_image_that_names_no_user_gets_its_own_unprivileged_one():
    found = hardened()
    assert found.user.uid == 1000
    assert "its account node" in found.user.reason
    assert any("USER" in note for note in found.notes)


def test_an_image_without_accounts_gets_a_number():
    assert hardened({"etc/passwd": "root:x:0:0::/root:/bin/sh\n"}).user.uid == 65_532


@pytest.mark.parametrize(
    ("files", "config", "why"),
    [
        ({"usr/bin/node": executable(mode=0o700)}, {}, "usr/bin/node is closed"),
        ({"app/": directory(0o700)}, {}, "/app is closed"),
        ({}, {"volumes": {"/data": {}}}, "volume /data belongs to root"),
    ],
)
def test_root_stays_where_something_is_roots_alone(files, config, why):
    found = hardened(files, **config)
    assert found.user.uid == 0
    assert why in found.user.reason


def test_the_owner_of_the_data_runs_the_image():
    found = hardened({"data/": directory(0o755, uid=33, gid=33)}, volumes={"/data": {}})
    assert found.user.uid == 33
    assert [place.path for place in found.volumes] == ["/data"]


def test_an_entry_point_that_hands_over_is_started_as_whom_it_hands_over_to():
    found = hardened(GOSU, entrypoint=["entrypoint.sh"], env=["PATH=/usr/sbin:/usr/bin"])
    assert (found.user.uid, found.user.gid) == (33, 33)
    assert "gosu" in found.user.reason
    assert found.capabilities == ()


def test_one_that_hands_over_to_a_user_only_it_knows_keeps_root_and_what_that_takes():
    script = executable('#!/bin/sh\nexec gosu "$WHO" "$@"\n')
    found = hardened(
        {**GOSU, "usr/bin/entrypoint.sh": script}, entrypoint=["entrypoint.sh"], env=["PATH=/usr/sbin:/usr/bin"]
    )
    assert found.user.uid == 0
    assert {"SETUID", "SETGID", "CHOWN"} <= {capability.name for capability in found.capabilities}
    assert found.gains_privileges == ""


def test_a_user_that_does_not_exist_is_left_to_the_reader():
    found = hardened(user="ghost")
    assert found.user is None
    assert any("not known" in note for note in found.notes)


@pytest.mark.parametrize(
    ("program", "capabilities", "gains"),
    [
        (executable(mode=0o4755), set(), True),
        (executable(xattrs=NET_RAW), {"NET_RAW"}, True),
        (executable(xattrs=BIND), {"NET_BIND_SERVICE"}, False),
        (executable(), set(), False),
    ],
)
def test_a_program_with_privileges_of_its_own_keeps_them(program, capabilities, gains):
    """One with file capabilities does not even start without them; ports are opened by a sysctl instead."""
    found = hardened({"usr/bin/tool": program}, cmd=["tool"], user="1000")
    assert {capability.name for capability in found.capabilities} == capabilities
    assert bool(found.gains_privileges) is gains


def test_sudo_in_an_entry_point_needs_to_gain_privileges():
    script = executable("#!/bin/sh\nsudo -u www true\n")
    files = {"usr/bin/sudo": executable(mode=0o4755), "usr/bin/entrypoint.sh": script}
    assert "sudo" in hardened(files, entrypoint=["entrypoint.sh"], user="node").gains_privileges


def test_volumes_are_data_unless_their_place_says_otherwise():
    found = hardened(user="node", volumes={"/var/lib/app": {}, "/var/cache/app": {}, "/run/app": {}})
    assert [place.path for place in found.volumes] == ["/var/lib/app"]
    assert places(found) == ["/run/app", "/tmp", "/var/cache/app"]


@pytest.mark.parametrize(
    "path", ["/a:b", "/a,b", "/a\nb", "/", "/etc", "relative", '/a"b', "/a$b", "/proc/x", "/" + "x" * 5000]
)
def test_a_path_that_cannot_be_given_is_left_out_and_told(path):
    found = hardened(user="node", volumes={path: {}})
    assert places(found) == ["/tmp"]
    assert found.volumes == ()
    assert len(found.notes) == 1


@pytest.mark.parametrize(
    ("program", "files", "expected"),
    [
        ("nginx", {"var/cache/nginx/": directory()}, ["/run", "/tmp", "/var/cache/nginx"]),
        ("postgres", {"var/run/postgresql/": directory()}, ["/tmp", "/var/run/postgresql"]),
        ("npm", {}, ["/home/node/.npm", "/tmp"]),
        ("redis-server", {}, ["/tmp"]),
        ("catalina.sh", {"usr/local/tomcat/logs/": directory()}, ["/tmp", "/usr/local/tomcat/logs"]),
    ],
)
def test_known_software_gets_the_places_it_writes_to(program, files, expected):
    found = hardened({f"usr/bin/{program}": executable(), **files}, cmd=[program], user="node")
    assert places(found) == expected


def test_java_may_load_libraries_from_its_temporary_files():
    (place,) = hardened({"usr/bin/java": executable()}, cmd=["java", "-jar", "x.jar"], user="node").tmpfs
    assert place.execute


def test_variables_and_empty_directories_of_the_application_name_places():
    files = {
        "app/tmp/": directory(uid=1000), "app/logs/": directory(0o777), "app/src/": directory(uid=1000),
        "app/uploads/": directory(uid=1000), "app/cache/": directory(uid=1000), "app/cache/kept": file("x"),
        "app/run/": directory(),
    }  # fmt: skip
    found = hardened(
        files, user="node", env=["PATH=/usr/bin", "XDG_CACHE_HOME=/home/node/.cache", "PGDATA=/srv/db", "HOME=/etc"]
    )
    assert places(found) == ["/app/logs", "/app/tmp", "/home/node/.cache", "/tmp"]
    assert [place.path for place in found.volumes] == ["/app/uploads", "/srv/db"]


def test_ports_come_from_expose_ranges_too():
    found = hardened(exposed_ports={"80": {}, "53/udp": {}, "8000-8002/tcp": {}, "x": {}, "99999": {}, "0": {}})
    assert found.ports == (Port(53, "udp"), Port(80, "tcp"), *(Port(number, "tcp") for number in (8000, 8001, 8002)))
    assert found.low_ports == (Port(53, "udp"), Port(80, "tcp"))


@pytest.mark.parametrize(
    ("test", "ports", "expected"),
    [
        (["CMD-SHELL", "curl -f http://localhost:3000/health || exit 1"], {"3000/tcp": {}}, "http 3000 /health"),
        (["CMD", "wget", "-q", "http://127.0.0.1/"], {"80/tcp": {}}, "http 80 /"),
        (["CMD-SHELL", "curl -f http://localhost:9000/"], {"80/tcp": {}}, "command /bin/sh -c curl -f http://localhost:9000/"),
        (["CMD", "node", "check.js"], {}, "command node check.js"),
        (["NONE"], {"53/udp": {}, "3000/tcp": {}}, "tcp 3000"),
        (None, {"53/udp": {}}, "none"),
    ],
)  # fmt: skip
def test_the_health_check_becomes_a_probe(test, ports, expected):
    probe = hardened(healthcheck=test, exposed_ports=ports).probe
    if probe is None:
        told = "none"
    elif probe.http:
        told = f"http {probe.http[0]} {probe.http[1]}"
    else:
        told = f"command {' '.join(probe.command)}" if probe.command else f"tcp {probe.tcp}"
    assert told == expected


def test_the_probes_times_are_the_health_checks():
    times = {"Test": ["CMD", "x"], "Interval": 5_000_000_000, "Timeout": 1, "StartPeriod": 60_000_000_000, "Retries": 7}
    probe = hardened(healthcheck=times).probe
    assert (probe.interval, probe.timeout, probe.start_period, probe.retries) == (5, 1, 60, 7)


def test_an_image_without_a_name_that_can_be_run_gets_a_placeholder():
    found = hardened(reference="/tmp/My App.tar", tags=(), user="node")
    assert (found.image, found.name) == ("IMAGE", "my-app")
    assert any("IMAGE" in note for note in found.notes)


TEXT = st.text(max_size=30)


@given(user=TEXT, path=TEXT, word=TEXT, number=st.integers())
def test_an_image_may_say_anything(user, path, word, number):
    hardened(
        user=user,
        volumes={path: {}, f"/{path}": {}},
        cmd=[word, path],
        entrypoint=[path] if path else [],
        working_dir=path,
        env=[f"TMPDIR=/{path}", f"HOME={path}", word],
        exposed_ports={path: {}, f"{number}-{number}/tcp": {}},
        healthcheck={"Test": ["CMD-SHELL", word], "Interval": number, "Retries": number},
    )
