import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.secrets.redaction import Redactor, normalised, redact, secret_key
from tests.secrets.forms import OWN, STRUCTURAL, pem

KEY = b"k" * 32
PUBLIC = re.compile(
    r"^(?:-----BEGIN [A-Z ]+-----|github_pat_|[A-Za-z]{2,7}[-_]|sq0csp-|A3T.|A[KS]IA|AIza|https://hooks\.slack\.com/services/|sk_live_|rk_live_|sk-proj-|SG\.|GR1348941|eyJ|AKC|SK|AC|A[BC]IA)?"
)
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


def leaks(secret: str, shown: str) -> bool:
    """Whether six consecutive characters of the secret are readable, beyond a vendor's public prefix."""
    body = secret[PUBLIC.match(secret).end() :]
    return any(body[at : at + 6] in shown for at in range(len(body) - 5))


@given(SECRETS)
def test_no_six_characters_of_a_secret_are_shown(secret):
    assert not leaks(secret, redact(secret))


@given(st.text(max_size=23))
def test_nothing_of_a_short_secret_is_shown(secret):
    assert redact(secret) == "***"


@pytest.mark.parametrize(("_kind", "_line", "secret"), STRUCTURAL + OWN)
def test_a_token_shows_its_public_prefix_and_its_end_at_most(_kind, _line, secret):
    assert not leaks(secret, redact(secret))
    assert len(redact(secret)) < 48


def test_forms():
    assert redact("ghp_" + "a1B2c3" * 6) == "ghp_...B2c3"
    assert redact("hunter2prod") == "***"
    assert redact(pem()) == "-----BEGIN RSA PRIVATE KEY-----..."


@given(st.text(max_size=60), st.text(max_size=60))
def test_keys_are_equal_for_equal_secrets_alone(one, other):
    assert (secret_key(KEY, one) == secret_key(KEY, other)) == (normalised(one) == normalised(other))
    assert len(secret_key(KEY, one)) == 16
    assert secret_key(KEY, one) != secret_key(b"x" * 32, one)


def test_a_secret_of_a_file_equals_the_same_one_of_a_config():
    assert secret_key(KEY, "p\u00e4ssw\u014drd") == secret_key(KEY, "p\u00e4ssw\u014drd".encode().decode("latin-1"))


def test_an_armoured_key_is_the_same_secret_however_its_lines_end():
    key = pem()
    assert (
        secret_key(KEY, key) == secret_key(KEY, key.replace("\n", "\\n")) == secret_key(KEY, key.replace("\n", "\r\n"))
    )


@given(st.lists(SECRETS.filter(lambda text: len(text) >= 6), min_size=1, max_size=5), st.data())
def test_every_known_plaintext_is_erased_from_any_string(secrets, data):
    texts = st.text(max_size=20)
    text = "".join(data.draw(texts) + secret for secret in secrets) + data.draw(texts)
    shown = Redactor(secrets)(text)
    assert all(secret not in shown for secret in secrets if redact(secret) != secret)


WORDS = st.text(st.characters(min_codepoint=48, max_codepoint=122, categories=["L", "N"]), min_size=6, max_size=40)


@given(
    WORDS,
    st.sampled_from(["", "x=", 'password: "', "https://bob:", "--token ", "PASS='"]),
    st.sampled_from(["", '"', " x", "@h"]),
)
def test_a_value_known_by_length_and_key_alone_is_erased_where_a_word_begins(secret, before, behind):
    redactor = Redactor(hmac_key=KEY, keys=[(len(secret), secret_key(KEY, secret))])
    assert secret not in redactor(f"{before}{secret}{behind}")


@given(st.text(max_size=200))
def test_other_text_stays_as_it_is(text):
    assert Redactor(["s3cr3t-value-that-is-not-there"], hmac_key=KEY, keys=[(31, b"0" * 16)])(text) == text


def test_its_repr_shows_nothing():
    assert repr(Redactor(["hunter2prod"])) == "Redactor()"


def test_work_is_bounded_by_text_times_lengths(monkeypatch):
    """Every word boundary is looked at once per length, whatever the text."""
    import imgscan.secrets.redaction as module

    calls: list[int] = []

    def count(_key: bytes, _data: bytes) -> bytes:
        calls.append(1)
        return bytes(16)

    monkeypatch.setattr(module, "_mac", count)
    words = 2_000
    redactor = Redactor(hmac_key=KEY, keys=[(length, b"1" * 16) for length in range(8, 58)])
    redactor("some-word " * words)
    assert 0 < len(calls) <= words * 50
