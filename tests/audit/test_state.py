"""The state's file: all or nothing, sealed, migrated in order, and documented."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.audit import schema
from imgscan.audit.pace import Pace
from imgscan.audit.state import State

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"


@pytest.fixture(scope="module")
def sealing(tmp_path_factory):
    with State.open(tmp_path_factory.mktemp("state") / "state") as state:
        yield state


@given(data=st.binary(max_size=3000), name=st.text(max_size=20), repeats=st.sampled_from([1, 400]))
def test_what_is_sealed_comes_back_and_does_not_show(sealing, data, name, repeats):
    whole = data * repeats
    sealed = sealing.seal(whole, name)
    assert len(sealed) == len(whole)
    assert sealing.seal(sealed, name) == whole
    if len(data) > 8:
        assert data not in sealed


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    with State.open(tmp_path / "state") as state:
        with pytest.raises(sqlite3.IntegrityError), state.transaction():
            state.many("INSERT INTO meta VALUES ('a', ?)", [(1,), (2,)])
        assert state.maybe("SELECT 1 FROM meta WHERE name = 'a'") is None


def test_a_state_keeps_its_key_and_its_content(tmp_path):
    with State.open(tmp_path / "state") as state:
        key = state.key
        state.put_document("sha256:a", b"a document")
    with State.open(tmp_path / "state") as state:
        assert state.key == key
        assert state.document("sha256:a") == b"a document"
        assert state.document("sha256:b") is None
        assert key.hex() not in repr(state)


def test_an_older_state_is_brought_up_to_date_once(tmp_path, monkeypatch):
    with State.open(tmp_path / "state") as state:
        key = state.key
    monkeypatch.setattr("imgscan.audit.state.MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE later (one TEXT); "))
    for _ in range(2):
        with State.open(tmp_path / "state") as state:
            assert state.all("SELECT * FROM later") == []
            assert state.one("PRAGMA user_version") == (len(schema.MIGRATIONS) + 1,)
            assert state.key == key


def test_a_migration_that_is_interrupted_has_not_happened(tmp_path, monkeypatch):
    with State.open(tmp_path / "state"):
        pass
    broken = "CREATE TABLE later (one TEXT); CREATE TABLE later (one TEXT);"
    monkeypatch.setattr("imgscan.audit.state.MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError):
        State.open(tmp_path / "state")
    with closing(sqlite3.connect(tmp_path / "state")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'later'").fetchall()


def test_every_table_and_column_is_documented(tmp_path):
    text = DOCUMENT.read_text()
    documented = {
        (table, column)
        for table, section in re.findall(r"^#### `(\w+)`$(.*?)(?=^#)", text, re.MULTILINE | re.DOTALL)
        for column in re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    }
    with State.open(tmp_path / "state") as state:
        tables = [name for (name,) in state.all("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
        there = {
            (table, column)
            for table in tables
            for (column,) in state.all("SELECT name FROM pragma_table_info(?)", (table,))
        }
    assert documented == there


def test_the_queries_of_the_documentation_run(filled, auditor):
    auditor(filled.address)
    queries = re.findall(r"^```sql\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert len(queries) >= 5
    with closing(sqlite3.connect(auditor.state)) as connection:
        for query in queries:
            assert connection.execute(query).fetchall(), query


@given(rate=st.floats(0.5, 1000), arrivals=st.lists(st.floats(0, 0.2), max_size=30))
def test_no_more_than_the_rate_ever_begins(rate, arrivals):
    now, begun = [0.0], []

    def pause(seconds):
        now[0] += seconds

    pace = Pace(rate, clock=lambda: now[0], pause=pause)
    for wait in arrivals:
        now[0] += wait
        pace.wait()
        begun.append(now[0])
    assert all(later - sooner >= 1 / rate - 1e-9 for sooner, later in pairwise(begun))


def test_without_a_rate_nobody_waits():
    Pace(None, pause=lambda _: pytest.fail("waited")).wait()
