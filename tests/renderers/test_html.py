"""The page as text: its policy names its own script and style, and no string of an image becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgscan.renderers import Failure, RenderOptions
from imgscan.renderers.html import render
from imgscan.renderers.html_view import GROUPS, PLACES
from tests.renderers.reports import clean, hostile, incomplete, insecure, mapped

OPTIONS = RenderOptions("1.2.3")


class Reader(HTMLParser):
    """Elements with the names of their attributes, and the page's text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.text = ""
        self.inside: dict[str, str] = {}
        self.policy = ""
        self._at = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self._at = tag
        self.elements[tag, tuple(name for name, _ in attrs)] += 1
        if dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]

    def handle_endtag(self, tag):
        self._at = ""

    def handle_data(self, data):
        self.text += data
        if self._at in ("script", "style"):
            self.inside[self._at] = self.inside.get(self._at, "") + data


def test_the_policy_allows_its_own_script_and_style_and_nothing_else():
    page = Reader(render([insecure()], OPTIONS))
    for name in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.inside[name].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'")
    assert "unsafe" not in page.policy


ATTACKS = st.sampled_from(
    ["<b>", '"onclick=x ', "'>", "</script>", "]]>", "<!--", "&lt;", "{{", "{%", "\x00", "\udcff", "\u202e"]
)


@given(st.lists(ATTACKS | st.text(max_size=5), max_size=8).map("".join))
@example("</code><script>x</script>")
def test_no_string_of_an_image_becomes_markup(text):
    plain, attacked = (Reader(render([hostile(each)], OPTIONS)) for each in ("x", text))
    allowed = {element for element, _ in plain.elements.items()} | {
        element for report in (insecure(), incomplete()) for element in Reader(render([report], OPTIONS)).elements
    }
    assert set(attacked.elements) <= allowed
    assert attacked.elements["script", ()] == attacked.elements["style", ()] == 1


@pytest.mark.parametrize("report", [insecure(), clean(), incomplete(), mapped()])
def test_it_stands_alone(report):
    text = render([report], OPTIONS)
    assert not re.search(r"<(?:link|img|iframe|base|object|embed)\b|\b(?:src|srcset|action|on\w+|style)=", text)
    assert not re.search(r"""(?:href|url\()=?["']?(?!#)(?:https?:|//)""", text)
    assert text.endswith("</html>\n")


def test_it_tells_the_verdict_the_findings_the_build_and_what_was_not_read():
    report = insecure()
    page = Reader(render([report], OPTIONS)).text
    assert "FAIL" in page
    for finding in report.verdict.open:
        assert finding.rule.title in page
        assert finding.rule.id in page
    for step in report.image.history:
        assert step.instruction.split()[0] in page
    for layer in report.size_causes:
        assert layer.in_use >= 0
    assert "tar headers and padding" in page
    assert "INCOMPLETE" in Reader(render([incomplete()], OPTIONS)).text
    for problem in incomplete().problems:
        assert problem.code in Reader(render([incomplete()], OPTIONS)).text


def test_several_images_and_what_was_not_scanned_are_on_one_page():
    failure = Failure("gone:1", "no such image", "check the name")
    page = Reader(render([insecure(), clean()], replace(OPTIONS, failures=(failure,))))
    assert "3 images" in page.text
    assert "gone:1" in page.text
    assert "check the name" in page.text
    assert page.elements["article", ("id", "aria-labelledby")] == 2


def test_ten_thousand_findings_stay_a_page_that_can_be_opened():
    report = insecure()
    many = tuple(
        replace(finding, location=replace(finding.location, path=f"srv/{number}/x"), secret=None)
        for number in range(2500)
        for finding in report.verdict.open[:4]
    )
    text = render([replace(report, verdict=replace(report.verdict, open=many))], OPTIONS)
    assert text.count('<details class="finding') <= GROUPS
    assert len(text) < 3_000_000
    assert f"{2500 - PLACES:,} more places" in Reader(text).text


def test_secrets_are_redacted_unless_asked_for():
    report = insecure()
    shown = [f.secret.value for f in report.verdict.open if f.secret is not None and f.secret.value]
    assert shown, "the report has values to show"
    hidden, open_page = render([report], OPTIONS), render([report], replace(OPTIONS, show_secrets=True))
    for value in shown:
        assert value not in hidden
        assert value in Reader(open_page).text
