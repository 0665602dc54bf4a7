"""Build tools are told by what can be executed in the final file system."""

from __future__ import annotations

import pytest

from imgscan.analyzers.build_tool import BuildToolAnalyzer, size_text
from imgscan.analyzers.tool_names import TOOL_NAMES, tool_named
from imgscan.report import Severity, Tool, ToolClass
from tests.analyzers.evidence import evidence_of
from tests.image_builder import BuiltLayer, directory, executable, file, hardlink, image, layer, symlink

DPKG = {
    "var/lib/dpkg/status": (
        "Package: gcc-12\nStatus: install ok installed\nVersion: 12.2.0-14\n\n"
        "Package: apt\nStatus: install ok installed\nVersion: 2.6.1\n\n"
        "Package: git\nStatus: deinstall ok config-files\nVersion: 1\n"
    ),
    "var/lib/dpkg/info/gcc-12.list": "/usr/bin/x86_64-linux-gnu-gcc-12\n/usr/bin/x86_64-linux-gnu-gcc-ar-12\n",
    "var/lib/dpkg/info/apt.list": "/usr/bin/apt\n/usr/bin/apt-get\n/usr/bin/apt-cache\n",
    "var/lib/dpkg/info/git.list": "/usr/bin/git\n",
}


def analyze(*layers: BuiltLayer, **config):
    return BuildToolAnalyzer().analyze(evidence_of(image(*layers, **config)))


def tools(*layers: BuiltLayer, **config) -> dict[str, Tool]:
    return {tool.name: tool for tool in analyze(*layers, **config).tools}


def test_several_names_of_one_program_are_one_tool():
    found = tools(
        layer({
            **DPKG,
            "usr/bin/cc": symlink("/etc/alternatives/cc"),
            "etc/alternatives/cc": symlink("/usr/bin/gcc"),
            "usr/bin/gcc": symlink("gcc-12"),
            "usr/bin/gcc-12": symlink("x86_64-linux-gnu-gcc-12"),
            "usr/bin/x86_64-linux-gnu-gcc-12": executable(b"g" * 700),
            "usr/bin/x86_64-linux-gnu-gcc-ar-12": executable(b"a" * 30),
        })
    )  # fmt: skip
    assert set(found) == {"gcc", "gcc-ar"}
    gcc = found["gcc"]
    assert (gcc.tool_class, gcc.path, gcc.size) == (ToolClass.COMPILER, "usr/bin/gcc", 700)
    assert gcc.package == "gcc-12 12.2.0-14"
    assert found["gcc-ar"].tool_class is ToolClass.LINKER


def test_helpers_of_one_package_are_one_tool_with_the_bytes_of_all():
    found = tools(layer({**DPKG, **{f"usr/bin/{name}": executable(name) for name in ("apt", "apt-get", "apt-cache")}}))
    assert [(tool.name, tool.size, tool.package) for tool in found.values()] == [("apt-get", 19, "apt 2.6.1")]


def test_the_same_tool_in_two_places_is_two():
    outcome = analyze(layer({"usr/bin/pip3": executable("a"), "usr/local/bin/pip": executable("b")}))
    assert [(tool.name, tool.path) for tool in outcome.tools] == [
        ("pip", "usr/local/bin/pip"),
        ("pip3", "usr/bin/pip3"),
    ]


def test_a_merged_usr_counts_once():
    found = analyze(layer({"bin": symlink("usr/bin"), "sbin": symlink("usr/sbin"), "usr/bin/curl": executable()})).tools
    assert [tool.path for tool in found] == ["usr/bin/curl"]


def test_only_executable_files_in_program_directories_count():
    assert not tools(
        layer({
            "usr/bin/gcc": file("x", mode=0o644),
            "usr/bin/git": symlink("nowhere"),
            "usr/bin/wget": symlink("wget"),
            "usr/bin/make": directory(),
            "usr/share/doc/gcc/gcc": executable(),
            "app/node_modules/.bin/npm": executable(),
            "bin/deep/er/curl": executable(),
        })
    )  # fmt: skip


