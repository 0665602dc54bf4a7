"""`imgscan inspect IMAGE...`: everything known about images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from imgscan.cli import options

if TYPE_CHECKING:
    from imgscan.renderers import RenderOptions
    from imgscan.report import Report

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE",
        help="A reference or a path; docker:, registry:, archive: and oci: say which. `-` reads an archive from stdin.",
    ),
]


def inspect(
    images: Images,
    *,
    format: options.Formats = None,
    output: options.Output = None,
    fail_on: options.FailOn = "high",
    platform: options.PlatformText = None,
    families: options.Families = None,
    base: options.Base = None,
    only: options.Only = None,
    depth: options.DepthText = "content",
    entropy: options.Entropy = False,
    trust_packages: options.TrustPackages = "yes",
    rules: options.RuleFiles = None,
    dockerfile: options.DockerfileFile = None,
    baseline: options.BaselineFile = None,
    fail_on_inherited: options.FailOnInherited = None,
    fail_on_family: options.FailOnFamily = None,
    severity: options.SeverityText = None,
    min_confidence: options.MinConfidence = None,
    max_size: options.MaxSize = None,
    max_dead_bytes: options.MaxDeadBytes = None,
    max_build_tools: options.MaxBuildTools = None,
    allowed_bases: options.AllowedBases = None,
    forbidden_bases: options.ForbiddenBases = None,
    required_labels: options.RequiredLabels = None,
    required_user: options.RequiredUser = None,
    own_packages: options.OwnPackages = None,
    public_packages: options.PublicPackages = None,
    show_suppressed: options.ShowSuppressed = False,
    show_secrets: options.ShowSecrets = False,
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
    """Scan images and write each document where it belongs; the exit code."""
    from imgscan.cli import github  # noqa: PLC0415
    from imgscan.cli.destination import check_writable, deliver, parse_destinations  # noqa: PLC0415
    from imgscan.cli.scanning import Wishes, render_options, scan  # noqa: PLC0415
    from imgscan.renderers import load_renderer  # noqa: PLC0415

    wishes = Wishes(
        fail_on, platform, families, depth, entropy, show_suppressed, show_secrets, allow_incomplete, strict,
        timeout, no_cache, verify, quiet, verbose, trust_packages, tuple(rules or ()), base, only,
        options.configuration_of(config),
        {
            "baseline": baseline, "fail-on-inherited": fail_on_inherited, "fail-on-family": fail_on_family,
            "severity": severity, "min-confidence": min_confidence, "max-size": max_size,
            "max-dead-bytes": max_dead_bytes, "max-build-tools": max_build_tools, "allowed-bases": allowed_bases,
            "forbidden-bases": forbidden_bases, "required-labels": required_labels, "required-user": required_user,
            "own-packages": own_packages, "public-packages": public_packages,
        },
        dockerfile, insecure,
    )  # fmt: skip
    destinations = parse_destinations(format or [], output)
    for destination in destinations:
        check_writable(destination, (*images, *wishes.files()))
    scanned = scan(images, wishes)
    for destination in destinations:
        told = render_options(wishes, scanned.failures, to_terminal=destination.path is None)
        text = load_renderer(destination.format).render(scanned.reports, told)
        if destination.path is None and destination.format in ("table", "markdown") and github.runs_there(os.environ):
            text = github.defused(text)
        deliver(destination, text, private=show_secrets)
    plain = render_options(wishes, scanned.failures, to_terminal=False)
    if not quiet and all(destination.path is not None for destination in destinations):
        _conclude(scanned.reports, plain)
    if github.runs_there(os.environ):
        github.tell(scanned.reports, plain, os.environ, quiet=quiet)
    return scanned.code


def _conclude(reports: Sequence[Report], told: RenderOptions) -> None:
    """A line for each image where all documents go to files: an exit code 1 without a word explains nothing."""
    from imgscan.cli.terminal import write_error  # noqa: PLC0415
    from imgscan.renderers.ledger import verdict  # noqa: PLC0415
    from imgscan.renderers.style import Page, Style  # noqa: PLC0415
    from imgscan.renderers.text import one_line  # noqa: PLC0415

    page = Page(told, 1000, Style(colour=False, unicode=False))
    for report in reports:
        write_error(f"{one_line(report.image.reference, 300)}: {' '.join(verdict(report, page))}\n")
