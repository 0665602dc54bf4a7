"""`imgscan files IMAGE [GLOB...]`: every version of every file, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from imgscan.cli import options
from imgscan.errors import UsageError

if TYPE_CHECKING:
    from imgscan.cli.destination import Destination
    from imgscan.file_versions import Listing
    from imgscan.overlay import FateKind

FORMATS = ("table", "json", "bodyfile")
DEAD = "dead"

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="A reference or a path, as for `imgscan inspect`.")]
Globs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[GLOB]...",
        help="Only what fits one of these: * and ? within a name, ** for any directories, [a-z]. Without a slash the "
        "file's name decides, with one the whole path.",
    ),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format", "-f", metavar="FORMAT[=FILE]", help="table (default), json or bodyfile; repeatable with files."
    ),
]
Fate = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FATE,...",
        help="Only versions with this fate: present, deleted, overwritten, rewritten (with the same bytes), or dead "
        "(deleted or overwritten).",
    ),
]
LayerNumber = Annotated[
    int | None, typer.Option("--layer", metavar="N", help="Only what layer N brought; layers count from 0, base first.")
]
Owner = Annotated[
    str | None,
    typer.Option(metavar="USER[:GROUP]", help="Only what they own: numbers, or names of the image's own accounts."),
]
Package = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only files that a deb, apk, rpm or Python package of this name lists."),
]
Digests = Annotated[
    bool | None,
    typer.Option(
        "--digests/--no-digests", help="With each file's sha256. By default in json; reads all bytes, as ever."
    ),
]


def files(
    image: Image,
    globs: Globs = None,
    *,
    fate: Fate = None,
    layer: LayerNumber = None,
    owner: Owner = None,
    package: Package = None,
    digests: Digests = None,
    formats: Formats = None,
    target: options.Output = None,
    platform: options.PlatformText = None,
    image_name: options.ImageName = None,
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
    """List the versions that are asked for; the exit code: 3 where the image could not be read completely."""
    from imgscan.cli.destination import check_writable, deliver_lines, parse_destinations  # noqa: PLC0415
    from imgscan.cli.opening import Manner, opening  # noqa: PLC0415
    from imgscan.file_versions import Selection  # noqa: PLC0415
    from imgscan.report.exit_code import ExitCode, lacks_evidence  # noqa: PLC0415

    destinations = parse_destinations(formats or [], target, FORMATS)
    for destination in destinations:
        check_writable(destination, (image,))
    selection = Selection(tuple(globs or ()), parse_fates(fate or []), layer, owner, package)
    wanted = digests if digests is not None else any(each.format == "json" for each in destinations)
    manner = Manner(
        platform, timeout, no_cache, verify, allow_incomplete, strict, quiet, verbose, insecure,
        configuration=options.configuration_of(config),
    )  # fmt: skip
    completeness = manner.wishes().completeness()
    with opening(manner) as chosen:
        from imgscan.listing import list_files  # noqa: PLC0415

        listings = list_files(image, chosen, selection, digests=wanted, image=image_name)
    for destination in destinations:
        deliver_lines(destination, _lines(destination, listings, wanted))
    lacking = any(lacks_evidence(listing.report, completeness) for listing in listings)
    return ExitCode.INCOMPLETE if lacking else ExitCode.CLEAN


def _lines(destination: Destination, listings: Sequence[Listing], digests: bool) -> Iterator[str]:
    import os  # noqa: PLC0415

    from imgscan import __version__  # noqa: PLC0415
    from imgscan.cli import terminal  # noqa: PLC0415
    from imgscan.renderers import RenderOptions, bodyfile, files_json, files_table  # noqa: PLC0415

    if destination.format == "bodyfile":
        return bodyfile.lines(listings)
    shown = destination.path is None
    told = RenderOptions(
        version=__version__,
        width=terminal.columns(os.environ) if shown else terminal.WIDTH,
        colour=shown and terminal.wants_colour(os.environ),
        unicode=not shown or terminal.speaks_unicode(),
    )
    if destination.format == "json":
        return files_json.lines(listings, told)
    return files_table.lines(listings, told, digests=digests)


def parse_fates(texts: list[str]) -> frozenset[FateKind]:
    """The fates asked for; empty for all of them."""
    from imgscan.overlay import FateKind  # noqa: PLC0415

    valid = [str(kind) for kind in FateKind]
    found: set[FateKind] = set()
    for text in (part.strip() for given in texts for part in given.split(",") if part.strip()):
        name = options.parse_choice("--fate", text, [*valid, DEAD])
        found |= {FateKind.DELETED, FateKind.OVERWRITTEN} if name == DEAD else {FateKind(name)}
    if texts and not found:
        raise UsageError("--fate names no fate", tip=f"the values are {', '.join([*valid, DEAD])}")
    return frozenset(found)
