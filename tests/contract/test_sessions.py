"""Sessions, over every backend, face and driver."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from pydantic import BaseModel, ConfigDict, Field, field_validator
from tests.contract.conftest import Place
from tests.support.outages import record
from tests.support.sessions import sessions_of
from tests.support.things import Awaited

from valkey_redis import CommandError, CorruptValueError, EncryptedCodec, InvalidArgumentError
from valkey_redis.scripts import load
from valkey_redis.session_id import SECRET, TAG, handle_of, new_id, tag_for, tag_of

IDLE, ABSOLUTE = 1800, 86_400
LATER = timedelta(seconds=60)


def _only(*places: tuple[str, str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", places, ids="-".join, indirect=True)


# What is decided before anything is sent, or by the script alone, is the same at every place.
on_fakes = _only(("fakeredis", "sync", "valkey"), ("fakeredis", "async", "redis"))
on_servers = _only(("valkey", "sync", "valkey"), ("valkey", "async", "redis"))


class Visit(BaseModel):
    """A model with fields that plain JSON does not keep."""

    model_config = ConfigDict(frozen=True, strict=True)

    theme: str = "dark"
    born: date | None = None
    cart: list[int] = Field(default=[], alias="basket")
    pages: int = 0

    @field_validator("pages")
    @classmethod
    def _never_negative(cls, pages: int) -> int:
        if pages < 0:
            raise ValueError("negative")
        return pages


@pytest_asyncio.fixture
async def store(client: Any) -> AsyncIterator[Awaited]:
    """Return a store at one of the twelve places."""
    yield sessions_of(client)


async def keys(client: Any) -> list[str]:
    """Return the names of all keys."""
    return sorted({key async for key in client.scan()})


async def let_be_left(client: Any, seconds: float) -> None:
    """Let every key expire in so many seconds."""
    for key in await keys(client):
        await client.expire(key, seconds)


# Create and read ---------------------------------------------------------------------------


async def test_a_session_is_made_and_read(store: Awaited) -> None:
    """What was put in comes out, with when it was made and when it ends."""
    before = datetime.now(UTC) - LATER
    data = {"cart": [1, {"a": None}], "name": "Ada", "": None} | {"n": 0, "ok": False}
    del data[""]
    made = await store.create("ada", data)
    found = await store.read(made.id)
    assert (found.id, found.user, found.data) == (made.id, "ada", data)
    assert (made.data, made.handle) == (data, found.handle)
    assert before < found.created_at < datetime.now(UTC) + LATER
    assert found.ends_at - found.created_at == timedelta(seconds=ABSOLUTE)
    assert IDLE - 60 < found.expires_in <= IDLE


async def test_a_session_may_be_nobodys_and_empty(store: Awaited) -> None:
    """As before a login."""
    made = await store.create()
    found = await store.read(made.id)
    assert (found.user, found.data) == (None, {})


async def test_ids_cannot_be_guessed(store: Awaited) -> None:
    """Each has 256 bits of its own; those of one user share the slot tag, and nothing else."""
    ids = [(await store.create("ada")).id for _ in range(5)]
    ids += [(await store.create()).id for _ in range(5)]
    assert {len(id_) for id_ in ids} == {TAG + SECRET}
    assert len({id_[TAG:] for id_ in ids}) == len(ids)
    assert {id_[:TAG] for id_ in ids[:5]} == {tag_for("ada")}
    assert len({id_[:TAG] for id_ in ids}) == 6


async def test_the_server_never_holds_an_id(store: Awaited, client: Any) -> None:
    """Neither in a key nor in a value: whoever reads a dump is nobody."""
    made = await store.create("ada", {"cart": []})
    rotated = await store.rotate(made.id)
    last = await store.create("ada")
    for key in await keys(client):
        kind = await client.raw.execute_command("TYPE", key)
        command = ("HGETALL", key) if kind in {b"hash", "hash"} else ("ZRANGE", key, 0, -1)
        held = key + str(await client.raw.execute_command(*command))
        for session in (made, rotated, last):
            assert session.id not in held
            assert session.id[TAG:] not in held
    assert last.handle == hashlib.sha256(last.id.encode()).hexdigest()


async def test_no_text_of_a_session_shows_its_id(store: Awaited) -> None:
    """Neither its repr nor an error; nor does it show the data."""
    made = await store.create("ada", {"password": "secret"})
    for text in (repr(made), str(made), f"{made}"):
        assert made.id[TAG:] not in text
        assert "secret" not in text
        assert "ada" in text
    with pytest.raises(InvalidArgumentError) as caught:
        await store.update(made.id, {"when": datetime.now(UTC)})
    assert made.id[TAG:] not in str(caught.value)
    with pytest.raises(FrozenInstanceError):
        made.user = "bo"


async def test_every_key_expires(store: Awaited, client: Any) -> None:
    """The session, the index of its user, and what is left of an ended one."""
    made = await store.create("ada")
    await store.update(made.id, {"n": 1})
    rotated = await store.rotate(made.id)
    for _ in range(2):
        found = await keys(client)
        assert len(found) in {1, 2}
        for key in found:
            assert 0 < await client.ttl(key) <= IDLE
        await store.destroy(rotated.id)


# Hostile ids -------------------------------------------------------------------------------

FORGED = new_id(tag_for("ada"))
MALFORMED: list[Any] = [
    None,
    "",
    "x",
    FORGED[:-1],
    FORGED + "A",
    FORGED + "\n",
    "{" + FORGED[1:],
    FORGED[:-1] + "é",
    FORGED[:-1] + "\0",
    "*" * len(FORGED),
    "A" * 2**20,
    FORGED.encode(),
    7,
    [FORGED],
]


@on_servers
async def test_a_malformed_id_is_nobodys_without_a_command(place: Place) -> None:
    """Of a wrong length, of other characters, a megabyte long, or no text: the server hears nothing."""
    async with place.connect() as client:
        recorder = record(client)
        store = sessions_of(client)
        for given in MALFORMED:
            assert await store.read(given) is None
            assert await store.update(given, {"n": 1}) is False
            assert await store.rotate(given, "ada") is None
            assert await store.destroy(given) is False
            assert await store.revoke("ada", given) is False
        assert recorder.sent == []


async def test_an_unknown_id_is_never_adopted(store: Awaited, client: Any) -> None:
    """Whatever is asked under an id that a client brings, nothing is made (session fixation)."""
    for given in (FORGED, new_id()):
        assert await store.read(given) is None
        assert await store.update(given, {"admin": True}) is False
        assert await store.rotate(given) is None
        assert await store.rotate(given, "ada") is None
        assert await store.destroy(given) is False
        assert await store.revoke("ada", handle_of(given)) is False
        assert await store.list_user("ada") == []
        assert await keys(client) == []


async def test_an_id_known_before_the_login_is_worthless_after_it(store: Awaited) -> None:
    """Whoever planted it in the browser has nothing."""
    planted = await store.create()
    session = await store.rotate(planted.id, "ada")
    assert await store.read(planted.id) is None
    assert await store.update(planted.id, {"n": 1}) is False
    assert await store.rotate(planted.id, "mallory") is None
    assert (await store.read(session.id)).user == "ada"


async def test_an_id_replayed_after_the_logout_is_worthless(store: Awaited) -> None:
    """Nothing that is asked of it brings it back."""
    session = await store.create("ada", {"n": 1})
    assert await store.destroy(session.id) is True
    assert await store.update(session.id, {"n": 2}) is False
    assert await store.rotate(session.id, "ada") is None
    assert await store.read(session.id) is None
    assert await store.destroy(session.id) is False
    assert await store.list_user("ada") == []


async def test_a_handle_is_no_id(store: Awaited) -> None:
    """What a list shows opens nothing, not with the slot tag before it either."""
    session = await store.create("ada")
    assert await store.read(session.handle) is None
    assert await store.read((tag_for("ada") + session.handle)[: TAG + SECRET]) is None


# Update ------------------------------------------------------------------------------------


async def test_fields_are_changed_one_by_one(store: Awaited) -> None:
    """Some are set, some removed; all others stay."""
    session = await store.create("ada", {"a": 1, "b": 2, "c": 3})
    assert await store.update(session.id, {"b": [20], "d": 4}, remove=["a", "nothing"]) is True
    found = await store.read(session.id)
    assert found.data == {"b": [20], "c": 3, "d": 4}
    assert (found.user, found.created_at, found.ends_at) == (
        "ada",
        session.created_at,
        session.ends_at,
    )
    assert await store.update(session.id, remove=("b", "c", "d")) is True
    assert (await store.read(session.id)).data == {}


@on_servers
async def test_many_fields_are_changed_at_once(place: Place) -> None:
    """More than a Lua function takes arguments."""
    many = {f"field {i}": i for i in range(9_000)}
    async with place.connect() as client:
        store = sessions_of(client)
        session = await store.create(data=many)
        assert await store.update(session.id, {"more": 1}, remove=list(many)) is True
        assert await store.update(session.id, many) is True
        assert (await store.read(session.id)).data == many | {"more": 1}


@on_fakes
@pytest.mark.parametrize(
    "fields", [{"": 1}, {"@ends": 1}, {"@user": "root"}, {7: 1}, [("a", 1)], "ab"]
)
async def test_a_wrong_field_is_refused(store: Awaited, client: Any, fields: Any) -> None:
    """A session's own fields are not the caller's; nothing is stored, and the text is one line."""
    session = await store.create(data={"a": 1})
    for call in (store.update(session.id, fields), store.create("ada", fields)):
        with pytest.raises(InvalidArgumentError, match=r"^[^\n]*takes[^\n]*$"):
            await call
    with pytest.raises(InvalidArgumentError, match="takes"):
        await store.update(session.id, remove=fields if isinstance(fields, str) else list(fields))
    assert (await store.read(session.id)).data == {"a": 1}
    assert len(await keys(client)) == 1


@on_fakes
@pytest.mark.parametrize("user", ["", True, 1.5, b"ada", ("ada",)])
async def test_a_wrong_user_is_refused(store: Awaited, client: Any, user: Any) -> None:
    """Text or a whole number."""
    session = await store.create()
    for call in (
        store.create(user),
        store.rotate(session.id, user),
        store.list_user(user),
        store.destroy_user(user),
        store.revoke(user, session.handle),
    ):
        with pytest.raises(InvalidArgumentError, match=r"user=.*: takes text or a whole number"):
            await call
    assert await store.read(session.id) is not None
    assert len(await keys(client)) == 1


# Rotate ------------------------------------------------------------------------------------


async def test_rotating_changes_the_id_alone(store: Awaited) -> None:
    """The old id is dead; the data, the user and both ends are as before."""
    old = await store.create("ada", {"n": 1})
    new = await store.rotate(old.id)
    assert new.id != old.id
    assert await store.read(old.id) is None
    found = await store.read(new.id)
    assert (found.data, found.user) == ({"n": 1}, "ada")
    assert (found.created_at, found.ends_at) == (old.created_at, old.ends_at)
    assert [session.handle for session in await store.list_user("ada")] == [new.handle]


@pytest.mark.parametrize("before", [None, "ada", "bo"])
async def test_a_login_gives_the_session_to_the_user(
    store: Awaited, client: Any, before: str | None
) -> None:
    """Whose-ever it was, with its data; its absolute end is counted anew."""
    old = await store.create(before, {"n": 1})
    await store.update(old.id, {"m": 2})
    new = await store.rotate(old.id, "ada")
    assert await store.read(old.id) is None
    # In a cluster a mark of it is left in its old slot, for a minute.
    assert await client.ttl(f"app:session:{{{tag_of(old.id)}}}:{old.handle}") <= 60
    index = f"app:sessions:{{{tag_of(old.id)}}}"
    assert await client.raw.execute_command("ZSCORE", index, old.handle) is None
    found = await store.read(new.id)
    assert (found.data, found.user) == ({"n": 1, "m": 2}, "ada")
    assert found.created_at >= old.created_at
    assert found.ends_at - found.created_at == timedelta(seconds=ABSOLUTE)
    assert [session.handle for session in await store.list_user("ada")] == [new.handle]
    assert await store.list_user("bo") == []
    assert await store.destroy_user("ada") == 1
    assert await store.read(new.id) is None
    for key in await keys(client):
        assert 0 < await client.ttl(key) <= IDLE


async def test_a_session_is_taken_for_one_new_id(store: Awaited, client: Any) -> None:
    """Asked again for the same one it is given again, as a reply may be lost; for another not."""
    session = await store.create("ada", {"n": 1})
    tag = tag_for("ada")
    keys = (f"app:session:{{{tag}}}:{session.handle}", f"app:sessions:{{{tag}}}")
    replies = []
    for new in ("new", "new", "other", "new"):
        args = (session.handle, new, 60_000)
        replies.append(await client.run(load("session_take"), keys, args))
        assert await store.read(session.id) is None
    assert sorted(replies[0]) == sorted(replies[1]) == sorted(replies[3]) != []
    assert b"n" in replies[0]
    assert replies[2] == []


async def test_a_session_of_nobodys_is_in_no_index(store: Awaited, client: Any) -> None:
    """Neither at first nor under its next id."""
    session = await store.create()
    assert len(await keys(client)) == 1
    await store.rotate(session.id)
    assert len(await keys(client)) == 1


# Destroy, list, revoke ------------------------------------------------------------------------


async def test_a_logout_ends_one_session(store: Awaited) -> None:
    """It says whether there was one; the user's others go on."""
    phone, laptop = await store.create("ada"), await store.create("ada")
    assert await store.destroy(phone.id) is True
    assert await store.destroy(phone.id) is False
    assert await store.read(phone.id) is None
    assert await store.read(laptop.id) is not None
    assert [session.handle for session in await store.list_user("ada")] == [laptop.handle]


