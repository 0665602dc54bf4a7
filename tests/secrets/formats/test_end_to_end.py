"""Decoded secrets through the whole pipeline: placed, merged with what patterns find, and never shown."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import replace

import pytest

from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.renderers.json import render
from imgscan.renderers.renderer import RenderOptions
from tests.image_builder import docker_archive_legacy, image, layer, step
from tests.secrets.formats.samples import AUTH, HEX32, OTHER, PASSWORD, SAMPLES, TOKEN, b64
from tests.secrets.formats.test_keystores import KEY, jks
from tests.secrets.forms import pem

DOCKER = json.dumps({"auths": {"registry.corp.io": {"auth": AUTH}}}, indent=2)
MANIFEST = f"""apiVersion: v1
kind: ConfigMap
data:
  colour: {b64("blue")}
---
apiVersion: v1
kind: Secret
metadata:
  name: db
data:
  password: {b64(PASSWORD)}
  tls.key: {b64(pem())}
  .dockerconfigjson: {b64(DOCKER)}
stringData:
  other: {OTHER}
"""


@pytest.fixture(scope="module")
def options(tmp_path_factory) -> Options:
    """One cache for all, so that the patterns are compiled once."""
    return Options(cache_directory=tmp_path_factory.mktemp("cache"), key=b"the tests'")


def inspected(tmp_path, options: Options, *layers, **config):
    (report,) = inspect_image(str(docker_archive_legacy(image(*layers, **config), tmp_path / "a.tar")), options)
    return report


def secrets(report, path: str) -> list[tuple[str, str | None, int | None]]:
    """(kind, name, line) of the open findings in one file."""
    return [
        (finding.rule.id.partition("/")[2], finding.secret.name, finding.location.line)
        for finding in report.verdict.open
        if finding.location.path == path and finding.secret
    ]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("docker-config", [("docker-auth", "deploy@registry.corp.io", 1)]),
        ("netrc", [("netrc-password", "ci@api.corp.io", 3)]),
        ("npmrc", [("npm-token", "npm.corp.io", 2), ("npm-password", "old.corp.io", 3), ("npm-password", "deploy", 4)]),
        ("git-credentials", [("git-credentials", "ci@git.corp.io", 1)]),
        ("filezilla", [("tool-credential", "www@ftp.corp.io", 2)]),
        ("password-hashes", [("password-hash", "web (MD5, weak)", 4), ("password-hash", "old (SHA-512; locked)", 5)]),
        ("shell-history", [("command-password", "mysql -p", 2)]),
        ("jenkins-credentials", [("jenkins-credential", "deploy", 3), ("encrypted-credential", "old (encrypted)", 4)]),
    ],
)
def test_a_file_gives_one_finding_a_secret(form, expected, tmp_path, options):
    sample = next(sample for sample in SAMPLES if sample.format == form)
    report = inspected(tmp_path, options, layer({sample.path: sample.text}, created_by="COPY . . # buildkit"))
    assert sorted(secrets(report, sample.path)) == sorted(expected)
    assert not [finding for finding in report.verdict.open if finding.rule.id.startswith("sensitive-file/")]


def test_a_deleted_file_is_told_with_its_fate(tmp_path, options):
    report = inspected(
        tmp_path,
        options,
        layer({"root/.docker/config.json": DOCKER}, created_by="COPY . . # buildkit"),
        layer({"root/.docker/.wh.config.json": ""}, created_by="RUN /bin/sh -c rm config.json # buildkit"),
    )
    (finding,) = [each for each in report.verdict.open if each.location.path == "root/.docker/config.json"]
    assert (finding.fate.state, finding.fate.layer) == ("deleted", 1)
    assert finding.location.line == 4
    assert finding.location.offset == DOCKER.index(AUTH)


def test_neither_a_decoded_secret_nor_its_spelling_is_in_a_report(tmp_path, options):
    report = inspected(
        tmp_path,
        options,
        layer({"root/.docker/config.json": DOCKER, f"srv/{PASSWORD}": "x"}, created_by="COPY . . # buildkit"),
        step(f"RUN /bin/sh -c login deploy {PASSWORD} {AUTH} # buildkit"),
        labels={"note": f"see {PASSWORD} or {AUTH}"},
    )
    for shown in (render([report], RenderOptions("0")), repr(report)):
        assert PASSWORD not in str(shown)
        assert AUTH not in str(shown)


def test_one_password_in_two_encodings_and_in_plain_text_is_one_secret(tmp_path, options):
    files = {"root/.docker/config.json": DOCKER, "root/.netrc": f"machine h login u password {PASSWORD}\n",
             "root/.npmrc": f"//n.io/:_password={b64(PASSWORD)}\n"}  # fmt: skip
    report = inspected(tmp_path, options, layer(files))
    assert report.summary.secrets == 1


def test_cold_and_warm_runs_agree(tmp_path, options):
    built = image(*(layer({sample.path: sample.text}) for sample in SAMPLES[:6]))
    archive = str(docker_archive_legacy(built, tmp_path / "a.tar"))
    (cold,) = inspect_image(archive, options)
    assert inspect_image(archive, options) == [cold]
    assert inspect_image(archive, replace(options, cache=CacheMode.OFF)) == [cold]


def test_a_manifest_of_a_secret_is_found_whatever_its_file_is_called(tmp_path, options):
    report = inspected(tmp_path, options, layer({"srv/deploy/app.txt": MANIFEST}))
    assert sorted(secrets(report, "srv/deploy/app.txt")) == [
        ("docker-auth", "deploy@registry.corp.io", 13),
        ("kubernetes-secret", "db/other", 15),
        ("kubernetes-secret", "db/password", 11),
        ("private-key", "db/tls.key", 12),
    ]


def test_a_list_of_secrets_in_json_is_read_item_by_item(tmp_path, options):
    items = [
        {"kind": "Secret", "metadata": {"name": n}, "data": {"key": b64(v)}} for n, v in (("a", TOKEN), ("b", OTHER))
    ]
    report = inspected(
        tmp_path, options, layer({"srv/list.json": json.dumps({"kind": "List", "items": items}, indent=1)})
    )
    assert [name for _, name, _ in secrets(report, "srv/list.json")] == ["a/key", "b/key"]


def test_other_kinds_are_no_secrets(tmp_path, options):
    text = (
        "kind: SecretStore\ndata:\n  a: " + b64(PASSWORD) + "\n---\nkind: ConfigMap\ndata:\n  b: " + b64(OTHER) + "\n"
    )
    report = inspected(tmp_path, options, layer({"srv/a.yaml": text}))
    assert secrets(report, "srv/a.yaml") == []


def test_an_ansible_vault_is_told_as_encrypted_and_low(tmp_path, options):
    body = "\n          ".join(HEX32 * 2 for _ in range(3))
    text = f"db_password: !vault |\n          $ANSIBLE_VAULT;1.2;AES256;prod\n          {body}\nother: 1\n"
    report = inspected(tmp_path, options, layer({"srv/group_vars/all.yml": text}))
    (finding,) = [each for each in report.verdict.open if each.location.path == "srv/group_vars/all.yml"]
    assert (finding.rule.id, finding.severity, finding.secret.name) == (
        "file-secret/encrypted-credential",
        "low",
        "Ansible vault prod",
    )


def test_files_inside_archives_are_read_as_well(tmp_path, options):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in (("home/.docker/config.json", DOCKER.encode()), ("conf/app.jks", jks("changeit", KEY))):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    report = inspected(tmp_path, options, layer({"srv/backup.tar.gz": gzip.compress(buffer.getvalue(), mtime=0)}))
    found = [(each.location.inner_path, each.secret.name) for each in report.verdict.open if each.secret]
    assert sorted(found) == [
        ("conf/app.jks", "Java keystore that opens with `changeit`"),
        ("home/.docker/config.json", "deploy@registry.corp.io"),
    ]


def test_a_keystore_with_a_default_password_is_a_secret_and_another_stays_a_sensitive_file(tmp_path, options):
    report = inspected(
        tmp_path, options, layer({"srv/a.jks": jks("changeit", KEY), "srv/b.jks": jks("Zr2Vt9Lp4", KEY)})
    )
    rules = {each.location.path: each.rule.id for each in report.verdict.open if each.location.path}
    assert rules["srv/a.jks"] == "file-secret/keystore-default-password"
    assert rules["srv/b.jks"] == "sensitive-file/keystore"


def test_a_login_by_helper_alone_is_no_finding(tmp_path, options):
    report = inspected(tmp_path, options, layer({"root/.docker/config.json": '{"credHelpers": {"gcr.io": "gcloud"}}'}))
    assert not [each for each in report.verdict.open if each.location.path == "root/.docker/config.json"]


def test_a_member_that_spans_blocks_is_read_whole(tmp_path, options):
    from imgscan.evidence import Depth, ScanPlan
    from imgscan.layers.scan import LayerScanner

    sample = next(sample for sample in SAMPLES if sample.format == "terraform-state")
    built = layer({"a/first.txt": "x" * 3000, sample.path: sample.text, "z/last.env": f"DB_PASSWORD={TOKEN}\n"})
    scanner = LayerScanner.for_plan(ScanPlan(Depth.CONTENT, ("builtin",)), secret_key=b"k" * 32)
    whole = scanner.scan(io.BytesIO(built.tar))
    assert [match.member for match in whole.matches] == [1, 1, 1, 2]
    assert scanner.scan(io.BytesIO(built.tar), block_size=512) == whole


def test_values_are_shown_decoded_on_request(tmp_path, options):
    sample = next(sample for sample in SAMPLES if sample.format == "docker-config")
    report = inspected(tmp_path, replace(options, show_secrets=True), layer({sample.path: sample.text}))
    assert [each.secret.value for each in report.verdict.open if each.secret] == [PASSWORD]


def test_what_a_value_of_a_secret_holds_counts_where_the_value_itself_does_not(tmp_path, options):
    """A URL is a placeholder for a secret; the token in this one is none."""
    url = "https://hooks.slack.com/services/" + "TVCSXX03SUC/B8EJXQR4CCD/NK2WSkRPckb8JTL12WaXybs9"
    text = f"kind: Secret\nmetadata:\n  name: hook\ndata:\n  url: {b64(url.encode())}\n"
    report = inspected(tmp_path, replace(options, show_secrets=True), layer({"srv/hook.yaml": text}))
    assert [each.secret.value for each in report.verdict.open if each.secret] == [url]


def test_a_helm_release_is_an_archive_not_a_value(tmp_path, options):
    inner = gzip.compress(f"db:\n  password: {OTHER}\n".encode(), mtime=0)
    text = f"kind: Secret\nmetadata:\n  name: sh.helm.release.v1.shop.v1\ndata:\n  release: {b64(b64(inner))}\n"
    report = inspected(tmp_path, options, layer({"srv/release.yaml": text}))
    assert "kubernetes-secret" not in [kind for kind, _, _ in secrets(report, "srv/release.yaml")]
