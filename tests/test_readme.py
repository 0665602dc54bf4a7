"""README.md shows what imgscan really prints."""

from __future__ import annotations

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
