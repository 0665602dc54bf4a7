"""docs/checks.md, from the lists of checks: python -m scripts.checks > docs/checks.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from imgscan.cli.rule_book import entries
from imgscan.report import Family
from scripts.check_lists import (
    CIS_CONTAINERS,
    CIS_IMAGES,
    DOCKLE,
    HADOLINT,
    LESSONS,
    SCOUT,
    TRIVY,
    Row,
)

SECTIONS: tuple[tuple[str, str, tuple[Row, ...]], ...] = (
    ("Lessons of the lab", "What the lab's five scenarios teach, and which rule says it of an image.", LESSONS),
    ("dockle", "Every checkpoint of dockle 0.4.", DOCKLE),
    ("CIS Docker Benchmark, section 4", "Container images and build file, version 1.6.0.", CIS_IMAGES),
    (
        "CIS Docker Benchmark, section 5",
        "Container runtime, version 1.6.0: `imgscan container` judges running and stopped containers.",
        CIS_CONTAINERS,
    ),
    ("hadolint", "hadolint reads Dockerfiles; of many of its rules an image still shows the result.", HADOLINT),
    ("Trivy", "Its checks on Dockerfiles, which it also runs on a Dockerfile made from the history.", TRIVY),
    ("Docker Scout", "Its policies on images.", SCOUT),
)


def page() -> str:
    """The whole page."""
    lines = [
        "# Checks of other tools, and ours",
        "",
        "Made by `make docs` from scripts/check_lists.py; a test holds that each rule named here exists.",
        "`imgscan rules ID` explains a rule; [rules.md](rules.md) lists them all.",
        "",
        "A linter judges what a Dockerfile says. imgscan judges what came of it: a cache is told if its files are",
        "there, with their bytes, and not if a command that would remove them is missing. Only where an image keeps",
        "no trace but the text of its history, commands are taken apart as a shell would.",
    ]
    for title, told, rows in SECTIONS:
        seen = sum(bool(row[2]) for row in rows)
        lines += ["", f"## {title}", "", f"{told} {seen} of {len(rows)} are seen.", ""]
        lines += ["| check | looks for | our rules | remark |", "|---|---|---|---|"]
        lines += [_row(row) for row in rows]
    return "\n".join(lines) + "\n"


def _row(row: Row) -> str:
    name, what, rules, remark = row
    ours = ", ".join(f"`{rule}`" for rule in rules.split()) or "none"
    return f"| {_cell(name)} | {_cell(what)} | {ours} | {_cell(remark)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")


def unknown_rules(rows: Sequence[Row]) -> list[str]:
    """Rules that a list names and that do not exist."""
    ids = {entry.id for entry in entries()}
    families = {f"{family}/*" for family in Family}
    return [rule for row in rows for rule in row[2].split() if rule not in ids and rule not in families]


if __name__ == "__main__":
    sys.stdout.write(page())
