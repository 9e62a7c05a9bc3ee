"""Every row of the page's table of expiry rules is what the server does."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from valkey_redis.embedded import EmbeddedServer
from workshop.manifest import ROOT

PAGE = (ROOT / "docs" / "1_basic_operations.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## What becomes of an expiry")[2].partition("```")[0]
ROWS = dict(re.findall(r"^\| (`.+?) \| (.+) \|$", SECTION, re.MULTILINE))
NEVER, GONE = -1, -2

# What the key holds before a command, by the command's first word; else a string.
BEFORE = {
    "HSET": "HSET k f 1",
    "HINCRBY": "HSET k f 1",
    "LPUSH": "RPUSH k a b",
    "LTRIM": "RPUSH k a b",
    "LPOP": "RPUSH k a b",
    "SORT": "RPUSH k a b",
    "SADD": "SADD k a",
    "SUNIONSTORE": "SADD k a",
    "ZADD": "ZADD k 1 a",
    "ZINCRBY": "ZADD k 1 a",
}
KEEPS = "100 s; a key made by it has none"
# The row, its right side, and for each command: TTL on a key with 100 s left, on one without
# an expiry, and on a missing key (None: the row says nothing of it).
Case = tuple[str, int, int | None, int | None]
RULES: dict[str, tuple[str, list[Case]]] = {
    "`SET`, also with `XX` or `GET`; `GETSET`; `MSET`": (
        "none",
        [(c, NEVER, None, None) for c in ("SET k 2", "SET k 2 XX", "SET k 2 GET", "GETSET k 2")]
        + [("MSET k 2", NEVER, None, None)],
    ),
    "`SET ... EX 50`, `MSETEX ... EX 50`": (
        "50 s",
        [(c, 50, None, None) for c in ("SET k 2 EX 50", "MSETEX 1 k 2 EX 50")],
    ),
    "`SET ... KEEPTTL`, `MSETEX ... KEEPTTL`": (
        KEEPS,
        [(c, 100, None, NEVER) for c in ("SET k 2 KEEPTTL", "MSETEX 1 k 2 KEEPTTL")],
    ),
    "`SET ... NX EX 50` (refused, as the key exists)": (
        "100 s",
        [("SET k 2 NX EX 50", 100, None, None)],
    ),
    "`INCR`, `INCRBYFLOAT`, `APPEND`, `SETRANGE`, `SETBIT`": (
        KEEPS,
        [
            ("INCR k", 100, None, NEVER),
            ("INCRBYFLOAT k 1.5", 100, None, NEVER),
            ("APPEND k 2", 100, None, NEVER),
            ("SETRANGE k 0 9", 100, None, NEVER),
            ("SETBIT k 0 1", 100, None, NEVER),
        ],
    ),
    "`HSET`, `HINCRBY`, `LPUSH`, `LTRIM`, `SADD`, `ZADD`, `ZINCRBY`": (
        KEEPS,
        [
            ("HSET k f 2", 100, None, NEVER),
            ("HINCRBY k f 2", 100, None, NEVER),
            ("LPUSH k x", 100, None, NEVER),
            ("LTRIM k 0 0", 100, None, GONE),
            ("SADD k x", 100, None, NEVER),
            ("ZADD k 2 x", 100, None, NEVER),
            ("ZINCRBY k 2 a", 100, None, NEVER),
        ],
    ),
    "`LPOP` of the last element, then `LPUSH`": (
        "none: the empty key was deleted",
        [("LPOP k 2 / LPUSH k x", NEVER, None, None)],
    ),
    "`SUNIONSTORE`, `SORT ... STORE` into it": (
        "none",
        [
            ("SADD q z / SUNIONSTORE k q", NEVER, None, None),
            ("RPUSH q z / SORT q ALPHA STORE k", NEVER, None, None),
        ],
    ),
    "`RENAME key new`": (
        "100 s under the new name, whatever `new` had",
        [("SET q 1 EX 7 / RENAME k q / RENAME q k", 100, NEVER, None)],
    ),
    "`COPY key new`": ("both have 100 s", [("COPY k q / RENAME q k", 100, None, None)]),
    "`GETEX key`; `GETEX key EX 5`; `GETEX key PERSIST`": (
        "100 s; 5 s; none",
        [
            ("GETEX k", 100, NEVER, None),
            ("GETEX k EX 5", 5, 5, None),
            ("GETEX k PERSIST", NEVER, NEVER, None),
        ],
    ),
    "`PERSIST`": ("none", [("PERSIST k", NEVER, NEVER, None)]),
    "`EXPIRE key 50`": ("50 s", [("EXPIRE k 50", 50, 50, GONE)]),
    "`EXPIRE key 50 NX` (only if it has none)": (
        "100 s; on a key without: 50 s",
        [("EXPIRE k 50 NX", 100, 50, GONE)],
    ),
    "`EXPIRE key 50 XX` (only if it has one)": (
        "50 s; on a key without: none",
        [("EXPIRE k 50 XX", 50, NEVER, GONE)],
    ),
    "`EXPIRE key 50 GT` (only later)": (
        "100 s; on a key without: none (never is later than 50 s)",
        [("EXPIRE k 50 GT", 100, NEVER, GONE), ("EXPIRE k 500 GT", 500, NEVER, GONE)],
    ),
    "`EXPIRE key 50 LT` (only sooner)": (
        "50 s; on a key without: 50 s",
        [("EXPIRE k 50 LT", 50, 50, GONE), ("EXPIRE k 500 LT", 100, 500, GONE)],
    ),
    "`EXPIRE key 0`, or a negative number": (
        "the key is deleted",
        [("EXPIRE k 0", GONE, GONE, None), ("EXPIRE k -1", GONE, GONE, None)],
    ),
    "`SET ... EX 0`": ("an error; 100 s and the old value", [("SET k 2 EX 0", 100, NEVER, GONE)]),
}
CASES = [case for _, cases in RULES.values() for case in cases]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Return a client of an empty server."""
    with EmbeddedServer() as server, valkey.Valkey(port=server.port) as client:
        client.response_callbacks.clear()  # the replies as they are
        yield client


def test_the_table_has_these_rows() -> None:
    """No row of the page goes untested, and none says something else."""
    assert {row: says for row, (says, _) in RULES.items()} == ROWS


@pytest.mark.parametrize(
    ("text", "expiring", "lasting", "missing"), CASES, ids=[c[0] for c in CASES]
)
def test_the_server_does_it(
    client: Any, text: str, expiring: int, lasting: int | None, missing: int | None
) -> None:
    """The key's TTL after the command is what the table says, for each kind of key before it."""
    commands = [part.split() for part in text.split(" / ")]
    word = next((w for c in commands if (w := c[0]) in BEFORE and c[1] == "k"), commands[-1][0])
    for wanted, make, expire in (
        (expiring, True, True),
        (lasting, True, False),
        (missing, False, False),
    ):
        if wanted is None:
            continue
        client.execute_command("FLUSHALL")
        if make:
            client.execute_command(*BEFORE.get(word, "SET k 1").split())
        if expire:
            client.execute_command("EXPIRE", "k", 100)
        if "EX 0" in text:
            with pytest.raises(valkey.ResponseError, match="invalid expire time"):
                client.execute_command(*commands[0])
        else:
            for command in commands:
                client.execute_command(*command)
        assert client.execute_command("TTL", "k") == wanted
