"""The accounts of an image: who gets in without a password, who is root besides root, who may become root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import basename, dirname

from imgscan.accounts import effective_user
from imgscan.analyzers.account_rules import (
    AUTHORIZED_KEYS,
    DUPLICATE_GID,
    DUPLICATE_NAME,
    DUPLICATE_UID,
    EMPTY_PASSWORD,
    LOGIN_SHELLS,
    MEMBERS_AS_SHIPPED,
    PRIMARY_ROOT_GROUP_AS_SHIPPED,
    PRIVILEGED_GROUP,
    PRIVILEGED_GROUPS,
    SECOND_ROOT,
    SERVICE_SHELL,
    SHELLS_AS_SHIPPED,
    SUDO,
)
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.evidence import Depth
from imgscan.overlay import FateKind, FileVersion
from imgscan.programs import find_program
from imgscan.report import Family, Finding, FindingFate, Location, LocationKind, Rule, Severity

Row = tuple[str | int | None, ...]

_CHANGE_USER = ("su", "login")
_LET_IN = ("sshd", "dropbear", "in.telnetd", "telnetd", "vsftpd", "proftpd")
_SSH_SERVERS = ("sshd", "dropbear")
_DIRECTORIES = ("usr/sbin", "sbin", "usr/bin", "bin", "usr/local/sbin", "usr/local/bin", "usr/lib/openssh")
_FIRST_USER = 1000
"""The first uid of people; below are the system's (login.defs(5), as all distributions set it today)."""
_MAX_FINDINGS = 200
"""Of one rule; the others are counted."""
_LONGEST_NAME = 200


class AccountAnalyzer:
    """`account`: passwd, group, shadow, sudoers and authorized_keys of the final file system."""

    families: tuple[Family, ...] = (Family.ACCOUNT,)
    rules: tuple[Rule, ...] = (
        EMPTY_PASSWORD,
        SECOND_ROOT,
        DUPLICATE_UID,
        DUPLICATE_GID,
        DUPLICATE_NAME,
        SERVICE_SHELL,
        SUDO,
        PRIVILEGED_GROUP,
        AUTHORIZED_KEYS,
    )
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ("accounts", "shadow", "sudoers", "authorized_keys", "script")

    def analyze(self, evidence: Evidence) -> Outcome:
        if not evidence.scans or evidence.image.config.platform.os == "windows":
            return Outcome()
        users, groups = _Table(evidence, "accounts", "etc/passwd"), _Table(evidence, "accounts", "etc/group")
        told = [
            *_empty_passwords(evidence, users),
            *_second_roots(users),
            *_duplicates(users, DUPLICATE_UID, "uid"),
            *_duplicates(groups, DUPLICATE_GID, "gid"),
            *_duplicate_names(users),
            *_service_shells(evidence, users),
            *_sudoers(evidence),
            *_privileged_members(users, groups),
            *_authorized_keys(evidence, users),
        ]
        return Outcome(tuple(_Telling(evidence).findings(told)))


@dataclass(frozen=True, slots=True)
class _Told:
    """What is wrong with one account; `name` tells it apart from others of the same rule and file."""

    rule: Rule
    version: FileVersion
    layer: int
    name: str
    message: str
    severity: Severity
    line: int | None = None


class _Table:
    """The rows of one file of accounts in the final file system, each with the layer that brought it."""

    def __init__(self, evidence: Evidence, kind: str, path: str) -> None:
        self.version = evidence.overlay.resolve(path)
        self.rows: tuple[Row, ...] = evidence.rows_at(kind, path) or ()
        self._before: list[tuple[int, frozenset[Row]]] = []
        if self.version is not None and self.rows:
            for layer, fact in evidence.facts(kind):
                if evidence.overlay.version_of(layer, fact.member).path == self.version.path:
                    self._before.append((layer, frozenset(fact.rows)))

    def layer_of(self, row: Row) -> int:
        """The first layer from which on the file always had the row."""
        assert self.version is not None  # noqa: S101  # there are rows
        since = self.version.layer
        for layer, rows in reversed(self._before):
            if layer <= self.version.layer:
                if row not in rows:
                    break
                since = layer
        return since

    def tell(self, rule: Rule, row: Row, message: str, severity: Severity | None = None, name: str = "") -> _Told:
        assert self.version is not None  # noqa: S101
        return _Told(rule, self.version, self.layer_of(row), name or str(row[1]), message, severity or rule.severity)


