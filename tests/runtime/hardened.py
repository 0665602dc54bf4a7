"""Images made in memory, and what `imgscan harden` derives from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from imgscan.report.hardening import Hardening
from imgscan.runtime.hardening import derive
from tests.analyzers.evidence import evidence_of
from tests.image_builder import directory, executable, image, layer

PASSWD = "root:x:0:0::/root:/bin/sh\nwww:x:33:33::/var/www:/bin/false\nnode:x:1000:1000::/home/node:/bin/sh\n"
GROUP = "root:x:0:\nwww:x:33:\nnode:x:1000:\nextra:x:44:node\n"
FILES = {
    "etc/passwd": PASSWD,
    "etc/group": GROUP,
    "bin/sh": executable(),
    "usr/bin/node": executable(),
    "app/": directory(),
    "app/main.js": "1",
}


def hardened(
    files: dict[str, Any] | None = None, *, reference: str = "app:latest", tags=("app:latest",), **config: Any
) -> Hardening:
    """The derived flags of an image with FILES and these; the program is node unless `cmd` says otherwise."""
    settings = {"cmd": ["node", "main.js"], "working_dir": "/app", "env": ["PATH=/usr/bin:/bin"], **config}
    evidence = evidence_of(image(layer({**FILES, **(files or {})}), **settings))
    return derive(replace(evidence, image=replace(evidence.image, reference=reference, tags=tags)))
