"""`imgscan extract IMAGE PATH`: the exact bytes of one version of a file, also of a deleted one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgscan.cli import options
from imgscan.errors import ImgscanError, UsageError

if TYPE_CHECKING:
    from imgscan.pipeline import Options  # type: ignore[import-not-found, unused-ignore]
    from imgscan.recovery import Recovered

_PLAIN_TEXT = bytes([9, 10, 13, *range(0x20, 0x7F), *range(0x80, 0x100)])
"""Bytes that no terminal takes for an order: no control characters; UTF-8 beyond ASCII is let through."""

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="A reference or a path, as for `imgscan inspect`.")]
PathInImage = Annotated[str, typer.Argument(metavar="PATH", help="The file, as `imgscan files` tells it.")]
LayerNumber = Annotated[
    int | None, typer.Option("--layer", metavar="N", help="The version that layer N brought; base first, from 0.")
]
MemberNumber = Annotated[
    int | None,
    typer.Option("--member", metavar="M", help="Entry M of that layer's tar, where it has the path more than once."),
]
Inner = Annotated[
    str | None,
    typer.Option(
        "--inner", metavar="PATH", help="A file inside of PATH, which is an archive, as findings name it: a.jar!/b.txt."
    ),
]
Target = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to FILE (mode 0600) instead of stdout.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it is there; print binary to a terminal.")]
Evidence = Annotated[
    str | None,
    typer.Option(
        "--evidence",
        metavar="DIR",
        help="Make DIR a bag of evidence: the file, its metadata and digests, the chain back to the image.",
    ),
]


def extract(
    image: Image,
    path: PathInImage,
    *,
    layer: LayerNumber = None,
    member: MemberNumber = None,
    inner: Inner = None,
    target: Target = None,
    force: Force = False,
    evidence: Evidence = None,
    platform: options.PlatformText = None,
    image_name: options.ImageName = None,
    allow_incomplete: options.AllowIncomplete = False,
    timeout: options.Timeout = None,
    insecure: options.Insecure = False,
    no_cache: options.NoCache = False,
    verify: options.Verify = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    config: options.Config = None,
    version: options.Version = False,
) -> int:
    """Recover one version; the exit code: 3 where some of its bytes are not in the layer."""
    from contextlib import ExitStack  # noqa: PLC0415

    from imgscan.cli.destination import Destination, check_writable  # noqa: PLC0415
    from imgscan.cli.opening import Manner, opening  # noqa: PLC0415
    from imgscan.cli.outfile import check_bag, check_target  # noqa: PLC0415

    file = Path(target) if target is not None and target != "-" else None
    bag = Path(evidence) if evidence is not None else None
    if file is not None:
        check_target(file, force=force)
        check_writable(Destination("bytes", file), (image,))
    if bag is not None:
        check_bag(bag)
    manner = Manner(
        platform, timeout, no_cache, verify, allow_incomplete, False, quiet, verbose, insecure,
        configuration=options.configuration_of(config),
    )  # fmt: skip
    with ExitStack() as stack:
        with opening(manner) as chosen:
            from imgscan.recovery import recover  # noqa: PLC0415

            found = stack.enter_context(
                recover(image, path, chosen, layer=layer, member=member, image=image_name, inner=inner)
            )
        _check_whole(found, allow_incomplete=allow_incomplete)
        to_stdout = target == "-" or (file is None and bag is None)
        if to_stdout and not force:
            _check_terminal(found)
        _write(found, image, chosen, file, bag, to_stdout=to_stdout, force=force)
        if not quiet:
            _tell(found, [str(place) for place in (file, bag) if place is not None])
    return 0


def _write(
    found: Recovered,
    image: str,
    chosen: Options,
    target: Path | None,
    bag: Path | None,
    *,
    to_stdout: bool,
    force: bool,
) -> None:
    from imgscan.cli.outfile import write_bag, write_bytes, write_file  # noqa: PLC0415

    if bag is not None:
        from imgscan.recovery.bag import bag as contents  # noqa: PLC0415

        write_bag(bag, contents(found, image, chosen))
    if target is not None:
        write_file(target, found.pieces(), force=force, mode=0o600)
    if to_stdout:
        write_bytes(found.pieces())


def _check_whole(found: Recovered, *, allow_incomplete: bool) -> None:
    if found.missing and not allow_incomplete:
        raise ImgscanError(
            f"layer {found.content.layer} ends within the file: {found.size:,} of {found.content.member.size:,} bytes "
            "are there",
            tip="--allow-incomplete gives those",
        )


def _check_terminal(found: Recovered) -> None:
    """A terminal obeys what it is sent: nothing but plain text goes there unasked."""
    from imgscan.cli import terminal  # noqa: PLC0415

    if not terminal.is_terminal(sys.stdout):
        return
    for piece in found.pieces():
        if piece.translate(None, _PLAIN_TEXT):
            raise UsageError(
                "the file is not plain text, and would go to a terminal",
                tip="-o FILE keeps it, | less or | hexdump -C shows it; --force prints it all the same",
            )


def _tell(found: Recovered, places: list[str]) -> None:
    """What was recovered, where it went, and for a hard link where its bytes are."""
    from imgscan.cli.terminal import write_error  # noqa: PLC0415
    from imgscan.renderers.text import one_line  # noqa: PLC0415

    name, layer = found.version.path, found.version.layer
    what = f"{name} > {found.inner_path}" if found.inner_path is not None else name
    if found.content != found.version:
        holder = f"{found.content.path} in layer {found.content.layer}"
        write_error(one_line(f"{name} in layer {layer} is a hard link; its bytes are those of {holder}", 2000) + "\n")
    if places:
        told = f"{what} of layer {layer}, {found.size:,} bytes, sha256 {found.sha256}: {', '.join(places)}"
        write_error(one_line(told, 4000) + "\n")