def _empty_passwords(evidence: Evidence, users: _Table) -> Iterator[_Told]:
    shadow = _Table(evidence, "shadow", "etc/shadow")
    states: dict[str, Row] = {}
    for row in shadow.rows:
        states.setdefault(str(row[1]), row)
    usable = _has(evidence, _LET_IN) or _has(evidence, _CHANGE_USER, setuid=True)
    severity = Severity.HIGH if usable else Severity.MEDIUM
    for row in _distinct(users.rows):
        name = str(row[1])
        if not isinstance(row[2], int) or name[0] in "+-":
            continue  # no account, or a reference to NIS
        hashed = states.get(name)
        message = f"{_quoted(name)} ({_uid(row)}) has an empty password"
        if severity is not Severity.HIGH:
            message += "; nothing in the image lets anybody in by it"
        if row[6] == "empty":
            yield users.tell(EMPTY_PASSWORD, row, message, severity)
        elif row[6] == "shadow" and hashed is not None and hashed[2] == "empty":
            yield shadow.tell(EMPTY_PASSWORD, hashed, message, severity)


def _second_roots(users: _Table) -> Iterator[_Told]:
    roots = [row for row in _distinct(users.rows) if row[2] == 0]
    first = next((row for row in roots if row[1] == "root"), roots[0] if roots else None)
    for row in roots:
        if first is not None and row[1] != first[1]:
            yield users.tell(SECOND_ROOT, row, f"{_quoted(str(row[1]))} has uid 0: it is root under another name")


