import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.secrets import placeholders
from imgscan.secrets.judgement import judge
from imgscan.secrets.syntax import Syntax


@pytest.mark.parametrize(
    "value",
    [
        "changeme", "CHANGE_ME", "example", "xxx", "XXXXXXXXXXXX", "<password>", "<your-key-here>", "${DB_PASSWORD}",
        "$DB_PASSWORD", "{{ db_password }}", "%s", "%(password)s", "{password}", "/run/secrets/db", "./secret.txt",
        "C:\\secrets\\x", "string", "String", "", '""', "  ", "aaaaaaaa", "********", "null", "None", "true",
        "os.environ['DB_PASS']", 'os.getenv("X")', "process.env.SECRET", "your_api_key_here", "your-password",
        "my-secret",
        "replace-with-your-token", "put_your_password_here", "#{password}", "@@PASSWORD@@", "...", "ghp_...",
        "sk-xxxxxxxx",
        "AKIAIOSFODNN7EXAMPLE", "https://corp.io/login", "vault:secret/data/db", "-----BEGIN PRIVATE KEY-----",
        "ENC[AES256_GCM,data:abc]", "!vault |", "enter password",
        "#/definitions/ApiKeyAuthenticator", "#/components/schemas/Token",
    ],
)  # fmt: skip
def test_a_value_that_only_stands_for_a_secret(value):
    assert placeholders.reason(value)


@pytest.mark.parametrize(
    "value",
    [
        "hunter2prod", "Winter2024!", "super_secret_password_123", "abc123xyz789", "sk-live-abc123xyz789",
        "rk_live_do_not_share_this", "password123", "changeme123", "P@ss/w0rd", "letmein", "test1234!", "secret-42",
        "root", "admin123", "exampleA1b2", "xK9#mQ2$", "/9j4AAQSkZJRgABAQEAYABgAAD", "toor",
    ],
)  # fmt: skip
def test_a_weak_password_is_a_password(value):
    assert not placeholders.reason(value)
    assert not judge("DB_PASSWORD", value, Syntax.CONFIG, quoted=False).suppressed


def test_the_keys_own_name_stands_for_its_value():
    assert placeholders.reason("db_password", "DB_PASSWORD") == "own name"
    assert placeholders.reason("dbPassword", "app.db_password") == "own name"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "Enter your password"), ("password", "current-password"), ("passwordLabel", "Password:"),
        ("secretKey", "secretKey"), ("type", "password"), ("password", "passwordField"), ("token", "ACCESS_TOKEN"),
        ("password", "user.password.label"), ("token", "Bearer "), ("password", "#password"), ("secret", "(e)=>e.id"),
        ("password", "mot de passe oubli\xc3\xa9"), ("apiKey", "config.apiKey"), ("password", "</label>"),
    ],
)  # fmt: skip
def test_what_programs_write_under_such_names_is_no_secret(name, value):
    assert judge(name, value, Syntax.CODE, quoted=True).suppressed


@given(st.text(max_size=400), st.none() | st.text(max_size=40), st.sampled_from(Syntax), st.booleans())
def test_any_value_can_be_judged(value, name, syntax, quoted):
    assert isinstance(placeholders.reason(value, name), str)
    assert isinstance(placeholders.token_reason(value), str)
    judge(name, value, syntax, quoted=quoted)


@given(st.text("abcdefghijkmnpqrstuvwyz", min_size=4, max_size=12), st.integers(10, 9999))
def test_a_placeholder_inside_a_longer_value_does_not_hide_it(word, number):
    assert not placeholders.reason(f"{word}-changeme-{number}")


@pytest.mark.parametrize("part", ["{", "(", "a/", "x-", "your_", "%s", "...", "EXAMPLE", "$", "change", "a ", "\\"])
def test_shapes_are_only_tried_on_short_values(part):
    assert placeholders.reason(part * (placeholders.LONGEST + 1)) == ""
    placeholders.reason((part * placeholders.LONGEST)[: placeholders.LONGEST - 1] + "!")


def test_tokens_of_letters_alone_are_no_words():
    assert not placeholders.token_reason("hf_" + "XnnHulEodCIumrQYMmIMlCoAXZglhRqSLN")
    assert placeholders.token_reason("ghs_integrity_apCOMPILE_PDB_NAMEWIN_EXECUTABLE")
    assert placeholders.token_reason("isTypeArgumentOrParameterOrAssertionContext")


@pytest.mark.parametrize("value", ["^4.0.23", "~1.2", "workspace:*", "key_1234\xe2\x80\xa6"])
def test_versions_of_packages_and_cut_values_stand_for_a_secret(value):
    assert placeholders.reason(value)


def test_a_number_alone_is_no_version_range():
    assert not placeholders.reason("4.0.23-prod")
