import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.secrets.commands import passwords_in, shell_words
from imgscan.secrets.strings import TextKind, find_in_assignment, find_in_text
from tests.secrets.forms import OWN, STRUCTURAL

TOKEN = "ghp_" + "a1B2c3" * 6


def found(text: str, kind: TextKind = TextKind.COMMAND) -> list[tuple[str | None, str]]:
    every = [each for each in find_in_text(text, kind_of_text=kind) if not each.suppressed]
    assert all(text[each.start : each.end] == each.value for each in every)
    return [(each.name, each.value) for each in every]


@pytest.mark.parametrize(
    ("name", "value", "kind", "secret"),
    [
        ("DATABASE_PASSWORD", "super_secret_password_123", "keyword", "super_secret_password_123"),
        ("API_KEY", "sk-live-abc123xyz789", "keyword", "sk-live-abc123xyz789"),
        ("STRIPE_SECRET", "rk_live_do_not_share_this", "keyword", "rk_live_do_not_share_this"),
        ("DATABASE_URL", "postgres://app:hunter2prod@db:5432/x", "basic-auth", "hunter2prod"),
        ("GITHUB_TOKEN", TOKEN, "github-token", TOKEN),
        ("ANYTHING", TOKEN, "github-token", TOKEN),
        ("DB_PASS", "'Winter2024!'", "keyword", "Winter2024!"),
        ("SECRET_KEY", "correct horse 9 battery", "keyword", "correct horse 9 battery"),
        ("AUTH", "c2Vj9mV0Zm9vYmFyMTIz0x", "keyword", "c2Vj9mV0Zm9vYmFyMTIz0x"),
        ("DB_PASSWORD", "p\u00e4ssw\u014dRd9", "keyword", "p\u00e4ssw\u014dRd9"),
    ],
)
def test_a_secret_in_an_environment_variable(name, value, kind, secret):
    (each,) = find_in_assignment(name, value)
    assert (each.kind, each.name, each.value, each.suppressed) == (kind, name, secret, "")
    assert value[each.start : each.end] == secret


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATH", "/usr/local/sbin:/usr/bin"),
        ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),
        ("NODE_VERSION", "20.11.1"),
        ("PYTHON_SHA256", "c3f1d4a8be9207f65d13b0c4e98a7765ff0123c9a84be1d0fe5b7c6a99881122"),
        ("DB_PASSWORD_FILE", "/run/secrets/db"),
        ("AUTH", "basic"),
        ("SESSION_TIMEOUT", "3600"),
        ("DATABASE_URL", "postgres://db:5432/x"),
        ("YARN_VERSION", "1.22.19"),
        ("TINI_GPG", "595E85A6B1B4779EA4DAAEC70B588DFF0527A9B7"),
    ],
)
def test_an_ordinary_variable_is_none(name, value):
    assert [each for each in find_in_assignment(name, value) if not each.suppressed] == []


def test_entropy_and_addresses_decide_where_asked_for():
    blob = "c3VjaCBhIQ9xR2kLmN7vB8wYz0Tq4Jx"
    assert find_in_assignment("BUILD_INFO", blob) == []
    assert [each.kind for each in find_in_assignment("BUILD_INFO", blob, entropy=True)] == ["base64-entropy"]
    assert [each.kind for each in find_in_assignment("DNS", "93.184.216.34", entropy=True)] == ["public-ip"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("mysql -uroot -phunter2prod -e 'select 1'", [("mysql -p", "hunter2prod")]),
        ("mysqldump --password=hunter2prod db", [("password", "hunter2prod")]),
        ("PGPASSWORD=abc123xyz789 psql -h db", [("PGPASSWORD", "abc123xyz789")]),
        ("export DB_PASSWORD='Winter2024!' && make", [("DB_PASSWORD", "Winter2024!")]),
        ('echo "API_KEY=sk-live-abc123xyz789" > .env', [("API_KEY", "sk-live-abc123xyz789")]),
        ('printf "DB_PASS=hunter2prod\\nX=1\\n" >> .env', [("DB_PASS", "hunter2prod")]),
        ("echo root:hunter2prod | chpasswd", [("root password", "hunter2prod")]),
        ("redis-cli -a hunter2prod ping", [("redis-cli -a", "hunter2prod")]),
        ("redis-server --requirepass hunter2prod", [("requirepass", "hunter2prod")]),
        ("sshpass -p hunter2prod ssh h", [("sshpass -p", "hunter2prod")]),
        ("curl -u bob:hunter2prod https://h", [("curl -u", "hunter2prod")]),
        ("wget --password=hunter2prod https://h", [("password", "hunter2prod")]),
        ("docker login -u bob -p hunter2prod r.io", [("docker -p", "hunter2prod")]),
        ("htpasswd -bc /f bob hunter2prod", [("htpasswd", "hunter2prod")]),
        ("openssl rsa -passin pass:hunter2prod -in k", [("openssl pass", "hunter2prod")]),
        ("git clone https://bob:hunter2prod@h/x", [(None, "hunter2prod")]),
        ("pip install --index-url https://bob:hunter2prod@h/simple x", [(None, "hunter2prod")]),
        ("/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2prod", [("DB_PASSWORD", "hunter2prod")]),
        ("|2 NPM_TOKEN=abc123xyz789 V=1 /bin/sh -c npm ci", [("NPM_TOKEN", "abc123xyz789")]),
        (f"npm config set //r/:_authToken={TOKEN}", [(None, TOKEN)]),
        ("curl -H 'Authorization: Bearer abcDEF123456' https://x", [("Authorization header", "abcDEF123456")]),
        ('curl --header "PRIVATE-TOKEN: zyx9876543210" https://x', [("PRIVATE-TOKEN header", "zyx9876543210")]),
        ('echo "machine git.test login bot password hunter2prod" > ~/.netrc', [("netrc password", "hunter2prod")]),
        (
            r'printf "machine git.test\nlogin bot\npassword hunter2prod\n" > ~/.netrc',
            [("netrc password", "hunter2prod")],
        ),
    ],
)
def test_a_password_on_a_command_line(command, expected):
    assert found(command) == expected


