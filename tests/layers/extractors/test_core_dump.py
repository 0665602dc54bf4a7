"""A core dump is told by its content, not by its name alone."""

from __future__ import annotations

import struct

import pytest

from imgscan.analyzers.sensitive_file import SensitiveFileAnalyzer
from imgscan.layers.extractors.core_dump import CoreDumpExtractor
from tests.analyzers.evidence import evidence_of
from tests.image_builder import image, layer


def elf(kind: int, *, big: bool = False) -> bytes:
    order = ">" if big else "<"
    return b"\x7fELF" + bytes([2, 2 if big else 1, 1]) + bytes(9) + struct.pack(f"{order}HH", kind, 62) + bytes(44)


@pytest.mark.parametrize("big", [False, True])
def test_an_elf_file_of_type_core_is_one(big):
    assert CoreDumpExtractor().extract("core", elf(4, big=big)) == (("core-dump", "core dump", "present", None),)


@pytest.mark.parametrize("data", [elf(2), elf(3), b"", b"\x7fELF", b"#!/bin/sh\n", elf(4)[:17]])
def test_programs_and_other_files_are_none(data):
    assert CoreDumpExtractor().extract("usr/lib/core", data) == ()


def test_a_core_dump_is_a_finding_also_when_it_was_deleted():
    built = image(layer({"srv/core.71": elf(4), "srv/core": elf(2)}), layer({"srv/.wh.core.71": ""}))
    (finding,) = SensitiveFileAnalyzer().analyze(evidence_of(built)).findings
    assert (finding.rule.id, finding.location.path) == ("sensitive-file/core-dump", "srv/core.71")
    assert finding.fate.state == "deleted"
