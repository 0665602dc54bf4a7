"""`imgscan rules [ID]`: what is looked for, why, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from imgscan.cli import options

Id = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="A rule such as root-user/implicit, a kind of secret such as github-token."),
]
Format = Annotated[str, typer.Option("--format", "-f", metavar="table|json", help="table (default) or json.")]


def rules(
    id: Id = None,
    *,
    format: Format = "table",
    output: options.Output = None,
    rules: options.RuleFiles = None,
    version: options.Version = False,
) -> int:
    """List all rules, or explain one; the exit code."""
    import json  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from imgscan.cli import rule_book  # noqa: PLC0415
    from imgscan.cli.destination import Destination, check_writable, deliver  # noqa: PLC0415

    chosen = options.parse_choice("--format", format, ("table", "json"))
    destination = Destination(chosen, Path(output) if output and output != "-" else None)
    check_writable(destination)
    sources = options.parse_rules(rules or [])
    book = rule_book.entries(sources) if id is None else (rule_book.find(id, sources),)
    if chosen == "json":
        text = json.dumps(rule_book.as_json(book), indent=2, ensure_ascii=False) + "\n"
    else:
        text = rule_book.listing(book) if id is None else rule_book.explanation(book[0])
    deliver(destination, text, private=False)
    return 0
