"""The client against a real registry, and against one that a front makes misbehave."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgscan.errors import AccessDenied, ImageNotFound, InvalidImage, SourceError, SourceUnavailable
from imgscan.image.image import Descriptor
from imgscan.sources.registry.failures import NotOffered, RateLimited, WrongBytes
from tests.image_builder import image, layer, oci_archive, sha256
from tests.registries.front import Answer, Front
from tests.registries.process import needed
from tests.registries.push import push, push_blob, put_manifest

CONTENT = bytes(range(256)) * 1200
BUILT = image(layer({"data": CONTENT}, compression="none"), env=["A=b"])


@pytest.fixture(scope="module")
def pushed(registry):
    """(repository, digest of the manifest, digest of the one layer, the layer's bytes)."""
    digest = push(registry.origin, "client/app", "1", BUILT)
    data = BUILT.layers[0].tar
    return "client/app", digest, sha256(data), data


def read(stream):
    parts = []
    with stream:
        while data := stream.read(1 << 16):
            parts.append(data)
    return b"".join(parts)


def blobs_alone(rule):
    """A rule for requests of blobs; others are handed on."""
    return lambda asked, upstream: rule(asked, upstream) if "/blobs/" in asked.path else None


# -- what there is


def test_repositories_and_tags_are_listed_whatever_the_size_of_a_page(registry, front, clients):
    for name in ("list/a", "list/b", "list/c"):
        for tag in ("1", "2"):
            push(registry.origin, name, tag, BUILT)
    front.rule = lambda asked, upstream: paged(asked, upstream, front)
    client = clients(front.address)
    assert [name for name in client.repositories() if name.startswith("list/")] == ["list/a", "list/b", "list/c"]
    assert sorted(client.tags("list/a")) == ["1", "2"]
    pages = [path for path in front.paths() if path.startswith("/v2/_catalog")]
    assert len(pages) > 1


def paged(asked, upstream, front):
    """As the registry answers where it is asked for two at a time."""
    if not asked.path.startswith("/v2/_catalog?n=1000"):
        return None
    import requests

    answer = requests.get(f"{front._upstream}/v2/_catalog?n=2", timeout=30)
    return Answer(answer.status_code, {"Link": answer.headers["Link"]}, answer.content)


def test_a_registry_that_does_not_like_the_size_of_a_page_is_asked_without_one(front, clients, pushed):
    front.rule = lambda asked, upstream: Answer(400, body=b"{}") if "n=1000" in asked.path else None
    assert pushed[0] in list(clients(front.address).repositories())


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_registry_that_does_not_list_its_repositories_gives_the_hint_to_name_them(nowhere, clients, status):
    nowhere.rule = lambda asked, upstream: Answer(status, body=b"{}") if "_catalog" in asked.path else Answer()
    with pytest.raises(NotOffered) as caught:
        list(clients(nowhere.address).repositories())
    if status != 405:
        assert "--repos-from" in caught.value.tip


def test_pages_that_lead_back_to_one_another_end(nowhere, clients):
    page = json.dumps({"name": "a", "tags": ["1"]}).encode()
    nowhere.rule = lambda asked, upstream: Answer(200, {"Link": '</v2/a/tags/list?n=1000>; rel="next"'}, page)
    assert list(clients(nowhere.address).tags("a")) == ["1"]


def test_a_page_on_another_host_is_asked_of_the_registry_itself(nowhere, clients):
    page = json.dumps({"tags": ["1"]}).encode()
    with Front() as other:
        link = f'<{other.origin}/v2/a/tags/list?last=1>; rel="next"'
        nowhere.rule = lambda asked, upstream: Answer(200, {} if "last" in asked.path else {"Link": link}, page)
        list(clients(nowhere.address).tags("a"))
        assert not other.asked
    assert any("last=1" in path for path in nowhere.paths())


@pytest.mark.parametrize("document", [{"tags": None}, {"tags": [1, None, ["a"]]}, {}, {"tags": {"a": 1}}])
def test_a_repository_without_tags_has_none(nowhere, clients, document):
    nowhere.rule = lambda asked, upstream: Answer(body=json.dumps(document).encode())
    assert list(clients(nowhere.address).tags("a")) == []


@pytest.mark.parametrize("name", ["../../etc", "a/../b", "A", "", "a?b", "a#b", "a\nb"])
def test_names_that_lead_elsewhere_are_never_asked_for(nowhere, clients, name):
    client = clients(nowhere.address)
    for ask in (
        lambda: list(client.tags(name)),
        lambda: client.manifest(name, "1"),
        lambda: client.blob(name, sha256(b"")),
    ):
        with pytest.raises(ImageNotFound):
            ask()
    with pytest.raises(ImageNotFound):
        client.manifest("a", "../x")
    with pytest.raises(ImageNotFound):
        client.blob("a", "sha256:../../x")
    assert not nowhere.asked


# -- manifests


def test_a_manifest_by_tag_and_by_digest_is_the_same_bytes(registry, clients, pushed):
    repository, digest, _, _ = pushed
    client = clients(registry.address)
    by_tag, by_digest = client.manifest(repository, "1"), client.manifest(repository, digest)
    assert by_tag == by_digest
    assert by_tag.digest == sha256(by_tag.data) == digest
    head = client.head(repository, "1")
    assert (head.digest, head.size, head.media_type) == (digest, len(by_tag.data), by_tag.media_type)


def test_what_skopeo_wrote_is_read_as_what_it_is(registry, clients, tmp_path):
    archive = oci_archive(BUILT, tmp_path / "app.tar")
    skopeo = needed("skopeo", "skopeo")
    target = f"docker://{registry.address}/client/skopeo:1"
    subprocess.run(
        [skopeo, "copy", "--dest-tls-verify=false", f"oci-archive:{archive}", target], check=True, capture_output=True
    )
    client = clients(registry.address)
    manifest = client.manifest("client/skopeo", "1").document()
    assert manifest.config.digest == BUILT.image_id
    assert sha256(client.document("client/skopeo", manifest.config)) == BUILT.image_id


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not known"}]}', ImageNotFound),
        (403, b'{"errors":[{"code":"DENIED","message":"not yours"}]}', AccessDenied),
        (401, b"", AccessDenied),
        (500, b"<html>", SourceUnavailable),
        (418, b"[" * 100_000, SourceError),
        (429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}', RateLimited),
    ],
)
def test_every_refusal_is_an_error_of_its_kind_with_what_the_registry_said(nowhere, clients, status, body, error):
    nowhere.rule = lambda asked, upstream: Answer(status, body=body)
    with pytest.raises(error) as caught:
        clients(nowhere.address).manifest("a/b", "1")
    said = re.search(rb'"message":"([^"]*)', body)
    assert said is None or said.group(1).decode() in caught.value.message
    assert "a/b" in caught.value.message
    assert caught.value.tip


