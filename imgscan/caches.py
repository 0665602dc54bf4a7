"""What package managers keep to fetch nothing twice, where they keep it, and how a build leaves it out.

The places are each manager's defaults, and those that the image's own environment names. Only what lies in the final
file system counts: what a later layer deletes is dead, and told as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import normpath
from typing import Protocol

from imgscan.evidence import LayerScan, MemberKind
from imgscan.image.image import Image
from imgscan.overlay import Overlay

HOME = "~/"


@dataclass(frozen=True, slots=True)
class CacheKind:
    """One manager's cache. `places` are directories without leading slash, `~/` standing for every home.

    `variables` are of the environment: each names a directory, to which what stands behind `/` belongs. `names`
    matches the paths below such a directory that are the cache's; the rest of the directory is somebody else's.
    """

    id: str
    title: str
    places: tuple[str, ...]
    remedy: str
    variables: tuple[str, ...] = ()
    names: str = r".+"


def _mounted(target: str) -> str:
    return f"RUN --mount=type=cache,target={target} keeps it between builds and out of the image."


KINDS = (
    CacheKind(
        "apt-lists",
        "apt's package lists",
        ("var/lib/apt/lists",),
        "End the RUN that calls apt-get update with rm -rf /var/lib/apt/lists/*: in a later RUN it saves nothing.",
        names=r"(?!auxfiles/|lock\Z).+",
    ),
    CacheKind(
        "apt-cache",
        "packages that apt downloaded",
        ("var/cache/apt",),
        "End the RUN that installs with apt-get clean (Debian's own images do it by themselves), or use "
        "RUN --mount=type=cache,target=/var/cache/apt.",
        names=r"archives/.+\.deb|(?:src)?pkgcache\.bin",
    ),
    CacheKind(
        "apk-cache",
        "apk's indexes and packages",
        ("var/cache/apk", "etc/apk/cache", "lib/apk/db/cache"),
        "Install with apk add --no-cache, which needs no apk update before it.",
        names=r"APKINDEX\..+|.+\.apk",
    ),
    CacheKind(
        "dnf-cache",
        "dnf's and yum's lists and packages",
        ("var/cache/dnf", "var/cache/yum", "var/cache/libdnf5"),
        "End the RUN that installs with dnf clean all (yum clean all, microdnf clean all).",
    ),
    CacheKind(
        "zypper-cache",
        "zypper's lists and packages",
        ("var/cache/zypp",),
        "End the RUN that installs with zypper clean --all.",
    ),
    CacheKind(
        "pacman-cache",
        "pacman's packages and lists",
        ("var/cache/pacman/pkg", "var/lib/pacman/sync"),
        "End the RUN that installs with pacman -Scc --noconfirm.",
    ),
    CacheKind(
        "pip-cache",
        "pip's cache",
        ("~/.cache/pip",),
        "Install with pip install --no-cache-dir, or set ENV PIP_NO_CACHE_DIR=1. " + _mounted("/root/.cache/pip"),
        ("PIP_CACHE_DIR", "XDG_CACHE_HOME/pip"),
    ),
    CacheKind(
        "python-tool-cache",
        "caches of uv, poetry and pipenv",
        ("~/.cache/uv", "~/.cache/pypoetry", "~/.cache/pipenv"),
        "Install with uv sync --no-cache or poetry install --no-cache. " + _mounted("/root/.cache/uv"),
        ("UV_CACHE_DIR", "POETRY_CACHE_DIR", "PIPENV_CACHE_DIR"),
    ),
    CacheKind(
        "conda-cache",
        "packages that conda unpacked them from",
        ("opt/conda/pkgs", "opt/miniconda3/pkgs", "opt/miniconda/pkgs", "~/miniconda3/pkgs", "~/.conda/pkgs"),
        "End the RUN that installs with conda clean --all --yes (mamba, micromamba: the same).",
        ("CONDA_PKGS_DIRS",),
        # What is unpacked there is hard-linked into the environments: only the archives are a second copy.
        names=r"[^/]+\.(?:conda|tar\.bz2)|cache/.+",
    ),
    CacheKind(
        "npm-cache",
        "npm's cache and logs",
        ("~/.npm",),
        "End the RUN that installs with npm cache clean --force. " + _mounted("/root/.npm"),
        ("NPM_CONFIG_CACHE", "npm_config_cache"),
        names=r"_(?:cacache|logs|npx|prebuilds|libvips)/.+",
    ),
    CacheKind(
        "yarn-cache",
        "yarn's cache",
        ("usr/local/share/.cache/yarn", "~/.cache/yarn", "~/.yarn/berry/cache"),
        "End the RUN that installs with yarn cache clean. " + _mounted("/usr/local/share/.cache/yarn"),
        ("YARN_CACHE_FOLDER",),
    ),
    CacheKind(
        "pnpm-cache",
        "caches of pnpm and bun",
        ("~/.cache/pnpm", "~/.local/share/pnpm/store", "~/.pnpm-store", "~/.bun/install/cache"),
        "End the RUN that installs with pnpm store prune. " + _mounted("/root/.local/share/pnpm/store"),
    ),
    CacheKind(
        "go-cache",
        "Go's build cache and modules",
        ("~/.cache/go-build", "go/pkg/mod", "~/go/pkg/mod"),
        "Compile in a build stage and copy the program alone. " + _mounted("/go/pkg/mod"),
        ("GOPATH/pkg/mod", "GOMODCACHE", "GOCACHE"),
    ),
    CacheKind(
        "cargo-cache",
        "Cargo's registry and checkouts",
        ("usr/local/cargo/registry", "usr/local/cargo/git", "~/.cargo/registry", "~/.cargo/git"),
        "Compile in a build stage and copy the program alone. " + _mounted("/usr/local/cargo/registry"),
        ("CARGO_HOME/registry", "CARGO_HOME/git"),
    ),
    CacheKind(
        "maven-cache",
        "Maven's local repository",
        ("~/.m2/repository",),
        "Build in a stage of its own and copy the jar alone. " + _mounted("/root/.m2"),
    ),
    CacheKind(
        "gradle-cache",
        "caches of Gradle, Ivy and sbt",
        ("~/.gradle/caches", "~/.gradle/wrapper/dists", "~/.ivy2/cache", "~/.cache/coursier"),
        "Build in a stage of its own and copy the jar alone. " + _mounted("/root/.gradle"),
        ("GRADLE_USER_HOME/caches",),
    ),
    CacheKind(
        "gem-cache",
        "packages that gems were installed from",
        ("usr/local/bundle/cache", "~/.bundle/cache"),
        "Install with gem install --no-document and end the RUN with rm -rf \"$(gem env gemdir)/cache\" "
        "(bundle clean, bundle config set no_cache true).",
        ("GEM_HOME/cache", "BUNDLE_PATH/cache"),
        names=r"(?:.+/)?[^/]+\.gem",
    ),
    CacheKind(
        "composer-cache",
        "Composer's cache",
        ("~/.composer/cache", "~/.cache/composer"),
        "End the RUN that installs with composer clear-cache. " + _mounted("/root/.composer/cache"),
        ("COMPOSER_CACHE_DIR", "COMPOSER_HOME/cache"),
    ),
    CacheKind(
        "hex-cache",
        "packages that Mix and rebar3 downloaded",
        ("~/.hex/packages", "~/.cache/rebar3"),
        "Build the release in a stage of its own and copy it alone. " + _mounted("/root/.hex"),
        ("HEX_HOME/packages",),
    ),
    CacheKind(
        "nuget-cache",
        "NuGet's packages",
        ("~/.nuget/packages", "~/.local/share/NuGet"),
        "Publish in a build stage (dotnet publish) and copy its output alone. " + _mounted("/root/.nuget/packages"),
        ("NUGET_PACKAGES",),
    ),
)  # fmt: skip
_GEM_DIRECTORIES = ("var/lib/gems", "usr/local/lib/ruby/gems", "usr/lib/ruby/gems", "usr/share/gems")
_MAX_HOMES = 64


@dataclass(frozen=True, slots=True)
class Cached:
    """A cache that is there. `place` is the directory with the most of it, `layers` are (layer, bytes), base first."""

    kind: CacheKind
    place: str
    layers: tuple[tuple[int, int], ...]
    files: int
    bytes: int


class Evidence(Protocol):
    """What is needed of the evidence."""

    @property
    def image(self) -> Image: ...
    @property
    def scans(self) -> tuple[LayerScan, ...]: ...
    @property
    def overlay(self) -> Overlay: ...


def caches(evidence: Evidence) -> Iterator[Cached]:
    """The caches in the final file system, in the order of KINDS; a file is counted for one."""
    homes = _homes(evidence)
    environment = dict(entry.partition("=")[::2] for entry in evidence.image.config.env)
    seen: set[tuple[int, int]] = set()
    for kind in KINDS:
        places = dict.fromkeys(_places(evidence, kind, homes, environment))
        found = _found(evidence, kind, list(places), seen)
        if found is not None:
            yield found


def _found(evidence: Evidence, kind: CacheKind, places: list[str], seen: set[tuple[int, int]]) -> Cached | None:
    names = re.compile(kind.names.encode(), re.DOTALL)
    by_place: dict[str, int] = {}
    by_layer: dict[int, int] = {}
    files = 0
    for place in places:
        for layer, member in evidence.overlay.members_below(place):
            table = evidence.scans[layer].members
            if table.kinds[member] != MemberKind.FILE or (layer, member) in seen:
                continue
            if names.fullmatch(table.path(member), len(place.encode("utf-8", "surrogateescape")) + 1):
                seen.add((layer, member))
                files += 1
                by_place[place] = by_place.get(place, 0) + table.sizes[member]
                by_layer[layer] = by_layer.get(layer, 0) + table.sizes[member]
    if not files:
        return None
    most = max(by_place, key=lambda place: (by_place[place], place))
    return Cached(kind, most, tuple(sorted(by_layer.items())), files, sum(by_layer.values()))


def _homes(evidence: Evidence) -> list[str]:
    """root's home, those below home, the environment's, and the working directory: builds set HOME to it."""
    config = evidence.image.config
    named = [entry.partition("=")[2] for entry in config.env if entry.startswith("HOME=")]
    below = [version.path for version in evidence.overlay.listdir("home")[:_MAX_HOMES]]
    homes = ["root", *below, *named, config.working_dir]
    return list(dict.fromkeys(place for home in homes if (place := _normal(home))))


def _places(evidence: Evidence, kind: CacheKind, homes: list[str], environment: dict[str, str]) -> Iterator[str]:
    overlay = evidence.overlay
    for place in kind.places:
        whole = [f"{home}/{place[len(HOME) :]}" for home in homes] if place.startswith(HOME) else [place]
        yield from (_real(overlay, path) for path in whole)
    for variable in kind.variables:
        name, slash, rest = variable.partition("/")
        # PATH-like values (GOPATH=/a:/b) name several; a relative one is nowhere in particular.
        for value in environment.get(name, "").split(":"):
            if value.startswith("/") and (place := _normal(f"{value}{slash}{rest}")):
                yield _real(overlay, place)
    if kind.id == "gem-cache":
        for directory in _GEM_DIRECTORIES:
            for version in overlay.listdir(directory)[:_MAX_HOMES]:
                yield f"{version.path}/cache"


def _normal(path: str) -> str:
    return normpath(f"/{path}").strip("/")


def _real(overlay: Overlay, path: str) -> str:
    """Where a directory is that may be reached through symlinks; layers need not have an entry for it."""
    version = overlay.resolve(path)
    return version.path if version is not None and version.member.kind is MemberKind.DIRECTORY else path
