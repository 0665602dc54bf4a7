"""What every source is, and what it gives to the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from imgscan.base_image import KnownImage
from imgscan.errors import Problem, SourceError
from imgscan.evidence import LayerScan
from imgscan.image.blob import BlobRef, Readable
from imgscan.image.image import Image, Platform


class NotHere(SourceError):
    """A source is not there, or does not have the image; nothing was read. Raised for `Request.elsewhere` alone."""


class LayerVisitor(Protocol):
    """What the pipeline lends to a source whose blobs can be read only once, in the order they come."""

    @property
    def opens_layers(self) -> bool:
        """False at depth CONFIG: no layer is wanted, so a source need not fetch any."""
        ...

    def prepare(self) -> None:
        """Layers will come: what scanning needs may be loaded meanwhile. Returns at once."""
        ...

    def scan(self, stream: Readable, name: str) -> LayerScan | None:
        """Scan a layer-like blob to its end; None where the plan opens no layer (the blob is drained all the same)."""
        ...

    def cached(self, diff_id: str) -> LayerScan | None:
        """The scan of a layer whose diff_id a trusted claim names (architecture.md, Trust), if the cache has it."""
        ...

    def cached_config(self, image_id: str) -> bytes | None:
        """The config blob with that digest, if the cache has it; verified."""
        ...

    def keep_config(self, image_id: str, blob: bytes) -> None:
        """Keep a config blob whose digest was verified."""
        ...

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Tell how far a transfer is, in bytes."""
        ...


@dataclass(frozen=True, slots=True)
class PlatformRequest:
    """Which platforms of an image are wanted: one, all, or (both unset) this machine's, else the only one."""

    platform: Platform | None = None
    all: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One image to get. `target` is what follows the scheme, or the whole argument."""

    target: str
    platforms: PlatformRequest = field(default_factory=PlatformRequest)
    timeout: float | None = None
    """Seconds to wait for a source's first byte and between bytes; None for the source's own defaults."""
    verbose: bool = False
    insecure: bool = False
    """Registries may be asked over plain HTTP, and with any certificate."""
    elsewhere: bool = False
    """Another source can be asked: raise NotHere where this one does not have the image, and fetch it from nowhere."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a source gives: the images, and the scans of those layers that went by in a stream.

    `scans` is keyed by the layer's BlobRef; layers not in it are opened and scanned by the pipeline.
    `unreferenced` are layer-like blobs that no image names, by their names in the archive, with those names.
    """

    images: tuple[Image, ...]
    scans: Mapping[BlobRef, LayerScan] = field(default_factory=dict)
    unreferenced: tuple[tuple[str, BlobRef], ...] = ()
    problems: tuple[Problem, ...] = ()
    neighbours: tuple[KnownImage, ...] = ()
    """Named images of the same place, besides those in `images`, that any of these may be built on."""


class Source(Protocol):
    """A place images come from."""

    scheme: str
    """The explicit prefix: `docker`, `archive`, `oci`, `registry`."""

    def detect(self, target: str) -> bool:
        """Cheap: whether an argument without a scheme is this source's. A path is never a reference."""
        ...

    def open(self, request: Request, visitor: LayerVisitor) -> AbstractContextManager[Opened]:
        """Get the image's metadata, and in one pass what can be read only once. Raises SourceError."""
        ...


ProgressCallback = Callable[[str, int, int | None], None]