def test_hostile_words_of_a_registry_come_as_one_clean_line(nowhere, clients):
    said = json.dumps(
        {"errors": [{"code": "X", "message": "\x1b[31mred\nline https://u:p@h/x?sig=abc" + "y" * 10_000}]}
    )
    nowhere.rule = lambda asked, upstream: Answer(404, body=said.encode())
    with pytest.raises(ImageNotFound) as caught:
        clients(nowhere.address).manifest("a/b", "1")
    message = caught.value.message
    assert message.isprintable()
    assert len(message) < 500
    assert "sig=abc" not in message
    assert "u:p@" not in message


def test_a_manifest_of_ten_megabytes_is_refused_and_not_read_to_its_end(nowhere, clients):
    nowhere.rule = lambda asked, upstream: Answer(body=b" " * (10 << 20))
    with pytest.raises(WrongBytes, match="too big"):
        clients(nowhere.address).manifest("a/b", "1")


def test_a_manifest_that_is_not_what_its_digest_says_is_refused(front, clients, pushed):
    repository, digest, _, _ = pushed
    front.rule = lambda asked, upstream: upstream().corrupt(50) if "/manifests/" in asked.path else None
    client = clients(front.address)
    with pytest.raises(WrongBytes):
        client.manifest(repository, digest)
    with pytest.raises(WrongBytes):
        client.manifest(repository, "1")


def test_a_schema_1_manifest_is_refused_in_words(nowhere, clients):
    body = json.dumps({"schemaVersion": 1, "name": "a", "fsLayers": [], "history": []}).encode()
    nowhere.rule = lambda asked, upstream: Answer(200, {"Content-Type": "application/json"}, body)
    fetched = clients(nowhere.address).manifest("a/b", "1")
    with pytest.raises(InvalidImage, match="schema 1"):
        fetched.document()


# -- blobs


def test_a_blob_comes_whole(registry, clients, pushed):
    repository, _, digest, data = pushed
    stream = clients(registry.address).blob(repository, digest, len(data))
    assert read(stream) == data
    assert stream.failure is None
    assert stream.done == len(data)


@given(st.lists(st.integers(1, len(BUILT.layers[0].tar) - 1), min_size=1, max_size=4), st.booleans())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_blob_that_breaks_off_anywhere_goes_on_from_there(front, clients, pushed, cuts, ranges):
    """Also where the server knows no ranges and sends all of it again."""
    repository, _, digest, data = pushed
    left = list(cuts)

    def rule(asked, upstream):
        answer = upstream() if ranges else upstream(Range=None)
        return answer.cut(left.pop()) if left and len(answer.body) > max(left) else answer

    front.rule = blobs_alone(rule)
    stream = clients(front.address).blob(repository, digest, len(data))
    assert read(stream) == data
    assert stream.failure is None


def test_only_what_is_missing_is_fetched_again(front, clients, pushed):
    repository, _, digest, data = pushed
    cuts = [len(data) - 100]
    front.rule = blobs_alone(lambda asked, upstream: upstream().cut(cuts.pop()) if cuts else None)
    assert read(clients(front.address).blob(repository, digest, len(data))) == data
    (again,) = [asked for asked in front.asked if "Range" in asked.headers]
    assert again.headers["Range"] == f"bytes={len(data) - 100}-"


