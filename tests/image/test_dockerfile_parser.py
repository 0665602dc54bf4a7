"""A Dockerfile read: lines, stages, continuations, heredocs; and whatever else is named Dockerfile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import UsageError
from imgscan.image.dockerfile_parser import MAX_SIZE, parse_dockerfile, without_flags
from imgscan.image.dockerfile_words import expand, expand_whole, matches, merged
from tests.image.written_builds import instructions

PARTS = ["RUN ", "FROM x", "\n", "\\", "<<E", "E", "#", " ", "'", '"', "$", "{", "}", "[", "\t", "x"]
ODD = st.lists(st.sampled_from(PARTS)).map("".join)


def parsed(text: str):
    return parse_dockerfile(text, "Dockerfile")


@given(st.lists(instructions, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_each_instruction_has_its_first_and_last_line(made, ending):
    lines = ["# syntax=docker/dockerfile:1", "", "FROM x"]
    spans = []
    for each in made:
        spans.append((len(lines) + 1, len(lines) + len(each.lines)))
        lines += [*each.lines, "", "# between"]
    (stage,) = parsed(ending.join(lines)).stages
    assert stage.line == 3
    assert [(one.line, one.end_line) for one in stage.instructions] == spans
    assert [one.keyword for one in stage.instructions] == [each.lines[0].split(" ")[0] for each in made]


@given(ODD)
def test_whatever_is_in_it_is_read_or_refused(text):
    try:
        found = parsed(text)
    except UsageError:
        return
    count = text.count("\n") + 1
    for stage in found.stages:
        for one in stage.instructions:
            assert 1 <= one.line <= one.end_line <= count
            expand(one.arguments, found.escape, lambda _: None)


@pytest.mark.parametrize("text", ["", "RUN x\n", "\0FROM x\n", "x" * (MAX_SIZE + 1), "# FROM x\n"])
def test_what_is_no_dockerfile_is_refused(text):
    with pytest.raises(UsageError, match="is no Dockerfile"):
        parsed(text)


def test_stages_know_their_names_and_bases_flags_left_out():
    one, two = parsed("ARG A=1\nFROM --platform=linux/amd64 base:$A as First\nRUN x\nfrom First\n").stages
    assert (one.base, one.name, two.base, two.name) == ("base:$A", "First", "First", "")


def test_a_heredoc_that_never_ends_is_none_and_a_list_has_none():
    (stage,) = parsed('FROM x\nRUN cat <<EOF\nRUN y\nCOPY ["<<EOF", "/x"]\nEOF\n').stages
    assert [one.keyword for one in stage.instructions] == ["RUN"] or stage.instructions[0].heredocs
    (stage,) = parsed("FROM x\nRUN cat <<EOF\nRUN y\n").stages
    assert [one.keyword for one in stage.instructions] == ["RUN", "RUN"]


def test_two_backslashes_at_the_end_of_a_line_continue_nothing():
    (stage,) = parsed("FROM x\nRUN echo a\\\\\nRUN b\\\n  c\n").stages
    assert [(one.line, one.end_line) for one in stage.instructions] == [(2, 2), (3, 4)]


def test_the_escape_character_is_what_the_directive_says_before_anything_else():
    assert parsed("# escape=`\nFROM x\n").escape == "`"
    assert parsed("# a comment\n# escape=`\nFROM x\n").escape == "\\"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a  b", [("a",), ("b",)]),
        ("$A x", [("1",), ("x",)]),
        ("x$B/y", [("x", None, "/y")]),
        ("'$A' \"$A b\"", [("$A",), ("1 b",)]),
        ("\\$A a\\ b", [("$A",), ("a b",)]),
        ("${A:-z} ${B:-z} ${E:-z} ${E-z} ${A:+y} ${E:+y}", [("1",), (None,), ("z",), ("",), ("y",), ("",)]),
        ("${A#*x} ${A/${B}/c}z", [(None,), (None, "z")]),
        ("A=\"b c\" D='e'f", [("A=b c",), ("D=ef",)]),
        ("$", [("$",)]),
        ("", []),
    ],
)
def test_words_are_unquoted_and_expanded_as_far_as_is_known(text, words):
    assert expand(text, "\\", {"A": "1", "E": ""}.get) == words


def test_a_whole_text_keeps_one_blank_between_its_words():
    assert expand_whole("a  $B c", "\\", lambda _: None) == ("a ", None, " c")


@given(st.lists(st.text("ab/. ") | st.none(), max_size=5), st.data())
def test_a_pattern_matches_every_text_it_stands_for(pieces, data):
    text = "".join(data.draw(st.text("ab/. ", max_size=3)) if piece is None else piece for piece in pieces)
    assert matches(merged(pieces), text)
    if None not in pieces:
        assert not matches(merged(pieces), text + "c")


def test_flags_stand_before_the_words():
    assert without_flags("--chown=1:1  --from=x a --b c") == "a --b c"
    assert without_flags("--mount=type=cache") == ""
