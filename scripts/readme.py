"""Write the real output of the demo into README.md: python -m scripts.readme."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from fixtures.lab.build import archive_name, write_archive
from fixtures.lab.scenarios import SCENARIOS

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- demo:begin -->\n", "<!-- demo:end -->"


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
    return f"```console\n$ imgscan inspect {name}\n{run.stdout}```\n"


def with_demo(text: str, output: str) -> str:
    """README's text with the block between the marks replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{output}{END}{after}"


if __name__ == "__main__":
    README.write_text(with_demo(README.read_text(), demo_output()))
