"""Where the base image ends: what an image, its builder and its neighbours tell of the image it was built FROM.

No format records it in a way that can be relied on, so all evidence there is gets collected, ranked and said. The
result is a label for layers and findings (base's or own) and never a reason to leave anything out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from imgscan.errors import Problem
from imgscan.evidence import Confidence
from imgscan.image.dockerfile_mapping import map_dockerfile
from imgscan.image.dockerfile_parser import WrittenDockerfile
from imgscan.image.image import Builder, HistoryStep, Image, ImageConfig
from imgscan.image.oci import BadDocument, parse_json
from imgscan.report import Origin

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
_BUILDINFO = "moby.buildkit.buildinfo.v1"
"""Key of a config in which BuildKit 0.9 to 0.11 kept its sources, in base64 (buildkit, docs/buildinfo.md)."""
_PACKAGE_URL = "pkg:docker/"
_NO_BASES = ("docker/dockerfile", "docker/dockerfile-upstream", "docker/buildkit-syft-scanner", "tonistiigi/binfmt")
"""Images that BuildKit fetches for itself: frontends and scanners."""
_FROM = re.compile(r"(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?[ \t]*$")
_MAX_TEXT = 300
_PAUSE, _LONG_PAUSE = timedelta(hours=1), timedelta(days=1)
"""No step of a build takes so long; a base image is mostly older than that."""
_LONG_AGO = 1990
"""Reproducible builds write 1970 or 1980, or no year at all: such times say nothing."""


@dataclass(frozen=True, slots=True)
class KnownImage:
    """An image that may be the base of another: of the same engine or archive, or the one that the user named.

    `steps` are (created, created_by) of its history, `created` to the second.
    """

    reference: str
    diff_ids: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, image: Image) -> KnownImage:
        return cls.of_config(image.reference, tuple(layer.diff_id for layer in image.layers), image.config)

    @classmethod
    def of_config(cls, reference: str, diff_ids: tuple[str, ...], config: ImageConfig) -> KnownImage:
        return cls(reference, diff_ids, tuple((entry.created[:19], entry.created_by) for entry in config.history))


@dataclass(frozen=True, slots=True)
class BaseImage:
    """The image that another was built FROM, as far as it is known.

    The first `layers` layers and the first `steps` steps of the history are its; None where only its name is known.
    `evidence` says in words what that rests on.
    """

    reference: str | None
    digest: str | None
    layers: int | None
    steps: int | None
    confidence: Confidence
    evidence: str

    def origin_of(self, layer: int | None, step: int | None) -> Origin:
        """Whose a layer or, without one, a step of the history is; what no step brought is the image's own to mend."""
        place, boundary = (layer, self.layers) if layer is not None else (step, self.steps)
        if self.layers is None or (place is not None and boundary is None):
            return Origin.UNKNOWN
        return Origin.BASE if place is not None and place < (boundary or 0) else Origin.OWN


@dataclass(frozen=True, slots=True)
class _Hint:
    """One piece of evidence: for the boundary, for the name, or for both."""

    evidence: str
    confidence: Confidence
    reference: str | None = None
    digest: str | None = None
    layers: int | None = None
    steps: int | None = None


def find_base(
    image: Image,
    neighbours: Sequence[KnownImage] = (),
    stated: KnownImage | None = None,
    written: WrittenDockerfile | None = None,
) -> BaseImage | None:
    """The base image of `image`, by the best evidence for its name and for where it ends; None without any.

    `stated` is the image that the user says it is; `neighbours` are other images with names in the same place;
    `written` is the Dockerfile that the user says it was built from.
    """
    hints = [*_stated(image, stated), *_dockerfile(image, written), *_buildah(image)]
    hints += [*_neighbours(image, neighbours), *_documents(image)]
    hints += _history(image, named=any(hint.reference for hint in hints))
    if not hints:
        return None
    boundary = next((hint for hint in hints if hint.layers is not None), None)
    name = next((hint for hint in hints if hint.reference is not None), None)
    digest = next((hint.digest for hint in hints if hint.digest and hint.reference == (name and name.reference)), None)
    used = [hint for hint in dict.fromkeys((boundary, name)) if hint is not None]
    confirming = [hint for hint in hints if hint not in used and hint.reference and hint.reference != _name_of(name)]
    text = "; ".join(hint.evidence for hint in (*used, *confirming))
    return BaseImage(
        reference=name.reference if name else None,
        digest=digest,
        layers=boundary.layers if boundary else None,
        steps=boundary.steps if boundary else None,
        confidence=boundary.confidence if boundary else Confidence.LOW,
        evidence=text,
    )


