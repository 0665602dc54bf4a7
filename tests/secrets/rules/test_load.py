"""Rules from TOML: gitleaks' format, ours, and errors that name file, rule and line."""

import pickle
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import Effect, UsageError
from imgscan.evidence import Confidence, ScanPlan
from imgscan.secrets.kinds import kind_of, kinds
from imgscan.secrets.rules.files import read_rules
from imgscan.secrets.rules.load import load_rules
from imgscan.secrets.rules.rule import RuleSource
from tests.secrets.rules.finding import find, rules_of

# ruff: noqa: E501  (patterns as people write them)

GITLEAKS = r"""
title = "an existing configuration"
minVersion = "v8.25.0"

[extend]
useDefault = true
disabledRules = ["gone"]

[allowlist]
description = "global"
paths = ['''(^|/)vendor/''']
stopwords = ["Sample"]

[[rules]]
id = "acme-key"
description = "An Acme key."
regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}([a-z0-9]{32})(?:[\x60'"\s;]|\\[nr]|$)'''
keywords = ["acme"]
entropy = 3
tags = ["key"]

[[rules]]
id = "acme-url"
description = "A key in an address"
regex = '''https://(\w+):([a-z]{12})@acme'''
secretGroup = 2
path = '''\.env$'''
[rules.allowlist]
regexTarget = "match"
regexes = ['''robot:''']

[[rules]]
id = "gone"
regex = '''gone_[a-z]{20}'''

[[rules]]
id = "files"
path = '''\.p12$'''

[[rules]]
id = "pair"
regex = '''pair_[a-z]{20}'''
[[rules.required]]
id = "acme-key"

[[rules.allowlists]]
commits = ["deadbeef"]
"""
KEY = "k3y9a8b7c6d5e4f3" + "z1x2w0v9u8t7s6r5"


def values(rules, text, path="app/.env"):
    return sorted((each.kind, each.value, each.suppressed) for each in find(rules, text, path))


def test_a_gitleaks_configuration_works_as_it_is():
    rules = rules_of(GITLEAKS, "gitleaks.toml")
    assert [rule.id for rule in rules.rules] == ["acme-key", "acme-url"]
    assert values(rules, f"ACME_KEY = '{KEY}'\n") == [("acme-key", KEY, "")]
    assert values(rules, f'{{"acmeKey":"{KEY}"}}') == [("acme-key", KEY, "")]
    assert values(rules, f"acme={KEY}") == [("acme-key", KEY, "")]
    assert values(rules, "https://bob:abcdefghijkl@acme") == [("acme-url", "abcdefghijkl", "")]


def test_entropy_and_path_are_part_of_a_rule():
    rules = rules_of(GITLEAKS)
    assert not values(rules, f"acme={'ab' * 16}\n")
    assert not values(rules, "https://bob:abcdefghijkl@acme", "app/x.py")


def test_what_an_allowlist_takes_is_suppressed_and_never_silent():
    rules = rules_of(GITLEAKS)
    assert values(rules, "https://robot:abcdefghijkl@acme")[0][2] == "allowlisted"
    assert values(rules, f"acme={KEY}", "vendor/x/.env")[0][2] == "allowlisted"
    assert values(rules, f"acme=sample{KEY[6:]}")[0][2] == "allowlisted"


def test_what_is_not_supported_is_named():
    told = [problem.message for problem in rules_of(GITLEAKS, "g.toml").problems]
    lines = GITLEAKS.splitlines()
    header = {name: lines.index(f'id = "{name}"') for name in ("files", "pair")}
    assert any(f"rule 'files' (line {header['files']}): not run" in message for message in told)
    assert any(f"rule 'pair' (line {header['pair']}): not run: composite" in message for message in told)
    assert all(problem.effect is Effect.NOTE for problem in rules_of(GITLEAKS).problems)


def test_all_conditions_of_an_allowlist_can_be_asked_for():
    text = """
[[rules]]
id = "x"
regex = 'tok_[a-z0-9]{20}'
[[rules.allowlists]]
condition = "AND"
paths = ['\\.md$']
regexes = ['^tok_a']
[[allowlists]]
targetRules = ["x"]
regexTarget = "line"
regexes = ['harmless']
"""
    rules = rules_of(text)
    token = "tok_a1b2c3d4e5f6g7h8i9j0"
    assert values(rules, token, "a.md")[0][2] == "allowlisted"
    assert values(rules, token, "a.env")[0][2] == ""
    assert values(rules, f"harmless: {token}", "a.env")[0][2] == "allowlisted"


def test_a_rule_without_a_telling_part_is_nominated_by_its_keywords():
    rules = rules_of("[[rules]]\nid='x'\nregex='[0-9]{2}[a-z]{2}'\nkeywords=['Zebra']\n")
    assert rules.rules[0].around
    assert [value for _, value, _ in values(rules, "a zebra eats 42ab and 43cd")] == ["42ab", "43cd"]
    assert not values(rules, "42ab")


def test_keywords_must_stand_near():
    rules = rules_of("[[rules]]\nid='x'\nregex='[a-f0-9]{40}'\nkeywords=['acme']\n")
    token = "0123456789abcdef" * 2 + "fedcba98"
    assert values(rules, f"acme {token}")
    assert not values(rules, token)


