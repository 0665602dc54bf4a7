"""How properties are tried: without a clock, and in CI with the same examples each time; what may run side by side."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what it puts in the background so, and programs of the tests would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_ENGINE = Path(__file__).parent / "engine"


def pytest_itemcollected(item: pytest.Item) -> None:
    """For `--dist loadgroup`: tests of one file share what they make, and all with an engine share the engine."""
    group = "engine" if _ENGINE in item.path.parents else item.path.relative_to(_ENGINE.parent)
    item.add_marker(pytest.mark.xdist_group(str(group)))
