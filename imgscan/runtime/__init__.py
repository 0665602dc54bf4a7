"""Containers as they run: read from an engine, judged by pure rules, joined with their image; and how to run an image.

report = inspect_container("web")
print(report.constraints, [finding.rule.id for finding in report.verdict.open])
"""

from imgscan.report.container import ContainerReport, ContainerSettings
from imgscan.runtime.container import inspect_container

__all__ = ["ContainerReport", "ContainerSettings", "inspect_container"]
