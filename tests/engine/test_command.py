"""The command against a real engine: one image by every way in, cold and warm, whole and cut."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.engine.conftest import absent, imgscan

VALUES = ("super_secret_password_123", "sk-live-abc123xyz789")


@pytest.fixture
def inspect(tmp_path):
    """Runs `imgscan inspect --format json` with a cache of the test's own; (exit code, report, stderr)."""

    def run(*arguments, stdin=None, **environment):
        settings = {"XDG_CACHE_HOME": str(tmp_path / "cache")} | environment
        done = imgscan("inspect", "--format", "json", *arguments, stdin=stdin, **settings)
        assert "Traceback" not in done.stderr, done.stderr
        for value in VALUES:
            assert "--show-secrets" in arguments or value not in done.stdout + done.stderr
        reports = json.loads(done.stdout)["reports"]
        for report in reports:
            number_secrets(report)
        return done.returncode, reports[0] if reports else None, done.stderr

    return run


def number_secrets(report):
    """Ids of secrets are drawn anew in every run; which findings share one is what can be compared."""
    numbers = {}
    for finding in report["findings"] + report["suppressed"]:
        if finding.get("secret"):
            finding["secret"]["id"] = numbers.setdefault(finding["secret"]["id"], len(numbers))


def test_the_findings_are_the_same_by_every_way_in(engine, inspect, secret_image, tmp_path):
    skopeo = shutil.which("skopeo") or absent("there is no skopeo")
    archive = engine.save(secret_image, tmp_path / "image.tar")
    layout = tmp_path / "layout"
    copy = [skopeo, "--insecure-policy", "copy", "--quiet", f"docker-archive:{archive}", f"oci:{layout}:one"]
    subprocess.run(copy, check=True, capture_output=True)
    ways = {
        "docker": inspect(f"docker:{secret_image}", "--no-cache"),
        "by name": inspect(secret_image, "--no-cache"),
        "archive": inspect(f"archive:{archive}", "--no-cache"),
        "stdin": inspect("-", "--no-cache", stdin=archive),
        "oci": inspect(f"oci:{layout}:one", "--no-cache"),
    }
    code, expected, _ = ways["docker"]
    assert code == 1
    assert expected["image"]["source"] == "docker"
    assert expected["summary"]["secrets"] == expected["summary"]["secrets_deleted"] == 2
    for way, (other_code, report, _) in ways.items():
        assert other_code == code, way
        assert comparable(report) == comparable(expected), way


def comparable(report):
    """What is of the image and not of the way it came: an OCI config has no health check, a layout no tag."""
    others = ("healthcheck/", "image-hygiene/latest-tag")
    findings = [{**one, "recover": None} for one in report["findings"] if not one["rule"].startswith(others)]
    return {
        "findings": findings,
        "suppressed": report["suppressed"],
        "tools": report["tools"],
        "coverage": report["coverage"],
        "layers": [layer["diff_id"] for layer in report["image"]["layers"]],
        "history": report["image"]["history"],
        "size": report["image"]["size"],
    }


def test_the_deleted_secrets_are_told_with_the_step_that_brought_and_the_step_that_deleted_them(inspect, secret_image):
    _, report, _ = inspect(secret_image)
    secrets = [one for one in report["findings"] if one["location"]["path"] == "app/.env" and one["secret"]]
    assert [one["secret"]["name"] for one in secrets] == ["DATABASE_PASSWORD", "API_KEY"]
    for one in secrets:
        assert one["fate"]["state"] == "deleted"
        assert one["added_by"]["instruction"].startswith("COPY")
        assert "rm /app/.env" in one["fate"]["instruction"]


def test_a_cold_a_warm_and_a_revealing_run_agree(inspect, proxy, secret_image):
    cold_engine, warm_engine, revealing_engine = proxy(), proxy(), proxy()
    cold = inspect(secret_image, DOCKER_HOST=cold_engine.host)
    warm = inspect(secret_image, DOCKER_HOST=warm_engine.host)
    code, revealing, _ = inspect(secret_image, "--show-secrets", DOCKER_HOST=revealing_engine.host)
    assert warm[:2] == cold[:2]
    assert [len(one.saves) for one in (cold_engine, warm_engine, revealing_engine)] == [1, 0, 1]
    values = [one["secret"].pop("value") for one in revealing["findings"] if one["secret"]]
    assert set(VALUES) <= set(values)
    assert (code, revealing["findings"]) == (cold[0], cold[1]["findings"])


def test_the_config_alone_needs_no_save(inspect, proxy, secret_image):
    between = proxy()
    code, report, _ = inspect(secret_image, "--depth", "config", DOCKER_HOST=between.host)
    assert code == 0
    assert between.saves == []
    assert "1000" in report["summary"]["user"]
    assert report["summary"]["runs_as_root"] is False


def test_an_engine_that_dies_while_it_saves_gives_exit_code_3_and_what_had_come(inspect, engine, proxy, secret_image):
    size = sum(len(block) for block in engine.client.api.get_image(secret_image))
    between = proxy(limit=size - 8192, die=True)
    code, report, _ = inspect(secret_image, DOCKER_HOST=between.host)
    assert code == 3
    assert report["coverage"]["complete"] is False
    assert "save-interrupted" in {problem["code"] for problem in report["problems"]}
    assert report["findings"]
    again = proxy(limit=size - 8192, die=True)
    code, _, _ = inspect(secret_image, "--allow-incomplete", DOCKER_HOST=again.host)
    assert code in (0, 1)


def test_a_whole_run_after_a_cut_one_is_complete(inspect, engine, proxy, secret_image):
    size = sum(len(block) for block in engine.client.api.get_image(secret_image))
    inspect(secret_image, DOCKER_HOST=proxy(limit=size // 2).host)
    code, report, _ = inspect(secret_image)
    assert code == 1
    assert report["coverage"]["complete"] is True


@pytest.mark.parametrize(
    ("reference", "environment"),
    [
        ("127.0.0.1:1/imgscan-test/none:latest", {}),
        ("sha256:" + "0" * 64, {}),
        ("anything:latest", {"DOCKER_HOST": "unix:///nonexistent/engine.sock"}),
        ("anything:latest", {"DOCKER_HOST": "tcp://127.0.0.1:1"}),
        ("anything:latest", {"DOCKER_HOST": "", "DOCKER_CONTEXT": "no-such-context"}),
    ],
    ids=["no registry", "no such id", "no socket", "no host", "no context"],
)
def test_an_image_that_cannot_be_got_is_one_sentence_and_one_tip(engine, inspect, reference, environment):
    code, report, stderr = inspect(reference, **environment)
    assert code == 3
    assert report is None
    error, tip = stderr.strip().splitlines()
    assert error.startswith("error: ")
    assert tip.startswith("tip: ")


def test_another_platform_is_exit_code_3(inspect, secret_image):
    code, _, stderr = inspect(secret_image, "--platform", "linux/s390x")
    assert code == 3
    assert "linux/s390x" in stderr
