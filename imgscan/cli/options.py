"""The options that commands share: their names, help texts, and how their values are read.

Values come as plain strings and are judged here, so that every wrong one is told in the same way, with the list of
the right ones. Modules of the library are imported inside the functions: `imgscan --help` needs none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from imgscan import __version__
from imgscan.cli.terminal import write_output
from imgscan.errors import UsageError

if TYPE_CHECKING:
    from imgscan.configuration.configuration import Configuration
    from imgscan.evidence import Depth, RuleSource
    from imgscan.report import Origin, Severity
    from imgscan.report.exit_code import Completeness
    from imgscan.sources.source import PlatformRequest

DEPTHS = ("config", "members", "content")
FAIL_ON = ("critical", "high", "medium", "low", "none")
TRUST = ("yes", "no")
ONLY = ("own", "inherited")

Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT[=FILE]",
        help="table (default), json, sarif, markdown, html, junit, gitlab, gitlab-secrets, csv; repeatable with files.",
    ),
]
Output = Annotated[str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to FILE instead of stdout.")]
FailOn = Annotated[str, typer.Option(metavar="|".join(FAIL_ON), help="Exit with 1 on findings this bad or worse.")]
PlatformText = Annotated[
    str | None,
    typer.Option("--platform", metavar="OS/ARCH[/VARIANT]|all", help="Which image of a multi-platform one."),
]
Families = Annotated[
    str | None, typer.Option(metavar="F,...", help="Report these families of rules only, such as file-secret.")
]
Base = Annotated[
    str | None,
    typer.Option("--base", metavar="REF", help="The image that this one was built FROM, to tell whose is what."),
]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="|".join(ONLY), help="Report what the image brought itself, or what its base did."),
]
DepthText = Annotated[
    str,
    typer.Option("--depth", metavar="|".join(DEPTHS), help="How far to look: the config, the file names, all bytes."),
]
Entropy = Annotated[
    bool,
    typer.Option(
        "--entropy/--no-entropy",
        show_default=False,
        help="Report any string that looks random too; many are not secrets.",
    ),
]
TrustPackages = Annotated[
    str,
    typer.Option(metavar="|".join(TRUST), help="Whether what public packages' checksums vouch for is no finding."),
]
RuleFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--rules", metavar="FILE", help="Look for these secrets too: rules in TOML, also gitleaks'. Repeatable."
    ),
]
DockerfileFile = Annotated[
    str | None,
    typer.Option("--dockerfile", metavar="FILE", help="What the image was built from: findings name its lines."),
]
BaselineFile = Annotated[
    str | None,
    typer.Option("--baseline", metavar="FILE", help="Report what is not in this file, which `imgscan baseline` wrote."),
]
FailOnInherited = Annotated[
    str | None,
    typer.Option(metavar="|".join(FAIL_ON), help="In place of --fail-on for what the base image brought."),
]
FailOnFamily = Annotated[
    list[str] | None,
    typer.Option("--fail-on-family", metavar="F=SEVERITY", help="In place of --fail-on for a family. Repeatable."),
]
SeverityText = Annotated[
    list[str] | None,
    typer.Option("--severity", metavar="RULE=SEVERITY", help="Another severity for a rule or a glob. Repeatable."),
]
MinConfidence = Annotated[
    str | None, typer.Option(metavar="high|medium|low", help="Set findings of a lower confidence aside.")
]
MaxSize = Annotated[str | None, typer.Option(metavar="SIZE", help="Fail an image larger than this, as 300MB.")]
MaxDeadBytes = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Fail an image with more bytes in deleted or replaced files.")
]
MaxBuildTools = Annotated[str | None, typer.Option(metavar="N", help="Fail an image with more build tools.")]
AllowedBases = Annotated[
    list[str] | None,
    typer.Option("--allowed-bases", metavar="GLOB", help="Fail an image of another base. Repeatable."),
]
ForbiddenBases = Annotated[
    list[str] | None, typer.Option("--forbidden-bases", metavar="GLOB", help="Fail an image of this base. Repeatable.")
]
RequiredLabels = Annotated[
    list[str] | None,
    typer.Option("--required-labels", metavar="NAME[=GLOB]", help="Fail an image without this label. Repeatable."),
]
RequiredUser = Annotated[
    str | None, typer.Option(metavar="USER", help="Fail an image that runs as another user: non-root, a name, a uid.")
]
OwnPackages = Annotated[
    list[str] | None,
    typer.Option("--own-packages", metavar="GLOB", help="Packages that are not public, whatever they say. Repeatable."),
]
PublicPackages = Annotated[
    list[str] | None,
    typer.Option("--public-packages", metavar="GLOB", help="Packages that everybody can have. Repeatable."),
]
ShowSuppressed = Annotated[
    bool,
    typer.Option(
        "--show-suppressed/--hide-suppressed", show_default=False, help="List suppressed findings with their reasons."
    ),
]
ShowSecrets = Annotated[bool, typer.Option("--show-secrets", help="Print secrets in full. Mind where the output goes.")]
AllowIncomplete = Annotated[
    bool,
    typer.Option(
        "--allow-incomplete/--no-allow-incomplete",
        help="Judge what could be read; exit with 0 or 1 even if parts were not.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict/--no-strict", show_default=False, help="Exit with 3 for what nobody can read, as encrypted archives."
    ),
]
Timeout = Annotated[
    float | None, typer.Option(metavar="S", help="Seconds to wait for the image's source to answer or go on.")
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache/--cache", show_default=False, help="Neither read nor write the cache of scanned layers."),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify/--no-verify", show_default=False, help="Read everything again and check the cache against it."
    ),
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Ask registries over plain HTTP too, and take any certificate of theirs.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only results and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Tell more on stderr; errors with a traceback.")]


def _configure(context: typer.Context, chosen: str | None) -> object:
    """A Configuration. Read what the file and the variables say, and make it the defaults of this command's options."""
    if context.resilient_parsing:
        return None
    import os  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    from imgscan.configuration.configuration import configure  # noqa: PLC0415
    from imgscan.configuration.defaults import defaults_for  # noqa: PLC0415

    configuration = configure(Path.cwd(), os.environ, chosen)
    options = {
        param.name: (bool(getattr(param, "multiple", False)) or param.nargs != 1, param.default)
        for param in context.command.params
        if param.name is not None and param.param_type_name == "option"
    }
    if "rules" in options and chosen is None and not os.environ.get("IMGSCAN_CONFIG"):
        _refuse_code(configuration)
    context.default_map = {**(context.default_map or {}), **defaults_for(configuration, options, os.environ)}
    return configuration


