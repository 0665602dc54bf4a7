"""`imgscan inspect IMAGE...`: everything known about images."""

from __future__ import annotations

from typing import Annotated

import typer

from imgscan.cli import options

Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE",
        help="A reference or a path; docker:, archive: and oci: say which. `-` reads an archive from stdin.",
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
    show_suppressed: options.ShowSuppressed = False,
    show_secrets: options.ShowSecrets = False,
    allow_incomplete: options.AllowIncomplete = False,
    strict: options.Strict = False,
    timeout: options.Timeout = None,
    no_cache: options.NoCache = False,
    verify: options.Verify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    version: options.Version = False,
) -> int:
    """Scan images and write each document where it belongs; the exit code."""
    from imgscan.cli.destination import check_writable, deliver, parse_destinations  # noqa: PLC0415
    from imgscan.cli.scanning import Wishes, render_options, scan  # noqa: PLC0415
    from imgscan.renderers import load_renderer  # noqa: PLC0415

    wishes = Wishes(
        fail_on, platform, families, depth, entropy, show_suppressed, show_secrets, allow_incomplete, strict,
        timeout, no_cache, verify, quiet, verbose, trust_packages, tuple(rules or ()), base, only,
    )  # fmt: skip
    destinations = parse_destinations(format or [], output)
    for destination in destinations:
        check_writable(destination)
    scanned = scan(images, wishes)
    for destination in destinations:
        told = render_options(wishes, scanned.failures, to_terminal=destination.path is None)
        text = load_renderer(destination.format).render(scanned.reports, told)
        deliver(destination, text, private=show_secrets)
    return scanned.code
