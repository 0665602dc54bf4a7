"""Ignores: what they speak of, until when, and what is told of those that speak of nothing."""

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgscan.evidence import Confidence
from imgscan.report import Ignore, Location, LocationKind, Origin, Policy, Severity
from imgscan.report.gate import gate, reweighed, told_unused
from imgscan.report.ignores import matches_path, matches_rule
from tests.renderers.reports import insecure

FINDINGS = insecure().verdict.open
TODAY = date(2030, 6, 1)

PATHS = st.lists(st.sampled_from(["app", "a", "b.key", "*", "x y", "é"]), min_size=1, max_size=5).map("/".join)


@pytest.mark.parametrize(
    ("pattern", "path", "met"),
    [
        ("app/.env", "app/.env", True),
        ("/app/.env", "app/.env", True),
        (".env", "srv/app/.env", True),
        (".env", "srv/.env/x", False),
        ("*.env", "srv/prod.env", True),
        ("app/*", "app/a/b", False),
        ("app/**", "app/a/b", True),
        ("app/", "app/a/b", True),
        ("app/**/b", "app/b", True),
        ("**/b", "b", True),
        ("app/[ab]?", "app/b1", True),
        ("usr/share/**/*.pem", "usr/share/doc/x/y.pem", True),
        ("usr/share/**/*.pem", "usr/lib/y.pem", False),
        ("/*", "app", True),
        ("/*", "app/x", False),
        ("**", "any/thing", True),
    ],
)
def test_a_path_is_what_its_glob_means(pattern, path, met):
    assert matches_path(pattern, path) is met


@given(PATHS, st.lists(st.sampled_from(["app", "a", "b.key", "*", "**", "?*", "x y"]), min_size=2, max_size=6))
@example("a", ["**", "a"])
@example("a/a", ["**", "**"])
def test_globs_are_what_a_plain_expression_says(path, parts):
    """The oracle: `**` is `(name/)*` or, at the end, any names; the rest stays within a name."""
    expression = ""
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            expression += r"(?:[^/]+(?:/[^/]+)*)?" if last else r"(?:[^/]+/)*"
        else:
            expression += re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + ("" if last else "/")
    wanted = re.fullmatch(expression, path, re.DOTALL) is not None
    assert matches_path("/" + "/".join(parts), path) is (wanted and path != "")


def test_a_glob_of_many_stars_is_not_slow_on_long_paths():
    assert not matches_path("/".join(["**", "a*a*a*a*a*b"] * 8), "/".join(["a" * 200] * 200))


@pytest.mark.parametrize(
    ("pattern", "met"),
    [("file-secret", True), ("file-secret/stripe-key", True), ("*-secret/*", True), ("*", True), ("file", False)],
)
def test_a_rule_is_meant_by_family_id_or_glob(pattern, met):
    assert matches_rule(pattern, "file-secret/stripe-key") is met


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "rule": st.sampled_from(["file-secret", "root-user/*", "x"]),
        "path": st.sampled_from(["app/.env", "**", "nowhere"]),
        "fingerprint": st.sampled_from([finding.fingerprint for finding in FINDINGS] + ["0" * 24]),
        "secret": st.sampled_from([finding.secret.id for finding in FINDINGS if finding.secret] + ["x"]),
        "origin": st.sampled_from(Origin),
    },
)


@given(st.lists(CONDITIONS.filter(bool), max_size=4))
def test_an_ignore_holds_where_all_of_its_conditions_do(conditions):
    ignores = tuple(Ignore("why", **each, place=f"f:{at}") for at, each in enumerate(conditions))
    gated = gate(FINDINGS, Policy(ignores=ignores))

    def speaks(condition, finding):
        each = [Ignore("why", **{name: value}).matches(finding) for name, value in condition.items()]
        return all(each)

    wanted = [finding for finding in FINDINGS if not any(speaks(each, finding) for each in conditions)]
    assert list(gated.open) == wanted
    assert {item.finding for item in gated.suppressed} == set(FINDINGS) - set(wanted)
    assert all((item.reason, item.justification) == ("ignored", "why") for item in gated.suppressed)
    unused = [
        each
        for each, condition in zip(ignores, conditions, strict=True)
        if not any(speaks(condition, f) for f in FINDINGS)
    ]
    assert list(gated.unused) == unused
    assert len(told_unused(gated.unused)) == len(unused)


@given(st.integers(-400, 400))
def test_an_ignore_holds_through_its_last_day_and_is_told_after_it(days):
    ignore = Ignore("why", rule="*", until=TODAY + timedelta(days), place="imgscan.toml:3")
    gated = gate(FINDINGS, Policy(ignores=(ignore,), today=TODAY))
    assert bool(gated.open) == (days < 0)
    assert [problem.code for problem in gated.problems] == (["ignore-expired"] if days < 0 else [])
    assert not gated.unused
    assert gate(FINDINGS, Policy(ignores=(ignore,))).open == ()


def test_paths_inside_an_archive_are_meant_with_an_exclamation_mark():
    inside = replace(
        FINDINGS[0], location=Location(LocationKind.FILE, path="app/a.jar", inner_path="conf/x.properties")
    )
    assert Ignore("why", path="app/a.jar!/conf/*").matches(inside)
    assert Ignore("why", path="app/a.jar").matches(inside)
    assert not Ignore("why", path="conf/*").matches(inside)


def test_findings_of_less_confidence_than_wanted_are_set_aside():
    doubtful = replace(FINDINGS[0], confidence=Confidence.LOW)
    gated = gate([doubtful, FINDINGS[1]], Policy(min_confidence=Confidence.MEDIUM))
    assert gated.open == (FINDINGS[1],)
    assert [(item.finding, item.reason) for item in gated.suppressed] == [(doubtful, "confidence")]


def test_a_severity_is_that_of_the_rule_itself_else_of_the_longest_glob():
    rules = (("*", Severity.INFO), ("file-secret/*", Severity.LOW), ("file-secret/stripe-key", Severity.MEDIUM))
    for order in (rules, rules[::-1]):
        weighed = {f.rule.id: f.severity for f in reweighed(FINDINGS, Policy(severities=order))}
        assert weighed["file-secret/stripe-key"] is Severity.MEDIUM
        assert weighed["file-secret/keyword"] is Severity.LOW
        assert weighed["root-user/implicit"] is Severity.INFO
