"""`imgscan files` as JSON, schema `imgscan/1`: a row a line, written as they come. docs/forensics.md has the keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from imgscan.evidence import MemberKind
from imgscan.file_versions import KINDS, FileRow, Listing
from imgscan.overlay import FateKind
from imgscan.renderers.escapes import json_line
from imgscan.renderers.renderer import RenderOptions

SCHEMA = "imgscan/1"


def lines(listings: Sequence[Listing], options: RenderOptions) -> Iterator[str]:
    """The document in pieces, each a line or some."""
    yield f'{{\n  "schema": "{SCHEMA}",\n  "tool": {json_line({"name": "imgscan", "version": options.version})},\n'
    yield '  "images": ['
    for number, listing in enumerate(listings):
        yield ",\n    {\n" if number else "\n    {\n"
        yield from _image(listing)
        yield "    }"
    yield "\n  ]\n}\n" if listings else "]\n}\n"


def _image(listing: Listing) -> Iterator[str]:
    image = listing.image
    about = {
        "reference": image.reference,
        "source": str(image.source),
        "platform": image.platform,
        "image_id": image.image_id,
        "manifest_digest": image.manifest_digest,
        "created": image.created or None,
        "size": image.size,
    }
    layers = [
        {
            "index": layer.index,
            "diff_id": layer.diff_id,
            "digest": layer.digest,
            "size": layer.size,
            "history": layer.history,
            "instruction": layer.instruction,
            "origin": str(layer.origin),
        }
        for layer in image.layers
    ]
    yield f'      "image": {json_line(about)},\n'
    yield '      "layers": [' + ",".join(f"\n        {json_line(layer)}" for layer in layers) + "\n      ],\n"
    counts: Counter[FateKind] = Counter()
    writer = _Writer(listing)
    yield '      "files": ['
    comma = ""
    for row in listing.selected():
        counts[row.fate] += 1
        yield f"{comma}\n        {writer.row(row)}"
        comma = ","
    yield "\n      ],\n"
    totals = {str(kind): counts[kind] for kind in FateKind} | {"dead_bytes": listing.dead_bytes}
    yield f'      "totals": {json_line(totals)},\n'
    problems = [
        {"code": p.code, "message": p.message, "effect": str(p.effect), "path": p.path, "layer": p.layer}
        for p in listing.problems
    ]
    yield f'      "problems": {json_line(problems)}\n'


class _Writer:
    """Rows as JSON. What many rows share is encoded once; a row takes 4 us."""

    def __init__(self, listing: Listing) -> None:
        self._layers = {layer.index: layer for layer in listing.image.layers}
        self._names = listing.names
        self._owners: dict[tuple[int, int], str] = {}
        self._by: dict[int, str] = {}
        self._fates: dict[tuple[FateKind, int | None], str] = {}

    def row(self, row: FileRow) -> str:
        owner = self._owners.get((row.uid, row.gid)) or self._owner(row.uid, row.gid)
        brought = self._by.get(row.layer) or self._brought(row.layer)
        fate = self._fates.get((row.fate, row.ended_by)) or self._fate(row.fate, row.ended_by)
        link = json_line(row.link) if row.link else "null"
        digest = f'"sha256:{row.sha256.hex()}"' if row.sha256 else "null"
        content = "null"
        if row.kind is MemberKind.HARDLINK:
            content = f'{{"layer": {row.content[0]}, "member": {row.content[1]}}}'
        return (
            f'{{"path": {json_line(row.path)}, "kind": "{KINDS[row.kind]}", {brought}, "member": {row.member}, '
            f'"size": {row.size}, "mode": "{row.mode:04o}", {owner}, "mtime": {row.mtime}, "link": {link}, '
            f'"digest": {digest}, {fate}, "content": {content}}}'
        )

    def _owner(self, uid: int, gid: int) -> str:
        user, group = self._names.users.get(uid), self._names.groups.get(gid)
        text = f'"uid": {uid}, "gid": {gid}, "user": {json_line(user)}, "group": {json_line(group)}'
        if len(self._owners) < 4096:
            self._owners[uid, gid] = text
        return text

    def _brought(self, index: int) -> str:
        layer = self._layers[index]
        text = (
            f'"layer": {index}, "history": {json_line(layer.history)}, "instruction": {json_line(layer.instruction)}, '
            f'"origin": "{layer.origin}"'
        )
        self._by[index] = text
        return text

    def _fate(self, fate: FateKind, by: int | None) -> str:
        instruction = self._layers[by].instruction if by is not None else None
        text = f'"fate": {{"state": "{fate}", "layer": {json_line(by)}, "instruction": {json_line(instruction)}}}'
        self._fates[fate, by] = text
        return text
