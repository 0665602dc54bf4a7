"""What the documentation names exists: links, anchors, commands, options, variables, rules, formats, exit codes."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgscan.analyzers import ANALYZERS
from imgscan.cli import rule_book
from imgscan.configuration.configuration import OF_COMMANDS, OWN_VARIABLES
from imgscan.configuration.settings import SETTINGS
from imgscan.renderers import AUDIT_RENDERERS, RENDERERS
from imgscan.report import Family
from imgscan.report.exit_code import ExitCode
from imgscan.secrets.kinds import kinds
from scripts.options import PAGE, commands, page
from tests.test_architecture import RANKS

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/*.md", "fixtures/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
    if "out" not in path.relative_to(ROOT).parts
)
COMMANDS = {
    name: {text for param in command.params for text in (*param.opts, *param.secondary_opts) if text[0] == "-"}
    for name, command in commands()
}
OF_DOCKER = {"--build-arg", "--chown", "--network", "--read-only"}
"""Of docker and of COPY, in the text of pages."""
GENERAL = {"--help", "-h", "--version", "--install-completion", "--show-completion"}


def text_of(name: Path | str) -> str:
    return (ROOT / name).read_text()


def prose(name: Path | str) -> str:
    """A page without its blocks of code, in which brackets and hashes mean something else."""
    return re.sub(r"^```.*?^```$", "", text_of(name), flags=re.MULTILINE | re.DOTALL)


def anchors(name: Path) -> set[str]:
    """Of the headings of a page, as GitHub makes them: lower case, blanks to dashes, other punctuation gone."""
    found: set[str] = set()
    for title in re.findall(r"^#+ +(.+?) *$", prose(name), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        same = sum(one == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", one) is not None for one in found)
        found.add(f"{slug}-{same}" if same else slug)
    return found


def spans(name: Path) -> Iterator[str]:
    """Texts between backticks, and lines of blocks of code."""
    text = text_of(name).replace("\\\n", " ")
    for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    rest = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"^    +(.*)$", rest, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", rest)


def calls(name: Path) -> Iterator[tuple[str, list[str]]]:
    """(command, words behind it) of each call of imgscan that a page shows."""
    for span in spans(name):
        for found in re.findall(r"(?<![\w./-])imgscan ((?!\|)[a-z][^|;&#)`]*)", span):
            words = found.split()
            two = " ".join(words[:2])
            command = two if two in COMMANDS else words[0]
            yield command, words


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        meant = Path(*(ROOT / name).parent.joinpath(path).resolve().relative_to(ROOT).parts) if path else name
        assert (ROOT / meant).exists(), f"{name} links to {target}"
        if anchor and meant.suffix == ".md":
            assert anchor in anchors(meant), f"{name} links to {target}; there are {sorted(anchors(meant))}"


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_commands_and_their_options_exist(name):
    groups = {command.split()[0] for command in COMMANDS if " " in command}
    for command, words in calls(name):
        given = {word.split("=")[0].strip("[],.:`'\"") for word in words if re.match(r"\[?--?[a-z]", word)}
        if command in COMMANDS:
            assert given <= COMMANDS[command] | GENERAL, f"{name}: imgscan {' '.join(words)}"
        else:
            assert command in groups, f"{name}: imgscan {' '.join(words)}"


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_options_that_stand_alone_exist(name):
    known = set().union(*COMMANDS.values(), GENERAL, OF_DOCKER)
    assert set(re.findall(r"`(--[a-z][a-z-]*)", prose(name))) <= known


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_variables_exist(name):
    known = {f"IMGSCAN_{setting.key.upper().replace('-', '_')}" for setting in SETTINGS} | set(OWN_VARIABLES)
    known |= {f"IMGSCAN_{option.upper()}" for option in OF_COMMANDS}
    known |= {"IMGSCAN_REQUIRE_ENGINE", "IMGSCAN_LAB_CACHE"}  # of the tests
    assert set(re.findall(r"IMGSCAN_[A-Z_]*[A-Z]", text_of(name))) <= known


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_rules_exist(name):
    ids = {entry.id for entry in rule_book.entries()} | {f"{family}/*" for family in Family}
    named = {rule.id for analyzer in ANALYZERS for rule in analyzer.rules} | {kind.id for kind in kinds()}
    families = "|".join(re.escape(str(family)) for family in Family)
    for rule in re.findall(rf"`((?:{families})/[\w*-]+)`", text_of(name)):
        family, _, kind = rule.partition("/")
        known = rule in ids | named or (family.endswith("-secret") and kind in ids) or kind == "acme-token"
        assert known, f"{name} names the rule {rule}"


def test_every_command_is_told_of_beside_the_list_of_options():
    told = {command for name in PAGES if name != PAGE.relative_to(ROOT) for command, _ in calls(name)}
    assert set(COMMANDS) - told == set()


def test_the_options_are_those_of_the_program():
    assert PAGE.read_text() == page(), "write it anew: python -m scripts.options"


def test_the_exit_codes_are_those_of_the_program():
    meanings = _meanings()
    rows = dict(re.findall(r"^\| (\d+) \| (.*?) \|$", text_of("docs/exit-codes.md"), re.MULTILINE))
    assert {int(code) for code in rows} == {int(code) for code in ExitCode}
    for code, meaning in rows.items():
        words = set(re.findall(r"\w+", meaning.lower()))
        assert set(re.findall(r"\w+", meanings[int(code)].lower())) <= words
    for short in ("README.md", "docs/audit.md"):
        told = re.findall(r"^\| (\d+) \| ", text_of(short), re.MULTILINE)
        assert {int(code) for code in told} == {int(code) for code in ExitCode}, short


def _meanings() -> dict[int, str]:
    """Of each member of ExitCode, what its docstring says."""
    (definition,) = ast.parse(inspect.getsource(ExitCode)).body
    lines = definition.body[1:]
    return {
        int(ExitCode[line.targets[0].id]): after.value.value
        for line, after in zip(lines[::2], lines[1::2], strict=True)
    }


def test_the_formats_are_those_of_the_program():
    table = text_of("docs/ci.md").partition("## Formats")[2].partition("\n\n`")[0].partition("|---")[2]
    rows = re.findall(r"^\| `([\w-]+)` \| ", table, re.MULTILINE)
    assert sorted(rows) == sorted(name for name, _ in RENDERERS)


@pytest.mark.parametrize(("command", "renderers"), [("inspect", RENDERERS), ("audit", AUDIT_RENDERERS)])
def test_the_help_names_every_format(command, renderers):
    (told,) = (option.help for option in dict(commands())[command].params if option.name in ("format", "formats"))
    assert set(re.findall(r"[a-z-]+", told)) >= {name for name, _ in renderers}


def test_the_families_in_the_readme_are_those_of_the_program():
    section = text_of("README.md").partition("## What it looks for")[2].partition("\n## ")[0]
    told = set(re.findall(r"`([a-z-]+)`", section.replace("\n", " ")))
    assert {str(family) for family in Family} - told == set()


def test_the_map_of_the_documentation_has_every_page():
    links = set(re.findall(r"\]\(([\w-]+\.md)\)", text_of("docs/index.md")))
    assert links == {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}


def test_the_version_is_told_in_the_changes():
    from imgscan import __version__

    assert f"## {__version__}\n" in text_of("CHANGELOG.md")


def test_the_architecture_tells_the_ranks_that_are_enforced():
    told = text_of("docs/architecture.md").partition("<!-- ranks: of tests/test_architecture.py -->")[2]
    assert told.partition("<!-- end -->")[0].strip("\n") == ranks(), ranks()


def ranks() -> str:
    """The rows of RANKS, the highest first; __main__ is no part of the house."""
    rows = [", ".join(parts) for parts in reversed(RANKS) if parts != ("__main__",)]
    wrapped = [textwrap.fill(row, 112, initial_indent="    > ", subsequent_indent="        ") for row in rows]
    return "\n".join(wrapped).replace("    > ", "      ", 1)


def test_the_architecture_names_every_part():
    page = text_of("docs/architecture.md")
    parts = {path.name for path in (ROOT / "imgscan").glob("*.py")} - {"__main__.py"}
    parts |= {f"{path.name}/" for path in (ROOT / "imgscan").iterdir() if (path / "__init__.py").exists()}
    assert {part for part in parts if part not in page} == set()


def test_modules_exist():
    folders = ("imgscan", "tests", "fixtures/lab", "scripts", "tools", "bench")
    files = {str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).glob("**/*.py")}
    for name in PAGES:
        named = re.findall(r"`([\w/]+/\w+\.py)`", text_of(name))
        named += re.findall(r"[( ]([a-z_]+/[\w/]+\.py)\b", prose(name))
        unknown = [one for one in named if not any(f"/{file}".endswith(f"/{one}") for file in files)]
        assert not unknown, f"{name} names {unknown}"
