"""`imgscan compare` as a user runs it, on archives."""

from __future__ import annotations

import json

import pytest

from imgscan.cli import main
from tests.image_builder import docker_archive_hybrid, executable, image, layer


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(capsys, monkeypatch, cache):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "IMGSCAN_KEY", "DOCKER_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    def call(*arguments):
        code = main(["compare", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def images(tmp_path):
    clean = layer({"etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:1:1::/:/bin/sh\n"})
    leaky = layer({"app/.env": "API_KEY=sk-live-abc123xyz789\n", "usr/bin/gcc": executable()})
    return (
        docker_archive_hybrid(image(clean, user="app", tags=["app:1"]), tmp_path / "clean.tar"),
        docker_archive_hybrid(image(clean, leaky, user="app", tags=["app:2"]), tmp_path / "leaky.tar"),
    )


def test_a_worse_second_image_fails_where_that_is_asked_for(run, images):
    clean, leaky = images
    assert run(clean, leaky)[0] == 0
    assert run(clean, leaky, "--fail-on-new", "high")[0] == 1
    assert run(leaky, clean, "--fail-on-new", "low")[0] == 0
    assert run(leaky, leaky, "--fail-on-new", "low")[0] == 0


def test_the_json_lists_what_is_new_without_the_secret(run, images):
    code, out, _ = run(*images, "-f", "json")
    found = json.loads(out)["comparison"]
    assert code == 0
    new = found["difference"]["findings"]["new"]
    assert {"file-secret/keyword", "build-tool/compiler"} <= {finding["rule"] for finding in new}
    assert [tool["name"] for tool in found["difference"]["tools"]["added"]] == ["gcc"]
    assert [row["secrets"] for row in found["rows"]] == [0, 1]
    assert "abc123xyz789" not in out


def test_each_format_goes_where_it_belongs(run, images, tmp_path):
    code, out, _ = run(
        *images, "-f", "table", "-f", f"markdown={tmp_path / 'x.md'}", "-f", f"json={tmp_path / 'x.json'}"
    )
    assert code == 0
    assert "NEW FINDINGS" in out
    assert (tmp_path / "x.md").read_text().startswith("| Image |")
    assert json.loads((tmp_path / "x.json").read_text())["schema"] == "imgscan/1"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "nothing to compare"),
        (["-", "-"], "standard input can be read once"),
        (["a", "--fail-on-new", "low"], "--fail-on-new needs two images, not 1"),
        (["a", "b", "--fail-on-new", "bad"], "--fail-on-new cannot be 'bad'"),
        (["a", "b", "-f", "sarif"], "unknown format 'sarif'"),
    ],
)
def test_what_cannot_be_compared_is_wrong_usage(run, arguments, error):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert error in err
    assert err.splitlines()[1].startswith("tip: ")


def test_an_image_that_is_not_there_is_told(run, images):
    code, out, err = run(images[0], "archive:/nonexistent.tar")
    assert (code, out) == (3, "")
    assert "/nonexistent.tar" in err


def test_an_image_that_was_not_read_whole_is_exit_code_3(run, images, tmp_path):
    whole = layer({"a": "x" * 3000})
    cut = docker_archive_hybrid(image(layer(whole.tar[:2000])), tmp_path / "cut.tar")
    assert run(images[0], cut)[0] == 3
    assert run(images[0], cut, "--allow-incomplete")[0] == 0
