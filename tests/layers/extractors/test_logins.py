"""Shadow files, sudoers and authorized keys become rows without hashes, commands and people's names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.layers.extractors.authorized_keys import AuthorizedKeysExtractor
from imgscan.layers.extractors.shadow import ShadowExtractor
from imgscan.layers.extractors.sudoers import SudoersExtractor

sudoers = SudoersExtractor().extract


def test_shadow_says_what_a_password_is_and_never_the_hash():
    text = b"root:$6$x$y:1::::::\na::1::::::\nb:*:1\nc:!!:1\nd:!$6$x$y:1\n# e::1\n:x:\nnocolon\n"
    assert ShadowExtractor().extract("etc/shadow", text) == (
        ("password", "root", "set"),
        ("password", "a", "empty"),
        ("password", "b", "locked"),
        ("password", "c", "locked"),
        ("password", "d", "locked"),
    )


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("app ALL=(ALL) NOPASSWD: ALL", [("app", "all")]),
        ("app ALL = NOPASSWD:ALL", [("app", "all")]),
        ("%wheel ALL=(ALL) NOPASSWD: /bin/a, /bin/b", [("%wheel", "some")]),
        ("a, b ALL=(root) PASSWD: /bin/ls, NOPASSWD: ALL", [("a, b", "all")]),
        ("a ALL=(root) NOPASSWD: /bin/ls, PASSWD: ALL", [("a", "some")]),
        ("a ALL=(root) NOPASSWD: SETENV: ALL", [("a", "all")]),
        ("#1000 ALL=(ALL) NOPASSWD: ALL", [("#1000", "all")]),
        ("a ALL=(ALL) \\\n NOPASSWD: ALL", [("a", "all")]),
        ("Defaults !authenticate", [("ALL", "all")]),
        ("Defaults:app env_reset, !authenticate", [("app", "all")]),
        ("Defaults authenticate", []),
        ("Cmnd_Alias X = /bin/a NOPASSWD: ALL", []),
        ("# a ALL=(ALL) NOPASSWD: ALL", []),
        ("a ALL=(ALL) ALL # NOPASSWD: ALL", []),
        ("a ALL=(ALL) ALL", []),
    ],
)
def test_sudoers_says_who_needs_no_password(line, rows):
    assert [(row[2], row[3]) for row in sudoers("etc/sudoers", line.encode())] == rows


def test_the_line_is_where_an_entry_begins():
    assert sudoers("etc/sudoers", b"# x\n\na ALL=(ALL) \\\n\\\nNOPASSWD: ALL\nb ALL=NOPASSWD: ALL\n") == (
        ("nopasswd", 3, "a", "all", "sudo"),
        ("nopasswd", 6, "b", "all", "sudo"),
    )


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("permit nopass app", [("app", "all")]),
        ("permit nopass keepenv setenv { A=b C } :wheel as root", [("%wheel", "all")]),
        ("permit nopass app cmd /bin/ls", [("app", "some")]),
        ("permit persist app", []),
        ("deny nopass app", []),
        ("permit nopass", []),
    ],
)
def test_doas_says_who_needs_no_password(line, rows):
    assert [(row[2], row[3]) for row in sudoers("etc/doas.conf", line.encode())] == rows


def test_keys_are_told_by_type_and_fingerprint_with_and_without_options():
    # The fingerprint is what ssh-keygen -lf says of this key.
    key = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    text = b"# c\n" + key + b" someone@home\n" + b'command="x y",no-pty ' + key + b"\nssh-rsa short\n"
    rows = AuthorizedKeysExtractor().extract("root/.ssh/authorized_keys", text)
    assert [row[:3] for row in rows] == [("key", 2, "ssh-ed25519"), ("key", 3, "ssh-ed25519")]
    assert {row[3] for row in rows} == {FINGERPRINT}


FINGERPRINT = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"


@given(st.text(max_size=200), st.sampled_from(["etc/sudoers", "etc/doas.conf"]))
def test_commands_stay_out(command, path):
    secret = "hunter2-" + "".join(letter for letter in command if letter.isalnum())
    text = f"app ALL=(ALL) NOPASSWD: /bin/x --password {secret}\npermit nopass app cmd x args {secret}\n"
    assert not any(secret in str(cell) for row in sudoers(path, text.encode("utf-8", "replace")) for cell in row)
