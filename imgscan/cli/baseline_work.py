"""What `imgscan baseline` does: reads the old one, scans, and writes the new one where anything has changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

from imgscan import __version__
from imgscan.cli.destination import Destination, check_writable, deliver
from imgscan.cli.failure import tell_error
from imgscan.cli.scanning import Wishes, pipeline_options, scan
from imgscan.cli.terminal import as_typed, write_error, write_output
from imgscan.configuration.baseline_file import NAME, read_baseline
from imgscan.configuration.configuration import Configuration
from imgscan.errors import UsageError
from imgscan.renderers.text import count_text, one_line
from imgscan.report import Baseline, Finding
from imgscan.report.baseline import Audit, Entry, Update, encode, key_check, numbered, updated
from imgscan.report.detect_secrets_baseline import Accepted, accepted_among, decode_detect_secrets
from imgscan.report.exit_code import ExitCode

LISTED = 20
"""Entries of a kind that are told one by one."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of the command, as typed."""

    images: tuple[str, ...]
    output: str | None
    prune: bool
    imported: str | None
    audit: bool
    marks: tuple[str, ...]
    note: str | None


def run(request: Request, wishes: Wishes) -> ExitCode:
    """Do it; the exit code."""
    configured = wishes.configuration.value("baseline")
    path = None if request.output == "-" else Path(request.output or str(configured or NAME))
    destination = Destination("json", path)
    if request.audit or request.marks:
        if request.images or request.imported or request.prune:
            raise UsageError("--audit and --mark go without an image", tip="write the baseline first, then audit it")
        if request.audit and (request.marks or request.note is not None):
            raise UsageError("--audit asks for verdicts and notes", tip="leave --mark and --note out, or --audit")
        return _audit(request, destination)
    if request.note is not None:
        raise UsageError("--note says nothing by itself", tip="name the entries: --mark FINGERPRINT=false-positive")
    if not request.images:
        raise UsageError("missing argument 'IMAGE'", tip="`imgscan baseline IMAGE` accepts what is in it")
    if request.imported is not None and request.prune:
        raise UsageError("--import adds entries and --prune removes some", tip="run the command twice, import first")
    theirs = _theirs(request.imported) if request.imported is not None else None
    check_writable(destination)
    old = _old(path)
    own = os.environ.get("IMGSCAN_KEY", "").encode("utf-8", "surrogateescape") or None
    if not old.comparable(old.key(own)):
        raise UsageError(
            f"{path} was made with another IMGSCAN_KEY", tip="set that key, or remove the file and accept all anew"
        )
    wanted = pipeline_options(replace(wishes, gate={}, configuration=_without_baseline(wishes)), os.environ)
    # Its salt keys the ids, and its entries must not hide what they accept.
    policy = replace(wanted.policy, baseline=replace(old, entries=()))
    scanned = scan(request.images, wishes, replace(wanted, policy=policy))
    if scanned.code is not ExitCode.CLEAN:
        if scanned.failures:
            write_error("no baseline was written\n")
        else:
            tell_error(
                "no baseline was written: not everything could be read", "--allow-incomplete accepts what could be"
            )
        return scanned.code
    found = [report.verdict.open for report in scanned.reports]
    if theirs is not None:
        return _import(theirs, old, found, destination)
    update = updated(old, found, prune=request.prune)
    deliver(destination, encode(update.baseline, __version__), private=False)
    if path is not None:
        write_output("\n".join(_told(update, old, path, prune=request.prune)) + "\n")
    return ExitCode.CLEAN


def _without_baseline(wishes: Wishes) -> Configuration:
    """The configuration but for the baseline: it is what this command makes."""
    settings = tuple(
        replace(item, value=None) if item.setting.key == "baseline" else item for item in wishes.configuration.settings
    )
    return replace(wishes.configuration, settings=settings)


def _old(path: Path | None) -> Baseline:
    if path is not None and path.exists() and path.stat().st_size:
        return read_baseline(path)
    own = os.environ.get("IMGSCAN_KEY", "").encode("utf-8", "surrogateescape")
    # A key of the user's stays with the user. What stands beside its digests is no secret, and is not called one.
    return Baseline(key_check=key_check(own)) if own else Baseline(salt=token_hex(16))


def _told(update: Update, old: Baseline, path: Path, *, prune: bool) -> Iterator[str]:
    count = len(update.baseline.entries)
    kept = len(old.entries) - len(update.absent)
    yield (
        f"{path}: {count_text(count, 'entry', 'entries')}: {len(update.added):,} new, {kept:,} known, "
        f"{len(update.absent):,} {'removed' if prune else 'that no longer occur'}"
    )
    for entry in update.absent[:LISTED]:
        yield f"  {'removed' if prune else 'absent'}: {one_line(entry.told, 300)}"
    if len(update.absent) > LISTED:
        yield f"  and {len(update.absent) - LISTED:,} more"
    if update.absent and not prune:
        yield "  --prune removes them"
    open_entries = sum(entry.audit is Audit.OPEN for entry in update.baseline.entries)
    if not old.entries:
        yield f"  imgscan inspect IMAGE --baseline {path} reports what is new"
    if open_entries:
        left = count_text(open_entries, "entry", "entries")
        yield f"  {left} nobody has looked at: imgscan baseline --audit -o {path}"


