"""imgscan: what a built container image holds, read layer by layer, including what later layers deleted.

    import imgscan

    for report in imgscan.inspect("archive:app.tar"):
        print(report.summary.user, [finding.rule.id for finding in report.verdict.open])

This is the whole public API. `inspect(reference, options)` gives a report for each platform asked for, and raises an
`ImgscanError` where no result was possible; what could not be read within a result is in `Report.problems`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgscan.configuration.policies import read_policy as read_policy
    from imgscan.errors import Effect as Effect
    from imgscan.errors import ImgscanError as ImgscanError
    from imgscan.errors import Problem as Problem
    from imgscan.errors import SourceError as SourceError
    from imgscan.errors import UsageError as UsageError
    from imgscan.pipeline import Options as Options  # type: ignore[import-not-found, unused-ignore]
    from imgscan.pipeline import inspect_image as inspect
    from imgscan.report import Baseline as Baseline
    from imgscan.report import Finding as Finding
    from imgscan.report import Ignore as Ignore
    from imgscan.report import Policy as Policy
    from imgscan.report import Report as Report
    from imgscan.report import Requirements as Requirements
    from imgscan.report import Severity as Severity

__version__ = "0.1.0"

__all__ = [
    "Baseline",
    "Effect",
    "Finding",
    "Ignore",
    "ImgscanError",
    "Options",
    "Policy",
    "Problem",
    "Report",
    "Requirements",
    "Severity",
    "SourceError",
    "UsageError",
    "__version__",
    "inspect",
    "read_policy",
]

_HOMES = {
    "Baseline": "imgscan.report",
    "Effect": "imgscan.errors",
    "Finding": "imgscan.report",
    "Ignore": "imgscan.report",
    "ImgscanError": "imgscan.errors",
    "Options": "imgscan.pipeline",
    "Policy": "imgscan.report",
    "Problem": "imgscan.errors",
    "Report": "imgscan.report",
    "Requirements": "imgscan.report",
    "Severity": "imgscan.report",
    "SourceError": "imgscan.errors",
    "UsageError": "imgscan.errors",
    "inspect": "imgscan.pipeline",
    "read_policy": "imgscan.configuration.policies",
}
"""Where each name lives. They are loaded at first use: importing a part of imgscan must not load all of it."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'imgscan' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), "inspect_image" if name == "inspect" else name)


def __dir__() -> list[str]:
    return sorted(__all__)
