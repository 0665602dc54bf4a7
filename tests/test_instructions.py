"""Commands of RUN steps: what a shell would run is told from what it would only print or write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.image.image import HistoryStep, Instruction
from imgscan.instructions import Command, commands

PIECES = st.sampled_from(
    [
        *("apt-get", "update", "curl", "http://a.example/x", "|", "sh", "&&", ";", "\n", "(", ")", "$(", "`", "'", '"'),
        *(
            "<<EOF",
            "EOF",
            "<",
            ">",
            ">>",
            "2>&1",
            "/dev/null",
            "-c",
            "sudo",
            "env",
            "A=b",
            "if",
            "then",
            "{",
            "}",
            "\\",
        ),
        *("bash", "<(", "eval", "xargs", "timeout", "#", "\udcff", "\0"),
    ]
)


def ran(text: str, shell: tuple[str, ...] = ("/bin/sh", "-c"), *, recorded: bool = True) -> tuple[Command, ...]:
    instruction = Instruction("RUN", text, shell=shell, recorded=recorded)
    return commands(HistoryStep(0, "", "", "", "", False, 0, instruction))


def programs(text: str) -> list[str]:
    return [command.program for command in ran(text) if command.program]


@given(st.lists(PIECES, max_size=40).map(" ".join) | st.text(max_size=80))
def test_any_text_is_read_without_an_error_and_twice_the_same(text: str):
    assert ran(text) == ran(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apt-get update && apt-get install -y curl; rm -rf /x", ["apt-get", "apt-get", "rm"]),
        ("echo apt-get update", ["echo"]),
        ("echo 'a && b' | tee /x", ["echo", "tee"]),
        ("cat <<EOF > /etc/x\napt-get update\nEOF\nls", ["cat", "ls"]),
        ("bash <<'EOF'\napt-get update\nEOF\nls", ["bash", "apt-get", "ls"]),
        ("cat <<A <<-B\none\nA\n\ttwo\n\tB\nls", ["cat", "ls"]),
        ("if [ -f x ]; then apt-get update; fi", ["[", "apt-get", "fi"]),
        ("sudo -E -u app env A=b timeout -k 5 10 apt-get update", ["apt-get"]),
        ("DEBIAN_FRONTEND=noninteractive apt-get update", ["apt-get"]),
        ("sh -c 'apt-get update && ls'", ["sh", "apt-get", "ls"]),
        ("# apt-get update\nls", ["ls"]),
        ("f() { curl x; }; f", ["curl", "f"]),
        ('["apt-get", "update"]', ["apt-get"]),
        ("--mount=type=cache,target=/x --network=none pip install y", ["pip"]),
        ("/usr/bin/apt-get update", ["apt-get"]),
    ],
)
def test_programs_are_told_as_a_shell_would_start_them(text: str, expected: list[str]):
    assert programs(text) == expected


def test_a_pipeline_keeps_its_order():
    curl, tar, ls = ran("curl http://a.example | tar xz && ls")
    assert (curl.pipeline, curl.position, tar.position) == (tar.pipeline, 0, 1)
    assert ls.pipeline != curl.pipeline


@pytest.mark.parametrize(
    "text",
    [
        'sh -c "$(curl http://a.example)"',
        "bash <(curl http://a.example)",
        "source <(curl http://a.example)",
        'eval "$(curl http://a.example)"',
    ],
)
def test_what_a_shell_runs_by_substitution_is_known(text: str):
    (curl,) = [command for command in ran(text) if command.program == "curl"]
    assert curl.within in {"sh", "bash", "source", "eval"}


def test_output_that_is_only_looked_at_runs_in_nothing():
    (curl,) = [command for command in ran('echo "$(curl http://a.example)"') if command.program == "curl"]
    assert not curl.within


@pytest.mark.parametrize(
    ("text", "redirected"),
    [("a > /x", True), ("a >> /x", True), ("a >/dev/null", False), ("a 2>/x", False), ("a < /x", False)],
)
def test_output_to_a_file_is_told(text: str, redirected: bool):
    assert ran(text)[0].redirected is redirected


def test_a_step_that_says_nothing_has_no_commands():
    assert not ran("apt-get update", ("cmd", "/S", "/C"))
    assert not ran("apt-get update", (r"C:\Windows\System32\WindowsPowerShell\powershell.exe", "-Command"))
    assert not ran("/dev/pipes/EOF", recorded=False)


def test_a_bundle_of_options_is_taken_apart():
    (curl,) = ran("curl -fsSLk --output=/x http://a.example")
    assert curl.has("-k")
    assert curl.has("--output")
    assert not curl.has("-o")


def test_hostile_text_takes_linear_time():
    for text in (
        "$(" * 200_000,
        "<<A\n" * 100_000,
        "(" * 400_000,
        "sh -c '" * 50_000,
        "sudo " * 150_000,
        "{ " * 200_000,
        "a|" * 200_000,
        "`" * 400_000,
    ):
        ran(text)
