"""What a 401 says, and what a token server answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.sources.registry.challenges import Authorizations, parse_challenges, parse_token

VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
PARAMETERS = st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), VALUE, min_size=1, max_size=4)
CHALLENGES = st.lists(st.tuples(st.sampled_from(["bearer", "basic", "digest", "negotiate"]), PARAMETERS), max_size=4)


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@given(CHALLENGES)
def test_every_challenge_of_a_header_is_read_back(challenges):
    header = ", ".join(
        f"{scheme.title()} " + ",".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert [(one.scheme, one.parameters) for one in parse_challenges(header)] == challenges


@given(st.text(max_size=200))
def test_no_header_raises(header):
    parse_challenges(header)


def test_a_header_as_docker_hub_writes_it():
    (one,) = parse_challenges(
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'
    )
    assert one.parameters["scope"] == "repository:a/b:pull,push"
    assert one.parameters["realm"] == "https://auth.docker.io/token"


@pytest.mark.parametrize(
    ("document", "value", "seconds"),
    [
        ({"token": "abc"}, "abc", 60),
        ({"access_token": "abc", "expires_in": 300}, "abc", 300),
        ({"token": "abc", "expires_in": 1e9}, "abc", 3600),
        ({"token": "abc", "expires_in": -1}, "abc", 60),
        ({"token": "abc", "expires_in": "long"}, "abc", 60),
    ],
)
def test_tokens_are_taken_under_both_names(document, value, seconds):
    token = parse_token(json.dumps(document).encode())
    assert (token.value, token.seconds) == (value, seconds)
    assert "abc" not in repr(token)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"token": 1}', b'{"token": "a\\r\\nX: y"}', b'{"token": "\\u00e9"}', b"[" * 100_000]
)
def test_what_is_no_token_is_none(body):
    assert parse_token(body) is None


def test_a_header_is_kept_until_shortly_before_it_expires():
    now = [0.0]
    kept = Authorizations(lambda: now[0])
    kept.keep("a", "Bearer 1", 60)
    assert kept.get("a") == "Bearer 1"
    assert kept.get("b") is None
    now[0] = 49.0
    assert kept.get("a") == "Bearer 1"
    now[0] = 51.0
    assert kept.get("a") is None


def test_dropping_a_refused_header_leaves_a_newer_one():
    kept = Authorizations(lambda: 0.0)
    kept.keep("a", "Bearer 2", 60)
    kept.drop("a", "Bearer 1")
    assert kept.get("a") == "Bearer 2"
    kept.drop("a", "Bearer 2")
    assert kept.get("a") is None
