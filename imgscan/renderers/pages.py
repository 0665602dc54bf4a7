"""Pages that stand alone: one HTML file, no network, nothing executed but our own script. The one place for jinja2.

Whatever comes from an image is escaped by the template engine and printable before. Should something slip through all
the same, the page's own policy (Content-Security-Policy in its head) forbids every script and style but the two
whose digests it names, all images, frames, forms, fonts and connections.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from imgscan.renderers.text import count_text, one_line, printable, size_text

FOLDER = Path(__file__).parent / "page"


def render_page(template: str, **values: Any) -> str:
    """The page that a template of `page/` makes of `values`; it ends in a newline."""
    style, script = _asset("style.css"), _asset("script.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    text: str = _environment().get_template(template).render(style=style, script=script, policy=policy, **values)
    # What no encoder takes, a lone surrogate, is spelled out by `printable`; here it would be one of ours.
    return text.rstrip("\n") + "\n"


@lru_cache(maxsize=1)
def _environment() -> Any:
    import jinja2  # noqa: PLC0415  # 50 ms, for those who want a page

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "printable": printable,
        "size": size_text,
        "line": one_line,
        "counted": lambda number, one, many="": count_text(number, one, many),
        "thousands": lambda number: f"{number:,}",
    }
    return environment


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    """A file that stands in the page as it is; what would end its element is not in it."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    if "</" in text:
        raise ValueError(f"{name} would end the element it stands in")
    return text


def _digest(text: str) -> str:
    """As CSP names an inline element (CSP level 2, hash sources)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
