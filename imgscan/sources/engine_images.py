"""An engine's image: resolved once, then read from the cache, from the engine's words alone, or from a save."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from imgscan.base_image import KnownImage
from imgscan.errors import (
    Effect,
    ImageNotFound,
    InvalidImage,
    PlatformNotFound,
    Problem,
    SourceError,
    SourceUnavailable,
)
from imgscan.evidence import LayerScan
from imgscan.image.blob import BlobRef, MissingBlob, Readable, StreamedBlob
from imgscan.image.history import join_history
from imgscan.image.image import Image, Layer, Platform, SourceKind
from imgscan.image.oci import parse_config
from imgscan.sources.archive_stream import read_archive_stream
from imgscan.sources.engine_answers import Described, config_document, describe, same_platform
from imgscan.sources.source import LayerVisitor, NotHere, Opened, PlatformRequest, Request
from imgscan.sources.watched_stream import WatchedStream

DRAIN_BYTES = 1 << 20

FIRST_BYTE_SECONDS = 600.0
"""Before the first byte of a save the engine exports the whole image to its own disk (moby, image/tarexport)."""
EXPORT_BYTES_PER_SECOND = 10e6
"""A slow disk's pace, added to the above; measured on fast ones: 100e6 to 300e6."""
SILENCE_SECONDS = 120.0
"""Between two bytes of a save: by then the engine copies from its own disk."""
MAX_NEIGHBOURS = 300
"""Images asked whether this one is built on them; 1.5 ms each."""
IMAGE_ID = re.compile(r"sha256:[0-9a-f]{6,64}|[0-9a-f]{12,64}")

FromEngine = Callable[[], Sequence[Mapping[str, Any]]]


class Engine(Protocol):
    """What an engine can be asked; sources/docker_engine.py asks it."""

    name: str
    problems: tuple[Problem, ...]

    def inspect(self, reference: str, platform: Platform | None) -> Mapping[str, Any] | None: ...

    def tagged(self) -> Sequence[Mapping[str, Any]]: ...

    def history(self, image_id: str) -> Sequence[Mapping[str, Any]]: ...

    def pull(self, reference: str, platform: Platform | None, visitor: LayerVisitor) -> None: ...

    def save(self, image_id: str, platform: Platform | None, first: float, silence: float) -> Iterator[bytes]: ...

    def silent(self, seconds: float) -> SourceError: ...


def resolve(engine: Engine, request: Request, visitor: LayerVisitor) -> Described:
    """Turn a reference into one image id, once; from there on the id is asked for. Pulls what is not there."""
    wanted = request.platforms.platform
    document = engine.inspect(request.target, wanted)
    if document is None:
        if IMAGE_ID.fullmatch(request.target):
            # An id names bytes; a registry would take it for a name, and give whatever has that name.
            raise ImageNotFound(f"{engine.name} has no image {request.target}", tip="docker image ls shows what it has")
        if request.elsewhere:
            tip = f"have the engine pull it: docker:{request.target}"
            raise NotHere(f"{engine.name} has no image {request.target}", tip=tip)
        engine.pull(request.target, wanted, visitor)
        document = engine.inspect(request.target, wanted)
        if document is None:
            raise ImageNotFound(
                f"{engine.name} pulled {request.target} and does not have it",
                tip=f"pull it by hand and see what it says: docker pull {request.target}",
            )
    found = describe(request.target, document)
    if wanted is not None and not same_platform(wanted, found.platform):
        # dockerd 20.10 pulls an image of another platform without a word.
        raise PlatformNotFound(
            f"{request.target} in {engine.name} is for {found.platform}, not for {wanted}",
            tip=f"replace it there: docker pull --platform {wanted} {request.target}",
        )
    return found