def base_problems(image: Image, stated: KnownImage | None) -> tuple[Problem, ...]:
    """What is to be said where the image that the user names is not the base."""
    if stated is None or begins_with(image, stated.diff_ids):
        return ()
    own = tuple(layer.diff_id for layer in image.layers)
    shared = next(
        (index for index, pair in enumerate(zip(own, stated.diff_ids, strict=False)) if pair[0] != pair[1]),
        min(len(own), len(stated.diff_ids)),
    )
    return (
        Problem(
            "not-its-base",
            f"{stated.reference} as it is now is not the base of {image.reference}: {shared} of its "
            f"{len(stated.diff_ids)} layers are the first of this image; other evidence was used",
        ),
    )


def _name_of(hint: _Hint | None) -> str | None:
    return hint.reference if hint is not None else None


def begins_with(image: Image, diff_ids: Sequence[str]) -> bool:
    """Whether an image's first layers are these, one at least."""
    own = tuple(layer.diff_id for layer in image.layers)
    return bool(diff_ids) and own[: len(diff_ids)] == tuple(diff_ids)


def _stated(image: Image, stated: KnownImage | None) -> Iterator[_Hint]:
    if stated is not None and begins_with(image, stated.diff_ids):
        count = len(stated.diff_ids)
        steps = len(stated.steps) if _same_history(image, stated) else _steps_of(image, count)
        evidence = f"--base {stated.reference}: its {count} layers are the first of this image"
        yield _Hint(evidence, Confidence.HIGH, stated.reference, layers=count, steps=steps)


def _dockerfile(image: Image, written: WrittenDockerfile | None) -> Iterator[_Hint]:
    """The steps that no instruction of the Dockerfile made, where all of its instructions made one."""
    mapping = map_dockerfile(written, image.steps) if written is not None else None
    if written is None or mapping is None or not mapping.base_steps:
        return
    if mapping.missing or mapping.extra or mapping.unsure:
        return
    layers = _layers_before(image, mapping.base_steps)
    stage = next(stage for stage in written.stages if stage.line == mapping.from_line)
    if layers and stage.base != "scratch":
        evidence = f"{written.path}:{stage.line}: its instructions made all but the first {mapping.base_steps} steps"
        name = None if "$" in stage.base else stage.base[:_MAX_TEXT]  # --build-arg may have set it
        yield _Hint(evidence, Confidence.HIGH, name, layers=layers, steps=mapping.base_steps)


def _buildah(image: Image) -> Iterator[_Hint]:
    """buildah's note on the first step of its own: `FROM docker.io/library/debian:12` (buildah, image.go)."""
    noted = [step for step in image.steps if step.comment.startswith("FROM ")]
    if not noted:
        return
    step = noted[-1]
    reference = step.comment.removeprefix("FROM ").strip()[:_MAX_TEXT]
    layers = _layers_before(image, step.index)
    if reference and reference != "scratch" and layers:
        evidence = f"the builder's note FROM {reference} on step {step.index}"
        yield _Hint(evidence, Confidence.HIGH, reference, layers=layers, steps=step.index)


def _neighbours(image: Image, neighbours: Sequence[KnownImage]) -> Iterator[_Hint]:
    """The longest image whose layers and whose whole history this one begins with.

    Layers alone would make each image that shares a build cache a base: two Dockerfiles that begin alike.
    """
    fitting = [
        known
        for known in neighbours
        if begins_with(image, known.diff_ids)
        and _same_history(image, known)
        and (len(known.diff_ids), len(known.steps)) != (len(image.layers), len(image.config.history))
    ]
    if fitting:
        best = max(fitting, key=lambda known: (len(known.diff_ids), len(known.steps), known.reference))
        evidence = f"{best.reference} is there too: its layers and its history are the beginning of this image's"
        yield _Hint(evidence, Confidence.HIGH, best.reference, layers=len(best.diff_ids), steps=len(best.steps))


