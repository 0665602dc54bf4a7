"""The table of settings in docs/policy.md (`python -m imgscan.configuration.reference`)."""

from __future__ import annotations

import sys

from imgscan.configuration.settings import SETTINGS, Kind, Setting


def table() -> str:
    """A line for each setting: its key, what it takes, its default, what it means."""
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{setting.key}`{'' if setting.in_file else ' (not in a file)'} | {_value(setting)} | {_default(setting)} | "
        f"{setting.about} |"
        for setting in SETTINGS
    ]
    return "\n".join(lines) + "\n"


def _value(setting: Setting) -> str:
    choices = ", ".join(f"`{choice}`" for choice in setting.choices)
    match setting.kind:
        case Kind.CHOICE:
            return choices
        case Kind.CHOICES:
            return "a list of families"
        case Kind.LEVELS:
            return f"a table of {choices}"
        case Kind.SIZE:
            return '`1000000`, `"300 MB"`, `"1.5 GiB"`'
        case _:
            return str(setting.kind.value)


def _default(setting: Setting) -> str:
    if setting.default in (None, ()):
        return ""
    return f"`{str(setting.default).lower()}`"


if __name__ == "__main__":
    sys.stdout.write(table())
