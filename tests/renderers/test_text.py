"""What reaches a terminal is visible, directs nothing, and is as wide as it says."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from imgscan.renderers.text import count_text, middle, one_line, printable, shorten, size_text, width, wrap

ANY = st.text(st.characters(exclude_categories=()))
PRINTABLE = ANY.map(printable)


@given(ANY)
def test_printable_text_has_no_character_that_is_invisible_or_directs_the_terminal(text):
    shown = printable(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in shown)
    shown.encode()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text):
    assert printable(text) == text


def test_each_kind_of_hostile_character_is_spelled_out():
    assert printable("a\x1b[2J\n\t\x00") == r"a\x1b[2J\n\t\x00"
    assert printable("\x9b31m") == r"\x9b31m"
    assert printable("gpj.\u202eexe\u2066\u2069") == r"gpj.\u202eexe\u2066\u2069"
    assert printable("caf\udce9") == r"caf\xe9"
    assert printable("\ud800") == r"\ud800"
    assert printable("日本語 é") == "日本語 é"


@given(PRINTABLE)
def test_text_is_never_wider_than_we_count(text):
    assert max(wcswidth(text), 0) <= width(text)


@given(PRINTABLE, st.integers(2, 60))
def test_wrapping_fits_and_loses_nothing_but_blanks(text, columns):
    lines = wrap(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(PRINTABLE, st.integers(4, 60))
def test_shortened_text_fits_and_says_that_it_was_shortened(text, limit):
    for cut in (shorten(text, limit), middle(text, limit)):
        assert width(cut) <= limit
        assert cut == text or "…" in cut


def test_lines_break_after_blanks_and_separators():
    assert wrap("RUN rm -f .env", 10) == ["RUN rm -f", ".env"]
    assert wrap("usr/local/lib/node_modules/npm", 16) == ["usr/local/lib/", "node_modules/npm"]


def test_an_instruction_of_many_lines_becomes_one():
    assert one_line("RUN set -eux; \\\n\t  true", 80) == "RUN set -eux; \\ true"
    assert one_line("x" * 10_000_000, 10) == "x" * 9 + "…"


def test_sizes_and_counts_read_well():
    assert [size_text(size) for size in (0, 999, 1000, 27_400_000, 999_600_000, 1_570_000_000)] == [
        "0 B",
        "999 B",
        "1 kB",
        "27.4 MB",
        "1 GB",
        "1.57 GB",
    ]
    assert count_text(97_000, "member") == "97,000 members"
