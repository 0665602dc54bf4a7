"""What commands that scan have in common: from options to reports, one image after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imgscan.cli import failure, terminal
from imgscan.cli.options import (
    parse_completeness,
    parse_depth,
    parse_fail_on,
    parse_families,
    parse_only,
    parse_platform,
    parse_rules,
    parse_timeout,
    parse_trust,
)
from imgscan.cli.progress import Progress
from imgscan.errors import ImgscanError, UsageError
from imgscan.renderers import Failure, RenderOptions
from imgscan.report import Policy, Report
from imgscan.report.exit_code import Completeness, ExitCode, combined, exit_code

if TYPE_CHECKING:
    from imgscan.pipeline import Options  # type: ignore[import-not-found, unused-ignore]


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of a scanning command as typed, by name."""

    fail_on: str
    platform: str | None
    families: str | None
    depth: str
    entropy: bool
    show_suppressed: bool
    show_secrets: bool
    allow_incomplete: bool
    strict: bool
    timeout: float | None
    no_cache: bool
    verify: bool
    quiet: bool
    verbose: bool
    trust_packages: str = "yes"
    rules: tuple[str, ...] = ()
    base: str | None = None
    only: str | None = None

    def policy(self) -> Policy:
        return Policy(
            fail_on=parse_fail_on(self.fail_on),
            families=parse_families(self.families),
            only=parse_only(self.only),
            trust_packages=parse_trust(self.trust_packages),
            show_suppressed=self.show_suppressed,
        )

    def completeness(self) -> Completeness:
        return parse_completeness(allow_incomplete=self.allow_incomplete, strict=self.strict)


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of the images asked for, in their order."""

    reports: tuple[Report, ...]
    failures: tuple[Failure, ...]
    code: ExitCode


def pipeline_options(wishes: Wishes, environment: Mapping[str, str]) -> Options:
    """The options of the library, all values judged. Raises UsageError for a wrong one."""
    if wishes.no_cache and wishes.verify:
        raise UsageError("--no-cache and --verify exclude each other", tip="leave one of them out")
    platforms, depth, policy = parse_platform(wishes.platform), parse_depth(wishes.depth), wishes.policy()
    timeout = parse_timeout(wishes.timeout)
    rules = parse_rules(wishes.rules)
    # Last, so that a typo is told at once: this is where the libraries that read images are loaded.
    from imgscan.pipeline import CacheMode, Options  # noqa: PLC0415

    # Plaintext is read again and never meets the cache.
    off = wishes.no_cache or wishes.show_secrets
    return Options(
        platforms=platforms,
        depth=depth,
        policy=policy,
        entropy=wishes.entropy,
        rules=rules,
        show_secrets=wishes.show_secrets,
        base=wishes.base,
        cache=CacheMode.OFF if off else CacheMode.VERIFY if wishes.verify else CacheMode.USE,
        cache_directory=cache_directory(environment),
        key=environment.get("IMGSCAN_KEY", "").encode("utf-8", "surrogateescape") or None,
        timeout=timeout,
    )


def cache_directory(environment: Mapping[str, str]) -> Path:
    """IMGSCAN_CACHE_DIR, else `imgscan` in XDG_CACHE_HOME (absolute paths only, as its specification says)."""
    if chosen := environment.get("IMGSCAN_CACHE_DIR"):
        return Path(chosen).absolute()
    shared = environment.get("XDG_CACHE_HOME", "")
    if Path(shared).is_absolute():
        return Path(shared) / "imgscan"
    try:
        return Path.home() / ".cache" / "imgscan"
    except RuntimeError:  # no HOME and no entry in the user database, as in a container with an arbitrary uid
        return Path("/nonexistent/imgscan")


def scan(references: Iterable[str], wishes: Wishes) -> Scanned:
    """Scan one image after the other; one that fails is told at once and does not stop the others."""
    completeness, references = wishes.completeness(), tuple(references)
    if references.count("-") > 1:
        raise UsageError("standard input can be read once only", tip="name - once")
    options = pipeline_options(wishes, os.environ)
    # Reading and hashing give the interpreter back many times a block, and wait so long for it each time: 15 % of a
    # scan at Python's own 5 ms.
    sys.setswitchinterval(0.001)
    from imgscan.pipeline import inspect_image  # noqa: PLC0415

    reports: list[Report] = []
    failures: list[Failure] = []
    codes: list[ExitCode] = []
    with Progress(shown=not wishes.quiet and terminal.is_terminal(terminal.standard_error())) as progress:
        callback: Callable[[str, int, int | None], None] | None = progress.advance if progress.shown else None
        for reference in references:
            try:
                found = inspect_image(reference, replace(options, progress=callback))
            except ImgscanError as error:
                progress.clear()
                codes.append(failure.tell(error, verbose=wishes.verbose))
                failures.append(Failure(reference, error.message, error.tip, codes[-1]))
            else:
                progress.clear()
                reports += found
                codes += [exit_code(report, completeness) for report in found]
    return Scanned(tuple(reports), tuple(failures), combined(codes))


def render_options(wishes: Wishes, failures: tuple[Failure, ...], *, to_terminal: bool) -> RenderOptions:
    """How to render: for standard output as it is, for a file plain and 100 columns wide."""
    from imgscan import __version__  # noqa: PLC0415
    from imgscan.report import Family  # noqa: PLC0415

    return RenderOptions(
        version=__version__,
        width=terminal.columns(os.environ) if to_terminal else terminal.WIDTH,
        colour=to_terminal and terminal.wants_colour(os.environ),
        unicode=not to_terminal or terminal.speaks_unicode(),
        show_suppressed=wishes.show_suppressed,
        show_secrets=wishes.show_secrets,
        fail_on=parse_fail_on(wishes.fail_on),
        completeness=wishes.completeness(),
        failures=failures,
        only=wishes.policy().only,
        families=frozenset(Family(name) for name in wishes.policy().families),
        depth=parse_depth(wishes.depth),
    )
