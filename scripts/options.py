"""Write docs/options.md: every option of every command, as the program has it: python -m scripts.options."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from imgscan.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "options.md"
SHARED = 3
"""An option that is the same in so many commands is told once, above them."""

HEAD = """\
# Commands and options

Made by `make docs` from the program itself; `imgscan COMMAND --help` prints the same. Most options can be set for a
project, in `imgscan.toml` or by an `IMGSCAN_*` variable: [policy.md](policy.md). What a run ends with:
[exit-codes.md](exit-codes.md).

`imgscan --install-completion` teaches the shell to complete commands and options, `imgscan --version` tells the
version; `python -m imgscan` is the same program.

| command | |
|---|---|
{commands}

IMAGE is a reference or a path: `docker:REF` (engine), `registry:REF`, `archive:PATH` (docker save or OCI archive) and
`oci:PATH[:TAG]` (layout directory) are explicit. Without a scheme an existing path is read as what it is; else the
engine is asked, and only if none can be reached, or it does not have the image, the registry. `-` reads an archive
from standard input.

## Options of several commands

| option | default | meaning |
|---|---|---|
{shared}
"""


def commands() -> Iterator[tuple[str, Any]]:
    """All commands in the order of the help, `config show` and the like by both of their words."""
    yield from _below("", typer.main.get_command(app))


def _below(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _below(f"{prefix}{name} ", command)
        else:
            yield prefix + name, command


def page() -> str:
    """The whole page."""
    rows = {name: [_row(option) for option in _options(command)] for name, command in commands()}
    counts = Counter(row for own in rows.values() for row in own)
    shared = [row for row, count in counts.items() if count >= SHARED]
    told = "\n".join(
        f"| [`{name}`](#imgscan-{name.replace(' ', '-')}) | {command.help} |" for name, command in commands()
    )
    parts = [HEAD.format(commands=told, shared="\n".join(shared))]
    for name, command in commands():
        parts.append(_section(name, command, rows[name], set(shared)))
    return "\n".join(parts)


def _section(name: str, command: Any, rows: list[str], shared: set[str]) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    usage = " ".join(["imgscan", name, "[OPTION]...", *(_argument(argument) for argument in arguments)])
    lines = [f"## imgscan {name}", "", f"    {usage}", "", command.help, ""]
    lines += [f"* `{argument.metavar}`: {_cell(argument.help)}" for argument in arguments]
    lines += [""] if arguments else []
    if own := [row for row in rows if row not in shared]:
        lines += ["| option | default | meaning |", "|---|---|---|", *own, ""]
    if others := [row.split("`")[1].split()[0] for row in rows if row in shared]:
        lines += ["Like others: " + ", ".join(f"`{option}`" for option in others) + ".", ""]
    return "\n".join(lines)


def _argument(argument: Any) -> str:
    name = str(argument.metavar).strip("[].")
    several = "..." if argument.nargs != 1 else ""
    return f"{name}{several}" if argument.required else f"[{name}{several}]"


def _options(command: Any) -> list[Any]:
    return [param for param in command.params if param.param_type_name == "option" and param.name != "version"]


def _row(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar}"
    names = [f"`{option.opts[0]}{value}`", *(f"`{name}`" for name in (*option.opts[1:], *option.secondary_opts))]
    if option.required:
        default = "required"
    elif option.is_flag or option.default is None:
        default = ""
    else:
        default = f"`{option.default}`"
    return f"| {_cell(', '.join(names))} | {default} | {_cell(option.help)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page())
