"""Which matcher runs: Hyperscan's, or the reference where this machine has none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgscan.layers.matchers.matcher import Matcher
from imgscan.secrets.detector import Nominator


def make_matcher(nominators: Sequence[Nominator], cache: Path | None) -> Matcher:
    try:
        from imgscan.layers.matchers.hyperscan_matcher import HyperscanMatcher  # noqa: PLC0415  # heavy
    except ImportError:
        from imgscan.layers.matchers.reference import ReferenceMatcher  # noqa: PLC0415

        return ReferenceMatcher(nominators)
    return HyperscanMatcher(nominators, cache=cache)
