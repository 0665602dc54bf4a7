"""Settings of web frameworks that are source code, and the keys they keep in files of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.evidence import Confidence, Validation
from imgscan.secrets import placeholders
from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, secret, text_of
from imgscan.secrets.formats.picks import Pick, picked, yaml

_DEFINE = re.compile(
    r"^[ \t]*define\s{0,4}\(\s{0,4}[\"'](?P<name>DB_PASSWORD|FTP_PASS|(?:SECURE_)?AUTH_(?:KEY|SALT)|"
    r"LOGGED_IN_(?:KEY|SALT)|NONCE_(?:KEY|SALT)|[A-Z_]{1,40}(?:SECRET|PASSWORD|API_KEY|TOKEN))[\"']\s{0,40},\s{0,80}"
    r"(?:'(?P<single>(?:[^'\\\n]|\\.){1,500})'|\"(?P<double>(?:[^\"\\\n]|\\.){1,500})\")",
    re.MULTILINE,
)
_SAMPLES = frozenset({"put your unique phrase here", "password_here", "username_here"})


def read_wordpress(_: str, data: bytes) -> Iterator[Candidate]:
    """`define('DB_PASSWORD', '...')`, the eight keys and salts."""
    text = text_of(data)
    for match in _DEFINE.finditer(text):
        quote = "single" if match["single"] is not None else "double"
        value = re.sub(r"\\(['\"\\])", r"\1", match[quote])
        if value in _SAMPLES:
            continue
        kind = (
            "wordpress-salt"
            if match["name"].endswith(("_KEY", "_SALT")) and "API" not in match["name"]
            else "framework-secret"
        )
        yield secret(text, kind, value, *match.span(quote), name=match["name"], key=match["name"])


_DJANGO = re.compile(
    r"^[ \t]*(?:(?P<setting>SECRET_KEY|EMAIL_HOST_PASSWORD|[A-Z_]{0,40}(?:_SECRET|_PASSWORD|_API_KEY))[ \t]*=|"
    r"[\"'](?P<entry>PASSWORD)[\"'][ \t]*:)[ \t]*[rb]?(?:'(?P<single>[^'\n]{1,500})'|\"(?P<double>[^\"\n]{1,500})\")",
    re.MULTILINE,
)


def read_django(_: str, data: bytes) -> Iterator[Candidate]:
    """`SECRET_KEY`, passwords of databases and of mail."""
    text = text_of(data)
    for match in _DJANGO.finditer(text):
        quote = "single" if match["single"] is not None else "double"
        name = match["setting"] or match["entry"]
        value = match[quote]
        if name == "SECRET_KEY":
            generated = value.startswith("django-insecure-")
            confidence = Confidence.MEDIUM if generated else Confidence.HIGH
            yield secret(
                text, "django-secret-key", value, *match.span(quote), name=name, key=name, confidence=confidence
            )
        else:
            yield secret(text, "framework-secret", value, *match.span(quote), name=name, key=name)


_HEX_KEY = re.compile(r"\s*(?P<value>[0-9a-f]{32}|[0-9a-f]{64})\s*")


def read_rails_key(_: str, data: bytes) -> Iterator[Candidate]:
    """A key of 16 or 32 bytes in hex, and nothing else; it opens credentials.yml.enc beside it."""
    text = text_of(data)
    match = _HEX_KEY.fullmatch(text)
    if match is not None:
        yield secret(text, "rails-master-key", match["value"], *match.span("value"), validation=Validation.STRUCTURE_OK)


_ENCRYPTED = re.compile(r"\s*(?P<value>[A-Za-z0-9+/=]{16,}--[A-Za-z0-9+/=]{8,}--[A-Za-z0-9+/=]{8,})\s*")


def read_rails_encrypted(_: str, data: bytes) -> Iterator[Candidate]:
    """Ciphertext, nonce and tag in base64: told as encrypted."""
    text = text_of(data)
    match = _ENCRYPTED.fullmatch(text)
    if match is not None:
        name = "Rails credentials (encrypted)"
        yield secret(text, "encrypted-credential", match["value"], *match.span("value"), name=name)


_TOKEN_RB = re.compile(r"secret_(?:token|key_base)[ \t]*=[ \t]*[\"'](?P<value>[^\"'\n#]{16,300})[\"']")


def read_rails_token(_: str, data: bytes) -> Iterator[Candidate]:
    """`config.secret_token = '...'` of old applications."""
    text = text_of(data)
    for match in _TOKEN_RB.finditer(text):
        yield secret(text, "rails-secret-key-base", match["value"], *match.span("value"), name="secret_token")


_LARAVEL = re.compile(
    r"^[ \t]*(?P<name>APP_(?:PREVIOUS_)?KEYS?)[ \t]*=[ \t]*[\"']?(?P<value>[^\s\"'#,]{16,})", re.MULTILINE
)


def read_laravel(_: str, data: bytes) -> Iterator[Candidate]:
    """`APP_KEY=base64:...`, or 32 characters of an old application."""
    text = text_of(data)
    for match in _LARAVEL.finditer(text):
        value = match["value"]
        if (value.startswith("base64:") or len(value) == 32) and not placeholders.token_reason(value):
            yield secret(text, "laravel-app-key", value, *match.span("value"), name=match["name"])


_ENV_FILES = (".env", ".env.local", ".env.production", ".env.staging", "*.env")

FRAMEWORKS: tuple[Format, ...] = (
    Format(
        "wordpress",
        "WordPress settings",
        ("wp-config.php", "wp-config.php.bak", "wp-config-local.php"),
        read_wordpress,
        "`DB_PASSWORD`, keys and salts; the sample's texts are nothing",
    ),
    Format(
        "django",
        "Django settings",
        ("settings.py", "settings/*.py", "local_settings.py", "settings_local.py"),
        read_django,
        "`SECRET_KEY`, passwords of databases and of mail",
    ),
    Format(
        "rails-key",
        "Rails master key",
        ("config/master.key", "config/credentials/*.key"),
        read_rails_key,
        "the key",
    ),
    Format(
        "rails-encrypted",
        "Rails encrypted credentials",
        ("config/credentials.yml.enc", "config/credentials/*.yml.enc"),
        read_rails_encrypted,
        "told as encrypted",
    ),
    picked(
        "rails-secrets",
        "Rails secrets",
        "config/secrets.yml",
        yaml,
        Pick.of(r".*/secret_(?:key_base|token)", "rails-secret-key-base"),
        decodes="`secret_key_base`, by environment",
    ),
    Format(
        "rails-token",
        "Rails secret token",
        ("initializers/secret_token.rb", "initializers/secret_key_base.rb"),
        read_rails_token,
        "the token",
    ),
    Format(
        "laravel",
        "Laravel settings",
        (".env", ".env.local", ".env.production", ".env.staging", "*.env"),
        read_laravel,
        "`APP_KEY`",
    ),
)
