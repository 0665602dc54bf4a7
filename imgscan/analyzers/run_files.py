"""What is run in a container, and by whom: the files that nobody but root should be able to replace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from posixpath import dirname, normpath

from imgscan.accounts import EffectiveUser
from imgscan.analyzers.analyzer import Evidence
from imgscan.evidence import MemberKind
from imgscan.overlay import FileVersion
from imgscan.programs import search_path, started_programs
from imgscan.report import Severity
from imgscan.tampering import may_change, weak_point

# Read or run by root, or deciding who is root. Directories with the files in them.
_BY_ROOT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("loaded into every program", ("etc/ld.so.preload", "etc/ld.so.cache", "etc/ld.so.conf", "etc/ld.so.conf.d/")),
    ("libraries", ("lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib")),
    ("who is who", ("etc/passwd", "etc/shadow", "etc/group", "etc/gshadow")),
    ("who may become root", ("etc/sudoers", "etc/sudoers.d/", "etc/doas.conf", "etc/pam.d/", "etc/security")),
    (
        "run by root's shells",
        (
            *("etc/profile", "etc/profile.d/", "etc/bash.bashrc", "etc/bashrc", "etc/environment", "etc/zsh/zshrc"),
            *("root/.bashrc", "root/.profile", "root/.bash_profile", "root/.bash_login", "root/.zshrc", "root/.ssh"),
        ),
    ),
    (
        "run by cron",
        (
            *("etc/crontab", "etc/anacrontab", "etc/cron.d/", "etc/cron.hourly/", "etc/cron.daily/"),
            *("etc/cron.weekly/", "etc/cron.monthly/", "etc/crontabs/root", "var/spool/cron/crontabs/root"),
            *("var/spool/cron/root", "etc/periodic/15min/", "etc/periodic/hourly/", "etc/periodic/daily/"),
            *("etc/periodic/weekly/", "etc/periodic/monthly/"),
        ),
    ),
    (
        "run when the container starts",
        ("etc/rc.local", "etc/init.d/", "etc/cont-init.d/", "etc/services.d", "etc/s6-overlay", "etc/systemd/system"),
    ),
)
_PACKAGES = re.compile(r"(?:python|pypy)[\d.]*")
_SITES = ("site-packages", "dist-packages")
_MODULES = ("usr/lib/node_modules", "usr/local/lib/node_modules")
_INTERPRETERS = re.compile(r"node(?:js)?|bun|deno|(?:python|pypy|ruby|perl|php)[\d.]*|java|dotnet")
_PACKAGE_RUNNERS = frozenset({"npm", "yarn", "pnpm"})
"""Run what package.json in the working directory says."""
# Where links of PATH directories lead as a rule: their directories are looked at themselves.
_USUAL = ("usr/bin/", "usr/sbin/", "usr/lib/", "usr/share/", "bin/", "sbin/", "lib/", "etc/alternatives/")
_SYSTEM = ("bin", "sbin", "lib", "lib64", "usr", "etc", "opt", "var", "root", "")
_MAX_ENTRIES = 20_000
"""Entries of one directory that are looked at; usr/bin of a full desktop has 4,000."""


@dataclass(frozen=True, slots=True)
class _Run:
    """`path` is run or read as `what` says; `severity` is for one who may replace it."""

    path: str
    what: str
    severity: Severity
    version: FileVersion | None = field(default=None, repr=False)
    """What lies at the path, where its directory was looked at as a run of its own."""


@dataclass(slots=True)
class Weakness:
    """A file or directory to which somebody may write who should not, and what can be replaced there."""

    version: FileVersion
    severity: Severity
    runs: list[str]


def weaknesses(evidence: Evidence, user: EffectiveUser) -> list[Weakness]:
    """Where `user` may write and so replace what is run, each once, by path."""
    found: dict[str, Weakness] = {}
    for run in _runs(evidence, user):
        if run.version is not None:
            point = run.version if may_change(user, run.version) else None
        else:
            point = weak_point(user, evidence.overlay, run.path)
        if point is None:
            continue
        known = found.setdefault(point.path, Weakness(point, run.severity, []))
        known.severity = max(known.severity, run.severity)
        told = f"{run.path} ({run.what})"
        if told not in known.runs:
            known.runs.append(told)
    return [found[path] for path in sorted(found)]


def _runs(evidence: Evidence, user: EffectiveUser) -> Iterator[_Run]:
    for what, paths in _BY_ROOT:
        for path in paths:
            yield _Run(path.rstrip("/"), what, Severity.HIGH)
            if path.endswith("/"):
                yield from _entries(evidence, path.rstrip("/"), what, Severity.HIGH)
    own = _own_trees(evidence, user)
    for path in search_path(evidence.image.config):
        severity = Severity.LOW if f"{path}/".startswith(own) else Severity.MEDIUM
        yield _Run(path, "a directory of PATH", severity)
        yield from _entries(evidence, path, "in PATH", severity)
    yield from _started(evidence)
    for path in _package_directories(evidence):
        yield _Run(path, "packages of an interpreter", Severity.MEDIUM)


def _entries(evidence: Evidence, directory: str, what: str, severity: Severity) -> Iterator[_Run]:
    """The files directly in a directory; links are followed where they lead to an unusual place."""
    for entry in evidence.overlay.listdir(_resolved(evidence, directory))[:_MAX_ENTRIES]:
        if entry.member.kind is MemberKind.SYMLINK:
            target = normpath(f"/{dirname(entry.path)}/{entry.member.linkname}")
            if entry.member.linkname.startswith("/"):
                target = normpath(entry.member.linkname)
            if not target.lstrip("/").startswith(_USUAL):
                yield _Run(entry.path, what, severity)
        elif entry.member.kind is MemberKind.FILE:
            yield _Run(entry.path, what, severity, entry)


def _resolved(evidence: Evidence, path: str) -> str:
    version = evidence.overlay.resolve(path)
    return version.path if version is not None else path


def _own_trees(evidence: Evidence, user: EffectiveUser) -> tuple[str, ...]:
    """The user's home and the working directory, each with a slash behind; never a directory of the system."""
    rows = evidence.rows_at("accounts", "etc/passwd") or ()
    homes = [str(row[4]) for row in rows if row[0] == "user" and user.uid is not None and row[2] == user.uid]
    paths = (normpath(f"/{path}").strip("/") for path in (*homes, evidence.image.config.working_dir))
    return tuple(f"{path}/" for path in dict.fromkeys(paths) if path not in _SYSTEM)


