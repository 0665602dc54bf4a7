"""Build the benchmark's images, from a seed, offline: `python -m bench.corpus --help`.

Everything lies in one folder per seed and scale, and is kept there:

    plain.tar            docker save with uncompressed layers
    flat.tar             the same, byte for byte but for the signatures of nested archives: nothing to unpack
    gzip.tar  zstd.tar   OCI archives with compressed layers
    layers/              the compressed layers by themselves, for the programs compared with
    manifest.json        counts, sizes and where each planted secret lies
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from bench import nested, tarball, vocabulary
from bench.image import StoredLayer, chunks, config, docker_save, gzip_layer, oci_archive, replacing, zstd_layer
from bench.members import Planting, Segment, segment
from bench.plan import Entry, plan
from bench.text import pools

VERSION = 1
"""Raised when the content changes: what was built before is built anew."""
OUT = Path(__file__).parent / "out"
VARIANTS = ("plain", "flat", "gzip", "zstd")
SEGMENT_BYTES = 4 << 20
SEGMENTS_AHEAD = 12
MEDIA_TYPES = {
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}


@dataclass(frozen=True, slots=True)
class Corpus:
    """A finished folder of images."""

    folder: Path
    manifest: dict[str, Any]

    def archive(self, variant: str) -> Path:
        return self.folder / f"{variant}.tar"

    def layers(self, variant: str) -> list[Path]:
        """The compressed layers of `gzip` or `zstd`, base first."""
        return sorted((self.folder / "layers").glob(f"*.{variant}"))


def build(
    out: Path, *, seed: int = 1, scale: float = 1.0, secrets: int = 314, pool: int = 16 << 20, workers: int = 0
) -> Corpus:
    """The corpus, built if it is not there yet; `workers` processes make its content, 0 does it in this one.

    `pool` is the size in bytes of the text that each category is mixed from.
    """
    folder = out / f"corpus-v{VERSION}-{seed}-{scale:g}"
    if (folder / "manifest.json").exists():
        return Corpus(folder, json.loads((folder / "manifest.json").read_text()))
    started = time.monotonic()
    entries = plan(seed, scale, secrets)
    plain, flat, records = [], [], []
    nested_bytes = inflated = members = 0
    pools(seed, pool)  # before the workers start, which inherit it where processes are forked
    processes = ProcessPoolExecutor(workers) if workers else None
    for index, layer_entries in enumerate(entries):
        built = write_layer(folder, index, segments(seed, pool, layer_entries, processes))
        plain.append(built.plain)
        flat.append(built.flat)
        records += [record(planting, index) for planting in built.plantings]
        nested_bytes += built.nested_bytes
        inflated += built.inflated
        members += built.members
    if processes:
        processes.shutdown()
    image_config, config_plantings = config(seed, [layer.diff_id for layer in plain])
    records += [record(planting, None) for planting in config_plantings]
    docker_save(folder / "plain.tar", plain, image_config)
    docker_save(folder / "flat.tar", flat, config(seed, [layer.diff_id for layer in flat])[0])
    for variant, compress in (("gzip", gzip_layer), ("zstd", zstd_layer)):
        packed = [compress(layer, folder / "layers" / f"{index}.{variant}") for index, layer in enumerate(plain)]
        oci_archive(folder / f"{variant}.tar", packed, image_config, MEDIA_TYPES[variant])
    for layer in (*plain, *flat):
        layer.path.unlink()
    manifest = {
        "seed": seed,
        "scale": scale,
        "members": members,
        "layer_bytes": [layer.size for layer in plain],
        "nested_bytes": nested_bytes,
        "inflated_bytes": inflated,
        "archive_bytes": {variant: (folder / f"{variant}.tar").stat().st_size for variant in VARIANTS},
        "seconds": round(time.monotonic() - started, 1),
        "planted": records,
    }
    with replacing(folder / "manifest.json") as target:
        target.write(json.dumps(manifest, indent=1).encode())
    return Corpus(folder, manifest)


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    plain: StoredLayer
    flat: StoredLayer
    plantings: tuple[Planting, ...]
    members: int
    nested_bytes: int
    inflated: int


def write_layer(folder: Path, index: int, parts: Iterator[Segment]) -> BuiltLayer:
    """Write a layer's tar twice, as it is and with its nested archives disguised."""
    paths = [folder / f"{index}.{variant}.layer" for variant in ("plain", "flat")]
    digests = [hashlib.sha256(), hashlib.sha256()]
    plantings: list[Planting] = []
    size = members = nested_bytes = inflated = 0
    with replacing(paths[0]) as plain, replacing(paths[1]) as flat:
        for part in parts:
            for data, target, digest in zip((part.data, disguised(part)), (plain, flat), digests, strict=True):
                target.write(data)
                digest.update(data)
            size += len(part.data)
            members += part.members
            plantings += part.plantings
            nested_bytes += sum(length for _, length in part.nested)
            inflated += part.inflated
        for target, digest in zip((plain, flat), digests, strict=True):
            target.write(tarball.END)
            digest.update(tarball.END)
    diff_ids = ["sha256:" + digest.hexdigest() for digest in digests]
    total = size + len(tarball.END)
    stored = [StoredLayer(path, digest, digest, total) for path, digest in zip(paths, diff_ids, strict=True)]
    return BuiltLayer(stored[0], stored[1], tuple(plantings), members, nested_bytes, inflated)


