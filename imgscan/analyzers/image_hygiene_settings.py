"""What the image's own settings say of how it will run: ports, volumes, working directory, what starts it, its age."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from posixpath import normpath

from imgscan.amounts import counted, listed
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.analyzers.image_hygiene_setting_rules import (
    ADMIN_PORT,
    INSTALLER,
    LATEST,
    NO_WORKDIR,
    OLD,
    ON_BUILD,
    PRIVILEGED_PORT,
    RULES,
    SHELL_FORM,
    SYSTEM_WORKDIR,
    VOLUME,
)
from imgscan.evidence import Confidence, Depth
from imgscan.image.image import SourceKind
from imgscan.programs import SHELLS, programs_of, started_programs
from imgscan.report import Family, Finding, Location, LocationKind, Rule

_ADMIN = {21: "FTP", 22: "SSH", 23: "telnet", 111: "portmap", 512: "rexec", 513: "rlogin", 514: "rsh"}
_ADMIN |= {2375: "Docker", 2376: "Docker", 3389: "RDP", 5900: "VNC", 10250: "kubelet"}
_SYSTEM = re.compile(
    r"/(?:bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr(?:/(?:bin|sbin|lib\w*|share|libexec))?|var(?:/(?:lib|run|log))?)?"
)
_SYSTEM_BELOW = re.compile(r"/(?:bin|boot|dev|etc|proc|sbin|sys)/.*", re.DOTALL)
_SOCKETS = frozenset({"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"})
_INSTALLERS = frozenset(
    {"npm", "npx", "yarn", "pnpm", "bunx", "poetry", "pipenv", "mvn", "mvnw", "gradle", "gradlew", "cargo"}
)
_NAME = re.compile(r"[\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w.-]+)?")
_OLD_DAYS = 365
_NO_TIME = 1990  # reproducible builds write 1970 or 1980: no time of a build


class SettingsAnalyzer:
    """`image-hygiene`: the config alone; paths and ports are quoted, as neither can be a secret of any use."""

    families: tuple[Family, ...] = (Family.IMAGE_HYGIENE,)
    rules: tuple[Rule, ...] = RULES
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        found = [*_tag(evidence), *_start(evidence), *_age(evidence), *_on_build(evidence), *_ports(evidence)]
        if evidence.image.config.platform.os != "windows":
            found += [*_volumes(evidence), *_working_directory(evidence)]
        return Outcome(tuple(found))


def _finding(
    evidence: Evidence, rule: Rule, place: Location, message: str, *, keyword: str = "", confidence: str = "high"
) -> Finding:
    return Finding(
        rule=rule,
        location=place,
        message=message,
        severity=rule.severity,
        confidence=Confidence(confidence),
        added_by=evidence.set_by(keyword) if keyword else None,
        remediation=rule.remediation,
    )


def _config(field: str, name: str | None = None) -> Location:
    return Location(LocationKind.CONFIG, pointer=f"/config/{field}", name=name)


def _tag(evidence: Evidence) -> Iterator[Finding]:
    """A name that says `latest`, or nothing, where the image has no other."""
    image = evidence.image
    names = list(image.tags)
    if not names and image.source in (SourceKind.DOCKER, SourceKind.REGISTRY):
        names = [image.reference]
    if names and all(_is_latest(name) for name in names):
        # No name in the place: by it the finding is known again, and an OCI layout's begins with where the file lies.
        shown = names[0] if _NAME.fullmatch(names[0]) else "the tag latest"
        message = f"{shown} names no version: another image may have the name tomorrow"
        yield _finding(evidence, LATEST, Location(LocationKind.IMAGE), message)


def _is_latest(name: str) -> bool:
    """Whether a reference is by the tag `latest` or by none; ids and digests name one image for ever."""
    if "@" in name or re.fullmatch(r"(?:sha256:)?[0-9a-f]{12,64}", name):
        return False
    _, colon, tag = name.rpartition("/")[2].partition(":")
    return not colon or tag == "latest"


def _start(evidence: Evidence) -> Iterator[Finding]:
    config = evidence.image.config
    started = list(started_programs(evidence.overlay, config))
    field = "Entrypoint" if config.entrypoint else "Cmd"
    argv = config.entrypoint or config.cmd
    first = started[0] if started else None
    if first is not None and first.name in SHELLS and first.text and len(argv) >= 3 and not _hands_over(first.text):
        keyword = field.upper()
        message = f"{keyword} goes through {first.name} -c: the shell is process 1 and passes no signal on"
        yield _finding(evidence, SHELL_FORM, _config(field), message, keyword=keyword)
    for program in programs_of(evidence.overlay, config):
        words = program.text.split()
        name = program.name if program.name in _INSTALLERS else words[0] if words and words[0] in _INSTALLERS else ""
        if name:
            message = f"{name} starts the application: it has to be in the image, and stands between it and signals"
            yield _finding(
                evidence,
                INSTALLER,
                _config("Cmd" if config.cmd else field, name),
                message,
                keyword="CMD" if config.cmd else "ENTRYPOINT",
            )
            return


def _hands_over(text: str) -> bool:
    """Whether a shell text ends with `exec PROGRAM`, which puts the program into the shell's place."""
    return re.search(r"(?:^|[;&|\n])\s*exec\s", text) is not None


