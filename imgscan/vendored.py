"""Trees of other people's code that come without checksums: node_modules, vendor/, gems, Go's module cache, ...

What everybody can download is no secret of the image, and here nothing shows that a file is what was downloaded. So
a finding in such a tree counts for less, and one that rests on a name alone is set aside. Files that people put there
to configure an installation (.env, .npmrc, ...) are judged like everywhere else.

Folders whose name says enough are known by it. `vendor` and the like may be anybody's, so a file that the tool
writes which fills them must stand there too.
"""

from __future__ import annotations

import re
from typing import Protocol

from imgscan.overlay import FileVersion, Overlay
from imgscan.publishers import is_public_wheel
from imgscan.secrets.sensitive_paths import SensitiveKind, classify

_PACKAGE = r"(?:@[^/]+/)?[^/@][^/]*"
# Each pattern ends behind the folder of one package. The innermost tree of a path is the one that counts.
_NAMED = tuple(
    re.compile(rf"(?:.*/)?{pattern}(?=/)", re.DOTALL)
    for pattern in (
        rf"node_modules/{_PACKAGE}",
        r"bower_components/[^/]+",
        r"third[_-]party/[^/]+",
        r"gems/[^/]+-\d[^/]*",
        r"pkg/mod/(?:[^/]+/){1,8}?[^/]+@v[^/]+",
        r"\.cargo/registry/src/[^/]+/[^/]+",
        r"\.yarn/(?:cache|unplugged)/[^/]+",
    )
)
_YARN_CACHE = re.compile(r"(?:.*/)?\.yarn/cache/[^/]+\.zip", re.DOTALL)
_SITE = re.compile(r"((?:.*/)?(?:site|dist)-packages/)([^/]+)(?=/)", re.DOTALL)
# What the tool that fills a folder leaves in it.
_MARKED: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (
        re.compile(r"(?:.*/)?vendor(?=/)", re.DOTALL),
        ("modules.txt", "autoload.php", "composer/installed.json", "composer/installed.php", "bundle/ruby"),
    ),
    # Interpreters and toolchains unpacked from a release, as into /usr/local.
    (re.compile(r"(?:.*/)?lib/(?:python|pypy)\d[\d.]*t?(?=/)", re.DOTALL), ("os.py",)),
    (re.compile(r"(?:.*/)?lib/ruby/\d[\d.]*(?=/)", re.DOTALL), ("English.rb",)),
    (re.compile(r"(?:.*/)?go(?=/(?:src|pkg|test|misc|lib|api|doc)/)", re.DOTALL), ("src/runtime/runtime.go",)),
)
_SETTINGS = frozenset({SensitiveKind.CREDENTIAL_STORE, SensitiveKind.ENV_FILE, SensitiveKind.HISTORY_FILE})


class Evidence(Protocol):
    """What is needed of the evidence."""

    @property
    def overlay(self) -> Overlay: ...


class VendoredTrees:
    """Which tree of an image a file lies in."""

    def __init__(self, evidence: Evidence) -> None:
        self._overlay = evidence.overlay
        self._markers: dict[str, bool] = {}

    def tree_of(self, version: FileVersion, inner_path: str | None = None) -> str:
        """The folder of the package that a file belongs to, of other people's; empty for other files.

        Where the file is a container, what lies in it at `inner_path` may be in a tree of its own.
        """
        for path in (inner_path, version.path):
            if path and _is_settings(path):
                return ""
        return self._tree(version.path) or (named_tree(inner_path) if inner_path else "")

    def _tree(self, path: str) -> str:
        tree = named_tree(path)
        if tree:
            return tree
        site = _SITE.match(path)
        if site is not None:
            # Of a package that is not widely known this may be the only copy: it may be the image's own code.
            return site[0] if is_public_wheel(site[2], direct=False) else ""
        for pattern, markers in _MARKED:
            found = pattern.match(path)
            if found is not None and self._is_marked(found[0], markers):
                return found[0]
        return ""

    def _is_marked(self, tree: str, markers: tuple[str, ...]) -> bool:
        """Whether any layer has one of the files; a later one may have deleted it."""
        if tree not in self._markers:
            self._markers[tree] = any(
                next(self._overlay.versions(f"{tree}/{marker}"), None) is not None for marker in markers
            )
        return self._markers[tree]


def named_tree(path: str) -> str:
    """The package's folder in the innermost tree that is known by its name alone; empty where there is none."""
    found = [match[0] for pattern in _NAMED if (match := pattern.match(path))]
    if not found and (match := _YARN_CACHE.fullmatch(path)):
        found.append(match[0])
    return max(found, key=len, default="")


def _is_settings(path: str) -> bool:
    row = classify(path)
    return row is not None and row.kind in _SETTINGS
