"""Files that hold credentials by name and by a look at their content, where no secret was confirmed inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from posixpath import basename, dirname

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.evidence import Confidence, Depth, Fact, Match
from imgscan.overlay import FateKind, FileVersion
from imgscan.ownership import EXTRACTORS, Owner, Ownership, Standing
from imgscan.report import Family, Finding, Location, LocationKind, Rule, Severity, Suppressed
from imgscan.secrets.sensitive_paths import SensitiveKind
from imgscan.vendored import VendoredTrees

_LAYERS = "Layers keep what a later step deletes: whoever may pull the image can read it."

RULES: dict[SensitiveKind, Rule] = {
    SensitiveKind.PRIVATE_KEY: Rule(
        id="sensitive-file/private-key",
        title="Private key in the image",
        severity=Severity.HIGH,
        explanation=(
            "A private key in an image is shared with everybody who can pull it, and is the same in every container. "
            f"A passphrase only delays its use: it can be guessed offline, without limit. {_LAYERS}"
        ),
        remediation=(
            "Replace the key pair, then mount the new key at run time; where the build needs it, use RUN "
            "--mount=type=secret or --mount=type=ssh."
        ),
    ),
    SensitiveKind.CREDENTIAL_STORE: Rule(
        id="sensitive-file/credential-store",
        title="Credentials of a tool in the image",
        severity=Severity.HIGH,
        explanation=(
            "Tools keep logins, tokens and keys in files of a known name, and so do attackers look for them by name. "
            f"{_LAYERS}"
        ),
        remediation=(
            "Revoke what is inside, keep the file out of the build context (.dockerignore), and give it to the build "
            "with RUN --mount=type=secret."
        ),
    ),
    SensitiveKind.KEYSTORE: Rule(
        id="sensitive-file/keystore",
        title="Keystore in the image",
        severity=Severity.MEDIUM,
        explanation=(
            "Keystores hold private keys behind a password, which is often a default (changeit) or lies in the same "
            f"image. It can be guessed offline. {_LAYERS}"
        ),
        remediation="Mount the keystore at run time; if its keys are in use, replace them.",
    ),
    SensitiveKind.ENV_FILE: Rule(
        id="sensitive-file/env-file",
        title="Environment file in the image",
        severity=Severity.MEDIUM,
        explanation=(
            "A .env file holds the settings of one installation, usually a developer's, and sooner or later "
            f"passwords. It comes in with COPY . . and belongs to no image. {_LAYERS}"
        ),
        remediation="Add .env* to .dockerignore, and pass settings at run time (--env-file, secrets).",
    ),
    SensitiveKind.HISTORY_FILE: Rule(
        id="sensitive-file/history-file",
        title="History of commands in the image",
        severity=Severity.MEDIUM,
        explanation=(
            "Shells and database clients write down what was typed, passwords on command lines included. In an image "
            f"it tells of work by hand, or of a copied home directory. {_LAYERS}"
        ),
        remediation="Keep home directories out of the build context; do not commit containers that were worked in.",
    ),
    SensitiveKind.GIT_REPOSITORY: Rule(
        id="sensitive-file/git-repository",
        title="Git repository in the image",
        severity=Severity.MEDIUM,
        explanation=(
            "A .git directory holds every version of every file that was ever committed, deleted secrets included, "
            f"and in its config often a URL with a token. {_LAYERS}"
        ),
        remediation="Add .git to .dockerignore, or clone with --depth 1 and copy the work tree only.",
    ),
    SensitiveKind.CORE_DUMP: Rule(
        id="sensitive-file/core-dump",
        title="Core dump in the image",
        severity=Severity.MEDIUM,
        explanation=(
            "A core dump is the memory of a process that crashed: its environment, its keys, its passwords "
            f"and its users' data, as they were at that moment. {_LAYERS}"
        ),
        remediation="Find out which process wrote it and rotate what it held; switch core dumps off in the build.",
    ),
}

# States of the `sensitive` extractor under which a file holds nothing to report.
_HARMLESS = frozenset({"empty", "nothing", "public"})
_LOOKS = ("sensitive", "core_dump")
"""The extractors whose rows are looks at a file."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One version of a file with a sensitive name, and what the extractor saw in it."""

    version: FileVersion
    kind: SensitiveKind
    store: str
    state: str
    count: int | None


class SensitiveFileAnalyzer:
    """`sensitive-file`: every version of every layer, deleted ones too; one finding a repository.

    A version with a confirmed secret is left to `file-secret`. A private key that was found and set aside is set
    aside here as well, and so is what a public package brought (sample keys, settings without a password). Keys in
    trees of other people's code count for less.
    """

    families: tuple[Family, ...] = (Family.SENSITIVE_FILE,)
    rules: tuple[Rule, ...] = tuple(RULES.values())
    depth = Depth.CONTENT
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = (*_LOOKS, *EXTRACTORS)

    def analyze(self, evidence: Evidence) -> Outcome:
        matches = _matches(evidence)
        ownership = Ownership(evidence)
        trees = VendoredTrees(evidence)
        findings: list[Finding] = []
        suppressed: list[Suppressed] = []
        for look in _one_a_repository(_looks(evidence)):
            found = matches.get((look.version.layer, look.version.member.index), [])
            if any(not match.suppressed for match in found):
                continue
            owner = ownership.owner(look.version)
            finding = _told_with_owner(_finding(evidence, look), owner)
            if owner is not None and owner.standing is Standing.PUBLISHED:
                suppressed.append(Suppressed(finding, "package-owned", owner.package))
            elif found and look.kind is SensitiveKind.PRIVATE_KEY:
                by = found[0].suppressed_by or "secret detection"
                suppressed.append(Suppressed(finding, found[0].suppressed, by))
            elif owner is None and trees.tree_of(look.version):
                findings.append(replace(finding, confidence=Confidence.LOW))
            else:
                findings.append(finding)
        return Outcome(tuple(_numbered(findings)), suppressed=tuple(suppressed))


