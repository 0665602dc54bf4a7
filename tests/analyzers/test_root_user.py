"""Who the container runs as is resolved through the image's own files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgscan.analyzers.root_user import RootUserAnalyzer
from imgscan.errors import Effect, Problem
from imgscan.overlay import Overlay
from imgscan.report import Finding, Severity
from tests.analyzers.evidence import evidence_of
from tests.image_builder import BuiltLayer, executable, hardlink, image, layer, step, symlink

PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n12:x:0:0::/:\n"
)
GROUP = "root:x:0:\nnode:x:1000:\n"
BASE = layer({"etc/passwd": PASSWD, "etc/group": GROUP}, created_by="ADD rootfs.tar / ")


def finding(*layers: BuiltLayer, **config) -> Finding | None:
    """The one finding, if any, of an image of these layers."""
    found = RootUserAnalyzer().analyze(evidence_of(image(*layers, **config))).findings
    assert len(found) <= 1
    return found[0] if found else None


def rule(user: str, *layers: BuiltLayer) -> str | None:
    found = finding(*(layers or (BASE,)), user=user)
    return found.rule.id if found else None


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", "root-user/implicit"),
        ("root", "root-user/explicit"),
        ("0", "root-user/explicit"),
        ("0:0", "root-user/explicit"),
        ("0:1000", "root-user/explicit"),
        ("root:node", "root-user/explicit"),
        ("00", "root-user/explicit"),
        ("toor", "root-user/alias"),
        ("toor:1000", "root-user/alias"),
        ("node", None),
        ("node:0", None),
        ("1000", None),
        ("1000:0", None),
        ("54321", None),
        ("node:root", None),
        ("ghost", "root-user/unknown-user"),
        ("node:ghosts", "root-user/unknown-user"),
        ("12", None),  # a number is a uid, also where a user has it for a name
    ],
)
def test_the_user_is_judged_by_its_uid(user: str, expected: str | None):
    assert rule(user) == expected


def test_the_final_passwd_counts():
    later = layer({"etc/passwd": "root:x:0:0::/:\nnode:x:0:0::/:\n"}, created_by="RUN sed")
    assert rule("node", BASE, later) == "root-user/alias"
    gone = layer({"etc/.wh.passwd": ""}, created_by="RUN rm")
    assert rule("node", BASE, gone) == "root-user/unknown-user"
    assert rule("root", BASE, gone) == "root-user/explicit"


def test_the_first_line_of_a_name_counts_and_a_broken_number_is_zero():
    assert rule("app", layer({"etc/passwd": "app:x:5:5\napp:x:0:0\n"})) is None
    assert rule("app", layer({"etc/passwd": "app:x:five:5\n"})) == "root-user/alias"


def test_a_passwd_that_is_a_hard_link_is_read():
    files = [("etc/passwd", "app:x:0:0\n"), ("etc/passwd-", hardlink("etc/passwd"))]
    moved = layer({"etc/.wh.passwd": ""}, {"etc/passwd-": hardlink("etc/passwd")})
    assert rule("app", layer(files)) == "root-user/alias"
    assert rule("app", layer(files), moved) == "root-user/unknown-user"


def test_a_passwd_that_could_not_be_read_accuses_nobody():
    linked = layer({"etc/passwd": symlink("/data/users"), "data/users": "app:x:5:5\n"})
    assert rule("app", linked) is None
    evidence = evidence_of(image(layer({}), user="app"))
    broken = replace(evidence.image, problems=(Problem("missing-blob", "x", Effect.INCOMPLETE),))
    assert not RootUserAnalyzer().analyze(replace(evidence, image=broken)).findings
    unread = replace(evidence_of(image(BASE, user="app")), scans=(), overlay=Overlay(()))
    assert not RootUserAnalyzer().analyze(unread).findings


def test_an_explicit_user_is_told_with_its_instruction():
    found = finding(BASE, step("USER node"), step("USER root"), user="root")
    assert found is not None
    assert found.added_by is not None
    assert (found.added_by.history, found.added_by.instruction) == (2, "USER root")
    assert found.severity is Severity.HIGH
    assert "USER node" in found.remediation


SCRIPT = '#!/bin/sh\nset -e\nexec gosu node "$@"\n'


def entry(script: str = SCRIPT, tool: str = "gosu") -> BuiltLayer:
    return layer({"usr/local/bin/docker-entrypoint.sh": executable(script), f"usr/local/bin/{tool}": executable()})


@pytest.mark.parametrize(
    ("entrypoint", "cmd"),
    [
        (["docker-entrypoint.sh"], ["node"]),
        (["/usr/local/bin/docker-entrypoint.sh"], []),
        ([], ["docker-entrypoint.sh", "node"]),
        (["tini", "-g", "--", "docker-entrypoint.sh"], []),
        (["/bin/bash", "/usr/local/bin/docker-entrypoint.sh"], []),
        (["gosu", "node", "node", "server.js"], []),
        (["tini", "--", "gosu", "node"], ["node"]),
        (["/bin/sh", "-c", "exec gosu node node server.js"], []),
        (["/entry"], []),
    ],
)
def test_an_entry_point_that_drops_privileges_lowers_the_severity(entrypoint, cmd):
    link = layer({"entry": symlink("usr/local/bin/docker-entrypoint.sh")})
    found = finding(BASE, entry(), link, entrypoint=entrypoint, cmd=cmd)
    assert found is not None
    assert found.rule.id == "root-user/implicit"
    assert found.severity is Severity.MEDIUM
    assert "gosu to node" in found.message


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\nexec gosu root node\n",
        "#!/bin/sh\nexec gosu toor node\n",
        "#!/bin/sh\nexec su-exec node node\n",
        "#!/bin/sh\nexec node\n",
    ],
)
def test_a_drop_to_root_or_by_an_absent_tool_lowers_nothing(script: str):
    found = finding(BASE, entry(script), entrypoint=["docker-entrypoint.sh"])
    assert found is not None
    assert found.severity is Severity.HIGH


def test_a_script_that_is_not_started_lowers_nothing():
    found = finding(BASE, entry(), entrypoint=["node"])
    assert found is not None
    assert found.severity is Severity.HIGH


def test_services_of_a_supervisor_are_looked_at():
    services = layer({
        "init": executable("#!/bin/sh\n"),
        "command/s6-setuidgid": executable(),
        "etc/services.d/web/run": executable("#!/usr/bin/with-contenv sh\ns6-setuidgid node nginx\n"),
    })  # fmt: skip
    found = finding(BASE, services, entrypoint=["/init"])
    assert found is not None
    assert found.severity is Severity.MEDIUM


def test_windows_has_an_administrator_instead_of_a_root():
    assert finding(layer({}), platform="windows/amd64", user="ContainerUser") is None
    assert finding(layer({}), platform="windows/amd64") is None
    found = finding(layer({}), platform="windows/amd64", user="ContainerAdministrator")
    assert found is not None
