"""The results as Markdown tables, and their place in the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

BEGIN = "<!-- begin: written by bench.run --write-docs -->"
END = "<!-- end -->"
VERDICTS = {True: "yes", False: "**no**", None: "-"}


def markdown(results: dict[str, Any]) -> str:
    """All tables of one run, from `results.json`'s content."""
    machine, corpus = results["machine"], results["corpus"]
    pinned = "pinned to" if machine["pinned"] else "on"
    versions = "".join(f", {name} {machine[name]}" for name in ("gitleaks", "kingfisher") if name in machine)
    sizes = {name: f"{size / 1e6:,.0f} MB" for name, size in corpus["archive_bytes"].items()}
    head = (
        f"{machine['processor']}, {pinned} {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}{versions}. Archive: {sizes['plain']}, {corpus['members']:,} members, "
        f"{corpus['nested_bytes'] / 1e6:,.0f} MB of it nested archives that inflate to "
        f"{corpus['inflated_bytes'] / 1e6:,.0f} MB; with gzip {sizes['gzip']}, with zstd {sizes['zstd']}."
    )
    parts = [
        head,
        table(
            ("target", "measured", "wanted", "met"),
            [(check["name"], check["figure"], check["target"], VERDICTS[check["met"]]) for check in results["checks"]],
        ),
        table(
            ("program", "wall", "CPU", "peak memory", "runs"), [row(name, one) for name, one in results["runs"].items()]
        ),
    ]
    if results["recall"]:
        parts.append(recall_table(results["recall"]))
    parts.append("\n".join(f"* {note}" for note in results["notes"]))
    return "\n\n".join(part for part in parts if part) + "\n"


def row(name: str, one: dict[str, Any]) -> tuple[str, ...]:
    """A measured program."""
    if one["timed_out"]:
        return (name, f"> {one['wall']:.0f} s (ended)", "-", f"{one['peak']:,.0f} MB", str(one["runs"]))
    if one["error"]:
        return (name, "failed", "-", "-", str(one["runs"]))
    return (name, f"{one['wall']:.2f} s", f"{one['cpu']:.2f} s", f"{one['peak']:,.0f} MB", str(one["runs"]))


def recall_table(recall: dict[str, dict[str, Any]]) -> str:
    """Secrets found per place and program, then per kind."""
    names = list(recall)
    sections = []
    for title, key in (("planted in", "places"), ("kind", "kinds")):
        first = recall[names[0]][key]
        rows = [
            (place, str(count[1]), *(str(recall[name][key].get(place, [0])[0]) for name in names))
            for place, count in sorted(first.items())
        ]
        total = ("all", str(recall[names[0]]["planted"]), *(str(recall[name]["found"]) for name in names))
        rows.append(total)
        if key == "places":
            rows.append(("other values reported", "-", *(f"{recall[name]['others']:,}" for name in names)))
        sections.append(table((title, "planted", *names), rows))
    return "\n\n".join(sections)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; numbers are not aligned, a reader's browser does that."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def insert(page: Path, text: str, *, begin: str = BEGIN) -> None:
    """Replace what is between the page's markers."""
    before, rest = page.read_text().split(begin, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{begin}\n{text}{END}{after}")