def _same_history(image: Image, known: KnownImage) -> bool:
    history = image.config.history
    return (
        bool(known.steps)
        and len(history) >= len(known.steps)
        and all(
            (entry.created[:19], entry.created_by) == step for entry, step in zip(history, known.steps, strict=False)
        )
    )


def _documents(image: Image) -> Iterator[_Hint]:
    """What annotations, provenance, build info and labels name: a base without its end."""
    annotations, labels = dict(image.annotations), dict(image.config.labels)
    if name := annotations.get(BASE_NAME, "")[:_MAX_TEXT]:
        yield _Hint(f"the annotation {BASE_NAME}", Confidence.HIGH, name, annotations.get(BASE_DIGEST))
    yield from _provenance(image)
    yield from _build_info(image)
    if (name := labels.get(BASE_NAME, "")[:_MAX_TEXT]) and name != annotations.get(BASE_NAME):
        # Labels are inherited: it may be what the base says of its own base.
        yield _Hint(f"the label {BASE_NAME}", Confidence.MEDIUM, name, labels.get(BASE_DIGEST))


def _provenance(image: Image) -> Iterator[_Hint]:
    """The materials of SLSA provenance, versions 0.2 and 1 (buildkit, docs/attestations/slsa-definitions.md)."""
    for attestation in image.attestations:
        if "provenance" not in attestation.predicate_type:
            continue
        try:
            document = parse_json(attestation.statement, "provenance")
        except BadDocument:
            continue  # attestation-secret tells of it
        predicate = _get(document, "predicate")
        materials = _get(predicate, "materials") or _get(predicate, "buildDefinition", "resolvedDependencies")
        named = [_material(item) for item in materials] if isinstance(materials, list) else []
        candidates = dict(filter(None, named))
        chosen = _last_stage(_dockerfile_of(predicate), candidates)
        if chosen is None and len(candidates) == 1:
            chosen = next(iter(candidates))
        if chosen is not None:
            yield _Hint("the materials of its provenance", Confidence.HIGH, chosen, candidates[chosen])
            return


def _material(item: Any) -> tuple[str, str | None] | None:
    """(reference, digest) of a material that is an image: `pkg:docker/node@20?platform=linux%2Famd64`."""
    uri = _get(item, "uri")
    if not isinstance(uri, str) or not uri.startswith(_PACKAGE_URL):
        return None
    name, _, version = uri.removeprefix(_PACKAGE_URL).partition("?")[0].partition("@")
    name = unquote(name)[:_MAX_TEXT]
    if not name or name.removeprefix("docker.io/") in _NO_BASES:
        return None
    sha256 = _get(item, "digest", "sha256")
    digest = f"sha256:{sha256}" if isinstance(sha256, str) else None
    version = unquote(version)[:_MAX_TEXT]
    separator = "@" if version.startswith("sha256:") else ":"
    return (f"{name}{separator}{version}" if version else name), digest


def _dockerfile_of(predicate: Any) -> str:
    """The Dockerfile that provenance in mode=max holds, else ""."""
    metadata = _get(predicate, "metadata", "https://mobyproject.org/buildkit@v1#metadata") or _get(
        predicate, "runDetails", "metadata", "buildkit_metadata"
    )
    infos = _get(metadata, "source", "infos")
    for info in infos if isinstance(infos, list) else ():
        data = _get(info, "data")
        if isinstance(data, str):
            return _decoded(data)
    return ""


def _last_stage(dockerfile: str, candidates: dict[str, str | None]) -> str | None:
    """The candidate that the last stage of a Dockerfile is built on, through the stages it is built on."""
    stages = [(found[1], found[2] or "") for found in _FROM.finditer(dockerfile)]
    if not stages:
        return None
    base = stages[-1][0]
    for image, name in reversed(stages[:-1]):
        if name and name.casefold() == base.casefold():
            base = image
    normal = {_short(name): name for name in candidates}
    return normal.get(_short(base))


def _short(reference: str) -> str:
    """A reference without what Docker adds to it."""
    reference = reference.removeprefix("docker.io/").removeprefix("library/")
    last = reference.rpartition("/")[2]
    return reference if ":" in last or "@" in last else f"{reference}:latest"


