"""The shape of the house: imports go down, siblings leave each other alone, one doorway for each dependency."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgscan

ROOT = Path(imgscan.__file__).parent

RANKS = (
    ("errors",),
    ("image",),
    ("amounts", "evidence", "file_capabilities", "package_checksums", "publishers"),
    ("tar",),
    ("secrets", "report", "overlay"),
    (
        "accounts",
        "base_image",
        "caches",
        "comparison",
        "context_leftovers",
        "credentials",
        "dependencies",
        "dockerfile_lines",
        "file_versions",
        "instructions",
        "ownership",
        "package_files",
        "packages",
        "programs",
        "report_redaction",
        "size_causes",
        "tampering",
        "unpinned",
        "vendored",
        "verification",
        "waste",
    ),
    ("sources", "analyzers", "renderers", "layers"),
    ("judgement", "reduction"),
    ("pipeline",),
    ("audit", "comparing", "configuration", "listing", "recovery", "runtime"),
    ("cli",),
    ("__main__",),
)
"""Lowest first. A part imports from lower ranks and from itself; of its own rank, only what PEERS names."""

PEERS = {
    ("programs", "accounts"),
    ("file_versions", "accounts"),
    ("file_versions", "package_files"),
    ("comparing", "runtime"),
    ("comparison", "accounts"),
    ("recovery", "listing"),
    ("ownership", "packages"),
    ("tampering", "accounts"),
    ("dependencies", "instructions"),
    ("size_causes", "caches"),
    ("size_causes", "waste"),
    ("unpinned", "instructions"),
    ("unpinned", "verification"),
    ("verification", "instructions"),
}

SIBLINGS = {
    "sources": {"archive", "docker_engine", "oci_layout", "registry"},
    "analyzers": {
        "account",
        "attestation_secret",
        "build_tool",
        "config_secret",
        "env_secret",
        "file_secret",
        "healthcheck",
        "history_secret",
        "image_hygiene_base",
        "image_hygiene_caches",
        "image_hygiene_commands",
        "image_hygiene_copies",
        "image_hygiene_files",
        "image_hygiene_settings",
        "image_hygiene_waste",
        "label_secret",
        "layer_anomaly",
        "root_user",
        "sensitive_file",
        "setuid_file",
    },
    "renderers": {
        "audit_csv",
        "audit_html",
        "audit_json",
        "audit_sarif",
        "audit_table",
        "bodyfile",
        "compare_table",
        "csv",
        "files_json",
        "files_table",
        "gitlab",
        "gitlab_secrets",
        "history",
        "html",
        "json",
        "junit",
        "markdown",
        "sarif",
        "table",
    },
    "layers.matchers": {"hyperscan_matcher", "reference"},
    "layers.unpack": {
        "ar_archive",
        "asar_archive",
        "compressed",
        "cpio_archive",
        "git_pack",
        "pdf",
        "rpm_package",
        "script_archive",
        "seven_zip",
        "sqlite_database",
        "tar_archive",
        "unsupported",
        "wide_strings",
        "wide_text",
        "zip_archive",
        "zlib_stream",
    },
}
"""Implementations that never import one another."""

DOORWAYS = {
    "docker": {"sources/docker_engine.py", "runtime/engine.py"},
    "typer": {"cli"},
    "rich": {"cli"},
    "tabulate": {"renderers/table.py", "renderers/audit_table.py"},
    "detect_secrets": {"secrets/detect_secrets_plugins.py"},
    "hyperscan": {"layers/matchers/hyperscan_matcher.py", "layers/matchers/hyperscan_worker.py"},
    "isal": {"image/compression.py"},
    "lz4": {"image/compression.py"},
    "backports": {"image/compression.py"},
    "requests": {
        "sources/docker_engine.py",
        "sources/registry/sessions.py",
        "sources/registry/transport.py",
    },
    "urllib3": {
        "sources/docker_engine.py",
        "sources/registry/sessions.py",
        "sources/registry/transport.py",
    },
    "xxhash": {"tar/walker.py"},
    "yaml": {"secrets/formats/yaml_text.py"},
    "jinja2": {"renderers/pages.py"},
    "tomlkit": {"configuration/writing.py"},
    "distributed": {"audit/cluster.py"},
}
"""Where each third-party package may be imported; a folder means all of it."""

MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


def imports(module: Path) -> Iterator[str]:
    """Names of modules that a module imports, wherever in it; those for type checkers alone as well."""
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str:
    """`imgscan.sources.archive.Archive` -> `sources`."""
    return name.split(".")[1] if "." in name else "__init__"


def rank_of(part: str) -> int:
    return next(rank for rank, parts in enumerate(RANKS) if part in parts)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_down(module):
    own = module.parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for name in imports(module):
        other = part_of(name)
        if not name.startswith("imgscan.") or other == own or other.startswith("__version"):
            continue
        allowed = rank_of(other) < rank_of(own) or (own, other) in PEERS
        assert allowed, f"{module} imports {name}: {own} stands below or beside {other}"


@pytest.mark.parametrize("folder", SIBLINGS)
def test_siblings_do_not_import_one_another(folder):
    names = SIBLINGS[folder]
    for name in names:
        path = Path(*folder.split("."), name)
        parts = [*(ROOT / path).glob("*.py"), (ROOT / path).with_suffix(".py")]
        for imported in (one for part in parts if part.exists() for one in imports(part.relative_to(ROOT))):
            prefix = f"imgscan.{folder}."
            if imported.startswith(prefix):
                sibling = imported[len(prefix) :].split(".")[0]
                assert sibling == name or sibling not in names, f"{path} imports its sibling {sibling}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_each_dependency_has_one_doorway(module):
    for name in imports(module):
        package = name.split(".")[0]
        if package in DOORWAYS:
            doors = DOORWAYS[package]
            assert str(module) in doors or module.parts[0] in doors, f"{module} imports {package}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_third_party_import_is_known(module):
    known = set(sys.stdlib_module_names) | set(DOORWAYS) | {"imgscan", "compression"}
    unknown = {name.split(".")[0] for name in imports(module)} - known
    assert not unknown


def test_every_module_has_a_docstring():
    bare = [str(module) for module in MODULES if not ast.get_docstring(ast.parse((ROOT / module).read_text()))]
    assert not bare


def test_modules_stay_readable():
    long = {str(module): count for module in MODULES if (count := (ROOT / module).read_text().count("\n")) > 420}
    assert not long


def test_only_the_command_line_prints_exits_and_reads_the_environment():
    for module in MODULES:
        if module.parts[0] in ("cli", "__main__.py"):
            continue
        for node in ast.walk(ast.parse((ROOT / module).read_text())):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called not in ("print", "exit", "sys.exit", "os._exit", "os.getenv"), f"{module}: {called}"
