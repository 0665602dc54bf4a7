"""The formats of `imgscan compare`: the lab's picture, whatever names are in it, and what differs below."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from imgscan.comparison import Compared, Comparison, Inventory
from imgscan.renderers import RenderOptions, compare_json, compare_markdown, compare_table
from imgscan.renderers.compare_parts import cells, difference_text
from imgscan.renderers.escapes import unescape
from tests.renderers.reports import clean, incomplete, insecure

TEXT = st.text(st.characters(codec=None), max_size=60)


def pair(text="app"):
    """Two images, all of whose names are `text`."""
    before, after = insecure(), clean()
    before = replace(before, summary=replace(before.summary, user=text))
    after = replace(after, image=replace(after.image, size=after.image.size + 1))
    return Comparison.of(
        [
            Compared(text, before, Inventory({"deb a": text}, {text: "uid 1"}, {text: "setuid 0"})),
            Compared(text, after, Inventory({"deb a": text + "2", text: "1"})),
        ]
    )


@settings(max_examples=80, deadline=None)
@given(TEXT, st.integers(40, 160))
def test_no_name_breaks_the_table(text, width):
    shown = compare_table.render(pair(text), RenderOptions("0", width=width))
    assert all(0 <= wcswidth(line) <= width for line in shown.splitlines())


@settings(max_examples=80, deadline=None)
@given(TEXT)
def test_no_name_breaks_the_json(text):
    document = json.loads(compare_json.render(pair(text), RenderOptions("0")))
    first, second = document["comparison"]["rows"]
    assert unescape(first["name"]) == unescape(second["name"]) == text
    assert [first["kind"], first["constraints"]] == ["image", None]
    assert document["comparison"]["difference"]["empty"] is False


@settings(max_examples=80, deadline=None)
@given(TEXT)
def test_no_name_breaks_the_markdown(text):
    shown = compare_markdown.render(pair(text), RenderOptions("0"))
    head, rule, *rows = shown.splitlines()[:4]
    assert [line.count("|") for line in (head, rule, *rows)] == [9] * 4
    assert "\x1b" not in shown
    assert shown.count("<details>") == shown.count("</details>")


def test_the_picture_answers_the_labs_questions():
    shown = compare_table.render(pair(), RenderOptions("0", width=140)).splitlines()
    assert [word for word in ("ROOT?", "SECRETS?", "TOOLS?", "CONSTRAINTS") if word in " ".join(shown[:2])] == [
        "ROOT?", "SECRETS?", "TOOLS?", "CONSTRAINTS",
    ]  # fmt: skip
    assert "yes, app" in shown[3]
    assert "none" in shown[3]


def test_what_is_the_same_is_said_to_be():
    one = Compared("a", clean())
    comparison = Comparison.of([one, one])
    assert "nothing differs" in compare_table.render(comparison, RenderOptions("0"))
    assert json.loads(compare_json.render(comparison, RenderOptions("0")))["comparison"]["difference"]["empty"] is True


@pytest.mark.parametrize(
    ("more", "percent", "text"),
    [
        (0, 0.0, "same"),
        (-870, -78.4, "-78 %"),
        (12, 1.25, "+1.2 %"),
        (1, 0.0001, "+1 B"),
        (-1000, -0.0001, "-1 kB"),
        (5, None, "+5 B"),
    ],
)
def test_differences_are_percentages_where_that_says_something(more, percent, text):
    assert difference_text(more, percent) == text


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["/tmp/lab/a.tar", "/tmp/lab/b.tar"], ["a.tar", "b.tar"]),
        (["./lab/a.tar: team/app:1 linux/amd64", "./lab/a.tar: team/app:2 linux/amd64"], None),
        (["/tmp/lab/a.tar", "app:1"], ["/tmp/lab/a.tar", "app:1"]),
        (
            ["registry.example/team/a", "registry.example/team/b"],
            ["registry.example/team/a", "registry.example/team/b"],
        ),
    ],
)
def test_the_directory_that_all_images_are_in_is_not_told_in_each_row(names, told):
    comparison = Comparison.of([Compared(name, clean()) for name in names])
    expected = told or [name.removeprefix("./lab/") for name in names]
    assert [row[0] for row in cells(comparison)] == expected
    document = json.loads(compare_json.render(comparison, RenderOptions("0")))
    assert [row["name"] for row in document["comparison"]["rows"]] == names


def test_an_image_that_was_not_read_completely_does_not_look_like_one_that_was():
    comparison = Comparison.of([Compared("/lab/a.tar", clean()), Compared("/lab/b.tar", incomplete())])
    shown = compare_table.render(comparison, RenderOptions("0"))
    assert re.search(r"^INCOMPLETE\n  b.tar: layer 2: tar ends at byte 4096$", shown, re.MULTILINE)
    assert "encrypted" not in shown  # unreadable by nature
    assert "- `b.tar: layer 2: tar ends at byte 4096`" in compare_markdown.render(comparison, RenderOptions("0"))
    first, second = json.loads(compare_json.render(comparison, RenderOptions("0")))["comparison"]["rows"]
    assert (first["complete"], first["problems"]) == (True, [])
    assert (second["complete"], [problem["code"] for problem in second["problems"]]) == (
        False, ["truncated-layer", "encrypted"],
    )  # fmt: skip
