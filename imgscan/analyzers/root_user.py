"""Who the container runs as: root, by default, by choice or under another name, or somebody who does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.accounts import EffectiveUser, effective_user, resolve
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.evidence import Depth
from imgscan.image.privileges import PrivilegeDrop, dropped_by, privilege_drops
from imgscan.programs import find_program, started_programs
from imgscan.report import Family, Finding, Location, LocationKind, Rule, Severity

_WHY_ROOT = (
    "A process that runs as root in a container is root on the host as soon as anything between them fails: a kernel "
    "bug, a mounted socket or directory, a capability too many. It may also rewrite every file of its own image, "
    "which an attacker uses first."
)
IMPLICIT = Rule(
    id="root-user/implicit",
    title="Runs as root because no user is set",
    severity=Severity.HIGH,
    explanation=f"{_WHY_ROOT} Nobody decided this: neither the image nor its base names a user, and 0 is the default.",
    remediation="Create a user in the Dockerfile and name it with USER after the last step that needs root.",
)
EXPLICIT = Rule(
    id="root-user/explicit",
    title="Runs as root by its USER setting",
    severity=Severity.HIGH,
    explanation=f"{_WHY_ROOT} The image says so itself; often a USER root for an installation that was never undone.",
    remediation="End the Dockerfile with USER and an unprivileged user; a USER root in the middle needs one after it.",
)
ALIAS = Rule(
    id="root-user/alias",
    title="Runs as root under another name",
    severity=Severity.HIGH,
    explanation=(
        f"{_WHY_ROOT} The user has a harmless name, and uid 0 in the image's own /etc/passwd. The kernel knows "
        "numbers only; checks that compare the name with root are deceived."
    ),
    remediation="Give the user a uid of its own (useradd --uid 10001), or set USER to a number that is not 0.",
)
UNKNOWN = Rule(
    id="root-user/unknown-user",
    title="The configured user does not exist",
    severity=Severity.MEDIUM,
    explanation=(
        "A user or group given by name is looked up in the image's own /etc/passwd and /etc/group. This one is not "
        "there, so runtimes refuse to start the container. What people do then is to run it as root by hand."
    ),
    remediation="Create the user in the final stage (files of an earlier stage are not in it), or give a number.",
)

# Where programs of s6-overlay and the like are that PATH need not name.
_EXTRA_DIRECTORIES = ("command", "usr/local/bin", "usr/bin", "bin", "usr/sbin", "sbin")
_SUPERVISOR_SCRIPTS = ("etc/s6-overlay/", "etc/services.d/", "etc/cont-init.d/", "etc/service/")


class RootUserAnalyzer:
    """`root-user`: one finding at most. An entry point that drops privileges lowers its severity."""

    families: tuple[Family, ...] = (Family.ROOT_USER,)
    rules: tuple[Rule, ...] = (IMPLICIT, EXPLICIT, ALIAS, UNKNOWN)
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ("accounts", "script")

    def analyze(self, evidence: Evidence) -> Outcome:
        user = effective_user(evidence)
        if user.missing:
            return Outcome((_missing(evidence, user),))
        if not user.is_root:
            return Outcome()
        if user.implicit:
            rule, message = IMPLICIT, "no user is set: the container runs as root"
        elif user.name in (None, "root") or user.spec.partition(":")[0].strip().lstrip("+0") == "":
            rule, message = EXPLICIT, f"the user is {_quoted(user.spec)}: the container runs as root"
        else:
            rule, message = ALIAS, f"the user {_quoted(str(user.name))} has uid 0: the container runs as root"
        drops = tuple(dict.fromkeys(handovers(evidence)))
        if drops:
            where, drop = drops[0]
            to = f"to {drop.user}" if drop.user else "to another user"
            message += f"; {where} hands over with {drop.tool} {to}"
        return Outcome(
            (
                Finding(
                    rule=rule,
                    location=Location(LocationKind.CONFIG, pointer="/config/User"),
                    message=message,
                    severity=Severity.MEDIUM if drops else rule.severity,
                    added_by=None if user.implicit else evidence.set_by("USER"),
                    remediation=_remediation(evidence, rule, drops),
                ),
            )
        )


def _missing(evidence: Evidence, user: EffectiveUser) -> Finding:
    what, _, name = user.missing.partition(" ")
    file = "etc/passwd" if what == "user" else "etc/group"
    return Finding(
        rule=UNKNOWN,
        location=Location(LocationKind.CONFIG, pointer="/config/User"),
        message=f"the {what} {_quoted(name)} is not in the image's {file}: the container will not start",
        severity=UNKNOWN.severity,
        added_by=evidence.set_by("USER"),
        remediation=UNKNOWN.remediation,
    )


def handovers(evidence: Evidence) -> Iterator[tuple[str, PrivilegeDrop]]:
    """(where, drop) for each privilege drop of what the image starts, if its tool is there and it leads off root."""
    for where, drop in _written_drops(evidence):
        if _is_there(evidence, drop.tool) and not _leads_to_root(evidence, drop):
            yield where, drop


def _written_drops(evidence: Evidence) -> Iterator[tuple[str, PrivilegeDrop]]:
    for program in started_programs(evidence.overlay, evidence.image.config):
        yield from (("the command line", drop) for drop in dropped_by(program.name, program.arguments))
        yield from (("the command line", drop) for drop in privilege_drops(program.text))
        if program.path is not None:
            yield from ((program.path, drop) for drop in _script_drops(evidence.rows_at("script", program.path)))
        if program.name in ("init", "s6-svscan", "runsvdir"):
            for layer, fact in evidence.final_facts("script"):
                path = evidence.overlay.version_of(layer, fact.member).path
                if path.startswith(_SUPERVISOR_SCRIPTS):
                    yield from ((path, drop) for drop in _script_drops(fact.rows))


def _script_drops(rows: tuple[tuple[str | int | None, ...], ...] | None) -> Iterator[PrivilegeDrop]:
    for row in rows or ():
        if row[0] == "drops":
            user, line = row[2], row[3]
            yield PrivilegeDrop(str(row[1]), str(user) if user else None, line if isinstance(line, int) else 0)


def _is_there(evidence: Evidence, tool: str) -> bool:
    if find_program(evidence.overlay, evidence.image.config, tool) is not None:
        return True
    return any(evidence.overlay.resolve(f"{directory}/{tool}") is not None for directory in _EXTRA_DIRECTORIES)


def _leads_to_root(evidence: Evidence, drop: PrivilegeDrop) -> bool:
    return drop.user is not None and resolve(drop.user, evidence.rows_at("accounts", "etc/passwd") or (), ()).is_root


def _remediation(evidence: Evidence, rule: Rule, drops: tuple[tuple[str, PrivilegeDrop], ...]) -> str:
    user = drops[0][1].user if drops else _unprivileged(evidence)
    if drops and user:
        return (
            f"Set USER {user} if the entry point can do without root (chown at build time instead of at start); until "
            f"then docker run --user {user} tells whether it can."
        )
    if user:
        return f"The image already has the unprivileged user {user}: end the Dockerfile with USER {user}."
    return rule.remediation


def _unprivileged(evidence: Evidence) -> str | None:
    """An account that was made to run things: neither the system's own nor nobody."""
    for row in evidence.rows_at("accounts", "etc/passwd") or ():
        if row[0] == "user" and isinstance(row[2], int) and 1000 <= row[2] != 65_534:
            return str(row[1])
    return None


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= 64 else f"'{text[:61]}...'"
