"""Logins at package indexes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, Leaf, from_base64, printable, secret, text_of, unquoted
from imgscan.secrets.formats.ini_text import ini_leaves
from imgscan.secrets.formats.picks import Pick, ini, ini_colon, json, picked
from imgscan.secrets.formats.xml_text import beside, xml_elements
from imgscan.secrets.formats.yaml_text import yaml_leaves
from imgscan.secrets.names import Strength, strength


def read_npmrc(_: str, data: bytes) -> Iterator[Candidate]:
    """`//registry/:_authToken=...`; `_password` is base64 of a password, `_auth` of `user:password`."""
    text = text_of(data)
    for leaf in ini_leaves(text, "="):
        registry, _, setting = leaf.key.rpartition(":")
        name = registry.strip("/ ") or None
        if setting == "_authToken":
            yield secret(text, "npm-token", leaf.value, leaf.start, leaf.end, name=name, key=setting)
        elif setting in ("_password", "_auth"):
            yield _npm_password(text, leaf, name, pair=setting == "_auth")


def read_yarnrc(_: str, data: bytes) -> Iterator[Candidate]:
    """`npmAuthToken`, and `npmAuthIdent`, which is `user:password` or base64 of that."""
    text = text_of(data)
    for _document, leaf in yaml_leaves(text):
        name = leaf.path[-2].strip("/") if len(leaf.path) > 1 else None
        if leaf.key == "npmAuthToken":
            yield secret(text, "npm-token", leaf.value, leaf.start, leaf.end, name=name, key=leaf.key)
        elif leaf.key == "npmAuthIdent" and leaf.value:
            yield _npm_password(text, leaf, name, pair=True)


def _npm_password(text: str, leaf: Leaf, name: str | None, *, pair: bool) -> Candidate:
    decoded = leaf.value if pair and ":" in leaf.value else from_base64(leaf.value)
    if decoded is None or not printable(decoded):  # a variable, or written in plain text against the manual
        return secret(text, "npm-password", leaf.value, leaf.start, leaf.end, name=name, key=leaf.key)
    user, colon, password = decoded.partition(":")
    if pair and colon and password:
        name = f"{user}@{name}" if name else user
    value = password if pair and colon and password else decoded
    return secret(text, "npm-password", value, leaf.start, leaf.end, name=name)


_URL = re.compile(
    r"[a-z+]{3,12}://(?P<user>[^\s/:@'\"]{0,200}):(?P<value>[^\s/@'\"]{1,500})@(?P<host>[\w.:\[\]-]{1,200})"
)


def read_urls(kind: str, text: str) -> Iterator[Candidate]:
    """Passwords of URLs, without percent escapes, named `user@host`."""
    for match in _URL.finditer(text):
        name = f"{unquoted(match['user'])}@{match['host']}".lstrip("@")
        yield secret(text, kind, unquoted(match["value"]), match.start("value"), match.end("value"), name=name)


def read_pip(_: str, data: bytes) -> Iterator[Candidate]:
    """Passwords in index URLs."""
    return read_urls("pip-credentials", text_of(data))


def read_pypirc(_: str, data: bytes) -> Iterator[Candidate]:
    """Passwords and tokens, by index."""
    text = text_of(data)
    for leaf in ini_leaves(text):
        if leaf.key.lower() == "password":
            kind = "pypi-token" if leaf.value.startswith("pypi-") else "pip-credentials"
            yield secret(text, kind, leaf.value, leaf.start, leaf.end, name=leaf.path[0] or None, key=leaf.key)


def read_maven(_: str, data: bytes) -> Iterator[Candidate]:
    """Passwords of servers and proxies. `{...}` is encrypted; the master password only with a key that is public."""
    text = text_of(data)
    elements = xml_elements(data)
    servers = beside(elements, "id")
    for element in elements:
        if element.start < 0 or element.name not in ("password", "passphrase", "master"):
            continue
        encrypted = bool(re.search(r"(?<!\\)\{[A-Za-z0-9+/=\s]{8,}\}", element.text))
        kind = "encrypted-credential" if encrypted and element.name != "master" else "maven-password"
        server = servers.get(element.parent, "")
        name = f"{server}/{element.name}" if server else element.name
        if encrypted:
            name += " (encrypted with a public key)" if element.name == "master" else " (encrypted)"
        yield secret(text, kind, element.text, element.start, element.end, name=name, key=element.name)


def read_gradle(_: str, data: bytes) -> Iterator[Candidate]:
    """Properties whose name says secret."""
    text = text_of(data)
    for leaf in ini_leaves(text):
        if strength(leaf.key.rpartition(".")[2]) >= Strength.TOKEN:
            yield secret(text, "gradle-credentials", leaf.value, leaf.start, leaf.end, name=leaf.key, key=leaf.key)


def read_nuget(_: str, data: bytes) -> Iterator[Candidate]:
    """`ClearTextPassword` of each source, API keys; `Password` is encrypted for one Windows user."""
    text = text_of(data)
    for element in xml_elements(data):
        key, value = element.attributes.get("key"), element.attributes.get("value")
        if element.name != "add" or key is None or value is None or not value.value or value.end <= value.start:
            continue
        source = element.path[-2].replace("_x0020_", " ") if len(element.path) > 1 else ""
        if key.value.lower() == "cleartextpassword":
            yield secret(text, "nuget-password", value.value, value.start, value.end, name=source, key=key.value)
        elif key.value.lower() == "password":
            name = f"{source} (encrypted)"
            yield secret(text, "encrypted-credential", value.value, value.start, value.end, name=name, key=key.value)
        elif source.lower() == "apikeys":
            name = f"{key.value} (encrypted)"
            yield secret(text, "encrypted-credential", value.value, value.start, value.end, name=name)


PACKAGE_MANAGERS: tuple[Format, ...] = (
    Format(
        "npmrc",
        "npm configuration",
        (".npmrc", "etc/npmrc"),
        read_npmrc,
        "`_authToken`; `_password` and `_auth` out of base64, by registry",
    ),
    Format(
        "yarnrc",
        "Yarn configuration",
        (".yarnrc.yml",),
        read_yarnrc,
        "`npmAuthToken`, `npmAuthIdent` out of base64, by registry",
    ),
    Format(
        "pip-conf",
        "pip configuration",
        ("pip.conf", "pip.ini", "uv.toml"),
        read_pip,
        "passwords of index URLs, out of percent escapes",
    ),
    Format("pypirc", "PyPI login", (".pypirc",), read_pypirc, "passwords and tokens, by index"),
    picked(
        "poetry",
        "Poetry logins",
        "pypoetry/auth.toml",
        ini,
        Pick.of(r"http-basic\..*/password|http-basic/.*\.password", "pip-credentials"),
        Pick.of(r"pypi-token\..*|pypi-token/.*", "pypi-token"),
        decodes="passwords and tokens, by repository",
    ),
    Format(
        "maven",
        "Maven settings",
        (".m2/settings.xml", ".m2/settings-security.xml", "maven/conf/settings.xml", "maven/settings.xml"),
        read_maven,
        "passwords of servers and proxies; encrypted ones are told as such, and so is the master password, whose key "
        "is public",
    ),
    Format(
        "gradle",
        "Gradle properties",
        ("gradle.properties",),
        read_gradle,
        "properties whose name says secret",
    ),
    Format(
        "nuget",
        "NuGet configuration",
        ("nuget.config", "NuGet.config", "NuGet.Config"),
        read_nuget,
        "`ClearTextPassword`, by source; encrypted ones are told as such",
    ),
    picked(
        "composer",
        "Composer logins",
        "auth.json",
        json,
        Pick.of(r"http-basic/.*/password", "composer-auth"),
        Pick.of(r"github-oauth/.*", "github-token"),
        Pick.of(r"gitlab-(?:oauth|token)/(?:[^/]+|.*/token)", "gitlab-token"),
        Pick.of(r"bitbucket-oauth/.*/consumer-secret|bearer/.*", "composer-auth"),
        decodes="passwords and tokens, by host",
    ),
    picked(
        "cargo",
        "Cargo logins",
        ".cargo/credentials .cargo/credentials.toml cargo/credentials cargo/credentials.toml",
        ini,
        Pick.of(r"(?:.*/)?(?:.*\.)?(?:token|secret-key)", "cargo-token"),
        decodes="tokens, by registry",
    ),
    picked(
        "rubygems",
        "RubyGems logins",
        ".gem/credentials gem/credentials",
        ini_colon,
        Pick.of(r".*api_key", "rubygems-token"),
        Pick.of(r"https?://.*", "rubygems-token"),
        decodes="keys, by host",
    ),
)
