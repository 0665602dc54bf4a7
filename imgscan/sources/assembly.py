"""What is being put together from the files of an archive or a layout: images, problems, and which files were used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from imgscan.errors import Effect, ImageNotFound, PlatformNotFound, Problem
from imgscan.image.blob import BlobRef
from imgscan.image.history import join_history
from imgscan.image.image import Descriptor, Image, ImageConfig, Layer, SourceKind
from imgscan.sources.entries import Entries

LayerSource = tuple[BlobRef, Descriptor | None]


@dataclass(slots=True)
class Assembly:
    """`where` names the archive or layout for messages; `claimed` are the names of files that anything refers to."""

    entries: Entries
    where: str
    source: SourceKind
    images: list[Image] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)

    def document(self, name: str) -> bytes | None:
        """A document, which is referred to from now on; None where it is not there, or no document."""
        self.claimed.add(name)
        return self.entries.document(name)

    def blob_document(self, digest: str) -> bytes | None:
        """A document by its digest."""
        return self.document(blob_name(digest))

    def claim_blobs(self, descriptors: Iterable[Descriptor]) -> None:
        """Files that a manifest refers to, whether it is asked for or not."""
        self.claimed.update(blob_name(descriptor.digest) for descriptor in descriptors)

    def problem(self, code: str, message: str, effect: Effect) -> None:
        self.problems.append(Problem(code, message, effect))

    def verify(self, data: bytes, descriptor: Descriptor) -> None:
        """Tell where a document is not what refers to it says."""
        algorithm, _, claimed = descriptor.digest.partition(":")
        if algorithm not in ("sha256", "sha512"):  # the registered ones (image-spec, descriptor.md)
            message = f"{descriptor.digest}: {algorithm!r} is no digest that can be verified"
            self.problem("unknown-digest", message, Effect.NOTE)
        elif (computed := hashlib.new(algorithm, data).hexdigest()) != claimed:
            self.problems.append(digest_mismatch("a document", descriptor.digest, f"{algorithm}:{computed}"))

    def tell_missed(self, missed: Sequence[PlatformNotFound]) -> None:
        """Images that are not there for the wanted platform: a problem, as long as another one is; else the error."""
        if missed and not self.images:
            raise missed[0]
        for error in missed:
            self.problem("absent-platform", error.message, Effect.OPAQUE)

    def image(
        self,
        config: ImageConfig,
        blobs: Sequence[LayerSource],
        problems: list[Problem],
        *,
        tags: tuple[str, ...],
        reference: str = "",
    ) -> Image:
        """An image of these parts, its layers joined with its history."""
        steps, by_layer, wrong = join_history(config, len(blobs))
        problems.extend(wrong)
        if config.diff_ids and len(config.diff_ids) != len(blobs):
            problems.append(
                Problem(
                    "layer-count-mismatch",
                    f"the config names {len(config.diff_ids)} layers, the manifest {len(blobs)}",
                    Effect.INCOMPLETE if len(blobs) < len(config.diff_ids) else Effect.NOTE,
                )
            )
        if not blobs:
            problems.append(Problem("no-layers", "the image has no layers"))
        diff_ids = config.diff_ids
        return Image(
            reference=tags[0] if tags else reference or self.where,
            source=self.source,
            config=config,
            layers=tuple(
                Layer(
                    index,
                    diff_ids[index] if index < len(diff_ids) else "",
                    blob,
                    descriptor,
                    by_layer.get(index),
                )
                for index, (blob, descriptor) in enumerate(blobs)
            ),
            steps=steps,
            tags=tags,
            problems=tuple(problems),
        )


def blob_name(digest: str) -> str:
    """Where a layout keeps a blob (image-layout.md)."""
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def is_named(name: str, tag: str) -> bool:
    """Whether a user who writes `tag` means the image called `name`."""
    return name in (tag, f"{tag}:latest") or name.endswith((f":{tag}", f"/{tag}"))


def not_named(where: str, tag: str, names: Iterable[str]) -> ImageNotFound:
    """The error for a tag that no image has."""
    there = ", ".join(sorted({name for name in names if name})) or "images without a name"
    return ImageNotFound(f"{where} has no image named {tag!r}", tip=f"it has: {there}")


def digest_mismatch(what: str, claimed: str, computed: str) -> Problem:
    """The problem of a document that is not what its digest says."""
    return Problem(
        "digest-mismatch", f"{what} is not what its digest says: {claimed} claimed, {computed} read", Effect.INCOMPLETE
    )
