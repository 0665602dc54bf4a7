"""Where an image comes from: one file per source. To add one: write its file, add its line to SOURCES."""

from __future__ import annotations

from imgscan.sources.archive import Archive
from imgscan.sources.docker_engine import DockerEngine
from imgscan.sources.oci_layout import OciLayout
from imgscan.sources.registry.source import Registry
from imgscan.sources.source import Source

__all__ = ["SOURCES", "Source"]

SOURCES: tuple[Source, ...] = (
    OciLayout(),
    Archive(),
    DockerEngine(),
    Registry(),
)
"""In the order in which an argument without a scheme is tried: paths before names."""
