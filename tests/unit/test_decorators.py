"""What the decorators refuse, what they leave of the function, and what a type checker says."""

import asyncio
import functools
import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from valkey_redis import (
    AsyncCache,
    AsyncValkeyClient,
    Cache,
    InvalidArgumentError,
    ValkeyClient,
    cached,
    get_or_set_cache,
)
from workshop.manifest import ROOT

# There is no way to mark an object for `inspect` before Python 3.12, and asyncio's goes with 3.16.
is_coroutine_function = (
    inspect.iscoroutinefunction if sys.version_info >= (3, 12) else asyncio.iscoroutinefunction
)
NOBODY = "valkey://127.0.0.1:1"


def sync(a: int, b: str = "x") -> list[int]:  # noqa: ARG001 - its signature is the subject
    """Return numbers."""
    return [a]


async def coroutine(a: int, b: str = "x") -> list[int]:  # noqa: ARG001 - as above
    """Return numbers."""
    return [a]


@pytest.mark.parametrize("function", [sync, coroutine])
@pytest.mark.parametrize("decorator", [cached(), get_or_set_cache()], ids=["cached", "get_or_set"])
def test_the_function_looks_as_before(function: Callable[..., Any], decorator: Any) -> None:
    """Name, text, signature, module, and whether it is awaited."""
    made: Any = decorator(function)
    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__wrapped__"):
        expected = function if name == "__wrapped__" else getattr(function, name)
        assert expected == getattr(made, name)
    assert inspect.signature(function) == inspect.signature(made)
    assert is_coroutine_function(function) == is_coroutine_function(made)
    assert repr(made) == f"<cached {function.__name__}>"


def test_a_wrong_cache_is_refused_when_it_is_given() -> None:
    """A `def` cannot await an AsyncCache, an `async def` would block in a Cache."""
    threads, tasks = Cache(ValkeyClient(NOBODY)), AsyncCache(AsyncValkeyClient(NOBODY))
    for function, cache in ((sync, tasks), (coroutine, threads)):
        for decorator in (cached(cache=cache), get_or_set_cache(cache=cache)):
            with pytest.raises(InvalidArgumentError, match="takes a Cache, `async def` an Async"):
                decorator(function)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ttl": 0}, r"^ttl=0: takes seconds"),
        ({"ttl": -1}, r"^ttl=-1: takes seconds"),
        ({"ttl": float("nan")}, r"^ttl=nan: takes seconds"),
        ({"ttl": sync}, r"^ttl=<function sync at .*: takes seconds"),  # `@cached` without brackets
        ({"negative_ttl": 0}, r"^negative_ttl=0: takes seconds"),
        ({"stale_ttl": -1}, r"^stale_ttl=-1: takes seconds"),
        ({"tags": "user"}, r"^tags='user': takes a list"),
        ({"ignore": "self"}, r"^ignore='self': takes a list"),
        ({"key_fn": str, "key_prefix": "x"}, r"^key_fn: makes the whole key"),
        ({"key_fn": str, "ignore": ["a"]}, r"^key_fn: makes the whole key"),
    ],
)
def test_wrong_settings_are_refused_at_once(settings: Any, message: str) -> None:
    """When the function is defined, not when it is first called."""
    with pytest.raises(InvalidArgumentError, match=message):
        cached(**settings)


def test_an_unknown_name_to_ignore_is_refused_at_once() -> None:
    """The message says what the function takes."""
    with pytest.raises(InvalidArgumentError, match=r"ignore 'c': sync takes a, b"):
        cached(ignore=["c"])(sync)


def test_stale_ttl_may_be_nothing() -> None:
    """0 is no time in which a stale value is served."""
    assert cached(stale_ttl=0)(sync).key(1) == cached()(sync).key(1)


def test_a_key_function_must_return_a_text() -> None:
    """Said in one line, with what it returned."""
    made = cached(key_fn=lambda a: a)(sync)
    with pytest.raises(InvalidArgumentError, match=r"^key_fn: must return a text, not int$"):
        made.key(1)


def test_a_wrapped_function_keeps_its_own_key() -> None:
    """A decorator between the two that uses functools.wraps changes nothing."""

    @functools.wraps(sync)
    def between(*args: Any, **kwargs: Any) -> Any:
        return sync(*args, **kwargs)

    assert cached()(between).key(1) == cached()(sync).key(1, b="x")


# Types -----------------------------------------------------------------------------------------

RIGHT = """
from collections.abc import Awaitable
from typing import assert_type
from valkey_redis import (
    AsyncCache, Cache, Warmed, cached, get_or_set_cache, invalidate_cache, warm_cache,
)

@cached(ttl=60)
def price(product: int, currency: str = "EUR") -> float:
    return 1.0

@get_or_set_cache(ttl=60)
async def name(user: int) -> str | None:
    return None

@get_or_set_cache(use_batch_warmer=True)
def many(ids: list[int], *, deep: bool = False) -> dict[int, str]:
    return {}

class Shop:
    @cached(ignore=["self"])
    def size(self, row: int) -> list[int]:
        return []

    @cached(ignore=["self"])
    async def owner(self, row: int) -> bytes:
        return b""

async def use(threads: Cache, tasks: AsyncCache) -> None:
    shop = Shop()
    assert_type(price(1, currency="USD"), float)
    assert_type(price.refresh(1), float)
    assert_type(price.invalidate(1), bool)
    assert_type(price.key(1), str)
    assert_type(await name(1), str | None)
    assert_type(await name.refresh(user=1), str | None)
    assert_type(await name.invalidate(1), bool)
    assert_type(many([1], deep=True), dict[int, str])
    assert_type(shop.size(1), list[int])
    assert_type(shop.size.refresh(row=1), list[int])
    assert_type(Shop.size(shop, 1), list[int])
    assert_type(await shop.owner(1), bytes)
    assert_type(await shop.owner.invalidate(1), bool)
    assert_type(warm_cache(["a"], lambda keys: dict.fromkeys(keys, 1), 60, cache=threads), Warmed)
    assert_type(invalidate_cache("a"), bool)
    assert_type(invalidate_cache("a", cache=tasks), Awaitable[bool])
    await name(1)
"""
WRONG = """
    price("1")
    price(1, 2)
    price()
    price(1, other=2)
    price.refresh("1")
    price.invalidate()
    await name("1")
    many(1)
    shop.size("1")
    shop.size()
    Shop.size(1, 1)
    await shop.owner(1, 2)
    await price(1)
    (await name(1)).upper()
"""


def test_a_type_checker_sees_the_functions_own_types(tmp_path: Path) -> None:
    """Mypy --strict: what is right is right, with its own type, and each wrong line is an error."""
    file = tmp_path / "use.py"
    file.write_text(RIGHT + WRONG.lstrip("\n"), encoding="utf-8")
    # With the project's own settings and cache, which `make lint` has filled.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--no-color-output", str(file)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    said = [line for line in done.stdout.splitlines() if ": error: " in line]
    first = RIGHT.count("\n") + 1
    wrong = {int(line.split(":")[1]) for line in said}
    assert set(range(first, first + WRONG.strip().count("\n") + 1)) == wrong, (
        done.stdout + done.stderr
    )
