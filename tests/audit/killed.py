"""Audits that are killed at random statements of their database, again and again until one comes to its end.

    python -m tests.audit.killed ADDRESS DIRECTORY PATTERNS KILLS

Prints a line for each state that was finished: its path, and how often the process was killed over it. Attempts are
forked, so that each is at work at once.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

from imgscan.audit.judging import judging_code
from imgscan.audit.run import AuditOptions, audit
from imgscan.layers.plan import code_identity
from imgscan.layers.scan import LayerScanner  # loaded here, so that no process needs time for it  # noqa: F401
from imgscan.report.audit import Selection
from tests.audit.conftest import KEY

connect = sqlite3.connect


def attempt(options: AuditOptions, last: int) -> tuple[bool, int]:
    """(whether it was killed, statements that it ran): it kills itself with the statement of that number."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        seen = 0

        def count(_: str) -> None:
            nonlocal seen
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)

        def traced(*arguments: object, **more: object) -> sqlite3.Connection:
            connection = connect(*arguments, **more)
            connection.set_trace_callback(count)
            return connection

        sqlite3.connect = traced
        audit(options)
        os.write(writing, b"%d" % seen)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        statements = int(pipe.read() or 0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or not os.waitstatus_to_exitcode(status)
    return os.WIFSIGNALED(status), statements


def main() -> None:
    address, directory, patterns, kills = sys.argv[1:]
    code_identity(), judging_code()  # kept for all attempts: somebody may be writing that code now
    chance = random.Random(20)
    done, number, statements = 0, 0, 0
    while done < int(kills):
        state = Path(directory, f"state-{number}.sqlite")
        options = AuditOptions(Selection(address), state, "0", workers=0, key=KEY, matcher_cache=Path(patterns))
        mine = 0
        while True:
            # The first state is that of an audit that nobody disturbs.
            killed, ran = attempt(options, chance.randint(1, statements) if number else 0)
            if not killed:
                break
            mine += 1
        statements = statements or ran
        done += mine
        number += 1
        print(state, mine, flush=True)


if __name__ == "__main__":
    main()
