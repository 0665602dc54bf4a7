"""Wrong usage: exit code 2, one line that says what is wrong, one that says what is right, nothing on stdout."""

import pytest

from imgscan import __version__
from tests.cli.conftest import process


@pytest.mark.parametrize(
    ("arguments", "error", "tip"),
    [
        (["inspect"], "missing argument", "imgscan inspect --help"),
        (["inspect", "x", "--no-such-option"], "no such option: --no-such-option", "imgscan inspect --help"),
        (["no-such-command"], "no such command 'no-such-command'", "the commands are inspect, history"),
        (["inspect", "x", "--fail-on", "bad"], "--fail-on cannot be 'bad'", "critical, high, medium, low, none"),
        (["inspect", "x", "--depth", "deep"], "--depth cannot be 'deep'", "config, members, content"),
        (["inspect", "x", "--families", "file-secret,x"], "--families cannot be 'x'", "file-secret, env-secret"),
        (["inspect", "x", "--families", ","], "--families names no family", "file-secret, env-secret"),
        (["inspect", "x", "--format", "xml"], "unknown format 'xml'", "table, json"),
        (["inspect", "x", "--format", "json="], "names no file", "json=FILE"),
        (["inspect", "x", "-f", "json", "-f", "table"], "cannot both go to standard output", "--format json=FILE"),
        (["inspect", "x", "-f", "json=a", "-o", "b"], "--output has nothing to write", "leave --output out"),
        (["inspect", "x", "-f", "json=a", "-f", "table=./a"], "two documents would go to", "a file of its own"),
        (["inspect", "x", "--platform", "amd64"], "--platform cannot be 'amd64'", "linux/amd64"),
        (["inspect", "x", "--timeout", "0"], "--timeout cannot be 0", "above 0"),
        (["inspect", "x", "--timeout", "nan"], "--timeout cannot be nan", "above 0"),
        (["inspect", "x", "--timeout", "soon"], "invalid value for '--timeout'", "imgscan inspect --help"),
        (["inspect", "x", "--no-cache", "--verify"], "exclude each other", "leave one of them out"),
        (["inspect", "x", "--strict", "--allow-incomplete"], "exclude each other", "leave one of them out"),
        (["inspect", "x", "-o", "/nonexistent/out.json"], "cannot write /nonexistent/out.json: No such file", "exists"),
        (["inspect", "-", "-"], "standard input can be read once", "name - once"),
        (["history", "x", "--format", "xml"], "unknown format 'xml'", "table, json"),
    ],
)
def test_wrong_usage_is_told_with_what_would_be_right(imgscan, pipeline, arguments, error, tip):
    run = imgscan(*arguments)
    assert (run.code, run.out) == (2, "")
    first, second = run.err.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("tip: ")
    assert tip in second
    assert pipeline.asked == []


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["inspect", "app.tar", "-f"], "json=./app.tar"),
        (["inspect", "oci:layout:1.0", "-o"], "layout/blobs/sha256/aa"),
        (["inspect", "x", "--dockerfile", "Dockerfile", "-f", "sarif=Dockerfile", "-f"], "table"),
        (["inspect", "x", "--config", "imgscan.toml", "-o"], "imgscan.toml"),
        (["inspect", "x", "--baseline", "baseline.json", "-o"], "link.json"),
        (["history", "archive:app.tar", "-o"], "app.tar"),
        (["files", "app.tar:1.0", "-o"], "app.tar"),
        (["compare", "x", "app.tar", "-o"], "app.tar"),
        (["harden", "app.tar", "-o"], "app.tar"),
        (["extract", "app.tar", "etc/passwd", "--force", "-o"], "app.tar"),
        (["container", "./app.tar", "-o"], "app.tar"),
    ],
)
def test_no_document_takes_the_place_of_what_is_read(imgscan, tmp_path, monkeypatch, arguments, output):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layout/blobs/sha256").mkdir(parents=True)
    files = ("app.tar", "Dockerfile", "imgscan.toml", "baseline.json", "layout/oci-layout", "layout/blobs/sha256/aa")
    for name in files:
        (tmp_path / name).write_text("# as it was\n")
    (tmp_path / "link.json").symlink_to("baseline.json")
    run = imgscan(*arguments, output)
    assert (run.code, run.out) == (2, "")
    assert "which is read" in run.err
    assert all((tmp_path / name).read_text() == "# as it was\n" for name in files)


def test_a_report_may_lie_beside_the_parts_of_a_layout(imgscan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "oci-layout").write_text("{}")
    imgscan("inspect", ".", "-o", "report.json")
    assert imgscan("inspect", ".", "-o", "report.json").code == 3  # none of the images that are known here
    assert (tmp_path / "report.json").is_file()


def test_the_process_ends_with_the_exit_code():
    run = process("inspect", "x", "--fail-on", "bad")
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("error: --fail-on cannot be 'bad'\ntip: ")


@pytest.mark.parametrize("arguments", [["--version"], ["inspect", "--version"], ["history", "--version"]])
def test_the_version_is_told(imgscan, arguments):
    assert imgscan(*arguments).out == f"imgscan {__version__}\n"


def test_help_names_every_command_and_the_exit_codes():
    run = process("--help")
    assert run.code == 0
    assert all(word in run.out for word in ("inspect", "history", "Exit codes: 0 ", "130"))
    assert process().out == run.out


def test_help_of_inspect_names_every_option_of_the_contract():
    run = process("inspect", "--help")
    for option in (
        "--format", "-f", "--output", "-o", "--fail-on", "--platform", "--families", "--depth", "--entropy",
        "--trust-packages", "--show-suppressed", "--show-secrets", "--allow-incomplete", "--strict", "--timeout",
        "--no-cache", "--verify",
        "--quiet", "--verbose", "--version",
    ):  # fmt: skip
        assert option in run.out


def test_names_that_direct_the_terminal_are_told_escaped():
    run = process("inspect", "x", "--fail-on", "\x1b[2Jhigh\n")
    assert "\x1b" not in run.err
    assert len(run.err.splitlines()) == 2


@pytest.mark.parametrize("arguments", [["-h"], ["inspect", "-h"], ["history", "-h"]])
def test_help_has_a_short_name(imgscan, arguments):
    run = imgscan(*arguments)
    assert (run.code, run.err) == (0, "")
    assert run.out.startswith("Usage: imgscan")
