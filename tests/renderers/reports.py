"""Reports made by hand, as the pipeline would make them: an insecure image, a clean one, a hostile one."""

from __future__ import annotations

from dataclasses import replace

from imgscan.errors import Effect, Problem
from imgscan.evidence import Confidence, Skip, Validation
from imgscan.report import (
    AddedBy,
    CoverageLedger,
    Finding,
    FindingFate,
    IgnorePattern,
    Location,
    LocationKind,
    Origin,
    Report,
    Rule,
    SecretSighting,
    Severity,
    Summary,
    Suppressed,
    Tool,
    ToolClass,
    Verdict,
)
from imgscan.report.dockerfile import DockerfileRow
from imgscan.report.report import HistoryRow, ImageRow, LayerCauses, LayerRow

COPY = AddedBy(3, 6, "COPY . .")
PRESENT = FindingFate("present")
DELETED = FindingFate("deleted", 5, "RUN rm -f .env")


def rule(
    identity: str, title: str, severity: Severity = Severity.HIGH, remediation: str = "Leave it out of the image."
) -> Rule:
    return Rule(identity, title, severity, "Why it matters.", remediation)


STEPS = (
    ("ADD rootfs.tar.xz /", 0),
    ('CMD ["bash"]', None),
    ("RUN apt-get update && apt-get install -y --no-install-recommends build-essential git curl python3", 1),
    ("RUN install-node 20", 2),
    ("WORKDIR /app", None),
    ("ENV API_KEY=sk-l********", None),
    ("COPY . .", 3),
    ("RUN npm install", 4),
    ("RUN rm -f .env", 5),
    ('CMD ["node","server.js"]', None),
)
"""(instruction, layer) of each step."""

KEYWORD = rule(
    "file-secret/keyword",
    "Secret by its name",
    Severity.HIGH,
    "Rotate it: whoever has the image has it. Keep the file out with .dockerignore and pass the value at run time.",
)
STRIPE = rule("file-secret/stripe-key", "Stripe live key", Severity.CRITICAL, KEYWORD.remediation)


def file_secret(
    found: Rule, name: str, redacted: str, line: int, *, fate: FindingFate = PRESENT, value: str | None = None
) -> Finding:
    return Finding(
        rule=found,
        location=Location(LocationKind.FILE, path="app/.env", layer=3, line=line, offset=line * 40),
        message=f"{found.title} in app/.env",
        severity=found.severity,
        fate=fate,
        added_by=COPY,
        origin=Origin.OWN,
        secret=SecretSighting(
            found.title, redacted, name.encode(), name=name, id=f"id-{name}", state=fate.state, value=value
        ),
    )


def env_sighting(of: Finding) -> Finding:
    """The same secret once more, in the config."""
    assert of.secret
    return Finding(
        rule=rule("env-secret/keyword", "Secret by its name", Severity.HIGH, KEYWORD.remediation),
        location=Location(LocationKind.CONFIG, pointer="/config/Env/2", name="API_KEY"),
        message="ENV API_KEY holds a secret",
        severity=Severity.HIGH,
        added_by=AddedBy(None, 5, "ENV API_KEY=sk-l********"),
        origin=Origin.OWN,
        secret=replace(of.secret, sightings=2),
    )


def tool(name: str, tool_class: ToolClass, size: int, layer: int = 1) -> Tool:
    return Tool(
        name, tool_class, f"usr/bin/{name}", layer, STEPS[(0, 2, 3)[layer]][0], name, size, Origin.BASE, usable=True
    )


