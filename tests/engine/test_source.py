"""The engine source against a real engine, the network between them cut and stalled for real."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from imgscan.errors import (
    AccessDenied,
    Effect,
    ImageNotFound,
    PlatformNotFound,
    SourceError,
    SourceUnavailable,
    UsageError,
)
from imgscan.evidence import MemberKind
from imgscan.image.blob import MissingBlob
from imgscan.image.image import Platform, SourceKind
from imgscan.overlay import Overlay
from imgscan.sources import docker_engine
from imgscan.sources.docker_engine import DockerEngine
from imgscan.sources.source import PlatformRequest, Request
from tests.engine.conftest import LABEL
from tests.sources.keeping_visitor import KeepingVisitor

MADE_BY_THE_ENGINE = {
    *(".dockerenv", "dev", "dev/console", "dev/pts", "dev/shm", "proc", "sys"),
    *("etc", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"),
}
"""In every container, whatever its image has; the test's image has none of these."""
UNUSED_ID = "sha256:" + "0" * 64


def opened(host, target, visitor=None, *, environment=None, **request):
    source = DockerEngine({"DOCKER_HOST": host} if environment is None else environment)
    with source.open(Request(target, **request), visitor or KeepingVisitor()) as result:
        return result


def only_image(result):
    (image,) = result.images
    return image


def scans_in_order(result):
    return [result.scans[layer.blob] for layer in only_image(result).layers]


def test_a_local_image_is_resolved_once_and_saved_by_its_id(engine, proxy, secret_image):
    between = proxy()
    result = opened(between.host, secret_image)
    described = engine.client.api.inspect_image(secret_image)
    image = only_image(result)
    assert image.source is SourceKind.DOCKER
    assert image.reference == secret_image
    assert image.tags == (secret_image,)
    assert image.config.image_id == described["Id"]
    assert [layer.diff_id for layer in image.layers] == described["RootFS"]["Layers"]
    assert [scan.diff_id for scan in scans_in_order(result)] == described["RootFS"]["Layers"]
    assert result.problems == ()
    of_it = (secret_image, described["Id"])
    asked = [line for line in between.requests if any(f"/images/{name}/" in line for name in of_it)]
    assert asked == [f"GET /images/{secret_image}/json", f"GET /images/{described['Id']}/get"]


def test_every_layer_has_the_instruction_that_made_it(engine, secret_image):
    image = only_image(opened(engine.host, secret_image))
    keywords = [layer.step.instruction.keyword for layer in image.layers]
    assert keywords == ["ADD", "COPY", "RUN", "WORKDIR", "RUN", "RUN"]


def test_the_merged_tree_is_what_the_engine_exports(engine, secret_image):
    overlay = Overlay(scans_in_order(opened(engine.host, secret_image)))
    merged = {version.path: version.member for version in overlay.final_files()}
    exported = engine.exported(secret_image)
    assert not MADE_BY_THE_ENGINE & merged.keys()
    assert sorted(merged) == sorted(exported.keys() - MADE_BY_THE_ENGINE)
    for path, member in merged.items():
        assert (member.mode & 0o7777, member.uid, member.gid) == (
            exported[path].mode & 0o7777,
            exported[path].uid,
            exported[path].gid,
        ), path
        if member.kind is MemberKind.FILE and exported[path].isreg():
            assert member.size == exported[path].size, path


def test_an_image_of_which_everything_is_known_is_not_saved_again(proxy, secret_image):
    visitor = KeepingVisitor()
    cold = opened(proxy().host, secret_image, visitor)
    again = proxy()
    warm = opened(again.host, secret_image, visitor)
    assert again.saves == []
    assert only_image(warm).config == only_image(cold).config
    assert scans_in_order(warm) == scans_in_order(cold)
    assert only_image(warm).steps == only_image(cold).steps


def test_one_unknown_layer_means_a_save(proxy, secret_image):
    visitor = KeepingVisitor()
    cold = opened(proxy().host, secret_image, visitor)
    del visitor.scans[only_image(cold).layers[1].diff_id]
    again = proxy()
    assert scans_in_order(opened(again.host, secret_image, visitor)) == scans_in_order(cold)
    assert len(again.saves) == 1


def test_a_plan_that_opens_no_layer_needs_no_save(proxy, secret_image):
    between = proxy()
    image = only_image(opened(between.host, secret_image, KeepingVisitor(opens_layers=False)))
    whole = only_image(opened(between.host, secret_image))
    assert len(between.saves) == 1
    assert image.config.user == "1000"
    assert image.config.env == whole.config.env
    assert image.config.diff_ids == whole.config.diff_ids
    assert [step.created_by for step in image.steps] == [step.created_by for step in whole.steps]
    assert [layer.step.instruction.keyword for layer in image.layers] == [
        layer.step.instruction.keyword for layer in whole.layers
    ]
    (problem,) = (one for one in image.problems if one.code == "config-from-api")
    assert problem.effect is Effect.NOTE


