"""The exit codes scripts rely on: what one report means, and what several mean together."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import Effect, Problem
from imgscan.evidence import Skip
from imgscan.report.exit_code import Completeness, ExitCode, combined, exit_code
from tests.renderers.reports import clean, insecure

TRUNCATED = Problem("truncated-layer", "ends early", Effect.INCOMPLETE)
ENCRYPTED = Problem("encrypted", "needs a password", Effect.OPAQUE)


def test_a_report_is_clean_or_failed_as_its_verdict_says():
    assert exit_code(clean(), Completeness.PROMISED) is ExitCode.CLEAN
    assert exit_code(insecure(), Completeness.PROMISED) is ExitCode.FOUND


def test_missing_evidence_comes_before_findings_unless_it_may_be_missing():
    for report, found in ((clean(), ExitCode.CLEAN), (insecure(), ExitCode.FOUND)):
        broken = replace(report, problems=(TRUNCATED,))
        assert exit_code(broken, Completeness.PROMISED) is ExitCode.INCOMPLETE
        assert exit_code(broken, Completeness.STRICT) is ExitCode.INCOMPLETE
        assert exit_code(broken, Completeness.LENIENT) is found


def test_a_ledger_that_is_not_complete_is_enough():
    report = replace(clean(), coverage=replace(clean().coverage, complete=False))
    assert exit_code(report, Completeness.PROMISED) is ExitCode.INCOMPLETE


def test_what_is_unreadable_by_nature_counts_under_strict_alone():
    in_problems = replace(clean(), problems=(ENCRYPTED,))
    in_ledger = replace(clean(), coverage=replace(clean().coverage, opaque=(Skip("encrypted zip", 1, 10),)))
    for report in (in_problems, in_ledger):
        assert exit_code(report, Completeness.PROMISED) is ExitCode.CLEAN
        assert exit_code(report, Completeness.STRICT) is ExitCode.INCOMPLETE


@given(st.lists(st.sampled_from([ExitCode(code) for code in (0, 1, 2, 3)]), max_size=6))
def test_over_several_images_2_comes_before_3_before_1_before_0(codes):
    wanted = next((code for code in (2, 3, 1) if code in codes), 0)
    assert combined(codes) == wanted
