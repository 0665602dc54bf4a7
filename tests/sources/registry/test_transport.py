"""HTTP as registries speak it: logins, tokens, redirects, waiting, TLS."""

from __future__ import annotations

import base64
import json
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import certifi
import pytest

from imgscan.errors import AccessDenied, SourceError, SourceUnavailable
from imgscan.image.blob import RegistryBlob
from imgscan.sources.registry.blobs import RegistryBlobs
from imgscan.sources.registry.failures import NotOffered, RateLimited, TlsFailed
from tests.image_builder import image, layer, sha256
from tests.registries.front import Answer, Front
from tests.registries.process import PASSWORD, USER, registry_process
from tests.registries.push import push

BUILT = image(layer({"data": b"x" * 5000}, compression="none"))
LAYER = sha256(BUILT.layers[0].tar)
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
TAGS = json.dumps({"tags": ["1"]}).encode()


@pytest.fixture(scope="session")
def closed_registry(tmp_path_factory):
    """One that wants a login."""
    with registry_process(tmp_path_factory.mktemp("closed"), login=True) as one:
        push(one.origin, "closed/app", "1", BUILT, auth=(USER, PASSWORD))
        yield one


@pytest.fixture(scope="session")
def tls_registry(tmp_path_factory):
    """One with a certificate of an authority that nobody knows."""
    with registry_process(tmp_path_factory.mktemp("tls"), tls=True) as one:
        push(one.origin, "tls/app", "1", BUILT, verify=str(one.authority))
        yield one


def docker_config(folder, registry, entry=None):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": LOGIN} if entry is None else entry}}))
    return str(folder)


# -- logins


def test_a_login_of_docker_opens_a_registry_that_wants_one(closed_registry, clients, tmp_path):
    client = clients(closed_registry.address, DOCKER_CONFIG=docker_config(tmp_path, closed_registry.address))
    assert list(client.repositories()) == ["closed/app"]
    assert list(client.tags("closed/app")) == ["1"]
    with client.blob("closed/app", LAYER) as stream:
        assert stream.read(4)


@pytest.mark.parametrize("login", [None, base64.b64encode(b"somebody:wrong-password").decode()])
def test_without_a_good_login_the_registry_stays_closed_and_the_tip_says_how(closed_registry, clients, tmp_path, login):
    config = docker_config(tmp_path, closed_registry.address, {"auth": login} if login else {})
    client = clients(closed_registry.address, DOCKER_CONFIG=config)
    with pytest.raises(AccessDenied) as caught:
        client.manifest("closed/app", "1")
    assert f"docker login {closed_registry.address}" in caught.value.tip
    assert "wrong-password" not in repr(caught.value)
    with pytest.raises(NotOffered):
        list(client.repositories())


def test_a_name_and_password_that_worked_are_shown_at_once_from_then_on(closed_registry, clients, tmp_path):
    with Front(closed_registry.origin) as front:
        client = clients(front.address, DOCKER_CONFIG=docker_config(tmp_path, front.address))
        client.manifest("closed/app", "1")
        before = len(front.asked)
        list(client.repositories())
        assert len(front.asked) == before + 1


class TokenServer:
    """A registry's front that wants tokens, and the server that gives them: as Docker Hub's two."""

    def __init__(self, front, *, lasts=300):
        self.given = 0
        self.wanted: list[dict[str, list[str]]] = []
        self.headers: list[str | None] = []
        self.refused: set[str] = set()
        self._front = front
        self._lasts = lasts
        front.rule = self

    def __call__(self, asked, upstream):
        if asked.path.startswith("/token"):
            return self._token(asked)
        shown = asked.headers.get("Authorization", "")
        if shown.startswith("Bearer token-") and shown not in self.refused:
            return upstream(Authorization=None) if self._front._upstream else Answer(body=TAGS)
        scope = "registry:catalog:*" if "_catalog" in asked.path else f"repository:{asked.path.split('/')[2]}/app:pull"
        challenge = f'Bearer realm="{self._front.origin}/token?x=1",service="test.example.com",scope="{scope}"'
        return Answer(401, {"WWW-Authenticate": challenge})

    def _token(self, asked):
        query = urlsplit(asked.path).query if asked.method == "GET" else asked.body.decode()
        self.wanted.append(parse_qs(query))
        self.headers.append(asked.headers.get("Authorization"))
        self.given += 1
        name = "token" if asked.method == "GET" else "access_token"
        return Answer(body=json.dumps({name: f"token-{self.given}", "expires_in": self._lasts}).encode())


