"""What an entry point's script does about privileges: whether it hands over to gosu, su-exec, setpriv, ..."""

from __future__ import annotations

from imgscan.evidence import decode
from imgscan.image.privileges import privilege_drops
from imgscan.layers.extractors.extractor import Row, bounded


class ScriptExtractor:
    """Rows ("drops", tool, user, line) of a script's commands that start another program as another user.

    `user` is None where it is a variable or an expression; `line` counts from 1. Commands that hand over to root
    are left out. A script without any yields the one row ("script",); a file that is no script yields none.
    """

    name = "script"
    version = 1
    paths = (
        r"(?:[^/]++/)*+(?:[^/]*entry-?point[^/]*|(?:start|run|init|boot|launch|serve|docker)[\w-]*(?:\.sh|\.bash)?|[^/]+\.sh)"
        r"|(?:usr/|usr/local/)?s?bin/[^/]+"
        r"|etc/(?:s6-overlay/s6-rc\.d|services\.d|cont-init\.d|service)/(?:[^/]+/)*[^/]+"
    )
    max_size = 128 << 10
    """No entry point script of the well-known images is larger than 32 KiB."""

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        if not data.startswith(b"#!"):
            return ()
        drops = (("drops", drop.tool, drop.user, drop.line) for drop in privilege_drops(decode(data)))
        return bounded((("script",), *drops))
