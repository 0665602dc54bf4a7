import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.secrets.forms import pem
from tests.secrets.reference_scan import candidates, counted

LAB = """\
DATABASE_PASSWORD=super_secret_password_123
API_KEY=sk-live-abc123xyz789
STRIPE_SECRET=rk_live_do_not_share_this
"""


@pytest.mark.parametrize("path", ["app/.env", ".env.production", "prod.env", "Dockerfile", "etc/app.conf", "x.sh"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_labs_env_file_gives_exactly_its_three_secrets(path, ends):
    found = candidates(path, LAB.replace("\n", ends).encode())
    assert [(each.name, each.value, each.suppressed) for each in found] == [
        ("DATABASE_PASSWORD", "super_secret_password_123", ""),
        ("API_KEY", "sk-live-abc123xyz789", ""),
        ("STRIPE_SECRET", "rk_live_do_not_share_this", ""),
    ]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("app.yaml", "db:\n  password: Winter2024!   # prod\n", ("password", "Winter2024!")),
        ("app.yaml", "jwtSecret: 'a b9 c'\n", ("jwtSecret", "a b9 c")),
        ("a.properties", "spring.datasource.password=hunter2prod\n", ("spring.datasource.password", "hunter2prod")),
        ("x.ini", "[db]\npasswd = hunter2prod\n", ("passwd", "hunter2prod")),
        ("run.sh", 'export GH_PASS="hunter2prod"\n', ("GH_PASS", "hunter2prod")),
        ("run.sh", "DB_PASS=hunter2prod ./start\n", ("DB_PASS", "hunter2prod")),
        ("Dockerfile", "ENV JWT_TOKEN=abc123xyz789 PORT=80\n", ("JWT_TOKEN", "abc123xyz789")),
        ("config.json", '{"db": {"password": "hunter2prod"}}', ("password", "hunter2prod")),
        ("config.json", '{"jwtSecret":"abc123xyz789","x":1}', ("jwtSecret", "abc123xyz789")),
        ("a.js", 'const dbPassword = "hunter2prod";', ("dbPassword", "hunter2prod")),
        ("a.js", "auth:{user:'x',pass:'hunter2prod'}", ("pass", "hunter2prod")),
        ("a.py", "password: str = 'hunter2prod'\n", ("password", "hunter2prod")),
        ("a.py", 'API_TOKEN = "abc123xyz789"\n', ("API_TOKEN", "abc123xyz789")),
        ("A.java", 'String dbPassword = "Winter2024!";', ("dbPassword", "Winter2024!")),
        ("a.php", "$db_pass = 'hunter2prod';", ("$db_pass", "hunter2prod")),
        ("a.go", 'password := "hunter2prod"', ("password", "hunter2prod")),
        ("a.rb", ":secret_key => 'abc123xyz789'", ("secret_key", "abc123xyz789")),
    ],
)
def test_an_assignment_is_found_once_with_its_name(path, text, expected):
    assert [(name, value) for _, name, value in counted(path, text)] == [expected]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.js", 'var m={password:"Enter your password",token:e.token,secret:t(7)};'),
        ("a.js", 'input[type="password"]{color:red}'),
        ("a.min.js", 'a={passwordField:"x1y2z3",type:"password",secret:"string",apiKey:e.key}'),
        ("a.d.ts", "password: string;\n  token?: string;\n  secretKey = SecretKey;"),
        ("a.py", 'password = os.environ["DB_PASSWORD"]\ntoken = get_token(request)\n'),
        ("a.py", 'password = getpass.getpass("Password: ")'),
        ("a.go", "password := os.Getenv(\"X\")\n\tsecret := v.Secret"),
        (".env", "DB_PASSWORD=\nAPI_KEY=${API_KEY}\nTOKEN=changeme\nSECRET=<secret>\nPASSWORD_FILE=/run/secrets/x\n"),
        ("app.yaml", "passwordSecretRef:\n  name: db\n  key: password\nsecretName: db-secret\n"),
        ("Dockerfile", "ENV GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D KEYCLOAK_VERSION=20.0.1\n"),
        ("nsswitch.conf", "passwd: files systemd\n"),
        ("t.py", '{"AWS::ApiGateway::ApiKey": "48205d4ffd7feba3"}'),
        ("b.min.js", 'a("Password"),c?e("Password: "+t)}s=makeRequest({x:"credentials:"+n,y:"+o"})'),
        ("b.min.js", 'h("token="+u+"&x="),f?g("p"):0;h("Password"+":"+"),o?$e.createElement(")'),
        ("de.json", '{"password": "Passwort"}'),
    ],
)  # fmt: skip
def test_what_is_no_secret_does_not_count(path, text):
    assert counted(path, text) == []


def test_a_placeholder_is_told_not_dropped():
    (found,) = candidates(".env", b"DB_PASSWORD=changeme\n")
    assert (found.suppressed, found.name) == ("placeholder", "DB_PASSWORD")


def test_a_token_under_a_name_is_one_candidate_of_the_tokens_kind():
    token = "ghp_" + "a1B2c3" * 6
    (found,) = candidates(".env", f"GITHUB_TOKEN={token}\n".encode())
    assert (found.kind, found.name, found.value) == ("github-token", "GITHUB_TOKEN", token)


def test_a_service_account_is_one_candidate():
    key = pem("PRIVATE KEY").replace("\n", "\\n") + "\\n"
    text = f'{{\n  "type": "service_account",\n  "private_key_id": "3f2a",\n  "private_key": "{key}",\n "x": 1}}'
    assert [(kind, name) for kind, name, _ in counted("sa.json", text)] == [("gcp-service-account", "private_key")]


def test_a_docker_config_is_decoded():
    text = '{"auths": {"r.corp.io": {"auth": "YWxpY2U6aHVudGVyMnByb2Q="}}}'
    assert counted("root/.docker/config.json", text) == [("docker-auth", "alice", "hunter2prod")]
    assert counted("config.json", '{"auth": "bm90IGEgcGFpcg=="}') == []


@pytest.mark.parametrize(
    "url", ["postgres://app:hunter2prod@db:5432/x", "redis://:hunter2prod@cache", "amqp://u:hunter2prod@[::1]/"]
)
def test_the_password_of_a_url_is_the_secret(url):
    assert [(kind, value) for kind, _, value in counted("a.py", f'x = "{url}"')] == [("basic-auth", "hunter2prod")]


@pytest.mark.parametrize(
    "url",
    [
        "https://user:password@db.corp.io",
        "https://u:${PW}@h",
        "https://u:{}@h",
        "https://x:y9z@example.com",
        "http://h:80/@x",
    ],
)
def test_an_example_of_a_url_does_not_count(url):
    assert counted("a.py", f'x = "{url}"') == []


LINES = st.sampled_from(
    ["password=", "API_KEY: ", '"secret":"', "eyJ", "ghp_", "://a:b",
     "-----BEGIN RSA PRIVATE KEY-----", "\\", "'", '"', "\n",
     "\x00", "aws key '", "PuTTY-User-Key-File-3: ", '"auth": "', "AKIA", "\xe9", "sk-", "T3BlbkFJ",
     "//r/:_authToken=", "=" * 5, "A" * 50]
)  # fmt: skip


@given(
    st.lists(LINES | st.binary(max_size=12).map(lambda raw: raw.decode("latin-1")), max_size=40),
    st.sampled_from(["a.js", ".env", "x", "\udcff"]),
)
def test_nothing_raises_whatever_the_bytes(parts, path):
    for each in candidates(path, "".join(parts).encode("latin-1"), entropy=True):
        assert each.start < each.end
