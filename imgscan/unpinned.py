"""What a build fetches by a name that means something else tomorrow: branches, `latest`, packages without a version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from imgscan.instructions import Command
from imgscan.verification import host_of

_MOVING = re.compile(
    r"(?:https?|ftp)://\S*?(?:/(?:latest|nightly|master|main|HEAD|trunk|snapshot)(?:/|\Z)"
    r"|[-_./](?:latest|nightly)(?=[-_.]|\Z))"
)
_NAME = re.compile(r"@?[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?")
_CHECKOUT = re.compile(r"\bgit\b[^;&|\n]{0,200}\b(?:checkout|reset|switch|submodule)\b")
_COMMIT = re.compile(r"v?\d[\w.+-]*|[\w.+-]*\d+\.\d[\w.+-]*|[0-9a-f]{7,40}|\$.*")
_PIP_VALUES = frozenset(
    {
        *("-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links"),
        *("-t", "--target", "--prefix", "--root", "--platform", "--python-version", "--trusted-host", "--cert"),
        *(
            "--timeout",
            "--retries",
            "--proxy",
            "--cache-dir",
            "--src",
            "--only-binary",
            "--no-binary",
            "--progress-bar",
        ),
        *("-e", "--editable", "--python", "--global-option", "--config-settings", "--log", "--upgrade-strategy"),
    }
)
_NPM_VALUES = frozenset({"--prefix", "--registry", "--cache", "--loglevel", "--omit", "--only", "-w", "--workspace"})
_GEM_VALUES = frozenset({"-v", "--version", "-i", "--install-dir", "-n", "--bindir", "--source", "-s", "-P"})
_CARGO_VALUES = frozenset(
    {"--version", "--vers", "--git", "--branch", "--tag", "--rev", "--path", "--root", "--features"}
)


def moving_downloads(text: str, ran: Sequence[Command]) -> Iterator[str]:
    """Downloads whose address names a branch or `latest`, and clones that nothing holds to a tag or commit."""
    for command in ran:
        if command.program in {"curl", "wget", "aria2c"}:
            if any(_MOVING.match(word.partition("?")[0]) for word in command.words):
                host = host_of(command)
                yield f"{command.program} of a moving address{f' at {host}' if host else ''}"
        elif command.program == "git" and command.operands[:1] == ("clone",):
            held = command.has("--branch", "--revision") or command.has("-b")
            branch = _after(command.words, ("-b", "--branch"))
            if (not held or (branch and not _COMMIT.fullmatch(branch))) and not _CHECKOUT.search(text):
                host = host_of(command)
                yield f"git clone of a branch{f' at {host}' if host else ''}"


def _after(words: Sequence[str], options: tuple[str, ...]) -> str:
    for at, word in enumerate(words):
        if word in options and at + 1 < len(words):
            return words[at + 1]
        for option in options:
            if word.startswith(f"{option}="):
                return word.partition("=")[2]
    return ""


def unpinned_packages(command: Command) -> Iterator[str]:
    """Packages of languages that a command installs without a version, each as `pip NAME`.

    Those of distributions are left out: their archives drop old versions, so that a pinned one ends the next build.
    """
    words = list(command.words)
    name = command.program
    if re.fullmatch(r"python[\d.]*", name) and words[:2] == ["-m", "pip"]:
        name, words = "pip", words[2:]
    elif name == "uv" and words[:1] == ["pip"]:
        name, words = "pip", words[1:]
    if re.fullmatch(r"pip[\d.]*|pipx", name) and words[:1] == ["install"] and not _constrained(words):
        wanted = _operands(words[1:], _PIP_VALUES)
        yield from (f"pip {package}" for package in wanted if _NAME.fullmatch(package.partition("[")[0]))
    elif name in {"npm", "pnpm", "yarn"} and _is_global(name, words):
        wanted = _operands(words, _NPM_VALUES)[2 if name == "yarn" else 1 :]
        yield from (f"{name} {package}" for package in wanted if _npm_unpinned(package))
    elif name == "gem" and words[:1] == ["install"] and not _given(words, ("-v", "--version")):
        yield from (f"gem {package}" for package in _operands(words[1:], _GEM_VALUES) if _gem_unpinned(package))
    elif (
        name == "cargo"
        and words[:1] == ["install"]
        and not _given(words, ("--version", "--vers", "--git", "--path", "--tag", "--rev"))
    ):
        wanted = _operands(words[1:], _CARGO_VALUES)
        yield from (f"cargo {package}" for package in wanted if _NAME.fullmatch(package) and "@" not in package)
    elif name == "go" and words[:1] in (["install"], ["get"]):
        moving = (word for word in words[1:] if word.endswith(("@latest", "@master", "@main")))
        yield from (f"go {word.rpartition('@')[0].rpartition('/')[2]}" for word in moving)


def _constrained(words: Sequence[str]) -> bool:
    return _given(words, ("-c", "--constraint", "--require-hashes"))


def _given(words: Sequence[str], options: tuple[str, ...]) -> bool:
    return any(word in options or word.startswith(tuple(f"{option}=" for option in options)) for word in words)


def _operands(words: Sequence[str], with_value: frozenset[str]) -> list[str]:
    found, value = [], False
    for word in words:
        if value:
            value = False
        elif word in with_value:
            value = True
        elif not word.startswith("-"):
            found.append(word)
    return found


def _is_global(name: str, words: Sequence[str]) -> bool:
    operands = [word for word in words if not word.startswith("-")]
    if name == "yarn":
        return operands[:2] == ["global", "add"]
    return operands[:1] in (["install"], ["i"], ["add"]) and any(word in {"-g", "--global"} for word in words)


def _npm_unpinned(package: str) -> bool:
    name, at, version = package.removeprefix("@").partition("@")
    return bool(_NAME.fullmatch(name)) and (not at or version in {"latest", "next", "*", ""})


def _gem_unpinned(package: str) -> bool:
    return bool(_NAME.fullmatch(package)) and not package.endswith(".gem") and ":" not in package
