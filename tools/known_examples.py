"""Add to imgscan/secrets/known_examples.txt the fingerprints of keys and tokens that somebody published as examples:

    python tools/known_examples.py "CPython's test suite=/usr/lib/python3.13/test" "Go's test suite=/usr/local/go/src"
    python tools/known_examples.py --values "Somebody's manual" < values, one a line

Of a directory all armoured private keys are taken, of all files in it. Name only what is published for everybody: a
test suite, a manual. What is in the list stays in it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from imgscan.secrets.known_examples import LIST, fingerprint, key_body, known_examples
from imgscan.secrets.private_keys import armoured_key

SHORTEST_BODY = 64
"""Characters of base64; what is shorter is no key that anybody could use."""
_HEADER = re.compile(r"BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?")
_HEAD = """\
# Fingerprints of private keys and tokens that are published as examples, under who published them.
# Made by tools/known_examples.py.
"""


def keys_in(directory: Path) -> Iterator[str]:
    """The fingerprints of all armoured private keys in a directory, or in one file."""
    files = sorted(directory.rglob("*")) if directory.is_dir() else [directory]
    for path in files:
        if path.is_symlink() or not path.is_file() or path.suffix == ".pyc":
            continue
        text = path.read_bytes().decode("latin-1")
        for header in _HEADER.finditer(text):
            key = armoured_key(text, header.start(), header.end(), header.end() + (64 << 10))
            if not key.suppressed and len(key_body(key.value)) >= SHORTEST_BODY:
                yield fingerprint(key.value)


def main(arguments: list[str]) -> None:
    """Add to the list."""
    known = known_examples() if LIST.exists() else {}
    if arguments[:1] == ["--values"]:
        known |= {fingerprint(line): arguments[1] for line in sys.stdin.read().split("\n") if line}
    else:
        for argument in arguments:
            publisher, _, directory = argument.partition("=")
            for each in keys_in(Path(directory)):
                known.setdefault(each, publisher)
    lines = [_HEAD.rstrip("\n")]
    for publisher in sorted(set(known.values())):
        lines += [f"[{publisher}]", *sorted(each for each, by in known.items() if by == publisher)]
    LIST.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
