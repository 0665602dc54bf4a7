"""The lab's archives are what fixtures/README.md says, before anything of imgscan looks at them."""

from __future__ import annotations

import io
import json
import stat
import tarfile

import pytest

from fixtures.lab.bases import bases
from fixtures.lab.build import VARIANTS, archive_name, build_image, write_all, write_archive
from fixtures.lab.builder import Dialect, not_ignored
from fixtures.lab.scenarios import HERE, SCENARIOS, Scenario, context_files
from tests.image_builder import BuiltImage, BuiltLayer

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
EVERY = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
BOTH = pytest.mark.parametrize("dialect", Dialect)
SECRETS = (
    b"DATABASE_PASSWORD=super_secret_password_123\n"
    b"API_KEY=sk-live-abc123xyz789\n"
    b"STRIPE_SECRET=rk_live_do_not_share_this\n"
)


def members(one: BuiltLayer) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(one.tar)) as tar:
        return tar.getmembers()


def final(built: BuiltImage) -> dict[str, tarfile.TarInfo]:
    """The final file system; the lab deletes nothing, so the last one of a path is it."""
    return {member.name: member for one in built.layers for member in members(one)}


def commands(files: dict[str, tarfile.TarInfo]) -> set[str]:
    """Names on the path that are executable, or links."""
    folders = ("usr/local/sbin/", "usr/local/bin/", "usr/sbin/", "usr/bin/")
    return {
        path.rpartition("/")[2]
        for path, member in files.items()
        if path.startswith(folders) and (member.issym() or member.mode & stat.S_IXUSR)
    }


def test_two_builds_give_the_same_bytes(tmp_path):
    first = [path.read_bytes() for path in write_all(tmp_path / "first")]
    second = [path.read_bytes() for path in write_all(tmp_path / "second")]
    assert first == second
    assert len(first) == 5 * len(VARIANTS)


def test_the_bases_do_not_change_while_images_are_built_on_them():
    before = {name: len(stage.parts) for name, stage in bases(Dialect.CLASSIC).items()}
    fresh = build_image(BY_NAME["multistage"])
    assert build_image(BY_NAME["multistage"]) == fresh
    assert {name: len(stage.parts) for name, stage in bases(Dialect.CLASSIC).items()} == before


@pytest.mark.parametrize("variant", VARIANTS)
@EVERY
def test_an_archive_is_small_and_readable_and_names_its_image(scenario: Scenario, variant: str, tmp_path):
    path = write_archive(scenario, variant, tmp_path / archive_name(scenario, variant))
    assert path.stat().st_size < 500_000
    with tarfile.open(path) as tar:
        names = tar.getnames()
        if variant == "oci":
            assert {"oci-layout", "index.json"} < set(names)
            return
        (entry,) = json.load(tar.extractfile("manifest.json"))
        assert entry["RepoTags"] == [f"{scenario.image}:latest"]
        assert set(entry["Layers"]) < set(names)
        assert ("index.json" in names) == (variant == "buildkit")


@BOTH
@EVERY
def test_the_image_is_as_expected_json_says(scenario: Scenario, dialect: Dialect):
    built = build_image(scenario, dialect)
    expected = scenario.expected
    files = final(built)
    config = built.document["config"]
    assert config.get("User", "") == expected["user"]
    assert ("Healthcheck" in config) == expected["healthcheck"]
    assert set(expected["files"]["present"]) <= set(files)
    assert not set(expected["files"]["absent"]) & set(files)
    assert set(expected["tools"]["present"]) <= commands(files)
    assert not set(expected["tools"]["absent"]) & commands(files)
    assert ("app/.env" in files) == bool(expected["file_secrets"])
    assert files["app/app.js"].uid == expected["uid"]


@BOTH
@EVERY
def test_secrets_are_in_the_layers_only_where_they_are_expected(scenario: Scenario, dialect: Dialect):
    found = any(SECRETS in one.tar for one in build_image(scenario, dialect).layers)
    assert found == bool(scenario.expected["file_secrets"])
    assert not any(line in build_image(scenario, dialect).config for line in SECRETS.splitlines())


def test_the_expectations_are_the_labs_table():
    rows = {
        one.expected["scenario"]: (
            one.expected["runs_as_root"],
            bool(one.expected["file_secrets"]),
            one.expected["build_tools"],
            one.expected["exit_codes"]["high"],
            one.expected["exit_codes"]["medium"],
        )
        for one in SCENARIOS
    }
    assert rows == {
        1: (True, True, True, 1, 1),
        2: (False, True, True, 1, 1),
        3: (False, False, True, 0, 1),
        4: (False, False, False, 0, 0),
        5: (False, False, False, 0, 0),
        6: (False, False, True, 0, 1),
    }