def test_directories_of_the_configured_path_count_also_through_links():
    files = layer(
        {"tools/v1/curl": executable(), "tools/current": symlink("v1"), "opt/x/y/bin/git": executable()}, parents=True
    )
    assert set(tools(files)) == {"git"}
    assert set(tools(files, env=["PATH=/tools/current:/bin"])) == {"git", "curl"}


def test_npm_is_owned_by_its_package_json():
    npm = "usr/local/lib/node_modules/npm"
    found = tools(
        layer({
            f"{npm}/package.json": '{"name": "npm", "version": "10.8.2"}',
            f"{npm}/bin/npm-cli.js": executable("#!/usr/bin/env node\n"),
            f"{npm}/bin/npx-cli.js": executable("#!/usr/bin/env node\n"),
            "usr/local/bin/npm": symlink("../lib/node_modules/npm/bin/npm-cli.js"),
            "usr/local/bin/npx": symlink("../lib/node_modules/npm/bin/npx-cli.js"),
        })
    )  # fmt: skip
    assert [(tool.name, tool.package) for tool in found.values()] == [("npm", "npm 10.8.2")]


def test_pip_is_owned_by_its_record():
    info = "usr/local/lib/python3.12/site-packages/pip-24.0.dist-info"
    found = tools(
        layer({
            f"{info}/METADATA": "Name: pip\nVersion: 24.0\n",
            f"{info}/RECORD": "../../../bin/pip,,\n",
            "usr/local/bin/pip": executable("#!/usr/local/bin/python\n"),
        })
    )  # fmt: skip
    assert found["pip"].package == "pip 24.0"


def test_applets_of_busybox_are_told_apart_and_have_no_bytes():
    files = layer({
        "bin/busybox": executable(b"b" * 800),
        "bin/sh": symlink("/bin/busybox"),
        "usr/bin/wget": symlink("/bin/busybox"),
        "bin/vi": symlink("busybox"),
        "bin/ping": hardlink("bin/busybox"),
        "usr/bin/curl": executable(b"c" * 9),
    })  # fmt: skip
    outcome = analyze(files)
    assert {tool.name: tool.size for tool in outcome.tools} == {
        "busybox": 800,
        "busybox wget": 0,
        "busybox vi": 0,
        "busybox ping": 0,
        "curl": 9,
    }
    severity = {finding.location.name: finding.severity for finding in outcome.findings}
    assert severity["busybox wget"] is Severity.LOW
    assert severity["curl"] is Severity.MEDIUM


def test_each_applet_is_a_finding_of_its_own():
    links = {f"bin/{name}": symlink("busybox") for name in ("ftpget", "tftp", "wget", "dpkg", "nc")}
    outcome = analyze(layer({"bin/busybox": executable(b"b" * 8), **links}))
    found = {finding.location.name: finding.rule.id for finding in outcome.findings}
    assert found.keys() == {tool.name for tool in outcome.tools}
    assert [name for name, rule in found.items() if rule == "build-tool/downloader"] == [
        "busybox ftpget",
        "busybox tftp",
        "busybox wget",
    ]


def test_hard_linked_busybox_is_known_by_its_name():
    files = [("bin/[", executable(b"b" * 8)), ("bin/busybox", hardlink("bin/[")), ("bin/wget", hardlink("bin/["))]
    assert {tool.name: tool.size for tool in analyze(layer(files)).tools} == {"busybox": 8, "busybox wget": 0}


def test_a_deleted_tool_is_told_and_not_listed():
    outcome = analyze(
        layer(
            {"usr/bin/git": executable("gitgit"), "usr/bin/git-shell": executable("x"), "usr/bin/make": executable()}
        ),
        layer({"usr/bin/.wh.git": "", "usr/bin/.wh.git-shell": ""}, created_by="RUN /bin/sh -c apt purge # buildkit"),
    )
    assert [tool.name for tool in outcome.tools] == ["make"]
    (deleted,) = [one for one in outcome.findings if one.severity is Severity.INFO]
    assert (deleted.location.path, str(deleted.fate.state), deleted.fate.layer) == ("usr/bin/git", "deleted", 1)
    assert deleted.rule.id == "build-tool/version-control"


