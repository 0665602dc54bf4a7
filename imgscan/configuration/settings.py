"""What can be configured: one table, from which the file's keys, the variables and the JSON schema follow."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from enum import Enum

from imgscan.errors import UsageError
from imgscan.report import Family

Value = None | bool | int | float | str | tuple[str, ...] | tuple[tuple[str, str], ...]
"""A setting's value after reading: sizes in bytes, times in seconds, tables as pairs in the order written."""

FAIL_ON = ("critical", "high", "medium", "low", "none")
SEVERITIES = ("critical", "high", "medium", "low", "info")
FAMILIES = tuple(str(family) for family in Family if family is not Family.POLICY)
"""What `families` may name; what a policy demands is judged in any case."""


class Kind(Enum):
    """What a value is made of."""

    CHOICE = "one of the choices"
    CHOICES = "a list of the choices"
    SWITCH = "true or false"
    TEXT = "text"
    TEXTS = "a list of texts"
    PATH = "a file"
    PATHS = "a list of files"
    SIZE = "a number of bytes"
    COUNT = "a number from 0"
    SECONDS = "a number of seconds above 0"
    LEVELS = "a table of severities"


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be said, by the same name everywhere: key `fail-on`, `--fail-on`, `IMGSCAN_FAIL_ON`."""

    key: str
    kind: Kind
    about: str
    default: Value = None
    choices: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    """For LEVELS: the families that the table's keys name; those of `severity` may be rules of them and globs too."""
    in_file: bool = True
    """Whether a file may say it: one that is found in a directory must not write files or show secrets."""

    @property
    def parameter(self) -> str:
        """The name of the command's parameter."""
        return self.key.replace("-", "_")

    @property
    def variable(self) -> str:
        return f"IMGSCAN_{self.parameter.upper()}"

    @property
    def flag(self) -> str:
        return f"--{self.key}"


