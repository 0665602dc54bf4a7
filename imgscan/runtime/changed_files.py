"""What the files say that a container wrote: new programs, changed ones, changed accounts. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from imgscan.report import Finding, Rule, Severity
from imgscan.report.container import Change, ChangeKind
from imgscan.runtime import rules
from imgscan.runtime.checks import Note, found
from imgscan.runtime.written import is_program

NAMED = 6
"""Paths that one finding names; `changes` of the report has all."""

# What gives a way in, or runs by itself: nobody but an installer writes it.
_WAYS_IN = re.compile(
    r"etc/(?:ld\.so\.preload|sudoers|crontab|rc\.local|cron\.[a-z]+/.+|sudoers\.d/.+|systemd/system/.+|init\.d/.+)"
    r"|var/spool/cron/.+|(?:root|home/[^/]+|var/lib/[^/]+)/\.ssh/(?:authorized_keys2?|rc)|etc/ssh/sshd_config(?:\.d/.+)?",
    re.DOTALL,
)
# What entry points of some images change for a uid they are given.
_ACCOUNTS = re.compile(
    r"etc/(?:passwd|shadow|group|gshadow|profile|profile\.d/.+|bash\.bashrc|environment|pam\.d/.+)"
    r"|(?:root|home/[^/]+)/\.(?:bashrc|profile|bash_profile|zshrc)",
    re.DOTALL,
)


_Asks = Callable[[Change], bool]


def check_changes(changes: Sequence[Change], unchanged: _Asks, privileged: _Asks) -> list[Finding]:
    """One finding for each kind of change.

    Of a modified program `unchanged` says whether its bytes are the image's, and `privileged` whether the image gives
    it the setuid or setgid bit that it has.
    """
    return [found(note) for note in _notes(changes, unchanged, privileged)]


def _notes(changes: Sequence[Change], unchanged: _Asks, privileged: _Asks) -> Iterator[Note]:
    # What has a rule of its own is told by that, executable or not.
    programs = [
        change
        for change in changes
        if is_program(change) and not _WAYS_IN.fullmatch(change.path) and not _ACCOUNTS.fullmatch(change.path)
    ]
    gained = [change for change in programs if change.rights and not privileged(change)]
    yield from _note(rules.GAINED_RIGHTS, gained, "")
    modified = [change for change in programs if change.kind is ChangeKind.MODIFIED]
    other = [change for change in modified if not unchanged(change)]
    same = [change for change in modified if change not in other and change not in gained]
    yield from _note(rules.CHANGED_PROGRAM, other, "")
    yield from _note(
        rules.CHANGED_PROGRAM, same, ": owner, mode or time only, the bytes are the image's", Severity.INFO
    )
    added = [change for change in programs if change.kind is ChangeKind.ADDED and change not in gained]
    yield from _note(rules.NEW_PROGRAM, added, "")
    written = [change for change in changes if change.kind is not ChangeKind.DELETED and change.sha256 is not None]
    yield from _note(rules.CHANGED_SYSTEM_FILE, [change for change in written if _WAYS_IN.fullmatch(change.path)], "")
    accounts = [change for change in written if _ACCOUNTS.fullmatch(change.path)]
    yield from _note(rules.CHANGED_SYSTEM_FILE, accounts, "", Severity.MEDIUM)


def _note(rule: Rule, changes: Sequence[Change], more: str, severity: Severity | None = None) -> Iterator[Note]:
    if not changes:
        return
    named = ", ".join(_named(change) for change in changes[:NAMED])
    rest = f" and {len(changes) - NAMED:,} more" if len(changes) > NAMED else ""
    yield Note(
        rule, f"{named}{rest}{more}", "changes", severity, name="; ".join(sorted({change.kind for change in changes}))
    )


def _named(change: Change) -> str:
    return f"{change.path} ({change.rights} of uid {change.uid or 0})" if change.rights else change.path