async def test_a_users_sessions_are_listed(store: Awaited) -> None:
    """The newest first, with their data and without their ids; 7 and "7" are one user."""
    made = [await store.create(7, {"n": n}) for n in range(3)]
    await store.create("bo")
    await store.create()
    listed = await store.list_user("7")
    assert [session.created_at for session in listed] == sorted(
        (session.created_at for session in made), reverse=True
    )
    assert sorted(session.data["n"] for session in listed) == [0, 1, 2]
    assert {session.handle for session in listed} == {session.handle for session in made}
    assert {session.id for session in listed} == {""}
    assert {session.user for session in listed} == {7}


async def test_a_session_of_a_list_can_be_ended(store: Awaited) -> None:
    """By its user and its handle, not by another user's."""
    phone, laptop = await store.create("ada"), await store.create("ada")
    assert await store.revoke("bo", phone.handle) is False
    assert await store.revoke("ada", phone.handle) is True
    assert await store.revoke("ada", phone.handle) is False
    assert await store.read(phone.id) is None
    assert await store.read(laptop.id) is not None


async def test_all_sessions_of_a_user_are_ended(store: Awaited) -> None:
    """Or all but one; nobody else's."""
    ids = [(await store.create("ada")).id for _ in range(4)]
    bo = await store.create("bo")
    assert await store.destroy_user("ada", keep=ids[1]) == 3
    assert [await store.read(id_) is not None for id_ in ids] == [False, True, False, False]
    for keep in (bo.id, None, "x", b"x"):
        await store.create("ada")
        assert await store.destroy_user("ada", keep=keep) == (2 if keep == bo.id else 1)
        assert await store.list_user("ada") == []
    assert await store.destroy_user("ada") == 0
    assert await store.read(bo.id) is not None


