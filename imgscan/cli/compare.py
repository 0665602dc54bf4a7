"""`imgscan compare IMAGE...`: images side by side, containers beside the images they run."""

from __future__ import annotations

from typing import Annotated

import typer

from imgscan.cli import options
from imgscan.errors import UsageError

FORMATS = ("table", "json", "markdown")

Images = Annotated[
    list[str] | None,
    typer.Argument(metavar="IMAGE...", help="As for `imgscan inspect`; sizes are told against the first."),
]
Containers = Annotated[
    list[str] | None,
    typer.Option("--container", metavar="NAME", help="A row for this container, with what holds it back. Repeatable."),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format", "-f", metavar="FORMAT[=FILE]", help="table (default), json or markdown; repeatable with files."
    ),
]
FailOnNew = Annotated[
    str,
    typer.Option(
        metavar="|".join(options.FAIL_ON),
        help="Of two images: exit with 1 where the second has a finding this bad or worse that the first has not.",
    ),
]


def compare(
    images: Images = None,
    *,
    container: Containers = None,
    formats: Formats = None,
    target: options.Output = None,
    fail_on_new: FailOnNew = "none",
    platform: options.PlatformText = None,
    depth: options.DepthText = "content",
    entropy: options.Entropy = False,
    trust_packages: options.TrustPackages = "yes",
    rules: options.RuleFiles = None,
    allow_incomplete: options.AllowIncomplete = False,
    strict: options.Strict = False,
    timeout: options.Timeout = None,
    insecure: options.Insecure = False,
    no_cache: options.NoCache = False,
    verify: options.Verify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    config: options.Config = None,
    version: options.Version = False,
) -> int:
    """Compare, and write each document where it belongs; the exit code."""
    from imgscan.cli.destination import check_writable, deliver, parse_destinations  # noqa: PLC0415
    from imgscan.cli.opening import with_progress  # noqa: PLC0415
    from imgscan.cli.scanning import Wishes, render_options  # noqa: PLC0415
    from imgscan.renderers import compare_json, compare_markdown, compare_table  # noqa: PLC0415
    from imgscan.report.exit_code import ExitCode, lacks_evidence  # noqa: PLC0415

    wishes = Wishes(
        "none", platform, None, depth, entropy, False, False, allow_incomplete, strict, timeout, no_cache, verify,
        quiet, verbose, trust_packages, tuple(rules or ()), configuration=options.configuration_of(config),
        insecure=insecure,
    )  # fmt: skip
    threshold, completeness = options.parse_choice("--fail-on-new", fail_on_new, options.FAIL_ON), wishes.completeness()
    _check(images or [], container or [], threshold)
    destinations = parse_destinations(formats or [], target, FORMATS)
    for destination in destinations:
        check_writable(destination, (*(images or ()), *wishes.files()))
    with with_progress(wishes) as chosen:
        from imgscan.comparing import compare_images  # noqa: PLC0415

        found = compare_images(images or [], container or [], chosen)
    renderers = {"table": compare_table, "json": compare_json, "markdown": compare_markdown}
    for destination in destinations:
        told = render_options(wishes, (), to_terminal=destination.path is None)
        deliver(destination, renderers[destination.format].render(found, told), private=False)
    if any(lacks_evidence(row.report, completeness) for row in found.rows):
        return ExitCode.INCOMPLETE
    new = found.difference is not None and found.difference.fails(options.parse_fail_on(threshold))
    return ExitCode.FOUND if new else ExitCode.CLEAN


def _check(images: list[str], containers: list[str], threshold: str) -> None:
    if not images and not containers:
        raise UsageError("nothing to compare", tip="name two images or more, or containers with --container NAME")
    if images.count("-") > 1:
        raise UsageError("standard input can be read once only", tip="name - once")
    if threshold != "none" and len(images) != 2:
        raise UsageError(
            f"--fail-on-new needs two images, not {len(images)}", tip="name the one before and the one after"
        )
