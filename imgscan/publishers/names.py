"""Names of public packages, as shipped: debian.xz is made by tools/published_packages.py, python.txt by hand.

    debian.xz    of Debian 12 (main, its updates and security updates): the source packages, the domains that their
                 maintainers' addresses are at, and the Python packages that at least four others use
    python.txt   Python packages as the index names them, one a line; `#` begins a comment. To extend it, add a line

They are read when the first package needs them: 25 ms.
"""

from __future__ import annotations

import lzma
import re
from functools import lru_cache
from pathlib import Path

_HERE = Path(__file__).parent


def collapsed(name: str) -> str:
    """A package's name whatever its release: python3.11 and python3.9 are one, as are icu72 and icu67."""
    return re.sub(r"\d[\d.]*", "0", name)


def python_name(name: str) -> str:
    """The one form of a Python package's name: https://packaging.python.org/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_distribution_source(name: str) -> bool:
    """Whether a distribution has a source package of this name, of whatever version."""
    return collapsed(name) in _generated()["sources"]


def is_maintainer_domain(domain: str) -> bool:
    """Whether maintainers of a distribution have addresses there."""
    return domain in _generated()["domains"]


def is_well_known_python_package(name: str) -> bool:
    """Whether this is one of the widely used packages of the public index."""
    return python_name(name) in _python()


@lru_cache(maxsize=1)
def _generated() -> dict[str, frozenset[str]]:
    sections: dict[str, list[str]] = {}
    for line in lzma.decompress((_HERE / "debian.xz").read_bytes()).decode("ascii").split("\n"):
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
        elif line:
            section.append(line)
    return {section: frozenset(names) for section, names in sections.items()}


@lru_cache(maxsize=1)
def _python() -> frozenset[str]:
    lines = (line.partition("#")[0].strip() for line in (_HERE / "python.txt").read_text(encoding="ascii").split("\n"))
    return _generated()["python"] | frozenset(python_name(line) for line in lines if line)