def _build_info(image: Image) -> Iterator[_Hint]:
    data = image.config.raw.get(_BUILDINFO)
    if not isinstance(data, str):
        return
    try:
        sources = _get(parse_json(_decoded(data).encode(), "build info"), "sources")
    except BadDocument:
        return
    images = [item for item in (sources if isinstance(sources, list) else ()) if _get(item, "type") == "docker-image"]
    names = [ref for item in images if isinstance(ref := _get(item, "ref"), str)]
    names = [name for name in names if _short(name).rpartition(":")[0] not in _NO_BASES]
    if len(names) == 1:
        pins = [_get(item, "pin") for item in images if _get(item, "ref") == names[0]]
        digest = pins[0] if isinstance(pins[0], str) else None
        yield _Hint("the build info in its config", Confidence.HIGH, names[0][:_MAX_TEXT], digest)


def _history(image: Image, *, named: bool) -> Iterator[_Hint]:
    """Where the history itself looks like two builds: another builder, a pause, the CMD that a base image ends with."""
    steps = image.steps
    if len(steps) < 2 or all(step.layer is None for step in steps):
        return
    best: tuple[bool, int, list[str]] | None = None
    for before, step in pairwise(steps):
        strong, signs = _signs(before, step)
        if not signs or not _layers_before(image, step.index) or not _makes_layers_from(steps, step.index):
            continue
        if best is None or strong >= best[0]:  # of equals the last: a base image may have a base of its own
            best = (strong, step.index, signs)
    if best is None:
        return
    _, index, signs = best
    confidence = Confidence.MEDIUM if len(signs) > 1 or named else Confidence.LOW
    evidence = f"its history: before step {index} {' and '.join(signs)}"
    yield _Hint(evidence, confidence, layers=_layers_before(image, index), steps=index)


def _signs(before: HistoryStep, step: HistoryStep) -> tuple[bool, list[str]]:
    """What looks like the end of one build and the beginning of another, and whether that is more than time.

    Time alone is weak: the first steps of a build may come from a cache that is weeks old.
    """
    signs = []
    if before.instruction.keyword in ("CMD", "ENTRYPOINT") and step.instruction.keyword not in ("CMD", "ENTRYPOINT"):
        signs.append(f"stands a {before.instruction.keyword}, which ends an image")
    first, second = before.instruction.builder, step.instruction.builder
    if first is not second and Builder.UNKNOWN not in (first, second):
        signs.append(f"the builder changes from {first} to {second}")
    strong = bool(signs)
    earlier, later = _moment(before.created), _moment(step.created)
    if earlier is not None and later is not None and later - earlier >= (_PAUSE if strong else _LONG_PAUSE):
        signs.append(f"{_span(later - earlier)} went by")
    return strong, signs


def _moment(created: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(created[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if moment.year >= _LONG_AGO else None


def _span(time: timedelta) -> str:
    return f"{time.days} days" if time.days > 1 else f"{time.total_seconds() / 3600:.0f} hours"


def _makes_layers_from(steps: Sequence[HistoryStep], index: int) -> bool:
    return any(step.layer is not None for step in steps[index:])


def _layers_before(image: Image, index: int) -> int:
    """Layers made by the steps before step `index`."""
    return sum(step.layer is not None for step in image.steps[:index])


def _steps_of(image: Image, layers: int) -> int | None:
    """Steps up to the last that belongs to the first `layers` layers: settings after it may be either's.

    A CMD or ENTRYPOINT that more layers follow ends the base.
    """
    last = next((step.index for step in image.steps if step.layer == layers - 1), None)
    if last is None:
        return None
    after = next((step.index for step in image.steps[last + 1 :] if step.layer is not None), len(image.steps))
    if after == len(image.steps):
        return last + 1
    ends = [s.index for s in image.steps[last + 1 : after] if s.instruction.keyword in ("CMD", "ENTRYPOINT")]
    return max(ends, default=last) + 1


def _get(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _decoded(text: str) -> str:
    """Base64 of JSON or of a Dockerfile; "" for what is none."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (ValueError, binascii.Error):
        return ""
