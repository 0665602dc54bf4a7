"""Contents that are shipped and cannot be reached: who brought them, and who ended them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from imgscan.evidence import LayerScan, MemberKind
from imgscan.overlay import FateKind, Overlay


@dataclass(frozen=True, slots=True)
class DeadPart:
    """Files that layer `made` brought and layer `ended` deleted, overwrote or wrote again with the same bytes.

    `bytes` are of their contents, hard links once; `largest` is the member of `made` with the most. `records` are the
    bytes of what every installation writes anew: databases of packages, logs, the linker's cache.
    """

    made: int
    ended: int
    kind: FateKind
    files: int
    bytes: int
    largest: int
    records: int


_RECORDS = re.compile(
    rb"var/lib/(?:dpkg|rpm|apt|dnf|yum|zypp|pacman|ucf|pam|systemd|alternatives)/.*|var/cache/(?:debconf|ldconfig|man)/.*"
    rb"|(?:usr/)?lib/(?:apk/db|sysimage)/.*|var/log/.*|etc/(?:ld\.so\.cache|passwd-?|group-?|g?shadow-?|mailcap|environment)"
    rb"|etc/(?:ssl/certs|alternatives|apk)/.*|.+/(?:gconv-modules|icon-theme|giomodule|loaders|immodules|mime)\.cache",
    re.DOTALL,
)


def dead_parts(overlay: Overlay, scans: Sequence[LayerScan]) -> tuple[DeadPart, ...]:
    """All dead contents of an image by who made and who ended them, those with the most bytes first."""
    parts: dict[tuple[int, int, FateKind], list[int]] = {}  # files, bytes, records, the largest's size, it
    for layer, member, fate in overlay.dead_contents():
        members = scans[layer].members
        size = members.sizes[member]
        part = parts.setdefault((layer, fate.by_layer or 0, fate.kind), [0, 0, 0, -1, 0])
        part[0] += 1
        part[1] += size
        if fate.kind is FateKind.OVERWRITTEN and _RECORDS.fullmatch(members.path(member)):
            part[2] += size
        if size > part[3]:
            part[3:] = [size, member]
    found = (
        DeadPart(*key, files=part[0], bytes=part[1], records=part[2], largest=part[4]) for key, part in parts.items()
    )
    return tuple(sorted(found, key=lambda part: (-part.bytes, part.made, part.ended, part.kind)))


def written(scan: LayerScan) -> int:
    """Bytes of the contents of all files of a layer; hard links have none of their own."""
    members = scan.members
    return sum(size for kind, size in zip(members.kinds, members.sizes, strict=True) if kind == MemberKind.FILE)
