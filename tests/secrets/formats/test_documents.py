"""Documents with places: what a reader says of a value is what a real parser says, and where it says is where it is."""

from __future__ import annotations

import json
import xml.sax.saxutils

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imgscan.secrets.formats.ini_text import ini_leaves
from imgscan.secrets.formats.json_text import json_leaves
from imgscan.secrets.formats.xml_text import xml_elements
from imgscan.secrets.formats.yaml_text import LONGEST, yaml_leaves

TEXTS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="\x7f\x85\u2028\u2029"), max_size=12
)
KEYS = st.text("abcXYZ_-.:/ ", min_size=1, max_size=8)
VALUES = st.recursive(
    TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)


def flat(value: object, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in flat(inner, (*path, key))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in flat(inner, (*path, str(index)))]
    return [(path, str(value))]


def latin1(text: str) -> str:
    return text.encode().decode("latin-1")


def real(text: str) -> str:
    return text.encode("latin-1").decode()


@given(value=VALUES, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_json_is_read_as_the_standard_library_reads_it(value, ascii_only, indent):
    text = latin1(json.dumps(value, ensure_ascii=ascii_only, indent=indent))
    leaves = list(json_leaves(text))
    assert [(leaf.path, real(leaf.value)) for leaf in leaves] == flat(value)
    for leaf in leaves:
        assert text[leaf.start - 1] == text[leaf.end] == '"'
        assert json.loads(real(text[leaf.start - 1 : leaf.end + 1])) == real(leaf.value)


def test_json_scalars_are_as_spelled_and_comments_are_passed_over():
    leaves = json_leaves('// c\n{"a": 1, "b": true, "c": null,}')
    assert [(*leaf.path, leaf.value) for leaf in leaves] == [("a", "1"), ("b", "true"), ("c", "null")]


@pytest.mark.parametrize("text", ["{", '{"a": "', "]", "[" * 65, '{"a": {"b": "c"}'])
def test_json_that_breaks_off_or_is_too_deep_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"ends within|open string|too many|levels"):
        list(json_leaves(text))


@given(value=st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), flow=st.booleans())
def test_yaml_is_read_as_its_parser_reads_it(value, flow):
    text = latin1(yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow, sort_keys=False))
    leaves = [leaf for _, leaf in yaml_leaves(text)]
    assert [(tuple(map(real, leaf.path)), real(leaf.value)) for leaf in leaves] == flat(value)
    for leaf in leaves:
        assert 0 <= leaf.start <= leaf.end <= len(text)
        if leaf.value.isalnum():
            assert text[leaf.start : leaf.end] == leaf.value


def test_a_yaml_block_stands_behind_its_indicator():
    text = "a:\n  b: |\n    one\n    two\nc: x\n"
    leaves = {leaf.path: leaf for _, leaf in yaml_leaves(text)}
    block = leaves["a", "b"]
    assert (block.value, text[block.start : block.end]) == ("one\ntwo\n", "one\n    two")
    assert leaves["c",].value == "x"


def test_yaml_documents_are_numbered_and_aliases_have_no_value():
    found = [(number, leaf.path, leaf.value) for number, leaf in yaml_leaves("a: &x 1\nb: *x\nc: 2\n---\nd: 3\n")]
    assert found == [(0, ("a",), "1"), (0, ("c",), "2"), (1, ("d",), "3")]


@pytest.mark.parametrize("text", ["a: [", "a: 'x", "\t- x", "[" * 40 + "]" * 40, "x" * (LONGEST + 1), "%YAML 9"])
def test_yaml_that_is_broken_deep_or_long_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"not YAML|levels|characters"):
        list(yaml_leaves(text))


def test_billions_of_laughs_are_not_heard():
    text = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(24)
    )
    assert [leaf.value for _, leaf in yaml_leaves(text)] == ["x", "x"]


@given(st.lists(st.tuples(KEYS.filter(lambda key: key.strip(" :.-/")), TEXTS), max_size=4))
def test_xml_text_is_unescaped_and_placed(pairs):
    body = "".join(f"<add key={xml.sax.saxutils.quoteattr(k)}>{xml.sax.saxutils.escape(v)}</add>" for k, v in pairs)
    data = f"<root>{body}</root>".encode()
    found = [element for element in xml_elements(data) if element.name == "add"]
    assert [(real(e.attributes["key"].value), real(e.text)) for e in found] == [(k, v.strip()) for k, v in pairs]
    for element in found:
        key = element.attributes["key"]
        assert xml.sax.saxutils.unescape(data[key.start : key.end].decode(), {"&quot;": '"'}) == real(key.value)
        if element.text:
            spelled = data[element.start : element.end].decode()
            assert xml.sax.saxutils.unescape(spelled).strip() == real(element.text)


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>",
        b"",
        b"<a>" * 65,
        b'<?xml version="1.0" encoding="base64"?><a/>',
    ],
)
def test_xml_with_a_document_type_or_broken_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"document type|not XML|levels"):
        xml_elements(data)


def test_elements_know_their_parents():
    first, key, second, value, root = xml_elements(b"<r><s><k>1</k></s><s><v>2</v></s></r>")[0:5] or [None] * 5
    names = [each.name for each in (first, key, second, value, root)]
    assert names == ["k", "s", "v", "s", "r"]
    assert (first.parent, second.parent, root.parent) == (key.number, value.number, -1)


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("a=1", [("", "a", "1")]),
        ("[s]\r\na = 1 ; c\r\nb: '2 # x' # y", [("s", "a", "1"), ("s", "b", "2 # x")]),
        ('[[t."u v"]]\nx = "q=r"', [("t.u v", "x", "q=r")]),
        ("# a=1\n; b=2\n=3\nc=\nd", []),
        ("a = p@ss#w0rd", [("", "a", "p@ss#w0rd")]),
        ("a = \"unclosed", [("", "a", '"unclosed')]),
    ],
)  # fmt: skip
def test_ini_lines(text, leaves):
    assert [(*leaf.path, leaf.value) for leaf in ini_leaves(text)] == leaves
    assert all(text[leaf.start : leaf.end] == leaf.value for leaf in ini_leaves(text))


@given(st.text("[]=: \t\"'#;\r\nab", max_size=60))
def test_any_ini_text_gives_values_where_they_stand(text):
    for leaf in ini_leaves(text):
        assert text[leaf.start : leaf.end] == leaf.value
        assert leaf.value
