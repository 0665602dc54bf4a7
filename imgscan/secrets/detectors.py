"""All detectors, in one place: what a plan can name and a matcher can run."""

from __future__ import annotations

from functools import lru_cache

from imgscan.secrets.assignments import NamedSecretDetector
from imgscan.secrets.detector import Detector
from imgscan.secrets.structures import STRUCTURES


@lru_cache(maxsize=2)
def detectors(entropy: bool = False) -> tuple[Detector, ...]:
    """Every detector that runs over file contents, in a fixed order; with `entropy` also the statistical ones.

    The first call loads detect-secrets, which takes a tenth of a second.
    """
    from imgscan.secrets.detect_secrets_plugins import plugin_detectors  # noqa: PLC0415

    return (*STRUCTURES, NamedSecretDetector(), *plugin_detectors(entropy=entropy))


@lru_cache(maxsize=1)
def detectors_by_id() -> dict[str, Detector]:
    """All detectors, the statistical ones among them, by id."""
    return {detector.id: detector for detector in detectors(entropy=True)}
