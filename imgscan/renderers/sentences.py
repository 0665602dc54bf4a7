"""One finding in a sentence or two, and the place in the repository that stands for it, as CI systems show them.

CI systems show findings beside lines of files in the repository. The Dockerfile's line is one; where there is none, an
invented path that begins with `image/` stays the same over rebuilds and can be told from the repository's files.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from imgscan.renderers import phrases
from imgscan.renderers.text import one_line, printable
from imgscan.report import Finding, LocationKind, Report
from imgscan.report.exit_code import ExitCode

MESSAGE_LIMIT = 1000
PATH_LIMIT = 400
"""Characters of an invented path; a longer one ends in a digest of the whole."""

_TAG = re.compile(r"(?<=[^/]):[\w][\w.-]{0,127}$|@[a-z0-9]+:[0-9a-f]+$", re.ASCII)
_SCHEME = re.compile(r"^(?:docker|registry|archive|oci):(?!\d+(?:/|$))")
_ARCHIVE = re.compile(r"\.(?:tar|tgz|tar\.gz|tar\.xz|tar\.zst|tar\.bz2)$")


@dataclass(frozen=True, slots=True)
class RepositoryPlace:
    """A path relative to the repository's root, forward slashes, any characters but control ones; `line` from 1.

    `real` says that it is the user's Dockerfile and not an invented path.
    """

    path: str
    line: int
    real: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def repository_place(report: Report, finding: Finding) -> RepositoryPlace:
    """The line of the Dockerfile to change, else an invented place."""
    line = dockerfile_line(report, finding)
    if report.dockerfile is not None and line is not None:
        return RepositoryPlace(printable(report.dockerfile.path), line, real=True)
    return place_in_image(finding)


def place_in_image(finding: Finding) -> RepositoryPlace:
    """An invented path for where in the image it is."""
    place = finding.location
    if place.kind is LocationKind.HISTORY:
        return RepositoryPlace("image/history", (place.history or 0) + 1, real=False)
    if place.kind is LocationKind.CONFIG:
        # Not the whole pointer: an ENV more moves the numbers of the ones after it.
        section = _segments(re.sub(r"/\d+$", "", (place.pointer or "")[:PATH_LIMIT])) or ["config"]
        return RepositoryPlace("/".join(("image", *section)), 1, real=False)
    if place.path is None:
        return RepositoryPlace(f"image/{place.kind}", 1, real=False)
    segments = ["image", *_segments(place.path)]
    path = "/".join(segments)
    if len(path) > PATH_LIMIT:
        digest = hashlib.sha256(place.path.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        path = f"{path[:PATH_LIMIT]}-{digest}"
    return RepositoryPlace(path if len(segments) > 1 else "image/root", place.line or 1, real=False)


def dockerfile_line(report: Report, finding: Finding) -> int | None:
    """The line of the user's Dockerfile, from 1; None where there is none or none is sure."""
    return report.dockerfile.line_of(finding) if report.dockerfile is not None else None


def _segments(path: str) -> list[str]:
    """A path without what would lead elsewhere once it is resolved: `..`, `.`, backslashes."""
    return [part for part in printable(path.replace("\\", "/")).split("/") if part.strip(" .")]


def sentence(finding: Finding, *, show_secrets: bool = False) -> str:
    """What was found, where in the image, who brought it in and what became of it; printable, on one line."""
    message, place, secret = one_line(finding.message, MESSAGE_LIMIT), finding.location, finding.secret
    parts = [message]
    if secret is not None and (show_secrets or printable(secret.redacted) not in message):
        parts.append(phrases.secret_text(secret, show_secrets))
    where = phrases.place(place)
    if place.path and phrases.path_text(place.path) in message:
        parts.append(f"line {place.line}" if place.line else "")
    elif where not in message and not (place.kind is LocationKind.CONFIG and not place.name):
        parts.append(f"in {where}" if place.kind is LocationKind.FILE else where)
    brought = phrases.brought_in(finding.added_by, finding.origin)
    parts.append(f"brought in by {brought}" if brought else "")
    became = phrases.state(finding)
    parts.append(became if became != "present" else "")
    return "; ".join(part for part in parts if part)


def lasting_name(finding: Finding) -> str:
    """What is found where, without what differs from build to build: no line, no layer."""
    where = phrases.place(replace(finding.location, line=None, layer=None))
    name = finding.secret.name if finding.secret is not None else None
    return f"{where} {one_line(name, 120)}" if name and name not in where else where


def advice(finding: Finding) -> str:
    """What to do about it; printable, on one line."""
    return one_line(finding.remediation or finding.rule.remediation, MESSAGE_LIMIT)


def verdict_word(code: ExitCode) -> str:
    """`PASS`, `FAIL` or `INCOMPLETE`."""
    return {ExitCode.CLEAN: "PASS", ExitCode.FOUND: "FAIL"}.get(code, "INCOMPLETE")


def image_names(reports: Sequence[Report]) -> list[str]:
    """A name for each image that stays the same over rebuilds: no tag, digest or directory unless two are equal."""
    short = [_stable_name(report) for report in reports]
    counts = Counter(short)
    names = [
        name if counts[name] == 1 else printable(f"{report.image.reference} {report.image.platform}".strip())
        for name, report in zip(short, reports, strict=True)
    ]
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return unique


def _stable_name(report: Report) -> str:
    name = _SCHEME.sub("", report.image.reference[:1024])
    if report.image.source in ("archive", "oci"):
        name = _ARCHIVE.sub("", name.rpartition("/")[2])
    return printable(_TAG.sub("", name)) or "image"