def read(engine: Engine, found: Described, request: Request, visitor: LayerVisitor) -> Opened:
    """The image's metadata and layer scans, by the cheapest way that gives all of them."""
    opened = from_cache(found, visitor)
    if opened is None and not (visitor.opens_layers and found.diff_ids):
        # Nothing to scan. An image without layers cannot be saved either ("empty export - not implemented", moby).
        opened = from_config(found, engine.history(found.image_id))
    if opened is None:
        first = FIRST_BYTE_SECONDS + found.size / EXPORT_BYTES_PER_SECOND
        silence = SILENCE_SECONDS
        if request.timeout is not None:
            first = silence = request.timeout
        # The platform goes along where the store may hold several under one id, else an old engine might refuse it.
        platform = found.platform if "Descriptor" in found.document and not request.platforms.all else None
        stream = WatchedStream(
            lambda: engine.save(found.image_id, platform, first, silence),
            first=first,
            between=silence,
            stalled=engine.silent,
        )
        try:
            _start(stream, engine, found)
            opened = from_save(stream, found, request, visitor, lambda: engine.history(found.image_id))
        finally:
            stream.close()
    # An engine that broke off is not asked for what only a label hangs on.
    broken = any(problem.effect is Effect.INCOMPLETE for problem in opened.problems)
    neighbours = () if broken else tuple(_neighbours(engine, found))
    return replace(opened, problems=(*engine.problems, *opened.problems), neighbours=neighbours)


def _neighbours(engine: Engine, found: Described) -> Iterator[KnownImage]:
    """Other named images of the engine whose layers are the first of this one's. What goes wrong ends the search."""
    try:
        for summary in engine.tagged()[:MAX_NEIGHBOURS]:
            image_id, size = str(summary.get("Id") or ""), summary.get("Size")
            larger = isinstance(size, int) and size > found.size  # a base is a part of what is built on it
            if not image_id or image_id == found.image_id or larger:
                continue
            document = engine.inspect(image_id, None)
            known = describe(image_id, document) if document is not None else None
            count = len(known.diff_ids) if known is not None else 0
            if known is None or not count or known.diff_ids != found.diff_ids[:count]:
                continue
            config, _ = parse_config(config_document(known, engine.history(image_id)), image_id)
            yield KnownImage.of_config(min(map(str, known.tags)), known.diff_ids, config)
    except (SourceError, ValueError):  # only a label hangs on it; whatever matters is told by who asks next
        return


def _start(stream: WatchedStream, engine: Engine, found: Described) -> None:
    try:
        stream.start()
    except SourceError as error:
        # dockerd 20.10 answers 500 and names a file of its own when the image was removed in between.
        if isinstance(error, SourceUnavailable) or engine.inspect(found.image_id, None) is not None:
            raise
        raise ImageNotFound(
            f"{found.reference} was removed from {engine.name} while it was being read", tip="name it again"
        ) from error


def from_cache(found: Described, visitor: LayerVisitor) -> Opened | None:
    """The image without a save: its config blob and all layers the plan opens are in the cache. Else None."""
    blob = visitor.cached_config(found.image_id)
    if blob is None:
        return None
    scans: dict[BlobRef, LayerScan] = {}
    blobs: list[BlobRef] = []
    for diff_id in found.diff_ids:
        scan = visitor.cached(diff_id) if visitor.opens_layers else None
        if scan is None and visitor.opens_layers:
            return None
        ref = StreamedBlob(diff_id, scan.size if scan else 0)
        blobs.append(ref)
        if scan:
            scans[ref] = scan
    image = _image(found, blob, blobs)
    # The engine's claim and the verified blob must tell of the same layers, else the save decides.
    return Opened(images=(image,), scans=scans) if image.config.diff_ids == found.diff_ids else None


def from_config(found: Described, history: Sequence[Mapping[str, Any]]) -> Opened:
    """The image as far as a plan that opens no layer needs it: in the engine's words, and said to be so."""
    image = _image(found, config_document(found, history), [StreamedBlob(diff_id, 0) for diff_id in found.diff_ids])
    return Opened(images=(replace(image, problems=(*image.problems, _from_api(found))),))


def from_save(
    stream: WatchedStream, found: Described, request: Request, visitor: LayerVisitor, history: FromEngine
) -> Opened:
    """The image from the engine's save, scanned as it streams.

    Where the save breaks off, the layers that came are kept: their computed diff_ids say which of the layers
    the engine named they are. The rest is missing, and the result incomplete.
    """
    keeper = _Keeper(visitor, stream, found.size)
    try:
        opened = read_archive_stream(
            keeper, keeper, _of_one_platform(request, found), reference=found.reference, source=SourceKind.DOCKER
        )
        while keeper.read(DRAIN_BYTES):  # an engine's error comes after the tar
            pass
    except SourceError:
        if stream.failure is None:
            raise
        opened = Opened(images=())
    images = tuple(
        replace(image, reference=found.reference, source=SourceKind.DOCKER, tags=found.tags)
        for image in opened.images
        if request.platforms.all or image.config.diff_ids == found.diff_ids
    )
    if images:
        lost = () if stream.failure is None else (_interrupted(stream.failure, len(found.diff_ids), found),)
        return replace(opened, images=images, problems=(*opened.problems, *lost))
    if stream.failure is None:
        raise InvalidImage(
            f"the engine saved an image with other layers than it says {found.reference} has",
            tip="scan it once more; if that is the same: docker save IMAGE | imgscan inspect -",
        )
    return _salvage(stream.failure, found, keeper.scans, visitor, history)


