"""`--dockerfile FILE`: read before the scan, and called by the path that the repository knows it by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imgscan.errors import UsageError
from imgscan.image.dockerfile_parser import MAX_SIZE, WrittenDockerfile, parse_dockerfile

ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "WORKSPACE")
"""Where CI systems say that the checkout is: GitHub, GitLab, Azure, Jenkins."""
_TIP = "name the Dockerfile that the image was built from"


def read_dockerfile(name: str | None, environment: Mapping[str, str]) -> WrittenDockerfile | None:
    """The Dockerfile that an option names; None without one. Raises UsageError for what cannot be read or is none."""
    if name is None:
        return None
    path = Path(name)
    try:
        if path.is_dir():
            raise UsageError(f"{name} is a directory, no Dockerfile", tip=f"name the file: {path / 'Dockerfile'}")
        with path.open("rb") as file:
            data = file.read(4 * MAX_SIZE + 1)  # UTF-8 takes four bytes a character at most
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read the Dockerfile {name}: {reason}", tip=_TIP) from error
    text = data.decode("utf-8", "replace")
    return parse_dockerfile(text, repository_path(path, environment), typed=name)


def repository_path(path: Path, environment: Mapping[str, str]) -> str:
    """`path` relative to the checkout, with forward slashes: CI systems show findings beside files called so.

    The checkout is where the CI system says, else where `.git` is, else the working directory; a file outside of all of
    them is called by its name alone.
    """
    try:
        absolute = path.absolute().parent.resolve() / path.name
    except (OSError, RuntimeError):
        return path.name
    roots = [Path(environment[name]) for name in ROOTS if environment.get(name)]
    roots += [parent for parent in absolute.parents if (parent / ".git").exists()][:1]
    roots.append(Path.cwd())
    for root in roots:
        try:
            return absolute.relative_to(root.resolve()).as_posix()
        except (ValueError, OSError, RuntimeError):
            continue
    return absolute.name
