"""Programs with rights of their own, and those everybody trusts, are digested whatever the layer's blocks are."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import pytest

from imgscan.evidence import Depth, ScanPlan
from imgscan.layers.extractors import EXTRACTORS
from imgscan.layers.scan import LayerScanner
from tests.image_builder import executable, file, hardlink, layer, symlink
from tests.laws import BLOCKS, CHUNKS, Chunked

PLAN = ScanPlan(depth=Depth.MEMBERS, extractors=tuple(extractor.name for extractor in EXTRACTORS))
CAPABILITY = struct.pack("<5I", 2 << 24 | 1, 1 << 10, 0, 0, 0)
LONG = b"x" * 5000
FILES = {
    "usr/bin/other": executable(b"1"),
    "usr/bin/su": executable(b"2" + LONG),
    "usr/bin/sudo-like": executable(b"3"),
    "opt/app/tool": executable(b"4" + LONG, mode=0o4755),
    "opt/app/": file(mode=0o2775, kind="directory"),
    "opt/app/caps": executable(b"5", xattrs={"security.capability": CAPABILITY}),
    "opt/app/link": hardlink("opt/app/tool", mode=0o4755),
    "opt/app/symbolic": symlink("tool", mode=0o4777),
    "usr/lib/x86_64-linux-gnu/libc.so.6": file(b"6" + LONG),
    "srv/usr/bin/su": executable(b"7"),
    "bin/busybox": executable(b""),
}
WANTED = ["usr/bin/su", "opt/app/tool", "opt/app/caps", "usr/lib/x86_64-linux-gnu/libc.so.6", "bin/busybox"]


def digests(plan: ScanPlan, chunk: int | None = None, block: int = BLOCKS[-1]) -> dict[str, str]:
    scan = LayerScanner(plan, (), secret_key=b"").scan(Chunked(layer(FILES).tar, chunk), block_size=block)
    return {scan.members[digest.member].path: digest.sha256 for digest in scan.digests}


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("chunk", CHUNKS[-3:])
def test_their_digests_are_those_of_their_bytes(chunk, block):
    found = digests(PLAN, chunk, block)
    assert list(found) == WANTED
    for path, digest in found.items():
        assert digest == hashlib.sha256(FILES[path].data).hexdigest()


def test_without_extractors_nobody_could_vouch_and_nothing_is_digested():
    assert digests(replace(PLAN, extractors=())) == {}
