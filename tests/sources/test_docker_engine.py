"""What no engine at hand does: newer API versions, the containerd store, errors inside streams, hosts out of reach."""

from __future__ import annotations

import inspect
import json
import socket
import threading

import docker
import pytest

from imgscan.errors import (
    AccessDenied,
    Effect,
    ImageNotFound,
    InvalidImage,
    PlatformNotFound,
    SourceError,
    SourceUnavailable,
)
from imgscan.image.image import Platform
from imgscan.sources.docker_engine import DockerEngine
from imgscan.sources.source import PlatformRequest, Request
from tests.image_builder import containerd_archive, docker_archive_hybrid, docker_archive_legacy, image, layer, step
from tests.sources.engine_stand_in import Answer, StandIn
from tests.sources.keeping_visitor import KeepingVisitor

BUILT = image(
    layer({"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/pad": "x" * 70_000}, created_by="ADD rootfs.tar / "),
    step("ENV A=b"),
    layer({"app/.env": "A=b\n", "app/pad": "y" * 70_000}, created_by="COPY . . # buildkit"),
    env=["A=b"],
    cmd=["sh"],
    tags=["app:1"],
)
OTHER = image(layer({"other": "1"}, created_by="COPY other /"), tags=["app:1"])
ARM = Platform("linux", "arm64")


def described(built=BUILT, **more):
    """The answer to an inspect call."""
    return {
        "Id": built.image_id,
        "RepoTags": ["app:1"],
        "Os": "linux",
        "Architecture": "amd64",
        "Size": 1,
        "Config": {"Env": ["A=b"], "Cmd": ["sh"]},
        "RootFS": {"Type": "layers", "Layers": [one.diff_id for one in built.layers]},
        **more,
    }


def blocks(path, end=None):
    data = path.read_bytes()[:end]
    return [data[at : at + 4096] for at in range(0, len(data), 4096)]


def engine(save=(), *, document=None, api="1.41", cut=False, **more):
    document = document or described()
    return StandIn(
        {
            "GET /images/app:1/json": Answer.json(document),
            f"GET /images/{document['Id']}/json": Answer.json(document),
            f"GET /images/{document['Id']}/get": Answer(chunks=save, cut=cut),
            f"GET /images/{document['Id']}/history": Answer.json([]),
            **more,
        },
        api=api,
    )


def opened(host, target="app:1", visitor=None, **request):
    with DockerEngine({"DOCKER_HOST": host}).open(Request(target, **request), visitor or KeepingVisitor()) as result:
        return result


@pytest.mark.parametrize("writer", [docker_archive_legacy, docker_archive_hybrid, containerd_archive])
def test_every_generation_of_saves_is_read(writer, tmp_path):
    with engine(blocks(writer(BUILT, tmp_path / "app.tar"))) as one:
        result = opened(one.host)
    (image,) = result.images
    assert image.config.diff_ids == tuple(layer.diff_id for layer in BUILT.layers)
    assert [result.scans[layer.blob].diff_id for layer in image.layers] == list(image.config.diff_ids)
    assert [layer.step.instruction.keyword for layer in image.layers] == ["ADD", "COPY"]


