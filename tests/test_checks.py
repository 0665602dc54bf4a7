"""docs/checks.md names every check of the lists it is made for, and only rules that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgscan.analyzers import ANALYZERS
from imgscan.cli.rule_book import entries
from imgscan.report import Family
from scripts.check_lists import CIS_CONTAINERS, CIS_IMAGES, DOCKLE, HADOLINT, TRIVY
from scripts.checks import SECTIONS, page, unknown_rules

PAGE = Path(__file__).parent.parent / "docs" / "checks.md"


@pytest.mark.parametrize(("title", "rows"), [(title, rows) for title, _, rows in SECTIONS])
def test_each_rule_that_is_named_exists(title: str, rows):
    assert not unknown_rules(rows), title


@pytest.mark.parametrize(("title", "rows"), [(title, rows) for title, _, rows in SECTIONS])
def test_a_check_without_a_rule_says_why(title: str, rows):
    assert all(rules or remark for _, _, rules, remark in rows), title
    assert len({row[0] for row in rows}) == len(rows)


def test_remarks_name_only_rules_that_exist():
    ids = {entry.id for entry in entries()}
    named = re.compile(rf"\b(?:{'|'.join(Family)})/[a-z][a-z-]*")
    for _, _, rows in SECTIONS:
        assert {rule for row in rows for rule in named.findall(row[3])} <= ids


def test_the_lists_are_whole():
    assert [row[0] for row in CIS_IMAGES] == [f"4.{number}" for number in range(1, 13)]
    assert [row[0] for row in CIS_CONTAINERS] == [f"5.{number}" for number in range(1, 33)]
    assert len(DOCKLE) == 16
    numbers = {int(row[0][2:]) for row in HADOLINT if row[0].startswith("DL")}
    assert numbers >= set(range(3000, 3078)) | set(range(4000, 4008)) - {4002}
    assert len(TRIVY) == 28


def test_the_page_is_what_the_lists_make():
    assert PAGE.read_text() == page(), "write it anew: python -m scripts.checks > docs/checks.md"


def test_all_hygiene_rules_are_of_low_severity():
    rules = [rule for analyzer in ANALYZERS for rule in analyzer.rules if rule.family is Family.IMAGE_HYGIENE]
    assert rules
    assert {str(rule.severity) for rule in rules} == {"low"}


def test_the_page_on_hygiene_names_only_rules_that_exist():
    text = (PAGE.parent / "hygiene.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("| ")][1:]
    named = {word for line in table for word in re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)`", line)}
    assert named
    assert {f"image-hygiene/{word}" for word in named} <= {entry.id for entry in entries()}
