"""A bag of evidence (BagIt, RFC 8493): the recovered file, what is known of it, and the chain back to the image.

    bagit.txt bag-info.txt         what it is
    data/NAME                      the bytes
    metadata.json                  the file, its digests, the chain, the history step, the fate
    manifest-sha256.txt, -md5      of data/
    tagmanifest-sha256.txt         of all the rest

No clock and no machine is in it: equal evidence gives equal bags.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from imgscan import __version__
from imgscan.evidence import MemberKind
from imgscan.file_versions import KINDS, names_of
from imgscan.listing import described
from imgscan.overlay import FileVersion
from imgscan.pipeline import Options
from imgscan.recovery.contents import Recovered
from imgscan.renderers.escapes import cleaned

SCHEMA = "imgscan-evidence/1"
_PLAIN = re.compile(r"[A-Za-z0-9._+@=~-]{1,200}", re.ASCII)
"""Names that every file system and every reader of manifests takes as they are."""

Document = dict[str, Any]


def bag(recovered: Recovered, reference: str, options: Options) -> Iterator[tuple[str, Iterator[bytes]]]:
    """(path inside the bag, its bytes in pieces), the payload first. `reference` is what the image was asked for by."""
    name = payload_name(recovered)
    yield name, recovered.pieces()
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": _info(recovered),
        "metadata.json": _json(metadata(recovered, reference, options)),
        "manifest-md5.txt": f"{recovered.md5}  {name}\n".encode(),
        "manifest-sha256.txt": f"{recovered.sha256}  {name}\n".encode(),
    }
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {tag}\n" for tag, data in sorted(tags.items()))
    for tag, data in (*tags.items(), ("tagmanifest-sha256.txt", sums.encode())):
        yield tag, iter([data])


def payload_name(recovered: Recovered) -> str:
    """`data/` and the file's own name, where that is harmless; metadata.json has the whole path in any case."""
    name = (recovered.inner_path or recovered.version.path).rpartition("/")[2]
    return f"data/{name if _PLAIN.fullmatch(name) and name not in ('.', '..') else 'content'}"


def _info(recovered: Recovered) -> bytes:
    lines = (
        f"Bag-Software-Agent: imgscan {__version__}",
        f"Payload-Oxum: {recovered.size}.1",
        "External-Description: one version of a file of a container image, recovered from its layer",
    )
    return "".join(f"{line}\n" for line in lines).encode()


def metadata(recovered: Recovered, reference: str, options: Options) -> Document:
    """Everything that is known of the version. Strings of the build history are redacted as in reports."""
    report = described(recovered.evidence, options)
    image, rows = report.image, {row.index: row for row in report.image.layers}
    steps = {step.index: step for step in image.history}
    version, content, scan = recovered.version, recovered.content, recovered.scan
    layer = rows[content.layer]
    claimed = recovered.evidence.image.layers[content.layer]
    step = steps.get(layer.history) if layer.history is not None else None
    ended = version.fate.by_layer
    return {
        "schema": SCHEMA,
        "tool": {"name": "imgscan", "version": __version__},
        "asked_for": reference,
        "file": {
            **_entry(recovered, version),
            "fate": {
                "state": str(version.fate.kind),
                "layer": ended,
                "instruction": rows[ended].instruction if ended is not None else None,
            },
        },
        "bytes": {
            "size": recovered.size,
            "missing": recovered.missing,
            "payload": payload_name(recovered),
            "inner_path": recovered.inner_path,
        },
        "digests": {"md5": recovered.md5, "sha1": recovered.sha1, "sha256": recovered.sha256},
        "chain": {
            "reference": image.reference,
            "source": str(image.source),
            "platform": image.platform,
            "created": image.created or None,
            "image_id": image.image_id,
            "manifest_digest": image.manifest_digest,
            "layer": {
                "index": content.layer,
                "diff_id": scan.diff_id,
                "diff_id_claimed": claimed.diff_id or None,
                "digest": scan.digest,
                "size": scan.size,
                "stored_size": scan.stored_size,
            },
            "member": {
                **_entry(recovered, content),
                "data_offset": content.member.data_offset,
                "sha256": scan.members.sha256(content.member.index).hex() or None,
            },
            "history": step
            and {
                "index": step.index,
                "created": step.created or None,
                "created_by": step.created_by,
                "instruction": step.instruction,
            },
        },
        "problems": [
            {"code": p.code, "message": p.message, "effect": str(p.effect), "path": p.path, "layer": p.layer}
            for p in report.problems
        ],
    }


def _entry(recovered: Recovered, version: FileVersion) -> Document:
    """A member of a layer as its tar has it."""
    member, names = version.member, names_of(recovered.evidence)
    return {
        "path": member.path,
        "name_in_tar": member.raw_name,
        "kind": KINDS[member.kind],
        "layer": version.layer,
        "member": member.index,
        "size": member.size,
        "mode": f"{member.mode & 0o7777:04o}",
        "uid": member.uid,
        "gid": member.gid,
        "user": names.users.get(member.uid),
        "group": names.groups.get(member.gid),
        "mtime": member.mtime,
        "link": member.linkname if member.kind is MemberKind.HARDLINK else None,
        "xattrs": {name: value.hex() for name, value in member.xattrs},
    }


def _json(document: Document) -> bytes:
    return (json.dumps(cleaned(document), indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode()
