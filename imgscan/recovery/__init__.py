"""The exact bytes of one version of one file, also of one that was deleted or overwritten, and a bag of evidence."""

from __future__ import annotations

from imgscan.recovery.contents import Recovered, recover

__all__ = ["Recovered", "recover"]