TOOLS = (
    tool("gcc", ToolClass.COMPILER, 1_106_344),
    tool("g++", ToolClass.COMPILER, 1_110_440),
    tool("cc", ToolClass.COMPILER, 1_106_344),
    tool("ld", ToolClass.LINKER, 1_700_000),
    tool("make", ToolClass.BUILD_SYSTEM, 240_000),
    tool("apt-get", ToolClass.PACKAGE_MANAGER, 51_560, 0),
    tool("dpkg", ToolClass.PACKAGE_MANAGER, 318_000, 0),
    tool("npm", ToolClass.LANGUAGE_INSTALLER, 2_500_000, 2),
    tool("yarn", ToolClass.LANGUAGE_INSTALLER, 5_000_000, 2),
    tool("git", ToolClass.VERSION_CONTROL, 3_700_000),
    tool("curl", ToolClass.DOWNLOADER, 260_000),
    tool("bash", ToolClass.SHELL, 1_265_648, 0),
)


def tool_finding(found: Tool) -> Finding:
    severity = Severity.MEDIUM if found.tool_class.counted else Severity.INFO
    return Finding(
        rule=rule(
            f"build-tool/{str(found.tool_class).replace(' ', '-')}",
            f"{str(found.tool_class).capitalize()} in the image",
            severity,
            "Build in one stage and copy only the result into the last one.",
        ),
        location=Location(LocationKind.FILE, path=found.path, layer=found.layer, name=found.name),
        message=f"{found.name} is in the final file system",
        severity=severity,
        fate=PRESENT,
        added_by=AddedBy(found.layer, (0, 2, 3)[found.layer], found.instruction),
        origin=found.origin,
    )


ROOT = Finding(
    rule=rule(
        "root-user/implicit",
        "Runs as root",
        Severity.HIGH,
        "Create a user and switch to it: RUN useradd -r app, then USER app, after everything that needs root.",
    ),
    location=Location(LocationKind.CONFIG, pointer="/config/User"),
    message="no USER instruction: the container runs as root (uid 0)",
    severity=Severity.HIGH,
)

HEALTHCHECK = Finding(
    rule=rule("healthcheck/missing", "No health check", Severity.LOW, "Add a HEALTHCHECK that asks the application."),
    location=Location(LocationKind.IMAGE),
    message="nothing tells an orchestrator whether the application works",
    severity=Severity.LOW,
)


def sensitive(number: int) -> Finding:
    return Finding(
        rule=rule("sensitive-file/private-key", "Private key file", Severity.HIGH, "Mount keys at run time."),
        location=Location(LocationKind.FILE, path=f"app/node_modules/tls/test/fixtures/key-{number}.pem", layer=4),
        message=f"private key number {number}",
        severity=Severity.HIGH,
        confidence=Confidence.LOW,
        fate=PRESENT,
        added_by=AddedBy(4, 10, "RUN npm install"),
    )


def image(reference: str = "insecure-app:latest") -> ImageRow:
    layers = [(index, text, layer) for index, (text, layer) in enumerate(STEPS) if layer is not None]
    sizes = (74_800_000, 312_000_000, 141_000_000, 48_000, 12_000_000, 0)
    return ImageRow(
        reference=reference,
        source="docker",
        platform="linux/amd64",
        image_id="sha256:4f0b3f1d7c0f1b9a6a1a",
        manifest_digest=None,
        created="2026-05-01T12:00:00Z",
        size=sum(sizes),
        layers=tuple(
            LayerRow(
                layer, f"sha256:{layer:064x}", None, sizes[layer], index, text, Origin.BASE if layer < 3 else Origin.OWN
            )
            for index, text, layer in layers
        ),
        history=tuple(
            HistoryRow(
                index,
                layer,
                "2026-05-01T12:00:00Z",
                f"/bin/sh -c {text}",
                text,
                (("NPM_TOKEN", "npm_********"),) if index == 7 else (),
            )
            for index, (text, layer) in enumerate(STEPS)
        ),
    )


CAUSES = tuple(LayerCauses(index, 900, 40, 30, 20 * index, 5, 3, 2) for index in range(3))


