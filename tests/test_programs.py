"""What an image starts is found as exec would find it."""

from __future__ import annotations

import pytest

from imgscan.programs import find_program, search_path, started_programs
from tests.analyzers.evidence import evidence_of
from tests.image_builder import executable, image, layer, symlink

FILES = layer({
    "usr/bin/tini": executable(),
    "bin/sh": symlink("dash"),
    "bin/dash": executable(),
    "usr/local/bin/start.sh": executable("#!/bin/sh\n"),
    "app/run": executable(),
})  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        ([], []),
        (["start.sh", "x"], ["start.sh"]),
        (["tini", "--", "start.sh"], ["tini", "start.sh"]),
        (["tini", "-p", "SIGTERM", "start.sh"], ["tini", "start.sh"]),
        (["env", "A=b", "sh", "start.sh"], ["env", "sh", "start.sh"]),
        (["sh", "-c", "exec start.sh"], ["sh"]),
        (["bash", "-ec", "x"], ["bash"]),
        (["bash", "-euo", "pipefail", "-c", "start.sh"], ["bash"]),
        (["bash", "-o", "pipefail", "start.sh"], ["bash", "start.sh"]),
        (["sh"], ["sh"]),
        (["env"] * 600, ["env"] * 256),
    ],
)
def test_wrappers_and_shells_are_looked_through(argv, names):
    evidence = evidence_of(image(FILES, entrypoint=argv))
    assert [one.name for one in started_programs(evidence.overlay, evidence.image.config)] == names


def test_a_shells_text_is_kept():
    evidence = evidence_of(image(FILES, cmd=["/bin/sh", "-c", "exec x"]))
    (shell,) = started_programs(evidence.overlay, evidence.image.config)
    assert shell.text == "exec x"
    assert shell.version.path == "bin/dash"


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("start.sh", "usr/local/bin/start.sh"),
        ("/app/run", "app/run"),
        ("./run", "app/run"),
        ("../app/run", "app/run"),
        ("run", None),
        ("/nothing", None),
        ("/../../app/run", "app/run"),
    ],
)
def test_commands_are_looked_up_in_path_or_in_the_working_directory(command: str, path: str | None):
    evidence = evidence_of(image(FILES, working_dir="/app"))
    found = find_program(evidence.overlay, evidence.image.config, command)
    assert (found[0] if found else None) == path


def test_the_last_path_of_the_environment_counts_and_relative_parts_do_not():
    config = evidence_of(image(FILES, env=["PATH=/a", "PATH=/b/../c::/c:rel:/usr/bin/"])).image.config
    assert search_path(config) == ("c", "usr/bin")
    assert "usr/local/bin" in search_path(evidence_of(image(FILES)).image.config)
