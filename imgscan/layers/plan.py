"""Plans from wishes: what identifies the code that a scan runs, and the extractors it names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from imgscan.evidence import Depth, RuleSource, ScanPlan

_PACKAGES = ("layers", "secrets", "tar", "image")
_SOURCES = (".py", ".txt", ".toml", ".json")  # code, and the lists and rules it reads


def make_plan(
    depth: Depth,
    extractors: Iterable[str],
    *,
    secrets: bool,
    entropy: bool,
    rules: tuple[RuleSource, ...] = (),
    digests: bool = False,
) -> ScanPlan:
    """The plan for a depth, the names of extractors, and whether contents are searched for secrets, or digested."""
    patterns: tuple[str, ...] = ()
    if secrets and depth is Depth.CONTENT:
        patterns = ("builtin", f"detect-secrets@{version('detect-secrets')}")
    return ScanPlan(
        depth=depth,
        patterns=patterns,
        extractors=tuple(sorted(extractors)) if depth > Depth.CONFIG else (),
        entropy=entropy,
        code=code_identity(),
        rules=rules if patterns else (),
        digests=digests,
    )


@lru_cache(maxsize=1)
def code_identity() -> str:
    """Digest of the source of everything that a scan runs: no change of a rule can meet an old scan in a cache.

    Takes 2 ms, where importing the detectors to ask for their versions would take 200.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in _SOURCES:
                digest.update(path.read_bytes())
    for name in ("evidence.py", "package_checksums.py"):
        digest.update((root / name).read_bytes())
    return digest.hexdigest()[:16]