async def test_a_list_forgets_what_is_gone(store: Awaited, client: Any) -> None:
    """A session that expired or was evicted leaves the index when it is read."""
    gone, there = await store.create("ada"), await store.create("ada")
    index = f"app:sessions:{{{tag_for('ada')}}}"
    await client.delete(f"app:session:{{{tag_for('ada')}}}:{gone.handle}")
    assert await client.raw.execute_command("ZCARD", index) == 2
    assert [session.handle for session in await store.list_user("ada")] == [there.handle]
    assert await client.raw.execute_command("ZCARD", index) == 1


async def test_the_index_holds_no_more_than_what_lives(store: Awaited, client: Any) -> None:
    """What has expired leaves it with the next login, though nobody ever reads the list."""
    index = f"app:sessions:{{{tag_for('ada')}}}"
    for _ in range(3):
        session = await store.create("ada")
        await client.raw.execute_command("ZADD", index, 1, session.handle)  # expired long ago
    assert await client.raw.execute_command("ZCARD", index) == 1
    await client.raw.execute_command("ZADD", index, 1, "0" * 64)
    await store.rotate(session.id)
    assert await client.raw.execute_command("ZCARD", index) == 1
    for step in (store.rotate, partial(store.rotate, user="ada"), store.destroy):
        session = await store.create("ada")
        await step(session.id)
        assert await client.raw.execute_command("ZSCORE", index, session.handle) is None


