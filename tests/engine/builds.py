"""A folder with a Dockerfile, built by the CLI with either builder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from fixtures.lab.engine import _docker  # private: that file's bytes are the version of the lab's bases
from tests.engine.conftest import LABEL, REPOSITORY, absent

BUILDERS = ("classic", "buildkit")


def write_context(folder: Path, dockerfile: str, files: Mapping[str, str | bytes]) -> Path:
    """A build context; the Dockerfile's path."""
    for name, content in {"Dockerfile": dockerfile, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / "Dockerfile"


def build(folder: Path, name: str, builder: str, *options: str) -> str:
    """Build `folder`; the tag, which the engine's fixture removes at the end."""
    if shutil.which(os.environ.get("DOCKER_CLI", "docker")) is None:
        absent("there is no docker CLI")
    tag = f"{REPOSITORY}/{name}:{builder}"
    # The classic builder puts such a label into the history, as a LABEL that is in no Dockerfile.
    arguments = ("--quiet", "--network", "none", "--label", f"{LABEL}=1", "--tag", tag, *options, str(folder))
    _docker("build", *arguments, builder=builder)
    return tag
