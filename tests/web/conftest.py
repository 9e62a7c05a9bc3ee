"""The users service, run once for each worker."""

import secrets
from collections.abc import Iterator

import pytest
from tests.support.service import Browser, Service, running

from valkey_redis.embedded import EmbeddedServer


@pytest.fixture(scope="session")
def service(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return the service; it trusts no proxy."""
    with running(server.url, tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture
def email() -> str:
    """Return an address that no other test has."""
    return f"{secrets.token_hex(6)}@example.com"


@pytest.fixture
def browser(service: Service) -> Browser:
    """Return a browser."""
    return service.browser()
