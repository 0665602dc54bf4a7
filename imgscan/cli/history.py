"""`imgscan history IMAGE`: the reconstructed Dockerfile, step by step, with sizes and findings."""

from __future__ import annotations

from typing import Annotated

import typer

from imgscan.cli import options

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="A reference or a path, as for `imgscan inspect`.")]


def history(
    image: Image,
    *,
    format: options.Formats = None,
    output: options.Output = None,
    fail_on: options.FailOn = "none",
    platform: options.PlatformText = None,
    families: options.Families = None,
    base: options.Base = None,
    dockerfile: options.DockerfileFile = None,
    only: options.Only = None,
    depth: options.DepthText = "content",
    entropy: options.Entropy = False,
    trust_packages: options.TrustPackages = "yes",
    rules: options.RuleFiles = None,
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
    """Scan an image and tell its history; the exit code. Findings fail the run only where --fail-on says so."""
    from imgscan.cli.destination import check_writable, deliver, parse_destinations  # noqa: PLC0415
    from imgscan.cli.scanning import Wishes, render_options, scan  # noqa: PLC0415
    from imgscan.renderers import history as steps  # noqa: PLC0415
    from imgscan.renderers import load_renderer  # noqa: PLC0415

    wishes = Wishes(
        fail_on, platform, families, depth, entropy, False, show_secrets, allow_incomplete, strict,
        timeout, no_cache, verify, quiet, verbose, trust_packages, tuple(rules or ()), base, only,
        options.configuration_of(config), dockerfile=dockerfile, insecure=insecure,
    )  # fmt: skip
    destinations = parse_destinations(format or [], output)
    for destination in destinations:
        check_writable(destination, (image, *wishes.files()))
    scanned = scan([image], wishes)
    for destination in destinations:
        told = render_options(wishes, scanned.failures, to_terminal=destination.path is None)
        renderer = steps if destination.format == "table" else load_renderer(destination.format)
        deliver(destination, renderer.render(scanned.reports, told), private=show_secrets)
    return scanned.code
