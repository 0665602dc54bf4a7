"""Runs of the command line. Where no image is needed they are real processes; where reports are needed the pipeline is
replaced by one that gives reports made by hand: what is tested here is what the command line makes of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from types import ModuleType
from typing import Any

import pytest

from imgscan.cli import main
from imgscan.errors import ImageNotFound, ImgscanError
from imgscan.report import Policy, Report, Severity
from tests.renderers.reports import clean, incomplete, insecure


def no_such_image(reference: str) -> ImgscanError:
    return ImageNotFound(f"the engine has no image {reference}", tip="pull it")


ANSWERS: dict[str, Callable[[], Any]] = {
    "insecure": lambda: [insecure()],
    "clean": lambda: [clean()],
    "incomplete": lambda: [incomplete()],
    "two-platforms": lambda: [clean(), insecure()],
}


@dataclass
class Pipeline:
    """What the command line asked of the pipeline, and what it answers."""

    asked: list[tuple[str, Any]] = field(default_factory=list)
    answers: dict[str, Callable[[], Any]] = field(default_factory=lambda: dict(ANSWERS))

    def inspect_image(self, reference: str, options: Any) -> list[Any]:
        self.asked.append((reference, options))
        if reference not in self.answers:
            raise no_such_image(reference)
        return [judged(report, options.policy) for report in self.answers[reference]()]


def judged(report: Report, policy: Policy) -> Report:
    """The report under another policy."""
    worst = max((finding.severity for finding in report.verdict.open), default=Severity.NONE)
    failed = policy.fail_on is not Severity.NONE and worst >= policy.fail_on
    return replace(report, verdict=replace(report.verdict, failed=failed))


class CacheMode(Enum):
    USE = "use"
    OFF = "off"
    VERIFY = "verify"


@dataclass(frozen=True)
class Options:
    platforms: Any
    depth: Any
    policy: Any
    entropy: bool
    show_secrets: bool
    cache: CacheMode
    cache_directory: Any
    key: bytes | None
    timeout: float | None
    progress: Any = None
    rules: Any = ()
    base: Any = None
    dockerfile: Any = None
    insecure: bool = False


@pytest.fixture
def pipeline(monkeypatch):
    stand_in = Pipeline()
    module = ModuleType("imgscan.pipeline")
    vars(module).update(CacheMode=CacheMode, Options=Options, inspect_image=stand_in.inspect_image)
    monkeypatch.setitem(sys.modules, "imgscan.pipeline", module)
    for name in (
        "NO_COLOR",
        "FORCE_COLOR",
        "COLUMNS",
        "IMGSCAN_KEY",
        "IMGSCAN_CACHE_DIR",
        "XDG_CACHE_HOME",
        "GITHUB_ACTIONS",
    ):
        monkeypatch.delenv(name, raising=False)
    return stand_in


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


@pytest.fixture
def imgscan(pipeline, capsys):
    """Runs imgscan in this process, over the pipeline that answers with reports made by hand."""

    def run(*arguments: str) -> Run:
        code = main(arguments)
        out, err = capsys.readouterr()
        return Run(code, out, err)

    return run


def process(*arguments: str, **environment: str) -> Run:
    """Runs imgscan as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "imgscan", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    return Run(done.returncode, done.stdout, done.stderr)
