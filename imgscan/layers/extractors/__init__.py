"""Extractors: one kind of file to secret-free facts, inside the map step.

To add one: write its file, add its line to EXTRACTORS. `version` rises whenever equal bytes would give other facts.
"""

from __future__ import annotations

from imgscan.layers.extractors.accounts import AccountsExtractor
from imgscan.layers.extractors.apk import ApkExtractor
from imgscan.layers.extractors.authorized_keys import AuthorizedKeysExtractor
from imgscan.layers.extractors.core_dump import CoreDumpExtractor
from imgscan.layers.extractors.dpkg import DpkgExtractor
from imgscan.layers.extractors.extractor import Extractor, Row
from imgscan.layers.extractors.npm_packages import NpmPackagesExtractor
from imgscan.layers.extractors.os_release import OsReleaseExtractor
from imgscan.layers.extractors.python_packages import PythonPackagesExtractor
from imgscan.layers.extractors.rpm import RpmExtractor
from imgscan.layers.extractors.script import ScriptExtractor
from imgscan.layers.extractors.sensitive import SensitiveExtractor
from imgscan.layers.extractors.shadow import ShadowExtractor
from imgscan.layers.extractors.sudoers import SudoersExtractor

__all__ = ["EXTRACTORS", "Extractor", "Row"]

EXTRACTORS: tuple[Extractor, ...] = (
    AccountsExtractor(),
    ShadowExtractor(),
    SudoersExtractor(),
    AuthorizedKeysExtractor(),
    OsReleaseExtractor(),
    DpkgExtractor(),
    ApkExtractor(),
    RpmExtractor(),
    PythonPackagesExtractor(),
    NpmPackagesExtractor(),
    SensitiveExtractor(),
    CoreDumpExtractor(),
    ScriptExtractor(),
)
