"""--dockerfile: read before the scan, called as the repository calls it, and refused where it is none."""

from __future__ import annotations

import pytest

from imgscan.cli.dockerfile import ROOTS, repository_path
from imgscan.image.dockerfile_parser import MAX_SIZE

TEXT = "FROM base:1\nRUN x\n"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A checkout with a Dockerfile two folders down; the working directory is another one."""
    for name in ROOTS:
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "repository"
    (root / "deploy" / "image").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "deploy" / "image" / "Dockerfile").write_text(TEXT)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return root


def test_the_path_is_the_repository_s_wherever_one_stands(repository, monkeypatch):
    file = repository / "deploy" / "image" / "Dockerfile"
    assert repository_path(file, {}) == "deploy/image/Dockerfile"
    monkeypatch.chdir(file.parent)
    assert repository_path(file.relative_to(file.parent), {}) == "deploy/image/Dockerfile"


@pytest.mark.parametrize("variable", ROOTS)
def test_a_ci_system_s_word_on_the_checkout_comes_first(repository, variable):
    file = repository / "deploy" / "image" / "Dockerfile"
    assert repository_path(file, {variable: str(repository / "deploy")}) == "image/Dockerfile"
    assert repository_path(file, {variable: str(repository.parent / "elsewhere")}) == "deploy/image/Dockerfile"


def test_a_file_outside_of_any_checkout_is_called_by_its_name(repository):
    loose = repository.parent / "Dockerfile.loose"
    loose.write_text(TEXT)
    assert repository_path(loose, {}) == "Dockerfile.loose"


def test_the_dockerfile_reaches_the_pipeline(repository, pipeline, imgscan):
    imgscan("inspect", "clean", "--dockerfile", str(repository / "deploy" / "image" / "Dockerfile"))
    ((_, options),) = pipeline.asked
    assert options.dockerfile.path == "deploy/image/Dockerfile"
    assert [stage.base for stage in options.dockerfile.stages] == ["base:1"]


def test_without_the_option_there_is_none(pipeline, imgscan):
    imgscan("inspect", "clean")
    ((_, options),) = pipeline.asked
    assert options.dockerfile is None


@pytest.mark.parametrize("content", [None, b"RUN x\n", b"\x7fELF\0FROM x\n", b"FROM x\n" + b"#" * (4 * MAX_SIZE)])
def test_what_is_no_dockerfile_is_wrong_usage_before_any_scan(repository, pipeline, imgscan, content):
    target = repository / "other"
    if content is not None:
        target.write_bytes(content)
    done = imgscan("inspect", "clean", "--dockerfile", str(target))
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert str(target) in done.err
    assert "tip: " in done.err
    assert not pipeline.asked


def test_a_directory_is_told_to_be_one(repository, imgscan):
    done = imgscan("inspect", "clean", "--dockerfile", str(repository / "deploy"))
    assert done.code == 2
    assert "is a directory" in done.err
    assert "deploy/Dockerfile" in done.err
