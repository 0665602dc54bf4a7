"""The syntax of rules: read as RE2 does, written so that Python finds the same, refused by name otherwise."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.secrets.rules.core import check_linear, cores, width
from imgscan.secrets.rules.regex import LONGEST_PATTERN, PatternError, has_caseless, is_caseless, parse
from imgscan.secrets.rules.rule import compiled
from imgscan.secrets.rules.writing import write

ATOMS = st.sampled_from(
    ["a", "b", "Z", "0", r"\.", ".", "[a-c]", "[^a]", r"\d", r"\w", r"[\w-]", "[[:alnum:]]", "(?:ab|c)", "(a|bc)", "x?"]
)
COUNTS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "{0,2}?"])
PATTERNS = st.lists(st.tuples(ATOMS, COUNTS), min_size=1, max_size=6).map(
    lambda parts: "".join(atom + ("" if atom == "x?" else count) for atom, count in parts)
)
TEXTS = st.text(alphabet="abcZ0.-x\n", max_size=20)


@given(PATTERNS, TEXTS)
def test_what_is_written_finds_what_was_read(pattern, text):
    plain = pattern.replace("[[:alnum:]]", "[0-9A-Za-z]")
    expected = re.search(plain, text, re.ASCII)
    found = compiled(pattern).search(text)
    assert (found.span() if found else None) == (expected.span() if expected else None)


@given(PATTERNS)
def test_a_match_is_as_wide_as_told(pattern):
    low, high = width(parse(pattern))
    expected = re._parser.parse(pattern.replace("[[:alnum:]]", "[0-9A-Za-z]")).getwidth()
    assert low == expected[0]
    assert high == (None if expected[1] >= 2**20 else expected[1])


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a(?i)b|c", ["aB", "C"], ["A", "AB"]),
        ("(?i:x)y", ["Xy"], ["XY"]),
        ("(?s).", ["\n"], [""]),
        ("^a$", ["a"], ["a\n", "ba"]),
        ("(?m)^a$", ["b\na\nc"], ["ba"]),
        (r"\Qa.b\E", ["a.b"], ["axb"]),
        (r"\x41\x{42}", ["AB"], ["ab"]),
        ("a{,2}", ["a{,2}"], ["aa"]),
        ("{x}", ["{x}"], ["x"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[^]a]", ["b"], ["]"]),
        ("[a-]", ["-"], ["b"]),
        (r"a\z", ["a"], ["a\n"]),
        ("é", ["\xc3\xa9"], ["\xe9"]),
        ("(?P<n>a)(?<m>b)", ["ab"], ["a"]),
        (r"[\S]", ["x"], [" ", "\n"]),
    ],
)
def test_it_reads_as_re2(pattern, yes, no):
    for text in yes:
        assert compiled(pattern).search(text), text
    for text in no:
        assert not compiled(pattern).search(text), text


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=a)", "look-ahead"),
        ("(?!a)", "look-ahead"),
        ("(?<=a)", "look-behind"),
        ("(?<!a)b", "look-behind"),
        (r"(a)\1", "back-reference"),
        ("a++", "possessive"),
        ("a**", "repetition of a repetition"),
        ("(?>a)", "atomic"),
        ("(?x)a", "flag `x`"),
        ("(?U)a", "flag `U`"),
        (r"\pL", "not supported"),
        ("(a", "without `\\)`|ends within"),
        ("a)", "without `\\(`"),
        ("[a", "ends within"),
        ("[z-a]", "range"),
        ("[[:nope:]]", "no class"),
        ("*a", "nothing to repeat"),
        ("a{1001}", "1,000"),
        ("a{3,2}", "repetition of 3 to 2"),
        ("[é]", "ASCII"),
        ("(?P<1>a)", "needs a name"),
        ("\\", "ends within"),
        ("(" * 100 + ")" * 100, "nested"),
        ("a" * (LONGEST_PATTERN + 1), "longer"),
    ],
)
def test_what_re2_has_not_is_refused_by_name_and_place(pattern, message):
    with pytest.raises(PatternError, match=message) as raised:
        parse(pattern)
    assert "(character " in str(raised.value)


@given(st.text(alphabet="ab()[]{}|*+?\\^$.-,:?P<>=!1i", max_size=30))
def test_any_text_is_a_pattern_or_an_error(pattern):
    try:
        tree = parse(pattern)
    except PatternError:
        return
    re.compile(write(tree))
    cores(tree)


@pytest.mark.parametrize("pattern", [r"(a+)+b", r"(?:.*?|.*?x){1,5}y", r"(?:ab|ac)*d", r".*a.*b.*c.*d", r"(\w+\s?)*x"])
def test_what_could_take_for_ever_is_not_run(pattern):
    with pytest.raises(PatternError):
        check_linear(parse(pattern))


@pytest.mark.parametrize(
    "pattern", [r"(?:[a-z]+\.)+com", r"(?:a|b|c)*", r"[a-z]{20,}.*x", r"(?:\d{1,3}\.){3}", r"xox-\d+-\d+-\d+-\w+"]
)
def test_what_is_bounded_is_run(pattern):
    check_linear(parse(pattern))


@given(PATTERNS, TEXTS)
def test_without_case_means_for_both_cases(pattern, text):
    tree = parse(f"(?i){pattern}")
    assert is_caseless(tree)
    folded = re.compile(write(tree, caseless=True), re.IGNORECASE | re.ASCII)
    assert bool(folded.search(text)) == bool(compiled(f"(?i){pattern}").search(text))
    assert has_caseless(parse("(?i)a"))
    assert not has_caseless(parse("[ab]"))
