"""What commands that scan have in common: from options to reports, one image after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imgscan.cli import failure, terminal
from imgscan.cli.dockerfile import read_dockerfile
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
from imgscan.configuration.baseline_file import read_baseline
from imgscan.configuration.configuration import Configuration
from imgscan.configuration.policies import policy_of, with_flags
from imgscan.errors import ImgscanError, UsageError
from imgscan.evidence import Depth
from imgscan.renderers import Failure, RenderOptions
from imgscan.report import Baseline, Policy, Report, Severity
from imgscan.report.exit_code import Completeness, ExitCode, combined, exit_code
from imgscan.report.gate import told_absent, told_unused

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
    configuration: Configuration = field(default_factory=Configuration)
    """What the file and the variables say: the options above have it already, the rest of the policy is here."""
    gate: Mapping[str, object] = field(default_factory=dict)
    """What was typed of that rest, by key of its setting."""
    dockerfile: str | None = None
    insecure: bool = False

    def policy(self) -> Policy:
        """The policy without its baseline, which is a file."""
        policy = policy_of(with_flags(self.configuration, self.gate), today=date.today())  # noqa: DTZ011  # the user's
        fail_on = parse_fail_on(self.fail_on)
        # Typed, or the command's own: then nothing fails, whatever the file says of families.
        off = fail_on is Severity.NONE and self.configuration.value("fail-on") != "none"
        return replace(
            policy,
            fail_on=fail_on,
            fail_on_families=() if off else policy.fail_on_families,
            families=parse_families(self.families),
            only=parse_only(self.only),
            trust_packages=parse_trust(self.trust_packages),
            show_suppressed=self.show_suppressed,
        )

    def baseline(self) -> Baseline | None:
        """What was accepted, read; UsageError for a file that is none."""
        path = with_flags(self.configuration, self.gate).value("baseline")
        return read_baseline(Path(str(path))) if path is not None else None

    def files(self) -> tuple[str | Path | None, ...]:
        """The files that the run reads but for its images: no document may take the place of one."""
        baseline = with_flags(self.configuration, self.gate).value("baseline")
        named = str(baseline) if baseline is not None else None
        return (self.dockerfile, self.base, named, self.configuration.path, *self.rules)

    def completeness(self) -> Completeness:
        strict, lenient = self._settled("strict", self.strict, "allow-incomplete", self.allow_incomplete)
        return parse_completeness(allow_incomplete=lenient, strict=strict)

    def cache_use(self) -> tuple[bool, bool]:
        """(no cache, verify): at most one of them."""
        off, verify = self._settled("no-cache", self.no_cache, "verify", self.verify)
        if off and verify:
            raise UsageError("--no-cache and --verify exclude each other", tip="leave one of them out")
        return off, verify

    def _settled(self, one: str, first: bool, other: str, second: bool) -> tuple[bool, bool]:
        """Of two switches that exclude each other, the typed one wins over the one that the file or a variable sets."""
        configured = bool(self.configuration.value(one)), bool(self.configuration.value(other))
        if first and second and configured[0] != configured[1]:
            return (False, True) if configured[0] else (True, False)
        return first, second


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of the images asked for, in their order."""

    reports: tuple[Report, ...]
    failures: tuple[Failure, ...]
    code: ExitCode


def pipeline_options(wishes: Wishes, environment: Mapping[str, str]) -> Options:
    """The options of the library, all values judged. Raises UsageError for a wrong one."""
    no_cache, verify = wishes.cache_use()
    platforms, depth, policy = parse_platform(wishes.platform), parse_depth(wishes.depth), wishes.policy()
    policy = replace(policy, baseline=wishes.baseline())
    timeout = parse_timeout(wishes.timeout)
    rules = parse_rules(wishes.rules)
    dockerfile = read_dockerfile(wishes.dockerfile, environment)
    # Last, so that a typo is told at once: this is where the libraries that read images are loaded.
    from imgscan.pipeline import CacheMode, Options  # noqa: PLC0415

    # Plaintext is read again and never meets the cache.
    off = no_cache or wishes.show_secrets
    return Options(
        platforms=platforms,
        depth=depth,
        policy=policy,
        entropy=wishes.entropy,
        rules=rules,
        show_secrets=wishes.show_secrets,
        base=wishes.base,
        dockerfile=dockerfile,
        cache=CacheMode.OFF if off else CacheMode.VERIFY if verify else CacheMode.USE,
        cache_directory=cache_directory(environment),
        key=environment.get("IMGSCAN_KEY", "").encode("utf-8", "surrogateescape") or None,
        timeout=timeout,
        insecure=wishes.insecure,
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


def scan(references: Iterable[str], wishes: Wishes, options: Options | None = None) -> Scanned:
    """Scan one image after the other; one that fails is told at once and does not stop the others.

    `options` are those that follow from the wishes, where the caller has changed them.
    """
    completeness, references = wishes.completeness(), tuple(references)
    if references.count("-") > 1:
        raise UsageError("standard input can be read once only", tip="name - once")
    options = options or pipeline_options(wishes, os.environ)
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
    told = reports if failures else with_leftovers(reports, options.policy, whole=options.depth is Depth.CONTENT)
    return Scanned(tuple(told), tuple(failures), combined(codes))


def with_leftovers(reports: Sequence[Report], policy: Policy, *, whole: bool) -> list[Report]:
    """The reports, each told which ignores and which entries of the baseline none of them met.

    Only a run that looked at everything can say so.
    """
    asked = whole and not policy.families and policy.only is None
    if not asked or not reports or not all(report.complete for report in reports):
        return list(reports)
    unmet = set(reports[0].verdict.unused).intersection(*(report.verdict.unused for report in reports))
    unused = [ignore for ignore in policy.ignores if ignore in unmet]
    gone = set(reports[0].verdict.absent).intersection(*(report.verdict.absent for report in reports))
    absent = [entry for entry in (policy.baseline.entries if policy.baseline is not None else ()) if entry in gone]
    name = policy.baseline.name if policy.baseline is not None else ""
    problems = (*told_unused(unused), *told_absent(absent, name))
    return [replace(report, problems=(*report.problems, *problems)) for report in reports]


def started(environment: Mapping[str, str]) -> str:
    """Now, in UTC to the second; SOURCE_DATE_EPOCH where output must be the same each time."""
    epoch = environment.get("SOURCE_DATE_EPOCH", "")
    known = epoch.isascii() and epoch.isdigit() and len(epoch) < 12
    moment = datetime.fromtimestamp(int(epoch), UTC) if known else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


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
        policy=wishes.policy(),
        completeness=wishes.completeness(),
        failures=failures,
        only=wishes.policy().only,
        started=started(os.environ),
        families=frozenset(Family(name) for name in wishes.policy().families),
        depth=parse_depth(wishes.depth),
    )