SETTINGS: tuple[Setting, ...] = (
    Setting("fail-on", Kind.CHOICE, "Findings this bad or worse fail the run.", "high", FAIL_ON),
    Setting(
        "fail-on-inherited",
        Kind.CHOICE,
        "The same for findings in layers of the base image; without it they are judged like all others.",
        None,
        FAIL_ON,
    ),
    Setting(
        "fail-on-family",
        Kind.LEVELS,
        "The same for single families of rules.",
        (),
        FAIL_ON,
        (*FAMILIES, "policy"),
    ),
    Setting(
        "severity",
        Kind.LEVELS,
        "Other severities for rules: an id, a family, or a glob over ids.",
        (),
        SEVERITIES,
        (*FAMILIES, "policy"),
    ),
    Setting(
        "min-confidence",
        Kind.CHOICE,
        "Findings of a lower confidence are set aside.",
        "low",
        ("high", "medium", "low"),
    ),
    Setting("baseline", Kind.PATH, "What was accepted: a file that `imgscan baseline` wrote."),
    Setting("max-size", Kind.SIZE, "The image may be this large: the sum of its layers, uncompressed."),
    Setting("max-dead-bytes", Kind.SIZE, "So many bytes of its layers may lie in files that are deleted or replaced."),
    Setting("max-build-tools", Kind.COUNT, "So many build tools may be in it."),
    Setting("allowed-bases", Kind.TEXTS, "Globs of references: the base image must be one of these.", ()),
    Setting("forbidden-bases", Kind.TEXTS, "Globs of references: the base image must be none of these.", ()),
    Setting("required-labels", Kind.TEXTS, "Labels that the image must have: NAME, or NAME=GLOB for its value.", ()),
    Setting("required-user", Kind.TEXT, "`non-root`, or the name or uid that the image must run as."),
    Setting("families", Kind.CHOICES, "Report these families of rules only.", (), FAMILIES),
    Setting("only", Kind.CHOICE, "Report findings of these layers only.", None, ("own", "inherited")),
    Setting("base", Kind.TEXT, "The base image: tells inherited layers from the image's own."),
    Setting("dockerfile", Kind.PATH, "The Dockerfile that the image was built from."),
    Setting("rules", Kind.PATHS, "Files of rules for more secrets.", ()),
    Setting("own-packages", Kind.TEXTS, "Globs of packages that are not public, whatever their records say.", ()),
    Setting("public-packages", Kind.TEXTS, "Globs of packages that everybody can have.", ()),
    Setting(
        "trust-packages",
        Kind.CHOICE,
        "Whether what public packages' checksums vouch for is no finding.",
        "yes",
        ("yes", "no"),
    ),
    Setting("entropy", Kind.SWITCH, "Report any string that looks random too.", False),
    Setting("depth", Kind.CHOICE, "How far to look.", "content", ("config", "members", "content")),
    Setting("platform", Kind.TEXT, "Which image of a multi-platform one: os/arch[/variant] or all."),
    Setting("allow-incomplete", Kind.SWITCH, "Judge what could be read.", False),
    Setting("strict", Kind.SWITCH, "Exit with 3 for what nobody can read.", False),
    Setting("timeout", Kind.SECONDS, "Seconds to wait for the image's source to answer or go on."),
    Setting("show-suppressed", Kind.SWITCH, "List suppressed findings.", False),
    Setting("no-cache", Kind.SWITCH, "Neither read nor write the cache of scanned layers.", False),
    Setting("verify", Kind.SWITCH, "Read everything again, whatever the cache has.", False),
    Setting(
        "insecure",
        Kind.SWITCH,
        "Ask registries over plain HTTP too, and take any certificate of theirs.",
        False,
        in_file=False,
    ),
    Setting("format", Kind.TEXTS, "Formats of the result, FORMAT or FORMAT=FILE.", (), in_file=False),
    Setting("output", Kind.TEXT, "The file that the result goes to.", in_file=False),
    Setting("quiet", Kind.SWITCH, "No progress, only results and errors.", False, in_file=False),
    Setting("verbose", Kind.SWITCH, "Tell more on standard error.", False, in_file=False),
)
"""In the order of `imgscan config show`."""

BY_KEY = {setting.key: setting for setting in SETTINGS}

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?i?b?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def read(setting: Setting, raw: object, told: str) -> Value:
    """The value that `raw` (a TOML value, or text from a variable or flag) means.

    `told` is how an error calls it: `imgscan.toml:3: fail-on`, `IMGSCAN_FAIL_ON`, `--fail-on`. Raises UsageError.
    """
    found = _READERS[setting.kind](setting, raw)
    if isinstance(found, _Wrong):
        raise UsageError(f"{told} cannot be {found.value!r}", tip=found.tip)
    return found


@dataclass(frozen=True, slots=True)
class _Wrong:
    value: object
    tip: str


def _choice(setting: Setting, raw: object) -> Value | _Wrong:
    if isinstance(raw, bool) and setting.choices == ("yes", "no"):
        raw = "yes" if raw else "no"
    if isinstance(raw, str) and raw.strip().lower() in setting.choices:
        return raw.strip().lower()
    return _Wrong(raw, _nearest(raw, setting.choices, "values"))


def _nearest(raw: object, choices: tuple[str, ...], called: str) -> str:
    """What would be right: all there is, and first what was probably meant."""
    near = difflib.get_close_matches(raw.strip().lower(), choices, 1, 0.6) if isinstance(raw, str) else []
    meant = f"did you mean {near[0]}? " if near else ""
    return f"{meant}the {called} are {', '.join(choices)}"


def _choices(setting: Setting, raw: object) -> Value | _Wrong:
    texts = _texts(setting, raw)
    if isinstance(texts, _Wrong):
        return texts
    chosen = [str(text).lower() for text in texts]
    wrong = next((text for text in chosen if text not in setting.choices), None)
    if wrong is not None:
        return _Wrong(wrong, _nearest(wrong, setting.choices, "values"))
    return tuple(choice for choice in setting.choices if choice in chosen)


