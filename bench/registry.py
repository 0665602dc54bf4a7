"""A synthetic registry: repositories that share bases, runtimes and dependencies, in docker-registry's own storage.

Written as files (distribution, registry/storage/paths.go) instead of pushed: two thousand images in a minute.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench import tarball
from bench.text import compose, elf, pools

REPOSITORIES, TAGS = 200, 10
BASES, RUNTIMES = 6, 25
POOL = 1 << 20
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SECRET = b"DATABASE_PASSWORD=super_secret_password_123\n"
KINDS = ("javascript", "python", "json", "text", "minified", "elf")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A layer before it is made: `files` of about `size` bytes each."""

    name: str
    files: int
    size: int
    leaky: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A layer in the registry: digests and sizes of the blob and of the tar in it."""

    digest: str
    diff_id: str
    size: int
    plain: int
    members: int


def recipes(scale: float) -> tuple[list[Recipe], dict[tuple[int, int], list[str]]]:
    """The layers, and for (repository, tag) the names of an image's layers, base first."""
    bases = [Recipe(f"base{n}", int(9000 * scale), 7000, leaky=n == 3) for n in range(BASES)]
    runtimes = [Recipe(f"runtime{n}", int(1500 * scale), 9000) for n in range(RUNTIMES)]
    made, images = [*bases, *runtimes], {}
    for repository in range(REPOSITORIES):
        runtime = repository % RUNTIMES
        for generation in (0, 1):
            made.append(Recipe(f"packages{repository}-{generation}", int(250 * scale), 7000))
        for tag in range(TAGS):
            own = Recipe(
                f"own{repository}-{tag}", max(4, int(50 * scale)), 9000, leaky=repository % 40 == 7 and tag == 4
            )
            made.append(own)
            packages = f"packages{repository}-{tag * 2 // TAGS}"
            images[repository, tag] = [f"base{runtime % BASES}", f"runtime{runtime}", packages, own.name]
    return made, images


def build(storage: Path, scale: float) -> dict[str, Made]:
    """Fill a registry's storage; the distinct layers by name. Kept: the same scale is not built again."""
    known = storage / f"layers-{scale}.json"
    if known.exists():
        return {name: Made(**made) for name, made in json.loads(known.read_text()).items()}
    wanted, images = recipes(scale)
    root = storage / "docker/registry/v2"
    with ProcessPoolExecutor() as pool:
        tasks = pool.map(_make, wanted, [root] * len(wanted), chunksize=4)
        made = {recipe.name: layer for recipe, layer in zip(wanted, tasks, strict=True)}
    for (repository, tag), names in images.items():
        _image(root, f"group{repository % 10}/app{repository}", f"1.{tag}", [made[name] for name in names], tag)
    known.write_text(
        json.dumps({name: {key: getattr(one, key) for key in Made.__slots__} for name, one in made.items()})
    )
    return made


def _make(recipe: Recipe, root: Path) -> Made:
    """Write one layer's blob."""
    random, pool = Random(recipe.name), pools(1, POOL)
    plain, stored = hashlib.sha256(), hashlib.sha256()
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    temporary = root / "blobs" / f"new-{recipe.name}"
    temporary.parent.mkdir(parents=True, exist_ok=True)
    sizes = [0, 0]
    with temporary.open("wb") as out:

        def write(data: bytes) -> None:
            plain.update(data)
            packed = packer.compress(data)
            stored.update(packed)
            sizes[0] += len(data)
            sizes[1] += out.write(packed)

        for number in range(recipe.files):
            kind = KINDS[random.randrange(len(KINDS))]
            size = max(100, int(random.expovariate(1 / recipe.size)))
            content = b"".join(elf(random, pool, size) if kind == "elf" else compose(random, pool, kind, size))
            _member(write, f"srv/{recipe.name}/{number % 97}/file{number}.{kind[:2]}", content)
        if recipe.leaky:
            _member(write, f"srv/{recipe.name}/.env", SECRET)
        write(tarball.END)
        rest = packer.flush()
        stored.update(rest)
        sizes[1] += out.write(rest)
    temporary.rename(_blob(root, stored.hexdigest()))
    digest, diff_id = f"sha256:{stored.hexdigest()}", f"sha256:{plain.hexdigest()}"
    return Made(digest, diff_id, sizes[1], sizes[0], recipe.files + recipe.leaky)


def _member(write: object, name: str, content: bytes) -> None:
    assert callable(write)
    write(tarball.header(name.encode(), len(content)) + content + tarball.padding(len(content)))


def _blob(root: Path, value: str) -> Path:
    place = root / "blobs/sha256" / value[:2] / value
    place.mkdir(parents=True, exist_ok=True)
    return place / "data"


def _put(root: Path, data: bytes) -> str:
    value = hashlib.sha256(data).hexdigest()
    _blob(root, value).write_bytes(data)
    return f"sha256:{value}"


def _image(root: Path, repository: str, tag: str, layers: list[Made], day: int) -> None:
    created = f"2025-06-{day + 1:02}T00:00:00Z"
    config = {
        "architecture": "amd64", "os": "linux", "created": created,
        "config": {"Cmd": ["/srv/start"], "Env": ["PATH=/usr/bin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": created, "created_by": f"COPY step{n} / # buildkit"} for n in range(len(layers))],
    }  # fmt: skip
    data = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": _put(root, data), "size": len(data)},
        "layers": [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
    }
    digest = _put(root, json.dumps(manifest).encode())
    place = root / "repositories" / repository
    for blob in (manifest["config"], *manifest["layers"]):
        _link(place / "_layers/sha256" / blob["digest"][7:] / "link", blob["digest"])
    _link(place / "_manifests/revisions/sha256" / digest[7:] / "link", digest)
    _link(place / "_manifests/tags" / tag / "current/link", digest)
    _link(place / "_manifests/tags" / tag / "index/sha256" / digest[7:] / "link", digest)


def _link(place: Path, digest: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(digest)


@contextmanager
def served(storage: Path, log: Path) -> Iterator[str]:
    """A docker-registry over it on loopback: its address. Each request is a line of `log`."""
    config = storage / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: info, accesslog: {disabled: false}}\n"
        f"storage: {{filesystem: {{rootdirectory: {storage}}}, cache: {{blobdescriptor: inmemory}}}}\n"
        "http: {addr: '127.0.0.1:0'}\n"
    )
    with log.open("wb") as requests:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=requests, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r"listening on (127\.0\.0\.1:\d+)", line):
                    break
            else:
                raise RuntimeError("docker-registry did not start")
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
            yield found.group(1)
        finally:
            process.terminate()
            process.wait()
            drain.wait()
