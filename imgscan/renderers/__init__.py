"""From reports to text: one file per format.

To add one: write its file, with a function `render` as in `renderer.Renderer`, and add its line to RENDERERS.
`text` and `grouping` are the ground the formats for people share; formats never import one another.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from imgscan.renderers.renderer import Failure, Renderer, RenderOptions

__all__ = ["RENDERERS", "Failure", "RenderOptions", "Renderer", "load_renderer"]

RENDERERS: tuple[tuple[str, str], ...] = (
    ("table", "imgscan.renderers.table"),
    ("json", "imgscan.renderers.json"),
    ("sarif", "imgscan.renderers.sarif"),
    ("markdown", "imgscan.renderers.markdown"),
    ("junit", "imgscan.renderers.junit"),
    ("gitlab", "imgscan.renderers.gitlab"),
    ("gitlab-secrets", "imgscan.renderers.gitlab_secrets"),
    ("csv", "imgscan.renderers.csv"),
)
"""(format, module that has it): modules, because a format's libraries are loaded only when it is asked for."""


def load_renderer(name: str) -> Renderer:
    """The renderer of format `name`; KeyError where there is none."""
    return cast("Renderer", import_module(dict(RENDERERS)[name]))