def _started(evidence: Evidence) -> Iterator[_Run]:
    """What the entry point and the command start, and the scripts that interpreters are given.

    An entry point that is a script hands over to the command as a rule (`exec "$@"`), so both are looked at.
    """
    config = evidence.image.config
    overlay = evidence.overlay
    programs = list(started_programs(overlay, config))
    if config.entrypoint and config.cmd and not any(_INTERPRETERS.fullmatch(program.name) for program in programs):
        programs += started_programs(overlay, replace(config, entrypoint=()))
    for program in programs:
        if program.path is None:
            continue
        yield _Run(program.path, "started by the image", Severity.MEDIUM)
        script = ""
        if _INTERPRETERS.fullmatch(program.name):
            script = next((argument for argument in program.arguments if not argument.startswith("-")), "")
        elif program.name in _PACKAGE_RUNNERS:
            script = "package.json"
        path = normpath(script if script.startswith("/") else f"/{config.working_dir}/{script}").lstrip("/")
        version = overlay.resolve(path) if script else None
        if version is not None and version.member.kind is MemberKind.FILE:
            yield _Run(path, f"run by {program.name}", Severity.LOW)


def _package_directories(evidence: Evidence) -> Iterator[str]:
    overlay = evidence.overlay
    for place in ("usr/lib", "usr/local/lib"):
        for entry in overlay.listdir(place):
            name = entry.path.rpartition("/")[2]
            if entry.member.kind is MemberKind.DIRECTORY and _PACKAGES.fullmatch(name):
                yield from (f"{entry.path}/{site}" for site in _SITES)
    yield from _MODULES
