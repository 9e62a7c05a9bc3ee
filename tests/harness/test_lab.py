"""The lab records what the server saw, and lets accidents happen at every step."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from valkey_redis.embedded import EmbeddedServer
from workshop.clock import virtual_time
from workshop.lab import Lab, open_backend
from workshop.recorder import parse_commands


@pytest.fixture(params=["fakeredis", "valkey-py", "redis-py"])
def lab(request: pytest.FixtureRequest, server: EmbeddedServer) -> Iterator[Lab]:
    """Yield a lab on fakeredis, and on a real server through each driver."""
    schemes = {"valkey-py": "valkey", "redis-py": "redis"}
    scheme = schemes.get(request.param)
    url = server.url.replace("valkey", scheme) if scheme else None
    with open_backend("valkey" if url else "fakeredis", url) as make:
        lab = make()
        yield lab
        lab.close()


def seen(lab: Lab) -> list[tuple[str, str, str, int]]:
    """Return the transcript."""
    return [(e.client, e.text(), e.reply_text(), e.trip) for e in lab.recorder.sent]


def test_records_commands_with_replies(lab: Lab) -> None:
    """A transcript names the client, the command, the reply; the onlooker is not in it."""
    other = lab.connect("other", lab.recorder)
    lab.client.set("a", 1)
    other.incr("a")
    other.close()
    lab.server.get("a")
    lab.client.get("none")
    assert seen(lab) == [
        ("you", "SET a 1", "OK", 1),
        ("other", "INCRBY a 1", "2", 2),
        ("you", "GET none", "nothing", 3),
    ]


def test_records_a_pipeline_as_one_trip(lab: Lab) -> None:
    """Commands that travel together have one trip; a transaction shows MULTI and EXEC."""
    plain = lab.client.pipeline(transaction=False)
    plain.set("a", 1).get("a").execute()
    lab.client.pipeline(transaction=True).incr("a").execute()
    assert seen(lab) == [
        ("you", "SET a 1", "OK", 1),
        ("you", "GET a", "1", 1),
        ("you", "MULTI", "OK", 2),
        ("you", "INCRBY a 1", "QUEUED", 2),
        ("you", "EXEC", "[2]", 2),
    ]


def test_records_an_error_reply(lab: Lab) -> None:
    """An error is a reply too, and the next command's reply is its own."""
    lab.client.set("a", "x")
    with pytest.raises(Exception, match="not an integer"):
        lab.client.incr("a")
    lab.client.get("a")
    assert [row[2] for row in seen(lab)][0::2] == ["OK", "x"]
    assert seen(lab)[1][2].startswith("error: value is not an integer")


def test_cuts_long_arguments_and_escapes(lab: Lab) -> None:
    """A transcript stays short and printable."""
    lab.client.set("a", "x" * 500)
    lab.client.set("b", "line\nbreak")
    texts = [row[1] for row in seen(lab)]
    assert len(texts[0]) < 60
    assert texts[1] == "SET b line\\nbreak"


def test_time_passes_by_decree(lab: Lab) -> None:
    """Keys that expire have the time that is left to them; others stay."""
    lab.server.set("mortal", 1, ex=60)
    lab.server.set("immortal", 1)
    lab.let_expire_in(10)
    assert 9 < lab.server.pttl("mortal") / 1000 <= 10
    assert lab.ttl() is None
    assert lab.keys_without_expiry() == ["immortal"]
    lab.expire_now()
    assert sorted(lab.server.scan_iter()) == ["immortal"]


def test_moving_the_clock_sends_nothing(lab: Lab) -> None:
    """A client that was idle for an hour of virtual time sends what it was asked to, and no PING."""
    with virtual_time() as clock:
        lab.client.get("a")
        clock.advance(3600)
        lab.client.get("a")
    assert [row[1] for row in seen(lab)] == ["GET a", "GET a"]


def test_finds_commands_over_all_keys(lab: Lab) -> None:
    """KEYS is found plain, inside a script, and disguised as one huge SCAN."""
    lab.client.scan(0, count=500)
    assert lab.commands_over_all_keys() == []
    lab.client.keys("a*")
    lab.client.eval("return redis.call('keys', '*')", 0)
    lab.client.scan(0, count=10_000_000)
    assert len(lab.commands_over_all_keys()) == 3


def test_parses_requests() -> None:
    """Requests are read as the protocol says, also several at once and bytes that are no text."""
    data = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$2\r\n\xff\n\r\n"
    assert list(parse_commands(data)) == [
        (("GET", "a"), data[:20]),
        (("\\xff\n",), data[20:]),
    ]


def test_another_thread_sleeps_as_ever() -> None:
    """Only who began the virtual time moves it: a notebook's kernel has threads of its own."""

    def elsewhere() -> float:
        begun = time.monotonic()
        time.sleep(0.01)
        asyncio.run(asyncio.sleep(0.01))
        return time.monotonic() - begun

    with virtual_time() as clock, ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere).result() >= 0.02
        assert clock.elapsed == 0
        time.sleep(3600)
        assert clock.elapsed == 3600
