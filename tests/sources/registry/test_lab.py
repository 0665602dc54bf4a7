"""The lab's table, told of the lab's images in a registry."""

from __future__ import annotations

import json

import pytest

from fixtures.lab.build import build_image
from fixtures.lab.scenarios import SCENARIOS
from imgscan.cli import main
from tests.image_builder import provenance
from tests.lab_table import expected_row, row, wrong_tools
from tests.registries.push import push


@pytest.fixture
def home(tmp_path_factory, monkeypatch):
    """No login of whoever runs the tests; patterns are compiled once."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("IMGSCAN_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "patterns"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_an_image_of_the_lab_is_told_as_the_table_says(scenario, registry, capsys, home):
    push(registry.origin, f"lab/{scenario.name}", "1", build_image(scenario), attestations=[provenance()])
    code = main(["inspect", f"registry:{registry.address}/lab/{scenario.name}:1", "--format", "json", "--no-cache"])
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert row(report) == expected_row(scenario.expected)
    assert not wrong_tools(report, scenario.expected)
    assert code == scenario.expected["exit_codes"]["high"]
    assert report["coverage"]["complete"]
    assert report["problems"] == []
