"""What goes wrong with registries and states: told, and the rest goes on."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from imgscan.audit.state import State, StateError
from imgscan.cli import main
from imgscan.errors import ImgscanError, SourceError, SourceUnavailable, UsageError
from imgscan.image.oci import OCI_INDEX
from tests.audit.content import BASE, own
from tests.audit.test_audit import LAYERS, blob_requests
from tests.image_builder import image
from tests.registries.front import Answer, Front
from tests.registries.process import registry_process
from tests.registries.push import push, push_blob, put_manifest


def unread(report):
    return {(item.kind, item.name, item.code, str(item.effect)) for item in report.unread}


def imgscan(*arguments, limits=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "imgscan", "audit", *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        preexec_fn=limits,
    )


# --- registries


def test_an_unknown_host_is_one_error_with_a_tip(tmp_path):
    done = imgscan("registry.invalid", "app", "--state", tmp_path / "s", "--timeout", "2")
    assert done.returncode == 3
    error, tip = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert "registry.invalid" in error
    assert tip.startswith("tip: ")


def test_a_certificate_that_nobody_vouches_for_is_told(tmp_path, auditor, monkeypatch):
    with registry_process(tmp_path / "tls", tls=True) as registry:
        with pytest.raises(SourceUnavailable, match="certificate"):
            auditor(registry.address)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(registry.authority))
        assert auditor(registry.address).complete


@pytest.mark.parametrize(("status", "code"), [(401, "access-denied"), (403, "access-denied"), (404, "not-found")])
def test_one_repository_that_is_refused_is_told_and_the_others_are_audited(status, code, front, auditor):
    front.rule = lambda asked, upstream: Answer(status, body=b"{}") if "/team/env/" in asked.path else None
    report = auditor(front.address)
    assert unread(report) == {("repository", "team/env", code, "incomplete")}
    assert not report.complete
    assert {name for one in report.images for name in one.repositories} == {
        "shop/web", "shop/api", "team/clean", "team/multi",
    }  # fmt: skip


def test_a_repository_that_its_registry_forgot_is_an_empty_one(front, auditor):
    body = json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}]})
    front.rule = lambda asked, upstream: Answer(404, body=body.encode()) if "/team/env/" in asked.path else None
    assert auditor(front.address).complete
    assert not auditor(front.address, selection={"named": ("team/env", "team/clean")}).complete
    assert not auditor(front.address, selection={"repositories": ("team/env",)}).complete


def test_a_glob_that_fits_nothing_is_told_and_alone_it_is_no_clean_registry(filled, auditor):
    report = auditor(filled.address, selection={"repositories": ("taem/*",)})
    assert unread(report) == {("repository", "taem/*", "not-found", "incomplete")}
    assert not report.complete
    report = auditor(filled.address, selection={"repositories": ("team", "team/*")})
    assert unread(report) == {("repository", "team", "not-found", "note")}
    assert report.complete


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_registry_that_lists_nothing_has_a_tip_how_to_name_repositories(status, front, auditor):
    front.rule = lambda asked, upstream: Answer(status, body=b"{}") if "_catalog" in asked.path else None
    with pytest.raises(SourceError) as raised:
        auditor(front.address)
    assert "--repos-from" in raised.value.tip
    assert raised.value.message.count(front.address) == 1
    assert auditor(front.address, selection={"named": ("team/clean",)}).complete


def test_an_empty_registry_is_a_clean_one(own_registry, auditor, tmp_path):
    report = auditor(own_registry.address)
    assert (report.images, report.unread, report.failed, report.complete) == ((), (), False, True)
    done = imgscan(own_registry.address, "--state", tmp_path / "cli")
    assert done.returncode == 0
    assert "CLEAN" in done.stdout


def test_a_tag_that_vanishes_during_the_run_is_a_note(front, auditor):
    front.rule = lambda asked, upstream: (
        Answer(404, body=b"{}") if asked.path.endswith("/shop/api/manifests/fixed") else None
    )
    report = auditor(front.address)
    assert unread(report) == {("tag", "shop/api:fixed", "vanished", "note")}
    assert report.complete


def test_a_tag_that_moves_during_the_run_is_followed(own_registry, auditor):
    moved_to = image(BASE, own("second"), cmd=["sh"])
    first = push(own_registry.origin, "app", "latest", image(BASE, own("first"), cmd=["sh"]))
    second = push(own_registry.origin, "app", "next", moved_to)

    def move(asked, upstream):
        if asked.method == "GET" and asked.path.endswith(first):
            push(own_registry.origin, "app", "latest", moved_to)
            return Answer(404, body=b"{}")
        return None

    with Front(own_registry.origin) as front:
        front.rule = move
        report = auditor(front.address)
    assert {(one.digest, len(one.references)) for one in report.images} == {(second, 2)}
    assert report.complete


def test_a_manifest_of_ten_megabytes_is_told_and_not_read(front, auditor):
    def huge(asked, upstream):
        if asked.method == "GET" and "/team/env/manifests/" in asked.path:
            return Answer(200, {"Content-Type": "application/json"}, b" " * (10 << 20))
        return None

    front.rule = huge
    report = auditor(front.address)
    assert {(kind, name, code) for kind, name, code, _ in unread(report)} == {("tag", "team/env:latest", "wrong-bytes")}
    assert not report.complete


def test_an_index_that_leads_to_itself_ends(own_registry, auditor):
    push(own_registry.origin, "app", "good", image(BASE, cmd=["sh"]))
    loop = "sha256:" + "a" * 64
    entry = {"mediaType": OCI_INDEX, "digest": loop, "size": 100}
    document = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()

    def serve(asked, upstream):
        if "/app/manifests/" in asked.path and not asked.path.endswith("good") and asked.path.endswith(("loop", loop)):
            return Answer(200, {"Content-Type": OCI_INDEX}, document)
        if asked.path.startswith("/v2/app/tags/list"):
            return Answer(200, {}, b'{"tags": ["good", "loop"]}')
        return None

    with Front(own_registry.origin) as front:
        front.rule = serve
        report = auditor(front.address)
    assert len(report.images) == 1
    assert {(item.kind, item.code) for item in report.unread} == {("manifest", "wrong-bytes")}
    assert not report.complete


def test_a_missing_platform_of_an_index_is_told_by_every_run(own_registry, auditor):
    push(own_registry.origin, "app", "1", image(BASE, cmd=["sh"]), nested=True)
    gone = json.loads(b'{"digest": "sha256:%s", "size": 5}' % (b"b" * 64)) | {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "platform": {"os": "linux", "architecture": "s390x"},
    }

    def add(asked, upstream):
        answer = upstream()
        if asked.path.endswith("/app/manifests/2"):
            body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [gone]}).encode()
            return Answer(200, {"Content-Type": OCI_INDEX}, body)
        if "tags/list" in asked.path:
            return Answer(200, {}, b'{"tags": ["1", "2"]}')
        return answer

    with Front(own_registry.origin) as front:
        front.rule = add
        for _ in range(2):
            report = auditor(front.address)
            assert {(item.code, str(item.effect)) for item in report.unread} == {("absent-platform", "opaque")}
            assert report.complete
            assert report.opaque


def test_a_layer_that_lies_about_its_length_or_bytes_is_not_kept(front, auditor):
    bad = LAYERS[BASE.diff_id]
    seen = []

    def lie(asked, upstream):
        if not asked.path.endswith(bad):
            return None
        seen.append(asked.path)
        answer = upstream()
        return answer.corrupt(20) if len(seen) % 2 else answer.cut(10)

    front.rule = lie
    report = auditor(front.address)
    assert {(item.kind, item.name) for item in report.unread} == {("layer", bad)}
    assert not report.complete
    affected = [one for one in report.images if not one.complete]
    assert {name for one in affected for name in one.repositories} == {"shop/web", "shop/api"}
    assert all("missing-blob" in {problem.code for problem in one.problems} for one in affected)
    front.rule = lambda asked, upstream: None
    before = len(blob_requests(front))
    again = auditor(front.address)
    assert blob_requests(front)[before:] == [bad]
    assert again.complete
    assert not again.unread


def test_a_layer_that_one_repository_refuses_comes_from_another(front, auditor):
    front.rule = lambda asked, upstream: (
        Answer(403, body=b"{}")
        if "/shop/api/blobs/" in asked.path and asked.path.endswith(LAYERS[BASE.diff_id])
        else None
    )
    assert auditor(front.address).complete


def test_a_registry_that_goes_away_ends_the_run_and_keeps_what_is_done(front, auditor):
    blobs = []

    def gone(asked, upstream):
        if "/blobs/" in asked.path and asked.path.rpartition("/")[2] in LAYERS.values():
            blobs.append(asked.path)
            return Answer(503, {"Retry-After": "3600"}) if len(blobs) > 3 else None
        return None

    front.rule = gone
    report = auditor(front.address)
    assert report.run.layers_fetched == 3
    assert {item.code for item in report.unread} == {"unavailable"}
    front.rule = lambda asked, upstream: None
    assert auditor(front.address).run.layers_fetched == len(LAYERS) - 3


def test_an_artifact_that_is_no_image_is_counted_and_left_out(own_registry, auditor):
    push(own_registry.origin, "app", "1", image(BASE, cmd=["sh"]))
    origin = own_registry.origin
    config, chart = push_blob(origin, "charts", b"{}"), push_blob(origin, "charts", b"a chart")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": chart, "size": 7}],
    }
    put_manifest(origin, "charts", "0.1", json.dumps(manifest).encode(), manifest["mediaType"])
    for _ in range(2):
        report = auditor(own_registry.address)
        assert report.plan.artifacts == 1
        assert len(report.images) == 1
        assert not report.unread


# --- states


@pytest.mark.parametrize("damage", ["garbage", "middle"])
def test_a_damaged_state_is_kept_aside_and_never_overwritten(damage, filled, auditor):
    auditor(filled.address)
    whole = auditor.state.read_bytes()
    middle = b"\xa5" * 4096
    broken = b"no database at all" * 500 if damage == "garbage" else whole[:4096] + middle * 20 + whole[4096 * 21 :]
    for number in (1, 2):
        auditor.state.write_bytes(broken)
        with pytest.raises(StateError, match="is damaged") as raised:
            auditor(filled.address)
        kept = auditor.state.with_name(f"{auditor.state.name}.damaged-{number}")
        assert kept.name in raised.value.message
        assert kept.read_bytes() == broken
        assert not auditor.state.exists()
    assert auditor(filled.address).run.layers_fetched == len(LAYERS)


def test_another_database_is_refused_and_left_alone(auditor, filled):
    with closing(sqlite3.connect(auditor.state)) as connection:
        connection.execute("CREATE TABLE somebody (elses)")
    before = auditor.state.read_bytes()
    with pytest.raises(UsageError, match="no state of an audit"):
        auditor(filled.address)
    assert auditor.state.read_bytes() == before


def test_a_state_of_a_newer_version_is_refused_and_left_alone(auditor, filled):
    with State.open(auditor.state) as state:
        state.do("PRAGMA user_version = 999")
    with pytest.raises(UsageError, match="form 999"):
        auditor(filled.address)


def test_a_second_audit_on_one_state_is_refused(auditor, filled):
    with State.open(auditor.state), pytest.raises(UsageError, match="another audit"):
        auditor(filled.address)
    done = imgscan(filled.address, "--state", auditor.state, "--plan")
    assert done.returncode == 0, done.stderr
    with State.open(auditor.state):
        refused = imgscan(filled.address, "--state", auditor.state)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: another audit is working on the state")


def test_a_state_has_one_lock_by_all_its_names(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "state")
    with State.open(tmp_path / "link"), pytest.raises(UsageError, match="another audit"):
        State.open(tmp_path / "state")
    with State.open(tmp_path / "state"), pytest.raises(UsageError, match="another audit"):
        State.open(tmp_path / "link")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UsageError, match="cannot be kept there"):
        State.open(tmp_path / "loop")


def test_a_full_disk_is_told_and_what_was_finished_is_kept(filled, auditor, matcher_cache):
    auditor.plan(filled.address, key=b"k")
    size = auditor.state.stat().st_size
    # The kernel refuses to let a file of this process grow further, as a disk does that is full.
    done = imgscan(
        filled.address, "--state", auditor.state, "--workers", "1",
        limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30_000, size + 30_000)),
        IMGSCAN_KEY="k", IMGSCAN_CACHE_DIR=str(matcher_cache),
    )  # fmt: skip
    assert done.returncode == 3
    error, tip = done.stderr.splitlines()
    assert error.startswith(f"error: the state {auditor.state} cannot be written")
    assert "run the same command again" in tip
    report = auditor(filled.address, key=b"k")
    assert report.complete
    assert report.run.layers_fetched == len(LAYERS)


@pytest.mark.parametrize("place", ["", "missing/state.sqlite", "/dev/null"])
def test_a_state_that_cannot_be_kept_is_told_before_anything_is_asked(place, front, auditor, tmp_path):
    auditor.state = tmp_path / place
    with pytest.raises(UsageError, match="cannot be kept there"):
        auditor(front.address)
    assert not front.asked
    assert not Path("/dev/null.lock").exists()


def test_the_state_is_for_its_owner_alone(filled, auditor):
    auditor(filled.address)
    assert auditor.state.stat().st_mode & 0o777 == 0o600


# --- the command


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--show-secrets"], "never shows secrets"),
        (["--rate", "fast"], "--rate"),
        (["--rate", "0/s"], "--rate"),
        (["--newest", "0"], "--newest"),
        (["--workers", "0"], "--workers"),
        (["--since", "yesterday"], "--since"),
        (["--since", "0001-01-01T00:00+14:00"], "--since"),
        (["--since", "9999-12-31T23:59-14:00"], "--since"),
        (["--platform", "amd64"], "--platform"),
        (["--format", "junit"], "junit"),
        (["--repos-from", "/nonexistent"], "--repos-from"),
        (["--scheduler", "somewhere"], "somewhere"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_asked(arguments, word, capsys, tmp_path):
    assert main(["audit", "127.0.0.1:1", "--state", str(tmp_path / "s"), *arguments]) == 2
    error = capsys.readouterr().err.splitlines()[0]
    assert error.startswith("error: ")
    assert word in error
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "written", ["127.0.0.1:1", "registry:127.0.0.1:1", "registry:127.0.0.1:1/", "http://127.0.0.1:1"]
)
def test_a_registry_may_be_written_as_inspect_wants_it(written, capsys, tmp_path):
    assert main(["audit", written, "--state", str(tmp_path / "s")]) == 3
    assert capsys.readouterr().err.startswith("error: 127.0.0.1:1 refuses the connection")


def test_a_registry_with_a_path_is_told_how_to_write_it(capsys):
    assert main(["audit", "registry.example.com/team"]) == 2
    assert "imgscan audit registry.example.com 'team' 'team/*'" in capsys.readouterr().err


def test_a_file_of_names_is_read_and_a_wrong_line_is_told(filled, tmp_path, capsys):
    names = tmp_path / "names"
    names.write_text("# ours\nteam/clean  # the good one\n\n")
    state = ["--state", str(tmp_path / "s")]
    assert main(["audit", filled.address, "--repos-from", str(names), "--plan", "-f", "json", *state]) == 0
    assert json.loads(capsys.readouterr().out)["audit"]["plan"]["repositories"] == 1
    names.write_text("team/clean\nregistry.example.com/Team:latest\n")
    assert main(["audit", filled.address, "--repos-from", str(names), *state]) == 2
    assert "line 2" in capsys.readouterr().err


def test_errors_of_the_state_are_of_our_own_kind():
    assert issubclass(StateError, ImgscanError)
    assert StateError("x").exit_code == 3
