"""When a session ends: against a plain model of it, and counted on a real server."""

from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest
import valkey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.conftest import Place
from tests.support.sessions import sessions_of

from valkey_redis import SessionStore, ValkeyClient
from workshop.clock import START, virtual_time

TICK = 0.5  # seconds; the timeouts lie between two ticks, so that nothing ends on one


@dataclass
class Twin:
    """What a session should do, in plain Python."""

    idle: float
    absolute: float
    now: float
    ends: float = 0.0
    expires: float = 0.0
    writes: int = 0

    def __post_init__(self) -> None:
        self.ends = self.now + self.absolute
        self.expires = min(self.now + self.idle, self.ends)

    @property
    def is_alive(self) -> bool:
        """Whether it has not expired."""
        return self.now < self.expires

    def use(self) -> None:
        """Prolong it, if half of its idle time is over and there is anything to gain."""
        later = min(self.now + self.idle, self.ends)
        is_due = self.expires - self.now < self.idle / 2 and later > self.expires
        if self.is_alive and is_due:
            self.expires = later
            self.writes += 1

    def rotate(self, *, is_login: bool) -> None:
        """Prolong it; a login counts its absolute end anew."""
        if self.is_alive:
            self.ends = self.now + self.absolute if is_login else self.ends
            self.expires = min(self.now + self.idle, self.ends)


ticks = st.integers(0, 40).map(lambda n: n * TICK)
uses = st.lists(
    st.tuples(
        ticks, st.sampled_from(["read", "read", "read", "update", "rotate", "login", "list"])
    ),
    max_size=12,
)
SERVER = fakeredis.FakeServer(server_type="valkey", version=(7, 2))


@settings(max_examples=150, deadline=None)
@given(idle=ticks, absolute=ticks, uses=uses)
def test_a_session_ends_when_its_twin_does(
    idle: float, absolute: float, uses: list[tuple[float, str]]
) -> None:
    """Whatever is done with it and whenever: never after its absolute end, with as few writes."""
    raw = fakeredis.FakeValkey(server=SERVER, protocol=2)
    with virtual_time() as clock:
        raw.flushall()
        twin = Twin(idle + TICK / 2, absolute + TICK / 4, START)
        store = SessionStore(
            ValkeyClient(raw=raw), idle_timeout=twin.idle, absolute_timeout=twin.absolute
        )
        session = store.create("ada")
        began, writes = START, 0
        for pause, use in uses:
            clock.advance(pause)
            twin.now += pause
            key = store._plan._keys.place(session.id).key
            before = raw.pexpiretime(key)
            found: Any = True
            if use in {"rotate", "login"}:
                found = store.rotate(session.id, "ada" if use == "login" else None)
                twin.rotate(is_login=use == "login")
                began = twin.now if use == "login" and found else began
                session = found or session
            elif use == "list":
                listed = store.list_user("ada")
                assert [item.handle for item in listed] == [session.handle] * twin.is_alive
            else:
                found = store.read(session.id) if use == "read" else store.update(session.id)
                twin.use()
                writes += raw.pexpiretime(key) != before
            assert bool(found) is (twin.is_alive or use == "list")
            assert writes == twin.writes
            if twin.is_alive:
                for key in raw.scan_iter():  # the session, and its index
                    assert raw.pexpiretime(key) == round(twin.expires * 1000)
                assert twin.expires <= began + twin.absolute
            if use == "read" and found:
                assert found.expires_in == pytest.approx(twin.expires - twin.now)
                assert found.ends_at.timestamp() == pytest.approx(twin.ends, abs=0.001)
                assert found.created_at.timestamp() == pytest.approx(began, abs=0.001)
    raw.close()


def test_a_prolonged_session_stays_in_the_list() -> None:
    """As long as it lives, and longer than it would have lived without its uses."""
    raw = fakeredis.FakeValkey(server=SERVER, protocol=2)
    with virtual_time() as clock:
        raw.flushall()
        store = SessionStore(ValkeyClient(raw=raw), idle_timeout=60)
        session, other = store.create("ada"), store.create("ada")
        for _ in range(4):
            clock.advance(40)
            assert store.update(session.id) is True
            store.destroy(store.create("ada").id)  # a login drops what has expired
            found = {item.handle for item in store.list_user("ada")}
            assert session.handle in found
        assert found == {session.handle} != {other.handle}
        clock.advance(61)
        assert store.list_user("ada") == []
    raw.close()


@pytest.mark.parametrize(
    "place",
    [("valkey", "sync", "redis"), ("valkey", "async", "valkey")],
    ids="-".join,
    indirect=True,
)
async def test_twenty_reads_write_nothing(place: Place) -> None:
    """One command each, one round trip; and the server counts no write, nor does a replica hear one."""
    async with place.connect() as client:
        store = sessions_of(client)
        session = await store.create("ada", {"n": 1})
        await store.read(session.id)  # the script is known from here on
        short = sessions_of(client, absolute_timeout=60)  # nothing can prolong it
        capped = await short.create("ada")
        with valkey.Valkey.from_url(place.url) as observer:
            observer.config_resetstat()
            before = observer.info("persistence")["rdb_changes_since_last_save"]
            for _ in range(20):
                assert (await store.read(session.id)).data == {"n": 1}
            after = observer.info("persistence")["rdb_changes_since_last_save"]
            stats = observer.info("commandstats")
            before_end = observer.info("persistence")["rdb_changes_since_last_save"]
            for _ in range(20):
                assert await short.read(capped.id) is not None
            assert observer.info("persistence")["rdb_changes_since_last_save"] == before_end
        assert after - before == 0
        called = {name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()}
        assert called["evalsha"] == 20
        assert set(called) <= {"evalsha", "pttl", "hgetall", "info", "config|resetstat"}
