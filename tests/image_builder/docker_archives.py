"""The archives that `docker save`, podman, skopeo and jib write, as each of them lays them out.

Sources: moby image/tarexport (before 25 and since), containers/image docker/internal/tarfile,
jib's ImageTarball; orders as seen in archives those tools wrote.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tests.image_builder.images import BuiltImage, canonical, sha256
from tests.image_builder.oci import MANIFEST_OCI, manifest_for, oci_layout_file
from tests.image_builder.stored import (
    Edit,
    Images,
    Members,
    folder,
    hexadecimal,
    lexical,
    link,
    listed,
    repositories,
    saved,
    write_archive,
)


def docker_archive_legacy(images: Images, path: Path | str, *, edit: Edit | None = None) -> Path:
    """`docker save` of engines before 25: `<v1id>/layer.tar`, members in lexical order, `manifest.json` near the end.

    A diff_id that was saved before is a symlink `../<first v1id>/layer.tar`.
    """
    members: Members = {}
    manifest: list[dict[str, Any]] = []
    tops: list[tuple[BuiltImage, str]] = []
    for built in listed(images):
        members[f"{hexadecimal(built.image_id)}.json"] = saved(built.config)
        ids = _v1_layers(built, members)
        manifest.append(
            {
                "Config": f"{hexadecimal(built.image_id)}.json",
                "RepoTags": list(built.tags) or None,
                "Layers": [f"{one}/layer.tar" for one in ids],
            }
        )
        tops += [(built, ids[-1])] if ids else []
    members["manifest.json"] = saved(canonical(manifest))
    if named := repositories(tops):
        members["repositories"] = saved(canonical(named) + b"\n")
    return write_archive(lexical(members), path, edit)


def v1_only_archive(images: Images, path: Path | str, *, edit: Edit | None = None) -> Path:
    """The first format (Docker before 1.10): no `manifest.json`; the top layer's `json` has the config."""
    members: Members = {}
    tops = []
    for built in listed(images):
        ids = _v1_layers(built, members)
        tops.append((built, ids[-1]))
    members["repositories"] = saved(canonical(repositories(tops)))
    return write_archive(lexical(members), path, edit)


def docker_archive_hybrid(images: Images, path: Path | str, *, edit: Edit | None = None) -> Path:
    """`docker save` since 25 with a graph driver: an OCI layout of plain tars, and `manifest.json` beside `index.json`.

    All members lexical, so every blob comes before the JSON that explains it.
    """
    members: Members = {"blobs/": folder(), "blobs/sha256/": folder()}
    descriptors: list[dict[str, Any]] = []
    manifest: list[dict[str, Any]] = []
    tops: list[tuple[BuiltImage, str]] = []
    for built in listed(images):
        document = manifest_for(built, members, compression="none")
        blob = canonical(document)
        members[_blob_path(sha256(blob))] = saved(blob)
        for reference in built.tags or ("",):
            descriptor = {"mediaType": MANIFEST_OCI, "digest": sha256(blob), "size": len(blob)}
            if reference:
                descriptor["annotations"] = {
                    "io.containerd.image.name": f"docker.io/library/{reference}",
                    "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
                }
            descriptors.append(descriptor)
        stored = [(one.diff_id, one.blob("none")) for one in built.layers]
        manifest.append(
            {
                "Config": _blob_path(built.image_id),
                "RepoTags": list(built.tags) or None,
                "Layers": [_blob_path(sha256(data)) for _, data in stored],
                "LayerSources": {
                    diff_id: {
                        "mediaType": "application/vnd.oci.image.layer.v1.tar",
                        "size": len(data),
                        "digest": sha256(data),
                    }
                    for diff_id, data in stored
                },
            }
        )
        for v1_id, text in _v1_documents(built):
            members[_blob_path(sha256(text))] = saved(text)
            top = v1_id
        if built.layers:
            tops.append((built, top))
    members["index.json"] = saved(
        canonical(
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": descriptors}
        )
    )
    members["manifest.json"] = saved(canonical(manifest))
    members["oci-layout"] = oci_layout_file()
    if named := repositories(tops):
        members["repositories"] = saved(canonical(named) + b"\n")
    return write_archive(lexical(members), path, edit)