def _theirs(name: str) -> tuple[Accepted, ...]:
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise UsageError(f"cannot read {name}: {reason}", tip="name a .secrets.baseline of detect-secrets") from error
    return decode_detect_secrets(text, name)


def _import(
    theirs: tuple[Accepted, ...], old: Baseline, found: list[tuple[Finding, ...]], destination: Destination
) -> ExitCode:
    """Accept what is accepted there and occurs here, and tell what does not."""
    matched: list[tuple[Finding, Entry]] = []
    missing = list(theirs)
    for findings in found:
        pairs, left = accepted_among(findings, theirs)
        matched += pairs
        missing = [item for item in missing if item in left]
    update = updated(old, [[finding for finding, _ in matched]], prune=False)
    told = {entry.identity: entry for _, entry in matched}
    entries = [
        replace(entry, audit=told[entry.identity].audit, note=told[entry.identity].note)
        if entry.identity in told and entry.audit is Audit.OPEN and not entry.note
        else entry
        for entry in update.baseline.entries
    ]
    deliver(destination, encode(replace(update.baseline, entries=tuple(entries)), __version__), private=False)
    if destination.path is not None:
        lines = [f"{destination.path}: {count_text(len(update.added), 'entry', 'entries')} taken over"]
        lines += [f"  not in the image: {one_line(f'{item.kind} in {item.path}', 300)}" for item in missing[:LISTED]]
        lines += [f"  and {len(missing) - LISTED:,} more"] if len(missing) > LISTED else []
        write_output("\n".join(lines) + "\n")
    return ExitCode.CLEAN


def _audit(request: Request, destination: Destination) -> ExitCode:
    if destination.path is None:
        raise UsageError("an audit changes a file", tip="name it with -o FILE")
    check_writable(destination)
    old = read_baseline(destination.path)
    entries = list(old.entries)
    if request.marks:
        for text in request.marks:
            _mark(entries, text, request.note)
    else:
        entries = _asked(entries)
    if entries != list(old.entries):
        deliver(destination, encode(replace(old, entries=numbered(entries)), __version__), private=False)
    counts = {audit: sum(entry.audit is audit for entry in entries) for audit in Audit}
    told = ", ".join(f"{count:,} {audit.replace('-', ' ')}" for audit, count in counts.items())
    write_output(f"{destination.path}: {told}\n")
    return ExitCode.CLEAN


def _mark(entries: list[Entry], text: str, note: str | None) -> None:
    fingerprint, _, verdict = text.partition("=")
    if verdict not in tuple(Audit):
        raise UsageError(f"--mark cannot be {text!r}", tip=f"write FINGERPRINT=VERDICT, with one of {', '.join(Audit)}")
    at = [at for at, entry in enumerate(entries) if entry.fingerprint == fingerprint.strip().lower()]
    if not at:
        raise UsageError(f"the baseline has no entry {fingerprint!r}", tip="the file lists the fingerprints of all")
    for index in at:
        changed = replace(entries[index], audit=Audit(verdict))
        entries[index] = replace(changed, note=" ".join(as_typed(note).split())) if note is not None else changed


_ANSWERS = {"y": Audit.TRUE_POSITIVE, "n": Audit.FALSE_POSITIVE}


def _asked(entries: list[Entry]) -> list[Entry]:
    """The entries after somebody answered: of those nobody has looked at, one after the other, until q or the end.

    Ctrl-C is a q: what was answered before it stays.
    """
    waiting = [at for at, entry in enumerate(entries) if entry.audit is Audit.OPEN]
    for number, at in enumerate(waiting, 1):
        entry = entries[at]
        write_output(f"\n{number} of {len(waiting)}  {one_line(entry.told, 500)}\n")
        if entry.note:
            write_output(f"  {one_line(entry.note, 500)}\n")
        try:
            answer = _answer()
            if answer == "q":
                break
            note = _line("note (may be empty): ") if answer in _ANSWERS else ""
        except KeyboardInterrupt:
            write_output("\n")
            break
        if answer in _ANSWERS:
            entries[at] = replace(entry, audit=_ANSWERS[answer], note=as_typed(note).strip() or entry.note)
    return entries


def _answer() -> str:
    """y, n, s or q; the end of the input is q."""
    while True:
        line = _line("a true positive, something to be mended one day? (y)es, (n)o, (s)kip, (q)uit: ")
        word = line.strip().lower()[:1]
        if not line or word in ("y", "n", "s", "q"):
            return word if line else "q"


def _line(question: str) -> str:
    """What somebody writes, with its end; empty where the input is at its end."""
    write_output(question)
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not line.endswith("\n"):
        write_output("\n")
    return line
