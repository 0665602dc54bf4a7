"""JUnit XML: parsed back by a real parser, failures where the run fails, names that last over rebuilds."""

import xml.etree.ElementTree as ET
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from imgscan.evidence import Confidence
from imgscan.renderers import Failure, RenderOptions
from imgscan.renderers.junit import render
from imgscan.report import Family, Policy, Severity
from tests.renderers.reports import clean, hostile, incomplete, insecure, mapped, sensitive

ANY = st.text(st.characters(exclude_categories=()))
OPTIONS = RenderOptions("1.2.3")


def parsed(*reports, options=OPTIONS):
    return ET.fromstring(render(reports, options).encode())


def cases(*reports, options=OPTIONS):
    return list(parsed(*reports, options=options).iter("testcase"))


def outcome(case):
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "")


@given(ANY)
@example("\x00\x1b]]>&\ufffe\ud800")
def test_whatever_an_image_says_gives_well_formed_xml_with_counts_that_hold(text):
    root = parsed(hostile(text), options=RenderOptions("1", show_suppressed=True, failures=(Failure(text, text),)))
    for element in (root, *root.iter("testsuite")):
        inside = list(element.iter("testcase"))
        assert int(element.get("tests")) == len(inside)
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(attribute)) == sum(outcome(case) == tag for case in inside)


def test_findings_that_fail_the_run_are_failures_and_the_others_are_skipped():
    for fail_on in (Severity.CRITICAL, Severity.HIGH, Severity.LOW, Severity.NONE):
        options = RenderOptions("1", fail_on=fail_on)
        failing = [finding for finding in insecure().verdict.open if Policy(fail_on=fail_on).fails(finding)]
        outcomes = [outcome(case) for case in cases(insecure(), options=options)]
        assert outcomes.count("failure") == len(failing)
        assert outcomes.count("skipped") == len(insecure().verdict.open) - len(failing)


def test_a_policy_of_families_decides_what_fails():
    policy = Policy(fail_on=Severity.HIGH, fail_on_families=(("file-secret", Severity.NONE),))
    failed = {
        c.get("classname")
        for c in cases(insecure(), options=RenderOptions("1", policy=policy))
        if outcome(c) == "failure"
    }
    assert "root-user/implicit" in failed
    assert not any(name.startswith("file-secret") for name in failed)


def test_a_clean_image_shows_what_was_looked_for():
    found = cases(clean())
    assert {case.get("classname") for case in found} == {"scan", *map(str, Family)}
    assert not any(map(outcome, found))
    asked = cases(clean(), options=RenderOptions("1", families=frozenset({Family.ROOT_USER})))
    assert [case.get("classname") for case in asked] == ["scan", "root-user"]


def test_what_was_not_read_and_what_was_not_scanned_are_errors():
    errors = [case for case in cases(incomplete()) if outcome(case) == "error"]
    assert [case.get("name") for case in errors] == ["complete"]
    assert "tar ends at byte 4096" in errors[0].find("error").text
    (gone,) = cases(options=RenderOptions("1", failures=(Failure("gone:1", "no such image"),)))
    assert outcome(gone) == "error"


def test_names_are_unique_in_a_suite_and_stay_when_lines_and_layers_move():
    def names(report):
        return [(case.get("classname"), case.get("name")) for case in cases(report)]

    moved = tuple(
        replace(f, location=replace(f.location, line=f.location.line and f.location.line + 7, layer=9))
        for f in insecure().verdict.open
    )
    assert names(insecure()) == names(replace(insecure(), verdict=replace(insecure().verdict, open=moved)))
    twice = replace(insecure(), verdict=replace(insecure().verdict, open=insecure().verdict.open * 2))
    assert len(set(names(twice))) == len(names(twice))


def test_the_line_of_the_dockerfile_is_told():
    (stripe,) = [case for case in cases(mapped()) if case.get("classname") == "file-secret/stripe-key"]
    assert (stripe.get("file"), stripe.get("line")) == ("docker/Dockerfile", "5")
    assert "docker/Dockerfile:5" in stripe.find("failure").get("message")


def test_ten_thousand_findings_are_all_there():
    found = tuple(replace(sensitive(number), confidence=Confidence.HIGH) for number in range(10_000))
    many = replace(insecure(), verdict=replace(insecure().verdict, open=found))
    assert sum(outcome(case) == "failure" for case in cases(many)) == 10_000


def test_suppressed_findings_are_skipped_cases_where_they_are_asked_for():
    shown = cases(insecure(), options=RenderOptions("1", show_suppressed=True))
    assert any("placeholder" in case.find("skipped").get("message") for case in shown if outcome(case) == "skipped")
    assert "placeholder" not in render((insecure(),), OPTIONS)