def segments(seed: int, pool: int, entries: list[Entry], processes: Executor | None) -> Iterator[Segment]:
    """The layer in pieces, in order; only a few are in memory at a time."""
    if processes is None:
        yield from (segment(seed, pool, batch) for batch in batches(entries))
        return
    waiting: deque[Future[Segment]] = deque()
    for batch in batches(entries):
        waiting.append(processes.submit(segment, seed, pool, batch))
        if len(waiting) > SEGMENTS_AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Runs of entries of about SEGMENT_BYTES each; the same whatever the number of workers."""
    batch: list[Entry] = []
    total = 0
    for entry in entries:
        batch.append(entry)
        total += entry.size + tarball.BLOCK
        if total > SEGMENT_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def disguised(part: Segment) -> bytes:
    data = bytearray(part.data)
    for offset, length in part.nested:
        data[offset : offset + length] = nested.disguise(bytes(data[offset : offset + length]))
    return bytes(data)


def record(planting: Planting, layer: int | None) -> dict[str, Any]:
    """A planting as the manifest tells it."""
    secret = planting.secret
    return {
        "kind": secret.kind,
        "name": secret.name,
        "value": secret.value,
        "core": secret.core,
        "place": planting.place,
        "layer": layer,
        "path": planting.path,
        "inner_path": planting.inner_path,
        "offset": planting.offset,
        "line": planting.line,
        "encoding": planting.encoding,
    }


def hostile(out: Path, members: int, seed: int = 1) -> Path:
    """A docker save of one layer with `members` tiny files, names of 30 to 60 bytes; built if it is not there yet."""
    target = out / f"hostile-v{VERSION}-{seed}-{members}.tar"
    if target.exists():
        return target
    random = Random(f"hostile {seed}")
    words = vocabulary.WORDS
    digest = hashlib.sha256()
    layer = target.with_suffix(".layer")
    with replacing(layer) as out_file:
        for start in range(0, members, 10_000):
            block = b"".join(
                tiny_member(random, f"srv/{start // 10_000}-{random.choice(words)}", number, words)
                for number in range(start, min(start + 10_000, members))
            )
            out_file.write(block)
            digest.update(block)
        out_file.write(tarball.END)
        digest.update(tarball.END)
    diff_id = "sha256:" + digest.hexdigest()
    docker_save(target, [StoredLayer(layer, diff_id, diff_id, layer.stat().st_size)], config(seed, [diff_id])[0])
    layer.unlink()
    return target


def tiny_member(random: Random, folder: str, number: int, words: list[str]) -> bytes:
    """Every second one is empty, the others hold one line."""
    name = f"{folder}/{random.choice(words)}/{random.choice(words)}_{random.choice(words)}_{number:07}.py".encode()
    data = b"" if number % 2 else f"{random.choice(words)} = {number}\n".encode()
    return tarball.header(name, len(data)) + data + tarball.padding(len(data))


def from_real_files(out: Path, folders: list[Path], limit: int = 2 << 30) -> Path:
    """A docker save of one layer with the regular files of real trees, at most `limit` bytes; always built anew."""
    layer = out / "real.layer"
    digest = hashlib.sha256()
    left = limit
    with replacing(layer) as target:
        for path in sorted(path for folder in folders for path in folder.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            size = path.stat().st_size
            name = str(path).lstrip("/").encode()
            if size > left or (len(name) > 100 and len(name.split(b"/")[-1]) > 90) or len(name) > 240:
                continue
            for data in (tarball.header(name, size), *chunks(path), tarball.padding(size)):
                target.write(data)
                digest.update(data)
            left -= size
        target.write(tarball.END)
        digest.update(tarball.END)
    diff_id = "sha256:" + digest.hexdigest()
    archive = out / "real.tar"
    docker_save(archive, [StoredLayer(layer, diff_id, diff_id, layer.stat().st_size)], config(1, [diff_id])[0])
    layer.unlink()
    return archive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is about 1.5 GB and 100,000 members")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--hostile", type=int, metavar="MEMBERS", help="only an archive of this many tiny members")
    parser.add_argument("--real", type=Path, nargs="+", metavar="DIR", help="only an archive of these trees' files")
    arguments = parser.parse_args()
    if arguments.hostile:
        sys.stdout.write(f"{hostile(arguments.out, arguments.hostile, arguments.seed)}\n")
    elif arguments.real:
        sys.stdout.write(f"{from_real_files(arguments.out, arguments.real)}\n")
    else:
        corpus = build(arguments.out, seed=arguments.seed, scale=arguments.scale, workers=arguments.workers)
        facts = {key: value for key, value in corpus.manifest.items() if key != "planted"}
        sys.stdout.write(f"{corpus.folder}\n{json.dumps(facts)}\nplanted: {len(corpus.manifest['planted'])}\n")


if __name__ == "__main__":
    main()
