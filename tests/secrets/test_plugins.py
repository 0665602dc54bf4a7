"""detect-secrets, line by line, is the oracle: what its plugins find, nominators and confirmation find as well."""

from __future__ import annotations

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.keyword import KeywordDetector
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.secrets import detect_secrets_plugins
from imgscan.secrets.detect_secrets_plugins import PluginDetector
from imgscan.secrets.detector import Window
from imgscan.secrets.detectors import PLUGINS, PLUGINS_VERSION, STATISTICAL_PLUGINS, detector_ids, detectors
from imgscan.secrets.syntax import plugin_filename
from imgscan.secrets.text import LINE_REACH
from tests.secrets.forms import KEYWORD, OWN, STRUCTURAL, pem
from tests.secrets.reference_scan import candidates, counted

ORACLES = {
    name.__name__: name()
    for name in get_mapping_from_secret_type_to_class().values()
    if name.__name__ not in STATISTICAL_PLUGINS
}


def covered(found, line: str, secret: str) -> bool:
    return any(secret in line and each.start < line.index(secret) + len(secret) for each in found)


def test_every_plugin_of_detect_secrets_is_wrapped():
    known = {name.__name__ for name in get_mapping_from_secret_type_to_class().values()}
    assert known == {*PLUGINS, *STATISTICAL_PLUGINS}
    assert len(known) == 27


@pytest.mark.parametrize("entropy", [False, True])
def test_identities_are_those_of_the_detectors(entropy):
    assert detector_ids(entropy) == tuple(f"{each.id}@{each.version}" for each in detectors(entropy))
    assert len(set(detector_ids(entropy))) == len(detector_ids(entropy))
    assert f"detect-secrets/KeywordDetector@{PLUGINS_VERSION}" in detector_ids()


@pytest.mark.parametrize(("kind", "line", "secret"), STRUCTURAL + OWN)
@pytest.mark.parametrize("around", ["{}", "before\n{}\nafter\n", "{}\r\nx=1", "\x00\x00{}"])
def test_a_documented_form_is_found_with_its_full_span(kind, line, secret, around):
    found = counted("file.txt", around.format(line))
    value = secret.removeprefix("AccountKey=") if kind == "azure-storage-key" else secret
    assert [each for each in found if each[0] == kind and value in each[2]], found
    assert all(secret.endswith(each[2][-4:]) for each in found if each[0] == kind)


@pytest.mark.parametrize(("kind", "line", "secret"), STRUCTURAL + OWN)
@pytest.mark.parametrize("behind", ["", "name.txt", "\x00\x00", "AAAA"])
def test_a_secret_at_either_end_of_a_member_is_found_whatever_follows(kind, line, secret, behind):
    start = line.index(secret) if kind in {"github-token", "stripe-key", "sendgrid-key"} else 0
    member = line[start : line.index(secret) + len(secret)] + line[line.index(secret) + len(secret) :].rstrip(" yx")
    raw = b"\x00" * 8 + member.encode() + behind.encode()
    found = candidates("file.txt", raw, member=(8, 8 + len(member)))
    assert kind in {each.kind for each in found if not each.suppressed}


def oracle_values(plugin, path: str, line: str) -> set[str]:
    return {each.secret_value for each in plugin.analyze_line(filename=plugin_filename(path), line=line, line_number=1)}


@pytest.mark.parametrize(("kind", "line", "secret"), STRUCTURAL)
@pytest.mark.parametrize("path", ["a.js", "a.env"])
def test_what_a_plugin_finds_in_a_line_is_found(kind, line, secret, path):
    found = candidates(path, line.encode())
    for plugin in ORACLES.values():
        for value in oracle_values(plugin, path, line):
            at = line.index(value)
            assert any(each.start < at + len(value) and at < each.end for each in found), (plugin, value)


@pytest.mark.parametrize(("line", "bare"), KEYWORD)
@pytest.mark.parametrize("ending", ["7q", "7q-Z!", "_a.b$3"])
def test_what_the_keyword_plugin_finds_is_found_and_counts(line, bare, ending):
    line = line.format(ending)
    path = "settings.ini" if bare else "settings.py"
    assert oracle_values(KeywordDetector(), path, line)
    assert [value for _, _, value in counted(path, line)] == [f"x9hunter{ending}"]


KEYWORDS = st.sampled_from(["password", "api_key", "DB_PASS", "secret", "passwd", "pwd", "privateKey", "client_key"])
AFFIX = st.text("abcXYZ019_", max_size=12)
JOINT = st.sampled_from(
    [
        "=",
        " = ",
        ":",
        ": ",
        " := ",
        "==",
        " === ",
        " != ",
        "=>",
        " => ",
        "'] = ",
        '": ',
        '"]=',
        "\t=\t",
        "[] = ",
        "[12]=",
    ]
)
QUOTE = st.sampled_from(["", '"', "'", "`"])
VALUE = st.text("abcdefABC0123456789_!$%-./:{}()<>, ", min_size=1, max_size=30)
PATH = st.sampled_from(["a.py", "a.js", "x.ini", ".env", "Dockerfile", "a.c", "a.cpp", "a.cs", "k.yaml", "README"])


