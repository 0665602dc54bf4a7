"""What a policy demands of an image, and what fails a run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import Problem
from imgscan.report import Finding, Location, LocationKind, Origin, Policy, Requirements, Rule, Severity
from imgscan.report.requirements import ImageFacts, unmet

DIGEST = "sha256:" + "0" * 64
FACTS = ImageFacts(
    size=1000,
    dead_bytes=10,
    build_tools=3,
    base="docker.io/library/debian:12",
    labels={"team": "blue", "empty": " "},
    user="app (uid 1000)",
    user_name="app",
    uid=1000,
)


def rules(requirements, facts=FACTS):
    return [item.rule.id if isinstance(item, Finding) else item.code for item in unmet(requirements, facts)]


def test_nothing_is_demanded_of_nobody():
    assert rules(Requirements()) == []


@given(st.integers(0, 2000))
def test_a_budget_is_met_up_to_and_with_its_end(allowed):
    assert bool(rules(Requirements(max_size=allowed))) == (allowed < 1000)
    assert bool(rules(Requirements(max_dead_bytes=allowed))) == (allowed < 10)
    assert bool(rules(Requirements(max_build_tools=allowed))) == (allowed < 3)


def test_what_the_run_did_not_find_out_is_told_and_no_pass():
    unknown = replace(FACTS, size=None, dead_bytes=None, build_tools=None)
    demanded = Requirements(max_size=1, max_dead_bytes=1, max_build_tools=1)
    assert rules(demanded, unknown) == ["requirement-not-judged"] * 3
    assert all(isinstance(item, Problem) for item in unmet(demanded, unknown))


@pytest.mark.parametrize(
    ("base", "allowed", "forbidden", "found"),
    [
        ("docker.io/library/debian:12", ("debian:*",), (), []),
        ("debian:12", ("docker.io/library/debian:*",), (), []),
        ("docker.io/acme/base:1", ("acme/*",), (), []),
        ("acme/base:1", ("docker.io/acme/*",), (), []),
        ("registry.example.com/base:1", ("docker.io/*",), (), ["policy/base-image"]),
        ("debian:12", ("alpine:*",), (), ["policy/base-image"]),
        (f"debian:12-slim@{DIGEST}", ("debian:*-slim",), (), []),
        (f"debian:12-slim@{DIGEST}", ("docker.io/library/debian:12-slim",), (), []),
        (f"debian:12-slim@{DIGEST}", ("debian:*@sha256:*",), (), []),
        (f"registry.example.com:5000/base@{DIGEST}", ("registry.example.com:5000/base",), (), []),
        (f"node@{DIGEST}", (), ("*:latest",), []),
        ("node", (), ("*:latest",), ["policy/base-image"]),
        ("registry.example.com:5000/base", (), ("*:latest",), ["policy/base-image"]),
        ("node:20", (), ("*:latest",), []),
        ("debian:12", (), ("debian:*",), ["policy/base-image"]),
        ("debian:12", ("debian:*",), ("*:12",), ["policy/base-image"]),
        ("debian:12", (), ("alpine:*",), []),
        (None, ("debian:*",), (), ["policy/base-image"]),
        (None, (), ("debian:*",), ["requirement-not-judged"]),
    ],
)
def test_a_base_is_allowed_or_not_in_all_its_spellings(base, allowed, forbidden, found):
    demanded = Requirements(allowed_bases=allowed, forbidden_bases=forbidden)
    assert rules(demanded, replace(FACTS, base=base)) == found


@pytest.mark.parametrize(
    ("label", "met"), [("team", True), ("team=bl*", True), ("team=red", False), ("owner", False), ("empty", False)]
)
def test_a_label_is_there_with_a_value_that_fits(label, met):
    assert rules(Requirements(labels=(label,))) == ([] if met else ["policy/label"])


def test_the_value_of_a_label_is_not_told():
    (finding,) = unmet(Requirements(labels=("team=red",)), FACTS)
    assert "blue" not in finding.message


@pytest.mark.parametrize(
    ("wanted", "name", "uid", "met"),
    [
        ("non-root", "app", 1000, True),
        ("non-root", "root", 0, False),
        ("non-root", "toor", 0, False),
        ("non-root", "ghost", None, False),
        ("app", "app", 1000, True),
        ("1000", "app", 1000, True),
        ("1000", None, 1000, True),
        ("app", "other", 1000, False),
        ("1001", "app", 1000, False),
    ],
)
def test_the_user_is_the_one_that_is_demanded(wanted, name, uid, met):
    found = rules(Requirements(user=wanted), replace(FACTS, user_name=name, uid=uid))
    assert found == ([] if met else ["policy/user"])


# --- what fails


def finding(rule, severity, origin=Origin.OWN):
    return Finding(Rule(rule, "", severity, "", ""), Location(LocationKind.IMAGE), "", severity=severity, origin=origin)


LEVELS = st.sampled_from(Severity)


@given(LEVELS, LEVELS)
def test_a_finding_fails_at_its_level_and_above_and_never_at_none(level, severity):
    fails = Policy(fail_on=level).fails(finding("root-user/x", severity))
    assert fails == (level is not Severity.NONE and severity >= level)


@given(LEVELS, LEVELS, LEVELS)
def test_a_family_has_its_own_level(level, own, severity):
    policy = Policy(fail_on=level, fail_on_families=(("build-tool", own),))
    assert policy.fails(finding("build-tool/x", severity)) == Policy(fail_on=own).fails(
        finding("root-user/x", severity)
    )
    assert policy.fails(finding("root-user/x", severity)) == Policy(fail_on=level).fails(
        finding("root-user/x", severity)
    )


@given(LEVELS, LEVELS, LEVELS)
def test_what_is_inherited_fails_at_its_own_level_never_sooner_than_the_image_s_own(level, inherited, severity):
    policy = Policy(fail_on=level, fail_on_inherited=inherited)
    own, base = (finding("root-user/x", severity, origin) for origin in (Origin.OWN, Origin.BASE))
    assert policy.fails(own) == Policy(fail_on=level).fails(own)
    assert policy.fails(base) == (policy.fails(own) and Policy(fail_on=inherited).fails(base))
    unknown = finding("root-user/x", severity, Origin.UNKNOWN)
    assert policy.fails(unknown) == policy.fails(own)


def test_what_the_policy_demands_fails_whatever_the_level_but_none():
    demanded = finding("policy/image-size", Severity.HIGH)
    assert Policy(fail_on=Severity.CRITICAL).fails(demanded)
    assert not Policy(fail_on=Severity.NONE).fails(demanded)
    assert not Policy(fail_on_families=(("policy", Severity.NONE),)).fails(demanded)
