"""`imgscan inspect`: what it asks of the pipeline, what it writes where, and how it ends."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from imgscan.evidence import Depth
from imgscan.image.image import Platform
from imgscan.report import Severity
from imgscan.sources.source import PlatformRequest


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["clean"], 0),
        (["insecure"], 1),
        (["incomplete"], 3),
        (["gone"], 3),
        (["incomplete", "--allow-incomplete"], 1),
        (["clean", "insecure"], 1),
        (["insecure", "incomplete"], 3),
        (["insecure", "gone", "clean"], 3),
        (["two-platforms"], 1),
    ],
)
def test_the_exit_code_says_how_it_ended(imgscan, arguments, code):
    assert imgscan("inspect", *arguments).code == code


def test_a_failure_is_told_on_stderr_and_the_other_images_are_scanned(imgscan):
    run = imgscan("inspect", "gone", "clean", "-f", "json")
    assert run.err == "error: the engine has no image gone\ntip: pull it\n"
    document = json.loads(run.out)
    assert [report["image"]["reference"] for report in document["reports"]] == ["clean-app:1.0"]
    assert [failure["reference"] for failure in document["failures"]] == ["gone"]


def test_a_traceback_is_printed_only_when_asked_for(imgscan):
    assert "Traceback" not in imgscan("inspect", "gone").err
    assert "Traceback" in imgscan("inspect", "gone", "--verbose").err


def test_a_defect_of_ours_gives_no_traceback_and_does_not_quote_the_image(imgscan, pipeline):
    def fail():
        raise KeyError("sk-live-abc123xyz789")

    pipeline.answers["defect"] = fail
    run = imgscan("inspect", "defect")
    assert run.code == 3
    assert [line.split(":")[0] for line in run.err.splitlines()] == ["error", "tip"]
    assert "sk-live" not in run.err


def test_an_interruption_is_one_line_and_exit_code_130(imgscan, pipeline, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    pipeline.answers["endless"] = interrupt
    run = imgscan("inspect", "endless", "-o", str(tmp_path / "out"))
    assert (run.code, run.out, run.err) == (130, "", "error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_the_options_reach_the_pipeline(imgscan, pipeline, monkeypatch, tmp_path):
    monkeypatch.setenv("IMGSCAN_KEY", "a key")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    imgscan(
        "inspect", "clean", "--platform", "linux/arm/v7", "--depth", "members", "--fail-on", "LOW", "--verify",
        "--families", "root-user,file-secret", "--entropy", "--timeout", "2.5", "--trust-packages", "NO",
    )  # fmt: skip
    ((reference, options),) = pipeline.asked
    assert reference == "clean"
    assert options.platforms == PlatformRequest(Platform("linux", "arm", "v7"))
    assert options.depth is Depth.MEMBERS
    assert options.policy.fail_on is Severity.LOW
    assert options.policy.families == ("root-user", "file-secret")
    assert options.policy.trust_packages is False
    assert (options.entropy, options.timeout, options.key) == (True, 2.5, b"a key")
    assert options.cache.name == "VERIFY"
    assert options.cache_directory == tmp_path / "imgscan"


def test_the_defaults_are_the_contract_s(imgscan, pipeline, monkeypatch, tmp_path):
    monkeypatch.setenv("IMGSCAN_CACHE_DIR", str(tmp_path))
    imgscan("inspect", "clean")
    ((_, options),) = pipeline.asked
    assert options.platforms == PlatformRequest()
    assert options.depth is Depth.CONTENT
    assert options.policy.fail_on is Severity.HIGH
    assert options.policy.families == ()
    assert options.policy.trust_packages is True
    assert (options.entropy, options.show_secrets, options.key, options.timeout) == (False, False, None, None)
    assert options.cache.name == "USE"
    assert options.cache_directory == tmp_path
    assert options.progress is None


def test_a_run_that_shows_secrets_never_meets_the_cache(imgscan, pipeline):
    run = imgscan("inspect", "insecure", "--show-secrets")
    ((_, options),) = pipeline.asked
    assert (options.show_secrets, options.cache.name) == (True, "OFF")
    assert "sk-live-abc123xyz789" in run.out
    assert "sk-live-abc123xyz789" not in imgscan("inspect", "insecure").out


def test_several_documents_go_to_several_places(imgscan, tmp_path):
    target = tmp_path / "out.json"
    run = imgscan("inspect", "insecure", "-f", f"json={target}", "-f", "table")
    assert run.out.startswith("insecure-app:latest\n")
    assert json.loads(target.read_text())["schema"] == "imgscan/1"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_where_all_documents_go_to_files_a_line_says_how_it_ended(imgscan, tmp_path):
    arguments = ("inspect", "insecure", "clean", "-f", f"sarif={tmp_path / 'out'}")
    run = imgscan(*arguments)
    assert (run.code, run.out) == (1, "")
    first, second = run.err.splitlines()
    assert first.startswith("insecure-app:latest: FAIL  ")
    assert "PASS  nothing at high or worse" in second
    assert imgscan(*arguments, "--quiet").err == ""
    assert imgscan(*arguments, "-f", "table").err == ""


def test_output_is_for_the_document_without_a_file(imgscan, tmp_path):
    target = tmp_path / "out"
    assert imgscan("inspect", "clean", "-f", "json", "-o", str(target)).out == ""
    assert json.loads(target.read_text())["reports"]
    assert imgscan("inspect", "clean", "-f", "json", "-o", "-").out == target.read_text()


def test_a_file_has_no_colour_and_its_own_width(imgscan, monkeypatch, tmp_path):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    run = imgscan("inspect", "insecure")
    assert "\x1b[" in run.out
    imgscan("inspect", "insecure", "-o", str(tmp_path / "out"))
    text = (tmp_path / "out").read_text()
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) > 60


def test_no_color_wins(imgscan, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in imgscan("inspect", "insecure").out


def test_a_file_is_replaced_whole_and_keeps_its_permissions(imgscan, tmp_path):
    target = tmp_path / "out.json"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(target)
    imgscan("inspect", "clean", "-f", f"json={link}")
    assert link.is_symlink()
    assert json.loads(target.read_text())["reports"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_file_with_secrets_is_for_its_owner_alone(imgscan, tmp_path):
    target = tmp_path / "out.json"
    imgscan("inspect", "insecure", "--show-secrets", "-f", f"json={target}")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_new_file_has_the_permissions_that_new_files_have(imgscan, tmp_path):
    (tmp_path / "plain").touch()
    imgscan("inspect", "clean", "-o", str(tmp_path / "out"))
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_device_is_written_and_not_replaced(imgscan):
    assert imgscan("inspect", "clean", "-o", os.devnull).code == 0
    assert Path(os.devnull).is_char_device()


def test_a_directory_is_no_place_for_a_document(imgscan, pipeline, tmp_path):
    run = imgscan("inspect", "clean", "-o", str(tmp_path))
    assert run.code == 2
    assert "it is a directory" in run.err
    assert pipeline.asked == []


def test_a_full_standard_output_is_an_error(imgscan, monkeypatch):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        run = imgscan("inspect", "clean")
        assert run.code == 3
        assert "cannot write standard output: No space left on device" in run.err


def test_history_tells_steps_with_what_they_brought_in(imgscan):
    run = imgscan("history", "insecure")
    assert run.code == 0
    lines = run.out.splitlines()
    (copy,) = [number for number, line in enumerate(lines) if "COPY . ." in line]
    assert lines[copy].split() == ["6", "3", "48", "kB", "COPY", ".", "."]
    assert "CRITICAL Stripe live key STRIPE_SECRET = rk_live_********, app/.env:3" in lines[copy + 1]
    assert "10 steps, 6 layers, 540 MB" in run.out


def test_history_fails_on_findings_only_when_asked_to(imgscan):
    assert imgscan("history", "insecure", "--fail-on", "high").code == 1
    assert imgscan("history", "incomplete").code == 3
    assert json.loads(imgscan("history", "insecure", "-f", "json").out)["reports"][0]["image"]["history"]
