"""Invented credentials in the right form, and how they are written into a file of each kind.

Every value is drawn from a seeded generator; checksums are computed as the issuers do, so that a scanner which
verifies them has no reason to refuse.
"""

from __future__ import annotations

import base64
import json
import string
import textwrap
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

ALPHANUMERIC = string.ascii_letters + string.digits
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
URL_SAFE = ALPHANUMERIC + "-_"


@dataclass(frozen=True, slots=True)
class Secret:
    """A planted credential.

    `core` is the part that a report must contain for the secret to count as found: all of it for a token, the
    password of a URL, the first line of a key's body.
    """

    kind: str
    name: str
    value: str
    core: str
    structured: bool
    """Recognisable by its own form, without the name it is assigned to."""


def text(random: Random, alphabet: str, count: int) -> str:
    return "".join(random.choices(alphabet, k=count))


def with_checksum(random: Random, prefix: str) -> str:
    """30 characters and the base62 of their CRC-32 in 6, as GitHub and npm tokens end."""
    body = text(random, ALPHANUMERIC, 30)
    rest, tail = zlib.crc32(body.encode()), ""
    while len(tail) < 6:
        rest, digit = divmod(rest, 62)
        tail = BASE62[digit] + tail
    return prefix + body + tail


def password(random: Random) -> str:
    """14 to 20 characters of all classes without quotes, blanks, `@`, `:` or `/`."""
    body = text(random, ALPHANUMERIC + "!#%*-_+", random.randrange(12, 18))
    return f"{random.choice(string.ascii_uppercase)}{body}{random.randrange(10)}"


