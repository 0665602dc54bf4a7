"""The answers at a glance: root? secrets? build tools? health check? size? complete?

What a run did not look for is said to be that, never to be absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from imgscan.evidence import Depth
from imgscan.renderers import phrases
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.text import count_text, one_line, size_text
from imgscan.report import Family, Origin, Report, ToolClass
from imgscan.report.exit_code import Completeness, lacks_evidence

UNKNOWN = "unknown"
UNASKED = "not looked for"

_SECRETS = frozenset(family for family in Family if family.endswith("-secret"))


class Answer(NamedTuple):
    """`tone` is good, bad, warn or info, as `Style.mark` draws them."""

    tone: str
    question: str
    answer: str
    detail: str = ""


def answers(report: Report, options: RenderOptions) -> list[Answer]:
    """All of them, in the order of a summary."""
    healthy = report.summary.healthcheck
    return [
        runs_as_root(report, options),
        secrets(report, options),
        build_tools(report, options),
        Answer("good" if healthy else "warn", "health check", yes_or_no(healthy)),
        _size(report, options),
        *_base(report),
        _complete(report, options),
    ]


def runs_as_root(report: Report, options: RenderOptions) -> Answer:
    root, user = report.summary.runs_as_root, one_line(report.summary.user, 200)
    if options.depth is Depth.CONFIG and not root and not user.startswith("uid "):
        detail = f"{user}: whether that is another name of root is in etc/passwd, which was not read"
        return Answer("info", "runs as root", UNKNOWN, detail)
    return Answer("bad" if root else "good", "runs as root", yes_or_no(root), user)


def secrets(report: Report, options: RenderOptions) -> Answer:
    asked = options.families & _SECRETS if options.families else _SECRETS
    if not asked:
        return Answer("info", "secrets", UNASKED)
    count, deleted = report.summary.secrets, report.summary.secrets_deleted
    details = [f"{deleted} of them deleted, yet recoverable"] if deleted else []
    if options.depth is not Depth.CONTENT:
        details.append("the contents of files were not read")
    if asked != _SECRETS:
        details.append(f"only {', '.join(sorted(asked))} was looked for")
    details += _asked_origin(options)
    narrow = options.only is not None or options.depth is not Depth.CONTENT or asked != _SECRETS
    return Answer("bad" if count else "info" if narrow else "good", "secrets", f"{count or 'none'}", "; ".join(details))


def build_tools(report: Report, options: RenderOptions) -> Answer:
    if options.depth is Depth.CONFIG or (options.families and Family.BUILD_TOOL not in options.families):
        return Answer("info", "build tools", UNASKED)
    count = report.summary.build_tools
    detail = "; ".join(filter(None, (_tool_counts(report), *_asked_origin(options))))
    tone = "warn" if count else "info" if options.only is not None else "good"
    return Answer(tone, "build tools", f"{count or 'none'}", detail)


def _asked_origin(options: RenderOptions) -> list[str]:
    """What `--only` leaves out, for the counts it makes smaller."""
    if options.only is None:
        return []
    return ["the base image's own are left out" if options.only is Origin.OWN else "those of the base image alone"]


def yes_or_no(answer: bool) -> str:
    return "yes" if answer else "no"


def _tool_counts(report: Report) -> str:
    """`141 MB: 3 compilers, ...` in the order of `ToolClass`."""
    counts = Counter(tool.tool_class for tool in report.tools if tool.tool_class.counted)
    if not counts:
        return ""
    classes = ", ".join(
        phrases.counted_class(tool_class, counts[tool_class]) for tool_class in ToolClass if counts[tool_class]
    )
    return f"{size_text(report.summary.build_tool_bytes)}: {classes}"


def _size(report: Report, options: RenderOptions) -> Answer:
    layers, dead = count_text(len(report.image.layers), "layer"), report.summary.dead_bytes
    if options.depth is Depth.CONFIG:
        return Answer("info", "size", UNKNOWN, f"{layers}, none of them opened")
    wasted = f", {size_text(dead)} of it deleted or overwritten" if dead else ""
    return Answer("info", "size", size_text(report.image.size), f"in {layers}{wasted}")


def _base(report: Report) -> Iterator[Answer]:
    """What it was built on, where anything tells; with what that rests on."""
    base = report.image.base
    if base is None:
        return
    count = len(report.image.layers)
    whose = f"its layers are the first {base.layers} of {count}; " if base.layers is not None else ""
    detail = f"{whose}{base.confidence} confidence: {base.evidence}"
    yield Answer("info", "base image", one_line(base.reference or "unnamed", 80), one_line(detail, 300))


def _complete(report: Report, options: RenderOptions) -> Answer:
    whole = not lacks_evidence(report, Completeness.PROMISED)
    members = count_text(report.coverage.members, "member")
    if not whole:
        return Answer("bad", "complete", "no", f"{report.coverage.scanned:,} of {members} read; exit code 3")
    read = {
        Depth.CONFIG: "the config only, as --depth asks",
        Depth.MEMBERS: f"the headers of {members} only, as --depth asks",
        Depth.CONTENT: f"{members} read",
    }
    return Answer("good", "complete", "yes", read[options.depth])
