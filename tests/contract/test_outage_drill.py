"""The outage drill: ten thousand calls while a real server dies, hangs and comes back."""

from collections.abc import Iterator

import pytest
from tests.support.backends import Kind
from tests.support.outages import HOT, Drill
from tests.support.waiting import auntil

from valkey_redis.embedded import EmbeddedServer

TIMEOUT = 1.0  # seconds, of the client
MARGIN = 0.9  # seconds: less than a second timeout, generous for a loaded machine


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """Return a server that the test may kill."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    with EmbeddedServer() as started:
        yield started


@pytest.mark.parametrize(
    "kind", [Kind("sync", "valkey"), Kind("async", "redis")], ids=["threads", "tasks"]
)
async def test_ten_thousand_calls_survive_an_outage(kind: Kind, own: EmbeddedServer) -> None:
    """No error, no wrong value, none slower than one timeout; each key is loaded once at a time.

    Loads are few even while there is no server, and the hit ratio is back afterwards.
    """
    drill = Drill(kind, own, TIMEOUT)

    async def is_recovered() -> bool:
        return drill.is_recovered()

    await drill.segment(2000)
    await drill.segment(2000, own.kill)
    await drill.segment(1000, own.start)
    await auntil(is_recovered, "the cache uses the new server")
    await drill.segment(2000, own.pause)
    await drill.segment(1000, own.resume)
    await auntil(is_recovered, "the cache uses the resumed server")
    await drill.segment(1000)
    await drill.segment(1000)
    report = drill.report
    await drill.close()

    assert (report.calls, report.errors, report.wrong) == (10_000, [], [])
    assert report.slowest < TIMEOUT + MARGIN
    assert set(drill.database.overlaps.values()) == {0}
    assert report.ratios[0] > 0.6
    assert report.ratios[-1] >= report.ratios[0] - 0.05
    # A healthy server spares all loads but one a key; without one, callers share what runs.
    assert report.loads[0] == len(HOT)
    assert report.loads[-1] == 0
    assert sum(report.loads) < report.calls * 0.4
