"""A look at files with sensitive names tells what they are, and nothing of what is in them."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.layers.extractors.sensitive import SensitiveExtractor
from imgscan.secrets.sensitive_paths import ALL_PATHS, SENSITIVE_PATHS, classify

BODY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n"
PLAIN_OPENSSH = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAA\n"
LOCKED_OPENSSH = "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAA\n"


def pem(label: str, body: str = BODY) -> bytes:
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


def der(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([tag, 0x82]) + struct.pack(">H", len(body)) + body


def small(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([tag, len(body)]) + body


RSA = small(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", b"\x05\x00")
PBES2 = small(0x30, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", b"\x05\x00")
VERSION_0 = b"\x02\x01\x00"


def look(path: str, data: bytes | str) -> tuple[str, str] | None:
    """(kind, state), None where the path is not sensitive."""
    rows = SensitiveExtractor().extract(path, data.encode() if isinstance(data, str) else data)
    return (str(rows[0][0]), str(rows[0][2])) if rows else None


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (pem("RSA PRIVATE KEY"), "plain"),
        (pem("PRIVATE KEY"), "plain"),
        (pem("EC PRIVATE KEY"), "plain"),
        (pem("ENCRYPTED PRIVATE KEY"), "encrypted"),
        (pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + BODY), "encrypted"),
        (pem("OPENSSH PRIVATE KEY", PLAIN_OPENSSH), "plain"),
        (pem("OPENSSH PRIVATE KEY", LOCKED_OPENSSH), "encrypted"),
        (pem("PGP PRIVATE KEY BLOCK"), "encrypted"),
        (pem("CERTIFICATE") + pem("PRIVATE KEY"), "plain"),
        (pem("ENCRYPTED PRIVATE KEY") + pem("RSA PRIVATE KEY"), "plain"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "plain"),
        (b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n", "encrypted"),
        (b"(21:protected-private-key(3:rsa", "encrypted"),
        (b"(11:private-key(3:rsa", "plain"),
        (b"Created: 20240101T000000\nKey: (protected-private-key (rsa", "encrypted"),
        (b"\x95\x03\xc6\x04abcd", "encrypted"),
        (der(0x30, VERSION_0, RSA, b"\x04\x82\x01\x00" + b"k" * 256), "plain"),
        (der(0x30, VERSION_0, b"\x02\x82\x01\x01" + b"n" * 257), "plain"),
        (der(0x30, PBES2, b"\x04\x82\x01\x00" + b"k" * 256), "encrypted"),
        (small(0x30, b"\x02\x01\x01\x04\x20" + b"k" * 32), "plain"),
    ],
)
def test_private_keys_are_known_in_all_their_forms(data: bytes, state: str):
    assert look("srv/tls/server.key", data) == ("private-key", state)


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (pem("CERTIFICATE"), "public"),
        (pem("PUBLIC KEY"), "public"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@host\n", "public"),
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"-----BEGIN RSA PRIVATE KEY-----\n...\n", "nothing"),
        (b"just a text", "nothing"),
        (der(0x30, der(0x30, b"\xa0\x03\x02\x01\x02")), "nothing"),
    ],
)
def test_public_keys_certificates_and_empty_files_are_told_apart(data: bytes, state: str):
    assert look("etc/ssl/certs/ca.pem", data) == ("private-key", state)


def java_keystore(*tags: int) -> bytes:
    entries = b"".join(
        struct.pack(">IH", tag, 1)
        + b"a"
        + b"\0" * 8
        + (b"\0\5X.509" if tag == 2 else b"")
        + struct.pack(">I", 3)
        + b"abc"
        for tag in tags
    )
    return struct.pack(">III", 0xFEEDFEED, 2, len(tags)) + entries + b"\0" * 20


def test_a_keystore_of_certificates_alone_holds_nothing():
    assert look("srv/app.jks", java_keystore(2, 2)) == ("keystore", "nothing")
    assert look("srv/app.jks", java_keystore(2, 1)) == ("keystore", "present")


@given(st.binary(max_size=80))
def test_a_broken_keystore_is_still_one(tail: bytes):
    kind, state = look("srv/app.jks", struct.pack(">III", 0xFEEDFEED, 2, 9) + tail) or ("", "")
    assert kind == "keystore"
    assert state in ("present", "nothing")


def test_keystores_are_known_by_magic_whatever_they_are_called():
    assert look("srv/vault.kdbx", b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5rest") == ("keystore", "present")
    assert look("srv/id.p12", der(0x30, b"\x02\x01\x03", der(0x30, b"x" * 300))) == ("keystore", "present")
    assert look("srv/wrong.p12", pem("PRIVATE KEY")) == ("private-key", "plain")
    assert look("srv/not.p12", b"hello") == ("keystore", "nothing")


# (path, content with a credential, content without)
STORES = [
    ("root/.aws/credentials", "[default]\naws_secret_access_key = x\n", "[default]\nregion = x\n"),
    ("root/.docker/config.json", '{"auths": {"r": {"auth": "eDp5"}}}', '{"credsStore": "desktop"}'),
    ("root/.npmrc", "//r/:_authToken=x\n", "registry=https://example.org\n"),
    ("home/a/.netrc", "machine example.org login a password b", "machine example.org"),
    ("root/.git-credentials", "https://me:x@example.org\n", "https://example.org\n"),
    ("root/.kube/config", "users:\n- user:\n    token: x\n", "clusters: []\n"),
    ("root/.pgpass", "localhost:5432:db:me:x\n", "# host:port:db:user:password\n"),
    ("root/.my.cnf", "[client]\npassword=x\n", "[client]\nuser=me\n"),
    ("root/.pypirc", "[pypi]\npassword = x\n", "[pypi]\nusername = me\n"),
    ("infra/terraform.tfstate", '{"resources": [{"type": "x"}]}', '{"resources": []}'),
    ("etc/nginx/.htpasswd", "me:$apr1$x$y\n", "# nobody\n"),
    ("root/.config/gcloud/credentials.db", "SQLite", ""),
    ("root/.vault-token", "x", "\n"),
    ("run/secrets/db", "x", ""),
    ("root/.m2/settings.xml", "<password>x</password>", "<password>${env.X}</password>"),
    ("root/.cargo/credentials.toml", 'token = "x"', "[registry]"),
    ("etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = x\n", "[Interface]\n"),
]


@pytest.mark.parametrize(("path", "with_one", "without"), STORES)
def test_a_credential_store_counts_only_with_a_credential(path: str, with_one: str, without: str):
    assert look(path, with_one) == ("credential-store", "present")
    kind, state = look(path, without) or ("", "")
    assert kind == "credential-store"
    assert state in ("nothing", "empty")


def test_env_files_count_assignments_and_history_files_lines():
    extract = SensitiveExtractor().extract
    assert extract("app/.env.production", b"# x\nA=1\nexport B='2'\nC=\n")[0][2:] == ("present", 2)
    assert extract("root/.bash_history", b"ls\n\ncd /\n")[0][2:] == ("present", 2)
    assert look("app/.env", "# nothing\nA=\n") == ("env-file", "nothing")


@pytest.mark.parametrize(
    "path",
    [
        "app/.env.example",
        "app/.env.sample",
        "app/.env.template",
        "app/example.env",
        "app/.env.local.dist",
        "root/.ssh/id_rsa.pub",
        "root/.ssh/known_hosts",
        "usr/share/aws/credentials.txt",
        "app/config",
        "app/HEAD",
        "etc/environment",
    ],
)
def test_templates_and_public_files_have_no_sensitive_name(path: str):
    assert classify(path) is None


@pytest.mark.parametrize("path", ["app/.git/HEAD", ".git/config", "srv/repo.git/packed-refs"])
def test_git_repositories_are_known_by_their_files(path: str):
    assert look(path, "ref: refs/heads/main\n") == ("git-repository", "present")


@given(st.text(alphabet="abcdefXYZ019+/", min_size=20, max_size=60))
def test_no_byte_of_the_content_is_in_the_facts(secret: str):
    for path, text in [
        ("root/.netrc", f"machine m password {secret}"),
        ("app/.env", f"KEY={secret}"),
        ("srv/x.key", pem("PRIVATE KEY", secret + "\n").decode()),
        ("root/.bash_history", f"login {secret}\n"),
    ]:
        rows = SensitiveExtractor().extract(path, text.encode())
        assert rows
        assert secret not in repr(rows)


@pytest.mark.parametrize("row", SENSITIVE_PATHS, ids=lambda row: f"{row.store} {row.names[:20]}")
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_every_path_of_the_table_is_one_for_the_extractor(row, data):
    name = data.draw(
        st.from_regex(re.compile(row.names, re.ASCII), fullmatch=True).filter(lambda name: "\n" not in name)
    )
    under = data.draw(st.sampled_from(row.under or ("", "a/b")))
    path = f"{under}/{name}" if under else name
    assert re.fullmatch(ALL_PATHS, path, re.ASCII | re.DOTALL)
