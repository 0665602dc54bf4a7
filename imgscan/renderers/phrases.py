"""How formats for people say where something is, what brought it in and what became of it.

Every phrase is printable and of bounded length; the whole values are in the JSON document.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from imgscan.errors import Problem
from imgscan.renderers.grouping import Group, by_cause
from imgscan.renderers.text import count_text, middle, one_line, printable
from imgscan.report import (
    AddedBy,
    Family,
    Finding,
    FindingFate,
    Location,
    LocationKind,
    Origin,
    Report,
    SecretSighting,
    ToolClass,
)
from imgscan.report.dockerfile import DockerfileRow
from imgscan.report.report import ImageRow

PATH_LIMIT = 240
"""Columns of a path; longer ones lose their middle."""
INSTRUCTION_LIMIT = 64
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
VALUE_LIMIT = 120


def place(location: Location) -> str:
    """`app/.env:3`, `ENV API_KEY`, `history step 7`; for an archive's member `app/a.jar > application.yml:3`.

    For an account `etc/passwd (toor)`.
    """
    kind = location.kind
    if kind is LocationKind.FILE:
        path = path_text(location.path or "")
        inner = f" > {path_text(location.inner_path)}" if location.inner_path else ""
        line = f":{location.line}" if location.line else ""
        # Accounts share a file; elsewhere a line tells places apart, or the name is the path's own.
        shared = location.name and not location.line and path.startswith("etc/")
        name = f" ({_value(location.name or '')})" if shared else ""
        return f"{path}{inner}{line}{name}"
    if kind is LocationKind.HISTORY:
        name = f", {_value(location.name)}" if location.name else ""
        return f"history step {location.history}{name}"
    if kind is LocationKind.CONFIG:
        return _config_place(location)
    if kind is LocationKind.IMAGE and location.path:
        inner = f" > {path_text(location.inner_path)}" if location.inner_path else ""
        return f"blob {path_text(location.path)}{inner}" + (f":{location.line}" if location.line else "")
    if kind is LocationKind.IMAGE and location.layer is not None:
        return f"layer {location.layer}: {_value(location.name or '')}"
    return f"{kind} {_value(location.name or location.pointer or '')}".strip()


def _config_place(location: Location) -> str:
    """The Dockerfile's word for a field of the config, where it has one."""
    pointer, name = location.pointer or "", _value(location.name or "")
    section = pointer.removeprefix("/config/").split("/")[0]
    keyword = {
        "Env": "ENV",
        "Labels": "LABEL",
        "User": "USER",
        "Cmd": "CMD",
        "Entrypoint": "ENTRYPOINT",
        "Healthcheck": "HEALTHCHECK",
        "OnBuild": "ONBUILD",
        "WorkingDir": "WORKDIR",
        "Shell": "SHELL",
        "Volumes": "VOLUME",
        "ExposedPorts": "EXPOSE",
    }.get(section)
    if keyword:
        return f"{keyword} {name}".strip()
    return f"config {_value(pointer)} {name}".strip()


def brought_in(added_by: AddedBy | None, origin: Origin = Origin.UNKNOWN) -> str:
    """ "layer 4 `COPY . .`"; empty where nobody knows."""
    if added_by is None:
        return ""
    whose = " (base)" if origin is Origin.BASE else ""
    if added_by.layer is not None:
        where = f"layer {added_by.layer}{whose}"
    elif added_by.history is not None:
        where = f"step {added_by.history}{whose}"
    else:
        where = ""
    return " ".join(part for part in (where, quoted(added_by.instruction)) if part)


def blamed(finding: Finding, dockerfile: DockerfileRow | None) -> str:
    """What brought it in, with the line of the user's Dockerfile to change: "Dockerfile:4, layer 3 `COPY . .`"."""
    line = dockerfile.line_of(finding) if dockerfile is not None else None
    where = f"{path_text(dockerfile.path)}:{line}" if dockerfile is not None and line is not None else ""
    return ", ".join(part for part in (where, brought_in(finding.added_by, finding.origin)) if part)


def news(report: Report, limit: int = 5) -> str:
    """What a baseline does not have: "1 new finding at Dockerfile:14"; empty where nothing was compared or is new."""
    # What is demanded of every image was never accepted with an earlier one: it is not called new.
    found = [finding for finding in report.verdict.open if finding.rule.family is not Family.POLICY]
    dockerfile = report.dockerfile
    if report.verdict.baseline is None or not found:
        return ""
    told = count_text(len(found), "new finding")
    lines = sorted({line for one in found if dockerfile is not None and (line := dockerfile.line_of(one)) is not None})
    if dockerfile is None or not lines:
        return told
    more = f" and {len(lines) - limit:,} more lines" if len(lines) > limit else ""
    return f"{told} at {path_text(dockerfile.path)}:{', '.join(map(str, lines[:limit]))}{more}"


def quoted(instruction: str | None, limit: int = INSTRUCTION_LIMIT) -> str:
    """An instruction in backticks, shortened; digests to their first 12 digits, as the engine does."""
    if not instruction:
        return ""
    # The classic builder writes `COPY dir:SHA256 in /app`; what people look for stands behind the digest.
    shortened = _DIGEST.sub(r"\1…", instruction[: limit * 16])
    return f"`{one_line(shortened, limit)}`"


