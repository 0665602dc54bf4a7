"""Write the real output of the demo into README.md, shortened as README says: python -m scripts.readme."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from fixtures.lab.build import archive_name, write_archive
from fixtures.lab.scenarios import SCENARIOS

README = Path(__file__).parent.parent / "README.md"
DOCS = README.parent / "docs"
BEGIN, END = "<!-- demo:begin -->\n", "<!-- demo:end -->"
KEPT = 2
"""Findings of low severity, and pieces of advice."""


def demo_output() -> str:
    """What `make demo` shows, as a block of Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        name = archive_name(SCENARIOS[0], "classic")
        write_archive(SCENARIOS[0], "classic", Path(folder) / name)
        run = subprocess.run(
            [sys.executable, "-m", "imgscan", "inspect", "--no-cache", name],
            cwd=folder,
            env={"PATH": "", "COLUMNS": "100", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(README.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
    return f"```console\n$ imgscan inspect {name}\n{shortened(run.stdout)}```\n"


def shortened(output: str) -> str:
    """Of the findings of low severity and of the advice the first ones; `[...]` stands for what is left out."""
    low = re.compile(rf"(?<=^ALSO\n)((?:.*\n(?: .*\n)*){{{KEPT}}})(?:.+\n)+", re.MULTILINE)
    advice = re.compile(rf"^ {KEPT + 1}\. (?:.+\n)+", re.MULTILINE)
    return advice.sub("[...]\n", low.sub(r"\1[...]\n", output))


def with_demo(text: str, output: str) -> str:
    """README's text with the block between the marks replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{output}{END}{after}"


def with_figures(text: str) -> str:
    """README's text with the measured rows of the comparison as docs/detection.md and docs/performance.md have them."""
    detection = (DOCS / "detection.md").read_text()
    header = _row(detection, "planted in")
    column = {tool: header.index(tool) for tool in ("imgscan", "kingfisher", "gitleaks")}
    file, jar = _row(detection, "file"), _row(detection, "jar")
    false = _row(detection, "false findings, interpreters packaged")
    performance = (DOCS / "performance.md").read_text()
    seconds = [_row(performance, tool)[1] for tool in ("imgscan plain", "kingfisher", "gitleaks")]
    rows = {
        "planted secrets found": [f"{_percent(file[at])} / {_percent(jar[at])}" for at in column.values()],
        "false findings in": [false[at].split(",")[0] for at in column.values()],
        "image of": [f"{float(time.removesuffix(' s')):.0f} s" for time in seconds],
    }
    for name, (ours, kingfisher, gitleaks) in rows.items():
        line = re.compile(rf"^(\| {name}[^|]*\|).*$", re.MULTILINE)
        text = line.sub(rf"\1 {ours} | | {kingfisher} | | {gitleaks} | | |", text)
    return text


def _row(page: str, name: str) -> list[str]:
    """The cells of the first row of a page whose first cell begins so, as a word."""
    found = re.search(rf"^\| {re.escape(name)}\b[^|]*\|.*$", page, re.MULTILINE)
    if found is None:
        raise LookupError(f"no row {name}")
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def _percent(cell: str) -> str:
    """`919 (100 %)` -> `100 %`."""
    return cell.partition("(")[2].rstrip(")")


if __name__ == "__main__":
    README.write_text(with_figures(with_demo(README.read_text(), demo_output())))