def _salvage(
    failure: SourceError,
    found: Described,
    came: Sequence[tuple[str, LayerScan]],
    visitor: LayerVisitor,
    history: FromEngine,
) -> Opened:
    by_diff_id = {scan.diff_id: (StreamedBlob(name, scan.size), scan) for name, scan in came}
    blobs: list[BlobRef] = []
    scans: dict[BlobRef, LayerScan] = {}
    for diff_id in found.diff_ids:
        if diff_id in by_diff_id:
            ref, scan = by_diff_id[diff_id]
            blobs.append(ref)
            scans[ref] = scan
        else:
            blobs.append(MissingBlob(diff_id, failure.message))
    problems = [_interrupted(failure, sum(not isinstance(blob, MissingBlob) for blob in blobs), found)]
    config = visitor.cached_config(found.image_id)
    if config is None:
        try:
            steps = history()
        except SourceError as error:  # an engine that died does not tell this either
            steps = ()
            problems.append(Problem("no-history", error.message, Effect.INCOMPLETE))
        config = config_document(found, steps)
        problems.append(_from_api(found))
    return Opened(
        images=(_image(found, config, blobs),),
        scans=scans,
        problems=tuple(problems),
    )


def _image(found: Described, config_blob: bytes, blobs: Sequence[BlobRef]) -> Image:
    config, problems = parse_config(config_blob, found.image_id)
    joined = join_history(config, len(blobs))
    return Image(
        reference=found.reference,
        source=SourceKind.DOCKER,
        config=config,
        layers=tuple(
            Layer(index, diff_id, blob, step=joined.by_layer.get(index))
            for index, (diff_id, blob) in enumerate(zip(found.diff_ids, blobs, strict=True))
        ),
        steps=joined.steps,
        tags=found.tags,
        problems=(*problems, *joined.problems),
    )


def _of_one_platform(request: Request, found: Described) -> Request:
    """The request to read the save with: of a store that may give several images, the one described."""
    if request.platforms.all:
        return request
    several = "Descriptor" in found.document  # only an engine with the containerd store says that
    return replace(request, platforms=PlatformRequest(platform=found.platform) if several else PlatformRequest())


def _interrupted(failure: SourceError, read: int, found: Described) -> Problem:
    return Problem(
        "save-interrupted",
        f"{failure.message}; {read} of {len(found.diff_ids)} layers were read whole",
        Effect.INCOMPLETE,
    )


def _from_api(found: Described) -> Problem:
    return Problem(
        "config-from-api",
        f"the config of {found.reference} is what the engine's API tells, not the config blob: authors of steps are "
        "missing, and which steps made a layer is inferred",
    )


class _Keeper:
    """Stands between the archive's reader and the pipeline: keeps the scans, tells the progress of the stream."""

    def __init__(self, visitor: LayerVisitor, stream: Readable, expected: int) -> None:
        self.scans: list[tuple[str, LayerScan]] = []
        self._visitor = visitor
        self._stream = stream
        self._expected = expected
        self._done = 0

    @property
    def opens_layers(self) -> bool:
        return self._visitor.opens_layers

    def prepare(self) -> None:
        self._visitor.prepare()

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._done += len(data)
        if data:
            self._visitor.progress("save", self._done, max(self._expected, self._done))
        return data

    def scan(self, stream: Readable, name: str) -> LayerScan | None:
        scan = self._visitor.scan(stream, name)
        if scan is not None:
            self.scans.append((name, scan))
        return scan

    def cached(self, diff_id: str) -> LayerScan | None:
        return self._visitor.cached(diff_id)

    def cached_config(self, image_id: str) -> bytes | None:
        return self._visitor.cached_config(image_id)

    def keep_config(self, image_id: str, blob: bytes) -> None:
        self._visitor.keep_config(image_id, blob)

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Nothing: the progress of the save is told above, and with a total."""
