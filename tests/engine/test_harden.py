"""`imgscan harden` against a real engine: what is derived really runs, serves, and passes `imgscan container`."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from fixtures.lab.engine import build_bases, build_scenario
from fixtures.lab.scenarios import SCENARIOS
from tests.engine.conftest import LABEL, REPOSITORY, absent, imgscan
from tests.engine.containers import containers_of, said

LAB = [scenario for scenario in SCENARIOS if scenario.name != "hardened"]
ASK = "fetch('http://127.0.0.1:3000').then(answer => answer.text()).then(console.log)"
WEB = f"""\
FROM scratch
LABEL {LABEL}=1
ADD rootfs.tar /
COPY etc /etc
COPY srv /srv
ENV PATH=/bin
WORKDIR /srv
VOLUME /var/lib/web
EXPOSE 80
CMD ["/bin/sh", "/srv/start.sh"]
"""
OWNED = "RUN mkdir -p /var/lib/web && busybox chown 999:999 /var/lib/web\n"
FILES = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nwww:x:999:999::/srv:/bin/sh\n",
    "etc/group": "root:x:0:\nwww:x:999:\n",
    "srv/index.html": "served\n",
    "srv/start.sh": "#!/bin/sh\nbusybox httpd -p 80 -h /srv && echo listening && exec sleep 300\n",
}


@pytest.fixture
def containers(engine):
    yield from containers_of(engine)


@pytest.fixture(scope="session")
def lab_images(engine, tmp_path_factory):
    """{scenario: tag}, built for this run."""
    for program in ("apt-get", "dpkg-deb", os.environ.get("DOCKER_CLI", "docker")):
        if shutil.which(program) is None:
            absent(f"there is no {program}, which the lab's bases are made with")
    cache = os.environ.get("IMGSCAN_LAB_CACHE")
    build_bases(Path(cache) if cache else tmp_path_factory.mktemp("lab"))
    tags = {}
    try:
        for scenario in LAB:
            tags[scenario.name] = build_scenario(scenario, tag=f"{REPOSITORY}/{scenario.image}:harden")
        yield tags
    finally:
        for tag in tags.values():
            engine.remove(tag)


@pytest.fixture
def derived(tmp_path):
    """The document of one target."""

    def run(image, target="docker"):
        done = imgscan("harden", image, "--target", target, IMGSCAN_CACHE_DIR=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


def judged(name, tmp_path, fail_on="medium"):
    done = imgscan("container", name, "-f", "json", "--fail-on", fail_on, IMGSCAN_CACHE_DIR=str(tmp_path / "cache"))
    (report,) = json.loads(done.stdout)["containers"]
    return done.returncode, report


@pytest.mark.parametrize("scenario", LAB, ids=lambda scenario: scenario.name)
def test_the_labs_app_serves_with_the_derived_flags_and_passes(scenario, lab_images, containers, derived, tmp_path):
    ran = containers.run_shell(derived(lab_images[scenario.name]), containers.name())
    said(ran, "listening on 3000")
    code, output = ran.exec_run(["node", "-e", ASK])
    assert code == 0, output
    assert b"The app is up" in output
    assert b"(root)" not in output
    if containers.bridge:
        ran.reload()
        (binding,) = ran.ports["3000/tcp"]
        with urllib.request.urlopen(f"http://127.0.0.1:{binding['HostPort']}", timeout=20) as answer:
            assert b"The app is up" in answer.read()
    code, report = judged(ran.name, tmp_path)
    assert code == 0, report["findings"]
    assert report["runs_as_root"] is False
    assert {finding["rule"] for finding in report["findings"] if finding["severity"] == "low"} <= {
        "container/no-health-check",
    }


@pytest.fixture
def web(engine, rootfs):
    """Builds the web server's image with a part of its own before its VOLUME."""

    def build(part):
        return engine.build("harden-web", WEB.replace("VOLUME", f"{part}VOLUME"), {**FILES, "rootfs.tar": rootfs})

    return build


@pytest.mark.parametrize(
    "case",
    [
        # Where nobody names a user, the owner of the data is found; where that is root, it stays root, without powers.
        (f"{OWNED}USER www\n", 999),
        (OWNED, 999),
        ("", 0),
    ],
)
def test_a_web_server_below_port_1024_serves_without_capabilities(web, containers, derived, tmp_path, case):
    part, uid = case
    image = web(part)
    text = derived(image)
    assert f"--user {uid}:{uid}" in text
    assert "--cap-add" not in text
    ran = containers.run_shell(text, containers.name())
    said(ran, "listening")
    code, output = ran.exec_run(["busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:80/"])
    assert (code, output) == (0, b"served\n")
    code, output = ran.exec_run(["/bin/sh", "-c", "echo kept >/var/lib/web/x && ! echo no >/srv/x 2>/dev/null"])
    assert code == 0, output
    code, report = judged(ran.name, tmp_path, fail_on="high")
    assert code == 0, report["findings"]
    assert "read-only" in report["constraints"]
    assert report["settings"]["cap_drop"] == ["ALL"]
