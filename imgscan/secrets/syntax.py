"""How a file writes assignments, told by its name alone: contents are judged in windows, never as a whole."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from imgscan.secrets.words import words


class Syntax(StrEnum):
    """What counts as a value in a file of this kind."""

    CONFIG = "config"
    """Quotes are optional: `KEY=value`, `key: value`."""
    JSON = "json"
    """Quotes are required, and a value is data."""
    CODE = "code"
    """Quotes are required, and most quoted strings are labels, identifiers and messages."""


_CONFIG_SUFFIXES = words(
    """
    env ini cfg conf cnf cf config properties props toml yaml yml eyaml sh bash zsh ksh fish profile service
    socket timer environment envrc npmrc yarnrc pypirc netrc pgpass htpasswd cred creds credentials secret
    secrets tfvars tfstate hcl bat cmd ps1 psql rc dockerfile containerfile local production development
    staging prod dev test history log list repo vault key keys pass passwd password token txt xml
    """
)
_CODE_SUFFIXES_PLAIN_TEXT = frozenset({"txt", "xml", "log", "list", "key"})
_JSON_SUFFIXES = words(
    """
    json json5 jsonc webmanifest ipynb map geojson avsc har lock
    """
)
_CONFIG_NAMES = re.compile(
    r"\.env(?:[.\-_].*)?|.*\.env(?:\..*)?|(?:dot)?env(?:[.\-_].*)?|environment|(?:dockerfile|containerfile|makefile|vagrantfile|procfile)(?:[.\-].*)?|"
    r"\.?(?:bash|zsh|sh|ksh|profile|login|logout|aliases)(?:rc|_profile|_history|_login|_logout|env|_aliases)?|\.\w+rc|\.\w+_history|"
    r"\.git-credentials|\.netrc|_netrc|\.pgpass|\.my\.cnf|credentials|config|secrets?|passwords?|tokens?",
    re.IGNORECASE,
)


_PROGRAM_SUFFIXES = words("js ts mjs cjs jsx tsx py pyc pyo rb go rs java class c h cpp cs o so php lua pl swift kt")
_BACKUP = re.compile(
    r"(?:~|\.(?:bak|backup|old|orig|save|copy|swp|rpmsave|rpmnew|dpkg-(?:old|dist|bak)))+\Z", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def syntax_of(path: str) -> Syntax:
    """The syntax of the file at `path`. Unknown names are CODE, except files without a suffix below `etc` or `run`."""
    name = _BACKUP.sub("", path.rpartition("/")[2])
    suffix = name.rpartition(".")[2].lower() if "." in name.lstrip(".") else ""
    if suffix in _JSON_SUFFIXES:
        return Syntax.JSON
    if _CONFIG_NAMES.fullmatch(name) and suffix not in _PROGRAM_SUFFIXES:
        return Syntax.CONFIG
    if suffix in _CODE_SUFFIXES_PLAIN_TEXT:
        return Syntax.CODE
    if suffix in _CONFIG_SUFFIXES:
        return Syntax.CONFIG
    if not suffix and path.startswith(("etc/", "run/", "root/.", "var/run/")):
        return Syntax.CONFIG
    return Syntax.CODE


def plugin_filename(path: str) -> str:
    """A name that makes detect-secrets choose the keyword patterns that fit the file.

    It goes by the extension alone, so `.env`, `Dockerfile` or `.npmrc` would be read as program code.
    """
    if syntax_of(path) is Syntax.CONFIG:
        return "x.ini"
    suffix = path.rpartition(".")[2].lower()
    return f"x.{suffix}" if suffix in {"c", "cpp", "cs", "m"} else "x.py"
