"""Invented secrets in the forms that vendors and detect-secrets document, made up by a seeded generator."""

from __future__ import annotations

import base64
import binascii
import json
import random
import string

ALNUM = string.ascii_letters + string.digits
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def draw(seed: int, alphabet: str, length: int) -> str:
    """A random string without runs that would read as a dummy; it has a digit where the alphabet has one."""
    chooser = random.Random(seed)
    text = "".join(chooser.choice(alphabet) for _ in range(length))
    return text if any(c.isdigit() for c in text) or alphabet.isalpha() else draw(seed + 1, alphabet, length)


def with_checksum(prefix: str, seed: int) -> str:
    body = draw(seed, ALNUM, 30)
    number, digits = binascii.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    return prefix + body + digits


def jwt(seed: int) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': seed})}.{draw(seed, ALNUM + '-_', 43)}"


def pem(label: str = "RSA PRIVATE KEY", seed: int = 7) -> str:
    raw = b"0\x82" + random.Random(seed).randbytes(600)
    body = base64.encodebytes(raw).decode().replace("\n", "")
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])


HEX = "0123456789abcdef"
KEYISH = ALNUM + "-_"

# kind -> the line it stands in, and the secret in it
STRUCTURAL: list[tuple[str, str, str]] = [
    (kind, line.format(secret), secret)
    for kind, line, secret in (
        ("artifactory-credentials", "artif-key:{}", "AKC" + draw(1, ALNUM, 20)),
        ("artifactory-credentials", "X-JFrog-Art-Api: {}", "AKC" + draw(2, ALNUM, 20)),
        ("artifactory-credentials", "artifactory:_pw={}", "AP6" + draw(3, ALNUM, 12)),
        ("aws-access-key", "aws id {} here", "AKIA" + draw(4, string.ascii_uppercase + "234567", 16)),
        ("aws-access-key", 'aws_key = "{}"', draw(5, ALNUM + "/+", 40)),
        ("azure-storage-key", "DefaultEndpointsProtocol=https;{};", "AccountKey=" + draw(6, ALNUM + "+/", 86) + "=="),
        ("basic-auth", "https://alice:{}@db.corp.io/x", draw(7, ALNUM, 12)),
        ("cloudant-credentials", "cloudant_password = '{}'", draw(8, HEX, 64)),
        ("cloudant-credentials", "cl_apikey={}", draw(9, string.ascii_lowercase, 24)),
        ("cloudant-credentials", "https://acct:{}@acct.cloudant.com", draw(10, HEX, 64)),
        ("discord-bot-token", "login {}", f"M{draw(11, ALNUM, 23)}.{draw(12, ALNUM, 6)}.{draw(13, KEYISH, 26)}a"),
        ("github-token", "go {} now", with_checksum("ghp_", 14)),
        ("github-token", "git clone https://{}@x", with_checksum("ghs_", 15)),
        ("gitlab-token", "x {} y", "glpat-" + draw(16, ALNUM, 20)),
        ("gitlab-token", "x {} y", "glrt-" + draw(17, ALNUM, 25)),
        ("gitlab-token", "x {} y", "GR1348941" + draw(18, ALNUM, 20)),
        ("gitlab-token", "x {} y", "glcbt-a1_" + draw(19, ALNUM, 20)),
        ("gitlab-token", "x {} y", "glimt-" + draw(20, ALNUM, 25)),
        ("gitlab-token", "x {} y", "glptt-" + draw(21, HEX, 40)),
        ("gitlab-token", "x {} y", "glagent-" + draw(22, ALNUM, 50)),
        ("gitlab-token", "x {} y", "gloas-" + draw(23, HEX, 64)),
        ("ibm-cloud-iam-key", "ibm_cloud_iam_api_key={}", draw(24, KEYISH[:-2] + "_", 44)),
        ("ibm-cloud-iam-key", 'ibm-iam_key : "{}"', draw(25, ALNUM, 44)),
        ("ibm-cos-hmac", "cos_hmac_secret_access_key: {}", draw(26, HEX, 48)),
        ("jwt", "Authorization: Bearer {}", jwt(27)),
        ("mailchimp-key", "mc {} x", draw(28, HEX, 32) + "-us12"),
        ("npm-token", "//registry.corp.io/:_authToken={}", "npm_" + draw(29, ALNUM, 30)),
        ("npm-token", "//registry.corp.io/:_authToken={}", "3fa1c2d4-9b7e-4c1a-8d2f-0e6b5a4c3d21"),
        ("openai-key", "k {} x", f"sk-{draw(30, ALNUM, 20)}T3BlbkFJ{draw(31, ALNUM, 20)}"),
        ("pypi-token", "password: {}", "pypi-AgEIcHlwaS5vcmc" + draw(32, KEYISH, 90)),
        ("sendgrid-key", "x {} y", f"SG.{draw(33, KEYISH, 22)}.{draw(34, KEYISH, 43)}"),
        ("slack-token", "x {} y", f"xoxb-34532454-{draw(35, ALNUM, 16)}"),
        ("slack-token", "url {} y", f"https://hooks.slack.com/services/T{draw(36, ALNUM, 8)}/B{draw(37, ALNUM, 8)}/x9"),
        ("softlayer-credentials", "softlayer_api_key: {}", draw(38, HEX, 64)),
        ("softlayer-credentials", "http://api.softlayer.com/soap/v3/{}", draw(39, HEX, 64)),
        ("square-oauth-secret", "x {} y", "sq0csp-" + draw(40, ALNUM, 43)),
        ("stripe-key", "x {} y", "sk_live_" + draw(41, ALNUM, 24)),
        ("stripe-key", "x {} y", "rk_live_" + draw(42, ALNUM, 40)),
        ("telegram-bot-token", "bot {} y", "110201543:AA" + draw(43, ALNUM, 33)),
        ("twilio-key", "x {} y", "SK" + draw(44, HEX, 32)),
    )
]

