"""README.md shows what imgscan really prints."""

from __future__ import annotations

import re
import shlex

from fixtures.lab.build import archive_name, write_archive
from fixtures.lab.scenarios import SCENARIOS
from imgscan.cli import main
from scripts.readme import README, demo_output, with_demo, with_figures


def test_the_demo_in_the_readme_is_what_the_command_prints():
    text = README.read_text()
    assert with_demo(text, demo_output()) == text, "write it anew: python -m scripts.readme"


def test_the_figures_of_the_comparison_are_those_of_the_documentation():
    text = README.read_text()
    assert with_figures(text) == text, "write them anew: python -m scripts.readme"


def test_the_readme_names_the_two_commands():
    text = README.read_text()
    assert "$ make demo" in text
    assert "$ make test" in text


def test_the_gate_of_the_readme_fails_and_passes_as_it_says(tmp_path, monkeypatch):
    folder = tmp_path / "fixtures/lab/out"
    folder.mkdir(parents=True)
    for scenario in SCENARIOS:
        write_archive(scenario, "classic", folder / archive_name(scenario, "classic"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGSCAN_CACHE_DIR", str(tmp_path / "cache"))
    section = README.read_text().partition("## A gate in five minutes")[2].partition("\n## ")[0]
    steps = re.findall(r"^\$ imgscan (.*?) +# exit code (\d):", section, re.MULTILINE)
    assert [code for _, code in steps] == ["1", "0", "0", "0"]
    assert [str(main(shlex.split(command))) for command, _ in steps] == [code for _, code in steps]
