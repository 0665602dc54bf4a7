"""Core dumps: the memory of a process that crashed, with every secret that it held."""

from __future__ import annotations

import struct

from imgscan.layers.extractors.extractor import Row
from imgscan.secrets.sensitive_paths import SensitiveKind

_ET_CORE = 4  # elf(5), e_type
_TYPE_AT = 16


class CoreDumpExtractor:
    """One row as `sensitive` gives them, for a file named like a core dump that is an ELF file of type core."""

    name = "core_dump"
    version = 1
    paths = r"(?:[^/]++/)*+(?:core(?:\.[0-9]{1,10})?|[^/]+\.core|core\.[^/]+\.[0-9]{1,20})"
    max_size = 64 << 20
    """Larger ones are matched like any file, and not told as what they are."""

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        del path
        if data[:4] != b"\x7fELF" or len(data) < _TYPE_AT + 2:
            return ()
        order = ">" if data[5] == 2 else "<"
        if struct.unpack_from(f"{order}H", data, _TYPE_AT)[0] != _ET_CORE:
            return ()
        return ((str(SensitiveKind.CORE_DUMP), "core dump", "present", None),)
