"""Answers of an engine, decoded."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.image.oci import parse_config
from imgscan.sources.engine_answers import PullFailed, config_document, describe, plain, pull_progress, trailing_error

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def document(layers, **more):
    return {"Id": "sha256:" + "a" * 64, "Os": "linux", "Architecture": "amd64", "RootFS": {"Layers": layers}, **more}


def entry(created_by, size, created=1_700_000_000):
    return {"CreatedBy": created_by, "Size": size, "Created": created, "Comment": ""}


def test_the_history_comes_base_first_with_empty_layers_told_by_size_where_the_counts_agree():
    found = describe("app", document(["sha256:1", "sha256:2"]))
    newest_first = [entry("CMD", 0), entry("COPY", 5), entry("ENV", 0), entry("ADD", 9)]
    config, problems = parse_config(config_document(found, newest_first), found.image_id)
    assert problems == ()
    assert [step.created_by for step in config.history] == ["ADD", "ENV", "COPY", "CMD"]
    assert [step.empty_layer for step in config.history] == [False, True, False, True]
    assert config.history[0].created == "2023-11-14T22:13:20Z"


def test_where_a_layer_is_empty_too_no_step_is_said_to_be():
    found = describe("app", document(["sha256:1", "sha256:2"]))
    config, _ = parse_config(config_document(found, [entry("RUN true", 0), entry("ADD", 9)]), found.image_id)
    assert [step.empty_layer for step in config.history] == [False, False]


def test_an_id_without_its_algorithm_is_given_one():
    assert describe("app", document([], Id="b" * 64)).image_id == "sha256:" + "b" * 64


@given(st.lists(JSON.map(json.dumps).map(str.encode)))
def test_the_lines_of_a_pull_may_hold_anything(lines):
    with suppress(PullFailed):
        for done, total in pull_progress(iter(lines)):
            assert isinstance(done, int)
            assert total is None or isinstance(total, int)


def test_the_progress_of_a_pull_is_the_sum_of_its_layers():
    def line(layer, done, total):
        progress = {"current": done, "total": total}
        return json.dumps({"status": "Downloading", "progressDetail": progress, "id": layer}).encode()

    lines = [b'{"status":"Pulling from x","id":"1"}', line("a", 1, 10), line("b", 2, 20), line("a", 10, 10), b""]
    assert list(pull_progress(iter(lines))) == [(1, 10), (3, 30), (12, 30)]


def test_a_line_that_is_no_json_ends_a_pull():
    with pytest.raises(PullFailed):
        list(pull_progress(iter([b"<html>"])))


@given(st.binary())
def test_the_end_of_a_tar_is_no_error(data):
    assert trailing_error(data + bytes(1024)) is None


@given(st.binary(), st.text(min_size=1))
def test_an_error_at_the_end_is_found_whatever_came_before(data, text):
    line = json.dumps({"errorDetail": {"message": text}, "error": text}).encode() + b"\r\n"
    assert trailing_error(data + line) == plain(text)


@given(st.text())
def test_foreign_text_becomes_one_printable_line(text):
    assert plain(text).isprintable()
    assert len(plain(text)) <= 300
