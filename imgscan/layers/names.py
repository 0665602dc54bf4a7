"""Secrets in the names of members, in link targets and in extended attributes: the same patterns, other buffers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

from imgscan.evidence import Match, MemberTable, Part, RuleSource, decode
from imgscan.layers.matchers.matcher import Matcher
from imgscan.secrets.detector import Candidate
from imgscan.secrets.redaction import redact, secret_key
from imgscan.secrets.strings import TextKind, find_in_assignment, find_in_text

_MAX_NAME = 4096  # bytes of one name that are judged: PATH_MAX of Linux


def find_in_names(
    table: MemberTable,
    matcher: Matcher,
    key: bytes,
    revealed: Callable[[bytes, str], None] | None,
    rules: tuple[RuleSource, ...] = (),
) -> Iterator[Match]:
    """Matches in names, link targets and attributes, in tar order of each; attributes that match lose their values."""
    for part, buffer, ends in ((Part.NAME, table.names, table.name_ends), (Part.LINK, table.links, table.link_ends)):
        if not buffer:
            continue
        nominated = {bisect_right(ends, end - 1) for end, _ in matcher.match(memoryview(bytes(buffer)))}
        for member in sorted(nominated):
            if member < len(ends):
                start = ends[member - 1] if member else 0
                text = decode(bytes(buffer[start : min(ends[member], start + _MAX_NAME)]))
                for candidate in find_in_text(text, kind_of_text=TextKind.PROSE, rules=rules):
                    yield _match(candidate, member, part, key, revealed)
    for member, pairs in sorted(table.xattrs.items()):
        for name, value in pairs:
            found = find_in_assignment(name, value.decode("utf-8", "replace"), rules=rules)
            if found:
                table.xattrs[member] = tuple((n, b"" if n == name else v) for n, v in table.xattrs[member])
            for candidate in found:
                yield _match(candidate, member, Part.XATTR, key, revealed)


def _match(
    candidate: Candidate, member: int, part: Part, key: bytes, revealed: Callable[[bytes, str], None] | None
) -> Match:
    secret = secret_key(key, candidate.value)
    if revealed is not None:
        revealed(secret, candidate.value)
    return Match(
        rule=candidate.kind,
        member=member,
        inner_path=None,
        offset=candidate.start,
        length=candidate.end - candidate.start,
        line=1,
        line_end=1,
        name=candidate.name,
        confidence=candidate.confidence,
        validation=candidate.validation,
        redacted=redact(candidate.value),
        key=secret,
        suppressed=candidate.suppressed,
        suppressed_by=candidate.suppressed_by,
        companion=candidate.companion,
        part=part,
    )