def _on_build(evidence: Evidence) -> Iterator[Finding]:
    count = len(evidence.image.config.on_build)
    if count:
        message = f"{counted(count, 'instruction')} of ONBUILD run in every build that starts from this image"
        yield _finding(evidence, ON_BUILD, _config("OnBuild"), message, keyword="ONBUILD")


def _ports(evidence: Evidence) -> Iterator[Finding]:
    privileged, admin = [], []
    for entry in evidence.image.config.exposed_ports:
        number, _, protocol = entry.partition("/")
        if not re.fullmatch(r"\d{1,5}", number):
            continue
        port = int(number)
        if port in _ADMIN:
            admin.append(f"{port} ({_ADMIN[port]})")
        elif 0 < port < 1024:
            privileged.append(f"{port}/{protocol or 'tcp'}")
    if admin:
        message = f"port {listed(admin)}: a way in for administrators, which containers have in exec and attach"
        yield _finding(evidence, ADMIN_PORT, _config("ExposedPorts"), message, keyword="EXPOSE")
    if privileged:
        message = f"port {listed(privileged)}: below 1024 a process needs root or NET_BIND_SERVICE on many systems"
        yield _finding(evidence, PRIVILEGED_PORT, _config("ExposedPorts"), message, keyword="EXPOSE")


def _volumes(evidence: Evidence) -> Iterator[Finding]:
    sensitive = [volume for volume in evidence.image.config.volumes if _is_sensitive(normpath(f"/{volume.strip()}"))]
    if sensitive:
        message = f"VOLUME {listed(sensitive)}: a volume there hides or keeps what belongs to the system"
        yield _finding(evidence, VOLUME, _config("Volumes"), message, keyword="VOLUME")


def _is_sensitive(path: str) -> bool:
    path = "/" + path.lstrip("/")
    allowed = {"/run", "/var/lib", "/var/log", "/usr/share", "/var"}
    is_system = _SYSTEM.fullmatch(path) is not None and path not in allowed
    return is_system or path in _SOCKETS or path == "/root" or re.match(r"/(?:sys|proc|dev|boot)/", path) is not None


def _working_directory(evidence: Evidence) -> Iterator[Finding]:
    config = evidence.image.config
    directory = normpath(f"/{config.working_dir}").replace("//", "/")
    if directory != "/":
        if _SYSTEM.fullmatch(directory) or _SYSTEM_BELOW.fullmatch(directory):
            message = f"WORKDIR {directory}: files that are written beside the application are the system's"
            yield _finding(evidence, SYSTEM_WORKDIR, _config("WorkingDir"), message, keyword="WORKDIR")
        return
    steps = evidence.image.steps
    if any(step.instruction.keyword == "WORKDIR" for step in steps):
        return
    for step in steps:
        if step.instruction.keyword not in ("COPY", "ADD") or not step.layer:
            continue
        target = step.instruction.arguments.rstrip('"] ').rpartition(" ")[2].strip("\"',[]")
        if target and not target.startswith(("/", "$", "\\")) and not re.match(r"[A-Za-z]:", target):
            message = f"no WORKDIR: step {step.index} copies to a relative place, which is the root directory"
            yield _finding(evidence, NO_WORKDIR, _config("WorkingDir"), message)
            return


def _age(evidence: Evidence) -> Iterator[Finding]:
    today = evidence.policy.today
    created = day_of(evidence.image.config.created)
    if today is None or created is None:
        return
    if (today - created).days > _OLD_DAYS:
        # Without the number of days: the report of an image must not change from one day to the next.
        message = f"built on {created.isoformat()}, more than a year ago: without the updates since"
        yield _finding(evidence, OLD, Location(LocationKind.CONFIG, pointer="/created"), message)


def day_of(text: str) -> date | None:
    """The day of an RFC 3339 time; None for what is none, and for the epochs of reproducible builds."""
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if day.year >= _NO_TIME else None
