"""The documents of `imgscan container`: every key is on its page, no line too wide, hostile names stay text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import Effect, Problem
from imgscan.renderers import Failure, RenderOptions, container_json, container_table
from imgscan.report.container import Change, ChangeKind, Process
from tests.runtime.documents import hardened, plain
from tests.runtime.judging import judged

PAGE = (Path(__file__).parents[2] / "docs" / "hardening.md").read_text()
OPTIONS = RenderOptions("1.2.3")
CHANGE = Change("opt/x", ChangeKind.ADDED, 3, 0o755, 0, "0" * 64)


def full():
    """A report with something under every key."""
    document = hardened(Ulimits=[{"Name": "nofile", "Soft": 1, "Hard": 2}], Sysctls={"net.x": "1"})
    document["Mounts"] = [
        {"Type": "volume", "Name": "v", "Source": "/var/lib/docker/volumes/v", "Destination": "/data", "RW": True}
    ]
    report = judged(document, processes=(Process(4711, 999, "node"),), changes=(CHANGE,))
    return replace(report, problems=(Problem("odd", "message"),))


def keys(value, above=""):
    """Dotted names of all keys; those that json.md has are left out."""
    if isinstance(value, list):
        return {key for item in value for key in keys(item, above)}
    if not isinstance(value, dict) or re.fullmatch(
        r"containers\.(suppressed|problems|settings\.sysctls)|failures", above
    ):
        return set()
    if above == "containers.findings":
        return {"containers.findings.cis"}
    found = {f"{above}.{key}".lstrip("."): item for key, item in value.items()}
    return found.keys() | {key for name, item in found.items() for key in keys(item, name)}


def test_the_page_has_every_key_of_the_document_and_no_other():
    document = json.loads(container_json.render([full()], replace(OPTIONS, failures=(Failure("x", "gone"),))))
    written = set(re.findall(r"^\| `([a-z_0-9.]+)` \|", PAGE, re.MULTILINE))
    assert {key for key in written if key.startswith(("containers", "failures"))} == keys(document) - {
        "schema",
        "tool",
        "tool.name",
        "tool.version",
    }


def test_the_page_shows_the_marks_and_the_verdict_of_the_labs_container():
    table = container_table.render([judged(hardened())], OPTIONS)
    for line in (
        "constraints: read-only, 128 MB, 0.5 CPU, no capabilities, no new privileges",
        "✓ memory            134217728 (128 MB)",
        "✓ CPU               500000000 NanoCpus (0.5 CPU)",
    ):
        assert line in table
        assert line in PAGE


def test_what_nobody_knows_or_privileged_takes_away_has_no_mark_of_praise():
    unknown = container_table.render([judged(hardened(SecurityOpt=None), info=None)], OPTIONS)
    assert "· new privileges    unknown: the engine does not say" in unknown
    document = plain(Privileged=True, NetworkMode="host", SecurityOpt=["seccomp=unconfined"])
    document["NetworkSettings"], document["HostConfig"]["PortBindings"] = {"Ports": {}}, {}
    table = container_table.render([judged(document)], OPTIONS)
    for row in ("system calls", "access control", "ports"):
        assert re.search(f"^✗ {row} ", table, re.MULTILINE)
    assert "the host's own: it shares its network" in table


@pytest.mark.parametrize("width", [40, 72, 160])
def test_no_line_is_wider_than_asked_for(width):
    text = container_table.render([full(), judged(plain(Privileged=True))], replace(OPTIONS, width=width))
    assert max(map(len, text.splitlines())) <= width


def test_nothing_is_told_by_colour_alone_and_ascii_is_enough():
    report = full()
    coloured = container_table.render([report], replace(OPTIONS, colour=True))
    plain_text = container_table.render([report], OPTIONS)
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain_text
    assert container_table.render([report], replace(OPTIONS, unicode=False)).isascii()


def test_several_containers_are_compared():
    reports = [judged(hardened()), judged(plain())]
    text = container_table.render(reports, OPTIONS)
    assert "COMPARISON" in text
    told = text[text.index("COMPARISON") :]
    assert re.findall(r"^hardened +(\w+) +\d+ +(\d) +(.*)$", told, re.MULTILINE) == [
        ("no", "0", "read-only, 128 MB, 0.5 CPU, no capabilities, no new privileges"),
        ("no", "0", "none"),
    ]


def test_what_could_not_be_read_is_told_and_is_no_pass():
    report = replace(full(), problems=(Problem("too-much-written", "more than that", Effect.INCOMPLETE),))
    text = container_table.render([report], OPTIONS)
    assert "INCOMPLETE" in text
    assert "more than that" in text
    (container,) = json.loads(container_json.render([report], OPTIONS))["containers"]
    assert container["verdict"]["exit_code"] == 3


@given(st.text(st.characters(exclude_categories=())))
def test_hostile_names_stay_text(text):
    changes = (replace(CHANGE, path=text), replace(CHANGE, path=f"bin/{text}", kind=ChangeKind.MODIFIED))
    document = hardened(Ulimits=[{"Name": text, "Soft": 1, "Hard": 2}], CapAdd=[text], CgroupParent=text, Runtime=text)
    report = replace(judged(document, changes=changes), name=text, problems=(Problem("x", text, path=text),))
    table = container_table.render([report], replace(OPTIONS, width=60))
    assert all(line.isprintable() for line in table.split("\n"))
    assert container_json.render([report], OPTIONS).isascii()
