"""Lines of an environment file in a file that is called something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.secrets.reference_scan import candidates, counted

PATHS = ["srv/notes", "srv/old/env-backup.2", "app/README.md", "var/dump.sql", "x.txt", "a.py"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("ends", ["\n", "\r\n", ""])
def test_a_line_that_is_nothing_but_an_assignment_counts_whatever_the_file_is_called(path, ends):
    text = f"first line{ends or chr(10)}export DATABASE_PASSWORD=hunter2prod{ends}"
    assert [(name, value) for _, name, value in counted(path, text)] == [("DATABASE_PASSWORD", "hunter2prod")]


@pytest.mark.parametrize(
    "text",
    [
        "set DATABASE_PASSWORD=hunter2prod before you start\n",
        "run `DATABASE_PASSWORD=hunter2prod ./start`\n",
        "DATABASE_PASSWORD=$(cat /run/secrets/db)\n",
        "DATABASE_PASSWORD=<your password>\n",
        "DATABASE_PASSWORD=changeme\n",
        "database_password=hunter2prod\n",
        "TOKEN=getToken();\n",
        "PUBLIC_KEY=abc123xyz789\n",
    ],
)
def test_prose_code_and_placeholders_do_not(text):
    assert counted("notes", text) == []


def test_a_word_in_a_manual_is_an_example():
    assert counted("CHANGELOG.md", "PASSWORD=nodejs\n") == []
    assert [value for _, _, value in counted("notes", "PASSWORD=nodejs\n")] == ["nodejs"]


@given(st.text(alphabet="AZ_=x1 \n\r\t\"'$PASSWORD", max_size=200))
def test_what_is_told_is_a_whole_line(text):
    for found in candidates("notes", text.encode()):
        if found.kind == "keyword" and found.value in text:
            line = next(line for line in text.replace("\r", "\n").split("\n") if found.value in line)
            assert "=" in line