@pytest.mark.parametrize("writer", [docker_archive_legacy, docker_archive_hybrid, containerd_archive])
def test_wherever_a_save_is_cut_the_result_says_that_it_is_incomplete(writer, tmp_path):
    whole = writer(BUILT, tmp_path / "app.tar")
    size = whole.stat().st_size
    for end in (1, 511, 512, 1024, size // 3, size // 2, size - 20_000, size - 1):
        with engine(blocks(whole, end), cut=True) as cutting:
            result = opened(cutting.host)
        assert any(problem.effect is Effect.INCOMPLETE for problem in result.problems), end
        (image,) = result.images
        assert image.config.env == ("A=b",)
        assert len(image.layers) == 2
        for one in image.layers:
            if one.blob in result.scans:
                assert result.scans[one.blob].diff_id == one.diff_id


def test_an_error_that_an_engine_appends_to_a_save_is_an_error(tmp_path):
    whole = docker_archive_legacy(BUILT, tmp_path / "app.tar")
    text = "write /var/lib/docker/tmp: no space left on device"
    line = json.dumps({"errorDetail": {"message": text}, "error": text}).encode() + b"\r\n"
    for end in (4096, whole.stat().st_size - 20_000, whole.stat().st_size):
        with engine([*blocks(whole, end), line]) as one:
            result = opened(one.host)
        (problem,) = (problem for problem in result.problems if problem.code == "save-interrupted")
        assert "no space left on device" in problem.message
        assert problem.effect is Effect.INCOMPLETE


def test_a_save_that_stalls_is_given_up_and_what_came_is_kept(tmp_path):
    data = blocks(docker_archive_legacy(BUILT, tmp_path / "app.tar"))
    released = threading.Event()

    def stalling():
        yield from data[:-2]
        released.wait()

    with engine(stalling()) as one:
        result = opened(one.host, timeout=0.2)
        released.set()
    (problem,) = (problem for problem in result.problems if problem.code == "save-interrupted")
    assert "silent" in problem.message
    assert problem.effect is Effect.INCOMPLETE
    assert len(result.scans) == 2


def test_a_save_with_other_layers_than_were_promised_is_no_result(tmp_path):
    with (
        engine(blocks(docker_archive_legacy(OTHER, tmp_path / "app.tar"))) as one,
        pytest.raises(InvalidImage, match="other layers"),
    ):
        opened(one.host)


def test_new_engines_are_asked_for_the_platform_and_old_ones_are_not(tmp_path):
    save = blocks(docker_archive_hybrid(BUILT, tmp_path / "app.tar"))
    index = {"Descriptor": {"mediaType": "application/vnd.oci.image.index.v1+json"}}
    wanted = PlatformRequest(Platform("linux", "amd64"))
    for api, inspected, saved in (("1.41", {}, {}), ("1.48", {}, {"platform"}), ("1.51", {"platform"}, {"platform"})):
        with engine(save, document=described(**index), api=api) as one:
            opened(one.host, platforms=wanted)
        assert one.query("/images/app:1/json").keys() == set(inspected)
        query = one.query(f"/images/{BUILT.image_id}/get")
        assert query.keys() == set(saved)
        if saved:
            assert json.loads(query["platform"]) == {"os": "linux", "architecture": "amd64"}


def test_a_platform_that_a_store_does_not_have_is_not_pulled():
    text = "image with reference app:1 was found but does not provide the specified platform (linux/arm64)"
    answers = {"GET /images/app:1/json": Answer.json({"message": text}, 404)}
    with StandIn(answers, api="1.51") as one, pytest.raises(PlatformNotFound):
        opened(one.host, platforms=PlatformRequest(ARM))
    assert all(method == "GET" for method, _, _ in one.asked)


@pytest.mark.parametrize(
    ("wanted", "got", "fits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm64", "linux/amd64", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_the_platform_that_came_is_compared_with_the_wanted_one(wanted, got, fits, tmp_path):
    system, architecture, *variant = got.split("/")
    document = described(Os=system, Architecture=architecture, Variant="".join(variant))
    with engine(blocks(docker_archive_legacy(BUILT, tmp_path / "app.tar")), document=document) as one:
        platforms = PlatformRequest(Platform(*wanted.split("/")))
        if fits:
            assert len(opened(one.host, platforms=platforms).images) == 1
        else:
            with pytest.raises(PlatformNotFound):
                opened(one.host, platforms=platforms)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("pull access denied for x, repository does not exist or may require 'docker login'", AccessDenied),
        ("unauthorized: authentication required", AccessDenied),
        ("manifest for x:1 not found: manifest unknown: manifest unknown", ImageNotFound),
        ("no matching manifest for linux/s390x in the manifest list entries", PlatformNotFound),
        ('Get "https://registry.invalid/v2/": dial tcp: lookup registry.invalid: no such host', SourceUnavailable),
        ("net/http: TLS handshake timeout", SourceUnavailable),
        ("write /var/lib/docker: no space left on device", SourceError),
    ],
)
@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_failed_pull_is_told_by_its_kind(text, error, status):
    progress = b'{"status":"Downloading","progressDetail":{"current":1,"total":9},"id":"a"}\r\n'
    line = json.dumps({"errorDetail": {"message": text}, "error": text}).encode() + b"\r\n"
    answer = Answer.json({"message": text}, status) if status != 200 else Answer(chunks=[progress, line])
    with StandIn({"POST /images/create": answer}) as one, pytest.raises(SourceError) as caught:
        opened(one.host, "x:1")
    assert type(caught.value) is error
    assert "x:1" in caught.value.message
    assert caught.value.tip
    assert "\n" not in caught.value.message


def test_what_a_registry_says_reaches_the_user_without_signatures_logins_and_control_characters():
    text = 'Get "https://me:hunter2@r.invalid/blob?X-Sig=abcdef&e=1": \x1b[31mEOF\x00\n' + "z" * 5000
    answers = {"POST /images/create": Answer.json({"message": text}, 500)}
    with StandIn(answers) as one, pytest.raises(SourceError) as caught:
        opened(one.host, "x:1")
    assert "hunter2" not in caught.value.message
    assert "abcdef" not in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


def test_a_pull_asks_for_one_tag_or_one_digest():
    digest = "sha256:" + "a" * 64
    for target, repository, tag in (
        ("x", "x", "latest"),
        ("r.invalid:5000/a/b:1", "r.invalid:5000/a/b", "1"),
        (f"a/b@{digest}", "a/b", digest),
    ):
        with StandIn({}) as one, pytest.raises(ImageNotFound):
            opened(one.host, target)
        assert one.query("/images/create") == {"fromImage": repository, "tag": tag}


def test_an_engine_that_does_not_answer_is_told_with_its_address_and_a_way_out(tmp_path):
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    for host in (f"unix://{tmp_path}/no.sock", f"tcp://127.0.0.1:{port}"):
        with pytest.raises(SourceUnavailable) as caught:
            opened(host)
        assert host in caught.value.message
        assert "docker save IMAGE | imgscan inspect -" in caught.value.tip


def test_a_socket_that_may_not_be_used_is_not_called_absent(monkeypatch):
    def refuse(self, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)  # tests may run as root, to whom nothing is denied
    with pytest.raises(AccessDenied) as caught:
        opened("unix:///var/run/docker.sock")
    assert "unix:///var/run/docker.sock" in caught.value.message


def test_ssh_without_its_extra_names_the_extra(monkeypatch):
    monkeypatch.setattr("imgscan.sources.docker_engine.find_spec", lambda name: None)
    with pytest.raises(SourceUnavailable) as caught:
        opened("ssh://somebody@host.invalid")
    assert "imgscan[ssh]" in caught.value.tip


def test_something_else_behind_the_socket_is_no_engine():
    with StandIn({"GET /version": Answer(chunks=[b"<html>"])}) as one, pytest.raises(SourceUnavailable):
        opened(one.host)


@pytest.mark.parametrize("target", ["app", "app:1", "a/b", "r.invalid:5000/a/b:1", "app@sha256:" + "a" * 64, "f" * 64])
def test_references_are_known_by_their_form(target):
    assert DockerEngine().detect(target)


@pytest.mark.parametrize("target", ["", "-", ".", "/app", "./app", "../app", "~/app", "App", "a b", "a:b:c", "a//b"])
def test_a_path_is_never_a_reference(target):
    assert not DockerEngine().detect(target)


def test_the_private_methods_of_the_sdk_that_we_rely_on_are_there():
    """What they do is tested by everything above; this says at once what an update took away."""
    for name in ("_get", "_post", "_url", "_result", "_raise_for_status", "_get_raw_response_socket"):
        assert callable(getattr(docker.APIClient, name))
    assert list(inspect.signature(docker.auth.get_config_header).parameters) == ["client", "registry"]
