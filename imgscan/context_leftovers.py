"""What of the build context an image should not hold, and the .dockerignore that would have kept it out.

Only layers that COPY or ADD made are looked at, and only what lies in them is named: so each pattern has its evidence.
What COPY took from another stage cannot be told from what it took from the context: BuildKit's history leaves --from
out. An absolute source is taken for another stage's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from imgscan.evidence import LayerScan, MemberKind, decode, encode
from imgscan.image.image import HistoryStep
from imgscan.report import Family, Finding, IgnorePattern
from imgscan.secrets.sensitive_paths import SensitiveKind, classify


class Evidence(Protocol):
    """What is needed of the evidence."""

    @property
    def scans(self) -> tuple[LayerScan, ...]: ...
    def step(self, layer: int) -> HistoryStep | None: ...


@dataclass(frozen=True, slots=True)
class _Row:
    """`parts` is a regular expression for one component of a path, or for its last one where `file` is set."""

    pattern: str
    parts: str
    reason: str
    file: bool = True


# In the order they are told. A file counts for the first row that any component of its path, from the top, is of.
_ROWS = (
    _Row("**/.git", r"\.git", "every version of every file that was ever committed", file=False),
    _Row("**/.env*", r"\.env(?:\.[^/]+)?|\.envrc", "settings of one installation: give them to the container instead"),
    _Row("**/.npmrc", r"\.npmrc", "logins of a registry: RUN --mount=type=secret"),
    _Row("**/.pypirc", r"\.pypirc", "logins of a registry: RUN --mount=type=secret"),
    _Row("**/.netrc", r"\.netrc", "logins: RUN --mount=type=secret"),
    _Row("**/.ssh", r"\.ssh", "keys: RUN --mount=type=ssh", file=False),
    _Row("**/.aws", r"\.aws", "logins of a cloud: RUN --mount=type=secret", file=False),
    _Row("**/*.tfstate*", r"[^/]+\.tfstate(?:\..+)?", "state of an infrastructure, with its passwords"),
    _Row("**/node_modules", r"node_modules", "installed anew by the build, for its own platform", file=False),
    _Row("**/bower_components", r"bower_components", "installed anew by the build", file=False),
    _Row("**/.venv", r"\.venv", "installed anew by the build", file=False),
    _Row("**/__pycache__", r"__pycache__", "made anew", file=False),
    _Row("**/.terraform", r"\.terraform", "fetched anew", file=False),
    _Row("**/test", r"test", "tests", file=False),
    _Row("**/tests", r"tests", "tests", file=False),
    _Row("**/__tests__", r"__tests__", "tests", file=False),
    _Row("**/.vscode", r"\.vscode", "an editor's folder", file=False),
    _Row("**/.idea", r"\.idea", "an editor's folder", file=False),
    _Row("**/*.sw?", r"\.[^/]+\.sw[a-p]", "what an editor left behind"),
    _Row("**/.DS_Store", r"\.DS_Store", "names of a folder's files, also of those that are left out"),
    _Row("**/.github", r"\.github", "the CI's settings", file=False),
    _Row("**/.gitlab-ci.yml", r"\.gitlab-ci\.yml", "the CI's settings"),
    _Row("**/*.log", r"[^/]+\.log", "logs"),
    _Row("**/Dockerfile*", r"Dockerfile(?:\..+)?|[^/]+\.Dockerfile", "how the image is built is of no use in it"),
    _Row("**/docker-compose*", r"docker-compose[^/]*\.ya?ml", "how the image is run is of no use in it"),
    _Row("**/compose*.y*ml", r"compose(?:\.[^/]+)?\.ya?ml", "how the image is run is of no use in it"),
    _Row("**/.dockerignore", r"\.dockerignore", "of no use in the image"),
    _Row("**/*.md", r"[^/]+\.md", "documentation, unless the program shows it"),
)
_FOLDERS = [(row, re.compile(row.parts.encode())) for row in _ROWS if not row.file]
_FILES = [(row, re.compile(row.parts.encode(), re.IGNORECASE)) for row in _ROWS if row.file]
# Asked first of all paths: a layer may have a million.
_ANY = re.compile(
    rb"(?:\A|/)(?:(?:%s)/|(?i:%s)\Z)"
    % (
        "|".join(row.parts for row in _ROWS if not row.file).encode(),
        "|".join(row.parts for row in _ROWS if row.file).encode(),
    )
)
_KEYS = frozenset({SensitiveKind.PRIVATE_KEY, SensitiveKind.KEYSTORE, SensitiveKind.CREDENTIAL_STORE})
_KEY_REASON = "keys and logins: RUN --mount=type=secret, or mounted when the container starts"


def leftovers(evidence: Evidence, findings: Iterable[Finding]) -> tuple[IgnorePattern, ...]:
    """Lines of a .dockerignore, each with why and what it would have kept out, the worst first.

    `findings` are the open ones: keys and credential files among them are named by their suffix or name.
    """
    copied = {layer: _sources(evidence.step(layer)) for layer in range(len(evidence.scans))}
    # Where digests hide the sources' names, the target's still tells: COPY dir:... in /app/node_modules is meant.
    layers = {layer: _named([*sources, _target(evidence.step(layer))]) for layer, sources in copied.items() if sources}
    seen: dict[str, tuple[str, str, int]] = {}  # pattern -> reason, first path, files

    def add(pattern: str, reason: str, path: str) -> None:
        _, first, count = seen.get(pattern, ("", path, 0))
        seen[pattern] = (reason, first, count + 1)

    for layer, named in layers.items():
        for path in _suspects(evidence.scans[layer]):
            row = _row(path, named)
            if row is not None:
                add(row.pattern, row.reason, decode(path))
    for key_file, pattern in _key_files(findings, frozenset(layers)):
        if _row(encode(key_file), frozenset()) is None:
            add(pattern, _KEY_REASON, key_file)
    order = {row.pattern: number for number, row in enumerate(_ROWS)}
    ranked = sorted(seen, key=lambda pattern: (order.get(pattern, 1.5), pattern))
    return tuple(IgnorePattern(pattern, *seen[pattern]) for pattern in ranked)


def _suspects(scan: LayerScan) -> Iterator[bytes]:
    table = scan.members
    for index, kind in enumerate(table.kinds):
        if kind == MemberKind.FILE:
            path = table.path(index)
            if _ANY.search(path):
                yield path


def _row(path: bytes, named: frozenset[bytes]) -> _Row | None:
    """The row of the topmost component that has one. What the instruction names itself is wanted in the image."""
    *folders, name = path.split(b"/")
    for part in folders:
        for row, pattern in _FOLDERS:
            if pattern.fullmatch(part):
                return row if part not in named else None
    return next((row for row, pattern in _FILES if pattern.fullmatch(name) and name not in named), None)


def _key_files(findings: Iterable[Finding], layers: frozenset[int]) -> list[tuple[str, str]]:
    """(path, pattern) of the files of keys and logins that were found to hold some, each once."""
    found: dict[str, str] = {}
    for finding in findings:
        path = finding.location.path
        if path is None or finding.location.layer not in layers:
            continue
        if finding.rule.family not in (Family.FILE_SECRET, Family.SENSITIVE_FILE):
            continue
        row = classify(path)
        if row is not None and row.kind in _KEYS:
            name = path.rpartition("/")[2]
            stem, dot, suffix = name.rpartition(".")
            by_suffix = bool(stem and dot) and row.kind is not SensitiveKind.CREDENTIAL_STORE
            found[path] = f"**/*.{suffix}" if by_suffix else f"**/{name}"
    return sorted(found.items())


_ARCHIVE = re.compile(r"\.(?:tar|tgz|tbz2?|txz|tar\.\w{2,4})\b")


def _sources(step: HistoryStep | None) -> list[str]:
    """What a step took from the build context: COPY, or ADD of what is neither an archive nor a URL; else nothing."""
    if step is None or step.instruction.keyword not in ("COPY", "ADD") or "--from" in step.instruction.arguments:
        return []
    words = [word.strip("[]\",'") for word in step.instruction.arguments.split() if not word.startswith("--")]
    sources = [word for word in words[:-1] if word != "in"]
    # The classic builder writes `ADD file:DIGEST in /` for a root file system that it unpacks.
    unpacked = any("://" in word or _ARCHIVE.search(word) or word.startswith("file:") for word in sources)
    if step.instruction.keyword == "ADD" and unpacked:
        return []
    return [word for word in sources if not word.startswith("/")]


def _target(step: HistoryStep | None) -> str:
    words = step.instruction.arguments.split() if step is not None else []
    return words[-1].strip("[]\",'") if words else ""


def _named(sources: Iterable[str]) -> frozenset[bytes]:
    return frozenset(encode(word.rstrip("/").rpartition("/")[2]) for word in sources)
