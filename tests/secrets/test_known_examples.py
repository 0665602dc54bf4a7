"""Published test keys and tokens are known however they are written; anything else is not."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.secrets import known_examples
from imgscan.secrets.confirm import merge
from imgscan.secrets.detector import Candidate
from imgscan.secrets.known_examples import KNOWN_EXAMPLE, fingerprint, key_body, publisher_of, set_aside
from tests.secrets.forms import jwt, pem

ARMOURED = pem("PRIVATE KEY", seed=3)
LINES = ARMOURED.split("\n")
WRITTEN = {
    "CRLF": "\r\n".join(LINES),
    "on one line": "\\n".join(LINES),
    "in JSON in a string": "\\\\n".join(LINES),
    "in C": '\\n"\n  "'.join(LINES),
    "in JavaScript": "\\n' +\n    '".join(LINES),
    "in Python": "\\n'\n            '".join(LINES),
    "indented": "\n    ".join(LINES),
    "with headers": "\n".join([LINES[0], "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0A1B", "", *LINES[1:]]),
    "without an end": "\n".join(LINES[:-1]),
}


def token(claims: object) -> str:
    """A JSON web token with this payload."""
    parts = ({"alg": "HS512", "typ": "JWT"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join([*encoded, "c2lnbmF0dXJlIG9mIG5vYm9keQ"])


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN.keys())
def test_a_key_has_one_fingerprint_however_it_is_written(written: str):
    assert fingerprint(written) == fingerprint(ARMOURED)


def test_different_keys_have_different_fingerprints():
    assert len({fingerprint(pem(seed=seed)) for seed in range(20)}) == 20


@pytest.mark.parametrize(
    ("value", "publisher"),
    [
        ("AKIAIOSFODNN7" + "EXAMPLE", "AWS's manuals"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY", "AWS's manuals"),
        (token({"sub": "1234567890", "name": "John Doe", "iat": 1516239022}), "jwt.io's example"),
    ],
)
def test_documented_examples_are_set_aside_and_their_publisher_named(value: str, publisher: str):
    candidate = set_aside(Candidate("x", 0, len(value), value))
    assert (candidate.suppressed, candidate.suppressed_by) == (KNOWN_EXAMPLE, publisher)


@pytest.mark.parametrize("claims", [{"sub": "1234567890"}, {"sub": "1", "name": "John Doe"}, [], "x", None])
def test_other_tokens_and_keys_are_nobody_s_example(claims: object):
    assert publisher_of(token(claims)) == ""
    assert publisher_of(jwt(4)) == ""
    assert publisher_of(ARMOURED) == ""


def test_a_key_of_a_list_is_known_by_its_body(monkeypatch, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(f"# by hand\n[A test suite]\n{fingerprint(ARMOURED)}\n")
    monkeypatch.setattr(known_examples, "LIST", path)
    known_examples.known_examples.cache_clear()
    try:
        (merged,) = merge([Candidate("private-key", 0, 9, WRITTEN["in C"])])
        assert (merged.suppressed, merged.suppressed_by) == (KNOWN_EXAMPLE, "A test suite")
        assert merge([merged]) == [merged]
    finally:
        known_examples.known_examples.cache_clear()


def test_the_list_holds_fingerprints_and_nothing_else():
    known = known_examples.known_examples()
    assert "CPython's test suite" in known.values()
    assert all(len(each) == 32 and int(each, 16) >= 0 and by for each, by in known.items())
    assert fingerprint("-----BEGIN PRIVATE KEY-----") not in known


def test_what_is_set_aside_already_keeps_its_reason():
    candidate = Candidate("x", 0, 20, "AKIAIOSFODNN7" + "EXAMPLE", suppressed="placeholder")
    assert set_aside(candidate) is candidate


@given(st.text(max_size=300))
def test_any_text_has_a_fingerprint(text: str):
    assert len(fingerprint(text)) == 32
    assert key_body("\n" + text) == key_body(text)
    publisher_of("eyJ" + text)


def test_a_long_body_takes_no_longer_than_it_is():
    hostile = "-----BEGIN PRIVATE KEY-----" + '" + + \\n' * 20_000 + "'" * 50_000 + " " * 50_000
    assert len(fingerprint(hostile)) == 32
