"""Markdown: short enough for a comment, nothing of an image is markup, the answers and the verdict in sight."""

import re
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from imgscan.renderers import Failure, RenderOptions
from imgscan.renderers.markdown import LIMIT, code, render, words
from imgscan.report import Rule
from tests.renderers.reports import clean, hostile, incomplete, insecure, mapped, sensitive

ANY = st.text(st.characters(exclude_categories=()))
MARKUP = st.text("`*_[]()<>!#@|\\~&;:/. aw-\n$", min_size=1)
OPTIONS = RenderOptions("1.2.3")
GITHUB = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = {"<details>", "</details>"}


def tokens(text: str):
    """All tokens, those inside paragraphs among them, but for the texts of code spans."""
    for token in GITHUB.parse(text):
        yield token
        yield from token.children or ()


def check_nothing_is_markup(text: str):
    allowed = {
        "heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text", "code_inline",
        "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "strong_open", "strong_close",
        "softbreak", "html_block",
        "table_open", "table_close", "thead_open", "thead_close", "tbody_open", "tbody_close", "tr_open", "tr_close",
        "th_open", "th_close", "td_open", "td_close",
    }  # fmt: skip
    for token in tokens(text):
        assert token.type in allowed, token
        if token.type == "html_block":
            for line in token.content.strip().splitlines():
                assert line in OUR_HTML or re.fullmatch(r"<summary>[A-Za-z ]+</summary>", line)
        if token.type == "text":
            assert not re.search(r"[@#<]|://|www\.", token.content), token.content


@given(ANY | MARKUP)
@example("``")
@example("`")
@example("<script>")
@example("www.example.com @team #1")
def test_a_code_span_shows_what_it_was_given(text):
    shown = code(text)
    (paragraph,) = [token for token in GITHUB.parse(f"x {shown}") if token.type == "inline"]
    spans = [child for child in paragraph.children if child.type == "code_inline"]
    others = "".join(child.content for child in paragraph.children if child.type != "code_inline")
    assert others.strip() == "x"
    assert len(spans) == (1 if shown else 0)
    if text and text.isprintable() and text.strip() == text and len(text) < 100 and "  " not in text:
        assert spans[0].content.strip() == text


@given(ANY | MARKUP)
@example("</summary></details>")
@example("a](javascript:x)")
@example("`` ` ```")
def test_nothing_an_image_says_is_markup_html_a_mention_or_a_link(text):
    check_nothing_is_markup(render((hostile(text),), OPTIONS))
    failed = replace(OPTIONS, failures=(Failure(text, text, text),))
    check_nothing_is_markup(render((hostile(text), clean(text)), failed))


@given(MARKUP)
@example("_:_")
def test_words_are_plain_or_a_code_span(text):
    check_nothing_is_markup(f"x {words(text)}")


def test_the_verdict_and_the_answers_come_first():
    head = render((insecure(),), OPTIONS).split("### Findings")[0]
    assert "FAIL" in head.splitlines()[0]
    assert "`insecure-app:latest`" in head.splitlines()[0]
    assert "runs as root: **yes**" in head
    assert "PASS" in render((clean(),), OPTIONS).splitlines()[0]
    assert "INCOMPLETE" in render((incomplete(),), OPTIONS).splitlines()[0]


def test_ten_thousand_findings_fit_into_a_comment_and_what_is_left_out_is_counted():
    found = tuple(
        replace(
            sensitive(n), rule=Rule(f"sensitive-file/x-{n}", f"Title {n} " + "x" * 80, sensitive(n).severity, "", "")
        )
        for n in range(10_000)
    )
    text = render((replace(insecure(), verdict=replace(insecure().verdict, open=found)),), OPTIONS)
    assert len(text) <= LIMIT < 65_536
    told = text.count("- **HIGH**")
    assert told > 50
    assert f"And {10_000 - told:,} more findings" in text


def test_many_images_fit_into_a_comment_as_well():
    reports = [replace(insecure(), image=replace(insecure().image, reference=f"app-{n}:1")) for n in range(300)]
    text = render(reports, OPTIONS)
    assert len(text) <= LIMIT
    assert "more images: the JSON report has all" in text


def test_several_images_begin_with_a_table_of_all():
    text = render((insecure(), clean()), replace(OPTIONS, failures=(Failure("gone:1", "no such image"),)))
    assert text.index("| image |") < text.index("### Findings")
    assert "3 images, INCOMPLETE" in text.splitlines()[0]
    assert "`gone:1`: `no such image`" in text or "`gone:1`: no such image" in text


def test_details_are_folded_and_closed():
    for report in (insecure(), incomplete(), mapped()):
        text = render((report,), OPTIONS)
        assert text.count("<details>") == text.count("</details>") >= 1


def test_the_line_of_the_dockerfile_is_told_before_the_path():
    text = render((mapped(),), OPTIONS)
    assert re.search(r"`docker/Dockerfile:5`, `app/\.env:3`", text)


def test_values_of_secrets_are_told_only_where_they_are_asked_for():
    assert "sk-live-abc123xyz789" not in render((insecure(),), OPTIONS)
    assert "sk-live-abc123xyz789" in render((insecure(),), replace(OPTIONS, show_secrets=True))