def _refuse_code(configuration: Configuration) -> None:
    """A file that was merely found, as in somebody else's checkout, has no Python code executed by naming rules."""
    rules = configuration.in_force("rules")
    if not rules.given or rules.source.startswith("IMGSCAN_") or not isinstance(rules.value, tuple):
        return
    from pathlib import Path  # noqa: PLC0415

    from imgscan.secrets.rules.files import code_named_by  # noqa: PLC0415

    if code := code_named_by(Path(str(name)) for name in rules.value):
        raise UsageError(
            f"{rules.source}: these rules have {code} executed, and nobody named this file",
            tip=f"if you trust that code, say --config {configuration.shown}",
        )


Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        is_eager=True,
        callback=_configure,
        help="The policy, instead of the imgscan.toml or pyproject.toml found upwards from the working directory.",
    ),
]
"""A command that has this parameter takes the defaults of all its options from the file and from IMGSCAN_* variables;
the parameter itself then holds a Configuration: see `configuration_of`."""


def configuration_of(parameter: str | None) -> Configuration:
    """What the parameter `config` of a command really holds; nothing but defaults where the command ran without."""
    from imgscan.configuration.configuration import Configuration  # noqa: PLC0415

    held: object = parameter
    return held if isinstance(held, Configuration) else Configuration()


ImageName = Annotated[
    str | None,
    typer.Option("--image", metavar="NAME", help="Of several images in one archive: a tag, or how an id begins."),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        write_output(f"imgscan {__version__}\n")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
]


def parse_choice(option: str, text: str, choices: Iterable[str]) -> str:
    """`text`, if it is one of the choices, in any case."""
    valid = tuple(choices)
    if text.lower() not in valid:
        raise UsageError(f"{option} cannot be {text!r}", tip=f"the values are {', '.join(valid)}")
    return text.lower()


def parse_fail_on(text: str) -> Severity:
    from imgscan.report import Severity  # noqa: PLC0415

    return Severity(parse_choice("--fail-on", text, FAIL_ON))


def parse_trust(text: str) -> bool:
    return parse_choice("--trust-packages", text, TRUST) == "yes"


def parse_only(text: str | None) -> Origin | None:
    from imgscan.report import Origin  # noqa: PLC0415

    if text is None:
        return None
    return Origin.OWN if parse_choice("--only", text, ONLY) == "own" else Origin.BASE


def parse_depth(text: str) -> Depth:
    from imgscan.evidence import Depth  # noqa: PLC0415

    return Depth[parse_choice("--depth", text, DEPTHS).upper()]


def parse_families(text: str | None) -> tuple[str, ...]:
    """The families asked for, each once, in the order of the contract; empty for all of them."""
    from imgscan.report import Family  # noqa: PLC0415

    if text is None:
        return ()
    valid = [str(family) for family in Family if family is not Family.POLICY]
    wanted = {parse_choice("--families", name.strip(), valid) for name in text.split(",") if name.strip()}
    if not wanted:
        raise UsageError("--families names no family", tip=f"the values are {', '.join(valid)}")
    return tuple(family for family in valid if family in wanted)


def parse_platform(text: str | None) -> PlatformRequest:
    from imgscan.image.image import Platform  # noqa: PLC0415
    from imgscan.sources.platforms import normalised  # noqa: PLC0415
    from imgscan.sources.source import PlatformRequest  # noqa: PLC0415

    if text is None:
        return PlatformRequest()
    if text == "all":
        return PlatformRequest(all=True)
    parts = text.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(
            f"--platform cannot be {text!r}",
            tip="write os/architecture[/variant], as linux/amd64 or linux/arm/v7, or all",
        )
    return PlatformRequest(normalised(Platform(*parts)))


def parse_completeness(*, allow_incomplete: bool, strict: bool) -> Completeness:
    from imgscan.report.exit_code import Completeness  # noqa: PLC0415

    if allow_incomplete and strict:
        raise UsageError("--allow-incomplete and --strict exclude each other", tip="leave one of them out")
    if allow_incomplete:
        return Completeness.LENIENT
    return Completeness.STRICT if strict else Completeness.PROMISED


def parse_rules(files: list[str] | tuple[str, ...]) -> tuple[RuleSource, ...]:
    if not files:
        return ()
    from pathlib import Path  # noqa: PLC0415

    from imgscan.secrets.rules.files import read_rules  # noqa: PLC0415

    return read_rules(Path(file) for file in files)


def parse_timeout(seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds < float("inf"):
        raise UsageError(f"--timeout cannot be {seconds}", tip="write a number of seconds above 0")
    return seconds
