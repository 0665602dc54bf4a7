"""Where secrets are planted to see who finds them: one small image for each place, equal texts in all of them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import lzma
import sqlite3
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import tarball
from bench.image import CREATED, StoredLayer, docker_save
from bench.nested import gzipped


@dataclass(frozen=True, slots=True)
class Text:
    """A text with a secret in it: `value` is what must be found, `rule` whose example it is.

    `suffix` is that of the file it may stand in.
    """

    rule: str
    text: str
    value: str
    suffix: str


Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Placed:
    """Layers of an image, and strings of its config."""

    layers: Sequence[Files] = ({"app/readme": b"nothing\n"},)
    env: Sequence[str] = ()
    steps: Sequence[str] = ()
    labels: dict[str, str] = field(default_factory=dict)


def _named(texts: Sequence[Text], folder: str = "srv/app") -> Files:
    return {_name(folder, number, text): text.text.encode() for number, text in enumerate(texts)}


def _name(folder: str, number: int, text: Text) -> str:
    return f"{folder}/{number:04}.{text.suffix}"


def _deleted(texts: Sequence[Text]) -> Placed:
    files = _named(texts)
    return Placed((files, {f"{path.rpartition('/')[0]}/.wh.{path.rpartition('/')[2]}": b"" for path in files}))


def _zip(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _tar(files: Files) -> bytes:
    parts = [
        part
        for name, data in files.items()
        for part in (tarball.header(name.encode(), len(data)), data, tarball.padding(len(data)))
    ]
    return b"".join([*parts, tarball.END])


def _deb(files: Files) -> bytes:
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": lzma.compress(_tar({"./control": b"Package: app\n"})),
        "data.tar.xz": lzma.compress(_tar(files)),
    }
    data = b"!<arch>\n"
    for name, content in members.items():
        data += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        data += content + b"\n" * (len(content) % 2)
    return data


def _sqlite(texts: Sequence[Text]) -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        connection = sqlite3.connect(file.name)
        with connection:
            connection.execute("CREATE TABLE settings (id INTEGER PRIMARY KEY, content TEXT)")
            connection.executemany("INSERT INTO settings (content) VALUES (?)", [(text.text,) for text in texts])
        connection.close()
        return Path(file.name).read_bytes()


def _base64(text: Text) -> bytes:
    return b"kind: Secret\ndata:\n  content: " + base64.b64encode(text.text.encode()) + b"\n"


PLACES: dict[str, Callable[[Sequence[Text]], Placed]] = {
    "file": lambda texts: Placed((_named(texts),)),
    "deleted file": _deleted,
    "overwritten file": lambda texts: Placed((_named(texts), dict.fromkeys(_named(texts), b"gone\n"))),
    "ENV": lambda texts: Placed(env=[_assigned(text, f"SETTING_{at}") for at, text in enumerate(texts)]),
    "build arg": lambda texts: Placed(
        steps=[f"RUN |1 {_assigned(text, f'SETTING_{at}')} /bin/sh -c make # buildkit" for at, text in enumerate(texts)]
    ),
    "label": lambda texts: Placed(labels={f"com.corp.setting{at}": text.text for at, text in enumerate(texts)}),
    "jar": lambda texts: Placed(({"app/app.jar": _zip(_named(texts, "BOOT-INF/classes"))},)),
    "deb": lambda texts: Placed(({"srv/app_1_all.deb": _deb(_named(texts, "opt"))},)),
    "tar.gz in zip": lambda texts: Placed(({"srv/a.zip": _zip({"a.tar.gz": gzipped(_tar(_named(texts, "a")))})},)),
    "SQLite": lambda texts: Placed(({"var/lib/app.db": _sqlite(texts)},)),
    "UTF-16": lambda texts: Placed(
        ({_name("app", at, text): b"\xff\xfe" + text.text.encode("utf-16-le") for at, text in enumerate(texts)},)
    ),
    "base64": lambda texts: Placed(({f"srv/app/{at:04}.yaml": _base64(text) for at, text in enumerate(texts)},)),
}


def _assigned(text: Text, name: str) -> str:
    """NAME=VALUE as ENV and ARG have it; a text that is an assignment already keeps its name."""
    own, equals, value = text.text.partition("=")
    if (
        equals
        and value[:1] not in (">", "=")
        and own.replace("_", "").isalnum()
        and own.isascii()
        and not own[0].isdigit()
        and "\n" not in own
    ):
        return f"{own}={value.strip()}"
    return f"{name}={text.text.strip()}"


def build(folder: Path, place: str, texts: Sequence[Text]) -> Path:
    """The image of one place, as an archive in the layout from which every scanner tells a tar."""
    folder.mkdir(parents=True, exist_ok=True)
    placed = PLACES[place](texts)
    layers = []
    for number, files in enumerate(placed.layers):
        data = _tar(files)
        path = folder / f"layer{number}"
        path.write_bytes(data)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        layers.append(StoredLayer(path, digest, digest, len(data)))
    steps = [{"created": CREATED, "created_by": "COPY . . # buildkit"} for _ in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": CREATED,
        "config": {"Env": list(placed.env), "Labels": placed.labels},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [
            *steps,
            *({"created": CREATED, "created_by": step, "empty_layer": True} for step in placed.steps),
        ],
    }
    target = folder / "image.tar"
    docker_save(target, layers, json.dumps(config).encode())
    return target


def unpacked(archive: Path, folder: Path) -> Path:
    """What a scanner of files can be given: the layers' files side by side, and the config."""
    with tarfile.open(archive) as outer:
        for member in outer:
            data = outer.extractfile(member)
            if data is None:
                continue
            if not member.name.endswith("layer.tar"):
                (folder / member.name.replace("/", "-")).write_bytes(data.read())
                continue
            with tarfile.open(fileobj=data) as layer:
                layer.extractall(folder / member.name.split("/")[0], filter="data")
    return folder