def test_a_token_is_fetched_once_for_each_repository_and_shown_to_the_registry_alone(front, clients, registry):
    push(registry.origin, "one/app", "1", BUILT)
    push(registry.origin, "two/app", "1", BUILT)
    server = TokenServer(front)
    client = clients(front.address)
    for _ in range(3):
        for name in ("one/app", "two/app"):
            client.manifest(name, "1")
            with client.blob(name, LAYER) as stream:
                stream.read(1)
    assert [one["scope"] for one in server.wanted] == [["repository:one/app:pull"], ["repository:two/app:pull"]]
    assert server.wanted[0]["service"] == ["test.example.com"]
    assert server.headers == [None, None]


def test_a_login_is_shown_to_the_token_server(nowhere, clients, tmp_path):
    server = TokenServer(nowhere)
    client = clients(nowhere.address, DOCKER_CONFIG=docker_config(tmp_path, nowhere.address))
    assert list(client.tags("one/app")) == ["1"]
    assert server.headers == [f"Basic {LOGIN}"]


def test_an_identity_token_is_exchanged_and_never_shown_to_the_registry(nowhere, clients, tmp_path):
    server = TokenServer(nowhere)
    config = docker_config(tmp_path, nowhere.address, {"identitytoken": "identity-of-the-test"})
    assert list(clients(nowhere.address, DOCKER_CONFIG=config).tags("one/app")) == ["1"]
    (form,) = server.wanted
    assert form["grant_type"] == ["refresh_token"]
    assert form["refresh_token"] == ["identity-of-the-test"]
    registry = [asked for asked in nowhere.asked if not asked.path.startswith("/token")]
    assert not any("identity-of-the-test" in str(asked) for asked in registry)


def test_a_token_that_is_refused_before_its_time_is_replaced(nowhere, clients):
    server = TokenServer(nowhere)
    client = clients(nowhere.address)
    list(client.tags("one/app"))
    server.refused.add("Bearer token-1")
    assert list(client.tags("one/app")) == ["1"]
    assert server.given == 2


def test_a_registry_that_refuses_every_token_is_not_asked_for_ever(nowhere, clients):
    server = TokenServer(nowhere)
    server.refused |= {f"Bearer token-{number}" for number in range(100)}
    with pytest.raises(AccessDenied):
        list(clients(nowhere.address).tags("one/app"))
    assert server.given < 3


@pytest.mark.parametrize("answer", [Answer(403, body=b"{}"), Answer(body=b"<html>"), Answer(body=b"{}")])
def test_a_token_server_that_gives_none_is_told(nowhere, clients, answer):
    server = TokenServer(nowhere)
    nowhere.rule = lambda asked, upstream: answer if asked.path.startswith("/token") else server(asked, upstream)
    with pytest.raises(AccessDenied):
        list(clients(nowhere.address).tags("one/app"))


@pytest.mark.parametrize("entry", [None, {}])
def test_a_token_server_is_not_asked_over_plain_http_with_a_login_or_without(nowhere, clients, tmp_path, entry):
    nowhere.rule = lambda asked, upstream: Answer(
        401, {"WWW-Authenticate": 'Bearer realm="http://tokens.example.com/x"'}
    )
    client = clients(nowhere.address, DOCKER_CONFIG=docker_config(tmp_path, nowhere.address, entry))
    with pytest.raises(AccessDenied, match="plain HTTP"):
        list(client.tags("one/app"))


# -- redirects


@pytest.fixture
def store():
    """An object store: another port, which is another origin."""
    with Front() as one:
        one.rule = lambda asked, upstream: Answer(body=BUILT.layers[0].tar)
        yield one


def redirected(closed_registry, front, store):
    front.rule = lambda asked, upstream: (
        Answer(307, {"Location": f"{store.origin}/bucket/x?signature=abc"})
        if "/blobs/" in asked.path and "Authorization" in asked.headers
        else None
    )


