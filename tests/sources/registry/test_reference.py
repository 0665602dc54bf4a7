"""References: what they mean, as docker reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import UsageError
from imgscan.sources.registry.reference import Reference, address, is_loopback, parse_reference

DIGEST = "sha256:" + "ab" * 32
COMPONENT = st.from_regex(r"[a-z0-9]{1,6}((\.|_|__|-)[a-z0-9]{1,4}){0,2}", fullmatch=True)
REGISTRIES = st.sampled_from(
    ["docker.io", "localhost", "localhost:5000", "registry.example.com", "[::1]:5000", "10.0.0.1:80"]
)


@given(
    REGISTRIES,
    st.lists(COMPONENT, min_size=2, max_size=4),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True) | st.just(""),
    st.sampled_from(["", DIGEST]),
)
def test_a_reference_written_out_means_itself(registry, components, tag, digest):
    reference = Reference(registry, "/".join(components), tag or ("" if digest else "latest"), digest)
    assert parse_reference(str(reference)) == reference


@given(st.text(max_size=60))
def test_anything_is_a_reference_or_refused_in_words(text):
    try:
        reference = parse_reference(text)
    except UsageError:
        return
    assert reference.wanted
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("alpine", Reference("docker.io", "library/alpine", "latest")),
        ("alpine:3.20", Reference("docker.io", "library/alpine", "3.20")),
        ("user/app", Reference("docker.io", "user/app", "latest")),
        ("index.docker.io/alpine", Reference("docker.io", "library/alpine", "latest")),
        ("docker.io/user/app:1", Reference("docker.io", "user/app", "1")),
        ("localhost/app", Reference("localhost", "app", "latest")),
        ("host:5000/a/b", Reference("host:5000", "a/b", "latest")),
        ("Host/app", Reference("host", "app", "latest")),
        (f"ghcr.io/a/b@{DIGEST}", Reference("ghcr.io", "a/b", "", DIGEST)),
        (f"ghcr.io/a/b:1@{DIGEST}", Reference("ghcr.io", "a/b", "1", DIGEST)),
    ],
)
def test_short_names_mean_what_docker_makes_of_them(text, meant):
    assert parse_reference(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "a:",
        "a@",
        "a@sha256:12",
        "https://host/app",
        "UPPER",
        "host.com/",
        "a/../b",
        "a//b",
        "-host/a.b/c",
        "a b",
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(UsageError):
        parse_reference(text)


def test_a_digest_is_asked_for_rather_than_the_tag_beside_it():
    assert parse_reference(f"a/b:1@{DIGEST}").wanted == DIGEST


def test_docker_hub_answers_at_an_address_of_its_own():
    assert address("docker.io") == "registry-1.docker.io"
    assert address("ghcr.io") == "ghcr.io"


@pytest.mark.parametrize(
    ("registry", "loopback"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("a.localhost:1", True),
        ("127.0.0.1:5000", True),
        ("127.8.9.1", True),
        ("[::1]:5000", True),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
        ("127.0.0.1.example.com", False),
        ("docker.io", False),
    ],
)
def test_a_registry_on_this_machine_is_known_by_its_name_alone(registry, loopback):
    assert is_loopback(registry) is loopback
