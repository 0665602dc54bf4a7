"""The detection benchmark: texts hold what must be found, images hold the texts, tables tell what was counted."""

from __future__ import annotations

import base64
import json

import pytest

from bench import detection, places, planted
from bench.places import PLACES, Text
from imgscan.pipeline import CacheMode, Options, inspect_image

TEXTS = detection.texts()
TOKEN = next(text for text in TEXTS if text.rule == "github-token")


@pytest.fixture(scope="session")
def options(tmp_path_factory) -> Options:
    return Options(cache=CacheMode.OFF, cache_directory=tmp_path_factory.mktemp("cache"), show_secrets=True)


def test_every_text_holds_its_value():
    assert all(text.value and text.value in text.text for text in TEXTS)
    assert {*planted.STRUCTURED, *planted.NAMED, "private-key"} <= {text.rule for text in TEXTS}


def test_equal_runs_plant_equal_texts():
    assert detection.texts() == TEXTS
    assert detection.to_plant() == detection.to_plant()


@pytest.mark.parametrize("place", PLACES)
def test_a_token_is_found_in_every_place(tmp_path, options, place: str):
    archive = places.build(tmp_path, place, [TOKEN, Text("none", "nothing here", "nothing", "txt")])
    (report,) = inspect_image(str(archive), options)
    assert report.complete
    assert TOKEN.value in {finding.secret.value for finding in report.verdict.open if finding.secret}


def test_a_scanner_of_files_is_given_the_files_of_all_layers(tmp_path):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    places.unpacked(places.build(tmp_path, "deleted file", [TOKEN]), folder)
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert TOKEN.text.encode() in files
    assert any(data.startswith(b'{"architecture"') for data in files)


def test_every_planted_secret_is_in_the_content():
    secrets, content = detection.to_plant()
    everything = "\n".join([*(data.decode() for data in content.files.values()), *content.env])
    assert all(secret.core in everything for secret in secrets)


def test_the_tables_say_what_was_counted():
    results = {
        "date": "2026-01-02",
        "tools": ["imgscan", "gitleaks"],
        "versions": {"gitleaks": "8"},
        "recall": {"file": {"planted": 4, "imgscan": 4, "gitleaks": 3}},
        "precision": {
            "packaged": {
                "bytes": 1_900_000_000,
                "imgscan": {"all": 1, "confidence": {"low": 1}},
                "gitleaks": {"all": 207},
                "planted": 2,
                "imgscan found": 2,
                "gitleaks found": 1,
            }
        },
    }
    text = detection.markdown(json.loads(json.dumps(results)))
    assert "| file | 4 | 4 (100 %) | 3 (75 %) |" in text
    assert "| 0 | 1, 0 of them of high confidence | 207 |" in text
    assert "| 2 | 2 (100 %) | 1 (50 %) |" in text


def test_base64_is_not_the_text_itself():
    (files,) = PLACES["base64"]([TOKEN]).layers
    (data,) = files.values()
    assert TOKEN.value.encode() not in data
    assert base64.b64encode(TOKEN.text.encode()) in data