async def test_the_index_lives_as_long_as_any_session(client: Any) -> None:
    """Also if one that ends sooner comes, or is used, or moves."""
    long, short = sessions_of(client), sessions_of(client, idle_timeout=60)
    await long.create("ada")
    index = f"app:sessions:{{{tag_for('ada')}}}"
    session = await short.create("ada")
    assert round(await client.ttl(index)) == IDLE
    session = await short.rotate(session.id)
    assert round(await client.ttl(index)) == IDLE
    await client.expire(f"app:session:{{{tag_for('ada')}}}:{session.handle}", 20)
    assert (await short.read(session.id)).expires_in == 60
    assert round(await client.ttl(index)) == IDLE
    assert len(await long.list_user("ada")) == 2


# Expiry ------------------------------------------------------------------------------------


async def test_a_use_prolongs_a_session_only_past_half_of_its_time(
    store: Awaited, client: Any
) -> None:
    """A read or an update then gives it all of its idle time again, and the index with it."""
    for use in (store.read, store.update):
        session = await store.create("ada")
        await let_be_left(client, IDLE * 0.6)
        await use(session.id)
        assert {round(await client.ttl(key)) for key in await keys(client)} == {IDLE * 0.6}
        await let_be_left(client, IDLE * 0.4)
        await use(session.id)
        assert {round(await client.ttl(key)) for key in await keys(client)} == {IDLE}
        await store.destroy_user("ada")
        await let_be_left(client, 0.001)
        for key in await keys(client):
            await client.delete(key)


