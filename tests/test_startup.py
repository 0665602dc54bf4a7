"""Start-up is fast because little is loaded; held by what is in sys.modules, not by the clock."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import imgscan

HEAVY = {
    "backports.zstd", "detect_secrets", "docker", "hyperscan", "isal", "requests", "rich", "tabulate", "tomlkit",
    "urllib3", "xxhash",
}  # fmt: skip


def loaded_by(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        [],
        *(
            [command, "--help"]
            for command in (
                "inspect",
                "history",
                "audit",
                "files",
                "extract",
                "compare",
                "baseline",
                "ignore",
                "config",
                "cache",
            )
        ),
    ],
)
def test_help_and_version_load_no_library_for_images(arguments):
    loaded = loaded_by(f"from imgscan.cli import main; main({arguments!r})")
    assert "typer" in loaded
    assert not HEAVY & loaded


def test_help_does_not_load_what_typer_reads_options_with():
    assert "pydantic" not in loaded_by("from imgscan.cli import main; main(['--help'])")


def test_the_package_itself_loads_nothing():
    loaded = loaded_by("import imgscan")
    assert not {name for name in loaded if name.startswith("imgscan.")}


def test_every_name_of_the_public_api_is_there():
    for name in set(imgscan.__all__) - {"inspect", "Options"}:
        assert getattr(imgscan, name) is not None
    assert set(imgscan.__all__) <= set(dir(imgscan))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = imgscan.no_such_name


def test_the_version_is_that_of_the_package():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["version"] == imgscan.__version__
