"""Every format: what it finds in an honest file, what it leaves alone, and that nothing makes it fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgscan.secrets.formats.format import Format
from imgscan.secrets.formats.reading import FORMATS, MOST, format_candidates, formats_of, wanted
from imgscan.secrets.kinds import kind_of
from tests.secrets.formats.samples import AUTH, HEX32, PASSWORD, SAMPLES, TOKEN, Sample, b64
from tests.secrets.forms import pem

BUILT_ELSEWHERE = {
    "keystore",
    "putty-key",
    "openpgp",
    "der-key",
}  # binary ones, in test_keystores and test_private_keys
EVERY = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


def counted(path: str, content: str | bytes) -> list[tuple[str, str | None, str]]:
    """(kind, name, value) of what is found and not set aside; a file of the form may not be a problem."""
    found, problems = format_candidates(path, content.encode() if isinstance(content, str) else content)
    assert not problems
    return [(each.kind, each.name, each.value) for each in found if not each.suppressed]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.format)
def test_an_honest_file_gives_its_secrets_decoded_and_named(sample: Sample):
    assert sorted(counted(sample.path, sample.text)) == sorted(
        (each.kind, each.name, each.value) for each in sample.found
    )


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.format)
def test_spans_hold_the_value_as_it_is_spelled(sample: Sample):
    found, _ = format_candidates(sample.path, sample.text.encode())
    expected = {each.name: each for each in sample.found}
    for each in found:
        spelled = expected[each.name].spelled or each.value
        assert sample.text[each.start : each.end] == spelled
        assert each.spelling == (spelled if spelled != each.value else "")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.format)
def test_windows_line_ends_change_nothing(sample: Sample):
    if "PRIVATE KEY" in sample.text or sample.format == "subversion":
        return  # the value itself has line ends, or lengths are counted
    assert sorted(counted(sample.path, sample.text.replace("\n", "\r\n"))) == sorted(counted(sample.path, sample.text))


def test_every_format_has_a_sample():
    assert {form.name for form in FORMATS} == {sample.format for sample in SAMPLES} | BUILT_ELSEWHERE


def test_names_are_unique():
    assert len({form.name for form in FORMATS}) == len(FORMATS)


@EVERY
def test_each_path_of_a_format_is_wanted(form: Format):
    for pattern in form.paths:
        path = pattern.replace("*", "x9")
        for full in (path, f"home/a b/{path}", f"srv/\udcff/{path}"):
            assert form in formats_of(full)
            assert wanted(full.encode("utf-8", "surrogateescape"), 10)
        assert not wanted(path.encode(), 1 << 40)
        if "*" not in pattern:
            assert form not in formats_of(f"{path}/below/it")
            if not any("*" in other for other in form.paths):
                assert form not in formats_of(f"prefix{path}")


@pytest.mark.parametrize(
    "path",
    [
        "usr/bin/python3",
        "app/package.json",
        "usr/share/doc/x/README",
        "",
        "/",
        "config",
        "a/config.json",
        "credentials",
    ],
)
def test_other_files_are_not_asked_for(path):
    assert not wanted(path.encode(), 10)


def test_kinds_are_of_the_catalogue():
    for sample in SAMPLES:
        for each in sample.found:
            assert kind_of(each.kind).id == each.kind


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".docker/config.json", '{"credHelpers": {"gcr.io": "gcloud"}, "credsStore": "x", "auths": {"gcr.io": {}}}'),
        (".docker/config.json", f'{{"auths": {{"r.io": {{"auth": "{b64("deploy:")}"}}}}}}'),
        (".kube/config", "users:\n- name: a\n  user:\n    exec:\n      command: aws\n    client-key: /etc/k.pem\n"),
        (".aws/credentials", "[default]\ncredential_process = /usr/bin/x\nrole_arn = arn:aws:iam::1:role/x\n"),
        (".aws/credentials", "[default]\naws_secret_access_key =\n"),
        (".npmrc", "registry=https://packages.example.com/npm/\nalways-auth=true\n"),
        (".yarnrc.yml", "nodeLinker: node-modules\nnpmRegistryServer: https://x\n"),
        ("pip.conf", "[global]\nindex-url = https://packages.example.com/simple\n"),
        (".m2/settings.xml", "<settings><server><id>a</id><username>b</username></server></settings>"),
        ("nuget.config", '<configuration><sources><add key="a" value="https://x"/></sources></configuration>'),
        ("gradle.properties", "org.gradle.daemon=true\nversion=1.2\nkotlin.code.style=official\n"),
        (".netrc", "machine a login b\n# password in a comment\n"),
        (".pgpass", "#h:1:d:u:secret9word\n"),
        ("terraform.tfstate", '{"outputs": {"ip": {"value": "10.1.2.3", "sensitive": false}}, "resources": []}'),
        ("wp-config.php", "define('AUTH_KEY', 'put your unique phrase here');\ndefine('DB_PASSWORD','password_here');"),
        ("settings.py", "SECRET_KEY = os.environ['SECRET_KEY']\nSECRET_KEY_FALLBACKS = []\n"),
        ("config/master.key", "not a key\n"),
        (".env", "APP_KEY=\nAPP_KEY=base64:\n"),
        ("credentials.xml", "<list/>"),
        (".vault-token", "two words\n"),
        ("etc/shadow", "root:*:1::::::\nbin:!:1::::::\nsys:!!:1::::::\nnobody:x:1::::::\nempty::1::::::\n"),
        ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"),
        (".bash_history", "ls -la\ncd /srv\ngit commit -m 'fix password'\nmysql -u root -p shop\n"),
        (".psql_history", "select password from users;\n\\password\n"),
        ("rclone.conf", "[nas]\ntype = sftp\nhost = x\n"),
        ("sitemanager.xml", "<FileZilla3><Server><Host>a</Host><Logontype>2</Logontype></Server></FileZilla3>"),
        (".ssh/id_rsa", "ssh-rsa AAAAB3NzaC1yc2E user@host\n"),
    ],
)  # fmt: skip
def test_a_file_without_a_credential_gives_nothing(path, text):
    assert counted(path, text) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".docker/config.json", f'{{"auths": {{"r.io": {{"auth": "{b64("user:password")}"}}}}}}'),
        (".npmrc", "//r.io/:_authToken=${NPM_TOKEN}\n"),
        (".npmrc", "//r.io/:_password=${NPM_PASSWORD}\n"),
        (".netrc", "machine a login b password changeme\n"),
        (".pgpass", "*:*:*:app:<password>\n"),
        (".my.cnf", "[client]\npassword=\"\"\npassword = changeme\n"),
        (".git-credentials", "https://user:${TOKEN}@git.corp.io\n"),
        ("gradle.properties", "signing.password=changeme\n"),
        (".m2/settings.xml", "<s><server><id>a</id><password>${env.TOKEN}</password></server></s>"),
        (".cargo/credentials", "[registry]\ntoken = \"your-token\"\n"),
    ],
)  # fmt: skip
def test_placeholders_are_set_aside(path, text):
    assert counted(path, text) == []


def test_a_placeholder_that_is_set_aside_is_kept_to_be_shown():
    (found, _) = format_candidates(".netrc", b"machine a login b password changeme\n")
    assert [each.suppressed for each in found] == ["placeholder"]


def test_a_dockercfg_has_no_auths_round_its_registries():
    assert counted(".dockercfg", f'{{"r.io": {{"auth": "{AUTH}"}}}}') == [("docker-auth", "deploy@r.io", PASSWORD)]


def test_an_identity_token_is_a_credential():
    nobody = b64("00000000-0000-0000-0000-000000000000:")
    text = f'{{"auths": {{"r.io": {{"auth": "{nobody}", "identitytoken": "{TOKEN}"}}}}}}'
    assert counted(".docker/config.json", text) == [("docker-auth", "r.io", TOKEN)]


def test_a_kubeconfig_may_be_json():
    text = f'{{"users": [{{"name": "ci", "user": {{"token": "{TOKEN}"}}}}]}}'
    assert counted(".kube/config", text) == [("kubeconfig-credential", "ci/token", TOKEN)]


def test_the_key_of_a_maven_master_password_is_public():
    text = "<settingsSecurity><master>{jSMOWnoPFgsHVpMvz5VrIt5kRbzGpI8u+9EF1iFQyJQ=}</master></settingsSecurity>"
    ((kind, name, _),) = counted(".m2/settings-security.xml", text)
    assert (kind, name) == ("maven-password", "master (encrypted with a public key)")


@pytest.mark.parametrize(
    ("value", "how"),
    [
        ("$1$abcdefgh$0123456789012345678901", "MD5, weak"),
        ("$apr1$abcdefgh$0123456789012345678901", "MD5, weak"),
        ("ab01FAX.bQRSU", "DES, weak"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1, weak"),
        ("$2y$05$" + "a" * 53, "bcrypt"),
        ("$6$rounds=5000$salt$" + "a" * 86, "SHA-512"),
        ("$y$j9T$salt$" + "a" * 43, "yescrypt"),
    ],
)
def test_hashes_are_named_after_their_scheme(value, how):
    assert counted("srv/.htpasswd", f"web:{value}\n") == [("password-hash", f"web ({how})", value)]


def test_text_beyond_ascii_keeps_its_bytes():
    data = 'machine a login b password "pässwörd-7é"\n'.encode()
    (found, _) = format_candidates(".netrc", data)
    assert found[0].value.encode("latin-1").decode() == "pässwörd-7é"
    assert data[found[0].start : found[0].end].decode() == "pässwörd-7é"


def test_what_was_found_before_a_file_breaks_counts():
    found, problems = format_candidates(".docker/config.json", f'{{"auths": {{"r.io": {{"auth": "{AUTH}"}}, "'.encode())
    assert [each.value for each in found] == [PASSWORD]
    assert [(each.code, each.path) for each in problems] == [("unreadable-format", ".docker/config.json")]
    assert PASSWORD not in problems[0].message
    assert AUTH not in problems[0].message


def test_too_many_credentials_are_told_instead_of_dropped_in_silence():
    text = "".join(f"machine h{index} login u password {HEX32}{index}\n" for index in range(MOST + 10))
    found, (problem,) = format_candidates(".netrc", text.encode())
    assert len(found) == MOST
    assert problem.code == "too-many-candidates"


HOSTILE = [
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b"{" * 20_000,
    b"- " * 20_000,
    b"<a>" * 10_000,
    b"<a " + b"b='c' " * 5_000,
    b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    b'<?xml version="1.0" encoding="utf-7"?><a/>',
    b'<?xml version="1.0" encoding="nothing"?><a/>',
    b"a: &b [*b, *b]\n",
    b"a: *b\n",
    b"? [a, b]\n: c\n",
    b"--- !!python/object/apply:os.system ['true']\n",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe" * 1000,
    b"password" * 10_000,
    b"password '" * 10_000,
    b"machine " * 10_000,
    b'"' * 20_000,
    b"://" * 20_000,
    b"a:b" * 20_000,
    b"=" * 20_000,
    b"define(" * 10_000,
    b"-----BEGIN PRIVATE KEY-----" * 2_000,
    b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n" * 2_000,
    b"K 1\na\nV 99999\n" * 3_000,
    b"\x95\xff\xff\xff\xff" * 1000,
    b"\xfe\xed\xfe\xed\0\0\0\2\xff\xff\xff\xff" + b"\0" * 60,
    b"\0\0\0\1\0\0\0\x14" + b"\xff" * 60,
    b"0\x84\xff\xff\xff\xff" * 100,
]


@EVERY
def test_hostile_content_is_a_problem_at_most(form: Format):
    for data in HOSTILE:
        check_sound(form, data)


@EVERY
@settings(max_examples=15)
@given(data=st.binary(max_size=300) | st.text("{}[]\"':,=<>/#\n\\&*|-a0 ", max_size=200).map(str.encode))
def test_any_content_is_a_problem_at_most(form: Format, data: bytes):
    check_sound(form, data)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.format)
@settings(max_examples=15)
@given(data=st.data())
def test_a_damaged_file_is_a_problem_at_most(sample: Sample, data):
    content = bytearray(sample.text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=2)) or b"\0"
    form = next(form for form in FORMATS if form.name == sample.format)
    check_sound(form, bytes(content))


def check_sound(form: Format, data: bytes) -> None:
    found, problems = format_candidates("srv/" + form.paths[0].replace("*", "x"), data)
    for each in found:
        assert 0 <= each.start < each.end <= len(data)
        assert each.value
        assert all(character < "\u0100" for character in each.value)
        assert kind_of(each.kind)
        assert repr(each) == object.__repr__(each)
    assert all(problem.code in ("unreadable-format", "too-many-candidates") for problem in problems)


def test_the_documented_table_is_the_one_that_runs():
    page = (Path(__file__).parents[3] / "docs" / "detection.md").read_text()
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \|$", page, re.MULTILINE)
    for form in FORMATS:
        paths = " ".join(f"`{path}`" for path in form.paths)
        assert (form.title, paths, form.decodes) in rows, form.name


def test_a_private_key_in_base64_is_one_of_its_kind():
    assert (("private-key", "cert", pem())) in counted(SAMPLES[1].path, SAMPLES[1].text)
