"""What the base image brings that nothing of what the image starts needs: build environments and toolchains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.amounts import listed, size_text
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.evidence import Confidence, Depth, MemberKind
from imgscan.overlay import FileVersion
from imgscan.programs import SHELLS, programs_of
from imgscan.report import AddedBy, Family, Finding, Location, LocationKind, Origin, Rule, Severity
from imgscan.waste import dead_parts, written

OVERSIZED = Rule(
    "image-hygiene/oversized-base",
    "The base image brings a build environment that the application does not use",
    Severity.LOW,
    "The full variants of language images hold compilers, headers and version control for building; toolchain images "
    "hold all that compiles. None of it serves a request: it is stored, pulled, scanned and patched for nothing, and "
    "is what somebody who breaks in would build and download with.",
    "Build in a stage on this image, and start the final stage from a slim, runtime or distroless one that only gets "
    "the results (COPY --from=build).",
)
_SHARE = 4  # a quarter of all that is in use, below which another base would change little
_TOOLS = (
    *(
        "gcc",
        "cc",
        "g++",
        "c++",
        "clang",
        "make",
        "cmake",
        "ld",
        "as",
        "git",
        "svn",
        "hg",
        "bzr",
        "autoconf",
        "automake",
    ),
    *("patch", "pkg-config", "javac"),
)
_TOOL_DIRECTORIES = ("usr/bin", "usr/local/bin")
# Directories that hold a toolchain and nothing that a built program needs, and the programs that do need them.
_TOOLCHAINS = (
    ("usr/local/go", "the Go toolchain", ("go",)),
    ("usr/local/rustup", "the Rust toolchain", ("cargo", "rustc")),
    ("usr/share/dotnet/sdk", "the .NET SDK", ()),
    ("usr/lib/dotnet/sdk", "the .NET SDK", ()),
    ("usr/share/maven", "Maven", ("mvn",)),
    ("opt/gradle", "Gradle", ("gradle",)),
    ("opt/java/openjdk/jmods", "the JDK's modules", ("javac",)),
    ("usr/local/openjdk-8/include", "the JDK", ("javac",)),
)
# Those of a distribution's build environment, where one layer has it together with what is started.
_BUILD_ENVIRONMENT = (
    ("usr/lib/gcc", "compilers"),
    ("usr/libexec/gcc", "compilers"),
    ("usr/include", "headers"),
    ("usr/lib/git-core", "Git"),
    ("usr/libexec/git-core", "Git"),
    ("usr/lib/python3/dist-packages/mercurial", "Mercurial"),
    ("usr/share/autoconf", "autoconf"),
)
_CROSS_TOOL = re.compile(r"usr/bin/(?:x86_64|aarch64|arm|i[36]86|powerpc64le|s390x|riscv64)-[\w-]*linux-[\w.+-]+")


@dataclass(frozen=True, slots=True)
class _Language:
    """An official image by the variable it sets: its name, and what to use instead; `{}` stands for the version."""

    variable: str
    image: str
    instead: str
    parts: int = 1
    """Numbers of the version that its tags go by."""


_LANGUAGES = (
    _Language("NODE_VERSION", "node", "node:{}-slim (or gcr.io/distroless/nodejs{}-debian12)"),
    _Language("PYTHON_VERSION", "python", "python:{}-slim", 2),
    _Language("RUBY_VERSION", "ruby", "ruby:{}-slim", 2),
    _Language("PHP_VERSION", "php", "php:{}-fpm-alpine", 2),
    _Language("GOLANG_VERSION", "golang", "scratch or gcr.io/distroless/static (base-debian12 with cgo)", 2),
    _Language("RUST_VERSION", "rust", "debian:stable-slim or gcr.io/distroless/cc", 2),
    _Language("DOTNET_SDK_VERSION", "mcr.microsoft.com/dotnet/sdk", "mcr.microsoft.com/dotnet/aspnet:{}", 2),
    _Language("MAVEN_VERSION", "maven", "eclipse-temurin:21-jre with the jar alone", 2),
    _Language("GRADLE_VERSION", "gradle", "eclipse-temurin:21-jre with the jar alone", 2),
    _Language("JAVA_VERSION", "eclipse-temurin", "eclipse-temurin:{}-jre"),
    _Language("PERL_VERSION", "perl", "perl:{}-slim", 2),
)  # fmt: skip


class BaseSizeAnalyzer:
    """`image-hygiene`: one finding at most. Whether a library of a build layer is needed cannot be seen: an estimate.

    Depth CONTENT: what is in use is told from what was written again by checksums.
    """

    families: tuple[Family, ...] = (Family.IMAGE_HYGIENE,)
    rules: tuple[Rule, ...] = (OVERSIZED,)
    depth = Depth.CONTENT
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        if not _has_application(evidence):
            return Outcome()
        started = [program for program in programs_of(evidence.overlay, evidence.image.config) if program.version]
        runs = [program for program in started if program.name not in SHELLS or program is started[-1]]
        if not runs or runs[-1].name in SHELLS or runs[-1].version is None:
            return Outcome()  # an interactive shell: the image is there to work in, or is a base itself
        names = {program.name for program in started}
        layers, tools = _build_layers(evidence, runs[-1].version)
        alive = _alive(evidence)
        unused = sum(alive[layer] for layer in layers)
        parts = [(place, what) for place, what, users in _TOOLCHAINS if not names.intersection(users)]
        base = evidence.base.layers if evidence.base is not None else None
        if not layers and base is not None:
            parts += _BUILD_ENVIRONMENT
            unused += _cross_tools(evidence, base)
        for place, what in parts:
            size = _below(evidence, place, layers, base)
            if size:
                unused += size
                tools.append(what)
        found = [f"layer {layer}" for layer in layers]
        if not unused or unused * _SHARE < sum(alive):
            return Outcome()
        return Outcome((_finding(evidence, unused, tools, found),))


def _has_application(evidence: Evidence) -> bool:
    """Whether something was built on the base image: an image that is one itself is there to build with."""
    known = evidence.base.layers if evidence.base is not None else None
    if known is not None:
        return known < len(evidence.scans)
    return evidence.image.config.working_dir.strip("/") != ""


def _build_layers(evidence: Evidence, runtime: FileVersion) -> tuple[list[int], list[str]]:
    """Layers of the base image that have build tools and not what is started; and those tools."""
    overlay = evidence.overlay
    found: dict[int, list[str]] = {}
    started = overlay.origin_of(runtime.layer, runtime.member.index)[0]
    known = evidence.base.layers if evidence.base is not None else None
    end = known if known is not None else started
    for name in _TOOLS:
        for directory in _TOOL_DIRECTORIES:
            version = overlay.resolve(f"{directory}/{name}")
            if version is not None and version.member.kind is MemberKind.FILE and version.member.mode & 0o111:
                layer, _ = overlay.origin_of(version.layer, version.member.index)
                # The lowest layer has the distribution itself.
                if 0 < layer < end and layer != started:
                    found.setdefault(layer, []).append(name)
                break
    return sorted(found), list(dict.fromkeys(name for layer in sorted(found) for name in found[layer]))


def _alive(evidence: Evidence) -> list[int]:
    alive = [written(scan) for scan in evidence.scans]
    for part in dead_parts(evidence.overlay, evidence.scans):
        alive[part.made] -= part.bytes
    return alive


def _below(evidence: Evidence, place: str, told: list[int], base: int | None) -> int:
    """Bytes in use below a directory in layers of the base, but for those that are told as a whole."""
    size = 0
    for layer, member in evidence.overlay.members_below(place):
        table = evidence.scans[layer].members
        if layer not in told and (base is None or layer < base) and table.kinds[member] == MemberKind.FILE:
            size += table.sizes[member]
    return size


def _cross_tools(evidence: Evidence, base: int) -> int:
    """Bytes of programs such as x86_64-linux-gnu-gcc-12, which the short names link to."""
    return sum(
        version.member.size
        for version in evidence.overlay.listdir("usr/bin")
        if version.layer < base and version.member.kind is MemberKind.FILE and _CROSS_TOOL.fullmatch(version.path)
    )


def _finding(evidence: Evidence, unused: int, tools: list[str], layers: list[str]) -> Finding:
    language, version = next(_languages(evidence), (None, ""))
    base = evidence.base.reference if evidence.base is not None else None
    name = base or (f"{language.image}:{version}" if language is not None and version else "the base image")
    where = f" ({listed(layers)})" if layers else ""
    message = f"{name} brings {size_text(unused)} that the application does not use: {listed(tools)}{where}"
    advice = OVERSIZED.remediation
    if language is not None:
        instead = language.instead.format(version, version)
        advice = f"{advice.rstrip('.')}: here {instead}, which leaves them out."
    first = next(iter(layers), "").rpartition(" ")[2]
    step = evidence.step(int(first)) if first else None
    return Finding(
        rule=OVERSIZED,
        location=Location(LocationKind.IMAGE, name=name),
        message=message,
        severity=OVERSIZED.severity,
        confidence=Confidence.MEDIUM,
        # The layers are the base's; that the image starts from it is its own choice.
        origin=Origin.OWN if evidence.base is not None else Origin.UNKNOWN,
        added_by=AddedBy(step.layer, step.index, step.instruction.text) if step is not None else None,
        remediation=advice,
    )


def _languages(evidence: Evidence) -> Iterator[tuple[_Language, str]]:
    environment = dict(entry.partition("=")[::2] for entry in evidence.image.config.env)
    for language in _LANGUAGES:
        number = re.match(r"(?:jdk-?)?(\d+(?:\.\d+)*)", environment.get(language.variable, ""))
        if number:
            yield language, ".".join(number[1].split(".")[: language.parts])
