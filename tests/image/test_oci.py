"""Manifests, indexes and configs: every field is a claim, and no claim raises."""

from __future__ import annotations

import contextlib
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.errors import Effect
from imgscan.image.image import Healthcheck, HistoryEntry, Platform
from imgscan.image.oci import (
    MAX_DEPTH,
    MAX_JSON,
    MAX_LAYERS,
    BadDocument,
    Index,
    Manifest,
    parse_config,
    parse_document,
    parse_json,
)

KEYS = st.sampled_from(
    [
        *("schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size", "platform", "annotations"),
        *("urls", "os", "architecture", "variant", "rootfs", "diff_ids", "history", "created", "created_by", "author"),
        *("empty_layer", "comment", "Env", "Cmd", "Entrypoint", "User", "Labels", "Healthcheck", "Test", "Volumes"),
        *("ExposedPorts", "OnBuild", "Shell", "artifactType", "CONFIG", "env", "fsLayers"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["sha256:" + "a" * 64, "\ud800", "../..", "\0", "application/vnd.oci.image.index.v1+json"])
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=6)
)
OBJECTS = st.dictionaries(KEYS, DOCUMENTS, max_size=10)


def dumped(document: object) -> bytes:
    return json.dumps(document).encode("utf-8", "surrogatepass")


@given(OBJECTS)
@settings(max_examples=100, deadline=None)
def test_no_document_raises_anything_but_that_it_is_bad(document):
    try:
        parsed = parse_document(dumped(document), "it")
    except BadDocument:
        parsed = None
    assert parsed is None or isinstance(parsed, Manifest | Index)


@given(OBJECTS | DOCUMENTS)
@settings(max_examples=100, deadline=None)
def test_no_config_raises_and_all_its_strings_can_be_written(document):
    config, problems = parse_config(dumped(document), "sha256:0")
    assert isinstance(document, dict) or [problem.effect for problem in problems] == [Effect.INCOMPLETE]
    assert pickle.loads(pickle.dumps(config)) == config
    strings = [config.user, config.created, *config.env, *config.cmd, *config.exposed_ports, *config.volumes]
    strings += [part for label in config.labels for part in label]
    json.dumps([strings, config.raw, repr(config)], ensure_ascii=False).encode()


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_raise_anything_but_that_they_are_bad(data):
    for document in (data, b'{"config":' + data + b"}", b'"' + data + b'"'):
        with contextlib.suppress(BadDocument):
            parse_document(document, "it")
        parse_config(document, "sha256:0")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' + b"9" * 5_000 + b"}",
        b" " * (MAX_JSON + 1),
        b"",
        b"{",
        b"\xff\xfe",
        b"nonsense",
    ],
    ids=["open", "deep", "deep-object", "just-too-deep", "digits", "big", "empty", "cut", "bom", "text"],
)
def test_what_is_too_much_is_a_bad_document(data):
    with pytest.raises(BadDocument):
        parse_json(data, "it")
    _, problems = parse_config(data, "sha256:0")
    assert [(problem.code, problem.effect) for problem in problems] == [("bad-config", Effect.INCOMPLETE)]


def test_a_document_as_deep_as_allowed_is_read():
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "it")


def test_a_manifest_of_endless_layers_is_bad():
    layer = {"digest": "sha256:" + "0" * 64}
    with pytest.raises(BadDocument, match="layers"):
        parse_document(dumped({"config": layer, "layers": [layer] * (MAX_LAYERS + 1)}), "it")


def test_endless_entries_are_left_out_and_told():
    config, problems = parse_config(dumped({"config": {"Env": ["A=b"] * 100_001}, "history": [{}] * 100_001}), "")
    assert (len(config.env), len(config.history)) == (100_000, 100_000)
    assert [problem.effect for problem in problems] == [Effect.INCOMPLETE] * 2


def test_the_last_of_equal_keys_counts_as_for_engines():
    config, _ = parse_config(b'{"config":{"User":"nobody","User":"root"}}', "")
    assert config.user == "root"


