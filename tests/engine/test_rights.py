"""Modes and capabilities as a real engine stores them: what was set in the build is what is told of the image."""

from __future__ import annotations

import struct

from imgscan.pipeline import Options, inspect_image
from imgscan.report import Policy
from tests.engine.conftest import LABEL
from tests.image_builder import directory, executable, file, write_tar

FAMILIES = ("setuid-file", "account", "layer-anomaly")
BIND = struct.pack("<5I", 2 << 24 | 1, 1 << 10, 0, 0, 0)
ROOT = write_tar(
    {
        "bin/": directory(),
        "bin/server": executable(xattrs={"security.capability": BIND}),
        "bin/helper": executable(mode=0o4755),
        "etc/": directory(),
        "etc/passwd": "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n",
        "srv/": directory(mode=0o777),
        "srv/open": file("x", mode=0o666),
    }
)
DOCKERFILE = f"FROM scratch\nLABEL {LABEL}=1\nADD rootfs.tar /\nADD more.tar /\n"
MORE = write_tar({"etc/": directory(), "etc/cron.d/": directory(mode=0o777)})


def test_what_the_engine_saves_is_told(engine):
    tag = engine.build("rights", DOCKERFILE, {"rootfs.tar": ROOT, "more.tar": MORE})
    (report,) = inspect_image(f"docker:{tag}", Options(policy=Policy(families=FAMILIES)))
    told = {(one.rule.id, one.location.path, one.location.layer): one.message for one in report.verdict.open}
    assert set(told) == {
        ("setuid-file/file-capability", "bin/server", 0),
        ("setuid-file/setuid", "bin/helper", 0),
        ("setuid-file/world-writable-directory", "srv", 0),
        ("setuid-file/replaceable", "etc/cron.d", 1),
        ("account/second-root", "etc/passwd", 0),
    }
    assert "cap_net_bind_service=ep" in told["setuid-file/file-capability", "bin/server", 0]
