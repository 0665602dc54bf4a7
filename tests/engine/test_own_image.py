"""imgscan's own image: built from the repository, small, without root or shell, and clean by its own scan."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.lab.engine import DEBIAN, PACKAGE_MANAGERS, Base, build_bases
from tests.engine.conftest import LABEL, absent

ROOT = Path(__file__).parents[2]
BASE = Base("imgscan-test-python:3", (*DEBIAN, *PACKAGE_MANAGERS, "ca-certificates", "python3", "python3-pip"), ())
TAG = "imgscan-test/own-image:1.0"
DOCKER = os.environ.get("DOCKER_CLI", "docker")


def run(*command: str, check: bool = True, **options) -> subprocess.CompletedProcess:
    done = subprocess.run(command, capture_output=True, check=False, **options)
    assert not (check and done.returncode), done.stderr.decode(errors="replace")[-3000:]
    return done


@pytest.fixture(scope="module")
def own_image(engine, tmp_path_factory):
    """`docker build .` of what the repository has, with wheels beside it in place of a network."""
    for program in ("apt-get", "dpkg-deb", DOCKER):
        if shutil.which(program) is None:
            absent(f"{program} is not there to build it with")
    cache = os.environ.get("IMGSCAN_LAB_CACHE")
    build_bases(Path(cache) if cache else tmp_path_factory.mktemp("packages"), bases=[BASE])
    context = tmp_path_factory.mktemp("context")
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in ("Dockerfile", ".dockerignore", *(name for name in kept if name != "wheels")):
        run("cp", "-r", str(ROOT / name), str(context / name))
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(context / "wheels"), str(ROOT), "hatchling")
    run(
        DOCKER, "build", "--quiet", "--network", "none", "--label", f"{LABEL}=1", "--tag", TAG,
        "--build-arg", f"BASE={BASE.tag}", "--build-arg", "PIP_NO_INDEX=1", "--build-arg", "PIP_FIND_LINKS=/src/wheels",
        str(context),  # by whatever builder the client has
    )  # fmt: skip
    yield TAG
    engine.remove(TAG)


def test_its_own_scan_finds_nothing_of_medium_severity(own_image):
    arguments = ("inspect", own_image, "--fail-on", "medium", "-f", "json", "--no-cache")
    done = run(sys.executable, "-m", "imgscan", *arguments, check=False)
    (report,) = json.loads(done.stdout)["reports"]
    told = [(f["rule"], f["location"]["path"]) for f in report["findings"] if f["severity"] not in ("low", "info")]
    assert told == []
    assert done.returncode == 0
    assert report["summary"]["runs_as_root"] is False
    assert report["summary"]["build_tools"] == 0
    assert report["image"]["size"] < 200e6


def test_it_scans_an_archive_with_all_hardening_flags(own_image, engine, tmp_path):
    archive = engine.save(own_image, tmp_path / "a.tar")
    flags = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
    arguments = ("inspect", "-", "-f", "json", "--fail-on", "medium")
    with archive.open("rb") as stream:
        done = run(DOCKER, "run", "--rm", "-i", *flags, own_image, *arguments, stdin=stream)
    assert json.loads(done.stdout)["reports"][0]["coverage"]["complete"]


def test_it_has_no_shell(own_image):
    done = run(DOCKER, "run", "--rm", "--entrypoint", "/bin/sh", own_image, check=False)
    assert done.returncode == 127
