"""Images as values: layers, history and config, before any writer lays them out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.image_builder.compression import compress
from tests.image_builder.tar import Dialect, Entry, Item, Name, Value, as_bytes, directory, write_tar

CREATED = "2024-01-02T03:04:05Z"
"""The time every config and history entry bears unless told otherwise."""

Files = Mapping[Name, Value] | Iterable[Item]


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical(document: Any) -> bytes:
    """JSON bytes, keys in the order given, no spaces: as Go's encoder writes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Step:
    """One history entry. `empty_layer` is for steps that made no layer."""

    created_by: str
    empty_layer: bool = True
    created: str = CREATED
    comment: str = ""
    author: str = ""

    def document(self) -> dict[str, Any]:
        entry: dict[str, Any] = {"created": self.created, "created_by": self.created_by}
        if self.comment:
            entry["comment"] = self.comment
        if self.author:
            entry["author"] = self.author
        if self.empty_layer:
            entry["empty_layer"] = True
        return entry


@dataclass(frozen=True)
class BuiltLayer:
    """One layer: the uncompressed tar, and the history entry of the step that made it.

    `compression` "" leaves it to the writer.
    """

    tar: bytes
    step: Step
    compression: str = ""

    @property
    def diff_id(self) -> str:
        return sha256(self.tar)

    def blob(self, default: str) -> bytes:
        """The layer as stored by a writer whose usual compression is `default`."""
        return compress(self.tar, self.compression or default)


def layer(
    *files: Files | bytes,
    created_by: str = "COPY . . # buildkit",
    comment: str | None = None,
    created: str = CREATED,
    compression: str = "",
    dialect: Dialect = "pax",
    parents: bool = False,
) -> BuiltLayer:
    """A layer of the given files: dicts or (path, content) pairs, in order, duplicates and all; bytes are a raw tar.

    A path that ends in `/` is a directory. With `parents` the directories above come first, as builders write them.
    """
    step = Step(created_by, empty_layer=False, created=created, comment=_comment(created_by, comment))
    if len(files) == 1 and isinstance(files[0], bytes):
        return BuiltLayer(files[0], step, compression)
    items: list[Item] = []
    for group in files:
        if isinstance(group, bytes):
            items.append(group)
        else:
            items += group.items() if isinstance(group, Mapping) else group
    return BuiltLayer(write_tar(with_parents(items) if parents else items, dialect=dialect), step, compression)


def with_parents(items: Iterable[Item]) -> list[Item]:
    """The items, each directory that holds one of them before it, once."""
    seen: set[bytes] = set()
    result: list[Item] = []
    for item in items:
        if not isinstance(item, bytes):
            path = as_bytes(item[0]).rstrip(b"/")
            parts = path.split(b"/")
            for depth in range(1, len(parts)):
                above = b"/".join(parts[:depth])
                if above and above not in seen:
                    seen.add(above)
                    result.append((above + b"/", directory()))
            if as_bytes(item[0]).endswith(b"/") or (isinstance(item[1], Entry) and item[1].kind == "directory"):
                seen.add(path)
        result.append(item)
    return result


def step(created_by: str, *, comment: str | None = None, created: str = CREATED, author: str = "") -> Step:
    """A history entry that made no layer: `ENV`, `USER`, `CMD`, ..."""
    return Step(created_by, created=created, comment=_comment(created_by, comment), author=author)


def _comment(created_by: str, comment: str | None) -> str:
    if comment is not None:
        return comment
    return "buildkit.dockerfile.v0" if created_by.endswith("# buildkit") else ""


@dataclass(frozen=True)
class BuiltImage:
    """An image: its layers, base first, its config blob and the names it is saved under."""

    layers: tuple[BuiltLayer, ...]
    config: bytes
    tags: tuple[str, ...] = ("app:latest",)
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def image_id(self) -> str:
        return sha256(self.config)

    @property
    def document(self) -> dict[str, Any]:
        """The config blob, decoded."""
        document: dict[str, Any] = json.loads(self.config)
        return document

    @property
    def platform(self) -> dict[str, str]:
        """As a descriptor of an index says it."""
        keys = ("architecture", "os", "variant")
        return {key: self.document[key] for key in keys if self.document.get(key)}

    def tagged(self, *tags: str) -> BuiltImage:
        """The same image under other names; none at all for `tagged()`."""
        return replace(self, tags=tags)


def image(
    *parts: BuiltLayer | Step,
    tags: Sequence[str] = ("app:latest",),
    platform: str = "linux/amd64",
    user: str = "",
    env: Sequence[str] | Mapping[str, str] = (),
    entrypoint: Sequence[str] | None = None,
    cmd: Sequence[str] | None = None,
    working_dir: str = "",
    labels: Mapping[str, str] | None = None,
    healthcheck: Mapping[str, Any] | Sequence[str] | None = None,
    exposed_ports: Sequence[str] = (),
    volumes: Sequence[str] = (),
    on_build: Sequence[str] = (),
    shell: Sequence[str] = (),
    stop_signal: str = "",
    created: str = CREATED,
    author: str = "",
    history: Sequence[Step | Mapping[str, Any] | str] | None = None,
    diff_ids: Sequence[str] | None = None,
    annotations: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    document: Mapping[str, Any] | None = None,
    raw_config: bytes | None = None,
) -> BuiltImage:
    """An image of layers and empty steps in the order they were made.

    History is one entry per part, unless `history` says otherwise. `config` adds or replaces keys of the inner
    `config` object, `document` keys of the whole blob; `raw_config` is the blob itself, whatever it may be.
    `diff_ids` replaces the true ones.
    """
    layers = tuple(part for part in parts if isinstance(part, BuiltLayer))
    operating_system, _, machine = platform.partition("/")
    architecture, _, variant = machine.partition("/")
    inner: dict[str, Any] = {
        "User": user,
        "ExposedPorts": {port: {} for port in exposed_ports},
        "Env": [f"{name}={value}" for name, value in env.items()] if isinstance(env, Mapping) else list(env),
        "Entrypoint": None if entrypoint is None else list(entrypoint),
        "Cmd": None if cmd is None else list(cmd),
        "Healthcheck": healthcheck if isinstance(healthcheck, Mapping | None) else {"Test": list(healthcheck)},
        "Volumes": {volume: {} for volume in volumes},
        "WorkingDir": working_dir,
        "Labels": None if labels is None else dict(labels),
        "OnBuild": list(on_build),
        "StopSignal": stop_signal,
        "Shell": list(shell),
    }
    inner = {key: value for key, value in inner.items() if value not in ("", None, [], {})} | dict(config or {})
    whole: dict[str, Any] = {"architecture": architecture}
    if variant:
        whole["variant"] = variant
    if author:
        whole["author"] = author
    whole |= {
        "config": inner,
        "created": created,
        "history": [_history_entry(entry) for entry in (_steps(parts) if history is None else history)],
        "os": operating_system,
        "rootfs": {"type": "layers", "diff_ids": [part.diff_id for part in layers] if diff_ids is None else diff_ids},
    }
    blob = canonical(whole | dict(document or {})) if raw_config is None else raw_config
    return BuiltImage(layers, blob, tuple(tags), tuple((annotations or {}).items()))


def _steps(parts: Iterable[BuiltLayer | Step]) -> list[Step]:
    return [part.step if isinstance(part, BuiltLayer) else part for part in parts]


def _history_entry(entry: Step | Mapping[str, Any] | str) -> dict[str, Any]:
    if isinstance(entry, str):
        return Step(entry, empty_layer=False, comment=_comment(entry, None)).document()
    return entry.document() if isinstance(entry, Step) else dict(entry)
