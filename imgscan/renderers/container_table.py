"""`imgscan container` for a person: each setting with what it is, then what is wrong, then what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgscan.renderers import phrases
from imgscan.renderers.ledger import conclusion
from imgscan.renderers.renderer import MINIMUM_WIDTH, RenderOptions
from imgscan.renderers.style import Page, Style
from imgscan.renderers.text import count_text, one_line, size_text, width, wrap
from imgscan.report import Finding, Severity
from imgscan.report.container import (
    BENCHMARK,
    Change,
    ChangeKind,
    ContainerReport,
    ContainerSettings,
    PublishedPort,
    benchmark_number,
    container_exit_code,
)
from imgscan.report.exit_code import combined

CHANGES = 20
"""Changed files that are listed; the JSON document has all."""
LIMIT = 400
"""Columns of one value."""

Lines = list[str]


@dataclass(frozen=True, slots=True)
class Row:
    """A setting: what it is called, what it is, and the names under which findings point at it.

    `praised` where it is good as long as no finding says otherwise, and not merely unknown.
    """

    label: str
    text: str
    settings: tuple[str, ...]
    praised: bool = True


def render(reports: Sequence[ContainerReport], options: RenderOptions) -> str:
    """One part for each container, and for several a comparison at the end."""
    page = Page(options, max(options.width, MINIMUM_WIDTH), Style(options.colour, options.unicode))
    lines: Lines = []
    for report in reports:
        lines += [*_container(report, page), ""]
    if len(reports) > 1:
        lines += [*_comparison(reports, page), ""]
    text = "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n" if lines else ""
    return text if options.unicode else page.style.ascii(text)


def _container(report: ContainerReport, page: Page) -> Lines:
    sections = [
        _title(report, page),
        _settings(report, page),
        _findings(report, page),
        _changes(report.changes, page),
        _advice(report, page),
        _suppressed(report, page),
        _problems(report, page),
        conclusion(report.verdict, container_exit_code(report, page.options.completeness), page),
    ]
    return [line for section in sections if section for line in (*section, "")][:-1]


def _title(report: ContainerReport, page: Page) -> Lines:
    style, state = page.style, report.state
    since = state.started[:19].replace("T", " ")
    facts = [
        f"{state.status} since {since}" if state.running and since else state.status,
        f"exit code {state.exit_code}" if state.exit_code is not None and not state.running else "",
        state.health,
        f"from {report.image}" if report.image else "",
        f"container {report.id[:12]}",
        f"image {report.image_id[:19]}",
    ]
    about = one_line(" · ".join(fact for fact in facts if fact), page.width * 2)
    return [
        *(style.bold(line) for line in wrap(one_line(report.name or report.id, page.width * 2), page.width)),
        *(style.dim(line) for line in wrap(about, page.width)),
        style.dim(style.rule * page.width),
    ]


def _settings(report: ContainerReport, page: Page) -> Lines:
    rows = [Row("runs as", report.user, ("user",)), *_rows(report.settings)]
    wide = max(width(row.label) for row in rows)
    lines: Lines = []
    for row in rows:
        mark = page.style.mark(_tone(report, row))
        first, *more = wrap(one_line(row.text, LIMIT), max(page.width - wide - 4, 20))
        lines.append(f"{mark} {row.label}{' ' * (wide - width(row.label))}  {page.style.bold(first)}")
        lines += [" " * (wide + 4) + line for line in more]
    told = wrap(f"constraints: {one_line(report.constraints, LIMIT)}", page.width)
    return [*lines, "", *told]


def _tone(report: ContainerReport, row: Row) -> str:
    found = [finding.severity for finding in report.verdict.open if _setting(finding) in row.settings]
    worst = max(found, default=Severity.NONE)
    if worst >= Severity.HIGH:
        return "bad"
    if worst >= Severity.LOW:
        return "warn"
    return "good" if worst is Severity.NONE and row.praised else "info"


def _setting(finding: Finding) -> str:
    return (finding.location.pointer or "").partition("/")[0]


def _rows(settings: ContainerSettings) -> Iterator[Row]:
    if settings.privileged:
        yield Row("privileged", "yes", ("privileged",))
    root = "read-only" if settings.read_only else "writable"
    tmpfs = "".join(f", tmpfs {path}{f' ({how})' if how else ''}" for path, how in settings.tmpfs)
    yield Row("root file system", root + tmpfs, ("read_only",))
    memory = f"{settings.memory} ({_binary(settings.memory)})" if settings.memory else "no limit"
    yield Row("memory", memory, ("memory",))
    yield Row("CPU", _cpu(settings), ("nano_cpus",))
    yield Row("processes", f"{settings.pids_limit}" if settings.pids_limit > 0 else "no limit", ("pids_limit",))
    if settings.ulimits:
        limits = ", ".join(f"{limit.name} {limit.soft}:{limit.hard}" for limit in settings.ulimits)
        yield Row("ulimits", limits, ("ulimits",))
    yield Row("capabilities", _capabilities(settings), ("cap_drop", "cap_add", "privileged"))
    gains = {True: "cannot be gained", False: "can be gained", None: "unknown: the engine does not say"}
    known = settings.no_new_privileges is not None
    yield Row("new privileges", gains[settings.no_new_privileges], ("no_new_privileges",), known)
    # One finding tells what --privileged takes away.
    yield Row("system calls", f"seccomp: {settings.seccomp or 'none'}", ("seccomp", "unmasked_paths", "privileged"))
    yield Row("access control", _access_control(settings), ("apparmor", "selinux", "privileged"))
    yield Row("namespaces", _namespaces(settings), ("network_mode", "pid_mode", "ipc_mode", "uts_mode", "userns_mode"))
    if settings.devices:
        yield Row("devices", ", ".join(settings.devices), ("devices",))
    for mount in settings.mounts:
        rights = "writable" if mount.writable else "read-only"
        source = mount.name or mount.source or mount.kind
        text = f"{source} at {mount.destination}, {mount.kind}, {rights}"
        yield Row("mount", text, ("mounts",))
    ports = ", ".join(_published(port) for port in settings.ports)
    shared = "the host's own: it shares its network" if settings.network_mode == "host" else ""
    yield Row("ports", ports or shared or "none published", ("ports", "network_mode") if shared else ("ports",))
    retries = f":{settings.restart_retries}" if settings.restart_retries else ""
    yield Row("restart", f"{settings.restart_policy or 'no'}{retries}", ("restart_policy",))
    yield Row("health check", " ".join(settings.healthcheck) or "none", ("healthcheck",))


def _published(port: PublishedPort) -> str:
    host = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip or "*"
    return f"{host}:{port.host_port} > {port.container_port}"


def _binary(count: int) -> str:
    for unit, size in (("TB", 1 << 40), ("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} B"


def _cpu(settings: ContainerSettings) -> str:
    if settings.nano_cpus:
        return f"{settings.nano_cpus} NanoCpus ({settings.cpus:g} CPU)"
    parts = [
        f"quota {settings.cpu_quota} of {settings.cpu_period or 100_000} us ({settings.cpus:g} CPU)"
        if settings.cpus
        else "",
        f"{settings.cpu_shares} shares" if settings.cpu_shares else "",
        f"on {settings.cpuset_cpus}" if settings.cpuset_cpus else "",
    ]
    return ", ".join(part for part in parts if part) or "no limit"


def _capabilities(settings: ContainerSettings) -> str:
    if settings.privileged:
        return "all"
    dropped = "all dropped" if settings.drops_all_capabilities else ""
    if not dropped:
        dropped = f"dropped {', '.join(settings.cap_drop)}" if settings.cap_drop else "the engine's default set"
    return dropped + (f"; added {', '.join(settings.cap_add)}" if settings.cap_add else "")


def _access_control(settings: ContainerSettings) -> str:
    parts = []
    if settings.apparmor is not None:
        parts.append(f"AppArmor: {settings.apparmor or 'none'}")
    if settings.selinux is not None:
        parts.append(f"SELinux: {settings.selinux or 'none'}")
    return ", ".join(parts) or "neither AppArmor nor SELinux"


def _namespaces(settings: ContainerSettings) -> str:
    modes = (
        ("network", settings.network_mode),
        ("pid", settings.pid_mode),
        ("ipc", settings.ipc_mode),
        ("uts", settings.uts_mode),
        ("user", settings.userns_mode or ("mapped" if settings.user_namespace else "")),
    )
    return ", ".join(f"{name} {mode}" for name, mode in modes if mode) or "its own"


def _findings(report: ContainerReport, page: Page) -> Lines:
    style, lines = page.style, []
    for finding in report.verdict.open:
        number = benchmark_number(finding.rule)
        cis = f", CIS {number}" if number else ""
        head = f"{style.severity(finding.severity)} {style.bold(finding.rule.title)}"
        head += f" {style.dim(f'{finding.rule.id}{cis}')}"
        what = one_line(_what(finding, page.options), LIMIT)
        by = " (the image's)" if finding.origin == "base" else ""
        lines += [*style.wrap(head, page.width), *(f"  {line}" for line in wrap(what + by, page.width - 2))]
    if not lines:
        return []
    source = wrap(f"CIS numbers are those of the {BENCHMARK}.", page.width)
    return [style.heading("FINDINGS"), *lines, *(style.dim(line) for line in source)]


def _what(finding: Finding, options: RenderOptions) -> str:
    value = finding.secret.value if finding.secret and options.show_secrets else None
    return f"{finding.message}: {value}" if value else finding.message


def _changes(changes: Sequence[Change], page: Page) -> Lines:
    files = [change for change in changes if change.kind is ChangeKind.DELETED or change.sha256 is not None]
    if not changes:
        return []
    shown = files[:CHANGES]
    texts = []
    for change in shown:
        size = "" if change.size is None else f", {size_text(change.size)}"
        program = f", {change.rights or 'executable'}" if change.executable else ""
        texts.append(f"{change.kind:<8}  {phrases.path_text(change.path)}{size}{program}")
    more = len(files) - len(shown)
    texts += [f"and {more:,} more"] if more > 0 else []
    what = count_text(len(changes), "path") + ("" if files else ", directories and links alone")
    heading = f"{page.style.heading('CHANGED SINCE THE START')}  {page.style.dim(what)}"
    return [heading, *(f"  {line}" for text in texts for line in wrap(text, page.width - 2))]


def _advice(report: ContainerReport, page: Page) -> Lines:
    texts = dict.fromkeys(
        finding.remediation
        for finding in report.verdict.open
        if finding.severity > Severity.INFO and finding.remediation
    )
    lines: Lines = []
    for number, text in enumerate(texts, 1):
        first, *more = wrap(one_line(text, 600), page.width - 4)
        lines += [f"{number:2}. {first}", *(f"    {line}" for line in more)]
    return [page.style.heading("WHAT TO DO"), *lines] if lines else []


def _suppressed(report: ContainerReport, page: Page) -> Lines:
    items = report.verdict.suppressed
    if not items:
        return []
    if not page.options.show_suppressed:
        return [page.style.dim(f"{count_text(len(items), 'finding')} suppressed: --show-suppressed lists them")]
    lines = [one_line(f"{item.reason}: {item.finding.rule.id}: {item.finding.message}", LIMIT) for item in items]
    return [page.style.heading("SUPPRESSED"), *(line for text in lines for line in wrap(text, page.width))]


def _problems(report: ContainerReport, page: Page) -> Lines:
    lines = [f"{problem.effect}: {phrases.problem_text(problem)}" for problem in report.problems]
    wrapped = [line for text in lines for line in wrap(text, page.width - 2)]
    return [page.style.heading("COVERAGE"), *(f"  {line}" for line in wrapped)] if lines else []


def _comparison(reports: Sequence[ContainerReport], page: Page) -> Lines:
    style = page.style
    codes = [container_exit_code(report, page.options.completeness) for report in reports]
    codes += [failure.code for failure in page.options.failures]
    rows = [
        (
            one_line(report.name, 40),
            {True: "yes", False: "no", None: "?"}[report.runs_as_root],
            f"{len(report.verdict.open)}",
            f"{int(container_exit_code(report, page.options.completeness))}",
            one_line(report.constraints, LIMIT),
        )
        for report in reports
    ]
    heads = ("CONTAINER", "ROOT", "FINDINGS", "EXIT", "CONSTRAINTS")
    wide = [max(width(row[at]) for row in (heads, *rows)) for at in range(4)]
    lines = [
        style.dim(style.rule * page.width),
        style.heading("COMPARISON") + f"  exit code of the run: {combined(codes)}",
    ]
    room = page.width - sum(wide) - 2 * len(wide)
    if room < 20:
        for name, root, count, code, words in rows:
            told = f"root {root}, findings {count}, exit {code}, {words}"
            lines += [*wrap(name, page.width), *(f"  {line}" for line in wrap(told, page.width - 2))]
        return lines
    for row in (heads, *rows):
        head = "  ".join(f"{cell}{' ' * (wide[at] - width(cell))}" for at, cell in enumerate(row[:4]))
        first, *more = wrap(row[4], room)
        lines += [f"{head}  {first}", *(" " * (width(head) + 2) + line for line in more)]
    return lines
