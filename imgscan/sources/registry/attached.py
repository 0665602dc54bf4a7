"""What was attached to an image after it was pushed: attestations and SBOMs, found by referrers and cosign's tags."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from imgscan.errors import Effect, ImageNotFound, InvalidImage, Problem, SourceError
from imgscan.image.image import Attestation, Descriptor
from imgscan.image.oci import BadDocument, Manifest, parse_json
from imgscan.sources.entries import looks_like_json
from imgscan.sources.registry.client import RegistryClient
from imgscan.sources.registry.entries import is_layer

MAX_ATTACHED = 100
"""Manifests attached to one image that are read."""
_COSIGN_TAGS = ("att", "sbom")
"""`sha256-HEX.att`: where cosign keeps what it attaches in a registry without referrers (sigstore, cosign spec)."""
_SIGNATURES = ("signature", "cosign.simplesigning", "notary")
"""Words in the types of signatures: they hold digests and certificates, and no statement."""


def attached(
    client: RegistryClient, repository: str, digests: tuple[str, ...], problems: list[Problem]
) -> Iterator[Attestation]:
    """The statements attached to manifests with these digests; what cannot be read is a problem."""
    seen: set[str] = set()
    for digest in digests:
        try:
            for manifest, kind in _manifests(client, repository, digest, seen, problems):
                yield from _statements(client, repository, manifest, kind, problems)
        except SourceError as error:
            message = f"what is attached to {digest} could not be asked for: {error.message}"
            problems.append(Problem("missing-attestation", message, Effect.OPAQUE))


def _manifests(
    client: RegistryClient, repository: str, digest: str, seen: set[str], problems: list[Problem]
) -> Iterator[tuple[Manifest, str]]:
    """Manifests of artifacts, each once, with what their referrer says they are."""
    names = [(found.digest, found.media_type) for found in client.referrers(repository, digest)]
    names += [(f"{digest.replace(':', '-', 1)}.{ending}", "") for ending in _COSIGN_TAGS]
    for name, kind in names:
        if name in seen:
            continue
        if len(seen) >= MAX_ATTACHED:
            message = f"more than {MAX_ATTACHED} artifacts are attached to {digest}; the rest was not read"
            problems.append(Problem("too-many-attestations", message, Effect.INCOMPLETE))
            return
        seen.add(name)
        try:
            fetched = client.manifest(repository, name)
            document = fetched.document()
        except (ImageNotFound, InvalidImage) as error:
            if ":" in name:
                problems.append(Problem("missing-attestation", error.message, Effect.OPAQUE))
            continue
        seen.add(fetched.digest)
        if isinstance(document, Manifest):
            yield document, document.artifact_type or kind


def _statements(
    client: RegistryClient, repository: str, manifest: Manifest, kind: str, problems: list[Problem]
) -> Iterator[Attestation]:
    for layer in manifest.layers:
        if any(word in f"{layer.media_type} {manifest.artifact_type}" for word in _SIGNATURES):
            continue
        if layer.media_type and is_layer(layer.media_type):
            problems.append(_opaque(layer, kind))
            continue
        try:
            statement = client.document(repository, layer)
        except SourceError as error:
            problems.append(Problem("missing-attestation", error.message, Effect.OPAQUE))
            continue
        if looks_like_json(statement):
            yield _attestation(statement, layer, kind)
        else:
            problems.append(_opaque(layer, kind))


def _opaque(layer: Descriptor, kind: str) -> Problem:
    message = f"{layer.digest}, attached to the image, is {layer.media_type or kind or 'something'} and no JSON"
    return Problem("opaque-attestation", message, Effect.OPAQUE)


def _attestation(statement: bytes, layer: Descriptor, kind: str) -> Attestation:
    annotations = dict(layer.annotations)
    predicate = annotations.get("in-toto.io/predicate-type") or annotations.get("predicateType") or ""
    return Attestation(predicate or layer.media_type or kind, layer.digest, unwrapped(statement))


def unwrapped(statement: bytes) -> bytes:
    """The statement in a DSSE envelope (secure-systems-lab/dsse), whose payload is base64; others as they are."""
    try:
        document = parse_json(statement, "a statement")
    except BadDocument:
        return statement
    payload = document.get("payload") if isinstance(document, dict) else None
    if not isinstance(payload, str) or "payloadType" not in document:
        return statement
    try:
        return base64.b64decode(payload, validate=True)
    except (ValueError, binascii.Error):
        return statement
