"""Scripts are asked whether they hand over to another user, and to whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.image.privileges import privilege_drops
from imgscan.layers.extractors.script import ScriptExtractor


@pytest.mark.parametrize(
    ("line", "tool", "user"),
    [
        ('exec gosu postgres "$BASH_SOURCE" "$@"', "gosu", "postgres"),
        ('set -- su-exec redis "$0" "$@"', "su-exec", "redis"),
        ('exec /usr/local/bin/gosu app:app node', "gosu", "app"),
        ('  if [ "$(id -u)" = 0 ]; then exec setpriv --reuid=redis --regid=redis "$@"; fi', "setpriv", "redis"),
        ("s6-setuidgid abc /app/run", "s6-setuidgid", "abc"),
        ("exec s6-setuidgid abc /app/run", "s6-setuidgid", "abc"),
        ("exec runuser -u app -- node server.js", "runuser", "app"),
        ('exec su - app -c "node server.js"', "su", "app"),
        ('su -s /bin/sh app -c "node"', "su", "app"),
        ("exec chroot --userspec=app / node", "chroot", "app"),
        ("exec sudo -E -u app node", "sudo", "app"),
        ("exec chpst -u app node", "chpst", "app"),
        ('exec gosu "$RUN_AS" node', "gosu", None),
        ('RUN="su-exec ${PUID}:${PGID}"', "su-exec", None),
        ("exec gosu 1000:1000 node", "gosu", "1000"),
        ("true && exec gosu app node", "gosu", "app"),
    ],
)  # fmt: skip
def test_a_command_that_hands_over_is_told(line: str, tool: str, user: str | None):
    rows = ScriptExtractor().extract("entrypoint.sh", f"#!/bin/sh\n{line}\n".encode())
    assert rows == (("script",), ("drops", tool, user, 2))


@pytest.mark.parametrize(
    "line",
    [
        "# exec gosu app node",
        "exec node server.js",
        "echo use gosu app",
        "exec gosu root node",
        "exec su-exec 0:0 node",
        "gosu --version",
        "sudo apt-get update",
        "chroot /target sh",
        "apk add su-exec gosu",
        "command -v gosu",
        "issue postgres",
        "setpriv --no-new-privs node",
    ],
)
def test_a_command_that_does_not_is_not(line: str):
    assert ScriptExtractor().extract("entrypoint.sh", f"#!/bin/sh\n{line}\n".encode()) == (("script",),)


def test_a_program_is_no_script():
    assert ScriptExtractor().extract("usr/local/bin/app", b"\x7fELF exec gosu app x\n") == ()


@given(st.text(alphabet="agosu/ ;=\"'-.{(x", max_size=3_000))
def test_hostile_lines_are_read_in_linear_time(text: str):
    assert all(drop.tool and drop.line >= 1 for drop in privilege_drops(text))


def test_a_line_of_path_separators_is_no_bomb():
    assert list(privilege_drops("=a/a/a/" * 100_000)) == []
