"""Who finds what, and who cries wolf: `python -m bench.detection --help`. The tables of docs/detection.md.

Every tool is given the same images in one run. Recall: the examples of every rule, in small images, one for each place.
Precision: packages of Debian, PyPI and npm as they come from the registries (bench.real_image), where each finding is
false; then the same with secrets planted among them.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random
from typing import Any

from bench import places, planted, programs, real_image, tables
from bench.places import PLACES, Text
from imgscan.secrets.rules.compiled import rules_in_full
from imgscan.secrets.rules.examples import example

OUT = Path(__file__).parent / "out" / "detection"
IMGSCAN, GITLEAKS, KINGFISHER, DETECT_SECRETS = "imgscan", "gitleaks", "kingfisher", "detect-secrets"
BEGIN = "<!-- begin: {} written by bench.detection --write-docs -->"
LAYERS = 2
"""Depth of a layer in an archive: real packages hold damaged archives on purpose."""
_FAMILIES = "file-secret,env-secret,history-secret,label-secret,config-secret,attestation-secret,sensitive-file"


def texts() -> list[Text]:
    """The examples of every rule, and a credential of each kind of the other benchmark."""
    found = []
    for rule in rules_in_full().rules:
        if rule.path:  # only in files of that name
            continue
        for template in rule.examples:
            told = example(template)
            found.append(Text(rule.id, told.text, told.text[told.start : told.end], "txt"))
    random = Random("detection")
    for kind in (*planted.STRUCTURED, *planted.NAMED, "private-key"):
        secret = planted.invent(random, kind)
        found.append(Text(kind, planted.written(secret, "env"), secret.core, "env"))
    return found


class Tools:
    """The programs that are there, and what they say of an archive."""

    def __init__(self, folder: Path, wanted: Sequence[str]) -> None:
        self.folder = folder
        self.peers = {peer.name: peer for peer in programs.PEERS if peer.find() and peer.name in wanted}
        self.names = [IMGSCAN, *self.peers]
        if DETECT_SECRETS in wanted and _version(DETECT_SECRETS):
            self.names.append(DETECT_SECRETS)

    def versions(self) -> dict[str, str]:
        found = {name: peer.version() for name, peer in self.peers.items()}
        return found | ({DETECT_SECRETS: _version(DETECT_SECRETS)} if DETECT_SECRETS in self.names else {})

    def report(self, name: str, archive: Path, *, depth: int = 8) -> Any:
        """The document that a tool writes of an archive. CalledProcessError where it fails.

        `depth` is how many archives in one another gitleaks opens. It gives up an image at the first damaged one.
        """
        report = self.folder / f"{name}.json"
        report.unlink(missing_ok=True)
        if name == IMGSCAN:
            command = programs.imgscan(archive, str(report), show=True)
            exits: tuple[int, ...] = (0, 1)
        else:
            peer = self.peers[name]
            command, exits = peer.command(archive, report), peer.exits
            if name == GITLEAKS:
                command[command.index("--max-archive-depth") + 1] = str(depth)
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode not in exits:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return json.loads(report.read_bytes() or b"[]")

    def found(self, name: str, archive: Path, wanted: Sequence[str], *, depth: int = 8) -> list[bool]:
        """For each value whether a tool reports it."""
        if name == DETECT_SECRETS:
            hashes = _hashes(archive)
            return [hashlib.sha1(value.encode(), usedforsecurity=False).hexdigest() in hashes for value in wanted]
        document = self.report(name, archive, depth=depth)
        of = {GITLEAKS: programs.of_gitleaks, KINGFISHER: programs.of_kingfisher, IMGSCAN: programs.of_imgscan}[name]
        values = {programs.normal(value) for value in of(document) if isinstance(value, str) and value}
        whole = "\n".join(values)  # most values are reported as they are: one search for each, not one for each pair
        return [programs.normal(value) in whole or programs.is_found(value, values) for value in wanted]


def _hashes(archive: Path) -> set[str]:
    """What detect-secrets, which reads files and reports hashes, says of an archive's files."""
    with tempfile.TemporaryDirectory() as name:
        places.unpacked(archive, Path(name))
        command = [sys.executable, "-m", "detect_secrets", "scan", "--all-files", "--no-verify", "."]
        done = subprocess.run(command, cwd=name, capture_output=True, check=True)
    results = json.loads(done.stdout)["results"]
    return {one["hashed_secret"] for found in results.values() for one in found}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def recall(tools: Tools, chosen: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Found and missed, by place and tool."""
    wanted = texts()
    values = [text.value for text in wanted]
    results: dict[str, dict[str, Any]] = {}
    for place in chosen:
        archive = places.build(tools.folder / place.replace(" ", "-"), place, wanted)
        row: dict[str, Any] = {"planted": len(wanted)}
        for name in tools.names:
            found = tools.found(name, archive, values)
            row[name] = sum(found)
            if name == IMGSCAN:
                missed = zip(wanted, found, strict=True)
                row["missed"] = [f"{text.rule}: {text.text}" for text, good in missed if not good]
        results[place] = row
        _say(f"{place}: {', '.join(f'{name} {row[name]}' for name in tools.names)} of {len(wanted)}")
    return results


def precision(tools: Tools, folder: Path) -> dict[str, dict[str, Any]]:
    """Findings in what is nobody's secret, by image and tool; then what is found of secrets planted there."""
    results: dict[str, dict[str, Any]] = {}
    for variant in real_image.VARIANTS:
        clean = real_image.build(folder, variant)
        row: dict[str, Any] = {"bytes": clean.stat().st_size}
        for name in tools.names:
            if name != DETECT_SECRETS:  # reads a megabyte in two to five seconds: hours
                row[name] = false_findings(name, tools.report(name, clean, depth=LAYERS))
        results[variant] = row
        if variant != real_image.VARIANTS[0]:
            continue
        secrets, content = to_plant()
        full = real_image.build(folder, variant, content, name=f"{variant}-planted")
        row["planted"] = len(secrets)
        for name in tools.names:
            if name != DETECT_SECRETS:
                found = tools.found(name, full, [secret.core for secret in secrets], depth=LAYERS)
                row[f"{name} found"] = sum(found)
                if name == IMGSCAN:
                    row["missed"] = [
                        f"{secret.kind}: {secret.name}" for secret, good in zip(secrets, found, strict=True) if not good
                    ]
        full.unlink()
    _say(json.dumps(results))
    return results


def false_findings(name: str, document: Any) -> dict[str, Any]:
    """How many, by confidence where the tool tells one, and the first of them."""
    if name == GITLEAKS:
        return {"all": len(document), "distinct": len({one["Secret"] for one in document})}
    if name == KINGFISHER:
        found = document["findings"]
        return {"all": len(found), "distinct": len({one["finding"]["snippet"] for one in found})}
    (report,) = document["reports"]
    families = _FAMILIES.split(",")
    found = [one for one in report["findings"] if one["rule"].partition("/")[0] in families]
    return {
        "all": len(found),
        "distinct": len({one["secret"]["value"] for one in found if one["secret"]}),
        "confidence": Counter(one["confidence"] for one in found),
        "suppressed": Counter(one["reason"] for one in report["suppressed"]),
        "examples": [f"{one['confidence']} {one['rule']} {one['location']['path']}" for one in found[:20]],
    }


def to_plant() -> tuple[list[planted.Secret], real_image.Planted]:
    """A secret of every kind in each of: source, .env, a settings file of a package, the environment."""
    random = Random("planted")
    kinds = (*planted.STRUCTURED, *planted.NAMED)
    secrets: list[planted.Secret] = []
    files = dict(real_image.CLEAN.files)

    def invent(kind: str) -> planted.Secret:
        secrets.append(planted.invent(random, kind))
        return secrets[-1]

    for number, kind in enumerate(kinds):
        files[f"app/src/config{number}.js"] = planted.written(invent(kind), "javascript").encode()
        files[f"app/src/settings{number}.py"] = planted.written(invent(kind), "python").encode()
    files["app/.env"] = "".join(planted.written(invent(kind), "env") for kind in kinds).encode()
    files["app/node_modules/express/.env"] = "".join(planted.written(invent(kind), "env") for kind in kinds).encode()
    files["root/.ssh/id_rsa"] = invent("private-key").value.encode()
    files["etc/ssl/private/server.key"] = invent("private-key").value.encode()
    env = tuple(planted.written(invent(kind), "env").strip() for kind in kinds)
    return secrets, real_image.Planted(files, env)


def markdown(results: dict[str, Any]) -> str:
    """The tables of a run."""
    names = results["tools"]
    versions = "".join(f", {name} {number}" for name, number in results["versions"].items())
    parts = [f"Measured on {results['date']}{versions}."]
    if results["recall"]:
        rows = [
            (place, str(row["planted"]), *(_share(row.get(name), row["planted"]) for name in names))
            for place, row in results["recall"].items()
        ]
        parts.append(tables.table(("planted in", "planted", *names), rows))
    if results["precision"]:
        rows = []
        for variant, row in results["precision"].items():
            size = f"{row['bytes'] / 1e9:.1f} GB"
            counts = [_counted(row.get(name)) for name in names]
            rows.append((f"false findings, interpreters {variant} ({size})", "0", *counts))
            if "planted" in row:
                found = [_share(row.get(f"{name} found"), row["planted"]) for name in names]
                rows.append(("secrets planted there and found", str(row["planted"]), *found))
        parts.append(tables.table(("real packages", "planted", *names), rows))
    return "\n\n".join(parts) + "\n"


def _share(found: int | None, planted_count: int) -> str:
    return "-" if found is None else f"{found} ({100 * found // planted_count} %)"


def _counted(findings: dict[str, Any] | None) -> str:
    if findings is None:
        return "-"
    if "confidence" not in findings:
        return f"{findings['all']}"
    return f"{findings['all']}, {findings['confidence'].get('high', 0)} of them of high confidence"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--only", nargs="+", choices=("recall", "precision"), default=["recall", "precision"])
    parser.add_argument("--places", nargs="+", choices=tuple(PLACES), default=tuple(PLACES))
    parser.add_argument("--peers", nargs="*", default=(GITLEAKS, KINGFISHER, DETECT_SECRETS))
    parser.add_argument("--write-docs", type=Path, metavar="PAGE", help="replace the tables between its markers")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tools = Tools(options.out, options.peers)
    for name in options.peers:
        if name not in tools.names:
            _say(f"{name} is not installed: skipped")
    results = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "tools": tools.names,
        "versions": tools.versions(),
        "recall": recall(tools, options.places) if "recall" in options.only else {},
        "precision": {},
    }
    if "precision" in options.only:
        if shutil.which("apt-get") and shutil.which("npm"):
            results["precision"] = precision(tools, options.out / "real")
        else:
            _say("apt-get and npm are needed to fetch real packages: skipped")
    (options.out / "results.json").write_text(json.dumps(results, indent=2))
    text = markdown(results)
    sys.stdout.write(text)
    if options.write_docs:
        for part in options.only:  # the other one's table stays as an earlier run wrote it
            only = {**results, **{other: {} for other in ("recall", "precision") if other != part}}
            tables.insert(options.write_docs, markdown(only), begin=BEGIN.format(part))


if __name__ == "__main__":
    main()
