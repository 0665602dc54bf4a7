"""Pushes images that tests build, with nothing but the API's own words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from tests.image_builder import BuiltImage, Members, oci_files, sha256

AUTH = Mapping[str, Any]


def push(origin: str, repository: str, tag: str, images: BuiltImage | Sequence[BuiltImage], **options: Any) -> str:
    """Push an image, or several as one index, under a tag; the digest of what the tag names. Options as `oci_files`."""
    request_options = {key: options.pop(key) for key in ("auth", "verify") if key in options}
    several = not isinstance(images, BuiltImage)
    members = oci_files(images, **({"nested": several or bool(options.get("attestations"))} | options))
    (entry,) = json.loads(members["index.json"].data)["manifests"][:1]
    return push_manifest(origin, repository, tag, members, entry["digest"], **request_options)


def push_manifest(origin: str, repository: str, tag: str, members: Members, digest: str, **options: Any) -> str:
    """Push a manifest or index of a layout, and all it names before it. Absent blobs are left out."""
    data = members[_name(digest)].data
    document = json.loads(data)
    for child in document.get("manifests", ()):
        if _name(child["digest"]) in members:
            push_manifest(origin, repository, child["digest"], members, child["digest"], **options)
    for blob in (document.get("config"), *document.get("layers", ())):
        if blob is not None and _name(blob["digest"]) in members and not blob.get("urls"):
            push_blob(origin, repository, members[_name(blob["digest"])].data, **options)
    return put_manifest(origin, repository, tag, data, document["mediaType"], **options)


def push_blob(origin: str, repository: str, data: bytes, **options: Any) -> str:
    """Upload a blob; its digest."""
    digest = sha256(data)
    began = requests.post(f"{origin}/v2/{repository}/blobs/uploads/", timeout=30, **options)
    began.raise_for_status()
    place = requests.compat.urljoin(f"{origin}/", began.headers["Location"])
    done = requests.put(
        f"{place}&digest={digest}",
        data=data,
        headers={"Content-Type": "application/octet-stream"},
        timeout=60,
        **options,
    )
    done.raise_for_status()
    return digest


def put_manifest(origin: str, repository: str, tag: str, data: bytes, media_type: str, **options: Any) -> str:
    """Upload a manifest under a tag, or under its digest; the digest."""
    done = requests.put(
        f"{origin}/v2/{repository}/manifests/{tag}",
        data=data,
        headers={"Content-Type": media_type},
        timeout=60,
        **options,
    )
    assert done.ok, done.text
    return sha256(data)


def _name(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"