def _looks(evidence: Evidence) -> Iterator[_Look]:
    """What was seen in every version that counts, by path and layer. Equal rewrites of a version are one with it."""
    looks = []
    for layer, fact in (each for name in _LOOKS for each in evidence.facts(name)):
        version = evidence.overlay.version_of(layer, fact.member)
        if version.fate.kind is not FateKind.REWRITTEN:
            looks += [look for look in _read(version, fact) if look.state not in _HARMLESS]
    return iter(sorted(looks, key=lambda look: (look.version.path, look.version.layer, look.version.member.index)))


def _read(version: FileVersion, fact: Fact) -> Iterator[_Look]:
    for kind, store, state, count in fact.rows:
        yield _Look(
            version, SensitiveKind(str(kind)), str(store), str(state), count if isinstance(count, int) else None
        )


def _one_a_repository(looks: Iterator[_Look]) -> Iterator[_Look]:
    """Of the files of one git repository the one that lives longest; everything else as it is."""
    repositories: dict[str, _Look] = {}
    others = []
    for look in looks:
        if look.kind is not SensitiveKind.GIT_REPOSITORY:
            others.append(look)
            continue
        key = dirname(look.version.path)
        best = repositories.get(key)
        if best is None or (look.version.present and not best.version.present):
            repositories[key] = look
    yield from sorted([*others, *repositories.values()], key=lambda look: (look.version.path, look.version.layer))


def _matches(evidence: Evidence) -> dict[tuple[int, int], list[Match]]:
    found: dict[tuple[int, int], list[Match]] = {}
    for layer, scan in enumerate(evidence.scans):
        for match in scan.matches:
            found.setdefault((layer, match.member), []).append(match)
    return found


def _finding(evidence: Evidence, look: _Look) -> Finding:
    rule = RULES[look.kind]
    version = look.version
    layer, _ = evidence.overlay.origin_of(version.layer, version.member.index)
    path = dirname(version.path) if look.kind is SensitiveKind.GIT_REPOSITORY else version.path
    fate = evidence.fate_of(version)
    remediation = rule.remediation
    if fate.state != FateKind.PRESENT and look.kind is not SensitiveKind.GIT_REPOSITORY:
        remediation = f"It is still in layer {layer}: deleting it later does not help. {remediation}"
    return Finding(
        rule=rule,
        location=Location(LocationKind.FILE, path=path, layer=layer),
        message=_message(look),
        severity=rule.severity,
        # A keystore whose entries cannot be counted may hold certificates alone.
        confidence=Confidence.MEDIUM if look.kind is SensitiveKind.KEYSTORE and look.count is None else Confidence.HIGH,
        fate=fate,
        added_by=evidence.added_by(layer),
        remediation=remediation,
    )


def _told_with_owner(finding: Finding, owner: Owner | None) -> Finding:
    if owner is None or owner.standing is Standing.PUBLISHED:
        return finding
    differs = owner.standing is Standing.DIFFERS
    told = "it claims to be of {} and differs from it" if differs else "it is of {}, which is not known to be public"
    return replace(finding, message=f"{finding.message}; {told.format(owner.package)}")


def _message(look: _Look) -> str:
    name = basename(look.version.path)
    if look.kind is SensitiveKind.PRIVATE_KEY:
        return f"{name} is a private key, " + (
            "behind a passphrase" if look.state == "encrypted" else "usable by anyone who has it"
        )
    if look.kind is SensitiveKind.KEYSTORE:
        return f"{name} is a {look.store}" + ("" if look.count is None else " with a private key")
    if look.kind is SensitiveKind.ENV_FILE:
        return f"{name} sets {_plural(look.count or 0, 'variable')}; no known secret among them"
    if look.kind is SensitiveKind.HISTORY_FILE:
        return f"{name} keeps {_plural(look.count or 0, 'line')} that somebody typed"
    if look.kind is SensitiveKind.CORE_DUMP:
        return f"{name} is the memory of a process that crashed"
    if look.kind is SensitiveKind.GIT_REPOSITORY:
        return "a git repository: every version that was ever committed"
    return f"{look.store}: {name} holds credentials"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _numbered(findings: list[Finding]) -> Iterator[Finding]:
    """Ordinals for versions of one path."""
    seen: dict[tuple[str, str | None], int] = {}
    for finding in findings:
        key = (finding.rule.id, finding.location.path)
        ordinal = seen[key] = seen.get(key, -1) + 1
        yield replace(finding, ordinal=ordinal) if ordinal else finding
