"""Armoured private keys: from the header to the end marker, and whether there is key material between them.

PEM and its relatives (RFC 7468, RFC 9580 section 6), also on one line with `\\n` escapes, and PuTTY's own format.
"""

from __future__ import annotations

import re

from imgscan.evidence import Confidence, Validation
from imgscan.secrets import checks
from imgscan.secrets.detector import Candidate
from imgscan.secrets.judgement import PLACEHOLDER

_DASHES = re.compile(r"-{4,5} ?\Z")
_END = re.compile(r"-{4,5} ?END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_BEGIN = re.compile(r"-{4,5} ?BEGIN |PuTTY-User-Key-File-")
_PUTTY_END = re.compile(r"Private-(?:MAC|Hash): ?[0-9a-fA-F]{1,64}")
_ENCRYPTED = re.compile(r"BEGIN (?:SSH2 )?ENCRYPTED|Proc-Type: ?4,ENCRYPTED|Encryption: ?aes")
_BODY = re.compile(r"(?:[A-Za-z0-9+/=\s\"',;:.-]|\\[nrt]){0,65536}")
# OpenSSH's own armour names its cipher; "none" encodes as bm9uZQ.
_OPENSSH_PLAIN = "bm9uZQ"


def armoured_key(data: str, start: int, header_end: int, limit: int) -> Candidate:
    """The key whose header text spans `start` to `header_end`; nothing beyond `limit` is looked at."""
    dashes = _DASHES.search(data, max(0, start - 6), start)
    low = dashes.start() if dashes else start
    putty = data.startswith("PuTTY", start)
    if not dashes and not putty:  # the words alone, as in a list of patterns
        return Candidate("private-key", start, header_end, data[start:header_end], suppressed=PLACEHOLDER)
    following = _BEGIN.search(data, header_end, limit)
    stop = following.start() if following else limit
    ending = (_PUTTY_END if putty else _END).search(data, header_end, stop)
    high = ending.end() if ending else _ragged_end(data, header_end, stop)
    block = data[low:high]
    material = checks.key_material(data[header_end : ending.start() if ending else high])
    encrypted = bool(_ENCRYPTED.search(block)) or ("OPENSSH" in block[:40] and _OPENSSH_PLAIN not in block[:400])
    return Candidate(
        kind="encrypted-private-key" if encrypted and material is not None else "private-key",
        start=low,
        end=high,
        value=block,
        confidence=Confidence.HIGH if material is Validation.STRUCTURE_OK or putty else Confidence.MEDIUM,
        validation=material or Validation.NONE,
        suppressed="" if material is not None else PLACEHOLDER,
    )


def _ragged_end(data: str, start: int, limit: int) -> int:
    """The end of a key without an end marker: as far as its body goes."""
    body = _BODY.match(data, start, limit)
    text = body[0] if body else ""
    return start + len(text.rstrip()) if checks.key_material(text) is not None else start