def state(finding: Finding) -> str:
    """ "present", "deleted in layer 5 by `RUN rm -f .env`, still recoverable"; empty for what has no fate."""
    if finding.fate is not None:
        return fate(finding.fate)
    if finding.secret is None:
        return ""
    return {
        LocationKind.CONFIG: "in the image's config",
        LocationKind.HISTORY: "in the image's history",
        LocationKind.ATTESTATION: "in an attestation",
        LocationKind.IMAGE: "in no file of the image",
    }.get(finding.location.kind, "present")


def fate(found: FindingFate) -> str:
    """What became of a file version. A rewrite with equal bytes is no loss; the other ends are only seeming ones."""
    if found.state == "present":
        return "present"
    where = "" if found.layer is None else f" in layer {found.layer}"
    by = f" by {quoted(found.instruction)}" if found.instruction else ""
    if found.state == "rewritten":
        return f"kept, rewritten with the same bytes{where}{by}"
    return f"{found.state}{where}{by}, still recoverable"


def recovery(image: ImageRow, finding: Finding) -> str | None:
    """The command that gives the bytes of a file version that is gone; None for what is not, or is no file."""
    place = finding.location
    gone = finding.fate is not None and finding.fate.state in ("deleted", "overwritten")
    if not (gone and image.asked and place.kind is LocationKind.FILE and place.path and place.layer is not None):
        return None
    return f"imgscan extract {image.asked} {_argument(place.path)} --layer {place.layer}"


def recovery_words(image: ImageRow, place: Location) -> tuple[str, ...]:
    """The parts that such a command may be broken between, printable: extract takes a path as it is printed, too."""
    path = _argument(printable(place.path or ""))
    return (printable(f"imgscan extract {image.asked}"), path, f"--layer {place.layer}")


def _argument(path: str) -> str:
    """A path as one word of a command, never taken for an option."""
    return shlex.quote(f"/{path}" if path.startswith("-") else path)


def secret_text(secret: SecretSighting, show_value: bool) -> str:
    """`API_KEY = sk-l...`; with `show_value` the plaintext, where the run kept it."""
    value = secret.value if show_value and secret.value is not None else secret.redacted
    shown = one_line(value, 4096 if show_value else VALUE_LIMIT)
    return f"{_value(secret.name)} = {shown}" if secret.name else shown


@dataclass(frozen=True, slots=True)
class ToolLine:
    """Tools of one class that one step brought in and that met one fate; `counted` as in `3 compilers`."""

    counted: str
    names: str
    size: int | None
    """Bytes; None for tools that are deleted."""
    brought_in: str
    state: str


def tool_lines(group: Group, limit: int) -> list[ToolLine]:
    """A group of build tools, one line for each step; at most `limit` names in each."""
    tools = {(tool.path, tool.layer): tool for tool in group.tools}
    lines = []
    for cause, findings in by_cause(group.findings):
        places = [(finding.location.path or "", finding.location.layer or 0) for finding in findings]
        sizes = [tools[place].size for place in places if place in tools]
        lines.append(
            ToolLine(
                class_text(group, len(findings)),
                _names(findings, limit),
                sum(sizes) if sizes else None,
                brought_in(cause.added_by, findings[0].origin),
                fate(cause.fate) if cause.fate else "present",
            )
        )
    return lines


def tool_names(group: Group, limit: int) -> str:
    """The names of a group's tools, each once, at most `limit` of them."""
    return _names(group.findings, limit)


def _names(findings: Sequence[Finding], limit: int) -> str:
    names = list(dict.fromkeys(tool_name(finding.location) for finding in findings))
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def tool_name(location: Location) -> str:
    """The program's name, else its file's."""
    return _value(location.name or (location.path or "").rpartition("/")[2])


def class_text(group: Group, count: int) -> str:
    """The class of a group of tools, for `count` of them: `3 compilers`."""
    if group.tool_class:
        return counted_class(group.tool_class, count)
    return one_line(group.first.rule.title, 60)


def counted_class(tool_class: ToolClass, count: int) -> str:
    """`1 compiler`, `3 linkers`, `2 version control`."""
    if tool_class is ToolClass.VERSION_CONTROL:
        return f"{count} {tool_class}"
    return count_text(count, str(tool_class))


def problem_text(problem: Problem) -> str:
    """The message of a problem and where it is."""
    where = [] if problem.layer is None else [f"layer {problem.layer}"]
    where += [path_text(problem.path)] if problem.path else []
    message = one_line(problem.message, 400)
    # Some messages name the layer themselves.
    told = [part for part in where if not message.startswith(f"{part}:")]
    return f"{', '.join(told)}: {message}" if told else message


def layers_text(layers: Sequence[int]) -> str:
    """`layer 2`, `layers 2, 5 and 3 more`."""
    if len(layers) == 1:
        return f"layer {layers[0]}"
    more = len(layers) - 4
    shown = ", ".join(map(str, layers[:4]))
    return f"layers {shown} and {more} more" if more > 0 else f"layers {shown}"


def places_text(count: int) -> str:
    """`and 5 more places`."""
    return f"and {count_text(count, 'more place')}"


def path_text(path: str) -> str:
    """A path, printable; the root as `/`."""
    # Cut before escaping: a hostile path may be a megabyte of control characters.
    kept = path if len(path) <= PATH_LIMIT * 4 else f"{path[: PATH_LIMIT * 2]}…{path[-PATH_LIMIT * 2 :]}"
    return middle(printable(kept), PATH_LIMIT) or "/"


def _value(text: str) -> str:
    return one_line(text, VALUE_LIMIT)
