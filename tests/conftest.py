"""How properties are tried: without a clock, and in CI with the same examples each time."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what it puts in the background so, and programs of the tests would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
