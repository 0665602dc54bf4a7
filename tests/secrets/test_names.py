import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.secrets.names import Strength, is_secret_name, may_hold_url, strength, tokens
from imgscan.secrets.words import words


@pytest.mark.parametrize(
    "name",
    sorted(
        words(
            """
        DB_PASS jwtSecret apiKey passwd API_KEY STRIPE_SECRET DATABASE_PASSWORD db.password
        spring.datasource.password my-secret-key AWS_SECRET_ACCESS_KEY SECRET_KEY_BASE GITHUB_TOKEN npm_token
        PGPASSWORD MYSQL_PWD ENCRYPTION_KEY clientSecret privateKey PASSWORD1 redis.auth.password APIKEY
        passphrase accessToken
        """
        )
    ),
)
def test_a_name_that_says_secret(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    sorted(
        words(
            """
        KEYCLOAK_VERSION MONKEY COMPASS PUBLIC_KEY GPG_KEY DB_PASSWORD_FILE SECRET_PATH TARBALL_SHA256 tokenizer
        SECRET_NAME passwordField BYPASS passenger keyboard PRIMARY_KEY SECRETS_DIR token_count max_tokens
        nextToken passwordPolicy PASSWORD_MIN_LENGTH apiKeyId secretarial OLDPWD csrf_token HOME PATH
        DATABASE_URL AWS::ApiGateway ::ApiKey
        """
        )
    ),
)
def test_a_name_that_does_not(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DB_PASS", ("db", "pass")),
        ("jwtSecret", ("jwt", "secret")),
        ("HTTPServerKey", ("http", "server", "key")),
        ("a.b-c_d", ("a", "b", "c", "d")),
        ("__", ()),
    ],
)
def test_tokens_of_every_style(name, expected):
    assert tokens(name) == expected


@given(st.text(max_size=300))
def test_any_text_can_be_judged(name):
    assert strength(name) in Strength
    assert isinstance(may_hold_url(name), bool)


@given(st.sampled_from(["password", "secret", "token", "api_key"]), st.text("abcdefghij", min_size=1, max_size=8))
def test_a_secret_word_inside_a_longer_word_says_nothing(word, around):
    assert strength(f"x{around}{word}{around}x".replace("_", "")) is Strength.NONE


@given(st.sampled_from(["password", "secret", "token"]), st.text("abcdefghij", min_size=3, max_size=8))
def test_style_does_not_matter(word, owner):
    styles = {f"{owner}_{word}", f"{owner}-{word}", f"{owner}.{word}", owner + word.title(), f"{owner}_{word}".upper()}
    assert len({strength(style) for style in styles}) == 1
