"""What an engine answers, decoded: its JSON documents and its error texts. No I/O; an answer is a claim."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from imgscan.errors import AccessDenied, ImageNotFound, PlatformNotFound, SourceError, SourceUnavailable
from imgscan.image.image import Platform

TEXT_LIMIT = 300
"""Characters of an engine's or a registry's text that an error quotes."""

# What reading an unsteady peer's text can meet; the first that matches decides. The texts are moby's, containerd's,
# distribution's and Go's net package's.
NETWORK = re.compile(
    r"no such host|dial tcp|connection refused|i/o timeout|network is unreachable|no route to host|connection reset"
    r"|tls: |x509|context deadline|TLS handshake|server gave HTTP response|\bEOF\b|HTTP status: 5",
    re.IGNORECASE,
)
WRONG_PLATFORM = re.compile(r"no matching manifest|specified platform|no suitable export target", re.IGNORECASE)
REFUSED = re.compile(
    r"denied|unauthori[sz]ed|authentication required|basic auth|forbidden|incorrect username", re.IGNORECASE
)
ABSENT = re.compile(
    r"manifest unknown|not found|no such image|does not exist|name unknown|image not known", re.IGNORECASE
)


class PullFailed(Exception):
    """An error line in the stream of a pull; its text is the engine's."""


@dataclass(frozen=True, slots=True)
class Described:
    """What the engine says of one image before any of it is read. `size` is its estimate, in bytes."""

    reference: str
    image_id: str
    platform: Platform
    tags: tuple[str, ...]
    diff_ids: tuple[str, ...]
    size: int
    document: Mapping[str, Any] = field(repr=False)


def describe(reference: str, document: Mapping[str, Any]) -> Described:
    """Decode the answer to an inspect call."""
    image_id = str(document.get("Id") or "")
    rootfs = document.get("RootFS") or {}
    size = document.get("Size")
    return Described(
        reference=reference,
        image_id=image_id if ":" in image_id else f"sha256:{image_id}",  # podman leaves the algorithm out
        platform=Platform(
            str(document.get("Os") or ""), str(document.get("Architecture") or ""), str(document.get("Variant") or "")
        ),
        tags=tuple(str(tag) for tag in document.get("RepoTags") or ()),
        diff_ids=tuple(str(diff_id) for diff_id in rootfs.get("Layers") or ()),
        size=size if isinstance(size, int) and size > 0 else 0,
        document=document,
    )


def same_platform(wanted: Platform, got: Platform) -> bool:
    """Whether `got` serves a wish for `wanted`; a wish without a variant takes any."""
    if (wanted.os, wanted.architecture) != (got.os, got.architecture):
        return False
    usual = {"arm64": "v8", "arm": "v7"}.get(got.architecture, "")  # as containerd's platforms.Normalize assumes
    return not wanted.variant or wanted.variant == (got.variant or usual)


def config_document(described: Described, history: Sequence[Mapping[str, Any]]) -> bytes:
    """The config as a config blob would have it, put together from an inspect and a history answer.

    The history call tells neither authors nor which steps made a layer. A step with a size made one; where these are
    as many as the layers, that is all of it. Else no step is said to be empty, and the join leaves out what cannot
    have made a layer.
    """
    document = described.document
    by_size = sum(bool(step.get("Size")) for step in history) == len(described.diff_ids)
    steps = [
        {
            "created": _rfc3339(step.get("Created")),
            "created_by": str(step.get("CreatedBy") or ""),
            "comment": str(step.get("Comment") or ""),
            "empty_layer": by_size and not step.get("Size"),
        }
        for step in reversed(history)  # the API has the newest first
    ]
    config = {
        "architecture": described.platform.architecture,
        "os": described.platform.os,
        "variant": described.platform.variant,
        "created": document.get("Created"),
        "author": document.get("Author"),
        "config": document.get("Config"),
        "rootfs": {"type": "layers", "diff_ids": list(described.diff_ids)},
        "history": steps,
    }
    return json.dumps({key: value for key, value in config.items() if value not in (None, "")}).encode()


def pull_progress(lines: Iterator[bytes]) -> Iterator[tuple[int, int | None]]:
    """Bytes so far and in all, from the lines of a pull; raises PullFailed at an error line."""
    sizes: dict[str, tuple[int, int]] = {}
    for line in lines:
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PullFailed("the engine's answer is not JSON") from error
        if not isinstance(event, dict):
            continue
        detail = event.get("errorDetail")
        text = event.get("error") or (detail.get("message") if isinstance(detail, dict) else None)
        if text:
            raise PullFailed(str(text))
        progress = event.get("progressDetail")
        if event.get("status") == "Downloading" and isinstance(progress, dict):
            done, total = progress.get("current"), progress.get("total")
            if isinstance(done, int):
                sizes[str(event.get("id"))] = (done, total if isinstance(total, int) else done)
                yield sum(part[0] for part in sizes.values()), sum(part[1] for part in sizes.values())


def pull_error(reference: str, engine: str, text: str) -> SourceError:
    """The error that a failed pull means, by what the engine said of it."""
    said = plain(text)
    what = f"{reference} is not in {engine}, and pulling it failed: {said}"
    if WRONG_PLATFORM.search(text):
        return PlatformNotFound(what, tip="ask for a platform it is published for: --platform OS/ARCH")
    if NETWORK.search(text):
        return SourceUnavailable(
            what, tip=f"scan a saved image instead: docker save {reference} | imgscan inspect -, where it is"
        )
    if REFUSED.search(text):
        return AccessDenied(what, tip="check the name, or log in: docker login REGISTRY")
    if ABSENT.search(text):
        return ImageNotFound(what, tip="check the name and the tag; docker image ls shows what the engine has")
    return SourceError(what, tip=f"pull it by hand and see what it says: docker pull {reference}")


def trailing_error(tail: bytes) -> str | None:
    """The error that an engine appends to a save it cannot finish, as it has sent its status line long before.

    moby writes one JSON line after whatever came (api/server/router/image, streamformatter.FormatError); a tar
    never ends so.
    """
    start = tail.rfind(b'{"errorDetail"')
    if start < 0 or not tail.rstrip().endswith(b"}"):
        return None
    try:
        event = json.loads(tail[start:])
    except (ValueError, RecursionError):
        return None
    return plain(str(event.get("error") or "unknown error")) if isinstance(event, dict) else None


def plain(text: str) -> str:
    """Foreign text for one line of an error: no control characters, no query strings (they may carry signatures)."""
    text = re.sub(r"\?[^\s\"']*=[^\s\"']*", "?...", text)
    text = re.sub(r"//[^/@\s]+@", "//...@", text)
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 3] + "..."


def _rfc3339(seconds: object) -> str:
    """The history call's seconds since 1970 as config blobs write times; empty where there is none."""
    if not isinstance(seconds, int) or seconds <= 0:
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return ""
