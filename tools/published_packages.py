"""Make imgscan/publishers/debian.xz from this machine's package lists. Run on Debian stable after `apt-get update`:

    python tools/published_packages.py imgscan/publishers/debian.xz

Taken are names alone: of source packages, of the domains that maintainers' addresses are at, and of the Python packages
that at least four others use. The lists of a release and of its updates give the same bytes wherever this runs.
"""

from __future__ import annotations

import lzma
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from imgscan.publishers.names import collapsed, python_name

LISTS = Path("/var/lib/apt/lists")
USERS = 4
"""Packages that must use a Python package for it to count as widely used."""
NO_PYTHON_PACKAGES = frozenset({"all", "dbg", "dev", "distutils", "doc", "full", "minimal", "public", "tables", "venv"})
"""python3-NAME that are no package of an index, or whose name on it somebody else has."""

_FIELD = re.compile(r"^(Package|Source|Maintainer|Depends|Recommends|Suggests): (.*)$", re.MULTILINE)
_ADDRESS = re.compile(r"@([a-z0-9.-]+)>?\s*$", re.IGNORECASE)
_USED = re.compile(r"(?<![\w.+-])python3-([a-z0-9.+-]+)")


def stanzas() -> Iterator[dict[str, str]]:
    """The wanted fields of each package of all lists, whatever their compression."""
    for path in sorted(LISTS.glob("*_Packages*")):
        command = ["/usr/lib/apt/apt-helper", "cat-file", str(path)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
        for stanza in text.split("\n\n"):
            fields = dict(_FIELD.findall(stanza))
            if "Package" in fields:
                yield fields


def collect() -> dict[str, set[str]]:
    """The names of each section of the file."""
    sources: set[str] = set()
    domains: set[str] = set()
    python: set[str] = set()
    used: Counter[str] = Counter()
    for fields in stanzas():
        name = fields["Package"]
        sources.add(collapsed(fields.get("Source", name).split()[0]))
        if address := _ADDRESS.search(fields.get("Maintainer", "")):
            domains.add(address[1].lower())
        if name.startswith("python3-"):
            python.add(name.removeprefix("python3-"))
        relations = ",".join(fields.get(key, "") for key in ("Depends", "Recommends", "Suggests"))
        used.update({other for other in _USED.findall(relations) if f"python3-{other}" != name})
    widely = {python_name(name) for name in python - NO_PYTHON_PACKAGES if used[name] >= USERS}
    return {"sources": sources, "domains": domains, "python": widely}


def main(target: str) -> None:
    """Write the file."""
    lines = []
    for section, names in collect().items():
        lines += [f"[{section}]", *sorted(names)]
        sys.stderr.write(f"{section}: {len(names)}\n")
    text = "\n".join(lines) + "\n"
    Path(target).write_bytes(lzma.compress(text.encode("ascii"), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(*sys.argv[1:])
