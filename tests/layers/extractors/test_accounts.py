"""etc/passwd and etc/group become rows without hashes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgscan.layers.extractors.accounts import AccountsExtractor

extract = AccountsExtractor().extract


def test_users_and_groups_are_read():
    assert extract("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\napp:x:999:998::/app:/bin/false\n") == (
        ("user", "root", 0, 0, "/root", "/bin/sh", "shadow"),
        ("user", "app", 999, 998, "/app", "/bin/false", "shadow"),
    )
    assert extract("etc/group", b"docker:x:99:app,root\n") == (("group", "docker", 99, "app,root"),)


def test_blank_comment_and_nameless_lines_are_left_out_and_short_ones_filled():
    assert extract("etc/passwd", b"\n# a comment\n   \n::0:0\nshort\n\nx:x:1\n") == (
        ("user", "short", None, None, "", "", "empty"),
        ("user", "x", 1, None, "", "", "shadow"),
    )


@given(st.text(alphabet="abcXYZ0123$./", min_size=8))
def test_a_hash_in_field_two_is_told_and_never_shown(crypted: str):
    rows = extract("etc/passwd", f"root:{crypted}:0:0::/:/bin/sh".encode())
    assert rows == (("user", "root", 0, 0, "/", "/bin/sh", "set"),)


def test_numbers_that_are_none_or_do_not_fit_are_none():
    numbers = [row[2] for row in extract("etc/passwd", b"a:x:-1:0\nb:x:4294967296:0\nc:x:0x1:0\nd:x:4294967295:0\n")]
    assert numbers == [None, None, None, 4294967295]
