"""Findings told together: each exactly once, worst first, one secret as one thing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from imgscan.renderers import RENDERERS, load_renderer
from imgscan.renderers.grouping import by_cause, groups
from imgscan.report import Severity, Verdict
from tests.renderers.reports import TOOLS, clean, insecure, sensitive, tool_finding

POOL = (*insecure().verdict.open, *map(sensitive, range(4)))
PICKED = st.lists(st.tuples(st.sampled_from(POOL), st.sampled_from(list(Severity))), max_size=12).map(
    lambda pairs: tuple(replace(finding, severity=severity) for finding, severity in pairs)
)


def grouped(findings):
    return groups(replace(clean(), verdict=Verdict(findings), tools=TOOLS))


@given(PICKED)
def test_every_finding_is_in_one_group_and_groups_are_worst_first(findings):
    found = grouped(findings)
    told = [id(finding) for group in found for finding in group.findings]
    assert sorted(told) == sorted(map(id, findings))
    assert [group.severity for group in found] == sorted((group.severity for group in found), reverse=True)
    assert all(group.severity == max(finding.severity for finding in group.findings) for group in found)


@given(PICKED)
def test_equal_secrets_are_in_one_group_and_different_ones_are_not(findings):
    for group in grouped(findings):
        assert len({finding.secret and finding.secret.id for finding in group.findings}) == 1
    ids = [group.secret.id for group in grouped(findings) if group.secret]
    assert len(ids) == len(set(ids))


@given(PICKED)
def test_causes_keep_every_finding(findings):
    assert sorted(id(finding) for _, some in by_cause(findings) for finding in some) == sorted(map(id, findings))


def test_a_group_of_tools_knows_them_and_their_class():
    (group,) = grouped((tool_finding(TOOLS[0]), tool_finding(TOOLS[1])))
    assert group.tools == TOOLS[:2]
    assert group.tool_class is TOOLS[0].tool_class


def test_every_registered_format_can_be_loaded():
    assert all(callable(load_renderer(name).render) for name, _ in RENDERERS)
