"""What is inside files, from an archive on disk to the report: fate, ledger, exit code, and no plain text."""

from __future__ import annotations

import json

import pytest

from imgscan.cli import main
from tests.image_builder import docker_archive_legacy, image, layer
from tests.laws import law_7_no_secret_in
from tests.layers.unpack import containers as make
from tests.layers.unpack.test_formats import ENV, TOKEN, encrypted


@pytest.fixture
def inspect(tmp_path, capsys):
    def run(*layers, options=()):
        archive = docker_archive_legacy(image(*layers, user="1000"), tmp_path / "app.tar")
        outputs = []
        for form in ("json", "table"):
            code = main(["inspect", str(archive), "--format", form, "--no-cache", *options])
            outputs.append(capsys.readouterr().out)
        (report,) = json.loads(outputs[0])["reports"]
        law_7_no_secret_in(TOKEN.decode(), *outputs)
        return code, report, outputs[1]

    return run


JAR = make.zipped([("BOOT-INF/lib/x.jar", make.zipped([("application.properties", ENV)]))])


def test_a_secret_in_a_deleted_archive_has_the_archive_s_fate(inspect):
    brought = layer({"srv/app.jar": JAR}, created_by="COPY app.jar /srv/")
    gone = layer({"srv/.wh.app.jar": ""}, created_by="RUN rm /srv/app.jar")
    code, report, table = inspect(brought, gone)
    (finding, *_) = [one for one in report["findings"] if one["rule"] == "file-secret/npm-token"]
    assert code == 1
    assert finding["location"]["path"] == "srv/app.jar"
    assert finding["location"]["inner_path"] == "BOOT-INF/lib/x.jar!/application.properties"
    assert (finding["location"]["line"], finding["location"]["offset"]) == (2, ENV.index(TOKEN))
    assert (finding["fate"]["state"], finding["fate"]["layer"]) == ("deleted", 1)
    assert finding["added_by"]["instruction"] == "COPY app.jar /srv/"
    assert "x.jar!" in table


def test_equal_secrets_in_and_outside_of_archives_are_one_secret(inspect):
    _, report, _ = inspect(layer({"srv/app.jar": JAR, "srv/app.env": ENV}))
    tokens = [one for one in report["findings"] if one["rule"] == "file-secret/npm-token"]
    assert {one["secret"]["id"] for one in tokens} == {tokens[0]["secret"]["id"]}
    assert [one["secret"]["sightings"] for one in tokens] == [2, 2]


def test_what_is_inside_is_accounted_for(inspect):
    locked = encrypted(make.zipped([("a/.env", ENV)]))
    code, report, table = inspect(layer({"srv/app.jar": make.zipped([("x", b"nothing")]), "srv/locked.zip": locked}))
    inner = report["coverage"]["inner"]
    assert (code, inner["members"], inner["scanned"], inner["skipped"]) == (0, 2, 1, [])
    assert inner["opaque"] == [{"reason": "encrypted", "count": 1, "bytes": len(ENV)}]
    assert report["coverage"]["complete"]
    assert [problem["effect"] for problem in report["problems"]] == ["opaque"]
    assert "encrypted" in table


def test_strict_does_not_let_opaque_content_pass(inspect):
    code, _, _ = inspect(layer({"srv/locked.zip": encrypted(make.zipped([("a/.env", ENV)]))}), options=["--strict"])
    assert code == 3
