"""The lab's images in a registry, pushed by skopeo: an audit tells the same as the lab's table, everywhere alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from fixtures.lab.build import archive_name, write_archive
from fixtures.lab.scenarios import SCENARIOS
from tests.audit.cluster import dask_processes
from tests.lab_table import expected_row
from tests.registries.process import PASSWORD, USER, needed, registry_process

OWN = [scenario for scenario in SCENARIOS if scenario.name == scenario.folder]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A registry with the lab, which wants a login."""
    skopeo = needed("skopeo", "skopeo")
    folder = tmp_path_factory.mktemp("lab")
    with registry_process(folder / "registry", login=True) as registry:
        for scenario in OWN:
            for variant in ("classic", "buildkit"):
                archive = write_archive(scenario, variant, folder / archive_name(scenario, variant))
                target = f"docker://{registry.address}/lab/{scenario.name}:{variant}"
                subprocess.run(
                    [
                        skopeo, "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false",
                        "--dest-creds", f"{USER}:{PASSWORD}", f"docker-archive:{archive}", target,
                    ],
                    check=True,
                    capture_output=True,
                )  # fmt: skip
        yield registry


@pytest.fixture(scope="module")
def login(lab, tmp_path_factory):
    """The directory of a docker config with the login, and one without."""
    import base64

    folder = tmp_path_factory.mktemp("login")
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {lab.address: {"auth": pair}}}))
    return folder


def imgscan(*arguments, config):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "imgscan", "audit", *map(str, arguments)],
        env=os.environ | {"DOCKER_CONFIG": str(config), "IMGSCAN_KEY": "k", "HOME": str(config)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def told(document):
    """The lab's columns, by repository and tag."""
    found = {}
    for index, image in enumerate(document["images"]):
        files = {}
        elsewhere = []
        for item in document["findings"]:
            if index not in item["images"] or item["secret"] is None:
                continue
            if item["rule"].startswith("file-secret/"):
                files.setdefault(item["location"]["path"], []).append(item)
            else:
                elsewhere.append(item["rule"])
        names = {secret["id"]: secret["name"] for secret in document["secrets"]}
        row = {
            "runs_as_root": image["runs_as_root"],
            "file_secrets": [
                {
                    "path": path,
                    "names": [names[one["secret"]] for one in sorted(each, key=lambda one: one["location"]["line"])],
                }
                for path, each in sorted(files.items())
            ],
            "elsewhere": elsewhere,
            "secrets": image["secrets"],
            "build_tools": image["build_tools"] > 0,
            "healthcheck": image["healthcheck"],
        }
        for reference in image["references"]:
            found[reference.rpartition("/")[2]] = row
    return found


def test_the_lab_is_told_as_its_table_says_with_the_login_of_docker(lab, login, tmp_path):
    done = imgscan(lab.address, "--state", tmp_path / "state", "-f", "json", config=login)
    assert done.returncode == 1, done.stderr
    found = told(json.loads(done.stdout)["audit"])
    assert found == {
        f"{scenario.name}:{variant}": expected_row(scenario.expected)
        for scenario in OWN
        for variant in ("classic", "buildkit")
    }
    assert PASSWORD not in done.stdout + done.stderr
    assert PASSWORD.encode() not in (tmp_path / "state").read_bytes()


def test_without_the_login_it_is_one_error(lab, tmp_path):
    done = imgscan(lab.address, "--state", tmp_path / "state", config=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_workers_of_a_cluster_use_logins_of_their_own(lab, login, tmp_path):
    pytest.importorskip("distributed")
    with dask_processes(tmp_path / "dask", workers=0) as cluster:
        cluster.start_worker(DOCKER_CONFIG=str(tmp_path / "nowhere"), HOME=str(tmp_path))
        without = imgscan(
            lab.address, "lab/insecure", "--state", tmp_path / "a", "-f", "json", "--scheduler", cluster.address,
            config=login,
        )  # fmt: skip
        assert without.returncode == 3, without.stderr
        assert {one["code"] for one in json.loads(without.stdout)["audit"]["unread"]} == {"access-denied"}
        cluster.start_worker(DOCKER_CONFIG=str(login), HOME=str(login))
        cluster.workers[0].kill()
        cluster.workers[0].wait(30)
        again = imgscan(
            lab.address, "lab/insecure", "--state", tmp_path / "a", "-f", "json", "--scheduler", cluster.address,
            config=login,
        )  # fmt: skip
        assert again.returncode == 1, again.stderr
    alone = imgscan(lab.address, "lab/insecure", "--state", tmp_path / "b", "-f", "json", config=login)
    assert told(json.loads(again.stdout)["audit"]) == told(json.loads(alone.stdout)["audit"])


@pytest.mark.parametrize("name", ["table", "json", "sarif", "csv"])
def test_every_format_tells_of_the_lab(name, lab, login, tmp_path):
    done = imgscan(lab.address, "lab/insecure", "--state", tmp_path / "state", "-f", name, config=login)
    assert done.returncode == 1, done.stderr
    for word in ("DATABASE_PASSWORD", "lab/insecure", "app/.env"):
        assert word in done.stdout
    assert "super_secret" not in done.stdout
