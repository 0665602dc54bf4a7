"""One image through the whole pipeline: what is claimed is checked, what is kept is equal, no secret gets out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgscan.errors import Effect, ImageNotFound, UsageError
from imgscan.evidence import Depth
from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.report import Policy, Severity
from imgscan.sources.opening import find_source
from tests.image_builder import (
    ARCHIVES,
    BuiltImage,
    docker_archive_hybrid,
    docker_archive_legacy,
    executable,
    image,
    layer,
    oci_archive,
    oci_layout,
    step,
    symlink,
    wrap_archive,
)

PASSWORD = "hunter2prod-Xk9"
TOKEN = "xoxb-" + "271828182845-904523536028-" + "Qm7Zr2Vt9Lp4Ws6Xy8Nb3Kd"
LINK = "s3cr3tPw9Zq"
SECRETS = (PASSWORD, TOKEN, LINK)


@pytest.fixture
def leaky() -> BuiltImage:
    return image(
        layer(
            {"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "bin/sh": executable(), "usr/bin/git": executable()},
            created_by="/bin/sh -c #(nop) ADD file:0123 in / ",
        ),
        step(f"ENV DATABASE_URL=postgres://app:{LINK}@db:5432/x"),
        layer(
            {"app/.env": f"DB_PASSWORD={PASSWORD}\n", "app/notes.txt": f"bot {TOKEN} end\n"},
            created_by="COPY . . # buildkit",
        ),
        layer({"app/.wh..env": ""}, created_by="RUN /bin/sh -c rm .env # buildkit"),
        env=[f"DATABASE_URL=postgres://app:{LINK}@db:5432/x"],
        labels={"bot": TOKEN},
        tags=["leaky:1"],
    )


@pytest.fixture
def options(tmp_path) -> Options:
    return Options(cache_directory=tmp_path / "cache", key=b"the tests'")


def only(reference: object, options: Options):
    (report,) = inspect_image(str(reference), options)
    return report


def comparable(report):
    """A report without where it came from: reference, source, and how blobs were stored."""
    layers = tuple(replace(row, digest=None) for row in report.image.layers)
    row = replace(report.image, reference="", source="", manifest_digest=None, layers=layers)
    return replace(report, image=row)


def without_healthcheck(report):
    """Findings but for the missing health check, which an OCI image tells in other words."""
    return [finding for finding in report.verdict.open if finding.rule.family != "healthcheck"]


def test_a_deleted_secret_is_told_with_who_brought_and_who_removed_it(leaky, options, tmp_path):
    report = only(docker_archive_legacy(leaky, tmp_path / "a.tar"), options)
    (finding,) = [f for f in report.verdict.open if f.location.path == "app/.env" and f.secret]
    assert (finding.location.layer, finding.added_by.instruction) == (1, "COPY . .")
    assert (finding.fate.state, finding.fate.layer, finding.fate.instruction) == ("deleted", 2, "RUN rm .env")
    assert finding.secret.name == "DB_PASSWORD"
    assert report.summary.secrets_deleted == 1


def test_one_secret_in_three_places_is_one_secret(leaky, options, tmp_path):
    report = only(docker_archive_legacy(leaky, tmp_path / "a.tar"), options)
    seen = [f for f in report.verdict.open if f.rule.id.endswith("/slack-token")]
    assert {f.rule.family for f in seen} == {"file-secret", "label-secret"}
    assert len({f.secret.id for f in seen}) == 1
    assert {f.secret.sightings for f in seen} == {len(seen)}


@pytest.mark.parametrize("layout", sorted(ARCHIVES))
def test_an_image_gives_equal_findings_from_every_kind_of_archive(leaky, options, tmp_path, layout):
    expected = comparable(only(docker_archive_legacy(leaky, tmp_path / "legacy.tar"), options))
    found = comparable(only(ARCHIVES[layout](leaky, tmp_path / "other.tar"), options))
    assert without_healthcheck(found) == without_healthcheck(expected)
    assert found.summary == expected.summary
    assert found.tools == expected.tools


@pytest.mark.parametrize("suffix", ["gz", "xz", "zst"])
def test_a_compressed_archive_is_read_in_one_pass_with_equal_results(leaky, options, tmp_path, suffix):
    plain = docker_archive_hybrid(leaky, tmp_path / "a.tar")
    expected = comparable(only(plain, options))
    assert comparable(only(wrap_archive(plain, suffix), options)) == expected


def test_a_layout_directory_gives_equal_findings(leaky, options, tmp_path):
    expected = only(oci_archive(leaky, tmp_path / "a.tar"), options)
    assert comparable(only(oci_layout(leaky, tmp_path / "layout"), options)) == comparable(expected)


def test_cold_warm_verified_and_uncached_runs_agree(leaky, options, tmp_path):
    archive = oci_archive(leaky, tmp_path / "a.tar", compression="gzip")
    cold = only(archive, options)
    assert only(archive, options) == cold
    assert only(archive, replace(options, cache=CacheMode.VERIFY)) == cold
    assert only(archive, replace(options, cache=CacheMode.OFF)) == cold
    assert only(archive, replace(options, cache_directory=tmp_path / "another")) == cold


def test_a_layer_known_from_a_plain_archive_is_no_mismatch_in_a_compressed_one(leaky, options, tmp_path):
    only(docker_archive_legacy(leaky, tmp_path / "plain.tar"), options)
    report = only(oci_archive(leaky, tmp_path / "gzip.tar", compression="gzip"), options)
    assert report.complete
    assert not report.problems


def test_showing_secrets_changes_nothing_else_and_leaves_the_cache_alone(leaky, options, tmp_path):
    archive = docker_archive_legacy(leaky, tmp_path / "a.tar")
    shown = only(archive, replace(options, show_secrets=True))
    assert not list((tmp_path / "cache").rglob("*.scan"))
    values = {f.secret.value for f in shown.verdict.open if f.secret}
    assert values == set(SECRETS)
    hidden = only(archive, options)
    without = [replace(f, secret=replace(f.secret, value=None)) if f.secret else f for f in shown.verdict.open]
    assert tuple(without) == hidden.verdict.open


def test_no_secret_is_in_the_report_or_in_any_file_of_the_cache(leaky, options, tmp_path):
    report = only(docker_archive_legacy(leaky, tmp_path / "a.tar"), options)
    text = repr(report)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    for secret in SECRETS:
        for start in range(len(secret) - 5):
            part = secret[start : start + 6]
            if part.startswith("xoxb-"):
                continue
            assert part not in text
            assert part.encode() not in kept


def test_ids_of_secrets_are_equal_under_one_key_and_differ_without(leaky, options, tmp_path):
    archive = docker_archive_legacy(leaky, tmp_path / "a.tar")

    def ids(options):
        return [f.secret.id for f in only(archive, options).verdict.open if f.secret]

    assert ids(options) == ids(replace(options, cache=CacheMode.OFF))
    assert ids(replace(options, key=None)) != ids(replace(options, key=None))


def corrupt(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert len(old) == len(new)
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def test_a_changed_layer_is_unverified_and_incomplete(leaky, options, tmp_path):
    archive = docker_archive_legacy(leaky, tmp_path / "a.tar")
    corrupt(archive, b"bot " + TOKEN.encode(), b"bat " + TOKEN.encode())
    report = only(archive, options)
    assert [(p.code, p.effect, p.layer) for p in report.problems] == [("diff-id-mismatch", Effect.INCOMPLETE, 1)]
    assert not report.complete


def test_a_missing_layer_is_told_and_the_rest_is_judged(leaky, options, tmp_path):
    gone = f"blobs/sha256/{leaky.layers[1].diff_id.removeprefix('sha256:')}"
    archive = docker_archive_hybrid(leaky, tmp_path / "a.tar", edit=lambda members: members.pop(gone))
    report = only(archive, options)
    assert ("missing-blob", 1) in [(p.code, p.layer) for p in report.problems]
    assert not report.coverage.complete
    assert report.summary.runs_as_root


def test_at_depth_config_no_layer_is_opened(leaky, options, tmp_path):
    report = only(docker_archive_legacy(leaky, tmp_path / "a.tar"), replace(options, depth=Depth.CONFIG))
    assert report.coverage.members == 0
    assert {f.rule.family for f in report.verdict.open} >= {"env-secret", "label-secret", "history-secret"}
    assert "file-secret" not in {f.rule.family for f in report.verdict.open}


def test_at_depth_members_no_content_is_matched(leaky, options, tmp_path):
    report = only(docker_archive_legacy(leaky, tmp_path / "a.tar"), replace(options, depth=Depth.MEMBERS))
    assert report.coverage.members == 6
    assert [(skip.reason, skip.count) for skip in report.coverage.skipped] == [("headers only", 6)]
    assert report.tools
    assert "file-secret" not in {f.rule.family for f in report.verdict.open}


def test_only_the_families_asked_for_are_told(leaky, options, tmp_path):
    archive = docker_archive_legacy(leaky, tmp_path / "a.tar")
    report = only(archive, replace(options, policy=Policy(families=("root-user",))))
    assert {f.rule.family for f in report.verdict.open} == {"root-user"}


def test_an_unknown_family_is_wrong_usage(leaky, options, tmp_path):
    archive = docker_archive_legacy(leaky, tmp_path / "a.tar")
    with pytest.raises(UsageError, match="no such family: rooty"):
        inspect_image(str(archive), replace(options, policy=Policy(families=("rooty",))))


@pytest.mark.parametrize(("fail_on", "failed"), [(Severity.CRITICAL, True), (Severity.NONE, False)])
def test_what_fails_a_run_is_the_policys(leaky, options, tmp_path, fail_on, failed):
    archive = docker_archive_legacy(leaky, tmp_path / "a.tar")
    assert only(archive, replace(options, policy=Policy(fail_on=fail_on))).verdict.failed is failed


def test_a_path_that_does_not_exist_is_no_reference(options):
    with pytest.raises(ImageNotFound):
        inspect_image("./Nothing/Here.tar", options)


def test_a_chowned_secret_is_one_finding_of_the_layer_that_brought_it(options, tmp_path):
    from tests.image_builder import file

    line = f"DB_PASSWORD={PASSWORD}\n"
    built = image(
        layer({"app/.env": line}, created_by="COPY . . # buildkit"),
        layer({"app/.env": file(line, uid=999, gid=999)}, created_by="RUN /bin/sh -c chown -R app /app # buildkit"),
    )
    report = only(docker_archive_legacy(built, tmp_path / "a.tar"), options)
    (finding,) = [f for f in report.verdict.open if f.secret]
    assert (finding.location.layer, finding.fate.state, finding.added_by.instruction) == (0, "present", "COPY . .")


def test_an_overwritten_secret_is_not_lost_to_another_of_its_kind(options, tmp_path):
    built = image(
        layer({"app/.env": f"DB_PASSWORD={PASSWORD}\n"}, created_by="COPY .env . # buildkit"),
        layer({"app/.env": "DB_PASSWORD=another-Zk4Rt8\n"}, created_by="COPY .env . # buildkit"),
    )
    report = only(docker_archive_legacy(built, tmp_path / "a.tar"), options)
    states = sorted((f.location.layer, f.fate.state) for f in report.verdict.open if f.secret)
    assert states == [(0, "overwritten"), (1, "present")]
    assert report.summary.secrets == 2
    assert report.summary.secrets_deleted == 1


def test_a_link_loop_and_a_missing_interpreter_break_nothing(options, tmp_path):
    built = image(layer({"usr/bin/git": symlink("git2"), "usr/bin/git2": symlink("git")}), user="ghost")
    report = only(docker_archive_legacy(built, tmp_path / "a.tar"), options)
    assert not report.tools
    assert "root-user/unknown-user" in {f.rule.id for f in report.verdict.open}


@pytest.mark.parametrize("reference", ["", "  "])
def test_an_empty_reference_is_no_path(reference):
    with pytest.raises(UsageError, match="no name"):
        find_source(reference)


@pytest.mark.parametrize("reference", ["app.tar", "./app.tar.gz", "/srv/app.tgz"])
def test_a_mistyped_archive_is_not_asked_for_in_a_registry(reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageNotFound, match="there is no file"):
        find_source(reference)


def test_a_secret_in_a_file_that_is_read_for_facts_stays_out_of_the_cache(options, tmp_path):
    built = image(layer({"etc/group": f"root:x:0:{TOKEN}\n", "etc/passwd": f"{TOKEN}\n"}), tags=["a:1"])
    only(docker_archive_legacy(built, tmp_path / "a.tar"), options)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert TOKEN[5:].encode() not in kept
