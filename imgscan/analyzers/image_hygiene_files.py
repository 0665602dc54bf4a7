"""Files that no step should have left: programs of no package, temporary files, sparse logs, times to come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from imgscan.amounts import counted, listed, size_text
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.evidence import Depth, MemberKind
from imgscan.overlay import FileVersion
from imgscan.packages import EXTRACTORS as PACKAGE_EXTRACTORS
from imgscan.packages import Packages
from imgscan.report import Family, Finding, Location, LocationKind, Rule, Severity

UNOWNED = Rule(
    "image-hygiene/unowned-program",
    "Programs among the distribution's belong to no package",
    Severity.LOW,
    "What lies in /usr/bin and the like without a package was copied or installed by hand. No update of the "
    "distribution reaches it, and scanners for vulnerabilities, which go by packages, mostly do not see it.",
    "Install it as a package, or put it into /usr/local/bin or the application's own directory, with its version and "
    "checksum in the Dockerfile.",
)
TEMPORARY = Rule(
    "image-hygiene/temporary-files",
    "Temporary files were left behind",
    Severity.LOW,
    "What a build leaves in /tmp and /var/tmp is of use to nobody, is hidden by the tmpfs that a hardened container "
    "has there, and often holds what was unpacked, downloaded or logged.",
    "Delete it in the RUN that made it, or mount a tmpfs for the step: RUN --mount=type=tmpfs,target=/tmp.",
)
SPARSE_LOG = Rule(
    "image-hygiene/sparse-log",
    "A log of logins takes its full nominal size",
    Severity.LOW,
    "/var/log/lastlog and faillog have a place for every uid up to the highest. useradd with a large uid makes them "
    "huge and empty; on disk the holes take no room, in a layer they are stored.",
    "Create the user with useradd --no-log-init, or give it a uid below 65,000.",
)
FUTURE = Rule(
    "image-hygiene/future-timestamp",
    "Files are newer than the image",
    Severity.LOW,
    "A file cannot have been changed after the image was finished. Either a clock was wrong when it was made, or a "
    "time was set by hand; make, compilers of templates and caches that compare times go wrong with it.",
    "Correct the clock of the machine that builds, or set the times: SOURCE_DATE_EPOCH with rewrite-timestamp=true.",
)
_DIRECTORIES = ("usr/bin", "usr/sbin", "bin", "sbin")
# What makers of base images put there for their own builds, and what packages make when they are installed.
_EXPECTED = frozenset({"policy-rc.d", "initctl", "busybox", "c_rehash"})
_TEMPORARY = ("tmp", "var/tmp")
_TOLD = 100_000  # bytes of temporary files that are worth a change
_LOGS = ("var/log/lastlog", "var/log/faillog", "var/log/tallylog")
_SPARSE = 5_000_000  # bytes; with uids below 10,000 lastlog has less than 3 MB
_DAY = 86_400  # seconds: zones and clocks that are a little fast
_NO_TIME = datetime(1990, 1, 1, tzinfo=UTC)  # reproducible builds write 1970 or 1980


class FilesAnalyzer:
    """`image-hygiene`: at most one finding of each rule, whatever the number of files."""

    families: tuple[Family, ...] = (Family.IMAGE_HYGIENE,)
    rules: tuple[Rule, ...] = (UNOWNED, TEMPORARY, SPARSE_LOG, FUTURE)
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = PACKAGE_EXTRACTORS

    def analyze(self, evidence: Evidence) -> Outcome:
        return Outcome(
            (*_unowned(evidence), *_temporary(evidence), *_sparse_logs(evidence), *_from_the_future(evidence))
        )


def _finding(evidence: Evidence, rule: Rule, version: FileVersion, message: str, path: str = "") -> Finding:
    return Finding(
        rule=rule,
        location=Location(LocationKind.FILE, path=path or version.path, layer=version.layer),
        message=message,
        severity=rule.severity,
        fate=evidence.fate_of(version),
        added_by=evidence.added_by(version.layer),
        remediation=rule.remediation,
    )


def _unowned(evidence: Evidence) -> Iterator[Finding]:
    """Only where a database of packages lists at least half of the programs: else nobody knows whose they are."""
    programs = [version for directory in _DIRECTORIES for version in _programs(evidence, directory)]
    if not programs:
        return
    packages = Packages(evidence)
    unowned = [version for version in programs if packages.owner(version.path) is None]
    if 2 * len(unowned) > len(programs):
        return
    unowned = [version for version in unowned if not _is_expected(version.path)]
    if unowned:
        biggest = max(unowned, key=lambda version: (version.member.size, version.path))
        names = (f"{version.path} ({size_text(version.member.size)})" for version in unowned)
        message = f"{counted(len(unowned), 'program')} of no package: {listed(names)}"
        yield _finding(evidence, UNOWNED, biggest, message)


def _programs(evidence: Evidence, directory: str) -> Iterator[FileVersion]:
    for version in evidence.overlay.listdir(directory):
        member = version.member
        if member.kind is MemberKind.FILE and member.mode & 0o111 and member.size:
            yield version


def _is_expected(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name in _EXPECTED or name.endswith((".distrib", ".dpkg-divert", ".usr-is-merged", ".diverted"))


def _temporary(evidence: Evidence) -> Iterator[Finding]:
    for directory in _TEMPORARY:
        files = size = 0
        biggest = (-1, 0, 0)
        for layer, member in evidence.overlay.members_below(directory):
            table = evidence.scans[layer].members
            if table.kinds[member] == MemberKind.FILE:
                files += 1
                size += table.sizes[member]
                biggest = max(biggest, (table.sizes[member], layer, member))
        if size >= _TOLD:
            version = evidence.overlay.version_of(*biggest[1:])
            message = f"{counted(files, 'file')} below {directory}, {size_text(size)}; the largest is {version.path}"
            yield _finding(evidence, TEMPORARY, version, message, directory)


def _sparse_logs(evidence: Evidence) -> Iterator[Finding]:
    for path in _LOGS:
        versions = [version for version in evidence.overlay.versions(path) if version.member.size >= _SPARSE]
        if versions:
            size = sum(version.member.size for version in versions)
            stored = f" in {len(versions)} layers" if len(versions) > 1 else ""
            yield _finding(evidence, SPARSE_LOG, versions[-1], f"{path} takes {size_text(size)}{stored}")


def _from_the_future(evidence: Evidence) -> Iterator[Finding]:
    """Against the image's own times: the last of them is the end of the build. No clock is asked."""
    claims = [evidence.image.config.created, *(step.created for step in evidence.image.steps)]
    times = [time for claim in claims if (time := _time(claim)) is not None]
    if not times:
        return
    finished = int(max(times).timestamp())
    late = 0
    newest = (0, 0, 0)
    for layer, scan in enumerate(evidence.scans):
        mtimes = scan.members.mtimes
        if mtimes and max(mtimes) > finished + _DAY:
            for member, mtime in enumerate(mtimes):
                if mtime > finished + _DAY and scan.members.kinds[member] == MemberKind.FILE:
                    late += 1
                    newest = max(newest, (mtime, layer, member))
    if late:
        version = evidence.overlay.version_of(*newest[1:])
        message = (
            f"{counted(late, 'file')} changed after the image was finished on {max(times).date().isoformat()}; the "
            f"newest, {version.path}, {_after(newest[0] - finished)} later"
        )
        yield _finding(evidence, FUTURE, version, message)


def _time(text: str) -> datetime | None:
    """An RFC 3339 time to the second, its zone left out; None for what is none or says nothing."""
    try:
        time = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return time if time >= _NO_TIME else None


def _after(seconds: int) -> str:
    try:
        days = timedelta(seconds=seconds).days
    except OverflowError:
        return "thousands of years"
    return counted(days, "day")