@pytest.mark.parametrize("key", ["User", "user", "USER", "u\u017fer"])
def test_keys_are_read_without_case_as_engines_read_them(key):
    config, problems = parse_config(dumped({"Config": {key: "1000"}, "OS": "linux", "ARCHITECTURE": "arm64"}), "")
    assert (config.user, str(config.platform), problems) == ("1000", "linux/arm64", ())


def test_a_wrong_type_is_left_out_and_told():
    document = {
        "config": {
            "User": 0,
            "Env": ["A=b", 7, None],
            "Cmd": "sh -c x",
            "Entrypoint": {},
            "Labels": [],
            "Healthcheck": 1,
        },
        "rootfs": [],
        "history": [1, {"created_by": ["x"], "empty_layer": "true"}],
        "os": [],
    }
    config, problems = parse_config(dumped(document), "sha256:0")
    assert (config.user, config.env, config.cmd, config.entrypoint) == ("", ("A=b",), ("sh -c x",), ())
    assert config.history == (HistoryEntry("", "", "", "", False),)
    named = {problem.message.partition(" ")[0] for problem in problems}
    assert named == {
        "config.User",
        "config.Env",
        "config.Entrypoint",
        "config.Labels",
        "config.Healthcheck",
        "rootfs",
        "history",
        "history.created_by",
        "os",
    }
    assert {problem.effect for problem in problems} == {Effect.NOTE}


def test_lone_surrogates_become_signs_that_can_be_written():
    config, _ = parse_config(b'{"config":{"User":"\\ud800x","ExposedPorts":{"\\udfff":{}}},"k\\ud800":["\\udc00"]}', "")
    assert (config.user, config.exposed_ports) == ("\ufffdx", ("\ufffd",))
    assert config.raw["k\ufffd"] == ["\ufffd"]


def test_a_config_as_engines_write_it():
    document = {
        "architecture": "arm64",
        "os": "linux",
        "variant": "v8",
        "created": "2024-01-01T00:00:00Z",
        "author": "someone",
        "config": {
            "User": "app",
            "Env": ["PATH=/bin", "A=b", "A=c"],
            "Entrypoint": ["/entry"],
            "Cmd": None,
            "Labels": {"z": "1", "a": "2"},
            "Healthcheck": {"Test": ["CMD", "true"]},
            "ExposedPorts": {"80/tcp": {}, "443/tcp": {}},
            "WorkingDir": "/app",
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]},
        "history": [{"created_by": "RUN x", "empty_layer": True, "comment": "c"}],
    }
    config, problems = parse_config(b"\xef\xbb\xbf" + dumped(document), "sha256:0")
    assert problems == ()
    assert config.platform == Platform("linux", "arm64", "v8")
    assert config.env == ("PATH=/bin", "A=b", "A=c")
    assert config.labels == (("z", "1"), ("a", "2"))
    assert config.healthcheck == Healthcheck(("CMD", "true"))
    assert config.exposed_ports == ("443/tcp", "80/tcp")
    assert config.history == (HistoryEntry("", "RUN x", "c", "", True),)
    assert config.raw == document


def test_documents_are_told_apart_by_what_they_have():
    blob = {"digest": "sha256:" + "0" * 64, "size": 1, "mediaType": "application/vnd.oci.image.config.v1+json"}
    assert isinstance(parse_document(dumped({"manifests": [blob]}), "it"), Index)
    manifest = parse_document(dumped({"config": blob, "layers": [blob, 7, {}]}), "it")
    assert isinstance(manifest, Manifest)
    assert (manifest.is_image, manifest.is_oci, len(manifest.layers)) == (True, True, 1)
    for wrong in (
        [],
        {},
        {"manifests": 1},
        {"config": 1},
        {"config": blob, "layers": 1},
        {"schemaVersion": 1, "fsLayers": []},
    ):
        with pytest.raises(BadDocument):
            parse_document(dumped(wrong), "it")


@pytest.mark.parametrize(
    ("size", "read"), [(5, 5), (-1, -1), (1 << 63, -1), (True, -1), ("5", -1), (None, -1), (1.5, -1)]
)
def test_a_size_that_is_none_is_unknown(size, read):
    blob = {"digest": "sha256:0", "size": size}
    (descriptor,) = parse_document(dumped({"manifests": [blob]}), "it").manifests
    assert descriptor.size == read
