"""What a configuration that was merely found, as in a stranger's checkout, may not do: have code executed."""

from __future__ import annotations

import pytest

from imgscan.cli import main
from tests.image_builder.docker_archives import docker_archive_hybrid
from tests.image_builder.images import image, layer

PLUGIN = """
import re
from pathlib import Path

from detect_secrets.plugins.base import RegexBasedDetector

Path(EXECUTED).touch()


class Acme(RegexBasedDetector):
    secret_type = "Acme"
    denylist = [re.compile("acme_[a-z]{20}")]
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "imgscan.toml").write_text('rules = ["extending.toml"]\n')
    (tmp_path / "extending.toml").write_text('[extend]\npath = "rules.toml"\n')
    (tmp_path / "rules.toml").write_text('[[detect_secrets_plugins]]\npath = "plugin.py"\n')
    (tmp_path / "plugin.py").write_text(PLUGIN.replace("EXECUTED", repr(str(tmp_path / "executed"))))
    docker_archive_hybrid([image(layer({"app/readme": b"hello"}))], tmp_path / "app.tar")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGSCAN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("command", ["inspect", "history", "baseline", "compare"])
def test_code_is_not_executed_for_a_file_that_nobody_named(checkout, capsys, command):
    assert main([command, "app.tar"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: imgscan.toml:1: ")
    assert "plugin.py" in error
    assert not (checkout / "executed").exists()


def test_commands_that_run_no_rules_do_not_mind(checkout):
    assert main(["files", "app.tar"]) == 0
    assert main(["config", "show"]) == 0
    assert not (checkout / "executed").exists()


@pytest.mark.parametrize("named", ["--config", "IMGSCAN_CONFIG", "IMGSCAN_RULES"])
def test_code_is_executed_where_somebody_asked_for_it(checkout, monkeypatch, named):
    if named == "IMGSCAN_RULES":
        monkeypatch.setenv(named, "rules.toml")
    elif named == "IMGSCAN_CONFIG":
        monkeypatch.setenv(named, "imgscan.toml")
    more = ["--config", "imgscan.toml"] if named == "--config" else []
    assert main(["inspect", "app.tar", "--fail-on", "none", "--depth", "config", *more]) == 0
    assert (checkout / "executed").exists()


def test_rules_without_code_are_read_from_a_file_that_was_found(checkout):
    (checkout / "rules.toml").write_text("[[rules]]\nid = 'acme-token'\nregex = 'acme_[a-z0-9]{20}'\n")
    assert main(["inspect", "app.tar", "--fail-on", "none", "--depth", "config"]) == 0
