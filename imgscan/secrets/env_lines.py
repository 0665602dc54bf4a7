"""Lines of an environment file in files that are called something else: notes, logs, dumps, backups.

In such files a bare value is code or prose more often than not, so only a line that is nothing but `NAME=value`, its
name in capitals as environments have them, is taken for what it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.secrets.assignments import Assignment, candidate_of
from imgscan.secrets.detector import Candidate, Nominator, Window
from imgscan.secrets.syntax import Syntax, syntax_of
from imgscan.secrets.text import LINE_REACH, line_bounds

_LINE = re.compile(r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Z][A-Z0-9_]{2,99})=(?P<value>[^\s"'`<>${}();,]+)[ \t\r]*""")

_MANUAL = re.compile(r".*\.(?:md|markdown|rst|adoc|html?|[1-8])", re.IGNORECASE | re.DOTALL)
"""Manuals show such lines with words for values; one with a digit may have been taken from somewhere."""


class EnvLineDetector:
    """`DATABASE_PASSWORD=hunter2prod` alone on its line, in a file whose name promises no settings."""

    id = "env-line"
    version = 1
    nominators = (
        Nominator(
            "(?:PASS(?:W(?:OR)?D)?|PWD|SECRET|TOKEN|KEY|AUTH|CRED|_PW|_PAT|SALT)[A-Z0-9_]{0,40}=[^\\s\"'`<>$({]{5}"
        ),
    )
    before = LINE_REACH
    after = LINE_REACH

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """The line round the nominated place, if it is an assignment and nothing else."""
        if syntax_of(window.path) is Syntax.CONFIG:
            return  # other detectors read these, with more patience
        start, end = line_bounds(window.data, window.at)
        line = _LINE.fullmatch(window.data, start, end)
        if line is not None and (not line["value"].isalpha() or not _MANUAL.fullmatch(window.path)):
            assignment = Assignment(line["name"], line.start("value"), line.end("value"), quoted=False)
            yield candidate_of(window.data, assignment, Syntax.CONFIG)