OWN: list[tuple[str, str, str]] = [
    (kind, line.format(secret), secret)
    for kind, line, secret in (
        ("github-token", "x {} y", f"github_pat_{draw(50, ALNUM, 22)}_{draw(51, ALNUM, 59)}"),
        ("npm-token", "x {} y", with_checksum("npm_", 52)),
        ("google-api-key", 'key: "{}"', "AIza" + draw(53, KEYISH, 34) + "a"),
        ("aws-secret-key", "aws_secret_access_key = {}", draw(54, ALNUM + "/+", 40)),
        ("openai-key", "x {} y", f"sk-proj-{draw(55, KEYISH, 58)}T3BlbkFJ{draw(56, KEYISH, 58)}"),
        ("basic-auth", "redis://:{}@cache:6379", draw(57, ALNUM, 16)),
    )
]

# Lines of the forms that detect-secrets' own keyword detector documents; True where quotes are optional.
KEYWORD: list[tuple[str, bool]] = [
    ('my_password = "x9hunter{}"', False),
    ("my_password='x9hunter{}'", False),
    ('"api_key": "x9hunter{}",', False),
    ("api_key: 'x9hunter{}'", False),
    ('if (my_password == "x9hunter{}")', False),
    ('if (my_password !== "x9hunter{}")', False),
    ('if ("x9hunter{}" == my_password_secure)', False),
    ("if ('x9hunter{}' !== my_secret)", False),
    ('private_key "x9hunter{}";', False),
    ('private_key_thing(1,2) "x9hunter{}";', False),
    ("the_passwd_for_foo => 'x9hunter{}'", False),
    ("$conf['db_password'] = 'x9hunter{}';", False),
    ("params['db_pass']=\"x9hunter{}\"", False),
    ("database_pass=x9hunter{}", True),
    ("passwd: x9hunter{}", True),
    ("pwd == x9hunter{}", True),
    ("contrasena = x9hunter{}", True),
    ("service_key=`x9hunter{}`", True),
]