def test_a_replaced_tool_is_told_once_with_the_layer_that_brought_its_bytes():
    outcome = analyze(
        layer({"usr/bin/curl": executable("old")}),
        layer({"usr/bin/curl": executable("new")}),
        layer({"usr/bin/curl": executable("new", mode=0o775)}),
    )
    assert [(tool.name, tool.layer) for tool in outcome.tools] == [("curl", 1)]
    assert len(outcome.findings) == 1


@pytest.mark.parametrize(
    ("user", "entry", "usable"),
    [
        ("", executable(mode=0o700), True),
        ("1000", executable(mode=0o755), True),
        ("1000", executable(mode=0o700), False),
        ("1000", executable(mode=0o700, uid=1000), True),
        ("1000", executable(mode=0o077, uid=1000), False),
        ("1000:50", executable(mode=0o750, gid=50), True),
        ("1000:51", executable(mode=0o750, gid=50), False),
    ],
)
def test_a_tool_is_usable_as_its_mode_says(user: str, entry, usable: bool):
    assert tools(layer({"usr/bin/gcc": entry}), user=user)["gcc"].usable is usable


def test_a_tool_behind_a_closed_directory_is_not_usable():
    files = layer({"root/": directory(0o700), "root/.cargo/bin/cargo": executable()})
    assert tools(files, user="1000")["cargo"].usable is False
    assert tools(files)["cargo"].usable is True


def test_a_runtime_that_compiles_with_its_kit_counts_only_with_it():
    runtime = {"usr/share/dotnet/dotnet": executable(), "usr/bin/dotnet": symlink("/usr/share/dotnet/dotnet")}
    assert not tools(layer(runtime))
    assert set(tools(layer({**runtime, "usr/share/dotnet/sdk/8.0/dotnet.dll": "x"}, parents=True))) == {"dotnet"}


def test_package_records_in_an_unread_log_are_a_problem():
    (problem,) = analyze(layer({"var/lib/rpm/rpmdb.sqlite-wal": "x" * 40})).problems
    assert problem.code == "package-database-log"


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("x86_64-linux-gnu-gcc-12", "gcc"),
        ("aarch64-alpine-linux-musl-g++", "g++"),
        ("clang++-15", "clang++"),
        ("pip3.11", "pip"),
        ("go1.22", "go"),
        ("gcc-ar-12", "gcc-ar"),
        ("x86_64-linux-gnu-ld.gold", "ld.gold"),
        ("ksh93", "ksh93"),
        ("p4", "p4"),
    ],
)
def test_triplets_and_versions_are_taken_off_names(name: str, tool: str):
    named = tool_named(name)
    assert named is not None
    assert named[0] == tool


@pytest.mark.parametrize(
    "name", ["", "1", "12", "python3.11", "node", "gccx", "mygit", "perl5.36.0", "a" * 500, "-", "2to3"]
)
def test_other_programs_are_no_tools(name: str):
    assert tool_named(name) is None


def test_a_name_stands_in_one_row_only():
    assert all(name in row.names for name, row in TOOL_NAMES.items())
    assert {row.tool_class for row in TOOL_NAMES.values()} == set(ToolClass)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_100_000, "1.1 MB"), (999_960, "1.0 MB"), (5_000_000_000_000, "5000.0 GB")],
)
def test_sizes_are_told_as_registries_do(size: int, text: str):
    assert size_text(size) == text


def test_more_names_than_anyone_has_are_a_problem_instead_of_a_hang():
    outcome = analyze(layer({f"usr/bin/gcc-{number}": executable() for number in range(5_001)}))
    assert [problem.code for problem in outcome.problems] == ["too-many-tools"]
    assert len(outcome.tools) == 1