@settings(max_examples=400, deadline=None)
@given(PATH, st.tuples(KEYWORDS, AFFIX, AFFIX), st.tuples(JOINT, QUOTE, VALUE, VALUE))
def test_nothing_that_the_keyword_plugin_finds_is_lost_before_triage(path, named, assigned):
    (name, before, after), (joint, quote, value, tail) = named, assigned
    for line in (
        f"{before}{name}{after}{joint}{quote}{value}{quote}{tail}",
        f"{quote}{value}{quote} == {before}{name}{after}",
        f'{name}{after}("{value}")',
        f"{name}{after} {quote}{value}{quote};",
    ):
        found = candidates(path, line.encode())
        for each in oracle_values(KeywordDetector(), path, line):
            starts = [at for at in range(len(line)) if line.startswith(each, at)]
            assert any(one.start < at + len(each) and at < one.end for one in found for at in starts), (line, each)


@pytest.mark.parametrize(
    "label", ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"]
)
def test_a_private_key_spans_from_begin_to_end(label):
    key = pem(label)
    (found,) = candidates("id", f"text\n{key}\nmore\n".encode())
    assert found.value == key
    assert not found.suppressed


def test_a_private_key_on_one_line_with_escapes_spans_to_its_end():
    key = pem().replace("\n", "\\n")
    (found,) = candidates("config.json", f'{{"private_key": "{key}"}}'.encode())
    assert (found.kind, found.value, found.name) == ("private-key", key, "private_key")


def test_a_header_without_key_material_is_a_placeholder():
    text = 'if line == "-----BEGIN RSA PRIVATE KEY-----":\n    parse(line)\n'
    assert [each.suppressed for each in candidates("a.py", text.encode())] == ["placeholder"]


def test_a_truncated_private_key_is_still_found():
    key = pem()[:400]
    (found,) = candidates("id_rsa", key.encode())
    assert found.value == key


@pytest.mark.parametrize("behind", ["", "\n", '"', " >> .npmrc", "'; rm x", "\\n"])
def test_an_npm_token_ends_where_it_ends(behind):
    token = next(secret for kind, _, secret in STRUCTURAL if kind == "npm-token")
    (found,) = candidates("x.sh", f"echo //r.io//x/:_authToken={token}{behind}".encode())
    assert found.value == token


def test_encrypted_keys_are_told_apart():
    assert [kind for kind, _, _ in counted("k.pem", pem("ENCRYPTED PRIVATE KEY"))] == ["encrypted-private-key"]


@pytest.mark.parametrize(
    "text",
    [
        "ghs_integrity_apCOMPILE_PDB_NAMEWIN_EXECUTABLE",
        'API_KEY: "this-will-ordinarily-be-detected-by-a-plugin"',
        'SecretRef`json:"secretRef,omitempty"`',
        'SecretAprotobuf:"bytes,2,opt,name=Secret,proto3"',
        "http://user:69g" + "\0" * 5 + "@host/x",
    ],
)
def test_strings_of_binaries_that_only_look_like_secrets_do_not_count(text):
    assert counted("usr/bin/tool", text) == []


def test_two_tokens_of_one_kind_stay_two():
    (_, first, one), (_, second, two) = [each for each in STRUCTURAL if each[0] == "github-token"]
    assert {value for _, _, value in counted("x", f"{first}\n{second}")} == {one, two}


def test_content_cannot_silence_the_scan():
    line = 'password = "x9hunter7q"  # pragma: allowlist secret'
    assert counted("a.py", line)


def test_no_plugin_ever_verifies(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("network")

    for plugin in ORACLES.values():
        monkeypatch.setattr(type(plugin), "verify", refuse)
    for _, line, _ in STRUCTURAL:
        assert candidates("x.py", line.encode())


class Recorder:
    """A pattern that notes how much text it is given."""

    def __init__(self, pattern, seen):
        self._pattern, self._seen, self.pattern, self.groups = pattern, seen, pattern.pattern, pattern.groups

    def finditer(self, text, *places):
        self._seen.append(len(text))
        return self._pattern.finditer(text, *places)


@pytest.mark.parametrize(
    "each", [each for each in detectors(True) if isinstance(each, PluginDetector)], ids=lambda e: e.id
)
def test_a_plugin_pattern_never_sees_more_than_a_bounded_slice(each):
    seen: list[int] = []
    before = each.patterns
    object.__setattr__(each, "patterns", tuple(Recorder(pattern, seen) for pattern in before))
    try:
        list(each.confirm(Window("x", "eyJ" * 100_000, 150_000, starts_member=True, ends_member=True)))
    finally:
        object.__setattr__(each, "patterns", before)
    assert seen
    assert max(seen) <= LINE_REACH + each.reach


def test_the_statistical_plugins_run_where_entropy_is_asked_for():
    text = "var a = 'c3VjaCBhIQ9xR2kLmN7vB8wYz+/Tq4J=='; host = \"93.184.216.34\"; b = '3f9d2c71ab84e650'"
    assert not counted("a.js", text)
    assert {kind for kind, _, _ in counted("a.js", text, entropy=True)} == {
        "base64-entropy",
        "hex-entropy",
        "public-ip",
    }


def test_the_oracle_plugin_is_available():
    assert isinstance(detect_secrets_plugins.keyword_plugin(), KeywordDetector)
