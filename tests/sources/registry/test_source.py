"""Images straight from a registry: the same findings as from anywhere else, and what goes wrong is told."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

from imgscan.errors import Effect, ImageNotFound, InvalidImage, PlatformNotFound, SourceUnavailable
from imgscan.evidence import Depth, ScanPlan
from imgscan.image.blob import RegistryBlob
from imgscan.image.image import Platform, SourceKind
from imgscan.layers.scan import LayerScanner
from imgscan.pipeline import CacheMode, Options, inspect_image
from imgscan.report import LocationKind
from imgscan.sources.registry import transport
from imgscan.sources.registry.blobs import RegistryBlobs
from imgscan.sources.source import PlatformRequest
from tests.image_builder import image, layer, oci_archive, provenance, sha256, step
from tests.registries.front import Answer
from tests.registries.process import needed
from tests.registries.push import push, push_blob, put_manifest

ENV = "DATABASE_PASSWORD=super_secret_password_123\n"
TOKEN = "sk-live-abc123xyz789"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def leaking(**options):
    return image(
        layer({"etc/passwd": "root:x:0:0::/root:/bin/sh\n"}, created_by="ADD rootfs.tar / "),
        layer({"app/.env": ENV, "app/data": bytes(300_000)}, created_by="COPY . /app # buildkit"),
        layer({"app/.wh..env": ""}, created_by="RUN /bin/sh -c rm /app/.env # buildkit"),
        step("ENV API_KEY=sk-live-abc123xyz789"),
        env=[f"API_KEY={TOKEN}"],
        **options,
    )


BUILT = leaking()
PLATFORMS = [leaking(platform=name) for name in ("linux/amd64", "linux/arm64", "linux/arm/v7")]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No login of whoever runs the tests, and no engine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    for name in ("DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module", autouse=True)
def patterns(tmp_path_factory):
    """Where compiled patterns are kept, as that takes seconds; nothing else is, unless a test says so."""
    DEFAULTS["cache_directory"] = tmp_path_factory.mktemp("patterns")


DEFAULTS = {"key": b"test", "cache": CacheMode.OFF}


def inspect(reference, **options):
    return inspect_image(reference, Options(**DEFAULTS | options))


def told(report):
    """What a report says, but for its name, which says where it came from."""
    return [
        (f.rule.id, f.location, f.fate, f.secret and f.secret.id)
        for f in report.verdict.open
        if f.location.kind is not LocationKind.IMAGE
    ]


def problems(report, code):
    return [problem for problem in report.problems if problem.code == code]


# -- the law


@pytest.mark.parametrize("media", ["oci", "docker"])
@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_a_registrys_image_has_the_findings_of_its_archive(registry, tmp_path, media, compression):
    push(registry.origin, "source/law", "1", BUILT, media=media, compression=compression)
    (there,) = inspect(f"registry:{registry.address}/source/law:1")
    (here,) = inspect(f"archive:{oci_archive(BUILT, tmp_path / 'a.tar', media=media, compression=compression)}")
    assert told(there) == told(here)
    assert there.coverage == here.coverage
    assert there.summary == here.summary
    assert there.image.source is SourceKind.REGISTRY
    assert there.image.manifest_digest == here.image.manifest_digest
    assert not there.problems


def test_skopeos_copies_have_the_same_findings(registry, tmp_path):
    skopeo = needed("skopeo", "skopeo")
    archive = oci_archive(BUILT, tmp_path / "a.tar")
    target = f"{registry.address}/source/skopeo:1"
    for extra in ([], ["--format", "v2s2"], ["--dest-compress-format", "zstd", "--dest-force-compress-format"]):
        done = subprocess.run(
            [skopeo, "copy", "--dest-tls-verify=false", *extra, f"oci-archive:{archive}", f"docker://{target}"],
            capture_output=True,
            check=False,
        )
        if done.returncode:  # options of newer versions
            continue
        (report,) = inspect(f"registry:{target}")
        assert told(report) == told(inspect(f"archive:{archive}")[0])


# -- names


def test_a_digest_names_an_image_whatever_the_tag_beside_it_means_by_now(registry):
    digest = push(registry.origin, "source/moved", "1", BUILT)
    push(registry.origin, "source/moved", "1", image(layer({"other": "x"})))
    name = f"{registry.address}/source/moved"
    for reference in (f"{name}@{digest}", f"{name}:1@{digest}"):
        (report,) = inspect(f"registry:{reference}")
        assert report.image.manifest_digest == digest
        assert report.image.reference == reference


def test_without_a_scheme_the_registry_is_asked_after_the_engine_and_the_report_says_so(registry):
    push(registry.origin, "source/bare", "1", BUILT)
    (report,) = inspect(f"{registry.address}/source/bare:1")
    assert report.image.source is SourceKind.REGISTRY
    (note,) = problems(report, "other-source")
    assert note.effect is Effect.NOTE
    assert "no-engine.sock" in note.message
    assert "registry:" in note.message


def test_where_both_fail_the_error_has_both_reasons(registry):
    with pytest.raises(ImageNotFound) as caught:
        inspect(f"{registry.address}/source/none:1")
    assert "no-engine.sock" in caught.value.message
    assert "source/none" in caught.value.message


def test_an_image_id_is_never_asked_of_a_registry(registry):
    with pytest.raises(SourceUnavailable) as caught:
        inspect("sha256:" + "ab" * 32)
    assert "registry" not in caught.value.message


def test_the_image_called_registry_is_not_taken_for_a_scheme_in_silence(nowhere, monkeypatch):
    nowhere.rule = lambda asked, upstream: Answer(404)
    monkeypatch.setattr(transport, "address", lambda registry: nowhere.address)  # Docker Hub, as it were
    monkeypatch.setattr(transport, "is_loopback", lambda registry: True)
    with pytest.raises(ImageNotFound) as caught:
        inspect("registry:2")
    assert "registry:registry:2" in caught.value.tip
    assert "/v2/library/2/manifests/latest" in nowhere.paths()


# -- platforms


@pytest.mark.parametrize("nested", [1, 2])
def test_a_platform_is_chosen_and_the_others_manifests_are_not_fetched(registry, front, nested):
    push(registry.origin, "source/many", "1", PLATFORMS, depth=nested)
    (report,) = inspect(
        f"registry:{front.address}/source/many:1", platforms=PlatformRequest(Platform("linux", "arm64"))
    )
    assert report.image.platform == "linux/arm64"
    manifests = [path for path in front.paths() if "/manifests/sha256:" in path]
    assert len(manifests) == nested


def test_all_platforms_share_what_is_equal_in_them(registry, front):
    push(registry.origin, "source/many", "1", PLATFORMS)
    reports = inspect(f"registry:{front.address}/source/many:1", platforms=PlatformRequest(all=True))
    assert [report.image.platform for report in reports] == ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    assert len({str(told(report)) for report in reports}) == 1
    layers = {sha256(one.blob("gzip")) for one in BUILT.layers}
    fetched = [path.rpartition("/")[2] for path in front.paths() if "/blobs/" in path]
    assert sorted(digest for digest in fetched if digest in layers) == sorted(layers)


def test_a_platform_that_is_not_there_is_told_with_those_that_are(registry):
    for built, there in ((PLATFORMS, "linux/arm64"), (PLATFORMS[0], "linux/amd64")):
        push(registry.origin, "source/many", "1", built)
        with pytest.raises(PlatformNotFound, match=there) as raised:
            inspect(f"registry:{registry.address}/source/many:1", platforms=PlatformRequest(Platform("linux", "s390x")))
        assert raised.value.message.count("source/many") == 1


def test_a_platform_whose_manifest_was_deleted_leaves_the_others(registry):
    digest = push(registry.origin, "source/sparse", "1", PLATFORMS)
    index = json.loads(registry.blob_file(digest).read_bytes())
    lost = index["manifests"][2]["digest"]
    registry.blob_file(lost).unlink()
    reports = inspect(f"registry:{registry.address}/source/sparse:1", platforms=PlatformRequest(all=True))
    assert len(reports) == 2
    assert problems(reports[0], "absent-platform") or problems(reports[0], "unreadable-blob")


# -- attestations


def test_attestations_that_came_with_the_image_and_after_it_are_scanned(registry):
    statement = provenance({"DB_PASSWORD": "super_secret_password_123"})
    push(registry.origin, "source/attested", "1", PLATFORMS[:2], attestations=[statement], nested=True)
    platform = PlatformRequest(Platform("linux", "amd64"))
    (report,) = inspect(f"registry:{registry.address}/source/attested:1", platforms=platform)
    assert any(f.rule.id.startswith("attestation-secret") for f in report.verdict.open)


@pytest.mark.parametrize("way", ["referrers tag", "cosign tag", "referrers api"])
def test_an_sbom_that_was_attached_later_is_scanned_too(registry, front, way):
    repository = f"source/later-{way.replace(' ', '-')}"
    subject = push(registry.origin, repository, "1", BUILT)
    statement = json.dumps({"predicate": {"DB_PASSWORD": "super_secret_password_123"}}).encode()
    if way == "cosign tag":
        envelope = {"payloadType": "application/vnd.in-toto+json", "payload": base64.b64encode(statement).decode()}
        statement = json.dumps(envelope).encode()
    config = push_blob(registry.origin, repository, b"{}")
    blob = push_blob(registry.origin, repository, statement)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/spdx+json",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/spdx+json", "digest": blob, "size": len(statement)}],
    }
    data = json.dumps(manifest).encode()
    tag = subject.replace(":", "-")
    if way == "cosign tag":
        put_manifest(registry.origin, repository, f"{tag}.att", data, MANIFEST)
    else:
        digest = put_manifest(registry.origin, repository, sha256(data), data, MANIFEST)
        entry = {"mediaType": MANIFEST, "digest": digest, "size": len(data), "artifactType": "application/spdx+json"}
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
        if way == "referrers tag":
            put_manifest(registry.origin, repository, tag, index, INDEX)
        else:
            front.rule = lambda asked, upstream: (
                Answer(200, {"Content-Type": INDEX}, index) if f"/referrers/{subject}" in asked.path else None
            )
    (report,) = inspect(f"registry:{front.address}/{repository}:1")
    (found,) = [f for f in report.verdict.open if f.rule.id.startswith("attestation-secret")]
    assert found.location.name == "DB_PASSWORD"


def test_referrers_that_cannot_be_asked_for_are_told_and_no_failure(registry, front):
    push(registry.origin, "source/shy", "1", BUILT)
    front.rule = lambda asked, upstream: Answer(403) if "/referrers/" in asked.path else None
    (report,) = inspect(f"registry:{front.address}/source/shy:1")
    (problem,) = problems(report, "missing-attestation")
    assert problem.effect is Effect.OPAQUE


# -- layers that do not come as they should


def layer_rule(digest, change):
    return lambda asked, upstream: change(asked, upstream()) if digest in asked.path else None


MIDDLE = sha256(BUILT.layers[1].blob("gzip"))


def test_wrong_bytes_of_a_layer_are_read_and_said_to_be_wrong(registry, front):
    push(registry.origin, "source/wrong", "1", BUILT)
    other = image(layer({"other": ENV})).layers[0].blob("gzip")
    size = len(BUILT.layers[1].blob("gzip"))
    front.rule = layer_rule(MIDDLE, lambda asked, answer: Answer(body=other.ljust(size, b"\0")))
    (report,) = inspect(f"registry:{front.address}/source/wrong:1")
    assert problems(report, "digest-mismatch")
    assert any(problem.effect is Effect.INCOMPLETE for problem in report.problems)


def test_a_layer_that_breaks_off_for_good_counts_as_far_as_it_came(registry, front):
    built = image(layer({"a/.env": ENV, "z": bytes(range(256)) * 4000}, compression="none"))
    digest = sha256(built.layers[0].tar)
    push(registry.origin, "source/cut", "1", built)
    front.rule = layer_rule(digest, lambda asked, answer: Answer(404) if "Range" in asked.headers else answer.cut(4000))
    (report,) = inspect(f"registry:{front.address}/source/cut:1")
    assert any(f.location.path == "a/.env" for f in report.verdict.open)
    (problem,) = problems(report, "interrupted-blob")
    assert (problem.effect, problem.layer) == (Effect.INCOMPLETE, 0)
    assert not problems(report, "digest-mismatch")


def test_a_layer_that_is_gone_is_missing_and_the_rest_is_read(registry):
    push(registry.origin, "source/gone", "1", image(*BUILT.layers, layer({"only-here": "x"})))
    registry.blob_file(sha256(image(layer({"only-here": "x"})).layers[0].blob("gzip"))).unlink()
    (report,) = inspect(f"registry:{registry.address}/source/gone:1")
    (problem,) = problems(report, "missing-blob")
    assert (problem.effect, problem.layer) == (Effect.INCOMPLETE, 3)
    assert any(f.location.path == "app/.env" for f in report.verdict.open)


def hostile(nowhere, documents):
    """A registry that says what `documents` has, by the last part of what is asked for."""

    def rule(asked, upstream):
        found = documents.get(asked.path.rpartition("/")[2])
        return Answer(404, body=b"{}") if found is None else Answer(body=found)

    nowhere.rule = rule
    return f"registry:{nowhere.address}/hostile/app:1"


def with_layers(layers, config=BUILT.config):
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": sha256(config),
            "size": len(config),
        },
        "layers": layers,
    }
    return json.dumps(document).encode(), {sha256(config): config}


def test_foreign_layers_are_named_and_not_fetched(nowhere):
    foreign = {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": "sha256:" + "1" * 64,
        "size": 100,
        "urls": [f"{nowhere.origin}/elsewhere"],
    }
    manifest, blobs = with_layers([foreign])
    (report,) = inspect(hostile(nowhere, {"1": manifest, **blobs}))
    (problem,) = problems(report, "foreign-layer")
    assert problem.effect is Effect.OPAQUE
    assert not [path for path in nowhere.paths() if "1111" in path or "elsewhere" in path]


@pytest.mark.parametrize("digest", ["sha256:../../../x", "", "sha256:", "x" * 10_000, "md5:" + "1" * 32, "a:b\nc"])
def test_a_layer_without_a_digest_that_can_be_asked_for_is_missing(nowhere, digest):
    entry = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": 100}
    manifest, blobs = with_layers([entry])
    (report,) = inspect(hostile(nowhere, {"1": manifest, **blobs}))
    assert any(problem.effect is Effect.INCOMPLETE for problem in report.problems)
    assert not [path for path in nowhere.paths() if ".." in path]


def test_an_index_that_leads_to_itself_ends(nowhere):
    name = "blake3:" + "1" * 64  # a digest that cannot be checked: with another one it would take a collision
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{"mediaType": INDEX, "digest": name, "size": 1}] * 20,
    }
    data = json.dumps(index).encode()
    with pytest.raises(InvalidImage):
        inspect(hostile(nowhere, {"1": data, name: data}))
    assert len(nowhere.asked) < 20


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"manifests": []}', b'{"schemaVersion": 1, "fsLayers": []}', b"[" * 99_999]
)
def test_what_is_no_manifest_is_told(nowhere, document):
    with pytest.raises(InvalidImage) as caught:
        inspect(hostile(nowhere, {"1": document}))
    assert caught.value.message.isprintable()


def test_an_artifact_that_is_no_image_is_told(nowhere):
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.cncf.helm.config.v1+json",
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": sha256(b"{}"), "size": 2},
        "layers": [],
    }
    with pytest.raises(InvalidImage, match="artifact"):
        inspect(hostile(nowhere, {"1": json.dumps(document).encode(), sha256(b"{}"): b"{}"}))


def test_a_config_that_is_not_what_its_digest_says_is_incomplete(nowhere):
    manifest, blobs = with_layers([])
    (report,) = inspect(hostile(nowhere, {"1": manifest, **dict.fromkeys(blobs, b'{"os":"x"}')}))
    assert any(problem.effect is Effect.INCOMPLETE for problem in report.problems)


# -- once


def test_a_layer_is_fetched_once_and_then_known_by_its_digest(registry, front, tmp_path):
    push(registry.origin, "source/once", "1", BUILT)
    options = {"cache_directory": tmp_path / "cache"}
    shutil.copytree(DEFAULTS["cache_directory"], options["cache_directory"])
    options["cache"] = CacheMode.USE
    (first,) = inspect(f"registry:{front.address}/source/once:1", **options)
    layers = {sha256(one.blob("gzip")) for one in BUILT.layers}
    assert layers <= {path.rpartition("/")[2] for path in front.paths()}
    front.asked.clear()
    (second,) = inspect(f"registry:{front.address}/source/once:1", **options)
    assert not layers & {path.rpartition("/")[2] for path in front.paths()}
    assert (told(first), first.coverage, first.problems) == (told(second), second.coverage, second.problems)
    inspect(f"registry:{front.address}/source/once:1", **options | {"cache": CacheMode.VERIFY})
    assert layers <= {path.rpartition("/")[2] for path in front.paths()}


def test_a_layer_that_did_not_come_whole_is_fetched_again(registry, front, tmp_path):
    built = image(layer({"a/.env": ENV, "z": bytes(range(256)) * 4000}, compression="none"))
    digest = sha256(built.layers[0].tar)
    push(registry.origin, "source/again", "1", built)
    front.rule = layer_rule(digest, lambda asked, answer: Answer(404) if "Range" in asked.headers else answer.cut(4000))
    options = {"cache_directory": tmp_path / "cache"}
    shutil.copytree(DEFAULTS["cache_directory"], options["cache_directory"])
    options["cache"] = CacheMode.USE
    (first,) = inspect(f"registry:{front.address}/source/again:1", **options)
    front.rule = lambda asked, upstream: None
    (second,) = inspect(f"registry:{front.address}/source/again:1", **options)
    assert problems(first, "interrupted-blob")
    assert not second.problems


def test_the_config_alone_needs_no_layer(registry, front):
    push(registry.origin, "source/config", "1", BUILT)
    inspect(f"registry:{front.address}/source/config:1", depth=Depth.CONFIG)
    assert [path for path in front.paths() if "/blobs/" in path] == [f"/v2/source/config/blobs/{BUILT.image_id}"]


def test_nothing_is_written_to_disk(registry, tmp_path, monkeypatch):
    push(registry.origin, "source/disk", "1", BUILT)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))  # any temporary file would raise
    before = set(tmp_path.rglob("*"))
    assert inspect(f"registry:{registry.address}/source/disk:1")[0].verdict.open
    assert set(tmp_path.rglob("*")) == before


# -- other processes


def test_another_process_opens_a_blob_with_what_it_has_itself(registry):
    push(registry.origin, "source/apart", "1", BUILT)
    stored = BUILT.layers[1].blob("gzip")
    blob = RegistryBlob(registry.address, "source/apart", sha256(stored), len(stored))
    program = (
        "import pickle, sys\n"
        "from imgscan.sources.registry.blobs import RegistryBlobs\n"
        "blob = pickle.load(sys.stdin.buffer)\n"
        "with RegistryBlobs() as blobs, blobs.open(blob) as stream:\n"
        "    while data := stream.read(1 << 20):\n"
        "        sys.stdout.buffer.write(data)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(blob), capture_output=True, check=True)
    assert done.stdout == stored


def test_a_blob_is_the_same_scan_as_its_file(registry):
    push(registry.origin, "source/apart", "1", BUILT)
    stored = BUILT.layers[1].blob("gzip")
    scanner = LayerScanner(ScanPlan(depth=Depth.MEMBERS), (), secret_key=bytes(32))
    with (
        RegistryBlobs() as blobs,
        blobs.open(RegistryBlob(registry.address, "source/apart", sha256(stored), len(stored))) as stream,
    ):
        scan = scanner.scan(stream)
    assert scan == scanner.scan(io.BytesIO(stored))
    assert scan.digest == sha256(stored)


def test_a_layer_that_was_read_from_an_archive_is_not_fetched(registry, front, tmp_path):
    push(registry.origin, "source/known", "1", BUILT)
    options = {"cache_directory": tmp_path / "cache", "cache": CacheMode.USE}
    shutil.copytree(DEFAULTS["cache_directory"], options["cache_directory"])
    (here,) = inspect(f"archive:{oci_archive(BUILT, tmp_path / 'a.tar')}", **options)
    (there,) = inspect(f"registry:{front.address}/source/known:1", **options)
    assert told(here) == told(there)
    assert [path for path in front.paths() if "/blobs/" in path] == [f"/v2/source/known/blobs/{BUILT.image_id}"]


def test_an_interrupt_does_not_wait_for_a_layer(nowhere, tmp_path):
    manifest, blobs = with_layers(
        [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": MIDDLE, "size": 9000}]
    )
    reference = hostile(nowhere, {"1": manifest, **blobs})
    answers, begun = nowhere.rule, threading.Event()

    def rule(asked, upstream):
        if MIDDLE not in asked.path:
            return answers(asked, upstream)
        begun.set()
        return Answer(body=bytes(9000)).silent(600)

    nowhere.rule = rule
    command = [sys.executable, "-m", "imgscan", "inspect", reference, "--no-cache", "--quiet"]
    environment = os.environ | {"IMGSCAN_CACHE_DIR": str(DEFAULTS["cache_directory"])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert begun.wait(60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)  # well below the minute that a silent peer is waited for
    assert process.returncode == 130
    assert b"interrupted" in said


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("registry:no-such-host.invalid/a", "no such host"),
        ("registry:127.0.0.1:1/a", "refuses the connection"),
        ("registry:HOST/none/app:1", "does not have none/app:1"),
        ("registry:HOST/Not-A-Name", "no image reference"),
    ],
)
def test_the_command_tells_in_two_lines_what_is_wrong_and_what_to_do(registry, reference, words):
    command = [sys.executable, "-m", "imgscan", "inspect", reference.replace("HOST", registry.address)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    error, tip = done.stderr.splitlines()
    assert done.returncode == (2 if "Name" in reference else 3)
    assert error.startswith("error: ")
    assert words in error
    assert tip.startswith("tip: ")
    assert done.stdout == ""
