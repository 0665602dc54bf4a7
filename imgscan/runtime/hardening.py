"""From an image's evidence to the flags it can live with. Pure; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from posixpath import basename

from imgscan.accounts import Access, EffectiveUser, effective_user, may_execute, permits, resolve
from imgscan.analyzers.analyzer import Evidence
from imgscan.analyzers.root_user import handovers
from imgscan.errors import ImgscanError
from imgscan.file_capabilities import ATTRIBUTE, decode_capabilities
from imgscan.image.image import SourceKind
from imgscan.overlay import FileVersion
from imgscan.pipeline import Options, open_evidence
from imgscan.programs import find_program, started_programs
from imgscan.report import Policy
from imgscan.report.hardening import Capability, Hardening, Port, RunUser
from imgscan.runtime.probes import derive_probe
from imgscan.runtime.software import SOFTWARE
from imgscan.runtime.writable_places import writable_places
from imgscan.sources.docker_engine import REFERENCE
from imgscan.sources.engine_images import IMAGE_ID

PLACEHOLDER = "IMAGE"
_NOBODY = 65_532
"""The number that distroless and ko images use for `nonroot`."""
_PORT = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?")
_MAX_PORTS = 50
_RAISERS = frozenset({"sudo", "su", "doas"})
# What an entry point that hands over as root uses: chown of the data, then setuid.
_HANDOVER_CAPABILITIES = (
    ("CHOWN", "the entry point gives its directories to the service's user"),
    ("DAC_OVERRIDE", "as root it reads and writes files of the service's user"),
    ("FOWNER", "it changes modes of files of the service's user"),
    ("SETGID", "it changes to the service's group"),
    ("SETUID", "it changes to the service's user"),
)


@dataclass(frozen=True, slots=True)
class _Start:
    """What the image starts: names of programs, and what they are allowed to."""

    names: tuple[str, ...]
    setuid: tuple[str, ...]
    capabilities: tuple[tuple[str, str], ...]
    """(capability without `CAP_`, path of the program that has it)."""
    raiser: str = ""
    """A program by which an unprivileged start becomes root: sudo, su."""


def harden_image(reference: str, options: Options) -> list[Hardening]:
    """What each image of a reference can live with: one for each platform asked for, or each image of an archive.

    Raises ImgscanError where no result is possible.
    """
    # The accounts and entry point scripts are what this family has read.
    looking = replace(options, policy=Policy(families=("root-user",)), show_secrets=False)
    with open_evidence(reference, looking) as (evidences, _, _):
        linux = [evidence for evidence in evidences if evidence.image.config.platform.os != "windows"]
        if evidences and not linux:
            raise ImgscanError(
                f"{reference} is for Windows: what is derived here are settings of Linux",
                tip="Windows containers are separated with --isolation hyperv",
            )
        return [derive(evidence) for evidence in linux]


def derive(evidence: Evidence) -> Hardening:
    """The flags that an image can live with, each with its reason."""
    image = evidence.image
    notes: list[str] = []
    configured = effective_user(evidence)
    start = _started(evidence, configured)
    user, capabilities = _user(evidence, configured, start, notes)
    running = resolve(f"{user.uid}:{user.gid}", _users(evidence), ()) if user else configured
    writable = writable_places(evidence, running, start.names)
    for declared in writable.unusable:
        notes.append(f"VOLUME {declared!r} has a path that cannot be mounted by name; mount it by hand")
    for place in writable.volumes:
        there = evidence.overlay.resolve(place.path.strip("/"))
        if not running.is_root and (there is None or not permits(running, there.member, Access.WRITE)):
            notes.append(f"a new volume at {place.path} belongs to root: give it to {running.uid}:{running.gid} first")
    gains = _gains_privileges(start, user)
    granted = {each.name: each for each in (*capabilities, *_file_capabilities(start))}
    if _reference(evidence) == PLACEHOLDER:
        notes.append(f"the image has no name that can be run: load it, and put its name for {PLACEHOLDER}")
    if user is None:
        notes.append("who it runs as is not known: name a user yourself")
    return Hardening(
        image=_reference(evidence),
        name=_name(evidence),
        platform=str(image.config.platform),
        user=user,
        tmpfs=writable.tmpfs,
        volumes=writable.volumes,
        capabilities=tuple(granted[name] for name in sorted(granted)),
        gains_privileges=gains,
        ports=tuple(_ports(image.config.exposed_ports)),
        probe=derive_probe(image.config, tuple(_ports(image.config.exposed_ports))),
        notes=tuple(notes),
        problems=image.problems,
    )


def _started(evidence: Evidence, user: EffectiveUser) -> _Start:
    """The programs of the entry point and the command, and those that a script of them is given."""
    config, overlay = evidence.image.config, evidence.overlay
    found = list(started_programs(overlay, config))
    paths = {each.path: each.version for each in found if each.path and each.version}
    names = [each.name for each in found]
    for word in (*config.entrypoint, *config.cmd)[:64]:
        program = find_program(overlay, config, word) if re.fullmatch(r"[\w./+-]{1,255}", word) else None
        if program is not None:
            paths[program[0]] = program[1]
            names += [basename(word), basename(program[1].path)]
    for each in found:
        # The first word of each command of `sh -c`.
        names += [basename(word) for word in re.findall(r"(?:^|[;&|]\s*|\bexec\s+)([\w./+-]{1,255})", each.text[:4096])]
    raiser = ""
    if not user.is_root:
        tools = [drop.tool for _, drop in handovers(evidence)]
        raiser = next((tool for tool in (*names, *tools) if tool in _RAISERS), "")
    setuid = tuple(path for path, version in paths.items() if version.member.mode & 0o4000 and version.member.uid == 0)
    capabilities = []
    for path, version in paths.items():
        decoded = decode_capabilities(dict(version.member.xattrs).get(ATTRIBUTE, b""))
        capabilities += [(name.upper().removeprefix("CAP_"), path) for name in (decoded.names if decoded else ())]
    return _Start(tuple(dict.fromkeys(names)), setuid, tuple(capabilities), raiser)


def _user(
    evidence: Evidence, user: EffectiveUser, start: _Start, notes: list[str]
) -> tuple[RunUser | None, tuple[Capability, ...]]:
    """Who to run as, and the capabilities that root needs where it must be root."""
    if user.uid is not None and not user.is_root:
        reason = f"the image says USER {user.spec}; numbers let every orchestrator see that it is not root"
        return RunUser(user.uid, user.gid or 0, reason, user.groups[1:]), ()
    if user.uid is None:
        return None, ()
    software = [each for each in SOFTWARE if set(each.names) & set(start.names)]
    must = next((each for each in software if each.wants_root), None)
    if must is not None:
        why = f"{must.title} starts as root to become the users it serves"
        return RunUser(0, 0, why), tuple(Capability(name, why) for name in must.wants_root)
    drops = list(handovers(evidence))
    targets = [drop.user for _, drop in drops if drop.user]
    if drops and not targets:
        where, drop = drops[0]
        reason = f"{where} starts as root and hands over with {drop.tool} to a user that only it knows"
        return RunUser(0, 0, reason), tuple(Capability(name, why) for name, why in _HANDOVER_CAPABILITIES)
    if targets:
        target = resolve(targets[0], _users(evidence), evidence.rows_at("accounts", "etc/group") or ())
        if target.uid:
            where, drop = drops[0]
            reason = f"{where} hands over to {targets[0]} with {drop.tool}: started as that, it needs no root"
            notes.append(f"data that is there already must belong to {target.uid}:{target.gid or 0}")
            return RunUser(target.uid, target.gid or 0, reason), ()
    return _unprivileged(evidence, start, notes)


def _unprivileged(evidence: Evidence, start: _Start, notes: list[str]) -> tuple[RunUser | None, tuple[Capability, ...]]:
    """Somebody else than root for an image that names nobody, if what it starts and keeps is theirs."""
    against = ""
    for uid, gid, whose in _candidates(evidence, start):
        closed = _closed_to(evidence, resolve(f"{uid}:{gid}", (), ()))
        if not closed:
            notes.append("the image names no user: try it, and put USER into its Dockerfile")
            return RunUser(uid, gid, f"the image runs as root for no reason that can be seen; {whose} can start it"), ()
        against = against or closed
    return RunUser(0, 0, f"the image names no user, and {against}"), ()


def _candidates(evidence: Evidence, start: _Start) -> Iterator[tuple[int, int, str]]:
    """(uid, gid, who that is): owners of its data, accounts called like what it starts, those of people, a number."""
    users = [row for row in _users(evidence) if row[0] == "user" and isinstance(row[2], int)]
    owners = {version.member.uid for _, version in _data(evidence) if version is not None}
    groups = (
        [row for row in users if row[2] in owners],
        [row for row in users if row[1] in start.names],
        [row for row in users if isinstance(row[2], int) and 1000 <= row[2] < 60_000],
    )
    for row in (row for group in groups for row in group[:8]):
        uid, gid = row[2], row[3]
        if isinstance(uid, int) and uid:
            yield uid, gid if isinstance(gid, int) else uid, f"its account {row[1]}"
    yield _NOBODY, _NOBODY, f"{_NOBODY} (a number without an account)"


def _data(evidence: Evidence) -> list[tuple[str, FileVersion | None]]:
    """The declared volumes, and what the image has there; an engine makes those that are missing, for root."""
    return [(path, evidence.overlay.resolve(path.strip("/"))) for path in evidence.image.config.volumes[:64]]


def _closed_to(evidence: Evidence, user: EffectiveUser) -> str:
    """What is started or written to, and the user may not; "" where all is open."""
    config, overlay = evidence.image.config, evidence.overlay
    for each in started_programs(overlay, config):
        if each.path is not None and not may_execute(user, overlay, each.path):
            return f"{each.path} is closed to others than root"
    place = overlay.resolve(config.working_dir.strip("/")) if config.working_dir.strip("/") else None
    if place is not None and not permits(user, place.member, Access.EXECUTE):
        return f"{config.working_dir} is closed to others than root"
    for path, version in _data(evidence):
        if version is None or not permits(user, version.member, Access.WRITE):
            return f"its volume {path} belongs to root"
    return ""


def _gains_privileges(start: _Start, user: RunUser | None) -> str:
    if user is not None and user.is_root:
        return ""
    if start.raiser:
        return f"the image starts through {start.raiser}, which becomes root by its setuid bit"
    if start.setuid:
        return f"the image starts {start.setuid[0]}, which becomes root by its setuid bit"
    needed = [name for name, _ in start.capabilities if name != "NET_BIND_SERVICE"]
    if needed:
        path = next(path for name, path in start.capabilities if name == needed[0])
        return f"the image starts {path}, whose file capability {needed[0]} counts only so"
    return ""


def _file_capabilities(start: _Start) -> Iterator[Capability]:
    for name, path in start.capabilities:
        yield Capability(name, f"{path} has it as a file capability and does not start without")


def _users(evidence: Evidence) -> tuple[tuple[str | int | None, ...], ...]:
    return evidence.rows_at("accounts", "etc/passwd") or ()


def _ports(exposed: tuple[str, ...]) -> Iterator[Port]:
    """EXPOSE, ranges too: `3000/tcp`, `5000-5010/udp`."""
    found: dict[Port, None] = {}
    for text in exposed:
        match = _PORT.fullmatch(text.lower())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        for number in range(first, min(last, first + _MAX_PORTS) + 1):
            if match and 0 < number < 65_536:
                found[Port(number, match[3] or "tcp")] = None
    yield from sorted(found, key=lambda port: (port.number, port.protocol))[:_MAX_PORTS]


def _reference(evidence: Evidence) -> str:
    """What an engine knows the image by; a placeholder for one that has only a path."""
    image = evidence.image
    local = image.source not in (SourceKind.DOCKER, SourceKind.REGISTRY)
    names = (*image.tags, image.reference) if local else (image.reference, *image.tags)
    known = (name for name in names if REFERENCE.fullmatch(name) or IMAGE_ID.fullmatch(name))
    return next(known, PLACEHOLDER)


def _name(evidence: Evidence) -> str:
    reference = _reference(evidence)
    whole = evidence.image.reference if reference == PLACEHOLDER else reference
    last = whole.split("@")[0].rpartition("/")[2].split(":")[0].removesuffix(".tar")
    return re.sub(r"[^a-z0-9]+", "-", last.lower())[:40].strip("-").lstrip("0123456789-") or "app"
