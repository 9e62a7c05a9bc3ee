"""Exercise 2: caching patterns. One good solution; others pass too."""

import inspect
import json
import math
import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from valkey import ResponseError, Valkey

PAUSE = 0.1  # seconds between two looks of somebody who waits
Model = TypeVar("Model", bound=BaseModel)
STREAM, GROUP, BATCH = "prices-to-write", "database", 100
TAG_SECONDS = 86_400  # a tag's token may be lost at any time: its values are then invalid
LEASE_SECONDS = 60  # longer than reading a product or computing a report takes
REPORT_PATIENCE = 30  # seconds

# KEYS: a row as "version:cents". ARGV: version, cents, seconds. Stores it if it is newer.
STORE_IF_NEWER = """
local there = redis.call('GET', KEYS[1])
if there and tonumber(string.match(there, '^%d+')) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'EX', ARGV[3])
return 1
"""
# KEYS: a lease. ARGV: the holder's token. Frees it if it is still the holder's.
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
# KEYS: a lease, a value. ARGV: the token, the value, milliseconds. Stores the value and
# frees the lease, if that is still the holder's: an invalidation has deleted it.
FILL = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return redis.call('DEL', KEYS[1])
"""


class Table(Protocol):
    """A table of a database: texts by id."""

    def read(self, row_id: str) -> str | None:
        """Return a row, None if there is none."""

    def write(self, row_id: str, row: str) -> None:
        """Write a row, new or not."""


class Prices(Protocol):
    """A table of prices. Each row has a version, which rises with every write to it."""

    def read(self, product: str) -> tuple[int, int] | None:
        """Return a row as (version, cents), None if there is none."""

    def write(self, product: str, cents: int) -> int:
        """Write a price and return the row's new version."""


def get_or_load(client: Valkey, key: str, load: Callable[[], Any], seconds: float) -> Any:
    """Return the value under `key`, loaded if there is none."""
    stored = client.get(key)
    if stored is not None:  # JSON text: also None and "" are stored as something
        return json.loads(stored)
    value = load()
    lifetime = seconds * random.uniform(0.9, 1.0)  # noqa: S311 - jitter is no secret
    client.set(key, json.dumps(value), px=int(lifetime * 1000))
    return value


