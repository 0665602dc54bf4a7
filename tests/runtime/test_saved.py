"""Inspect documents that were saved: judged without an engine."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.cli import main
from imgscan.errors import SourceError
from imgscan.pipeline import Options
from imgscan.runtime.saved import inspect_saved, judge_document
from tests.runtime.documents import hardened, plain
from tests.runtime.judging import rules_of
from tests.runtime.test_settings import ANYTHING


def saved(tmp_path, *documents):
    path = tmp_path / "inspect.json"
    path.write_text(json.dumps(list(documents)))
    return path


def test_what_docker_inspect_printed_is_judged_by_its_settings(tmp_path):
    first, second = inspect_saved(saved(tmp_path, hardened(), plain(Privileged=True)))
    assert first.constraints == "read-only, 128 MB, 0.5 CPU, no capabilities, no new privileges"
    assert not first.verdict.failed
    assert rules_of(second)["privileged"] == "high"


def test_what_a_document_does_not_say_is_no_finding(tmp_path):
    """Whether the engine sets no-new-privileges, has AppArmor, or who `appuser` is: nobody was asked."""
    (report,) = inspect_saved(saved(tmp_path, plain()))
    assert not {"new-privileges", "seccomp", "root-user"} & set(rules_of(report))
    assert report.runs_as_root is None
    assert [problem.code for problem in report.problems] == ["saved-document"]


@pytest.mark.parametrize("content", ["", "{", "[]", "[1]", '{"HostConfig": 1}', '[{"Id": "sha256:1", "RootFS": {}}]'])
def test_a_file_without_a_container_is_an_error_with_a_next_step(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(SourceError) as raised:
        inspect_saved(path)
    assert "docker inspect" in raised.value.tip


def test_the_command_takes_a_file_for_a_name_with_a_slash(tmp_path, capsys):
    path = saved(tmp_path, hardened())
    assert main(["container", str(path), "--fail-on", "medium"]) == 0
    assert "134217728 (128 MB)" in capsys.readouterr().out
    assert main(["container", str(tmp_path / "none.json")]) == 3
    assert "cannot read" in capsys.readouterr().err


@given(ANYTHING | st.builds(hardened, Memory=ANYTHING, Binds=ANYTHING, SecurityOpt=ANYTHING))
def test_any_document_is_judged_or_refused(document):
    judge_document(document, Options())
