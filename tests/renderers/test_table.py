"""The table: the answers, no line too wide, nothing that directs the terminal, nothing told by colour alone."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from imgscan.evidence import Depth
from imgscan.renderers import Failure, RenderOptions
from imgscan.renderers.table import render
from imgscan.report import AddedBy, Family, FindingFate, Severity, ToolClass
from imgscan.report.exit_code import Completeness
from tests.renderers.reports import TOOLS, clean, hostile, incomplete, insecure, sensitive, tool, tool_finding

OPTIONS = RenderOptions("1.2.3")
ANY = st.text(st.characters(exclude_categories=()))


def table(*reports, **options):
    return render(reports, replace(OPTIONS, **options))


def flat(text):
    """The words of a table, without the lines it is drawn and broken with."""
    return " ".join(re.sub("[│╭╮╰╯├┤┬┴┼─]", " ", text).split())


@given(ANY, st.integers(40, 130), st.booleans())
@settings(max_examples=60)
def test_whatever_an_image_holds_no_line_is_too_wide_and_none_directs_the_terminal(text, width, show_suppressed):
    shown = table(hostile(text), width=width, show_suppressed=show_suppressed)
    for line in shown.splitlines():
        assert 0 <= wcswidth(line) <= width
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize("width", [40, 41, 60, 71, 72, 73, 75, 80, 100, 140])
def test_several_reports_fit_the_width(width):
    shown = table(insecure(), clean(), incomplete(), width=width, failures=(Failure("x" * 300, "gone"),))
    assert max(map(wcswidth, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [40, 100])
def test_colour_adds_escapes_and_changes_nothing_else(width):
    reports = (insecure(), clean(), incomplete())
    coloured = table(*reports, width=width, colour=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == table(*reports, width=width)
    assert all(line.count("\x1b[0m") * 2 == line.count("\x1b[") for line in coloured.splitlines())


def test_what_was_not_looked_for_does_not_look_absent():
    narrow = table(clean(), families=frozenset({Family.HEALTHCHECK}))
    assert re.search(r"· +secrets +not looked for", narrow)
    assert re.search(r"· +build tools +not looked for", narrow)
    one_kind = flat(table(clean(), families=frozenset({Family.ENV_SECRET})))
    assert "· secrets none only env-secret was looked for" in one_kind


@pytest.mark.parametrize("depth", [Depth.CONFIG, Depth.MEMBERS])
def test_a_shallow_look_says_what_it_did_not_read(depth):
    top = flat(table(clean(), depth=depth))
    assert "· secrets none the contents of files were not read" in top
    assert "as --depth asks" in top
    assert ("· build tools not looked for" in top) == (depth is Depth.CONFIG)
    assert ("none of them opened" in top) == (depth is Depth.CONFIG)


def test_without_etc_passwd_nobody_knows_whether_a_name_is_roots():
    report = clean()
    named = replace(report, summary=replace(report.summary, runs_as_root=False, user="toor"))
    assert "· runs as root unknown toor" in flat(table(named, depth=Depth.CONFIG))
    number = replace(report, summary=replace(report.summary, runs_as_root=False, user="uid 1000"))
    assert "✓ runs as root no uid 1000" in flat(table(number, depth=Depth.CONFIG))


def test_the_comparison_has_no_figures_for_what_was_not_looked_for():
    compared = table(clean(), clean(), depth=Depth.CONFIG, families=frozenset({Family.ROOT_USER})).split("COMPARISON")[
        1
    ]
    assert compared.count("?") >= 8


def test_where_nothing_else_can_be_printed_it_is_ascii():
    assert table(insecure(), clean(), incomplete(), unicode=False).isascii()


def test_the_answers_stand_at_the_top():
    top = table(insecure()).split("WHAT")[0]
    assert re.search(r"runs as root +yes +root \(implicit", top)
    assert re.search(r"secrets +3 +2 of them deleted, yet recoverable", top)
    assert re.search(r"build tools +11 +17\.1 MB: 3 compilers", top)
    assert re.search(r"health check +no", top)
    assert re.search(r"size +540 MB +in 6 layers", top)
    assert re.search(r"complete +yes", top)


def test_a_deleted_secret_tells_where_who_brought_it_and_who_deleted_it():
    shown = table(insecure(), width=200)
    (line,) = [line for line in shown.splitlines() if "app/.env:3" in line]
    assert "CRITICAL Stripe live key" in line
    assert "layer 3 `COPY . .`" in line
    assert "deleted in layer 5 by `RUN rm -f .env`, still recoverable" in line


def test_one_secret_in_several_places_is_told_once_with_its_places():
    shown = table(insecure())
    assert shown.count("API_KEY = sk-l********") == 1
    assert "seen in 2 places" in shown
    assert "ENV API_KEY" in shown
    assert "app/.env:2" in shown


def test_build_tools_take_one_line_for_each_class():
    many = tuple(tool(f"gcc-{number}", ToolClass.COMPILER, 1) for number in range(27))
    report = replace(insecure(), tools=many, verdict=replace(insecure().verdict, open=tuple(map(tool_finding, many))))
    shown = table(report, width=140)
    assert len([line for line in shown.splitlines() if "27 compilers" in line]) == 2  # the answer and the finding
    assert len(shown.splitlines()) < 35
    assert flat(table(insecure())).count("3 compilers gcc, g++, cc 3.32 MB") == 1


def test_a_class_of_tools_is_told_by_the_steps_that_brought_them():
    some = (tool("gcc", ToolClass.COMPILER, 1000), tool("clang", ToolClass.COMPILER, 5000, layer=2))
    report = replace(clean(), tools=some, verdict=replace(clean().verdict, open=tuple(map(tool_finding, some))))
    shown = flat(table(report))
    assert "1 compiler gcc 1 kB layer 1" in shown
    assert "1 compiler clang 5 kB layer 2" in shown


def test_a_deleted_tool_says_so_and_has_no_size():
    fate = FindingFate("deleted", 5, "RUN apt-get purge gcc")
    gone = replace(tool_finding(TOOLS[0]), severity=Severity.INFO, fate=fate)
    report = replace(clean(), verdict=replace(clean().verdict, open=(gone,)))
    shown = flat(table(report, width=200))
    assert "INFO 1 compiler gcc (deleted in layer 5 by `RUN apt-get purge gcc`, still recoverable) layer 1" in shown


def test_the_digests_of_the_classic_builder_do_not_hide_where_files_went():
    copied = replace(tool_finding(TOOLS[0]), added_by=AddedBy(1, 2, f"COPY dir:{'0123456789ab' + 'c' * 52} in /app"))
    report = replace(clean(), verdict=replace(clean().verdict, open=(copied,)))
    assert "`COPY dir:0123456789ab… in /app`" in flat(table(report))


def test_numbers_and_digests_are_not_mangled():
    report = replace(clean(), image=replace(clean().image, reference="12345e67", image_id="1e5"))
    shown = table(report, clean())
    assert shown.count("12345e67") == 2
    assert " 1e5" in shown


def test_equal_advice_is_given_once():
    shown = flat(table(insecure()))
    assert shown.count("Rotate it") == 1
    assert "file-secret, env-secret: Rotate it" in shown


def test_values_are_told_only_when_asked_for():
    assert "sk-live-abc123xyz789" not in table(insecure())
    assert "sk-live-abc123xyz789" in table(insecure(), show_secrets=True)


def test_the_last_line_says_the_exit_code_and_why():
    assert table(insecure()).splitlines()[-1] == "FAIL  1 critical, 4 high (fails on high and worse). Exit code 1."
    assert table(clean()).splitlines()[-1] == "PASS  nothing at high or worse. Exit code 0."
    passed = replace(insecure(), verdict=replace(insecure().verdict, failed=False))
    assert table(passed, fail_on=Severity.NONE).splitlines()[-1].startswith("PASS  nothing fails the run")
    assert "INCOMPLETE  not everything could be read" in table(incomplete())
    lenient = table(incomplete(), completeness=Completeness.LENIENT)
    assert lenient.splitlines()[-1].startswith("FAIL  15 high")


def test_what_was_not_read_is_told():
    shown = flat(table(incomplete()))
    assert "not read: layer 2: tar ends at byte 4096 (truncated-layer)" in shown
    assert "cannot be read: layer 3, app/backup.zip: a password is needed (encrypted)" in shown
    assert "skipped: 100 members, 5 MB: after the end of the stream" in shown


def test_suppressed_findings_are_counted_and_listed_when_asked_for():
    assert "1 suppressed (1 placeholder): --show-suppressed lists them" in table(insecure())
    assert "placeholder (the value is changeme)" in flat(table(insecure(), show_suppressed=True))


def test_several_images_are_compared_at_the_end():
    shown = table(insecure(), clean(), failures=(Failure("gone:1", "no such image"),))
    comparison = shown.split("COMPARISON")[1]
    assert re.search(r"insecure-app:latest +yes +3 +2 +11 +540 MB +no +1\n", comparison)
    assert re.search(r"clean-app:1.0 +no +0 +0 +0 +540 MB +yes +0\n", comparison)
    assert "gone:1 (not scanned)" in comparison
    assert "exit code of the run: 3" in comparison
    assert "COMPARISON" not in table(insecure())


def test_many_places_of_one_rule_are_counted_not_listed():
    shown = table(incomplete())
    assert "14 places" in shown
    assert "and 8 more places" in shown
    assert "key-9.pem" not in shown


@pytest.mark.parametrize("width", [40, 100])
@pytest.mark.parametrize("severity", [Severity.HIGH, Severity.LOW])
def test_of_ten_thousand_findings_the_first_are_told_and_the_others_counted(width, severity):
    found = tuple(
        replace(finding, message=f"number {number}", severity=severity)
        for number, finding in enumerate(replace(sensitive(at), secret=None) for at in range(10_000))
    )
    found = tuple(replace(one, rule=replace(one.rule, id=f"sensitive-file/r{at}")) for at, one in enumerate(found))
    text = table(replace(insecure(), verdict=replace(insecure().verdict, open=found)), width=width)
    assert "And 9,900 more findings" in flat(text)
    assert len(text.splitlines()) < 1500


def test_the_sample_has_tools_that_do_not_count():
    assert any(not found.tool_class.counted for found in TOOLS)


def test_low_findings_take_a_line_each_below_the_table_unless_they_fail_the_run():
    report = insecure()
    low = [finding for finding in report.verdict.open if finding.severity == Severity.LOW and not finding.secret]
    low = [finding for finding in low if finding.rule.family != Family.BUILD_TOOL]
    assert low, "the sample has some"
    shown = table(report)
    head, also = shown.split("\nALSO\n")
    for finding in low:
        assert finding.rule.id in flat(also)
        assert finding.rule.id not in flat(head)
    assert "\nALSO\n" not in table(report, fail_on=Severity.LOW)
    assert low[0].rule.id in flat(table(report, fail_on=Severity.LOW))
