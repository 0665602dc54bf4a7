"""Images of before Docker 1.10: a chain of layers, each a folder with `json`, `layer.tar` and a parent's id."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from imgscan.errors import Effect, Problem
from imgscan.image.blob import MissingBlob
from imgscan.image.image import HistoryEntry, Image
from imgscan.image.oci import BadDocument, config_from, parse_json
from imgscan.sources.assembly import Assembly, LayerSource

_MAX_IMAGES = 100
_MAX_CHAIN = 1_000  # layers; engines of that time ended at 127

Document = dict[str, Any]


def add_v1_images(assembly: Assembly) -> None:
    """Add an image for each name in `repositories`, and for each chain that none names."""
    documents: dict[str, Document] = {}
    for name in sorted(assembly.entries.names()):
        identifier, _, rest = name.partition("/")
        data = assembly.document(name) if rest == "json" else None
        if data is None:
            continue
        try:
            document = parse_json(data, name)
        except BadDocument as error:
            assembly.problem("bad-config", str(error), Effect.INCOMPLETE)
            continue
        if isinstance(document, dict):
            documents[identifier] = document
    parents = {parent for document in documents.values() if isinstance(parent := document.get("parent"), str)}
    names = _names(assembly)
    heads = [identifier for identifier in documents if identifier in names or identifier not in parents]
    if len(heads) > _MAX_IMAGES:
        message = f"{len(heads):,} images of v1 layers; {_MAX_IMAGES} are read at most"
        assembly.problem("too-many-images", message, Effect.INCOMPLETE)
    for head in heads[:_MAX_IMAGES]:
        assembly.images.append(_image(assembly, head, documents, names.get(head, ())))


def _names(assembly: Assembly) -> dict[str, tuple[str, ...]]:
    data = assembly.document("repositories")
    try:
        document = parse_json(data, "repositories") if data is not None else {}
    except BadDocument as error:
        assembly.problem("bad-config", str(error), Effect.NOTE)
        return {}
    names: dict[str, tuple[str, ...]] = {}
    for repository, tags in document.items() if isinstance(document, dict) else ():
        for tag, identifier in tags.items() if isinstance(tags, dict) else ():
            if isinstance(identifier, str):
                names[identifier] = (*names.get(identifier, ()), f"{repository}:{tag}")
    return names


def _image(assembly: Assembly, head: str, documents: dict[str, Document], tags: tuple[str, ...]) -> Image:
    chain: dict[str, None] = {}
    current: Any = head
    while isinstance(current, str) and current in documents and current not in chain and len(chain) < _MAX_CHAIN:
        chain[current] = None
        current = documents[current].get("parent")
    problems: list[Problem] = []
    if current:
        message = f"the parent layer {current!s:.80} is not there, or the chain has no end"
        problems.append(Problem("missing-blob", message, Effect.INCOMPLETE))
    layers: list[LayerSource] = []
    history = []
    for identifier in reversed(chain):
        name = f"{identifier}/layer.tar"
        assembly.claimed.add(name)
        layers.append((assembly.entries.blob(name) or MissingBlob(name, "it is not in the archive"), None))
        history.append(_history(documents[identifier], identifier))
    config, wrong = config_from(documents[head], head)
    problems.extend(wrong)
    return assembly.image(replace(config, history=tuple(history)), layers, problems, tags=tags)


def _history(document: Document, identifier: str) -> HistoryEntry:
    """A v1 layer's `container_config` has the command that made it; each of them made a layer."""
    inner = document.get("container_config")
    command, _ = config_from({"config": inner if isinstance(inner, dict) else {}}, identifier)
    own, _ = config_from(document, identifier)
    comment = document.get("comment")
    return HistoryEntry(
        created=own.created,
        created_by=" ".join(command.cmd),
        comment=comment if isinstance(comment, str) else "",
        author=own.author,
        empty_layer=False,
    )
