"""A real registry with a few images that share layers, a front before it, and audits that run in this process."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from imgscan.audit.run import AuditOptions, audit, plan_audit
from imgscan.report.audit import Selection
from tests.audit.content import fill
from tests.registries.front import Front
from tests.registries.process import registry_process

KEY = b"the key of these tests"


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """A registry with what `content.fill` pushes. Nobody pushes anything else to it."""
    with registry_process(tmp_path_factory.mktemp("filled")) as one:
        fill(one.origin)
        yield one


@pytest.fixture
def own_registry(tmp_path):
    """An empty registry of one test's own."""
    with registry_process(tmp_path / "registry") as one:
        yield one


@pytest.fixture
def front(filled):
    with Front(filled.origin) as one:
        yield one


@pytest.fixture(scope="session")
def matcher_cache(tmp_path_factory):
    """Compiled patterns, which every scanner would make anew."""
    return tmp_path_factory.mktemp("patterns")


class Auditor:
    """Audits one registry with one state, in this process unless told otherwise."""

    def __init__(self, state, matcher_cache):
        self.state = state
        self._cache = matcher_cache
        self.day = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def options(self, address, *, workers=0, key=KEY, selection=None, **more):
        chosen = Selection(address, **(selection or {}))
        settings = {"state": self.state, "version": "0", "key": key, "matcher_cache": self._cache} | more
        return AuditOptions(chosen, workers=workers, **settings)

    def __call__(self, address, **more):
        return audit(self.options(address, **more), clock=lambda: self.day)

    def plan(self, address, **more):
        return plan_audit(self.options(address, **more), clock=lambda: self.day)


@pytest.fixture
def auditor(tmp_path, matcher_cache):
    return Auditor(tmp_path / "state.sqlite", matcher_cache)
