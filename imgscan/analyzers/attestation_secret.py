"""Secrets in the attestations that came with an image: provenance repeats build arguments, SBOMs and Dockerfiles.

BuildKit's provenance in mode=max holds every build argument, the context's URL and the Dockerfile itself, in base64
(buildkit, docs/attestations/slsa-provenance.md). Whoever may pull the image may pull its attestations.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.credentials import Sightings, secret_rules
from imgscan.errors import Effect, Problem
from imgscan.evidence import Depth
from imgscan.image.oci import BadDocument, parse_json
from imgscan.report import Family, Location, LocationKind, Rule
from imgscan.secrets.strings import TextKind, find_in_assignment, find_in_text

_MAX_STRINGS = 200_000  # of one statement; an SBOM of a big image has some ten thousand
_NAMED = ("build-arg:", "label:")  # prefixes of names in BuildKit's request
_DATA = ("data",)  # keys under which BuildKit keeps a Dockerfile in base64


class AttestationSecretAnalyzer:
    """`attestation-secret`: every string of every statement, under the name it has there."""

    families: tuple[Family, ...] = (Family.ATTESTATION_SECRET,)
    rules: tuple[Rule, ...] = secret_rules(Family.ATTESTATION_SECRET)
    depth: Depth = Depth.CONFIG
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        sightings = Sightings(Family.ATTESTATION_SECRET, evidence.secret_key, evidence.rules)
        problems = []
        for attestation in evidence.image.attestations:
            try:
                document = parse_json(attestation.statement, f"the statement {attestation.digest}")
            except BadDocument as error:
                problems.append(Problem("bad-attestation", str(error), Effect.INCOMPLETE))
                continue
            where = attestation.predicate_type or "an attestation"
            for count, (pointer, name, text) in enumerate(_strings(document)):
                if count >= _MAX_STRINGS:
                    message = f"the statement {attestation.digest} has more than {_MAX_STRINGS:,} strings"
                    problems.append(Problem("attestation-too-big", message, Effect.INCOMPLETE))
                    break
                self._judge(sightings, pointer, name, text, where)
        return Outcome(
            tuple(sightings.findings),
            suppressed=tuple(sightings.suppressed),
            problems=tuple(problems),
            secrets=tuple(sightings.secrets),
        )

    def _judge(self, sightings: Sightings, pointer: str, name: str, text: str, where: str) -> None:
        name = next((name.removeprefix(prefix) for prefix in _NAMED if name.startswith(prefix)), name)
        location = Location(LocationKind.ATTESTATION, pointer=pointer, name=name)
        dockerfile = _decoded(text) if name in _DATA else None
        if dockerfile is not None:
            found = find_in_text(dockerfile, kind_of_text=TextKind.DOCUMENT, rules=sightings.rules)
            sightings.add(found, location, f"the Dockerfile in {where}", None)
        else:
            sightings.add(find_in_assignment(name, text, rules=sightings.rules), location, where, None)


def _strings(document: Any) -> Iterator[tuple[str, str, str]]:
    """(JSON pointer, key, string) of every string of a document, in order; depth is bounded by the JSON parser."""
    todo: list[tuple[str, str, Any]] = [("", "", document)]
    while todo:
        pointer, name, value = todo.pop()
        if isinstance(value, str):
            yield pointer, name, value
        elif isinstance(value, dict):
            todo.extend(
                (f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", key, value[key]) for key in reversed(value)
            )
        elif isinstance(value, list):
            todo.extend((f"{pointer}/{index}", name, value[index]) for index in range(len(value) - 1, -1, -1))


def _decoded(text: str) -> str | None:
    """A text in base64; None for what is none."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (ValueError, binascii.Error):
        return None
