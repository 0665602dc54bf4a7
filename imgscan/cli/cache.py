"""`imgscan cache info|prune`: what earlier runs left behind to be faster, and how to be rid of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgscan.cli import options
from imgscan.cli.terminal import write_output

cache_app = typer.Typer(
    name="cache",
    help="What is kept of scanned layers: how much it is, and how to be rid of it.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

Format = Annotated[str, typer.Option("--format", "-f", metavar="table|json", help="table (default) or json.")]
MaxSize = Annotated[
    str, typer.Option("--max-size", metavar="SIZE", help="Keep this much, the most recently used, as 500MB.")
]

KINDS = {
    "scans": "scans of layers",
    "files": "files known again",
    "blobs": "blobs known again",
    "configs": "configs",
    "patterns": "compiled patterns",
    "key": "key",
    "other": "other files",
}


@cache_app.callback()
def cache(context: typer.Context) -> None:
    """Without a second word: the help."""
    if context.invoked_subcommand is None:
        write_output(context.get_help() + "\n")


@cache_app.command(help="Where the cache is, and what is in it.")
def info(*, format: Format = "table", version: options.Version = False) -> int:
    """Tell it; the exit code."""
    import json  # noqa: PLC0415
    import os  # noqa: PLC0415

    from imgscan import __version__  # noqa: PLC0415
    from imgscan.cli.scanning import cache_directory  # noqa: PLC0415
    from imgscan.renderers.text import count_text, size_text  # noqa: PLC0415

    chosen = options.parse_choice("--format", format, ("table", "json"))
    directory = cache_directory(os.environ)
    found = contents(directory)
    total = sum(size for _, size in found.values())
    if chosen == "json":
        kinds = {kind: {"files": count, "bytes": size} for kind, (count, size) in found.items()}
        cache = {"directory": str(directory), "bytes": total, "kinds": kinds}
        tool = {"name": "imgscan", "version": __version__}
        write_output(json.dumps({"schema": "imgscan/1", "tool": tool, "cache": cache}, indent=2) + "\n")
        return 0
    lines = [f"{directory}: {size_text(total)}"]
    lines += [
        f"  {KINDS[kind]:<18} {count_text(count, 'file'):>12}  {size_text(size):>9}"
        for kind, (count, size) in found.items()
        if count
    ]
    write_output("\n".join(lines) + "\n")
    return 0


@cache_app.command(help="Remove all but the key, or the least recently used beyond --max-size.")
def prune(*, max_size: MaxSize = "0", version: options.Version = False) -> int:
    """Remove the least recently used of it; the exit code."""
    import os  # noqa: PLC0415

    from imgscan.cli.scanning import cache_directory  # noqa: PLC0415
    from imgscan.configuration.settings import BY_KEY, read  # noqa: PLC0415
    from imgscan.layers.cache import ScanCache  # noqa: PLC0415
    from imgscan.renderers.text import size_text  # noqa: PLC0415

    cap = read(BY_KEY["max-size"], max_size, "--max-size")
    directory = cache_directory(os.environ)
    before = sum(size for _, size in contents(directory).values())
    if before:
        ScanCache(directory).prune(int(cap) if isinstance(cap, int) else 0)
    after = sum(size for _, size in contents(directory).values())
    write_output(f"{directory}: {size_text(before - after)} removed, {size_text(after)} left\n")
    return 0


def contents(directory: Path) -> dict[str, tuple[int, int]]:
    """(files, bytes) of each kind of file in a cache; nothing where there is none."""
    import os  # noqa: PLC0415

    found = dict.fromkeys(KINDS, (0, 0))
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                size = Path(folder, name).lstat().st_size
            except OSError:
                continue
            kind = _kind(Path(folder), directory, name)
            found[kind] = (found[kind][0] + 1, found[kind][1] + size)
    return found


def _kind(folder: Path, directory: Path, name: str) -> str:
    if folder == directory:
        return "key" if name == "key" else "patterns" if name.endswith(".hsdb") else "other"
    return folder.name if folder.name in KINDS else "other"