def _switch(_: Setting, raw: object) -> Value | _Wrong:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in (*_TRUE, *_FALSE):
        return raw.strip().lower() in _TRUE
    return _Wrong(raw, "write true or false")


def _text(setting: Setting, raw: object) -> Value | _Wrong:
    if setting.key == "required-user" and (uid := _whole(raw)) is not None:
        return str(uid)
    if isinstance(raw, str) and raw.strip() and "\0" not in raw:
        return raw.strip()
    return _Wrong(raw, "write a text that is not empty")


def _texts(_: Setting, raw: object) -> tuple[str, ...] | _Wrong:
    if isinstance(raw, str):
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if not isinstance(raw, list | tuple):
        return _Wrong(raw, 'write a list of texts, as ["one", "two"]')
    wrong = next((part for part in raw if not isinstance(part, str) or not part.strip() or "\0" in part), None)
    return (
        _Wrong(wrong, "each must be a text that is not empty") if wrong is not None else tuple(p.strip() for p in raw)
    )


def _size(_: Setting, raw: object) -> Value | _Wrong:
    if (count := _whole(raw)) is not None:
        return count
    found = _SIZE.fullmatch(raw.strip()) if isinstance(raw, str) else None
    unit = found[2].lower().removesuffix("b") if found else ""
    if found is None or unit not in _UNITS:
        return _Wrong(raw, "write a number of bytes, or a size as 300MB or 1.5 GiB")
    return round(float(found[1]) * _UNITS[unit])


def _count(_: Setting, raw: object) -> Value | _Wrong:
    if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit() and len(raw) < 16:
        return int(raw)
    whole = _whole(raw)
    return whole if whole is not None else _Wrong(raw, "write a whole number from 0")


def _whole(raw: object) -> int | None:
    """A whole number from 0, in any of the ways that a JSON schema calls an integer: 3.0 too."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or raw < 0 or raw in (math.inf, -math.inf):
        return None
    return int(raw) if raw == raw // 1 else None


def _seconds(_: Setting, raw: object) -> Value | _Wrong:
    try:
        seconds = float(raw) if isinstance(raw, int | float | str) and not isinstance(raw, bool) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    return seconds if 0 < seconds < math.inf else _Wrong(raw, "write a number of seconds above 0")


def _levels(setting: Setting, raw: object) -> Value | _Wrong:
    """A table `NAME = SEVERITY`; from text as `NAME=SEVERITY,...`, from a repeated flag as a list of those."""
    pairs: list[tuple[object, object]] = []
    if isinstance(raw, dict):
        pairs = list(raw.items())
    else:
        texts = _texts(setting, raw)
        for text in (str(raw),) if isinstance(texts, _Wrong) else ",".join(texts).split(","):
            before, equals, after = text.rpartition("=")
            if not equals or not before.strip():
                return _Wrong(text, f"write NAME=SEVERITY; the severities are {', '.join(setting.choices)}")
            pairs.append((before.strip(), after.strip().lower()))
    for name, level in pairs:
        family = str(name).partition("/")[0] if setting.key == "severity" else name
        if family not in setting.keys and not (setting.key == "severity" and set(str(family)) & set("*?[")):
            return _Wrong(name, _nearest(family, setting.keys, "families"))
        if not isinstance(level, str) or level not in setting.choices:
            return _Wrong(level, _nearest(level, setting.choices, "values"))
    return tuple({str(name): str(level) for name, level in pairs}.items())


_READERS = {
    Kind.CHOICE: _choice,
    Kind.CHOICES: _choices,
    Kind.SWITCH: _switch,
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.PATH: _text,
    Kind.PATHS: _texts,
    Kind.SIZE: _size,
    Kind.COUNT: _count,
    Kind.SECONDS: _seconds,
    Kind.LEVELS: _levels,
}
