"""Statements in envelopes, and what is attached and no statement."""

from __future__ import annotations

import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import Effect
from imgscan.sources.registry.attached import MAX_ATTACHED, attached, unwrapped
from tests.image_builder import sha256
from tests.registries.front import Answer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SUBJECT = "sha256:" + "5" * 64


@given(st.binary(max_size=60))
def test_an_envelope_gives_its_statement_back(statement):
    envelope = {"payloadType": "x", "payload": base64.b64encode(statement).decode(), "signatures": []}
    assert unwrapped(json.dumps(envelope).encode()) == statement


@given(
    st.binary(max_size=60) | st.sampled_from([b'{"payload": "?", "payloadType": "x"}', b'{"payload": 1}', b"[" * 9999])
)
def test_what_is_no_envelope_stays_as_it_is(data):
    assert unwrapped(data) == data


def registry_of(nowhere, artifacts):
    """A registry that says of SUBJECT that these (media type, bytes) are attached to it."""
    answers, entries = {}, []
    for media_type, data in artifacts:
        layer = {"mediaType": media_type, "digest": sha256(data), "size": len(data)}
        config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2}
        manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}).encode()
        answers |= {sha256(manifest): manifest, sha256(data): data}
        entries.append({"mediaType": MANIFEST, "digest": sha256(manifest), "size": len(manifest)})
    index = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()

    def rule(asked, upstream):
        last = asked.path.rpartition("/")[2]
        if "/referrers/" in asked.path:
            return Answer(body=index)
        return Answer(body=answers[last]) if last in answers else Answer(404, body=b"{}")

    nowhere.rule = rule


def read(clients, nowhere):
    problems = []
    found = list(attached(clients(nowhere.address), "a/b", (SUBJECT,), problems))
    return found, problems


def test_what_is_no_json_is_opaque_and_a_tar_is_not_fetched(nowhere, clients):
    registry_of(
        nowhere,
        [
            ("text/spdx", b"SPDXVersion: SPDX-2.3"),
            ("application/vnd.oci.image.layer.v1.tar+gzip", b"\x1f\x8b and so on"),
            ("application/spdx+json", b'{"a": 1}'),
        ],
    )
    found, problems = read(clients, nowhere)
    assert [(one.predicate_type, one.statement) for one in found] == [("application/spdx+json", b'{"a": 1}')]
    assert [(problem.code, problem.effect) for problem in problems] == [("opaque-attestation", Effect.OPAQUE)] * 2
    assert sha256(b"\x1f\x8b and so on") not in str(nowhere.paths())


def test_signatures_are_not_read(nowhere, clients):
    registry_of(nowhere, [("application/vnd.dev.cosign.simplesigning.v1+json", b'{"a": 1}')])
    assert read(clients, nowhere) == ([], [])


def test_endless_attachments_have_an_end_that_is_told(nowhere, clients):
    registry_of(nowhere, [("application/json", b'{"n": %d}' % number) for number in range(MAX_ATTACHED + 5)])
    found, problems = read(clients, nowhere)
    assert len(found) <= MAX_ATTACHED
    assert [problem.code for problem in problems] == ["too-many-attestations"]
