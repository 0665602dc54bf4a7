"""Sensitive files are told in every layer, with their fate, where no secret was confirmed inside."""

from __future__ import annotations

from imgscan.analyzers.sensitive_file import SensitiveFileAnalyzer
from imgscan.evidence import Confidence, Match, Validation
from imgscan.report import Severity
from tests.analyzers.evidence import evidence_of
from tests.image_builder import BuiltLayer, file, hardlink, image, layer

KEY = (
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\n-----END ENCRYPTED PRIVATE KEY-----\n"
)


def match(member: int, suppressed: str = "") -> Match:
    return Match("keyword", member, None, 0, 3, 1, 1, "A", Confidence.HIGH, Validation.NONE, "...", b"k", suppressed)


def analyze(*layers: BuiltLayer, matches: dict[int, list[Match]] | None = None):
    return SensitiveFileAnalyzer().analyze(evidence_of(image(*layers), matches=matches))


def told(*layers: BuiltLayer) -> list[tuple[str, str, int | None, str]]:
    """(rule, path, layer, state) of each finding."""
    return [
        (one.rule.id.partition("/")[2], one.location.path, one.location.layer, str(one.fate.state))
        for one in analyze(*layers).findings
    ]


def test_a_deleted_key_is_told_with_the_layer_and_the_instruction_that_deleted_it():
    (found,) = analyze(
        layer({"root/.ssh/id_rsa": KEY}, created_by="COPY id_rsa /root/.ssh/ # buildkit"),
        layer({"root/.ssh/.wh.id_rsa": ""}, created_by="RUN /bin/sh -c rm /root/.ssh/id_rsa # buildkit"),
    ).findings
    assert found.severity is Severity.HIGH
    assert (found.fate.state, found.fate.layer, found.fate.instruction) == ("deleted", 1, "RUN rm /root/.ssh/id_rsa")
    assert found.added_by.instruction == "COPY id_rsa /root/.ssh/"
    assert "still in layer 0" in found.remediation


def test_every_version_is_told_and_told_apart():
    outcome = analyze(layer({"app/.env": "A=1\n"}), layer({"app/.env": "A=2\n"}), layer({"app/.wh..env": ""}))
    assert [(one.location.layer, str(one.fate.state), one.ordinal) for one in outcome.findings] == [
        (0, "overwritten", 0),
        (1, "deleted", 1),
    ]
    assert len({one.fingerprint for one in outcome.findings}) == 2


def test_equal_rewrites_are_one_version_of_whoever_brought_it():
    layers = (layer({"app/.env": "A=1\n"}), layer({"app/.env": file("A=1\n", uid=5)}))
    assert told(*layers) == [("env-file", "app/.env", 0, "present")]
    assert told(*layers, layer({"app/.wh..env": ""})) == [("env-file", "app/.env", 0, "deleted")]


def test_a_file_that_lives_on_under_another_name_is_present():
    linked = layer([("app/.env", "A=1\n"), ("app/settings", hardlink("app/.env"))])
    assert told(linked, layer({"app/.wh..env": ""})) == [("env-file", "app/.env", 0, "present")]


def test_one_finding_a_repository():
    files = {
        "app/.git/HEAD": "ref: refs/heads/main\n",
        "app/.git/config": "[core]\n",
        "app/.git/index": "DIRC",
        "app/.git/objects/ab/cdef": "x",
        "srv/other.git/HEAD": "ref: x\n",
    }
    assert told(layer(files)) == [
        ("git-repository", "app/.git", 0, "present"),
        ("git-repository", "srv/other.git", 0, "present"),
    ]
    assert told(layer(files), layer({"app/.wh..git": ""}))[0] == ("git-repository", "app/.git", 0, "deleted")


def test_a_confirmed_secret_inside_leaves_the_file_to_its_own_family():
    env = layer({"app/.env": "A=1\n"})
    assert not analyze(env, matches={0: [match(0)]}).findings
    assert len(analyze(env, matches={0: [match(0, "placeholder")]}).findings) == 1
    assert not analyze(env, matches={0: [match(0, "placeholder"), match(0)]}).findings


def test_a_key_that_was_set_aside_is_set_aside_here_too():
    outcome = analyze(layer({"usr/lib/x/test/server.key": KEY}), matches={0: [match(0, "package-owned")]})
    assert not outcome.findings
    assert [(one.reason, one.finding.rule.id) for one in outcome.suppressed] == [
        ("package-owned", "sensitive-file/private-key")
    ]


def test_public_empty_and_template_files_do_not_count():
    assert not told(
        layer({
            "etc/ssh/ssh_host_rsa_key.pub": "ssh-rsa AAAA x\n",
            "etc/ssl/certs/ca.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "root/.bash_history": "",
            "app/.env.example": "A=1\n",
            "root/.npmrc": "registry=https://registry.example.org\n",
            "app/.git/objects/ab/cd": "x",
        })
    )  # fmt: skip


def test_severity_is_high_for_keys_and_stores_and_medium_for_the_rest():
    found = analyze(
        layer({
            "etc/ssl/private/ssl-cert-snakeoil.key": KEY,
            "root/.netrc": "machine m login l password p\n",
            "root/.bash_history": "ls\n",
            "srv/a.kdbx": b"\x03\xd9\xa2\x9aabcd",
        })
    ).findings  # fmt: skip
    assert {one.location.path: one.severity for one in found} == {
        "etc/ssl/private/ssl-cert-snakeoil.key": Severity.HIGH,
        "root/.netrc": Severity.HIGH,
        "root/.bash_history": Severity.MEDIUM,
        "srv/a.kdbx": Severity.MEDIUM,
    }
