"""What is in force, as the defaults of a command's options."""

from __future__ import annotations

from collections.abc import Mapping

from imgscan.configuration.configuration import OF_COMMANDS, Configuration, variable_of
from imgscan.configuration.settings import Kind, Value


def defaults_for(
    configuration: Configuration, options: Mapping[str, tuple[bool, object]], environment: Mapping[str, str]
) -> dict[str, object]:
    """Values for the options of a command, by parameter: what the file and the variables say.

    `options` tells of each whether it is repeatable, and its own default.
    """
    defaults: dict[str, object] = {
        name: environment[variable_of(name)]
        for name in OF_COMMANDS
        if name in options and environment.get(variable_of(name), "").strip()
    }
    # Formats and files of reports: a command that writes one document of its own means something else by them.
    reports = options.get("format", (False, None))[0]
    for item in configuration.settings:
        name = item.setting.parameter
        if name not in options or not item.given or (name in ("format", "output") and not reports):
            continue
        repeatable, default = options[name]
        if name == "fail_on" and default == "none":
            continue  # a command that is no gate unless it is told so with each call
        value = _written(item.setting.kind, item.value)
        if isinstance(value, list) and not repeatable:
            value = ",".join(value)
        defaults[name] = [value] if repeatable and not isinstance(value, list) else value
    return defaults


def _written(kind: Kind, value: Value) -> object:
    """As it would be typed."""
    if kind is Kind.LEVELS and isinstance(value, tuple):
        return [f"{pair[0]}={pair[1]}" for pair in value]
    if isinstance(value, tuple):
        return list(value)
    return str(value) if kind in (Kind.SIZE, Kind.COUNT) else value
