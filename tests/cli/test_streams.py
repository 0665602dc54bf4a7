"""Standard output closed, cut off, of another encoding; standard error closed: never a traceback."""

import os
import subprocess
import sys

import pytest

from imgscan.cli import terminal


def run(code, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )


def test_a_reader_that_went_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    code = "from imgscan.cli import terminal; terminal.write_output('x' * 1_000_000)"
    done = run(code, stdout=write)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_encoding_will_do(encoding):
    code = "from imgscan.cli import terminal; terminal.write_output('│ 日本 \\udcff\\n')"
    done = run(code, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding).endswith("\n")


def test_signs_are_drawn_only_where_the_encoding_has_them():
    code = "from imgscan.cli import terminal; terminal.write_output(str(terminal.speaks_unicode()))"
    assert run(code, PYTHONIOENCODING="ascii").stdout == b"False"
    assert run(code, PYTHONIOENCODING="utf-8").stdout == b"True"


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(redirection):
    command = f"{sys.executable} -m imgscan --version {redirection}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", ["--version", "--help", "inspect --help", "config show", "cache info", "rules"])
def test_a_full_disk_is_told_whatever_the_command(arguments):
    command = f"{sys.executable} -m imgscan {arguments} >/dev/full"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    first, second = done.stderr.splitlines()
    assert first == "error: cannot write standard output: No space left on device"
    assert "disk is full" in second


def test_help_to_a_reader_that_went_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "imgscan", "inspect", "--help"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(write)
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, 100), ({"COLUMNS": "72"}, 72), ({"COLUMNS": "900"}, 160), ({"COLUMNS": "wide"}, 100)],
)
def test_the_width_is_columns_or_100_where_nobody_looks(monkeypatch, environment, wanted):
    monkeypatch.delenv("COLUMNS", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.columns(os.environ) == wanted
