"""Commands that install what a project's manifest names, and the files that such a manifest may be called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from posixpath import basename, dirname

from imgscan.instructions import Command


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation: `told` as one would write the command, `manifests` the names of the files it goes by.

    No names stand for those of a .NET project, which are its own with known endings.
    """

    told: str
    manifests: tuple[str, ...]

    @property
    def endings(self) -> tuple[str, ...]:
        """What the path of a manifest ends with."""
        return self.manifests or _ENDINGS


_NODE = (
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lockb",
    ".npmrc",
)
_PYTHON = ("pyproject.toml", "poetry.lock", "uv.lock", "Pipfile", "Pipfile.lock", "setup.py", "setup.cfg")
_GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradle.properties")
# (program, subcommands or "" for none at all, as told, manifests)
_TABLE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("npm", "ci|clean-install", "npm ci", _NODE),
    ("npm", "install|i", "npm install", _NODE),
    ("yarn", "|install", "yarn install", _NODE),
    ("pnpm", "install|i", "pnpm install", _NODE),
    ("bun", "install|i", "bun install", _NODE),
    ("poetry", "install", "poetry install", _PYTHON),
    ("uv", "sync", "uv sync", _PYTHON),
    ("pipenv", "install|sync", "pipenv install", _PYTHON),
    ("bundle", "|install", "bundle install", ("Gemfile", "Gemfile.lock", ".ruby-version")),
    ("composer", "install", "composer install", ("composer.json", "composer.lock")),
    ("go", "mod", "go mod download", ("go.mod", "go.sum")),
    ("go", "build|install", "go build", ("go.mod", "go.sum")),
    ("cargo", "build|fetch", "cargo build", ("Cargo.toml", "Cargo.lock")),
    ("mvn", "package|install|verify|compile|dependency:\\S+", "mvn", ("pom.xml",)),
    ("mvnw", "package|install|verify|compile|dependency:\\S+", "mvnw", ("pom.xml",)),
    ("gradle", "build|assemble|bootJar|shadowJar|installDist|dependencies", "gradle", _GRADLE),
    ("gradlew", "build|assemble|bootJar|shadowJar|installDist|dependencies", "gradlew", _GRADLE),
    ("dotnet", "restore|build|publish", "dotnet restore", ()),
    ("mix", "deps.get", "mix deps.get", ("mix.exs", "mix.lock")),
)
_REQUIREMENTS = re.compile(r"(?:.*/)?((?:[\w.-]*require[\w.-]*|constraints[\w.-]*)\.(?:txt|in|pip))")
_PROJECTS = re.compile(r".+\.(?:cs|fs|vb)proj|.+\.sln|NuGet\.config|packages\.lock\.json", re.IGNORECASE)

_ENDINGS = ("proj", ".sln", "NuGet.config", "packages.lock.json")


def installation(command: Command) -> Installation | None:
    """What a command installs by a manifest of the project; None for packages that it names itself."""
    words = list(command.words)
    if re.fullmatch(r"python[\d.]*", command.program) and words[:2] == ["-m", "pip"]:
        words = words[2:]
    elif not re.fullmatch(r"pip[\d.]*", command.program):
        return _listed(command)
    if words[:1] != ["install"]:
        return None
    for at, word in enumerate(words):
        option, _, value = word.partition("=")
        if option in {"-r", "--requirement"}:
            named = _REQUIREMENTS.fullmatch(value or (words[at + 1] if at + 1 < len(words) else ""))
            if named:
                return Installation(f"pip install -r {named[1]}", (named[1],))
    return None


def _listed(command: Command) -> Installation | None:
    operands = list(command.operands)
    first, others = (operands[0], operands[1:]) if operands else ("", [])
    for program, subcommands, told, manifests in _TABLE:
        if command.program == program and any(
            re.fullmatch(subcommands, word) for word in (first, *_goals(program, others))
        ):
            names_packages = program in {"npm", "pnpm", "bun", "bundle", "composer"} and bool(others)
            if names_packages or (program in {"npm", "pnpm"} and command.has("-g", "--global")):
                return None
            return Installation(told, manifests)
    return None


def _goals(program: str, others: list[str]) -> list[str]:
    """Maven and Gradle take several goals, in any order."""
    return others if program in {"mvn", "mvnw", "gradle", "gradlew"} else []


def manifests_among(paths: Iterable[str], found: Installation) -> tuple[str, ...]:
    """Those of the paths that are the project's manifests: beside one another, nearest to the root."""
    if found.manifests:
        named = [path for path in paths if basename(path) in found.manifests]
    else:
        named = [path for path in paths if _PROJECTS.fullmatch(basename(path))]
    if not named:
        return ()
    top = min((dirname(path) for path in named), key=lambda folder: (folder.count("/"), folder))
    return tuple(sorted(path for path in named if dirname(path) == top))