def podman_archive(images: Images, path: Path | str, *, edit: Edit | None = None) -> Path:
    """podman's and skopeo's `docker-archive`: `<diffid>.tar` at the root in layer order, then configs, v1 folders whose
    `layer.tar` is a symlink, `manifest.json`, `repositories`."""
    members: Members = {}
    manifest: list[dict[str, Any]] = []
    tops: list[tuple[BuiltImage, str]] = []
    for built in listed(images):
        names = [f"{hexadecimal(one.diff_id)}.tar" for one in built.layers]
        for one, name in zip(built.layers, names, strict=True):
            members[name] = saved(one.blob("none"))
        members[f"{hexadecimal(built.image_id)}.json"] = saved(built.config)
        top = ""
        for (v1_id, text), name in zip(_v1_documents(built), names, strict=True):
            members[f"{v1_id}/layer.tar"] = link(f"../{name}")
            members[f"{v1_id}/VERSION"] = saved("1.0")
            members[f"{v1_id}/json"] = saved(text)
            top = v1_id
        tops.append((built, top))
        manifest.append(
            {"Config": f"{hexadecimal(built.image_id)}.json", "RepoTags": list(built.tags) or None, "Layers": names}
        )
    members["manifest.json"] = saved(canonical(manifest))
    members["repositories"] = saved(canonical(repositories(tops)))
    return write_archive(members, path, edit)


def jib_archive(images: Images, path: Path | str, *, edit: Edit | None = None) -> Path:
    """jib's tarball: gzip layers first, `config.json`, and lower-case keys in `manifest.json`. One image."""
    (built,) = listed(images)
    members: Members = {}
    names = []
    for one in built.layers:
        data = one.blob("gzip")
        name = f"{hexadecimal(sha256(data))}.tar.gz"
        members[name] = saved(data)
        names.append(name)
    members["config.json"] = saved(built.config)
    members["manifest.json"] = saved(
        canonical([{"config": "config.json", "repoTags": list(built.tags), "layers": names}])
    )
    return write_archive(members, path, edit)


def _blob_path(digest: str) -> str:
    return f"blobs/sha256/{hexadecimal(digest)}"


def _v1_layers(built: BuiltImage, members: Members) -> list[str]:
    """Put one folder per layer into `members`; their ids, base first."""
    saved_at = {
        sha256(bytes(entry.data)): name.partition("/")[0]
        for name, entry in members.items()
        if name.endswith("/layer.tar") and entry.kind == "file" and isinstance(entry.data, bytes)
    }
    ids = []
    for (v1_id, text), one in zip(_v1_documents(built), built.layers, strict=True):
        ids.append(v1_id)
        if f"{v1_id}/" in members:
            continue
        data = one.blob("none")
        members[f"{v1_id}/"] = folder()
        members[f"{v1_id}/VERSION"] = saved("1.0")
        members[f"{v1_id}/json"] = saved(text)
        first = saved_at.setdefault(sha256(data), v1_id)
        members[f"{v1_id}/layer.tar"] = saved(data) if first == v1_id else link(f"../{first}/layer.tar")
    return ids


def _v1_documents(built: BuiltImage) -> list[tuple[str, bytes]]:
    """(v1 id, `json` file) per layer: the id hashes the chain so far, the top layer's also the config."""
    result: list[tuple[str, bytes]] = []
    parent = ""
    for index, one in enumerate(built.layers):
        last = index == len(built.layers) - 1
        seed = f"{one.diff_id} {parent} {built.image_id if last else ''}"
        v1_id = hashlib.sha256(seed.encode()).hexdigest()
        document: dict[str, Any] = {"id": v1_id}
        if parent:
            document["parent"] = parent
        document |= {"created": "1970-01-01T00:00:00Z", "container_config": {"Cmd": [one.step.created_by]}}
        if last:
            document |= {
                key: value for key, value in _config_document(built).items() if key not in ("history", "rootfs")
            }
        result.append((v1_id, canonical(document)))
        parent = v1_id
    return result


def _config_document(built: BuiltImage) -> dict[str, Any]:
    try:
        document = built.document
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
