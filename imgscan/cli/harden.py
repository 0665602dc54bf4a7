"""`imgscan harden IMAGE`: how to run an image with what it can live with."""

from __future__ import annotations

from typing import Annotated

import typer

from imgscan.cli import options

TARGETS = ("docker", "compose", "kubernetes")

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="A reference or a path, as for `imgscan inspect`.")]
Target = Annotated[
    str,
    typer.Option("--target", "-t", metavar="|".join(TARGETS), help="A docker run command, or a file for one of these."),
]


def harden(
    image: Image,
    *,
    target: Target = "docker",
    output: options.Output = None,
    platform: options.PlatformText = None,
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
    """Derive the flags and write them; the exit code: 3 where the image could not be read completely."""
    from pathlib import Path  # noqa: PLC0415

    from imgscan.cli.destination import Destination, check_writable, deliver  # noqa: PLC0415
    from imgscan.cli.failure import tell_error  # noqa: PLC0415
    from imgscan.cli.opening import Manner, opening  # noqa: PLC0415
    from imgscan.errors import Effect  # noqa: PLC0415
    from imgscan.renderers import hardening_compose, hardening_docker, hardening_kubernetes  # noqa: PLC0415
    from imgscan.report.exit_code import Completeness, ExitCode  # noqa: PLC0415

    chosen = options.parse_choice("--target", target, TARGETS)
    completeness = options.parse_completeness(allow_incomplete=allow_incomplete, strict=strict)
    destination = Destination("table", Path(output) if output and output != "-" else None)
    check_writable(destination, (image,))
    manner = Manner(platform, timeout, no_cache, verify, allow_incomplete, strict, quiet, verbose, insecure)
    with opening(manner) as found:
        from imgscan.runtime.hardening import harden_image  # noqa: PLC0415

        hardened = harden_image(image, found)
    renderer = {"docker": hardening_docker, "compose": hardening_compose, "kubernetes": hardening_kubernetes}[chosen]
    deliver(destination, renderer.render(hardened), private=False)
    counted = {
        Completeness.LENIENT: (),
        Completeness.PROMISED: (Effect.INCOMPLETE,),
        Completeness.STRICT: (Effect.INCOMPLETE, Effect.OPAQUE),
    }[completeness]
    missing = [problem for each in hardened for problem in each.problems if problem.effect in counted]
    if not missing:
        return ExitCode.CLEAN
    tell_error(
        f"not everything of the image could be read: {missing[0].message}",
        "what was written rests on what was read; --allow-incomplete takes it as it is",
    )
    return ExitCode.INCOMPLETE
