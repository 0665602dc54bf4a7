"""From what is in force to the policy that judges findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

from imgscan.configuration.baseline_file import read_baseline
from imgscan.configuration.configuration import Configuration, InForce, configure
from imgscan.configuration.settings import BY_KEY, Value, read
from imgscan.evidence import Confidence
from imgscan.report import Baseline, Origin, Policy, Requirements, Severity

_ONLY = {None: None, "own": Origin.OWN, "inherited": Origin.BASE}


def with_flags(configuration: Configuration, flags: Mapping[str, object]) -> Configuration:
    """The configuration under what was typed, by key; None was not typed. Raises UsageError for a wrong value."""
    typed: dict[str, InForce] = {}
    for key, raw in flags.items():
        if raw is not None:
            setting = BY_KEY[key]
            typed[key] = InForce(setting, read(setting, raw, setting.flag), setting.flag)
    settings = tuple(typed.get(item.setting.key, item) for item in configuration.settings)
    return replace(configuration, settings=settings)


def read_policy(
    directory: Path | None = None, *, today: date | None = None, environment: Mapping[str, str] | None = None
) -> Policy:
    """The policy of a directory (the working directory if None): its imgscan.toml or pyproject.toml, found upwards.

    Variables count where an `environment` is handed in, and ignores end where somebody says what day it is. Raises
    UsageError for a wrong file.
    """
    configuration = configure(directory or Path.cwd(), environment or {})
    named = configuration.value("baseline")
    baseline = read_baseline((directory or Path.cwd()) / str(named)) if named is not None else None
    return policy_of(configuration, baseline=baseline, today=today)


def policy_of(configuration: Configuration, *, baseline: Baseline | None = None, today: date | None = None) -> Policy:
    """All that the configuration says of what counts and what fails."""

    def text(key: str) -> str | None:
        return cast("str | None", configuration.value(key))

    def texts(key: str) -> tuple[str, ...]:
        return cast("tuple[str, ...]", configuration.value(key))

    def number(key: str) -> int | None:
        return cast("int | None", configuration.value(key))

    inherited = text("fail-on-inherited")
    return Policy(
        fail_on=Severity(text("fail-on") or "high"),
        families=texts("families"),
        only=_ONLY[text("only")],
        own_packages=texts("own-packages"),
        public_packages=texts("public-packages"),
        trust_packages=text("trust-packages") != "no",
        show_suppressed=bool(configuration.value("show-suppressed")),
        fail_on_inherited=Severity(inherited) if inherited is not None else None,
        fail_on_families=_levels(configuration.value("fail-on-family")),
        severities=_levels(configuration.value("severity")),
        min_confidence=Confidence(text("min-confidence") or "low"),
        ignores=configuration.ignores,
        baseline=baseline,
        requirements=Requirements(
            max_size=number("max-size"),
            max_dead_bytes=number("max-dead-bytes"),
            max_build_tools=number("max-build-tools"),
            allowed_bases=texts("allowed-bases"),
            forbidden_bases=texts("forbidden-bases"),
            labels=texts("required-labels"),
            user=text("required-user") or "",
        ),
        today=today,
    )


def _levels(value: Value) -> tuple[tuple[str, Severity], ...]:
    pairs = cast("tuple[tuple[str, str], ...]", value)
    return tuple((name, Severity(level)) for name, level in pairs)
