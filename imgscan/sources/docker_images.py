"""Images that a manifest.json names: docker save's own list, since Docker 1.10; jib and others write it as well."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.errors import Effect, InvalidImage, PlatformNotFound, Problem
from imgscan.image.blob import MissingBlob
from imgscan.image.oci import MAX_LAYERS, BadDocument, config_from, folded, parse_config, parse_json, sha256
from imgscan.sources.assembly import Assembly, LayerSource, digest_mismatch, is_named, not_named
from imgscan.sources.platforms import Choice, choose
from imgscan.sources.source import PlatformRequest

_MAX_IMAGES = 10_000


_WRITE_AGAIN = "write the image again with docker save, or as an OCI layout: skopeo copy ... oci:DIRECTORY:TAG"


@dataclass(frozen=True, slots=True)
class DockerImage:
    """One entry of a manifest.json: names of files, and tags."""

    config: str
    tags: tuple[str, ...]
    layers: tuple[str, ...]

    @property
    def image_id(self) -> str:
        """What the config's name says of its digest: `HEX.json`, `blobs/sha256/HEX`, or `sha256:HEX` (kaniko)."""
        return f"sha256:{posixpath.basename(self.config).removesuffix('.json').removeprefix('sha256:')}"


def docker_images(data: bytes, problems: list[Problem]) -> Iterator[DockerImage]:
    """The entries of a manifest.json; what is wrong with some goes to `problems`. BadDocument where it is none."""
    document = parse_json(data, "manifest.json")
    if not isinstance(document, list):
        raise BadDocument("manifest.json is not a JSON list (as in skopeo's dir: layout, which names no image)")
    if len(document) > _MAX_IMAGES:
        raise BadDocument(f"manifest.json names {len(document):,} images; {_MAX_IMAGES:,} are read at most")
    for item in document:
        keys = folded(item) if isinstance(item, dict) else {}  # jib writes them in lower case
        config, tags, layers = keys.get("config"), keys.get("repotags"), keys.get("layers")
        if not isinstance(config, str) or not isinstance(layers, list | None):
            message = "an image of manifest.json has no config, or layers that are no list"
            problems.append(Problem("bad-manifest", message, Effect.INCOMPLETE))
            continue
        names = tuple(name for name in layers or () if isinstance(name, str))
        if len(names) != len(layers or ()) or len(names) > MAX_LAYERS:
            message = f"the layers of {config:.100} are too many, or not all names of files; not all were read"
            problems.append(Problem("bad-manifest", message, Effect.INCOMPLETE))
        yield DockerImage(
            config,
            tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
            names[:MAX_LAYERS],
        )


def tags_by_image_id(data: bytes) -> dict[str, tuple[str, ...]]:
    """The tags of a manifest.json that stands beside an index.json; none where it cannot be read."""
    try:
        return {item.image_id: item.tags for item in docker_images(data, [])}
    except BadDocument:
        return {}


def add_docker_images(assembly: Assembly, data: bytes, platforms: PlatformRequest, tag: str | None) -> None:
    """Add the images of a manifest.json; `tag` picks them by name.

    Raises InvalidImage where there is none, ImageNotFound for an unknown tag, PlatformNotFound.
    """
    problems: list[Problem] = []
    try:
        items = list(docker_images(data, problems))
    except BadDocument as error:
        raise InvalidImage(f"{assembly.where}: {error}", tip=_WRITE_AGAIN) from None
    if not items:
        raise InvalidImage(f"{assembly.where}: manifest.json names no image", tip=_WRITE_AGAIN)
    assembly.problems.extend(problems)
    named = [item for item in items if tag is None or any(is_named(name, tag) for name in item.tags)]
    if not named:
        raise not_named(assembly.where, tag or "", (name for item in items for name in item.tags))
    missed: list[PlatformNotFound] = []
    for item in named:
        document = assembly.document(posixpath.normpath(item.config))
        if platforms.platform is not None:
            platform = parse_config(document, "")[0].platform if document is not None else None
            name = item.tags[0] if item.tags else assembly.where
            try:
                choose([Choice(platform, item, present=True)], platforms, name, assembly.problems)
            except PlatformNotFound as error:
                missed.append(error)
                continue
        _add(assembly, item, document)
    assembly.tell_missed(missed)


def _add(assembly: Assembly, item: DockerImage, document: bytes | None) -> None:
    problems: list[Problem] = []
    if document is None:
        message = f"the config {item.config!r} is not in {assembly.where}, or no document"
        problems.append(Problem("missing-blob", message, Effect.INCOMPLETE))
        config = config_from({}, item.image_id)[0]
    else:
        config, wrong = parse_config(document, sha256(document))
        problems.extend(wrong)
        if len(item.image_id) == len(config.image_id) and item.image_id != config.image_id:
            problems.append(digest_mismatch("the config", item.image_id, config.image_id))
    layers: list[LayerSource] = []
    for name in item.layers:
        assembly.claimed.add(posixpath.normpath(name))
        layers.append((assembly.entries.blob(name) or MissingBlob(name, "it is not in the archive"), None))
    assembly.images.append(assembly.image(config, layers, problems, tags=item.tags))