async def test_listing_prolongs_nothing(store: Awaited, client: Any) -> None:
    """To look at a list is no use of what it names."""
    await store.create("ada")
    await let_be_left(client, IDLE * 0.4)
    assert round((await store.list_user("ada"))[0].expires_in) == IDLE * 0.4


async def test_no_session_outlives_its_absolute_end(client: Any) -> None:
    """Neither by reads, nor by updates, nor by rotations."""
    store = sessions_of(client, idle_timeout=IDLE, absolute_timeout=IDLE / 4)
    session = await store.create("ada")
    for _ in range(3):
        assert (await store.read(session.id)).expires_in <= IDLE / 4
        await store.update(session.id, {"n": 1})
        session = await store.rotate(session.id)
        assert session.expires_in <= IDLE / 4
    for key in await keys(client):
        assert 0 < await client.ttl(key) <= IDLE / 4


async def test_an_immortal_session_is_mended_by_a_read(store: Awaited, client: Any) -> None:
    """Whoever took its expiry away: it has one again."""
    session = await store.create()
    (key,) = await keys(client)
    await client.raw.execute_command("PERSIST", key)
    assert (await store.read(session.id)).expires_in == IDLE
    assert 0 < await client.ttl(key) <= IDLE
    await client.raw.execute_command("HSET", key, "@ends", 1)
    await client.raw.execute_command("PERSIST", key)
    assert await store.read(session.id) is None
    assert await keys(client) == []


@on_fakes
@pytest.mark.parametrize("name", ["idle_timeout", "absolute_timeout"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), "30", True, timedelta(0)])
async def test_a_wrong_timeout_is_refused(client: Any, name: str, value: Any) -> None:
    """It names the setting, and what it takes."""
    with pytest.raises(InvalidArgumentError, match=f"{name}=.*: takes"):
        sessions_of(client, **{name: value})


# Payloads ----------------------------------------------------------------------------------


