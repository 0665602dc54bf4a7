"""A real registry with nothing in it, a front before it, and clients that do not sleep."""

from __future__ import annotations

import pytest

from imgscan.sources.registry.access import Access
from imgscan.sources.registry.client import RegistryClient
from tests.registries.front import Front
from tests.registries.process import registry_process


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    with registry_process(tmp_path_factory.mktemp("registry")) as one:
        yield one


@pytest.fixture
def front(registry):
    with Front(registry.origin) as one:
        yield one


@pytest.fixture
def nowhere():
    """A front without a registry: it answers what a test says, else 404."""
    with Front() as one:
        yield one


class Clients:
    """Makes clients that have no login, and remember how long they would have slept."""

    def __init__(self, home):
        self.pauses: list[float] = []
        self.environment = {"HOME": str(home)}
        self._made: list[RegistryClient] = []

    def __call__(self, registry, *, timeout=None, insecure=False, **environment):
        client = RegistryClient(
            registry,
            Access(insecure=insecure, timeout=timeout),
            environment=self.environment | environment,
            pause=self.pauses.append,
        )
        self._made.append(client)
        return client

    def one(self, registry):
        """The same client each time."""
        return next((client for client in self._made if client.registry == registry), None) or self(registry)

    def close(self):
        for client in self._made:
            client.close()


@pytest.fixture
def clients(tmp_path):
    one = Clients(tmp_path / "home")
    yield one
    one.close()
