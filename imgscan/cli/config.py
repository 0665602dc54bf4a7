"""`imgscan config show`: the policy in force, and where each part of it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgscan.cli import options
from imgscan.cli.terminal import write_output

if TYPE_CHECKING:
    from imgscan.configuration.configuration import Configuration, InForce

config_app = typer.Typer(
    name="config",
    help="The policy in force and where each part comes from.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

Format = Annotated[str, typer.Option("--format", "-f", metavar="table|json", help="table (default) or json.")]


@config_app.callback()
def config(context: typer.Context) -> None:
    """Without a second word: the help."""
    if context.invoked_subcommand is None:
        write_output(context.get_help() + "\n")


@config_app.command(help="What is in force: variables come before the file, and that before the defaults.")
def show(
    *,
    format: Format = "table",
    output: options.Output = None,
    config: options.Config = None,
    version: options.Version = False,
) -> int:
    """Tell it; the exit code. Flags of other commands would come before all of it."""
    import json  # noqa: PLC0415
    import os  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from imgscan import __version__  # noqa: PLC0415
    from imgscan.cli.destination import Destination, check_writable, deliver  # noqa: PLC0415

    # IMGSCAN_FORMAT and IMGSCAN_OUTPUT are for what a scan gives.
    chosen = options.parse_choice("--format", format, ("table", "json"))
    destination = Destination(chosen, Path(output) if output and output != "-" else None)
    check_writable(destination)
    configuration = options.configuration_of(config)
    if chosen == "json":
        document = {"schema": "imgscan/1", "tool": {"name": "imgscan", "version": __version__}}
        text = json.dumps({**document, "config": as_document(configuration, os.environ)}, indent=2) + "\n"
    else:
        text = as_table(configuration, os.environ)
    deliver(destination, text, private=False)
    return 0


def as_document(configuration: Configuration, environment: Any) -> dict[str, Any]:
    """The value of the key `config`."""
    from imgscan.configuration.configuration import unknown_variables  # noqa: PLC0415

    return {
        "file": configuration.shown or None,
        "settings": [
            {
                "key": item.setting.key,
                "value": _plain(item),
                "source": item.source,
                "flag": item.setting.flag,
                "variable": item.setting.variable,
            }
            for item in configuration.settings
        ],
        "ignores": [
            {
                "fingerprint": ignore.fingerprint or None,
                "rule": ignore.rule or None,
                "path": ignore.path or None,
                "secret_id": ignore.secret or None,
                "origin": str(ignore.origin) if ignore.origin is not None else None,
                "reason": ignore.reason,
                "until": str(ignore.until) if ignore.until is not None else None,
                "source": ignore.place,
            }
            for ignore in configuration.ignores
        ],
        "unknown_variables": unknown_variables(environment),
    }


def _plain(item: InForce) -> object:
    from imgscan.configuration.settings import Kind  # noqa: PLC0415

    if isinstance(item.value, tuple):
        return dict(item.value) if item.setting.kind is Kind.LEVELS else list(item.value)  # type: ignore[arg-type]
    return item.value


def as_table(configuration: Configuration, environment: Any) -> str:
    """A line for each setting, and what was said of findings below."""
    from imgscan.configuration.configuration import unknown_variables  # noqa: PLC0415
    from imgscan.configuration.document import is_passed_over  # noqa: PLC0415
    from imgscan.renderers.text import one_line, size_text  # noqa: PLC0415

    rows = [("SETTING", "VALUE", "FROM")]
    for item in configuration.settings:
        value = _plain(item)
        if isinstance(value, dict):
            told = ", ".join(f"{name} = {level}" for name, level in value.items())
        elif isinstance(value, list):
            told = ", ".join(map(str, value))
        elif isinstance(value, bool):
            told = "yes" if value else "no"
        elif isinstance(value, int) and item.setting.key in ("max-size", "max-dead-bytes"):
            told = size_text(value)
        else:
            told = "" if value is None else str(value)
        rows.append((item.setting.key, one_line(told, 60) or "-", item.source))
    widths = [max(len(row[at]) for row in rows) for at in range(2)]
    over = configuration.path is not None and is_passed_over(configuration.path)
    beside = " ([tool.imgscan] of the pyproject.toml beside it is not read)" if over else ""
    lines = [f"file: {configuration.shown or 'none found; every setting has its default'}{beside}", ""]
    lines += [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows]
    if configuration.ignores:
        lines += ["", "IGNORES"]
    for ignore in configuration.ignores:
        until = f" until {ignore.until}" if ignore.until is not None else ""
        lines.append(f"{ignore.place}  {one_line(ignore.conditions, 200)}{until}: {one_line(ignore.reason, 200)}")
    unknown = unknown_variables(environment)
    if unknown:
        lines += ["", f"Variables that mean nothing to imgscan: {', '.join(one_line(name, 60) for name in unknown)}"]
    return "\n".join(lines) + "\n"