def test_a_redirect_to_an_object_store_takes_no_login_along(closed_registry, store, clients, tmp_path, monkeypatch):
    """Neither the registry's, nor one that ~/.netrc has for the store's host."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login from-netrc password planted-in-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Front(closed_registry.origin) as front:
        redirected(closed_registry, front, store)
        client = clients(front.address, DOCKER_CONFIG=docker_config(tmp_path, front.address))
        client.manifest("closed/app", "1")
        with client.blob("closed/app", LAYER, len(BUILT.layers[0].tar)) as stream:
            assert stream.read(1 << 20)
        shown = {asked.headers.get("Authorization") for asked in front.asked}
    assert shown == {None, f"Basic {LOGIN}"}
    assert [asked.headers.get("Authorization") for asked in store.asked] == [None]
    assert "Cookie" not in store.asked[0].headers


def test_a_blob_that_breaks_off_at_the_store_goes_on_through_the_registry(closed_registry, store, clients, tmp_path):
    data = BUILT.layers[0].tar
    cuts = [2000]

    def rule(asked, upstream):
        if cuts:
            return Answer(body=data).cut(cuts.pop())
        start = int(asked.headers["Range"].removeprefix("bytes=").rstrip("-"))
        return Answer(206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, data[start:])

    store.rule = rule
    with Front(closed_registry.origin) as front:
        redirected(closed_registry, front, store)
        client = clients(front.address, DOCKER_CONFIG=docker_config(tmp_path, front.address))
        came = b""
        with client.blob("closed/app", LAYER, len(data)) as stream:
            while block := stream.read(1 << 20):
                came += block
    assert came == data
    assert [asked.headers.get("Range") for asked in store.asked] == [None, "bytes=2000-"]
    assert not any("Authorization" in asked.headers for asked in store.asked)


def test_redirects_without_end_end(nowhere, clients):
    nowhere.rule = lambda asked, upstream: Answer(302, {"Location": f"{nowhere.origin}{asked.path}"})
    with pytest.raises(SourceError, match="redirects without end"):
        clients(nowhere.address).manifest("a/b", "1")
    assert len(nowhere.asked) < 100


# -- waiting


@pytest.mark.parametrize(("status", "header"), [(429, "3"), (503, "3"), (429, None), (502, None), (500, "soon")])
def test_a_registry_that_asks_to_wait_is_waited_for(front, clients, registry, status, header):
    push(registry.origin, "wait/app", "1", BUILT)
    left = [1, 1]
    headers = {"Retry-After": header} if header else {}
    front.rule = lambda asked, upstream: (
        Answer(status, headers) if "/manifests/" in asked.path and left and left.pop() else None
    )
    assert clients(front.address).manifest("wait/app", "1").digest
    assert clients.pauses == ([3.0, 3.0] if header == "3" else [0.5, 1.0])


def test_waiting_has_an_end(nowhere, clients):
    nowhere.rule = lambda asked, upstream: Answer(429, {"Retry-After": "1"})
    with pytest.raises(RateLimited):
        clients(nowhere.address).manifest("a/b", "1")
    assert clients.pauses == [1.0] * 4


def test_a_registry_that_wants_an_hour_is_not_waited_for(nowhere, clients):
    nowhere.rule = lambda asked, upstream: Answer(429, {"Retry-After": "3600"})
    with pytest.raises(RateLimited, match="3600 seconds"):
        clients(nowhere.address).manifest("a/b", "1")
    assert clients.pauses == []


def test_a_date_to_come_again_is_understood(nowhere, clients):
    nowhere.rule = lambda asked, upstream: Answer(503, {"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"})
    with pytest.raises(SourceUnavailable):
        clients(nowhere.address).manifest("a/b", "1")
    assert set(clients.pauses) == {0.0}


def test_whoever_keeps_to_a_rate_is_asked_before_each_request(nowhere):
    from imgscan.sources.registry.client import RegistryClient

    asked = []
    nowhere.rule = lambda one, upstream: Answer(body=TAGS)
    with RegistryClient(nowhere.address, environment={}, before_request=lambda: asked.append(1)) as client:
        list(client.tags("a"))
        list(client.tags("a"))
    assert len(asked) >= len(nowhere.asked) >= 2


# -- nobody there


@pytest.mark.parametrize(
    ("registry", "words"),
    [("no-such-host.invalid", "no such host"), ("127.0.0.1:1", "refuses the connection")],
)
def test_a_registry_that_is_not_there_is_told_at_once(clients, registry, words):
    with pytest.raises(SourceUnavailable, match=words) as caught:
        clients(registry).manifest("a/b", "1")
    assert caught.value.tip
    assert clients.pauses == []


def test_a_registry_that_says_nothing_is_told(nowhere, clients):
    nowhere.rule = lambda asked, upstream: Answer(body=b"x" * 10).silent(0)
    with pytest.raises(SourceUnavailable, match=r"did not answer|sent nothing"):
        clients(nowhere.address, timeout=0.2).manifest("a/b", "1")


def test_a_server_that_breaks_off_every_answer_is_tried_again_and_then_told(nowhere, clients):
    nowhere.rule = lambda asked, upstream: Answer(body=b"x" * 100).cut(10)
    with pytest.raises(SourceUnavailable):
        clients(nowhere.address).manifest("a/b", "1")


# -- TLS


def test_a_certificate_of_an_unknown_authority_is_refused(tls_registry, clients):
    with pytest.raises(TlsFailed) as caught:
        clients(tls_registry.address).manifest("tls/app", "1")
    assert "not trusted" in caught.value.message
    assert "--insecure" in caught.value.tip


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_that_the_user_names_is_trusted(tls_registry, clients, name):
    client = clients(tls_registry.address, **{name: str(tls_registry.authority)})
    assert client.manifest("tls/app", "1").digest


def test_the_tip_names_the_variable_that_counts(tls_registry, clients):
    """Whoever has one set already and follows a tip to set another is not trusted any better."""
    stated = {"REQUESTS_CA_BUNDLE": certifi.where(), "SSL_CERT_FILE": str(tls_registry.authority)}
    for environment, name in ({}, "SSL_CERT_FILE"), (stated, "REQUESTS_CA_BUNDLE"):
        with pytest.raises(TlsFailed) as caught:
            clients(tls_registry.address, **environment).manifest("tls/app", "1")
        assert f" {name}=FILE" in caught.value.tip


def test_an_authority_in_dockers_certs_d_is_trusted_for_its_registry(tls_registry, clients, tmp_path):
    place = tmp_path / "settings" / "docker" / "certs.d" / tls_registry.address
    place.mkdir(parents=True)
    (place / "ca.crt").write_bytes(tls_registry.authority.read_bytes())
    assert clients(tls_registry.address, XDG_CONFIG_HOME=str(tmp_path / "settings")).manifest("tls/app", "1").digest
    other = tls_registry.address.replace("127.0.0.1", "localhost")
    with pytest.raises(TlsFailed):
        clients(other, XDG_CONFIG_HOME=str(tmp_path / "settings")).manifest("tls/app", "1")


def test_a_broken_file_in_certs_d_is_told(tls_registry, clients, tmp_path):
    place = tmp_path / "settings" / "docker" / "certs.d" / tls_registry.address
    place.mkdir(parents=True)
    (place / "ca.crt").write_text("no certificate")
    with pytest.raises(SourceUnavailable, match="certificates"):
        clients(tls_registry.address, XDG_CONFIG_HOME=str(tmp_path / "settings")).manifest("tls/app", "1")


@pytest.mark.parametrize("environment", [{}, {"REQUESTS_CA_BUNDLE": "/nonexistent"}])
def test_insecure_takes_any_certificate_without_a_warning(tls_registry, clients, environment):
    """Also where the environment names authorities; warnings are errors here."""
    client = clients(tls_registry.address, insecure=True, **environment)
    manifest = client.manifest("tls/app", "1").document()
    with client.blob("tls/app", manifest.layers[0].digest) as stream:
        assert stream.read(10)


def test_plain_http_is_asked_on_this_machine_alone(nowhere, clients, monkeypatch):
    """Elsewhere a registry that speaks no TLS is told, and asked in clear only where that is said."""
    from imgscan.sources.registry import transport

    nowhere.rule = lambda asked, upstream: Answer(body=TAGS)
    assert list(clients(nowhere.address).tags("a")) == ["1"]
    monkeypatch.setattr(transport, "is_loopback", lambda registry: False)  # a name that is not this machine's
    before = len(nowhere.asked)
    with pytest.raises(SourceUnavailable):
        list(clients(nowhere.address).tags("a"))
    assert len(nowhere.asked) == before
    assert list(clients(nowhere.address, insecure=True).tags("a")) == ["1"]


def test_a_client_certificate_in_certs_d_is_shown(clients, tmp_path):
    with registry_process(tmp_path / "registry", tls=True, client_certificates=True) as one:
        place = tmp_path / "settings" / "docker" / "certs.d" / one.address
        place.mkdir(parents=True)
        (place / "ca.crt").write_bytes(one.authority.read_bytes())
        settings = {"XDG_CONFIG_HOME": str(tmp_path / "settings")}
        with pytest.raises(SourceUnavailable, match=r"TLS|certificate"):
            list(clients(one.address, **settings).repositories())
        for name, kept in (("server.crt", "client.cert"), ("server.key", "client.key")):
            (place / kept).write_bytes((one.authority.parent / name).read_bytes())
        assert list(clients(one.address, **settings).repositories()) == []


def test_a_redirect_out_of_tls_is_refused(tls_registry, store, clients):
    with Front(certificate=tls_registry.authority.parent / "server.crt") as front:
        front.rule = lambda asked, upstream: Answer(307, {"Location": f"{store.origin}/x"})
        client = clients(front.address, SSL_CERT_FILE=str(tls_registry.authority))
        with pytest.raises(TlsFailed, match="plain HTTP"):
            client.blob("tls/app", LAYER)
        assert not store.asked
        with clients(front.address, insecure=True).blob("tls/app", LAYER) as stream:
            assert stream.read(1)


# -- proxies


def test_what_is_on_this_machine_is_asked_without_a_proxy(nowhere, clients, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    nowhere.rule = lambda asked, upstream: Answer(body=TAGS)
    assert list(clients(nowhere.address).tags("a")) == ["1"]


def test_other_registries_are_asked_through_the_proxy_that_the_environment_names(nowhere, clients, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, nowhere.origin)
    nowhere.rule = lambda asked, upstream: Answer(body=TAGS)
    assert list(clients("registry.invalid:5000", insecure=True).tags("a")) == ["1"]
    assert "http://registry.invalid:5000/v2/a/tags/list?n=1000" in nowhere.paths()


# -- interrupted


def test_a_stream_that_another_thread_reads_ends_when_all_are_closed(nowhere):
    nowhere.rule = lambda asked, upstream: Answer(body=b"x" * 1000).silent(10) if "/blobs/" in asked.path else Answer()
    blobs = RegistryBlobs()
    stream = blobs.open(RegistryBlob(nowhere.address, "a/b", LAYER, 1000))
    read = []

    def take():
        while data := stream.read(100):
            read.append(data)

    reader = threading.Thread(target=take, daemon=True)
    reader.start()
    blobs.close()
    reader.join(20)
    assert not reader.is_alive()
    stream.close()


def test_the_signature_of_an_object_stores_url_is_told_nowhere(closed_registry, clients, tmp_path):
    """Not even in a traceback: whoever has the URL has the blob."""
    with Front(closed_registry.origin) as front:
        front.rule = lambda asked, upstream: (
            Answer(307, {"Location": "http://127.0.0.1:1/bucket/x?signature=planted-signature"})
            if "/blobs/" in asked.path and "Authorization" in asked.headers
            else None
        )
        client = clients(front.address, DOCKER_CONFIG=docker_config(tmp_path, front.address))
        with pytest.raises(SourceUnavailable) as caught:
            client.blob("closed/app", LAYER)
    assert "planted-signature" not in "".join(traceback.format_exception(caught.value))


def test_threads_that_come_at_once_share_one_token(nowhere, clients):
    server = TokenServer(nowhere)
    client = clients(nowhere.address)
    together = threading.Barrier(8)

    def ask(_):
        together.wait(20)
        return list(client.tags("one/app"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [["1"]] * 8
    assert server.given == 1


def test_connections_are_used_again_however_many_logins_it_takes(nowhere, clients):
    """One finds out that there is no TLS, one asks, and one gets the token while the first answer waits."""
    server = TokenServer(nowhere)
    client = clients(nowhere.address)
    for number in range(10):
        list(client.tags(f"name{number}/app"))
    assert server.given == 10
    assert nowhere.connections == 3