def _duplicates(table: _Table, rule: Rule, what: str) -> Iterator[_Told]:
    names: dict[int, list[Row]] = {}
    for row in _distinct(table.rows):
        if isinstance(row[2], int) and not (what == "uid" and row[2] == 0):  # that is a rule of its own
            names.setdefault(row[2], []).append(row)
    for number, rows in sorted(names.items()):
        if len(rows) > 1:
            shown = ", ".join(_quoted(str(row[1])) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
            yield table.tell(rule, rows[1], f"{what} {number} is that of {shown}", name=f"{what} {number}")


def _duplicate_names(users: _Table) -> Iterator[_Told]:
    first: dict[str, Row] = {}
    told = set()
    for row in users.rows:
        name = str(row[1])
        known = first.setdefault(name, row)
        if known[2] != row[2] and name not in told:
            told.add(name)
            yield users.tell(DUPLICATE_NAME, row, f"{_quoted(name)} is {_uid(known)} and {_uid(row)}")


def _service_shells(evidence: Evidence, users: _Table) -> Iterator[_Told]:
    own = {effective_user(evidence).uid}
    run_as = {
        str(row[2]) for _, fact in evidence.final_facts("script") for row in fact.rows if row[0] == "drops" and row[2]
    }
    for row in _distinct(users.rows):
        name, uid, shell = str(row[1]), row[2], str(row[5])
        if not isinstance(uid, int) or not 0 < uid < _FIRST_USER or basename(shell) not in LOGIN_SHELLS:
            continue
        if uid in own or name in run_as or str(uid) in run_as or name == "postgres":
            continue
        if shell == "/bin/sh" and (name, uid) in SHELLS_AS_SHIPPED:
            continue
        yield users.tell(SERVICE_SHELL, row, f"{_quoted(name)} ({_uid(row)}) has the shell {shell or '/bin/sh'}")


def _sudoers(evidence: Evidence) -> Iterator[_Told]:
    for layer, fact in evidence.final_facts("sudoers"):
        version = evidence.overlay.version_of(layer, fact.member)
        for _, line, who, scope, program in fact.rows:
            if who in ("root", "#0"):
                continue
            there = _has(evidence, (str(program),))
            message = f"{_quoted(str(who))} may run {'all' if scope == 'all' else 'some'} commands without a password"
            if not there:
                message += f"; {program} is not in the image"
            severity = Severity.HIGH if there and scope == "all" else Severity.MEDIUM
            first, _ = evidence.overlay.origin_of(version.layer, version.member.index)
            yield _Told(SUDO, version, first, str(who), message, severity, line if isinstance(line, int) else None)


def _privileged_members(users: _Table, groups: _Table) -> Iterator[_Told]:
    numbers: dict[int, str] = {}
    for row in _distinct(groups.rows):
        group = str(row[1])
        if isinstance(row[2], int) and group in PRIVILEGED_GROUPS:
            numbers.setdefault(row[2], group)
            for member in dict.fromkeys(str(row[3]).split(",")):
                if member and member != "root" and (group, member) not in MEMBERS_AS_SHIPPED:
                    message = f"{_quoted(member)} is in the group {group}: {PRIVILEGED_GROUPS[group]}"
                    yield groups.tell(PRIVILEGED_GROUP, row, message, name=f"{group}: {member}")
    for row in _distinct(users.rows):
        name, uid, gid = str(row[1]), row[2], row[3]
        shipped = gid == 0 and (name, uid) in PRIMARY_ROOT_GROUP_AS_SHIPPED
        if isinstance(gid, int) and gid in numbers and uid != 0 and name != numbers[gid] and not shipped:
            group = numbers[gid]
            message = f"{_quoted(name)} has the primary group {group}: {PRIVILEGED_GROUPS[group]}"
            yield users.tell(PRIVILEGED_GROUP, row, message, name=f"{group}: {name}")


def _authorized_keys(evidence: Evidence, users: _Table) -> Iterator[_Told]:
    homes = {str(row[4]).strip("/") for row in users.rows if row[2] == 0} | {"root"}
    served = _has(evidence, _SSH_SERVERS)
    for layer, fact in evidence.final_facts("authorized_keys"):
        version = evidence.overlay.version_of(layer, fact.member)
        roots = dirname(dirname(version.path)) in homes or version.path.startswith("etc/dropbear/")
        count = len(fact.rows)
        keys = ", ".join(f"{row[2]} {row[3]}" for row in fact.rows[:3]) + (", ..." if count > 3 else "")
        message = (
            f"{count:,} public {'key lets' if count == 1 else 'keys let'} their owners in{' as root' if roots else ''}"
        )
        if not served:
            message += ", once an SSH server runs"
        first, _ = evidence.overlay.origin_of(version.layer, version.member.index)
        severity = Severity.HIGH if roots and served else AUTHORIZED_KEYS.severity
        yield _Told(AUTHORIZED_KEYS, version, first, "", f"{message}: {keys}", severity)


class _Telling:
    """Makes findings, a rule's first ones and a count of the others."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def findings(self, told: Iterable[_Told]) -> Iterator[Finding]:
        counts: dict[Rule, int] = {}
        names: dict[tuple[str, str, str], int] = {}
        beyond: dict[Rule, _Told] = {}
        for each in told:
            counts[each.rule] = counts.get(each.rule, 0) + 1
            if counts[each.rule] > _MAX_FINDINGS:
                beyond.setdefault(each.rule, each)
                continue
            key = (each.rule.id, each.version.path, each.name[:_LONGEST_NAME])
            ordinal = names[key] = names.get(key, -1) + 1
            yield self._finding(each, each.name, each.message, ordinal)
        for rule, each in beyond.items():
            message = f"{counts[rule] - _MAX_FINDINGS:,} more of these, {_quoted(each.name)} among them"
            yield self._finding(each, "and more", message, 0)

    def _finding(self, told: _Told, name: str, message: str, ordinal: int) -> Finding:
        return Finding(
            rule=told.rule,
            location=Location(
                LocationKind.FILE,
                path=told.version.path,
                layer=told.layer,
                line=told.line,
                name=name[:_LONGEST_NAME] or None,
            ),
            message=message,
            severity=told.severity,
            fate=FindingFate(FateKind.PRESENT),
            added_by=self._evidence.added_by(told.layer),
            remediation=told.rule.remediation,
            ordinal=ordinal,
        )


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """The first row of each name, which is the one that counts."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(str(row[1]), row)
    return list(first.values())


def _has(evidence: Evidence, programs: tuple[str, ...], *, setuid: bool = False) -> bool:
    """Whether one of the programs is in PATH or a usual directory; with `setuid`, as one that becomes root.

    Names of busybox count there alone: it has all of them, and nobody starts its servers.
    """
    overlay = evidence.overlay
    busybox = overlay.resolve("bin/busybox")
    for program in programs:
        found = find_program(overlay, evidence.image.config, program)
        versions = [found[1]] if found is not None else []
        versions += [one for each in _DIRECTORIES if (one := overlay.resolve(f"{each}/{program}")) is not None]
        for version in versions:
            if setuid and version.member.mode & 0o4000 and version.member.uid == 0:
                return True
            if not setuid and (busybox is None or _content(version) != _content(busybox)):
                return True
    return False


def _content(version: FileVersion) -> tuple[int, int]:
    return version.layer, version.member.index


def _uid(row: Row) -> str:
    return f"uid {row[2]}" if row[2] is not None else "a uid that is no number"


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= 64 else f"'{text[:61]}...'"
