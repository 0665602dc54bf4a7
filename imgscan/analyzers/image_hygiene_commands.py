"""What RUN steps did that makes an image larger, older or less sure than it need be: told by the commands they ran."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from posixpath import join, normpath

from imgscan.amounts import listed
from imgscan.analyzers.analyzer import Evidence, Outcome, on_steps
from imgscan.analyzers.image_hygiene_command_rules import (
    CHMOD,
    DIST_UPGRADE,
    PIPED,
    RECOMMENDS,
    RULES,
    SIGNATURES_OFF,
    SUDO,
    TLS_OFF,
    UNPINNED_DOWNLOAD,
    UNPINNED_PACKAGE,
    UNVERIFIED,
    UPDATE_ALONE,
)
from imgscan.errors import Problem
from imgscan.evidence import Depth
from imgscan.image.image import HistoryStep
from imgscan.instructions import MAX_COMMANDS, SHELLS, Command, commands, pipelines
from imgscan.report import AddedBy, Family, Finding, Location, LocationKind, Rule
from imgscan.unpinned import moving_downloads, unpinned_packages
from imgscan.verification import checks_off, host_of, is_download, signatures_off, variable_off

_APT = frozenset({"apt-get", "apt", "aptitude"})
_FETCHES = frozenset({"curl", "wget", "fetch", "aria2c"})
_INTERPRETERS = SHELLS | {"python", "python2", "python3", "perl", "ruby", "node", "php"}
_INSTALLS = frozenset(
    {"install", "upgrade", "dist-upgrade", "full-upgrade", "build-dep", "satisfy", "source", "download"}
)
_VERIFIES = re.compile(
    r"\b(?:sha(?:1|224|256|384|512)sum|shasum|b2sum|b3sum|md5sum|gpgv?|gpg2|cosign|minisign|signify|slsa-verifier|"
    r"openssl\s+dgst|attestation\s+verify|checksum|Get-FileHash|rpmkeys|apksigner)\b"
)
# Without the sticky bit: 1777 is how /tmp has to be. `+w` leaves out what the umask does.
_WORLD = re.compile(r"0?[0246]?[0-7]{2}[2367]|[ugo]*[ao][ugoa]*[+=][rxXs]*w[rxXs]*")
_MAX_TARGETS = 200  # of a chmod that are looked up
Checked = Iterator[tuple[Rule, str]]
"""Rules that hold for the commands of one step, each with a message."""


class CommandsAnalyzer:
    """`image-hygiene`: what the shell would have run, step by step; one finding for each rule and step.

    Commands are quoted by their programs, options and hosts alone: other words may be secrets.
    """

    families: tuple[Family, ...] = (Family.IMAGE_HYGIENE,)
    rules: tuple[Rule, ...] = RULES
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        found, problems = [], []
        recommends_off = any("nstall-Recommends" in step.instruction.arguments for step in evidence.image.steps)
        directory = "/"
        for step in evidence.image.steps:
            if step.instruction.keyword == "WORKDIR":
                directory = normpath(join(directory, step.instruction.arguments.strip()))
            ran = commands(step)
            if len(ran) >= MAX_COMMANDS:
                told = f"step {step.index} runs more than {MAX_COMMANDS:,} commands; the others were not judged"
                problems.append(Problem("too-many-commands", told))
            for check in _CHECKS:
                if check is _recommends and recommends_off:
                    continue
                found += [_finding(step, rule, message) for rule, message in check(step, ran) if ran]
            found += [_finding(step, CHMOD, message) for message in _world_writable(evidence, ran, directory)]
        found += _environment(evidence)
        outcome = on_steps(found)
        return replace(outcome, problems=(*outcome.problems, *problems))


def _finding(step: HistoryStep, rule: Rule, message: str) -> Finding:
    return Finding(
        rule=rule,
        location=Location(LocationKind.HISTORY, history=step.index),
        message=message,
        severity=rule.severity,
        added_by=AddedBy(step.layer, step.index, step.instruction.text),
        remediation=rule.remediation,
    )


def _environment(evidence: Evidence) -> Iterator[Finding]:
    """ENV that switches certificate checks off, which holds for the container as well."""
    off = {}
    for index, entry in enumerate(evidence.image.config.env):
        if variable_off(entry):
            off[entry.partition("=")[0]] = index  # of several the last counts
    for name, index in off.items():
        yield Finding(
            rule=TLS_OFF,
            location=Location(LocationKind.CONFIG, pointer=f"/config/Env/{index}", name=name),
            message=f"ENV {name}: programs of the container do not check whom they talk to",
            severity=TLS_OFF.severity,
            remediation=TLS_OFF.remediation,
        )


def _first(command: Command) -> str:
    """The subcommand: `install` of `apt-get -y install curl`."""
    return next(iter(command.operands), "")


def _update_alone(step: HistoryStep, ran: Sequence[Command]) -> Checked:
    del step
    apt = [command for command in ran if command.program in _APT]
    apk = [command for command in ran if command.program == "apk"]
    # A program of the image's own may install: what it does is not known.
    others = any("/" in command.path and not command.path.startswith(("/bin/", "/usr/bin/")) for command in ran)
    if others:
        return
    for name, group, installs in (("apt-get update", apt, _INSTALLS), ("apk update", apk, {"add", "upgrade", "fix"})):
        updates = [command for command in group if "update" in command.operands]
        if updates and not any(installs.intersection(command.operands) for command in group):
            yield UPDATE_ALONE, f"{name} in a step of its own: later steps install by the lists of the cached layer"


def _piped(step: HistoryStep, ran: Sequence[Command]) -> Checked:
    del step
    for joined in pipelines(ran):
        for command in joined:
            source = _feeding(command, joined)
            if source is not None:
                yield PIPED, f"{command.within or command.program} runs what {source.program} fetches{_from(source)}"
                return


def _feeding(command: Command, joined: Sequence[Command]) -> Command | None:
    """The download whose output a command runs, or that a shell runs by substitution."""
    if command.within and command.program in _FETCHES:
        return command
    if command.program not in _INTERPRETERS or command.position == 0 or not _reads_program(command):
        return None
    return next((one for one in joined if one.position < command.position and one.program in _FETCHES), None)


def _reads_program(command: Command) -> bool:
    """Whether an interpreter runs its standard input: it is given no script and no text."""
    for word in command.words:
        if word in {"-", "-s", "--", "/dev/stdin"} or re.fullmatch(r"-[A-Za-z]*s[A-Za-z]*", word):
            return True
        if re.match(r"-[A-Za-z]*[cemnprR]", word) or not word.startswith(("-", "+")):
            return False
    return True


def _unverified(step: HistoryStep, ran: Sequence[Command]) -> Checked:
    if _VERIFIES.search(step.instruction.arguments):
        return
    fetched = [
        command
        for joined in pipelines(ran)
        if not any(_feeding(command, joined) for command in joined)
        for command in joined
        if is_download(command, joined)
    ]
    if fetched:
        hosts = listed(host for command in fetched if (host := host_of(command)))
        where = f" from {hosts}" if hosts else ""
        programs = listed(command.program for command in fetched)
        yield UNVERIFIED, f"{programs} fetches{where} what nothing in the same step checks"


def _checks_off(step: HistoryStep, ran: Sequence[Command]) -> Checked:
    del step
    tls = [told for command in ran for told in checks_off(command)]
    if tls:
        yield TLS_OFF, f"{listed(tls)}: whoever stands between may answer instead of the server"
    signatures = [told for command in ran for told in signatures_off(command)]
    if signatures:
        yield SIGNATURES_OFF, f"{listed(signatures)}: packages are installed whoever made them"


def _unpinned(step: HistoryStep, ran: Sequence[Command]) -> Checked:
    moving = list(moving_downloads(step.instruction.arguments, ran))
    if moving:
        yield UNPINNED_DOWNLOAD, f"{listed(moving)}: the next build fetches something else"
    packages = [told for command in ran for told in unpinned_packages(command)]
    if packages:
        yield UNPINNED_PACKAGE, f"{listed(packages)}: without a version, each build installs what is newest that day"


def _sudo(step: HistoryStep, ran: Sequence[Command]) -> Checked:
    del step
    started = [command.program for command in ran if {"sudo", "doas"}.intersection(command.wrappers)]
    if started:
        yield SUDO, f"sudo starts {listed(name or 'a command' for name in started)}"


def _dist_upgrade(step: HistoryStep, ran: Sequence[Command]) -> Checked:
    del step
    for command in ran:
        words = set(command.operands)
        if command.program in _APT and words & {"dist-upgrade", "full-upgrade"}:
            yield DIST_UPGRADE, f"{command.program} {'dist-upgrade' if 'dist-upgrade' in words else 'full-upgrade'}"
        elif command.program == "zypper" and words & {"dup", "dist-upgrade"}:
            yield DIST_UPGRADE, "zypper dist-upgrade"
        elif command.program in {"dnf", "yum"} and words & {"distro-sync", "system-upgrade"}:
            yield DIST_UPGRADE, f"{command.program} {min(words & {'distro-sync', 'system-upgrade'})}"
        else:
            continue
        return


def _recommends(step: HistoryStep, ran: Sequence[Command]) -> Checked:
    del step
    if any(
        command.program in {"apt-get", "apt"}
        and _first(command) == "install"
        and not command.has("--no-install-recommends")
        for command in ran
    ):
        yield RECOMMENDS, "apt-get install without --no-install-recommends: brings packages nobody asked for"


def _world_writable(evidence: Evidence, ran: Sequence[Command], directory: str) -> Iterator[str]:
    """chmod to a mode that lets everybody write, unless the files of the final file system show it undone."""
    told = []
    for command in ran:
        if command.program != "chmod" or not command.operands:
            continue
        modes, targets = command.operands[0], command.operands[1:_MAX_TARGETS]
        if not any(_WORLD.fullmatch(mode) for mode in modes.split(",")):
            continue
        there = [evidence.overlay.resolve(join(directory, target)) for target in targets]
        known = [version.member.mode for version in there if version is not None]
        if known and len(known) == len(targets) and not any(mode & 0o002 for mode in known):
            continue
        recursive = " -R" if command.has("-R", "--recursive") else ""
        paths = [version.path for version in there if version is not None]
        told.append(f"chmod{recursive} {modes}" + (f" of {listed(paths, 2)}" if paths else ""))
    if told:
        yield f"{listed(told)}: every user of the container may change it"


def _from(command: Command) -> str:
    host = host_of(command)
    return f" from {host}" if host else ""


_CHECKS: tuple[Callable[[HistoryStep, Sequence[Command]], Checked], ...] = (
    _update_alone,
    _piped,
    _unverified,
    _checks_off,
    _unpinned,
    _sudo,
    _dist_upgrade,
    _recommends,
)
