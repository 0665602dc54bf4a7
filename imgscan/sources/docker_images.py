"""Images that a manifest.json names: docker save's own list, since Docker 1.10; jib and others write it as well."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.errors import Effect, InvalidImage, Problem
from imgscan.image.blob import MissingBlob
from imgscan.image.oci import BadDocument, config_from, parse_config, parse_json, sha256
from imgscan.sources.assembly import Assembly, LayerSource, digest_mismatch
from imgscan.sources.platforms import Choice, choose
from imgscan.sources.source import PlatformRequest

_MAX_IMAGES = 10_000


@dataclass(frozen=True, slots=True)
class DockerImage:
    """One entry of a manifest.json: names of files, and tags."""

    config: str
    tags: tuple[str, ...]
    layers: tuple[str, ...]

    @property
    def image_id(self) -> str:
        """What the config's name says of its digest; docker save writes `HEX.json` or `blobs/sha256/HEX`."""
        return f"sha256:{posixpath.basename(self.config).removesuffix('.json')}"


def docker_images(data: bytes) -> Iterator[DockerImage]:
    """The entries of a manifest.json; nothing for what is none. jib writes its keys in lower case."""
    try:
        document = parse_json(data, "manifest.json")
    except BadDocument:
        return
    for item in document[:_MAX_IMAGES] if isinstance(document, list) else ():
        if not isinstance(item, dict):
            continue
        keys = {str(key).lower(): value for key, value in item.items()}
        config, tags, layers = keys.get("config"), keys.get("repotags"), keys.get("layers")
        if isinstance(config, str):
            yield DockerImage(
                config,
                tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
                tuple(name for name in layers if isinstance(name, str)) if isinstance(layers, list) else (),
            )


def add_docker_images(assembly: Assembly, data: bytes, platforms: PlatformRequest) -> None:
    """Add all images of a manifest.json. Raises InvalidImage where there is none, PlatformNotFound."""
    try:
        parse_json(data, "manifest.json")
    except BadDocument as error:
        raise InvalidImage(f"{assembly.where}: {error}") from None
    items = list(docker_images(data))
    if not items:
        raise InvalidImage(f"{assembly.where}: manifest.json names no image")
    for item in items:
        document = assembly.document(posixpath.normpath(item.config))
        if platforms.platform is not None:
            platform = parse_config(document, "")[0].platform if document is not None else None
            name = item.tags[0] if item.tags else assembly.where
            choose([Choice(platform, item, present=True)], platforms, name, assembly.problems)
        _add(assembly, item, document)


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