def test_the_progress_of_a_save_is_told_and_never_falls(engine, secret_image):
    visitor = KeepingVisitor()
    opened(engine.host, secret_image, visitor)
    done = [count for what, count, _ in visitor.told if what == "save"]
    assert done == sorted(done)
    assert done[-1] > 1_000_000
    assert all(total is not None and total >= count for what, count, total in visitor.told if what == "save")


def test_an_image_with_two_tags_keeps_the_one_that_was_asked_for(engine, secret_image):
    second = "imgscan-test/again:two"
    engine.client.api.tag(secret_image, "imgscan-test/again", "two")
    try:
        image = only_image(opened(engine.host, second))
        assert image.reference == second
        assert sorted(image.tags) == sorted((secret_image, second))
    finally:
        engine.client.api.remove_image(second)


def test_an_image_without_a_tag_is_found_by_its_id(engine, secret_image):
    image_id = engine.client.api.inspect_image(secret_image)["Id"]
    for target in (image_id, image_id.removeprefix("sha256:")[:12]):
        assert only_image(opened(engine.host, target)).config.image_id == image_id


def test_an_image_without_layers_is_an_image(engine):
    tag = engine.build("empty", f"FROM scratch\nLABEL {LABEL}=1\nUSER 7\n")
    image = only_image(opened(engine.host, tag))
    assert image.layers == ()
    assert image.config.user == "7"


def test_equal_layers_are_scanned_once_and_named_twice(engine):
    again = f"FROM scratch\nLABEL {LABEL}=1\nCOPY one /one\nCOPY --chown=0:0 one /one\n"
    tag = engine.build("twice", again, {"one": "1\n"})
    result = opened(engine.host, tag)
    assert len(only_image(result).layers) == 2
    assert len(scans_in_order(result)) == 2


def test_an_id_that_the_engine_does_not_have_is_never_pulled(proxy):
    between = proxy()
    for target in (UNUSED_ID, "0" * 64, "0" * 12):
        with pytest.raises(ImageNotFound):
            opened(between.host, target)
    assert [line for line in between.requests if line.startswith("POST")] == []


def test_a_registry_that_cannot_be_reached_is_named(engine):
    target = "127.0.0.1:1/imgscan-test/nothing:latest"  # port 1 has no listener
    with pytest.raises(SourceUnavailable) as caught:
        opened(engine.host, target)
    assert target in caught.value.message
    assert "pulling it failed" in caught.value.message
    assert "connection refused" in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.tip


def test_what_is_no_reference_is_a_wrong_request(engine):
    for target in ("UPPER/Case", "two words", "a" * 3 + ":", "-", "../x", "\x1b[31m"):
        with pytest.raises(UsageError) as caught:
            opened(engine.host, target)
        assert "\x1b" not in caught.value.message


def test_another_platform_than_the_wanted_one_is_an_error_and_nothing_is_replaced(engine, proxy, secret_image):
    between = proxy()
    with pytest.raises(PlatformNotFound) as caught:
        opened(between.host, secret_image, platforms=PlatformRequest(Platform("linux", "s390x")))
    assert "linux/s390x" in caught.value.message
    assert between.saves == []
    assert [line for line in between.requests if line.startswith("POST")] == []


def test_the_wanted_platform_is_given(engine, secret_image):
    described = engine.client.api.inspect_image(secret_image)
    wanted = Platform(described["Os"], described["Architecture"])
    image = only_image(opened(engine.host, secret_image, platforms=PlatformRequest(wanted)))
    assert image.config.platform.architecture == wanted.architecture


def test_an_image_removed_after_it_was_resolved_is_said_to_be_gone(engine):
    tag = engine.build("passing", f"FROM scratch\nLABEL {LABEL}=1\nCOPY one /one\n", {"one": "1\n"})
    with pytest.raises(ImageNotFound) as caught:
        opened(engine.host, tag, KeepingVisitor(between=lambda: engine.remove(tag)))
    assert "was removed" in caught.value.message


