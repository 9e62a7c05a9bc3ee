"""How often a caller of the cache waits for the server, and what a hit sends."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.cachefaces import AwaitedCache, Source, cache_of
from tests.support.cachelab import finish, of_bytes
from tests.support.faces import AwaitableClient

from valkey_redis import ValkeyClient
from valkey_redis.embedded import EmbeddedServer
from workshop.lab import Lab, open_backend


@pytest.fixture(params=["fakeredis", "valkey"])
def lab(request: pytest.FixtureRequest, server: EmbeddedServer) -> Iterator[Lab]:
    """Yield a lab on fakeredis and on a real server."""
    with open_backend(request.param, f"{server.url}/4") as make:
        made = of_bytes(make())
        yield made
        made.close()


@pytest.fixture
def cache(lab: Lab) -> AwaitedCache:
    """Return a cache over a recorded client; its scripts are known to the server."""
    made = cache_of(AwaitableClient(ValkeyClient(raw=lab.connect("you", lab.recorder))), beta=0)
    finish(made.get_or_set("warm-up", Source(1)))
    finish(made.refresh("warm-up", Source(1)))
    return made


Trips = Callable[[Any], list[list[str]]]


@pytest.fixture
def trips(lab: Lab) -> Trips:
    """Return a function that gives the commands of each round trip of a call."""

    def trips(call: Any) -> list[list[str]]:
        lab.forget()
        finish(call)
        found: dict[int, list[str]] = {}
        for sent in lab.recorder.sent:
            found.setdefault(sent.trip, []).append(sent.words[0])
        return list(found.values())

    return trips


def test_a_hit_is_one_round_trip(cache: AwaitedCache, trips: Trips) -> None:
    """By every method that reads, of one command for any number of keys."""
    finish(cache.set_many({"a": 1, "b": 2}))
    for call in (
        cache.get("a"),
        cache.exists("a"),
        cache.get_many(["a", "b"]),
        cache.get_or_set("a", Source(1)),
        cache.get_or_set_many(["a", "b"], Source({}).many),
    ):
        assert trips(call) == [["MGET"]]


def test_a_miss_is_three_round_trips(cache: AwaitedCache, trips: Trips) -> None:
    """A look, a lease and a fill."""
    assert trips(cache.get_or_set("a", Source(1))) == [["MGET"], ["EVALSHA"], ["EVALSHA"]]
    load = Source({"x": 1, "y": 2}).many
    expected = [["MGET"], ["EVALSHA"], ["EVALSHA"]]
    assert trips(cache.get_or_set_many(["x", "y"], load)) == expected


def test_a_tagged_hit_is_one_round_trip_if_the_tags_are_told(
    cache: AwaitedCache, trips: Trips
) -> None:
    """Else one more, for the versions of the tags that the entry names."""
    finish(cache.set("a", 1, tags=["t", "u"]))
    for call in (cache.get("a", tags=["t", "u"]), cache.get_many(["a"], tags=["t", "u"])):
        assert trips(call) == [["MGET", "GET", "GET"]]
    assert trips(cache.get_or_set("a", Source(1), tags=["t"])) == [["MGET", "GET"], ["GET"]]
    for call in (cache.get("a"), cache.get_many(["a"]), cache.get_or_set("a", Source(1))):
        assert trips(call) == [["MGET"], ["GET", "GET"]]


def test_what_writes_is_one_round_trip(cache: AwaitedCache, trips: Trips) -> None:
    """Storing and forgetting, of any number of keys."""
    assert trips(cache.set("a", 1)) == [["EVALSHA"]]
    assert trips(cache.set_many({str(n): n for n in range(100)})) == [["EVALSHA"]]
    assert trips(cache.invalidate("a")) == [["UNLINK"]]
    assert trips(cache.flush_namespace()) == [["UNLINK"]]
    assert trips(cache.invalidate_tags("t")) == [["UNLINK"]]
    assert trips(cache.invalidate("a", "b")) == [["UNLINK"] * 2]