def der(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def rsa_private_key(random: Random) -> str:
    """A PKCS#1 structure of random integers: reads as a key, is none."""

    def integer(size: int) -> bytes:
        return der(2, b"\x00" + bytes([random.randrange(128, 256)]) + random.randbytes(size - 1))

    numbers = [integer(size) for size in (256, 256, 128, 128, 128, 128, 128)]
    body = b"".join([der(2, b"\0"), numbers[0], der(2, b"\x01\x00\x01"), *numbers[1:]])
    lines = "\n".join(textwrap.wrap(base64.b64encode(der(0x30, body)).decode(), 64))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n"


def jwt(random: Random) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    payload = {
        "sub": text(random, string.digits, 10),
        "name": text(random, string.ascii_lowercase, 9),
        "iat": 17 * 10**8,
    }
    head = b'{"alg":"HS256","typ":"JWT"}'
    return ".".join(part(data) for data in (head, json.dumps(payload).encode(), random.randbytes(32)))


def docker_auth(random: Random) -> str:
    return base64.b64encode(f"builder:{password(random)}".encode()).decode()


def grafana(random: Random) -> str:
    body = "glsa_" + text(random, ALPHANUMERIC, 32)
    return f"{body}_{zlib.crc32(body.encode()):08x}"


def host(random: Random) -> str:
    return "node-" + text(random, string.ascii_lowercase, 5)


STRUCTURED: dict[str, tuple[str, Callable[[Random], str]]] = {
    "aws-access-key": ("AWS_ACCESS_KEY_ID", lambda r: "AKIA" + text(r, string.ascii_uppercase + "234567", 16)),
    "github-token": ("GITHUB_TOKEN", lambda r: with_checksum(r, "ghp_")),
    "github-fine-grained-token": (
        "GH_PAT",
        lambda r: f"github_pat_{text(r, ALPHANUMERIC, 22)}_{text(r, ALPHANUMERIC, 59)}",
    ),
    "gitlab-token": ("GITLAB_TOKEN", lambda r: "glpat-" + text(r, ALPHANUMERIC, 20)),
    "slack-token": (
        "SLACK_BOT_TOKEN",
        lambda r: f"xoxb-{text(r, '123456789', 12)}-{text(r, '123456789', 12)}-{text(r, ALPHANUMERIC, 24)}",
    ),
    "slack-webhook": (
        "SLACK_WEBHOOK_URL",
        lambda r: (
            f"https://hooks.slack.com/services/T{text(r, string.ascii_uppercase + string.digits, 8)}"
            f"/B{text(r, string.ascii_uppercase + string.digits, 10)}/{text(r, ALPHANUMERIC, 24)}"
        ),
    ),
    "stripe-key": ("STRIPE_SECRET_KEY", lambda r: "sk_live_" + text(r, ALPHANUMERIC, 24)),
    "sendgrid-key": ("SENDGRID_API_KEY", lambda r: f"SG.{text(r, ALPHANUMERIC, 22)}.{text(r, ALPHANUMERIC, 43)}"),
    "npm-token": ("NPM_TOKEN", lambda r: with_checksum(r, "npm_")),
    "pypi-token": ("PYPI_TOKEN", lambda r: "pypi-AgEIcHlwaS5vcmc" + text(r, ALPHANUMERIC, 140)),
    "google-api-key": ("GOOGLE_API_KEY", lambda r: "AIza" + text(r, ALPHANUMERIC, 35)),
    "openai-key": (
        "OPENAI_API_KEY",
        lambda r: f"sk-proj-{text(r, ALPHANUMERIC, 74)}T3BlbkFJ{text(r, ALPHANUMERIC, 74)}",
    ),
    "anthropic-key": ("ANTHROPIC_API_KEY", lambda r: f"sk-ant-api03-{text(r, ALPHANUMERIC, 93)}AA"),
    "huggingface-token": ("HF_TOKEN", lambda r: "hf_" + text(r, string.ascii_letters, 34)),
    "digitalocean-token": ("DIGITALOCEAN_TOKEN", lambda r: "dop_v1_" + r.randbytes(32).hex()),
    "vault-token": ("VAULT_TOKEN", lambda r: "hvs." + text(r, ALPHANUMERIC, 92)),
    "grafana-token": ("GRAFANA_TOKEN", grafana),
    "telegram-token": ("TELEGRAM_BOT_TOKEN", lambda r: f"{r.randrange(10**9, 10**10)}:AA{text(r, ALPHANUMERIC, 33)}"),
    "jwt": ("SERVICE_JWT", jwt),
    "database-url": (
        "DATABASE_URL",
        lambda r: f"postgresql://app:{text(r, ALPHANUMERIC, 18)}@{host(r)}.internal:5432/app",
    ),
    "url-credentials": (
        "PIP_INDEX_URL",
        lambda r: f"https://deploy:{text(r, ALPHANUMERIC, 22)}@{host(r)}.internal/simple",
    ),
    "azure-storage-key": (
        "AZURE_STORAGE_CONNECTION_STRING",
        lambda r: (
            "DefaultEndpointsProtocol=https;AccountName=appdata;AccountKey="
            f"{base64.b64encode(r.randbytes(64)).decode()};EndpointSuffix=core.windows.net"
        ),
    ),
}
NAMED: dict[str, tuple[str, Callable[[Random], str]]] = {
    "aws-secret-key": ("AWS_SECRET_ACCESS_KEY", lambda r: text(r, ALPHANUMERIC + "/+", 40)),
    "password": ("DATABASE_PASSWORD", password),
    "api-secret": ("APP_API_SECRET", lambda r: r.randbytes(20).hex()),
    "docker-auth": ("DOCKER_AUTH_TOKEN", docker_auth),
}


def invent(random: Random, kind: str) -> Secret:
    """A new secret of a kind of STRUCTURED or NAMED, or `private-key`."""
    if kind == "private-key":
        value = rsa_private_key(random)
        return Secret(kind, "", value, value.splitlines()[1], structured=True)
    name, make = (STRUCTURED | NAMED)[kind]
    value = make(random)
    core = value
    if kind in ("database-url", "url-credentials"):
        core = value.split("@")[0].rsplit(":", 1)[1]
    elif kind == "azure-storage-key":
        core = value.split("AccountKey=")[1].split(";")[0]
    return Secret(kind, name, value, core, kind in STRUCTURED)


def written(secret: Secret, category: str) -> str:
    """The secret as a line, or as a piece of a line, of a file of this category; holds the value once."""
    camel = "".join(part.capitalize() for part in secret.name.lower().split("_"))
    camel = camel[:1].lower() + camel[1:]
    return {
        "javascript": f'const {camel} = "{secret.value}";\n',
        "python": f'{secret.name} = "{secret.value}"\n',
        "json": f'  {{ "{secret.name.lower()}": "{secret.value}" }},\n',
        "minified": f',{camel}:"{secret.value}"',
        "elf": f"\0{secret.value}\0",
    }.get(category, f"{secret.name}={secret.value}\n")
