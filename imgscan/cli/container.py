"""`imgscan container NAME...`: how containers are run, who they run as, and what they wrote since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from imgscan.cli import options

if TYPE_CHECKING:
    from imgscan.cli.scanning import Wishes
    from imgscan.renderers import Failure
    from imgscan.report.container import ContainerReport
    from imgscan.report.exit_code import ExitCode

FORMATS = ("table", "json")

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME",
        help="Of a container, or its id, running or stopped; or ./FILE with what docker inspect printed.",
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", "-f", metavar="FORMAT[=FILE]", help="table (default) or json; repeatable with files."),
]
DepthText = Annotated[
    str,
    typer.Option(
        "--depth",
        metavar="|".join(options.DEPTHS),
        help="How far to look: the settings, the list of changed files, or their contents.",
    ),
]


def container(
    names: Names,
    *,
    format: Formats = None,
    output: options.Output = None,
    fail_on: options.FailOn = "high",
    depth: DepthText = "content",
    entropy: options.Entropy = False,
    rules: options.RuleFiles = None,
    show_suppressed: options.ShowSuppressed = False,
    show_secrets: options.ShowSecrets = False,
    allow_incomplete: options.AllowIncomplete = False,
    strict: options.Strict = False,
    timeout: options.Timeout = None,
    no_cache: options.NoCache = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    config: options.Config = None,
    version: options.Version = False,
) -> int:
    """Inspect containers and write each document where it belongs; the exit code."""
    from imgscan.cli.destination import check_writable, deliver, parse_destinations  # noqa: PLC0415
    from imgscan.cli.scanning import Wishes, render_options  # noqa: PLC0415
    from imgscan.renderers import container_json, container_table  # noqa: PLC0415

    wishes = Wishes(
        fail_on, None, None, depth, entropy, show_suppressed, show_secrets, allow_incomplete, strict,
        timeout, no_cache, False, quiet, verbose, rules=tuple(rules or ()),
        configuration=options.configuration_of(config),
    )  # fmt: skip
    destinations = parse_destinations(format or [], output, FORMATS)
    for destination in destinations:
        check_writable(destination, (*names, *wishes.files()))
    reports, failures, code = _inspect(names, wishes)
    for destination in destinations:
        told = render_options(wishes, failures, to_terminal=destination.path is None)
        renderer = container_json if destination.format == "json" else container_table
        deliver(destination, renderer.render(reports, told), private=show_secrets)
    return code


def _inspect(names: Sequence[str], wishes: Wishes) -> tuple[tuple[ContainerReport, ...], tuple[Failure, ...], ExitCode]:
    """One container after the other; one that fails is told at once and does not stop the others."""
    import os  # noqa: PLC0415
    from dataclasses import replace  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from imgscan.cli import failure, terminal  # noqa: PLC0415
    from imgscan.cli.progress import Progress  # noqa: PLC0415
    from imgscan.cli.scanning import pipeline_options  # noqa: PLC0415
    from imgscan.errors import ImgscanError  # noqa: PLC0415
    from imgscan.renderers import Failure  # noqa: PLC0415
    from imgscan.report.container import container_exit_code  # noqa: PLC0415
    from imgscan.report.exit_code import combined  # noqa: PLC0415
    from imgscan.runtime import inspect_container  # noqa: PLC0415
    from imgscan.runtime.saved import inspect_saved  # noqa: PLC0415

    chosen, completeness = pipeline_options(wishes, os.environ), wishes.completeness()
    reports, failures, codes = [], [], []
    with Progress(shown=not wishes.quiet and terminal.is_terminal(terminal.standard_error())) as progress:
        told = replace(chosen, progress=progress.advance if progress.shown else None)
        for name in names:
            try:
                # No container's name has a slash.
                saved = "/" in name[1:] or (name.startswith("/") and Path(name).exists())
                found = inspect_saved(Path(name), told) if saved else [inspect_container(name, told, os.environ)]
            except ImgscanError as error:
                progress.clear()
                codes.append(failure.tell(error, verbose=wishes.verbose))
                failures.append(Failure(name, error.message, error.tip, codes[-1]))
            else:
                progress.clear()
                reports += found
                codes += [container_exit_code(report, completeness) for report in found]
    return tuple(reports), tuple(failures), combined(codes)
