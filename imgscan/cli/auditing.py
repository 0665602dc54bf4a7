"""From what was typed of an audit to its report: the selection, where the state is, progress, the exit code."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imgscan import __version__
from imgscan.audit.run import AuditOptions, audit, plan_audit
from imgscan.cli import options, terminal
from imgscan.cli.audit_progress import AuditProgress
from imgscan.cli.scanning import Wishes, cache_directory, pipeline_options
from imgscan.errors import UsageError
from imgscan.pipeline import cores
from imgscan.renderers import RenderOptions, load_audit_renderer
from imgscan.report.audit import AuditPlan, Selection
from imgscan.report.exit_code import ExitCode, audit_exit_code
from imgscan.sources.registry.access import Access
from imgscan.sources.registry.reference import REPOSITORY, canonical_registry

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_MAX_NAMES = 64 << 20

Document = Callable[[str, RenderOptions], Iterator[str]]
"""(format, options) -> the document in pieces."""


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """The command's own options, as typed."""

    registry: str
    globs: tuple[str, ...]
    repos_from: str | None
    tags: tuple[str, ...]
    newest: int | None
    since: str | None
    platform: str | None
    state: str | None
    workers: int | None
    scheduler: str | None
    rate: str | None
    retry_left_out: bool


def carry_out(request: AuditRequest, wishes: Wishes, *, plan: bool) -> tuple[ExitCode, Document]:
    """Plan or audit; the exit code, and what gives the documents."""
    chosen = _options(request, wishes, os.environ)
    completeness = wishes.completeness()
    # As for a scan (cli/scanning.py): requests and answers must not wait for one another.
    sys.setswitchinterval(0.001)
    shown = not wishes.quiet and terminal.is_terminal(terminal.standard_error())
    try:
        with AuditProgress(shown=shown) as progress:
            if plan:
                planned = plan_audit(chosen, watcher=progress)
                return ExitCode.CLEAN, _plan_document(chosen.selection, planned)
            report = audit(chosen, watcher=progress)
    except KeyboardInterrupt:
        terminal.write_error("\nwhat was finished is kept: the same command goes on from here\n")
        raise

    def document(name: str, told: RenderOptions) -> Iterator[str]:
        return load_audit_renderer(name).lines(report, told)

    return audit_exit_code(report, completeness), document


def _plan_document(selection: Selection, planned: AuditPlan) -> Document:
    from imgscan.renderers import audit_json, audit_table  # noqa: PLC0415

    def document(name: str, told: RenderOptions) -> Iterator[str]:
        if name == "json":
            return audit_json.plan_lines(selection, planned, told)
        return audit_table.plan_lines(selection, planned, told)

    return document


def _options(request: AuditRequest, wishes: Wishes, environment: Mapping[str, str]) -> AuditOptions:
    """The options of the library, all values judged. Raises UsageError for a wrong one."""
    selection = _selection(request)
    if request.workers is not None and request.workers < 1:
        raise UsageError(f"--workers cannot be {request.workers}", tip="write a number from 1 on")
    rate = parse_rate(request.rate)
    if request.scheduler is not None and not re.fullmatch(r"(?:tcp|tls|ucx|wss?)://\S+", request.scheduler):
        raise UsageError(f"{request.scheduler!r} is no scheduler's address", tip="write tcp://HOST:8786, or tls://...")
    usual = pipeline_options(wishes, environment)
    return AuditOptions(
        selection=selection,
        state=Path(request.state) if request.state is not None else _usual_state(selection.registry, environment),
        version=__version__,
        workers=request.workers or cores(),
        scheduler=request.scheduler,
        rate=rate,
        access=Access(insecure=usual.insecure, timeout=usual.timeout),
        policy=usual.policy,
        entropy=usual.entropy,
        rules=usual.rules,
        key=usual.key,
        matcher_cache=cache_directory(environment),
        retry_left_out=request.retry_left_out,
    )


def _selection(request: AuditRequest) -> Selection:
    if request.newest is not None and request.newest < 1:
        raise UsageError(f"--newest cannot be {request.newest}", tip="write a number from 1 on")
    platforms = options.parse_platform(request.platform)
    return Selection(
        registry=_registry(request.registry),
        repositories=request.globs,
        named=read_names(request.repos_from) if request.repos_from is not None else None,
        tags=request.tags,
        newest=request.newest,
        since=parse_since(request.since),
        platform=str(platforms.platform) if platforms.platform is not None else None,
    )


def _registry(text: str) -> str:
    """The registry's name; what people write around it is taken off where it can mean only one thing."""
    name = re.sub(r"\A(?:registry:(?!\d+/?\Z)|https?://)", "", text).rstrip("/")
    host, slash, rest = name.partition("/")
    if slash:
        raise UsageError(f"{text!r} is more than a registry", tip=f"write: imgscan audit {host} '{rest}' '{rest}/*'")
    return canonical_registry(host)


def parse_rate(text: str | None) -> float | None:
    """Requests a second of `10`, `10/s`, `100/m` or `1000/h`."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/([smh]))?", text.strip())
    if found is None or float(found[1]) <= 0:
        raise UsageError(
            f"--rate cannot be {text!r}", tip="write requests a second, minute or hour: 10/s, 100/m, 5000/h"
        )
    return float(found[1]) / _SECONDS[found[2] or ""]


def parse_since(text: str | None) -> str | None:
    """A date, or a time of RFC 3339, in UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter of years 1 and 9999
        raise UsageError(f"--since cannot be {text!r}", tip="write a date, as 2026-01-31") from None
    return moment.isoformat().replace("+00:00", "Z")


def read_names(path: str) -> tuple[str, ...]:
    """Names of repositories, a line each; empty lines and what follows a # are left out. `-` is standard input."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(_MAX_NAMES) if sys.stdin is not None else b""
        else:
            with Path(path).open("rb") as file:
                data = file.read(_MAX_NAMES)
    except OSError as error:
        raise UsageError(
            f"--repos-from {path} cannot be read: {error.strerror or error}", tip="name a file that exists"
        ) from error
    names = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        name = line.partition("#")[0].strip()
        if name and not REPOSITORY.fullmatch(name):
            raise UsageError(
                f"line {number} of {path} is no repository's name: {name[:200]!r}",
                tip="write names without registry and tag, as team/app",
            )
        if name:
            names.append(name)
    if not names:
        raise UsageError(f"{path} names no repository", tip="write a name on each line, as team/app")
    return tuple(dict.fromkeys(names))


def _usual_state(registry: str, environment: Mapping[str, str]) -> Path:
    """A file for each registry in XDG_STATE_HOME, which is for what should outlive a cache; its directory is made."""
    shared = environment.get("XDG_STATE_HOME", "")
    try:
        directory = Path(shared) if Path(shared).is_absolute() else Path.home() / ".local" / "state"
        directory = directory / "imgscan"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"there is no place for the state of the audit: {error}", tip="name a file: --state FILE"
        ) from error
    return directory / f"audit-{re.sub('[^A-Za-z0-9.-]', '_', registry)}.sqlite"