@BOTH
@EVERY
def test_history_and_layers_agree(scenario: Scenario, dialect: Dialect):
    built = build_image(scenario, dialect)
    history = built.document["history"]
    assert sum(not entry.get("empty_layer", False) for entry in history) == len(built.layers)
    assert history[0]["created_by"].startswith("/bin/sh -c #(nop) ADD file:")
    own = [
        entry["created_by"] for entry in history if "chown -R" in entry["created_by"] or "COPY" in entry["created_by"]
    ]
    assert all(("# buildkit" in text) == (dialect is Dialect.BUILDKIT) for text in own)


def test_history_reads_as_docker_wrote_it():
    def texts(dialect):
        return [entry["created_by"] for entry in build_image(BY_NAME["nonroot"], dialect).document["history"]][-8:]

    classic = texts(Dialect.CLASSIC)
    assert classic[0] == "/bin/sh -c #(nop) WORKDIR /app"
    assert classic[2].startswith("/bin/sh -c #(nop) COPY dir:")
    assert classic[2].endswith(" in . ")
    assert classic[3:] == [
        "/bin/sh -c npm install",
        "/bin/sh -c chown -R appuser:appuser /app",
        "/bin/sh -c #(nop)  USER appuser",
        "/bin/sh -c #(nop)  EXPOSE 3000",
        '/bin/sh -c #(nop)  CMD ["npm" "start"]',
    ]
    assert texts(Dialect.BUILDKIT) == [
        "WORKDIR /app",
        "RUN /bin/sh -c groupadd -r appuser && useradd -r -g appuser appuser # buildkit",
        "COPY . . # buildkit",
        "RUN /bin/sh -c npm install # buildkit",
        "RUN /bin/sh -c chown -R appuser:appuser /app # buildkit",
        "USER appuser",
        "EXPOSE map[3000/tcp:{}]",
        'CMD ["npm" "start"]',
    ]


def test_the_dockerignore_leaves_out_what_its_patterns_name():
    context = context_files(BY_NAME["secure-copy"])
    more = (".env.local", "test.pem", "tls.key", "tls.cert", ".git/config", "node_modules/x/index.js", "Dockerfile.dev")
    kept = set(not_ignored(context | dict.fromkeys(more, b""), BY_NAME["secure-copy"].dockerignore))
    assert kept == {
        ".dockerignore",  # no pattern names it, so Docker copies it
        "app.js",
        "package-lock.json",
        "package.json",
        "vendor/greeting/index.js",
        "vendor/greeting/package.json",
    }


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        ("*.pem", {"sub/a.pem", "sub/deep/a.pem", "keep.txt"}),  # a star does not cross a slash
        ("**/*.pem", {"keep.txt"}),
        ("sub", {"a.pem", "keep.txt"}),
        ("/sub/deep/", {"a.pem", "sub/a.pem", "keep.txt"}),
        ("*\n!keep.txt", {"keep.txt"}),
        ("# sub\n\n", {"a.pem", "sub/a.pem", "sub/deep/a.pem", "keep.txt"}),
    ],
)
def test_dockerignore_patterns_mean_what_docker_means(patterns, kept):
    context = dict.fromkeys(("a.pem", "sub/a.pem", "sub/deep/a.pem", "keep.txt"), b"")
    assert set(not_ignored(context, patterns)) == kept


def test_the_package_records_vouch_for_every_setuid_file_of_the_bases():
    for stage in bases(Dialect.BUILDKIT).values():
        sums = {
            line.split("  ", 1)[1]: line.split("  ", 1)[0]
            for path, entry in stage.files.items()
            if path.endswith(".md5sums")
            for line in str(entry.data).splitlines()
        }
        setuid = [path for path, entry in stage.files.items() if (entry.mode or 0) & 0o6000]
        assert setuid
        assert all(path in sums or path.removeprefix("usr/") in sums for path in setuid)


def test_the_hardened_command_line_sets_what_is_expected():
    runtime = BY_NAME["hardened"].expected["runtime"]
    script = (HERE / "hardened" / "run.sh").read_text()
    assert runtime["read_only"] == ("--read-only" in script)
    assert all(f"--tmpfs {path}" in script for path in runtime["tmpfs"])
    assert runtime["memory"] == 128 << 20
    assert '--memory="128m"' in script
    assert runtime["nano_cpus"] == int(0.5 * 10**9)
    assert '--cpus="0.5"' in script
    assert all(f"--cap-drop={name}" in script for name in runtime["cap_drop"])
    assert all(f"--security-opt {option}" in script for option in runtime["security_opt"])
