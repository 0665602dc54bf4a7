"""Which of the platforms an image exists for are meant."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from imgscan.errors import Effect, PlatformNotFound, Problem, UsageError
from imgscan.image.image import Platform
from imgscan.sources.source import PlatformRequest

T = TypeVar("T")

# Go's names (GOARCH) for what the kernel and people call machines; the aliases are those of containerd's
# platforms/database.go.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "armhf": "arm",
    "i686": "386",
    "i386": "386",
}
# What an architecture is where no variant is named.
_PLAIN_VARIANTS = {("amd64", "v1"), ("arm64", "v8"), ("arm64", "8")}


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """One platform of an image; `present` is False where only its name is there."""

    platform: Platform | None
    value: T | None
    present: bool


def parse_platform(text: str) -> Platform:
    """`os/arch[/variant]`, or an architecture alone. UsageError otherwise."""
    parts = text.split("/")
    if len(parts) == 1:
        parts = ["linux", *parts]
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"{text!r} is no platform", tip="write os/architecture[/variant], like linux/arm64, or all")
    return Platform(*parts)


def this_platform() -> Platform:
    """The platform whose images this machine runs: always Linux, as engines elsewhere keep a Linux machine."""
    machine = os.uname().machine
    return Platform("linux", _ARCHITECTURES.get(machine, machine))


def normalised(platform: Platform) -> Platform:
    """The one spelling of a platform: small letters, Go's names, no variant where it says nothing more."""
    os_name, machine, variant = platform.os.lower(), platform.architecture.lower(), platform.variant.lower()
    architecture = _ARCHITECTURES.get(machine, machine)
    return Platform(os_name, architecture, "" if (architecture, variant) in _PLAIN_VARIANTS else variant)


def matches(wanted: Platform, platform: Platform | None) -> bool:
    """Whether a platform is the wanted one, however either is spelled; a variant counts only where it is asked for."""
    if platform is None:
        return False
    asked, there = normalised(wanted), normalised(platform)
    same = (asked.os, asked.architecture) == (there.os, there.architecture)
    return same and asked.variant in ("", there.variant)


def choose(
    choices: Sequence[Choice[T]], request: PlatformRequest, name: str, problems: list[Problem]
) -> list[Choice[T]]:
    """The choices that are meant: all, the wanted one, this machine's, or the only one that is there.

    An index that names absent platforms is no error (stores keep what was pulled): those are told as a problem
    where all were asked for. PlatformNotFound where nothing fits.
    """
    present = [choice for choice in choices if choice.present]
    absent = [choice for choice in choices if not choice.present]
    if request.all:
        problems.extend(
            Problem("absent-platform", f"{name}: {choice.platform} is named, but not there", Effect.OPAQUE)
            for choice in absent
        )
        return present
    wanted = request.platform
    if wanted is not None:
        found = [choice for choice in present if matches(wanted, choice.platform)]
        if found:
            return found[:1] if _one_image(found) else found
        raise PlatformNotFound(_not_found(name, str(wanted), present, absent, wanted), tip=_tip(present))
    if len(present) <= 1:
        return present
    found = [choice for choice in present if matches(this_platform(), choice.platform)]
    if found:
        return found
    if len({choice.platform for choice in present}) == 1:
        return present
    raise PlatformNotFound(_not_found(name, str(this_platform()), present, absent, this_platform()), tip=_tip(present))


def _one_image(choices: Sequence[Choice[T]]) -> bool:
    """Variants of one architecture, where none was asked for: the first is meant, as engines do."""
    return len({choice.platform for choice in choices}) > 1


def _not_found(
    name: str, wanted: str, present: Sequence[Choice[T]], absent: Sequence[Choice[T]], platform: Platform
) -> str:
    if any(matches(platform, choice.platform) for choice in absent):
        return f"{name}: {wanted} is named in the index, but its blobs are not there"
    there = ", ".join(sorted({str(choice.platform) for choice in present})) or "none"
    return f"{name} is not there for {wanted}, only for: {there}"


def _tip(present: Sequence[Choice[T]]) -> str:
    there = sorted({str(choice.platform) for choice in present if choice.platform})
    return f"choose one: --platform {there[0]}, or --platform all" if there else ""
