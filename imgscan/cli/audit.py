"""`imgscan audit REGISTRY [REPO-GLOB...]`: every image of a registry, each layer once."""

from __future__ import annotations

from typing import Annotated

import typer

from imgscan.cli import options
from imgscan.errors import UsageError

PLAN_FORMATS = ("table", "json")

RegistryName = Annotated[str, typer.Argument(metavar="REGISTRY", help="HOST[:PORT] of the registry.")]
Globs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[REPO-GLOB]...", help="Only repositories whose name fits one of these: * is anything."),
]
ReposFrom = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Names of repositories, a line each, of a registry that does not list its own."),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tags", metavar="GLOB", help="Only tags that fit one of these. Repeatable.")
]
Newest = Annotated[int | None, typer.Option(metavar="N", help="Only the N newest tags of each repository.")]
Since = Annotated[str | None, typer.Option(metavar="DATE", help="Only images created on DATE (2026-01-31) or later.")]
Platforms = Annotated[
    str | None,
    typer.Option("--platform", metavar="OS/ARCH[/VARIANT]|all", help="Only images for this platform; by default all."),
]
StateFile = Annotated[
    str | None,
    typer.Option(
        "--state", metavar="FILE", help="Where to keep what is known; by default a file for each registry in ~/.local."
    ),
]
OnlyPlan = Annotated[bool, typer.Option("--plan", help="Tell what would be fetched, and open no layer.")]
WorkerCount = Annotated[
    int | None, typer.Option("--workers", metavar="N", help="Processes of this machine; by default one for each core.")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="tcp://HOST:PORT", help="Scan on the workers of this Dask scheduler instead.")
]
Rate = Annotated[
    str | None, typer.Option(metavar="N[/s|/m|/h]", help="At most so many requests, of all workers together.")
]
RetryLeftOut = Annotated[
    bool, typer.Option("--retry-left-out", help="Try layers again that were left out because their workers died.")
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format", "-f", metavar="FORMAT[=FILE]", help="table (default), json, sarif, csv or html; repeatable."
    ),
]


def audit(
    registry: RegistryName,
    globs: Globs = None,
    *,
    repos_from: ReposFrom = None,
    tags: Tags = None,
    newest: Newest = None,
    since: Since = None,
    platform: Platforms = None,
    state: StateFile = None,
    plan: OnlyPlan = False,
    workers: WorkerCount = None,
    scheduler: Scheduler = None,
    rate: Rate = None,
    retry_left_out: RetryLeftOut = False,
    format: Formats = None,
    output: options.Output = None,
    fail_on: options.FailOn = "high",
    families: options.Families = None,
    entropy: options.Entropy = False,
    trust_packages: options.TrustPackages = "yes",
    rules: options.RuleFiles = None,
    baseline: options.BaselineFile = None,
    fail_on_inherited: options.FailOnInherited = None,
    fail_on_family: options.FailOnFamily = None,
    severity: options.SeverityText = None,
    min_confidence: options.MinConfidence = None,
    allow_incomplete: options.AllowIncomplete = False,
    strict: options.Strict = False,
    insecure: options.Insecure = False,
    timeout: options.Timeout = None,
    show_secrets: options.ShowSecrets = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    config: options.Config = None,
    version: options.Version = False,
) -> int:
    """Audit, and write each document where it belongs; the exit code."""
    from imgscan.cli.auditing import AuditRequest, carry_out  # noqa: PLC0415
    from imgscan.cli.destination import check_writable, deliver_lines, parse_destinations  # noqa: PLC0415
    from imgscan.cli.scanning import Wishes, render_options  # noqa: PLC0415
    from imgscan.renderers import AUDIT_RENDERERS  # noqa: PLC0415

    if show_secrets:
        raise UsageError(
            "an audit never shows secrets", tip="look at one image: imgscan inspect registry:IMAGE --show-secrets"
        )
    known = PLAN_FORMATS if plan else tuple(name for name, _ in AUDIT_RENDERERS)
    destinations = parse_destinations(format or [], output, known)
    for destination in destinations:
        check_writable(destination, (state, repos_from, baseline, *(rules or ())))
    wishes = Wishes(
        fail_on=fail_on,
        platform=platform,
        families=families,
        depth="content",
        entropy=entropy,
        show_suppressed=False,
        show_secrets=False,
        allow_incomplete=allow_incomplete,
        strict=strict,
        timeout=timeout,
        no_cache=False,
        verify=False,
        quiet=quiet,
        verbose=verbose,
        trust_packages=trust_packages,
        rules=tuple(rules or ()),
        configuration=options.configuration_of(config),
        gate={
            "baseline": baseline,
            "fail-on-inherited": fail_on_inherited,
            "fail-on-family": fail_on_family,
            "severity": severity,
            "min-confidence": min_confidence,
        },
        insecure=insecure,
    )
    request = AuditRequest(
        registry, tuple(globs or ()), repos_from, tuple(tags or ()), newest, since, platform, state, workers,
        scheduler, rate, retry_left_out,
    )  # fmt: skip
    code, document = carry_out(request, wishes, plan=plan)
    for destination in destinations:
        told = render_options(wishes, (), to_terminal=destination.path is None)
        deliver_lines(destination, document(destination.format, told))
    return code