@pytest.mark.parametrize("die", [False, True], ids=["connection lost", "engine gone"])
def test_of_a_save_that_breaks_off_the_layers_that_came_are_kept(engine, proxy, secret_image, die):
    whole = opened(engine.host, secret_image)
    size = sum(len(block) for block in engine.client.api.get_image(secret_image))
    between = proxy(limit=size - 8192, die=die)
    result = opened(between.host, secret_image)
    image = only_image(result)
    assert image.config.diff_ids == only_image(whole).config.diff_ids
    assert image.config.env == only_image(whole).config.env
    came = [layer for layer in image.layers if layer.blob in result.scans]
    lost = [layer for layer in image.layers if isinstance(layer.blob, MissingBlob)]
    assert came
    assert len(came) + len(lost) == len(image.layers)
    for layer in came:
        assert result.scans[layer.blob] == scans_in_order(whole)[layer.index]
    codes = {problem.code: problem for problem in result.problems}
    assert codes["save-interrupted"].effect is Effect.INCOMPLETE
    assert codes["config-from-api"].effect is Effect.NOTE
    assert bool(image.steps) is not die
    assert ("no-history" in codes) is die


def test_a_save_that_falls_silent_is_given_up(engine, proxy, secret_image):
    between = proxy(limit=1 << 20, stall=True)
    result = opened(between.host, secret_image, timeout=0.5)
    (problem,) = (one for one in result.problems if one.code == "save-interrupted")
    assert problem.effect is Effect.INCOMPLETE
    assert "silent" in problem.message or "sent nothing" in problem.message


def test_a_save_that_never_starts_is_an_error(engine, proxy, secret_image):
    between = proxy(limit=0, stall=True)
    with pytest.raises(SourceUnavailable) as caught:
        opened(between.host, secret_image, timeout=0.5)
    assert "--timeout" in caught.value.tip


def test_the_engine_of_the_current_context_is_asked(engine, proxy, secret_image, tmp_path, monkeypatch):
    between = proxy()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    from docker.context import ContextAPI

    ContextAPI.create_context("lab", host=between.host, skip_tls_verify=True)
    only_image(opened("", secret_image, environment={"DOCKER_CONTEXT": "lab"}))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "lab"}))
    only_image(opened("", secret_image, environment={}))
    assert len(between.saves) == 2


def test_a_context_that_does_not_exist_is_an_error_and_no_other_engine_is_asked(engine, proxy, tmp_path, monkeypatch):
    between = proxy()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(docker_engine, "DOCKER_SOCKET", between.host)
    with pytest.raises(SourceUnavailable) as caught:
        opened("", "busybox", environment={"DOCKER_CONTEXT": "gone"})
    assert "gone" in caught.value.message
    assert between.requests == []


def test_podman_or_a_rootless_engine_is_asked_where_docker_does_not_answer_and_the_result_says_so(
    proxy, secret_image, tmp_path, monkeypatch
):
    between = proxy()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(docker_engine, "DOCKER_SOCKET", f"unix://{tmp_path}/nothing.sock")
    with TemporaryDirectory() as runtime:  # paths of sockets end at 107 bytes; tmp_path may be longer
        (Path(runtime) / "podman").mkdir()
        (Path(runtime) / "podman" / "podman.sock").symlink_to(between.host.removeprefix("unix://"))
        result = opened("", secret_image, environment={"XDG_RUNTIME_DIR": runtime})
    assert only_image(result).config.user == "1000"
    (problem,) = (one for one in result.problems if one.code == "other-engine")
    assert "podman" in problem.message
    assert "nothing.sock" in problem.message


def test_an_image_that_is_only_in_a_registry_is_pulled_and_its_progress_told(registry, engine):
    target = registry.push("whole", LABEL)
    visitor = KeepingVisitor()
    image = only_image(opened(engine.host, target, visitor))
    assert image.reference == target
    assert image.tags == (target,)
    assert len(image.layers) == 1
    pulled = [(done, total) for what, done, total in visitor.told if what == "pull"]
    assert pulled
    assert all(total is not None and done <= total for done, total in pulled)


def test_an_error_in_the_stream_of_a_pull_is_an_error(registry, engine):
    """A registry that lost a layer: the engine has sent its good status line long before it finds out."""
    target = registry.push("broken", LABEL)
    registry.lose_the_layers()
    with pytest.raises(SourceError) as caught:
        opened(engine.host, target)
    assert "pulling it failed" in caught.value.message


def test_a_pulled_image_of_another_platform_is_not_taken_for_the_wanted_one(registry, engine):
    target = registry.push("platform", LABEL)
    with pytest.raises(PlatformNotFound):
        opened(engine.host, target, platforms=PlatformRequest(Platform("linux", "s390x")))


def test_a_tag_the_registry_does_not_have_is_not_found(registry, engine):
    with pytest.raises(ImageNotFound):
        opened(engine.host, f"{registry.address}/imgscan-test/none:missing")


def test_a_registry_that_wants_a_login_denies(closed_registry, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(AccessDenied) as caught:
        opened(engine.host, f"{closed_registry.address}/imgscan-test/none:missing")
    assert "docker login" in caught.value.tip
