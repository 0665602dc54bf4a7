"""Text in base64, hex and escapes is found, where it stands and in one another."""

from __future__ import annotations

import base64
import json
import textwrap
from urllib.parse import quote

import pytest

from imgscan.evidence import Depth, ScanPlan
from imgscan.layers.scan import LayerScanner
from imgscan.secrets.detectors import detectors
from tests.image_builder import write_tar
from tests.laws import Chunked, law_2_the_cutting_does_not_matter
from tests.layers.unpack import containers as make
from tests.layers.unpack.test_formats import ENV, TOKEN

PLAN = ScanPlan(Depth.CONTENT, ("all",), ())


@pytest.fixture(scope="module")
def scanner() -> LayerScanner:
    return LayerScanner(PLAN, detectors(), secret_key=b"k" * 32)


@pytest.fixture(scope="module")
def scan(scanner):
    return lambda data, path="srv/values.yaml": scanner.scan(Chunked(write_tar([(path, data)])))


def b64(data: bytes) -> bytes:
    return base64.b64encode(data)


LONG = b"a line of text without anything in it\n" * 3000
RUNS = {
    "alone": (b64(ENV), "base64"),
    "after a name": (b"data: " + b64(ENV) + b"\n", "base64"),
    "assigned": (b"X=" + b64(ENV) + b"\nY=1\n", "base64"),
    "without padding": (b'"' + b64(ENV).rstrip(b"=") + b'"', "base64"),
    "URL-safe": (b"x " + base64.urlsafe_b64encode(ENV + b"\xc3\xbf\xc3\xbe?>" * 9), "base64"),
    "wrapped": (
        b"key: |\n" + textwrap.indent(base64.encodebytes(ENV * 3).decode(), "    ").encode() + b"end:\n",
        "base64",
    ),
    "wrapped in JSON": (json.dumps({"x": base64.encodebytes(ENV).decode()}).encode(), "base64"),
    "token alone": (b"a: " + b64(TOKEN), "base64"),
    "long": (b"blob: " + b64(LONG + ENV + LONG) + b"\n", "base64"),
    "data URL": (b"url(data:text/plain;base64," + b64(ENV) + b")", "base64"),
    "of UTF-16": (b"powershell -enc " + b64(ENV.decode().encode("utf-16-le")), "base64!/utf-16"),
    "twice": (b"release: " + b64(b64(ENV)), "base64!/base64"),
    "of gzip": (b"release: " + b64(make.COMPRESSIONS["gz"](ENV)), "base64!/values.yaml"),
    "of gzip twice, as Helm": (b"release: " + b64(b64(make.COMPRESSIONS["gz"](ENV))), "base64!/base64!/values.yaml"),
    "of zip": (b"archive: " + b64(make.zipped([("app/.env", ENV)])), "base64!/app/.env"),
    "hex": (b"dump " + ENV.hex().encode(), "hex"),
}


@pytest.mark.parametrize("run", RUNS)
def test_a_secret_in_an_encoded_run_is_told_with_the_run_s_place(scan, run):
    data, path = RUNS[run]
    found = [match for match in scan(b"first\n" + data).matches if match.rule == "npm-token"]
    assert {match.inner_path for match in found} == {path}
    assert found[0].line >= 2
    assert found[0].length == len(TOKEN)


def test_a_run_s_offset_and_line_are_those_of_the_file(scan):
    (match,) = scan(b"one: 1\ntwo: " + b64(b"xx " + TOKEN) + b"\n").matches
    assert (match.offset, match.line, match.line_end) == (12, 2, 2)


def test_an_escaped_assignment(scan):
    text = b'x = "{\\"DATABASE_PASSWORD\\": \\"super_secret_password_123\\"}"\n'
    assert "keyword" in {match.rule for match in scan(text, "a/b.js").matches}


def test_a_percent_encoded_assignment(scan):
    text = b"GET /login?next=1&q=" + quote("db_password='Winter2024!x9'", safe="").encode() + b"\n"
    assert {match.name for match in scan(text, "var/access.log").matches} == {"db_password"}


def test_digests_keys_and_identifiers_are_no_text(scan):
    integrity = b"".join(
        b'"integrity": "sha512-%s",\n' % b64(bytes((i * j) % 251 for j in range(64))) for i in range(99)
    )
    names = b"getElementsByTagNameNS toLocaleLowerCaseStringValue XMLHttpRequestEventTargetPrototype\n" * 9
    result = scan(integrity + names + b"deadbeef" * 8)
    assert result.coverage.inner.members == 0


def test_encodings_do_not_depend_on_blocks(scanner):
    parts = [b"a: " + data + b"\n\n" for data, _ in RUNS.values()]
    layer = write_tar(
        [("one", b"".join(parts)), ("jar", make.zipped([(f"{n}", part) for n, part in enumerate(parts)]))]
    )
    result = law_2_the_cutting_does_not_matter(
        lambda stream, block: scanner.scan(stream, block_size=block), layer, chunks=(None,), blocks=(512, 4096, 65536)
    )
    assert {match.member for match in result.matches} == {0, 1}
