"""Logins: as docker and podman keep them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import docker.auth
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import AccessDenied
from imgscan.sources.registry.credentials import Credential, Credentials

WORD = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
KEYS = (
    "https://index.docker.io/v1/",
    "docker.io",
    "ghcr.io",
    "localhost:5000",
    "https://localhost:5000/v2/",
    "a.example.com",
)
ASKED = ("docker.io", "ghcr.io", "localhost:5000", "a.example.com", "b.example.com")


def entry(name: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode()}


ENTRIES = st.one_of(
    st.builds(entry, WORD, WORD),
    st.builds(lambda token: {"identitytoken": token}, WORD),
    st.just({}),
)


def written(folder: Path, document: object, name: str = "config.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(document if isinstance(document, str) else json.dumps(document))
    return folder


@given(st.dictionaries(st.sampled_from(KEYS), ENTRIES, max_size=4), st.sampled_from(ASKED))
def test_docker_itself_would_use_the_same_login(tmp_path_factory, auths, registry):
    folder = written(tmp_path_factory.mktemp("docker"), {"auths": auths})
    ours = Credentials({"DOCKER_CONFIG": str(folder), "HOME": "/nonexistent"}).find(registry)
    theirs = docker.auth.load_config(str(folder / "config.json")).resolve_authconfig(registry) or {}
    own = [key for key in auths if key.removeprefix("https://").split("/")[0].replace("index.", "") == registry]
    if len(own) > 1:  # of several entries for one registry docker takes any
        assert ours in (
            Credential(),
            *(
                Credential(found.get("username", ""), found.get("password", ""), found.get("IdentityToken", ""))
                for found in docker.auth.parse_auth({key: auths[key] for key in own}).values()
            ),
        )
        return
    assert ours == Credential(theirs.get("username", ""), theirs.get("password", ""), theirs.get("IdentityToken", ""))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda s: (
            st.lists(s, max_size=3)
            | st.dictionaries(
                st.sampled_from(["auths", "credHelpers", "credsStore", "ghcr.io", "auth", "identitytoken"]),
                s,
                max_size=3,
            )
        ),
    )
)
def test_no_config_is_so_odd_that_it_raises(tmp_path_factory, document):
    if isinstance(document, dict):
        document.pop("credsStore", None)
    folder = written(tmp_path_factory.mktemp("odd"), document)
    assert isinstance(Credentials({"DOCKER_CONFIG": str(folder)}).find("ghcr.io", "a/b"), Credential)


@pytest.mark.parametrize("text", ["", "{", "[]", '"auths"', "{" * 100_000, "\0"])
def test_a_config_that_is_no_json_holds_no_login(tmp_path, text):
    assert not Credentials({"DOCKER_CONFIG": str(written(tmp_path, text))}).find("ghcr.io")


def test_a_login_in_a_variable_counts_before_those_in_files(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"a.example.com": entry("file", "x")}}))
    variable = json.dumps({"auths": {"a.example.com": entry("variable", "y")}})
    environment = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_AUTH_CONFIG": variable}
    assert Credentials(environment).find("a.example.com") == Credential("variable", "y")
    assert Credentials(environment | {"DOCKER_AUTH_CONFIG": "no json"}).find("a.example.com") == Credential("file", "x")


def test_podmans_logins_are_found_and_the_most_exact_one_counts(tmp_path):
    auths = {"ghcr.io": entry("all", "1"), "ghcr.io/team": entry("team", "2"), "ghcr.io/team/app": entry("app", "3")}
    written(tmp_path / "containers", {"auths": auths}, "auth.json")
    credentials = Credentials({"XDG_RUNTIME_DIR": str(tmp_path), "HOME": "/nonexistent"})
    assert credentials.find("ghcr.io", "other/app").username == "all"
    assert credentials.find("ghcr.io", "team/other").username == "team"
    assert credentials.find("ghcr.io", "team/app").username == "app"


def helper(folder: Path, script: str) -> str:
    path = folder / "docker-credential-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize(
    ("document", "registry", "asked"),
    [
        ({"credsStore": "test"}, "ghcr.io", "ghcr.io"),
        ({"credsStore": "test"}, "docker.io", "https://index.docker.io/v1/"),
        ({"credHelpers": {"ghcr.io": "test"}}, "ghcr.io", "ghcr.io"),
    ],
)
def test_a_helper_is_asked_with_the_name_that_docker_login_used(tmp_path, document, registry, asked):
    said = '{"Username":"somebody","Secret":"from-the-helper"}'
    path = helper(tmp_path, f"cat > {tmp_path}/asked; echo '{said}'")
    found = Credentials({"DOCKER_CONFIG": str(written(tmp_path, document)), "PATH": path}).find(registry)
    assert found == Credential("somebody", "from-the-helper")
    assert (tmp_path / "asked").read_text() == asked


def test_a_helper_may_give_an_identity_token(tmp_path):
    path = helper(tmp_path, """cat >/dev/null; echo '{"Username":"<token>","Secret":"identity"}'""")
    document = {"credsStore": "test"}
    found = Credentials({"DOCKER_CONFIG": str(written(tmp_path, document)), "PATH": path}).find("ghcr.io")
    assert found == Credential(identity_token="identity")


def test_a_helper_without_a_login_leaves_the_rest_to_the_config(tmp_path):
    path = helper(tmp_path, "echo credentials not found in native keychain; exit 1")
    document = {"credsStore": "test", "auths": {"ghcr.io": entry("kept", "here")}}
    found = Credentials({"DOCKER_CONFIG": str(written(tmp_path, document)), "PATH": path}).find("ghcr.io")
    assert found == Credential("kept", "here")


@pytest.mark.parametrize("script", ["echo 'Secret: planted-secret-value'; exit 1", None])
def test_a_helper_that_fails_is_told_without_what_it_printed(tmp_path, script):
    path = helper(tmp_path, script) if script else str(tmp_path)
    document = {"credHelpers": {"ghcr.io": "test"}}
    with pytest.raises(AccessDenied) as caught:
        Credentials({"DOCKER_CONFIG": str(written(tmp_path, document)), "PATH": path}).find("ghcr.io")
    assert "docker-credential-test" in caught.value.message
    assert "planted-secret-value" not in f"{caught.value.message} {caught.value.tip} {caught.value!r}"


def test_a_login_shows_in_no_repr():
    assert "secret" not in repr(Credential("name", "secret", "secret"))
