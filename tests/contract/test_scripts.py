"""run(), is_healthy() and the client's life, over every backend, face and driver."""

import hashlib
from typing import Any

import pytest
from tests.contract.conftest import Place

from valkey_redis import CommandError
from valkey_redis.scripts import Script, load

SOURCE = "redis.call('SET', KEYS[1], ARGV[1]) return {1, ARGV[1], redis.call('GET', KEYS[1])}"
ECHO = Script("echo", SOURCE, hashlib.sha1(SOURCE.encode(), usedforsecurity=False).hexdigest())
BROKEN = "return redis.call('LPOP', KEYS[1])"
LPOP = Script("lpop", BROKEN, hashlib.sha1(BROKEN.encode(), usedforsecurity=False).hexdigest())


async def _forget_scripts(client: Any) -> None:
    await client.raw.execute_command("SCRIPT FLUSH")


async def test_a_script_runs_and_its_reply_is_the_servers(client: Any) -> None:
    """Keys and arguments reach the script; the reply is not decoded."""
    assert await client.run(ECHO, ["k"], ["v"]) == [1, b"v", b"v"]


async def test_a_script_that_the_server_forgot_is_sent_again(client: Any) -> None:
    """NOSCRIPT is no error for the caller: the script runs, once, and is known again."""
    script = load("incr")
    for expected in (1, 2, 3):
        await _forget_scripts(client)
        assert await client.incr("n", ex=100) == expected
        assert await client.run(script, ["m"], [1, 1000]) == expected


async def test_a_script_with_an_error_is_a_command_error(client: Any) -> None:
    """What a script's command is refused is a CommandError of one line."""
    await client.set("text", 1)
    await _forget_scripts(client)
    for _ in range(2):  # by EVAL, then by EVALSHA
        with pytest.raises(CommandError, match="WRONGTYPE") as caught:
            await client.run(LPOP, ["text"])
        assert len(str(caught.value).splitlines()) == 1


async def test_a_script_without_keys_runs(client: Any) -> None:
    """A script need not touch a key."""
    source = "return 42"
    sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    assert await client.run(Script("answer", source, sha)) == 42


async def test_a_server_that_answers_is_healthy(client: Any) -> None:
    """is_healthy() is True, not merely truthy."""
    assert await client.is_healthy() is True


async def test_a_closed_client_opens_again(client: Any) -> None:
    """close() closes the connections, and the client may be used again."""
    await client.set("k", 1)
    await client.close()
    assert await client.get("k") == 1


async def test_two_clients_see_the_same_values(place: Place, client: Any) -> None:
    """A value is the backend's, not the client's."""
    async with place.connect() as other:
        await other.set("k", 1)
        assert await client.get("k") == 1


async def test_a_client_names_its_server_and_no_more(place: Place, client: Any) -> None:
    """The repr shows the kind of client and the server's address."""
    text = repr(client)
    name = "AsyncValkeyClient" if place.kind.face == "async" else "ValkeyClient"
    assert text.startswith(f"{name}(")
    assert ("127.0.0.1" in text) is bool(place.url)