def insecure() -> Report:
    stripe = file_secret(STRIPE, "STRIPE_SECRET", "rk_live_********", 3, fate=DELETED)
    api_key = file_secret(KEYWORD, "API_KEY", "sk-l********", 2, fate=DELETED, value="sk-live-abc123xyz789")
    database = file_secret(KEYWORD, "DATABASE_PASSWORD", "su********", 1, fate=DELETED)
    findings = (
        replace(stripe, secret=replace(stripe.secret, validation=Validation.STRUCTURE_OK)),
        ROOT,
        database,
        api_key,
        env_sighting(api_key),
        *map(tool_finding, TOOLS),
        HEALTHCHECK,
    )
    findings = tuple(sorted(findings, key=lambda finding: -finding.severity.rank))
    placeholder = file_secret(KEYWORD, "PASSWORD", "ch********", 9)
    return Report(
        image=image(),
        summary=Summary(True, "root (implicit: no USER)", 3, 2, 11, 17_092_688, 12_345_678, False),
        verdict=Verdict(findings, (Suppressed(placeholder, "placeholder", "the value is changeme"),), failed=True),
        tools=TOOLS,
        coverage=CoverageLedger(97_000, 96_990, (Skip("a whiteout has no content", 10, 0),), (), True),
        problems=(Problem("base-layer-marker", "a whiteout in the base layer has no effect", path="etc/x", layer=0),),
        size_causes=CAUSES,
        dockerignore=(IgnorePattern("**/.env*", "settings of one installation", "app/.env", 2),),
    )


def mapped() -> Report:
    """The insecure image beside the Dockerfile that it was built from."""
    row = DockerfileRow("docker/Dockerfile", True, 1, "final", 4, (1, 1, 1, 1, 2, 3, 5, 6, 9, 10))
    return replace(insecure(), dockerfile=row)


def clean(reference: str = "clean-app:1.0") -> Report:
    return Report(
        image=image(reference),
        summary=Summary(False, "app (uid 1001)", 0, 0, 0, 0, 0, True),
        verdict=Verdict(()),
        tools=(),
        coverage=CoverageLedger(2_400, 2_400, (), (), True),
        problems=(),
    )


def incomplete() -> Report:
    return replace(
        clean("broken:1"),
        verdict=Verdict((ROOT, *map(sensitive, range(14))), failed=True),
        coverage=CoverageLedger(
            300, 200, (Skip("after the end of the stream", 100, 5_000_000),), (Skip("encrypted zip", 1, 4096),), False
        ),
        problems=(
            Problem("truncated-layer", "tar ends at byte 4096", Effect.INCOMPLETE, layer=2),
            Problem("encrypted", "a password is needed", Effect.OPAQUE, path="app/backup.zip", layer=3),
        ),
    )


def hostile(text: str) -> Report:
    """A report with `text` wherever an image may put text."""
    location = Location(LocationKind.FILE, text, text, 0, 1, 0, None, None, text)
    secret = SecretSighting(text, text, b"k", name=text, id="s", value=text)
    finding = Finding(
        rule("file-secret/x", "A secret"),
        location,
        text,
        Severity.CRITICAL,
        fate=FindingFate("deleted", 1, text),
        added_by=AddedBy(0, 0, text),
        secret=secret,
    )
    config = replace(finding, location=Location(LocationKind.CONFIG, pointer=text, name=text), fate=None)
    other = replace(finding, secret=None, rule=rule("layer-anomaly/x", "An anomaly"))
    found = Tool(text, ToolClass.COMPILER, "usr/bin/x", 0, text, text, 1, Origin.OWN, usable=False)
    return Report(
        image=ImageRow(
            text,
            "docker",
            text,
            text,
            text,
            text,
            1,
            (LayerRow(0, text, text, None, 0, text),),
            (HistoryRow(0, 0, text, text, text, ((text, text),)),),
        ),
        summary=Summary(True, text, 1, 0, 1, 1, 0, False),
        verdict=Verdict((finding, config, other, tool_finding(found)), (Suppressed(other, text, text),), True),
        tools=(found,),
        coverage=CoverageLedger(1, 0, (Skip(text, 1, 1),), (Skip(text, 1, 1),), False),
        problems=(Problem("odd", text, Effect.INCOMPLETE, text, 0),),
        dockerignore=(IgnorePattern(text, text, text, 2),),
    )