def call_key(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the key of a call."""

    def require_known(value: Any) -> None:
        if isinstance(value, (list, tuple)):
            for item in value:
                require_known(item)
        elif value is not None and not isinstance(value, (str, int, float)):
            raise TypeError(f"no key can be made of a {type(value).__name__}")

    require_known([*args, *kwargs.values()])  # JSON takes a dict too, and makes text of its keys
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    # JSON keeps types and parts apart, and is the same in every process.
    arguments = json.dumps(list(bound.arguments.values()), sort_keys=True)
    return f"call:{function.__module__}.{function.__qualname__}:{arguments}"


def save_model(client: Valkey, key: str, model: BaseModel, version: int, seconds: int) -> None:
    """Store a model with its schema's version in front."""
    client.set(key, f"{version}:{model.model_dump_json()}", ex=seconds)


def load_model(client: Valkey, key: str, kind: type[Model], version: int) -> Model | None:
    """Return the model of this version, None if there is none."""
    header, _, body = (client.get(key) or "").partition(":")
    if header != str(version):
        return None
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        return None


def find_user(
    client: Valkey, table: Table, user_id: str, seconds: int, missing_seconds: int
) -> str | None:
    """Return a user's row, None if there is none."""
    stored = client.get(f"user:{user_id}")
    if stored is not None:
        found: str | None = json.loads(stored)
        return found
    row = table.read(user_id)
    # NX: whoever created the user meanwhile has put the row there, and knows better.
    lifetime = missing_seconds if row is None else seconds
    client.set(f"user:{user_id}", json.dumps(row), ex=lifetime, nx=True)
    return row


def create_user(client: Valkey, table: Table, user_id: str, row: str, seconds: int) -> None:
    """Write a new user's row to the table, then to the cache."""
    table.write(user_id, row)
    client.set(f"user:{user_id}", json.dumps(row), ex=seconds)


def read_price(client: Valkey, prices: Prices, product: str, seconds: int) -> int | None:
    """Return a price from the cache, else from the table."""
    stored = client.get(f"price:{product}")
    if stored is not None:
        return int(stored.partition(":")[2])
    row = prices.read(product)
    if row is None:
        return None
    version, cents = row
    client.eval(STORE_IF_NEWER, 1, f"price:{product}", version, cents, seconds)
    return cents


def save_price(client: Valkey, prices: Prices, product: str, cents: int, seconds: int) -> None:
    """Write a price to the table, then to the cache."""
    version = prices.write(product, cents)
    client.eval(STORE_IF_NEWER, 1, f"price:{product}", version, cents, seconds)


def put_off(client: Valkey, product: str, cents: int) -> None:
    """Note that a price is to be written."""
    client.xadd(STREAM, {"product": product, "cents": cents})


def write_out(client: Valkey, prices: Prices, worker: str) -> int:
    """Write everything that was put off to the table."""
    with suppress(ResponseError):  # the group is there already
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    written = 0
    for start in ("0", ">"):  # what this worker had taken before it died; then what is new
        while True:
            answer = client.xreadgroup(GROUP, worker, {STREAM: start}, count=BATCH)
            entries = answer[0][1] if answer else []
            if not entries:
                break
            for _, note in entries:
                prices.write(note["product"], int(note["cents"]))
            ids = [entry_id for entry_id, _ in entries]
            # Only now: what is acknowledged is not read again.
            pipe = client.pipeline(transaction=True)
            pipe.xack(STREAM, GROUP, *ids)
            pipe.xdel(STREAM, *ids)
            pipe.execute()
            written += len(entries)
    return written


def get_tagged(
    client: Valkey, key: str, tags: list[str], load: Callable[[], str], seconds: int
) -> str:
    """Return the value under `key`, valid as long as its tags have the tokens it was loaded under."""
    names = [f"tag:{tag}" for tag in tags]
    entry, *tokens = client.mget([f"tagged:{key}", *names])
    if entry is not None and None not in tokens:
        kept = json.loads(entry)
        if kept["tokens"] == tokens:
            return str(kept["value"])
    pipe = client.pipeline(transaction=True)
    for name in names:
        pipe.set(name, uuid.uuid4().hex, nx=True, ex=TAG_SECONDS)
    pipe.mget(names)
    tokens = pipe.execute()[-1]  # before the load: an invalidation during it takes them away
    value = load()
    client.set(f"tagged:{key}", json.dumps({"tokens": tokens, "value": value}), ex=seconds)
    return value


def invalidate_tag(client: Valkey, tag: str) -> None:
    """Take the tag's token away; the next one is another."""
    client.delete(f"tag:{tag}")


def load_once(
    client: Valkey,
    key: str,
    load: Callable[[], str],
    *,
    seconds: int,
    lease: float,
    patience: float,
) -> str:
    """Return the value under `key`; one client loads it while the others wait."""
    token = uuid.uuid4().hex
    until = time.monotonic() + patience
    while (stored := client.get(key)) is None:
        if client.set(f"{key}:lease", token, nx=True, px=int(lease * 1000)):
            try:
                stored = client.get(key)  # somebody may have stored it since we looked
                if stored is None:
                    stored = load()
                    client.set(key, stored, ex=seconds)
                return str(stored)
            finally:
                client.eval(RELEASE, 1, f"{key}:lease", token)
        if time.monotonic() >= until:
            return load()
        time.sleep(PAUSE)
    return str(stored)


def get_or_refresh(
    client: Valkey, key: str, load: Callable[[], str], *, fresh: float, stale: float, lease: float
) -> str:
    """Return the value under `key`; when it is old, one client refreshes it."""
    stored = client.get(key)
    old = None if stored is None else json.loads(stored)
    if old is not None and time.time() < old["fresh_until"]:
        return str(old["value"])
    token = uuid.uuid4().hex
    is_mine = client.set(f"{key}:lease", token, nx=True, px=int(lease * 1000))
    if old is not None and not is_mine:
        return str(old["value"])
    try:
        value = load()
    except Exception:
        client.eval(RELEASE, 1, f"{key}:lease", token)
        if old is None:
            raise
        return str(old["value"])
    envelope = json.dumps({"value": value, "fresh_until": time.time() + fresh})
    lifetime = int((fresh + stale) * 1000)
    # The lease is the fence: forget() takes it away, and then nothing is stored.
    client.eval(FILL, 2, f"{key}:lease", key, token, envelope, lifetime)
    return value


def forget(client: Valkey, key: str) -> None:
    """Forget the value, and take the lease from whoever is loading."""
    client.delete(key, f"{key}:lease")


def get_early(
    client: Valkey, key: str, load: Callable[[], str], seconds: float, draw: float
) -> str:
    """Return the value under `key`, loaded early now and then."""
    stored = client.get(key)
    if stored is not None:
        kept = json.loads(stored)
        if kept["expires"] - time.time() > kept["cost"] * -math.log(draw):
            return str(kept["value"])
    began = time.monotonic()
    value = load()
    cost = time.monotonic() - began
    envelope = {"value": value, "cost": cost, "expires": time.time() + seconds}
    client.set(key, json.dumps(envelope), px=int(seconds * 1000))
    return value


def get_product(client: Valkey, table: Table, product_id: str) -> str | None:
    """Return a product's text from the cache, else from the table."""
    # The fault: read the old row, pause while it is changed and the key deleted, then
    # store the old row for an hour. Now a change takes the lease away, as in task 9.
    key, lease, token = f"product:{product_id}", f"product:{product_id}:lease", uuid.uuid4().hex
    cached = client.get(key)
    if cached is not None:
        return str(cached)
    client.set(lease, token, nx=True, ex=LEASE_SECONDS)
    text = table.read(product_id)
    if text is not None:
        client.eval(FILL, 2, lease, key, token, text, 3_600_000)
    return text


def change_product(client: Valkey, table: Table, product_id: str, text: str) -> None:
    """Write a product's new text, and let nobody store an older one."""
    table.write(product_id, text)
    client.delete(f"product:{product_id}", f"product:{product_id}:lease")


def daily_report(client: Valkey, day: str, compute: Callable[[], str]) -> str:
    """Return the report of a day, computed by one client."""
    # The faults: a lock of 5 s for work of 20; deleted whoever holds it by now; kept when the
    # work fails; no look at the cache once it is held; no end to the waiting. load_once has
    # none of them: return load_once(client, f"report:{day}", compute, seconds=3600,
    # lease=60, patience=30) will do.
    key, lock, token = f"report:{day}", f"report:{day}:lock", uuid.uuid4().hex
    until = time.monotonic() + REPORT_PATIENCE
    while (cached := client.get(key)) is None:
        if client.set(lock, token, nx=True, ex=LEASE_SECONDS):
            try:
                report = client.get(key)  # somebody may have stored it since we looked
                if report is None:
                    report = compute()
                    client.set(key, report, ex=3600)
                return str(report)
            finally:
                client.eval(RELEASE, 1, lock, token)
        if time.monotonic() >= until:
            return compute()
        time.sleep(PAUSE)
    return str(cached)