async def test_a_model_is_stored_field_by_field(client: Any) -> None:
    """Validated when it is written and when it is read; by names, whatever the aliases."""
    store = sessions_of(client, model=Visit)
    session = await store.create("ada", Visit(born=date(1815, 12, 10), basket=[1]))
    assert session.data == Visit(born=date(1815, 12, 10), basket=[1])
    assert await store.update(session.id, {"theme": "light", "cart": [1, 2]}) is True
    found = await store.read(session.id)
    assert found.data == Visit(theme="light", born=date(1815, 12, 10), basket=[1, 2])
    assert await store.update(session.id, {"born": date(1852, 11, 27)}, remove=["theme"]) is True
    assert (await store.read(session.id)).data == Visit(born=date(1852, 11, 27), basket=[1, 2])
    assert (await store.create(data={"theme": "x"})).data == Visit(theme="x")
    assert (await store.create()).data == Visit()
    assert {s.data.theme for s in await store.list_user("ada")} == {"dark"}


@on_fakes
@pytest.mark.parametrize(
    ("fields", "removed", "says"),
    [
        ({"theme": 7}, (), "Visit: theme"),
        ({"pages": -1}, (), "Visit: pages"),
        ({"basket": []}, (), "Visit has none of that name"),
        ({}, ["nothing"], "takes one of Visit's with a default"),
    ],
)
async def test_a_wrong_field_of_a_model_is_refused(
    client: Any, fields: Any, removed: Any, says: str
) -> None:
    """The text names the field, and not the value; nothing is stored."""
    store = sessions_of(client, model=Visit)
    session = await store.create(data={"theme": "x"})
    with pytest.raises(InvalidArgumentError, match=says):
        await store.update(session.id, {"theme": "y"} | fields, remove=removed)
    assert (await store.read(session.id)).data == Visit(theme="x")


async def test_data_that_cannot_be_read_is_no_session(client: Any) -> None:
    """Corrupt, or no longer what the model takes; or an error, if one wants that."""
    for raw, settings in ((b"{", {}), (b'"x"', {"model": Visit}), (b"-1", {"model": Visit})):
        lenient = sessions_of(client, **settings)
        strict = sessions_of(client, throw_on_parse=True, **settings)
        session = await lenient.create("ada", {"pages": 1})
        await client.raw.execute_command(
            "HSET", f"app:session:{{{tag_for('ada')}}}:{session.handle}", "pages", raw
        )
        assert await lenient.read(session.id) is None
        assert await lenient.list_user("ada") == []
        with pytest.raises(CorruptValueError, match=f"^session {session.handle[:8]}") as caught:
            await strict.read(session.id)
        assert session.id[TAG:] not in str(caught.value)
        assert await lenient.destroy(session.id) is True


async def test_encrypted_fields_show_nothing(client: Any) -> None:
    """Neither the data nor the user; each field is encrypted on its own."""
    store = sessions_of(client, codec=EncryptedCodec([EncryptedCodec.new_key()]))
    session = await store.create("adalovelace", {"iban": "NO93"})
    assert await store.update(session.id, {"pin": "pin-of-ada"}) is True
    session = await store.rotate(session.id)
    found = await store.read(session.id)
    assert (found.user, found.data) == ("adalovelace", {"iban": "NO93", "pin": "pin-of-ada"})
    key = f"app:session:{{{tag_for('adalovelace')}}}:{session.handle}"
    held = str(await client.raw.execute_command("HGETALL", key))
    for secret in ("NO93", "pin-of-ada", "adalovelace"):
        assert secret not in held
    other = sessions_of(client, codec=EncryptedCodec([EncryptedCodec.new_key()]))
    assert await other.read(session.id) is None


# What it is not for -------------------------------------------------------------------------


async def test_stores_with_other_namespaces_share_nothing(client: Any) -> None:
    """One's ids are unknown to the other."""
    shop, blog = sessions_of(client, namespace="shop"), sessions_of(client, namespace="blog")
    session = await shop.create("ada")
    assert await blog.read(session.id) is None
    assert await blog.destroy_user("ada") == 0
    assert await shop.read(session.id) is not None
    with pytest.raises(InvalidArgumentError, match="namespace"):
        sessions_of(client, namespace="a:b")


async def test_another_type_under_the_key_is_an_error(store: Awaited, client: Any) -> None:
    """The store fails closed: it is no session, and it is said."""
    session = await store.create("ada")
    key = f"app:session:{{{tag_for('ada')}}}:{session.handle}"
    await client.delete(key)
    await client.raw.execute_command("RPUSH", key, 1)
    with pytest.raises(CommandError):
        await store.read(session.id)
