"""docs/library.md: its examples run, in order, on the image they speak of, and name the whole public API."""

import re
from pathlib import Path

import pytest

import imgscan
from fixtures.lab.build import write_archive
from fixtures.lab.scenarios import SCENARIOS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "library.md").read_text()


def test_the_examples_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (insecure,) = (scenario for scenario in SCENARIOS if scenario.name.startswith("insecure"))
    write_archive(insecure, "classic", tmp_path / "app.tar")
    names: dict[str, object] = {}
    examples = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for number, example in enumerate(examples):
        exec(compile(example, f"docs/library.md, example {number}", "exec"), names)
    out = capsys.readouterr().out
    assert "root (implicit) 3" in out
    assert "gone.tar" in out
    assert "super_secret" not in out


def test_a_path_is_an_image_whatever_it_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_archive(SCENARIOS[0], "classic", Path("docker:app"))
    (report,) = imgscan.inspect(Path("docker:app"))
    assert report.image.source == "archive"


def test_a_base_image_that_cannot_be_got_is_told_as_such(tmp_path):
    write_archive(SCENARIOS[0], "classic", tmp_path / "app.tar")
    with pytest.raises(imgscan.SourceError, match=r"the base image archive:gone\.tar: ") as error:
        imgscan.inspect(tmp_path / "app.tar", imgscan.Options(base="archive:gone.tar"))
    assert error.value.tip


@pytest.mark.parametrize("name", sorted(set(imgscan.__all__) - {"__version__", "Finding"}))
def test_every_public_name_is_on_the_page(name):
    assert re.search(rf"\b{name}\b", PAGE), name


def test_the_package_says_that_it_is_typed():
    assert (Path(imgscan.__file__).with_name("py.typed")).exists()
