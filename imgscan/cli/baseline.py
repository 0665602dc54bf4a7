"""`imgscan baseline IMAGE...`: accept what is there now; later runs with --baseline report only what is new."""

from __future__ import annotations

from typing import Annotated

import typer

from imgscan.cli import options

Images = Annotated[
    list[str] | None,
    typer.Argument(metavar="IMAGE", help="What `imgscan inspect` reads. None is needed for --audit and --mark."),
]
File = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The baseline; default: what the policy names, or .imgscan-baseline.json.",
    ),
]
Prune = Annotated[bool, typer.Option("--prune", help="Remove entries that no longer occur.")]
Import = Annotated[
    str | None,
    typer.Option(
        "--import",
        metavar="FILE",
        help="Accept only what detect-secrets' .secrets.baseline accepts: the same value in a file of the same name.",
    ),
]
AuditFlag = Annotated[bool, typer.Option("--audit", help="Ask of each entry whether it is a real secret or finding.")]
Mark = Annotated[
    list[str] | None,
    typer.Option(
        "--mark", metavar="FINGERPRINT=VERDICT", help="true-positive, false-positive or open, without being asked."
    ),
]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Kept with the entries that --mark names.")]


def baseline(
    images: Images = None,
    *,
    output: File = None,
    prune: Prune = False,
    import_: Import = None,
    audit: AuditFlag = False,
    mark: Mark = None,
    note: Note = None,
    platform: options.PlatformText = None,
    base: options.Base = None,
    only: options.Only = None,
    families: options.Families = None,
    entropy: options.Entropy = False,
    trust_packages: options.TrustPackages = "yes",
    rules: options.RuleFiles = None,
    allow_incomplete: options.AllowIncomplete = False,
    timeout: options.Timeout = None,
    no_cache: options.NoCache = False,
    verify: options.Verify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    config: options.Config = None,
    version: options.Version = False,
) -> int:
    """Write, update or audit a baseline; the exit code."""
    from imgscan.cli.baseline_work import Request, run  # noqa: PLC0415
    from imgscan.cli.scanning import Wishes  # noqa: PLC0415

    configuration = options.configuration_of(config)
    wishes = Wishes(
        "none", platform, families, "content", entropy, False, import_ is not None, allow_incomplete, False,
        timeout, no_cache, verify, quiet, verbose, trust_packages, tuple(rules or ()), base, only, configuration,
    )  # fmt: skip
    return run(Request(tuple(images or ()), output, prune, import_, audit, tuple(mark or ()), note), wishes)
