"""From reports to text: one file per format.

To add one: write its file, with a function `render` as in `renderer.Renderer`, and add its line to RENDERERS.
`text` and `grouping` are the ground the formats for people share; formats never import one another.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from imgscan.renderers.renderer import AuditRenderer, Failure, Renderer, RenderOptions

__all__ = [
    "AUDIT_RENDERERS",
    "RENDERERS",
    "AuditRenderer",
    "Failure",
    "RenderOptions",
    "Renderer",
    "load_audit_renderer",
    "load_renderer",
]

RENDERERS: tuple[tuple[str, str], ...] = (
    ("table", "imgscan.renderers.table"),
    ("json", "imgscan.renderers.json"),
    ("sarif", "imgscan.renderers.sarif"),
    ("markdown", "imgscan.renderers.markdown"),
    ("junit", "imgscan.renderers.junit"),
    ("gitlab", "imgscan.renderers.gitlab"),
    ("gitlab-secrets", "imgscan.renderers.gitlab_secrets"),
    ("csv", "imgscan.renderers.csv"),
    ("html", "imgscan.renderers.html"),
)
"""(format, module that has it): modules, because a format's libraries are loaded only when it is asked for."""

AUDIT_RENDERERS: tuple[tuple[str, str], ...] = (
    ("table", "imgscan.renderers.audit_table"),
    ("json", "imgscan.renderers.audit_json"),
    ("sarif", "imgscan.renderers.audit_sarif"),
    ("csv", "imgscan.renderers.audit_csv"),
    ("html", "imgscan.renderers.audit_html"),
)
"""The same for audits of registries; each has a function `lines` as in `renderer.AuditRenderer`."""


def load_audit_renderer(name: str) -> AuditRenderer:
    """The renderer of audits of format `name`; KeyError where there is none."""
    return cast("AuditRenderer", import_module(dict(AUDIT_RENDERERS)[name]))


def load_renderer(name: str) -> Renderer:
    """The renderer of format `name`; KeyError where there is none."""
    return cast("Renderer", import_module(dict(RENDERERS)[name]))