def test_our_own_keys():
    rules = rules_of("""
[defaults]
severity = "medium"
source = "Acme: tokens"
[[rules]]
id = "acme"
kind = "acme-token"
title = "Acme token"
assigned_to = "acme_?token"
value = "[0-9a-f]{20}"
confidence = "low"
remediation = "Revoke it."
""")
    (rule,) = rules.rules
    assert (rule.kind, rule.severity, rule.confidence) == ("acme-token", "medium", Confidence.LOW)
    for text in (
        'ACME_TOKEN="{}"',
        "acme_token: {}",
        '"acmeToken":"{}"',
        "x --acme_token {} y",
        '\\"acme_token\\":\\"{}\\"',
    ):
        assert values(rules, text.format("0a1b2c3d4e5f60718293")) == [("acme-token", "0a1b2c3d4e5f60718293", "")], text
    assert not values(rules, "ACME_TOKEN=0a1b2c3d4e5f60718293f")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rules]\n", "no TOML: .*line 1"),
        ("[[rules]]\nregex='abcdefgh'\n", r"rule \(line 1\): `id`"),
        ("\n\n[[rules]]\nid='x'\nregex='(?=a)b'\n", r"rule 'x' \(line 3\): `regex`: look-ahead .*character 0"),
        ("[[rules]]\nid='x'\nregex='ab(cd'\n", r"rule 'x' \(line 1\): `regex`"),
        ("[[rules]]\nid='x'\n", "`regex` is missing"),
        ("[[rules]]\nid='x'\nregex=3\n", "`regex` must be a text"),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\nkeywords='a'\n", "`keywords` must be a list"),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\nregx='a'\n", "unknown key `regx`"),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\nseverity='bad'\n", "`severity` is one of"),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\nsecretGroup=2\n", "has 0 groups"),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\nentropy=-1\n", "`entropy` must be a number"),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\nvalidator='luck'\n", "no validator 'luck'"),
        ("[[rules]]\nid='x y'\nregex='abcdefgh'\n", "`id` must be letters"),
        (
            "[[rules]]\nid='x'\nregex='abcdefgh'\n[[rules]]\nid='x'\nregex='abcdefghi'\n",
            r"rule 'x' \(line 4\): another",
        ),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\n[[rules.allowlists]]\nregexes=['(']\n", "allowlist"),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\n[rules.allowlist]\nregexTarget='all'\n", "`regexTarget`"),
        ("[[rules]]\nid='x'\nassigned_to='a'\nregex='abcdefgh'\n", "goes with `value`"),
        ("[[rules]]\nid='x'\nregex='abcdefgh'\nnominator='a*'\n", "`nominator` may match"),
        ("rules=3\n", "must be tables"),
        ("extend=3\n", "`extend` must be a table"),
        ("surprise=3\n", "unknown key `surprise`"),
    ],
)
def test_errors_name_file_rule_and_line(text, message):
    with pytest.raises(UsageError, match=f"^mine.toml: .*{message}") as raised:
        rules_of(text, "mine.toml")
    assert raised.value.tip


@given(st.text(max_size=60))
def test_any_text_is_rules_or_a_usage_error(text):
    for source in (text, f"[[rules]]\nid='x'\nregex='''{text}'''\n"):
        with suppress(UsageError):
            rules_of(source)


def test_a_file_extends_another_and_replaces_its_rules(tmp_path):
    (tmp_path / "base.toml").write_text(
        "[[rules]]\nid='x'\nregex='base_[a-z]{20}'\n[[rules]]\nid='y'\nregex='y_[a-z]{20}'\n"
    )
    mine = tmp_path / "mine.toml"
    mine.write_text("[extend]\npath='base.toml'\ndisabledRules=['y']\n[[rules]]\nid='x'\nregex='mine_[a-z]{20}'\n")
    rules = load_rules(read_rules([mine]))
    assert [(rule.id, rule.regex) for rule in rules.rules] == [("x", "mine_[a-z]{20}")]


def test_files_that_cannot_be_read_are_usage_errors(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "loop.toml").write_text("[extend]\npath='loop.toml'\n")
    for name, message in (("absent.toml", "No such file"), ("binary.toml", "no UTF-8"), ("loop.toml", "third file")):
        with pytest.raises(UsageError, match=message):
            read_rules([tmp_path / name])


def test_a_plan_carries_its_rules_and_is_another_one_for_it():
    source = RuleSource("r.toml", "[[rules]]\nid='acme'\ntitle='Acme token'\nregex='acme_[a-z]{20}'\n")
    plan = ScanPlan(rules=(source,))
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert plan.fingerprint != ScanPlan().fingerprint
    assert "acme_" not in repr(plan)


def test_kinds_of_a_users_rules_are_known_beside_ours():
    source = (RuleSource("r.toml", "[[rules]]\nid='acme'\ntitle='Acme token'\nregex='acme_[a-z]{20}'\n"),)
    assert kind_of("acme", source).title == "Acme token"
    assert len(kinds(source)) == len(kinds(())) + 1
    with pytest.raises(KeyError):
        kind_of("acme")
