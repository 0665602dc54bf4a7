"""The application: its commands in the order of their help, and how a run ends.

Start-up, measured with Python 3.11 on a shared machine: `imgscan --help` 0.09 s, of which typer 0.05 s; typer
would load rich for its own help (0.06 s more), hence `rich_markup_mode=None`, and loads pydantic (0.07 s) only
when a command's options are read. tests/test_startup.py holds what may be loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from errno import ENOSPC

import typer

from imgscan.cli.audit import audit
from imgscan.cli.baseline import baseline
from imgscan.cli.cache import cache_app
from imgscan.cli.compare import compare
from imgscan.cli.config import config_app
from imgscan.cli.container import container
from imgscan.cli.extract import extract
from imgscan.cli.files import files
from imgscan.cli.harden import harden
from imgscan.cli.history import history
from imgscan.cli.ignore import ignore
from imgscan.cli.inspect import inspect
from imgscan.cli.options import Version
from imgscan.cli.rules import rules
from imgscan.cli.terminal import OutputError, write_output
from imgscan.errors import ImgscanError

# Plain tracebacks, and only where we print them: a pretty one shows local variables, and those may hold secrets.
app = typer.Typer(
    name="imgscan",
    help="What is in a built container image: who it runs as, its secrets, its tools, what deleted files still tell.",
    epilog="Exit codes: 0 nothing found, 1 found, 2 wrong usage, 3 not or not completely scanned, 130 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,  # costs nothing: typer has loaded what it needs by now
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def program(context: typer.Context, version: Version = False) -> None:
    """What stands before a command."""
    if context.invoked_subcommand is None:
        write_output(context.get_help() + "\n")


app.command(help="Everything known about images: the main job.")(inspect)
app.command(help="The reconstructed Dockerfile of an image, step by step, with sizes and findings.")(history)
app.command(help="Every version of every file of an image, and what became of it.")(files)
app.command(help="The bytes of one file version, also of a deleted one.")(extract)
app.command(help="Images side by side; of two, what got better and worse.")(compare)
app.command(help="How containers are run, what that leaves open, and what they wrote since.")(container)
app.command(help="How to run an image with what it can live with: docker, compose, kubernetes.")(harden)
app.command(help="Accept what is there now; later runs report only what is new.")(baseline)
app.command(help="Accept one finding, with a reason and an end.")(ignore)
app.command(help="Every image of a registry, each layer once: where its secrets are, and what to mend first.")(audit)
app.command(help="What is looked for, why, and what to do about it.")(rules)
app.add_typer(config_app, name="config")
app.add_typer(cache_app, name="cache")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. The only place where errors become text."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(words, prog_name="imgscan", standalone_mode=False)
    except typer.TyperException as error:
        return _wrong_usage(error, words)
    except ImgscanError as error:
        from imgscan.cli.failure import tell  # noqa: PLC0415

        return tell(error, verbose="--verbose" in words)
    except OutputError as error:
        from imgscan.cli.failure import tell_unwritten  # noqa: PLC0415

        return tell_unwritten(str(error))
    except Exception as error:  # the outermost place: whatever happens, no traceback unless it is asked for
        from imgscan.cli.failure import tell_unforeseen, tell_unwritten  # noqa: PLC0415

        if isinstance(error, OSError) and error.errno == ENOSPC:  # typer's own: help, completion
            return tell_unwritten(str(error.strerror))
        return tell_unforeseen(error, verbose="--verbose" in words)
    if code == 130:  # typer has caught the Ctrl-C
        from imgscan.cli.failure import interrupted  # noqa: PLC0415

        return interrupted()
    return code if isinstance(code, int) else 0


def _wrong_usage(error: typer.TyperException, words: Sequence[str]) -> int:
    """An option or argument that the parser refused."""
    from imgscan.cli.failure import tell_error  # noqa: PLC0415
    from imgscan.report.exit_code import ExitCode  # noqa: PLC0415

    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    names += [group.name or "" for group in app.registered_groups]
    command = next((word for word in words if word in names), "")
    message = error.format_message().rstrip(".")
    tip = f"`imgscan {command} --help` lists what there is" if command else f"the commands are {', '.join(names)}"
    tell_error(message[:1].lower() + message[1:], tip)
    return ExitCode.USAGE