@pytest.mark.parametrize(
    "command",
    [
        "mkdir -p /app/data && cp -a . /app",
        "npm install --production && npm cache clean --force",
        'mysql -uroot -p"$MYSQL_PWD" -e x',
        "docker run -p 8080:80 nginx",
        "docker login --password-stdin r.io",
        "apt-get install -y --no-install-recommends passwd libsecret-1-0",
        "curl -fsSL https://deb.nodesource.com/setup_20.x | bash -",
        "gpg --batch --passphrase '' --gen-key",
        "useradd -m -s /bin/sh app",
        "export TOKEN=$(cat /run/secrets/token)",
        "unzip -p a.zip x > y",
        "echo done: ok",
        "# PASSWORD=hunter2prod",
        'curl -H "Authorization: Bearer $TOKEN" https://x',
        "curl -H 'Accept: application/json' -H 'X-Api-Version: 2023-01-01' https://x",
    ],
)
def test_an_ordinary_command_is_none(command):
    assert found(command) == []


@pytest.mark.parametrize(("kind", "line", "secret"), [each for each in STRUCTURAL + OWN if "private" not in each[0]])
@pytest.mark.parametrize("kind_of_text", TextKind)
def test_structural_kinds_are_found_in_every_string(kind, line, secret, kind_of_text):
    assert kind in {each.kind for each in find_in_text(line, kind_of_text=kind_of_text)}


def test_a_heredoc_is_read_as_a_document():
    assert found("user: bob\npassword: hunter2prod\n", TextKind.DOCUMENT) == [("password", "hunter2prod")]


def test_prose_is_not_read_for_names():
    assert found("password: hunter2prod", TextKind.PROSE) == []


def test_words_keep_their_places():
    text = 'a \'b c\' "d\\"e" f\\ g && h # comment\ni'
    words = [each.text for each in shell_words(text) if not each.operator]
    assert words == ["a", "b c", 'd"e', "f g", "h", "i"]
    assert all(text[each.start : each.end] == each.source for each in shell_words(text))


@given(st.text(max_size=200), st.text(max_size=60), st.sampled_from(TextKind))
def test_nothing_raises_whatever_the_text(text, name, kind):
    for each in (*find_in_assignment(name, text), *find_in_text(text, kind_of_text=kind)):
        assert 0 <= each.start < each.end <= len(text)


@given(st.text("abc'\"\\ \n;&|<>$#=-", max_size=80))
def test_the_shell_reader_never_fails(text):
    for each in passwords_in(text):
        assert each.value
    assert all(text[each.start : each.end] == each.source for each in shell_words(text))


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("DD_API_KEY", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "datadog-api-key"),
        ("TWILIO_AUTH_TOKEN", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "twilio-auth-token"),
        ("HEROKU_API_KEY", "3fa1c2d4-9b7e-4c1a-8d2f-0e6b5a4c3d21", "heroku-api-key"),
        ("AWS_SECRET_ACCESS_KEY", "k3Y9x8Z7w6V5u4T3s2R1q0P9o8N7m6L5k4J3i2H1", "aws-secret-key"),
    ],
)
def test_a_value_without_a_mark_is_told_by_whose_its_name_says_it_is(name, value, kind):
    (found,) = find_in_assignment(name, value)
    assert (found.kind, found.name, found.start, found.end) == (kind, name, 0, len(value))
    (found,) = find_in_text(f"deploy --env {name}={value} app", kind_of_text=TextKind.COMMAND)
    assert (found.kind, found.value) == (kind, value)
