"""`imgscan rules`, `--rules FILE` and docs/rules.md."""

import json
from pathlib import Path

import pytest

from imgscan.analyzers import ANALYZERS
from imgscan.cli import main, rule_book
from imgscan.credentials import SECRET_FAMILIES
from imgscan.report.requirements import REQUIREMENT_RULES
from imgscan.runtime.rules import RULES as CONTAINER_RULES
from imgscan.secrets.kinds import kinds
from imgscan.secrets.rules.compiled import builtin_rules, examples_of
from imgscan.secrets.rules.examples import example
from tests.image_builder.docker_archives import docker_archive_hybrid
from tests.image_builder.images import image, layer

DOCS = Path(__file__).parents[2] / "docs"
MINE = """
[[rules]]
id = "acme-token"
title = "Acme token"
regex = 'acme_[a-z0-9]{20}'
severity = "medium"
remediation = "Ask Acme."
[[rules.allowlists]]
stopwords = ["demo"]
[[rules]]
id = "files"
path = 'x'
"""


def run(capsys, *arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_every_rule_of_every_family_is_listed(capsys):
    code, out, _ = run(capsys, "rules")
    listed = {line.split()[0] for line in out.splitlines() if line.startswith("  ")}
    own = {rule.id for analyzer in ANALYZERS for rule in analyzer.rules if rule.family not in SECRET_FAMILIES}
    own |= {rule.id for rule in (*REQUIREMENT_RULES, *CONTAINER_RULES)}
    assert code == 0
    assert listed == own | {kind.id for kind in kinds()}


def test_each_rule_can_be_explained():
    for entry in rule_book.entries():
        text = rule_book.explanation(rule_book.find(entry.id))
        assert entry.title in text
        assert entry.remediation in text


@pytest.mark.parametrize(
    "name", ["github-token", "file-secret/github-token", "github-token-form", "env-secret/github-token"]
)
def test_a_secret_is_explained_by_its_kind_its_rule_or_one_of_its_forms(capsys, name):
    code, out, _ = run(capsys, "rules", name)
    assert code == 0
    assert out.startswith("github-token  critical  GitHub token\n")
    assert "checked    offline, as base62-crc32" in out


def test_no_example_is_printed_in_full():
    for rule in builtin_rules().rules:
        for template in examples_of(rule)[:1]:
            told = example(template)
            entry = rule_book.find(rule.id)
            assert told.text[told.start : told.end] not in rule_book.explanation(entry)


def test_a_rule_that_is_not_there_is_wrong_usage_and_the_nearest_are_named(capsys):
    code, out, err = run(capsys, "rules", "gitlab-tokn")
    assert (code, out) == (2, "")
    assert "error: there is no rule 'gitlab-tokn'" in err
    assert "gitlab-token" in err


def test_the_json_document_has_all_forms(capsys, tmp_path):
    code, _, _ = run(capsys, "rules", "-f", "json", "-o", str(tmp_path / "rules.json"))
    document = json.loads((tmp_path / "rules.json").read_text())
    assert code == 0
    assert document["schema"] == "imgscan-rules/1"
    forms = [form["id"] for rule in document["rules"] for form in rule["forms"]]
    assert sorted(forms) == sorted(rule.id for rule in builtin_rules().rules)


def test_the_page_of_rules_is_what_the_rules_say():
    assert (DOCS / "rules.md").read_text(encoding="utf-8") == rule_book.markdown(), "run make docs"


def test_every_key_of_a_rule_is_documented():
    page = (DOCS / "writing-rules.md").read_text(encoding="utf-8").lower()
    from imgscan.secrets.rules.load import _RULE_KEYS

    assert not {key for key in _RULE_KEYS if f"`{key}`" not in page and key not in page}


@pytest.fixture
def archive(tmp_path):
    files = {"app/x.env": "T=acme_8d7f6a5b4c3d2e1f0a9b\nU=acme_demo6a5b4c3d2e1f0a9b\n"}
    env = ["ACME=acme_1d7f6a5b4c3d2e1f0a9b"]
    built = image(layer(files), env=env, labels={"l": "acme_2d7f6a5b4c3d2e1f0a9b"})
    return docker_archive_hybrid([built], tmp_path / "image.tar")


def test_a_users_rules_find_secrets_in_files_environment_and_labels(capsys, archive, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text(MINE)
    code, out, _ = run(capsys, "inspect", str(archive), "--rules", str(mine), "-f", "json", "--no-cache")
    (report,) = json.loads(out)["reports"]
    found = {each["rule"]: each for each in report["findings"] if each["rule"].endswith("/acme-token")}
    assert set(found) == {"file-secret/acme-token", "env-secret/acme-token", "label-secret/acme-token"}
    assert {each["severity"] for each in found.values()} == {"medium"}
    assert found["file-secret/acme-token"]["title"] == "Acme token in a file"
    assert all(each["remediation"].startswith("Ask Acme.") for each in found.values())
    assert [each["reason"] for each in report["suppressed"] if each["rule"] == "file-secret/acme-token"] == [
        "allowlisted"
    ]
    assert [each["code"] for each in report["problems"]].count("rule-not-run") == 1
    assert code == 1


def test_scans_with_and_without_rules_do_not_share_a_cache_entry(capsys, archive, tmp_path, monkeypatch):
    monkeypatch.setenv("IMGSCAN_CACHE_DIR", str(tmp_path / "cache"))
    mine = tmp_path / "mine.toml"
    mine.write_text(MINE)
    for options, count in (([], 0), (["--rules", str(mine)], 1), ([], 0), (["--rules", str(mine)], 1)):
        _, out, _ = run(capsys, "inspect", str(archive), "-f", "json", *options)
        (report,) = json.loads(out)["reports"]
        assert [each["rule"] for each in report["findings"]].count("file-secret/acme-token") == count


def test_invalid_rules_end_the_run_before_anything_is_read(capsys, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text("[[rules]]\nid = 'x'\nregex = '(?=a)'\n")
    code, out, err = run(capsys, "inspect", "no-such-image:1", "--rules", str(mine))
    assert (code, out) == (2, "")
    assert f"error: {mine}: rule 'x' (line 1): `regex`: look-ahead" in err
