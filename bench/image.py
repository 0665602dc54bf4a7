"""Archives round finished layers: docker save as engines before 25 wrote it, and OCI with compressed layers."""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import BinaryIO

from bench import planted, tarball
from bench.members import Planting

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 4 << 20
CREATED = "2024-03-01T00:00:00Z"
REFERENCE = "bench:latest"
STEPS = (
    "/bin/sh -c #(nop) ADD file:5f0c7e6d1a in / ",
    "RUN /bin/sh -c apt-get update && apt-get install -y nodejs python3 # buildkit",
    "RUN |1 NPM_TOKEN={npm-token} /bin/sh -c npm ci && pip install -r requirements.txt # buildkit",
    "COPY . /app # buildkit",
    "RUN /bin/sh -c rm -rf /app/tmp && node scripts/clean.js # buildkit",
    "COPY start.sh /app/ # buildkit",
)


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """A finished layer on disk; digests are `sha256:...`."""

    path: Path
    diff_id: str
    digest: str
    size: int


def config(seed: int, diff_ids: list[str]) -> tuple[bytes, list[Planting]]:
    """The image's config with four secrets of its own: three in Env, one in the history."""
    random = Random(f"config {seed}")
    env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "NODE_ENV=production"]
    plantings = []
    for kind in ("database-url", "stripe-key", "password"):
        secret = planted.invent(random, kind)
        plantings.append(Planting(secret, "config", f"/config/Env/{len(env)}"))
        env.append(f"{secret.name}={secret.value}")
    npm = planted.invent(random, "npm-token")
    plantings.append(Planting(npm, "history", "/history/2/created_by"))
    steps = [step.replace("{npm-token}", npm.value) for step in STEPS]
    history = [{"created": CREATED, "created_by": step} for step in steps[: len(diff_ids)]]
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": CREATED,
        "config": {"Env": env, "Cmd": ["node", "server.js"], "WorkingDir": "/app"},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [*history, {"created": CREATED, "created_by": 'CMD ["node" "server.js"]', "empty_layer": True}],
    }
    return json.dumps(document).encode(), plantings


def docker_save(target: Path, layers: list[StoredLayer], image_config: bytes) -> None:
    """`ID/layer.tar` for each layer, the config and manifest.json: names from which every scanner tells a tar."""
    identity = hashlib.sha256(image_config).hexdigest()
    names = [hashlib.sha256(f"{index} {layer.diff_id}".encode()).hexdigest() for index, layer in enumerate(layers)]
    tars = [f"{name}/layer.tar" for name in names]
    manifest = [{"Config": f"{identity}.json", "RepoTags": [REFERENCE], "Layers": tars}]
    with replacing(target) as out:
        for name, layer in zip(names, layers, strict=True):
            out.write(tarball.header(f"{name}/".encode(), mode=0o755, kind=tarball.DIRECTORY))
            add_bytes(out, f"{name}/VERSION", b"1.0")
            add_file(out, f"{name}/layer.tar", layer.path)
        add_bytes(out, f"{identity}.json", image_config)
        add_bytes(out, "manifest.json", json.dumps(manifest).encode())
        out.write(tarball.END)


def oci_archive(target: Path, layers: list[StoredLayer], image_config: bytes, media_type: str) -> None:
    """An OCI image layout in a tar; `media_type` is the layers'."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", image_config),
        "layers": [
            {"mediaType": media_type, "digest": layer.digest, "size": layer.path.stat().st_size} for layer in layers
        ],
    }
    manifest_bytes = json.dumps(manifest).encode()
    entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest_bytes)
    entry["annotations"] = {"org.opencontainers.image.ref.name": REFERENCE.split(":")[1]}
    with replacing(target) as out:
        for folder in ("blobs/", "blobs/sha256/"):
            out.write(tarball.header(folder.encode(), mode=0o755, kind=tarball.DIRECTORY))
        for layer in layers:
            add_file(out, blob_name(layer.digest), layer.path)
        for data in (image_config, manifest_bytes):
            add_bytes(out, blob_name("sha256:" + hashlib.sha256(data).hexdigest()), data)
        add_bytes(out, "index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
        add_bytes(out, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        out.write(tarball.END)


def descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def blob_name(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def add_bytes(out: BinaryIO, name: str, data: bytes) -> None:
    out.write(tarball.header(name.encode(), len(data)) + data + tarball.padding(len(data)))


def add_file(out: BinaryIO, name: str, path: Path) -> None:
    size = path.stat().st_size
    out.write(tarball.header(name.encode(), size))
    for chunk in chunks(path):
        out.write(chunk)
    out.write(tarball.padding(size))


def chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk


def gzip_layer(layer: StoredLayer, target: Path) -> StoredLayer:
    """One gzip member at level 6, deflated in parallel: a full flush after every CHUNK."""

    def deflate(numbered: tuple[int, bytes]) -> bytes:
        number, chunk = numbered
        stream = zlib.compressobj(6, zlib.DEFLATED, -15)
        last = (number + 1) * CHUNK >= layer.size
        return stream.compress(chunk) + stream.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)

    checksum = 0

    def counted() -> Iterator[tuple[int, bytes]]:
        nonlocal checksum
        for number, chunk in enumerate(chunks(layer.path)):
            checksum = zlib.crc32(chunk, checksum)
            yield number, chunk

    def pieces() -> Iterator[bytes]:
        yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
        with ThreadPoolExecutor() as threads:
            yield from threads.map(deflate, counted())
        yield checksum.to_bytes(4, "little") + (layer.size & 0xFFFFFFFF).to_bytes(4, "little")

    return stored(layer, target, pieces())


def zstd_layer(layer: StoredLayer, target: Path) -> StoredLayer:
    """One zstd frame at level 3, as build tools choose by default."""
    stream = zstd.ZstdCompressor(level=3)

    def pieces() -> Iterator[bytes]:
        for chunk in chunks(layer.path):
            yield stream.compress(chunk)
        yield stream.flush()

    return stored(layer, target, pieces())


def stored(layer: StoredLayer, target: Path, pieces: Iterator[bytes]) -> StoredLayer:
    digest = hashlib.sha256()
    with replacing(target) as out:
        for piece in pieces:
            digest.update(piece)
            out.write(piece)
    return StoredLayer(target, layer.diff_id, "sha256:" + digest.hexdigest(), layer.size)


class replacing:  # reads as a verb: `with replacing(path) as out`
    """A file that appears under its name only when it is complete."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.partial = target.with_name(target.name + ".partial")

    def __enter__(self) -> BinaryIO:
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        self.file = self.partial.open("wb")
        return self.file

    def __exit__(self, kind: object, *_: object) -> None:
        self.file.close()
        if kind is None:
            self.partial.replace(self.target)
        else:
            self.partial.unlink()
