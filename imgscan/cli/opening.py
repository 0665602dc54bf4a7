"""What commands that ask one image for something have in common: its options, its progress, what was not read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from imgscan.cli import terminal
from imgscan.cli.progress import Progress
from imgscan.cli.scanning import Wishes, pipeline_options
from imgscan.configuration.configuration import Configuration

if TYPE_CHECKING:
    from imgscan.pipeline import Options  # type: ignore[import-not-found, unused-ignore]


@dataclass(frozen=True, slots=True)
class Manner:
    """How an image is opened, as typed."""

    platform: str | None = None
    timeout: float | None = None
    no_cache: bool = False
    verify: bool = False
    allow_incomplete: bool = False
    strict: bool = False
    quiet: bool = False
    verbose: bool = False
    insecure: bool = False
    configuration: Configuration = field(default_factory=Configuration)

    def wishes(self) -> Wishes:
        """As a scanning command has them; nothing is searched, so nothing fails."""
        return Wishes(
            fail_on="none",
            platform=self.platform,
            families=None,
            depth="members",
            entropy=False,
            show_suppressed=False,
            show_secrets=False,
            allow_incomplete=self.allow_incomplete,
            strict=self.strict,
            timeout=self.timeout,
            no_cache=self.no_cache,
            verify=self.verify,
            quiet=self.quiet,
            verbose=self.verbose,
            insecure=self.insecure,
            configuration=self.configuration,
        )


@contextmanager
def opening(manner: Manner) -> Iterator[Options]:
    """The options of the library, with progress shown to whoever looks. Raises UsageError for a wrong value."""
    with with_progress(manner.wishes()) as options:
        yield options


@contextmanager
def with_progress(wishes: Wishes) -> Iterator[Options]:
    """The options of the library that a command's wishes mean, with progress shown to whoever looks."""
    options = pipeline_options(wishes, os.environ)
    # Reading and hashing give the interpreter back many times a block, and wait for it each time (cli/scanning.py).
    sys.setswitchinterval(0.001)
    with Progress(shown=not wishes.quiet and terminal.is_terminal(terminal.standard_error())) as progress:
        yield replace(options, progress=progress.advance if progress.shown else None)
