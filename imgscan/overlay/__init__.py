"""The reduce step: the layers of an image stacked into every version of every file, each with its fate."""

from __future__ import annotations

from imgscan.overlay.fates import PRESENT, Fate, FateKind, FileVersion
from imgscan.overlay.overlay import Overlay

__all__ = ["PRESENT", "Fate", "FateKind", "FileVersion", "Overlay"]