def test_a_server_that_sends_another_part_than_asked_for_is_not_believed(front, clients, pushed):
    repository, _, digest, data = pushed
    cuts = [1000]

    def rule(asked, upstream):
        if cuts:
            return upstream().cut(cuts.pop())
        return Answer(206, {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"}, data)

    front.rule = blobs_alone(rule)
    stream = clients(front.address).blob(repository, digest, len(data))
    assert read(stream) == data[:1000]
    assert isinstance(stream.failure, WrongBytes)


@pytest.mark.parametrize("promised", [1, 1000, 10_000_000])
def test_a_length_that_is_not_the_bodys_ends_with_what_came_and_says_so(front, clients, pushed, promised):
    repository, _, digest, data = pushed

    def rule(asked, upstream):
        if "Range" in asked.headers:
            return Answer(416)
        return Answer(200, {}, data[:promised] if promised < len(data) else data, promised)

    front.rule = blobs_alone(rule)
    stream = clients(front.address).blob(repository, digest, len(data))
    came = read(stream)
    assert came == data[: min(promised, len(data))]
    assert (stream.failure is None) == (came == data)


def test_more_bytes_than_the_manifest_says_are_not_taken(front, clients, pushed):
    repository, _, digest, data = pushed
    stream = clients(front.address).blob(repository, digest, 1000)
    assert read(stream) == data[:1000]
    assert isinstance(stream.failure, WrongBytes)


def test_a_blob_that_keeps_breaking_off_is_given_up_on(front, clients, pushed):
    repository, _, digest, data = pushed
    front.rule = blobs_alone(lambda asked, upstream: upstream().cut(0 if "Range" in asked.headers else 5000))
    stream = clients(front.address).blob(repository, digest, len(data))
    assert read(stream) == data[:5000]
    assert isinstance(stream.failure, SourceUnavailable)
    assert len(front.paths()) < 20


def test_a_server_that_sends_a_byte_at_a_time_is_given_up_on(front, clients, pushed):
    repository, _, digest, data = pushed
    front.rule = blobs_alone(lambda asked, upstream: replace_body(upstream(), 1))
    stream = clients(front.address).blob(repository, digest, len(data))
    came = read(stream)
    assert data.startswith(came)
    assert stream.failure is not None
    assert len(front.paths()) < 100


def replace_body(answer, count):
    return answer.cut(count)


def test_silence_in_the_middle_of_a_blob_ends_in_words(front, clients, pushed):
    repository, _, digest, data = pushed
    front.rule = blobs_alone(
        lambda asked, upstream: upstream().silent(5000) if "Range" not in asked.headers else Answer(500)
    )
    stream = clients(front.address, timeout=0.2).blob(repository, digest, len(data))
    assert data.startswith(read(stream))
    assert stream.failure is not None


def test_bytes_that_a_network_compresses_on_the_way_are_kept_as_they_are_stored(front, clients, pushed):
    """A header that calls a gzip layer's bytes an encoding must not have them unpacked."""
    repository = pushed[0]
    packed = image(layer({"a": "b"}, compression="gzip"))
    push(front._upstream, repository, "gzip", packed)
    blob = packed.layers[0].blob("gzip")

    def rule(asked, upstream):
        answer = upstream()
        return Answer(answer.status, {**answer.headers, "Content-Encoding": "gzip"}, answer.body)

    front.rule = blobs_alone(rule)
    assert read(clients(front.address).blob(repository, sha256(blob), len(blob))) == blob
    assert front.asked[-1].headers["Accept-Encoding"] == "identity"


def test_a_document_that_is_not_what_its_digest_says_is_refused(front, clients, pushed):
    repository, _, _, _ = pushed
    front.rule = blobs_alone(lambda asked, upstream: upstream().corrupt(3))
    descriptor = Descriptor("", BUILT.image_id, len(BUILT.config))
    with pytest.raises(WrongBytes):
        clients(front.address).document(repository, descriptor)


def test_a_lost_blob_is_not_found(registry, clients):
    with pytest.raises(ImageNotFound):
        clients(registry.address).blob("client/app", sha256(b"nowhere"))


# -- referrers


def test_referrers_are_asked_of_the_api_and_of_the_tag_in_its_place(registry, nowhere, clients, pushed):
    repository, digest, _, _ = pushed
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 3}],
    }
    data = json.dumps(index).encode()
    nowhere.rule = lambda asked, upstream: Answer(body=data) if "/referrers/" in asked.path else None
    (found,) = clients(nowhere.address).referrers(repository, digest)
    assert found.digest == digest
    client = clients(registry.address)  # registry 2.8 has no such API
    assert client.referrers(repository, digest) == ()
    put_manifest(registry.origin, repository, digest.replace(":", "-"), data, index["mediaType"])
    (found,) = client.referrers(repository, digest)
    assert found.digest == digest


def test_blobs_that_were_pushed_by_themselves_are_documents_too(registry, clients):
    digest = push_blob(registry.origin, "client/loose", b'{"a": 1}')
    assert clients(registry.address).document("client/loose", Descriptor("", digest, 8)) == b'{"a": 1}'
