"""A registry in a container, filled by a real engine: the same images without it."""

from __future__ import annotations

import json

import pytest

from tests.engine.conftest import LABEL, imgscan


@pytest.fixture(scope="module")
def pushed(engine, registry, secret_image):
    """The image of the other tests, in the registry as the engine pushes it."""
    api = engine.client.api
    name = f"{registry.address}/imgscan-test/secret"
    api.tag(secret_image, name, "latest")
    errors = [line["error"] for line in api.push(name, "latest", stream=True, decode=True) if "error" in line]
    assert not errors, errors
    api.remove_image(f"{name}:latest")
    return f"{name}:latest"


def report(*arguments):
    done = imgscan("inspect", "--format", "json", "--no-cache", *arguments, IMGSCAN_KEY="one key for both")
    assert done.returncode in (0, 1), done.stderr
    (found,) = json.loads(done.stdout)["reports"]
    return found


def findings(document):
    """What is said of the image itself: its name and digests differ."""
    return [one for one in document["findings"] if one["location"]["kind"] != "image"]


def test_an_image_has_the_same_findings_from_its_registry_as_from_the_engine(pushed, secret_image):
    there, here = report(f"registry:{pushed}"), report(f"docker:{secret_image}")

    def plain(document):
        return json.loads(json.dumps(findings(document)).replace(pushed, "X").replace(secret_image, "X"))

    strip = [[{k: v for k, v in one.items() if k != "recover"} for one in plain(found)] for found in (there, here)]
    assert strip[0] == strip[1]
    assert there["image"]["source"] == "registry"
    assert there["image"]["image_id"] == here["image"]["image_id"]
    assert there["coverage"] == here["coverage"]
    assert there["problems"] == []


def test_a_name_that_the_engine_does_not_have_is_read_from_its_registry_and_not_pulled(engine, pushed):
    found = report(pushed)
    assert found["image"]["source"] == "registry"
    assert [problem["code"] for problem in found["problems"]] == ["other-source"]
    assert not [tag for one in engine.client.images.list(filters={"label": LABEL}) for tag in one.tags if tag == pushed]


def test_a_name_that_the_engine_has_is_the_engines(secret_image):
    assert report(secret_image)["image"]["source"] == "docker"


def test_a_registry_that_wants_a_login_says_how_to_log_in(closed_registry, tmp_path):
    done = imgscan("inspect", f"registry:{closed_registry.address}/a/b", DOCKER_CONFIG=str(tmp_path))
    assert done.returncode == 3
    assert f"docker login {closed_registry.address}" in done.stderr
