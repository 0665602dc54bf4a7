"""`imgscan harden` on archives: what goes where, and what an image that cannot be read does to it."""

from __future__ import annotations

import shlex

import pytest
import yaml

from imgscan.cli import main
from tests.image_builder import docker_archive_legacy, executable, image, layer

FILES = {"etc/passwd": "root:x:0:0::/root:/bin/sh\nweb:x:999:999::/:/bin/false\n", "bin/web": executable()}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("IMGSCAN_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def archive(tmp_path):
    built = image(layer(FILES), user="web", cmd=["/bin/web"], exposed_ports=["80/tcp"], tags=["shop/web:1"])
    return str(docker_archive_legacy(built, tmp_path / "web.tar"))


def test_the_default_is_a_command_for_docker(archive, capsys):
    assert main(["harden", archive]) == 0
    out, err = capsys.readouterr()
    words = shlex.split(out, comments=True)
    assert words[:3] == ["docker", "run", "--detach"]
    assert words[-1] == "shop/web:1"
    assert words[words.index("--user") + 1] == "999:999"
    assert err == ""


@pytest.mark.parametrize(("target", "key"), [("compose", "services"), ("kubernetes", "kind"), ("Kubernetes", "kind")])
def test_a_file_is_written_where_that_is_asked_for(archive, tmp_path, capsys, target, key):
    path = tmp_path / "out.yaml"
    assert main(["harden", archive, "--target", target, "-o", str(path)]) == 0
    assert key in next(iter(yaml.safe_load_all(path.read_text())))
    assert capsys.readouterr().out == ""


def test_an_unknown_target_is_wrong_usage(archive, capsys):
    assert main(["harden", archive, "--target", "nomad"]) == 2
    assert "docker, compose, kubernetes" in capsys.readouterr().err


def test_a_missing_image_is_no_result(tmp_path, capsys):
    assert main(["harden", str(tmp_path / "none.tar")]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")


def test_windows_images_are_refused(tmp_path, capsys):
    built = image(layer({"Files/x": "1"}), platform="windows/amd64")
    assert main(["harden", str(docker_archive_legacy(built, tmp_path / "w.tar"))]) == 3
    assert "Windows" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "code"), [([], 3), (["--strict"], 3), (["--allow-incomplete"], 0)])
def test_an_image_that_was_read_in_part_says_so_and_writes_what_it_has(tmp_path, capsys, options, code):
    built = image(layer(FILES), user="web", diff_ids=["sha256:" + "0" * 64])
    path = docker_archive_legacy(built, tmp_path / "broken.tar")
    assert main(["harden", str(path), *options]) == code
    out, err = capsys.readouterr()
    assert "docker run" in out
    assert ("not everything of the image could be read" in err) is (code == 3)
