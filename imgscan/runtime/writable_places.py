"""Which directories a container of an image must be able to write to when the rest is read-only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import normpath

from imgscan.accounts import Access, EffectiveUser, permits
from imgscan.analyzers.analyzer import Evidence
from imgscan.evidence import MemberKind
from imgscan.image.image import ImageConfig
from imgscan.report.hardening import Place
from imgscan.runtime.software import (
    CACHE_VARIABLES,
    DATA_NAMES,
    DATA_VARIABLES,
    SCRATCH_NAMES,
    SOFTWARE,
    Software,
)

_TEMPORARY = "/tmp"  # noqa: S108  # of a container, mounted empty
_MAX_PLACES = 40
"""Of each kind; an image that declares more volumes than that is not one that anybody runs."""
# What --tmpfs, --mount, compose and Kubernetes all take without an escape.
_USABLE = re.compile(r"(?:/[A-Za-z0-9._+@-][A-Za-z0-9._+@ -]{0,254}){1,32}")
_SYSTEM = ("/", "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/proc", "/sys", "/dev", "/boot", "/var")


@dataclass(frozen=True, slots=True)
class Writable:
    """What to mount: directories that are empty at each start, and those whose content must survive."""

    tmpfs: tuple[Place, ...]
    volumes: tuple[Place, ...]
    unusable: tuple[str, ...] = ()
    """Declared volumes whose paths cannot be given on a command line, as declared."""


def writable_places(evidence: Evidence, user: EffectiveUser, programs: tuple[str, ...]) -> Writable:
    """The places that VOLUME, variables, the directories of the application and known software name."""
    config = evidence.image.config
    known = [software for software in SOFTWARE if set(software.names) & set(programs)]
    tmpfs: dict[str, Place] = {}
    volumes: dict[str, Place] = {}
    unusable = []
    for declared in config.volumes:
        path = _usable(declared)
        if path is None:
            unusable.append(declared)
        elif _is_scratch(path):
            tmpfs.setdefault(path, Place(path, "VOLUME of the image"))
        else:
            volumes.setdefault(path, Place(path, "VOLUME of the image: its data survives the container"))
    for place, data in (*_of_software(evidence, user, known), *_of_variables(config), *_of_application(evidence, user)):
        target = volumes if data else tmpfs
        # What lies in a volume is writable already; a tmpfs over a volume would hide it.
        if not any(_covers(above, place.path) for above in volumes) and len(target) < _MAX_PLACES:
            target.setdefault(place.path, place)
    scratch = Place(_TEMPORARY, "temporary files of any program", execute=_executes(known, _TEMPORARY))
    tmpfs[_TEMPORARY] = scratch
    kept = {
        path: place
        for path, place in tmpfs.items()
        if not any(_covers(above, path) for above in tmpfs if above != path)
    }
    kept = {path: place for path, place in kept.items() if path not in volumes}
    return Writable(
        tuple(kept[path] for path in sorted(kept)),
        tuple(volumes[path] for path in sorted(volumes)[:_MAX_PLACES]),
        tuple(unusable),
    )


def _of_software(evidence: Evidence, user: EffectiveUser, known: list[Software]) -> Iterator[tuple[Place, bool]]:
    for software in known:
        for paths, data in ((software.data, True), (software.tmpfs, False)):
            for text in paths:
                path = _usable(_expanded(text, evidence, user))
                there = path is not None and _is_directory(evidence, path)
                if path is not None and (there or text in software.needed):
                    what = "keeps its data there" if data else "writes run files, caches or logs there"
                    yield Place(path, f"{software.title} {what}", _executes(known, path)), data


def _of_variables(config: ImageConfig) -> Iterator[tuple[Place, bool]]:
    for entry in config.env:
        name, _, value = entry.partition("=")
        path = _usable(value) if name in CACHE_VARIABLES or name in DATA_VARIABLES else None
        if path is not None:
            yield Place(path, f"the variable {name} names it"), name in DATA_VARIABLES


def _of_application(evidence: Evidence, user: EffectiveUser) -> Iterator[tuple[Place, bool]]:
    """Empty directories in the WORKDIR, writable for the user, whose names say what they are for."""
    base = _usable(evidence.image.config.working_dir)
    if base is None:
        return
    for version in evidence.overlay.listdir(base.strip("/")):
        name, path = version.path.rpartition("/")[2], _usable(f"/{version.path}")
        if path is None or name not in SCRATCH_NAMES | DATA_NAMES or version.member.kind is not MemberKind.DIRECTORY:
            continue
        if permits(user, version.member, Access.WRITE) and not evidence.overlay.listdir(version.path):
            yield Place(path, "an empty directory of the application that its user may write to"), name in DATA_NAMES


def _usable(text: str) -> str | None:
    """An absolute path that every target can name, normalised; None for others and for directories of the system."""
    path = normpath(text) if text.startswith("/") and len(text) <= 4096 else ""
    path = f"/{path.lstrip('/')}"
    return (
        path if _USABLE.fullmatch(path) and path not in _SYSTEM and not path.startswith(("/proc/", "/sys/")) else None
    )


def _expanded(text: str, evidence: Evidence, user: EffectiveUser) -> str:
    if text.startswith("~"):
        return _home(evidence, user) + text[1:]
    return f"{evidence.image.config.working_dir}{text[1:]}" if text.startswith("./") else text


def _home(evidence: Evidence, user: EffectiveUser) -> str:
    """HOME of the environment, else that of the account, as runtimes set it."""
    homes = [entry[5:] for entry in evidence.image.config.env if entry.startswith("HOME=")]
    rows = evidence.rows_at("accounts", "etc/passwd") or ()
    accounts = [str(row[4]) for row in rows if row[0] == "user" and row[2] == user.uid]
    return next((home.rstrip("/") for home in (*reversed(homes), *accounts) if home.startswith("/")), "")


def _is_directory(evidence: Evidence, path: str) -> bool:
    version = evidence.overlay.resolve(path.strip("/"))
    return version is not None and version.member.kind is MemberKind.DIRECTORY


def _is_scratch(path: str) -> bool:
    return path.startswith((_TEMPORARY, "/run", "/var/run", "/var/cache", "/var/tmp"))  # noqa: S108


def _executes(known: list[Software], path: str) -> bool:
    return any(path in software.executes for software in known)


def _covers(above: str, path: str) -> bool:
    return path == above or path.startswith(f"{above}/")
