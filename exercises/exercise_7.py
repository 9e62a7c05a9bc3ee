"""Exercise 7: resilience.

Replace each `raise NotImplementedError` with your code, one task after the other, and
run `make exercise-7` as often as you like: it shows the first task that is not done.
Stuck? `make hint-7`. To read first: docs/resilience.md.

`client` is a connected valkey-py client that takes and returns text (`str`) and repeats nothing
on its own. That the server *cannot be reached* is what the driver says by valkey.ConnectionError,
of any kind (a server that still loads its data raises one), or valkey.TimeoutError: nobody
listens, nobody answers in time, or the connection breaks, perhaps after the server has done what
it was told. Python's own errors of these names are others, and valkey.AuthenticationError, though
a kind of ConnectionError, is an answer. Any other error is an answer too, or a fault in a program.
Times are in seconds, also in parts of one, and above 0. The tests move the time, and now and then
the clock on the wall alone: take it from `time.monotonic()`, wait with `time.sleep()`, each by
this full name, and start no threads. What other machines read needs another clock, as a monotonic
one is each machine's own. What tasks 3, 6 and 7 return is used by many threads at once.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import valkey
from valkey import Valkey

T = TypeVar("T")
ATTEMPTS, BASE, CAP = 3, 0.1, 1.0  # of task 8
DAY = 86_400  # seconds


class CircuitOpenError(Exception):
    """The breaker is open: the call was not made."""


# Task 1: a timeout --------------------------------------------------------------------


def connect(host: str, port: int, timeout: float) -> Valkey:
    """Return a client of this server that takes and returns text, and never waits for long.

    It waits `timeout` seconds at most for a connection, and as long for each answer, and then
    raises valkey.TimeoutError. It sends each command once: whether to send it again is for
    those to decide who know what it does. Raise ValueError unless `timeout` is above 0.
    """
    raise NotImplementedError


# Task 2: a bounded retry --------------------------------------------------------------


def with_retries(
    call: Callable[[], T], *, attempts: int, base: float, cap: float, dice: Callable[[], float]
) -> T:
    """Return what `call()` returns; if the server cannot be reached, call again after a while.

    Call it `attempts` times at most, and raise the last error as it is. Any other error is
    raised at once: it would be the same again. Between the first and the second attempt wait
    a part of `base` seconds, then a part of twice that, of four times that and so on, but of
    `cap` at most. `dice()` says which part: a number from 0 to 1, drawn anew for each wait, so
    that those who failed together do not come again together. That is "full jitter" (M. Brooker:
    Exponential Backoff And Jitter, 2015). Attempts may be thousands. Raise ValueError if they
    are less than 1.
    """
    raise NotImplementedError


# Task 3: a circuit breaker ------------------------------------------------------------


def circuit_breaker(
    *, rate: float, least: int, window: float, pause: float, trials: int
) -> Callable[[Callable[[], T]], T]:
    """Return a breaker: a function that is given a call, and makes it unless that is hopeless.

    It returns what the call returns, and raises what it raises. A call that ends because the
    server cannot be reached is a failure; however else it ends, it is not.

    Closed, as it is at first, the breaker makes every call. At each failure it looks at the
    calls that ended within the last `window` seconds: if they are `least` or more, and a part
    of `rate` of them or more are failures, it opens.

    Open, it makes no call for `pause` seconds, and raises CircuitOpenError at once.

    Then it is half-open: it makes `trials` calls, perhaps at the same time, and refuses every
    other as if it were open. If one of them fails, it is open again, for `pause` seconds from
    then. When all have ended well it is closed, and knows nothing of what was before.

    A call counts only in the state in which it began: one that ends after the breaker has
    opened, or closed, changes nothing. No call waits for another one. Raise ValueError unless
    `rate` is above 0 and up to 1: 50 is no part, 0.5 is.
    (M. Nygard: Release It!, "Circuit Breaker")
    """
    raise NotImplementedError


# Task 4: a fallback that serves stale -------------------------------------------------


def get_or_stale(
    client: Valkey, key: str, load: Callable[[], str], *, fresh: float, stale: float
) -> str:
    """Return the value under `key` from the cache while it is fresh, else load it.

    What `load()` returns, any text, is stored; it is fresh for `fresh` seconds, and kept for
    `stale` more. If `load` raises an Exception, return what is kept, stale as it is; if nothing
    is kept any more, raise that error as it is. An error is never stored, and to fail makes
    nothing fresher, or last longer. `load` is called once at most.

    The application goes on without its cache: whatever the server answers or does not answer
    (valkey.ValkeyError), it gets its value, from `load`. If the server fails once, ask it no
    more in this call: that would cost another timeout. A fresh value takes one round trip,
    and no key lives for ever, even if a client dies between two commands.
    """
    raise NotImplementedError


# Task 5: a call that may be repeated safely -------------------------------------------


def add_once(client: Valkey, key: str, amount: int, request: str, *, remember: int) -> int:
    """Add `amount` to the number under `key` once for this request, and return the number then.

    If an answer is lost, nobody knows whether the amount was added: who asked asks again, with
    the same `request`, and gets the answer that was lost, whatever the number is by now. Each
    key has requests of its own; their names are any texts. A request is remembered for
    `remember` whole seconds, and no trace of it stays for much longer. The number never expires. If
    it cannot be added to, the error is raised, nothing has changed, and the request may come
    again. Many clients ask at the same time, also twice with one request; any may die between
    two commands. The server may be one of a cluster: the keys that one script or transaction
    uses are in one slot, and a script's keys are all among its KEYS. `key` has no braces.
    """
    raise NotImplementedError


# Task 6: a limiter that fails as decided ----------------------------------------------


def limiter(
    allow: Callable[[str], bool],
    *,
    when_down: str,
    local: Callable[[str], bool],
    pause: float,
) -> Callable[[str], bool]:
    """Return a limiter: a function that is given a key, and says whether a request is admitted.

    It says what `allow(key)` says, which asks the server. If that cannot be reached, decide by
    `when_down`: "open" admits, "closed" refuses, "local" says what `local(key)` says, a limiter
    of this process; and for `pause` seconds from then decide so at once, for every key: an
    outage costs one timeout, not one a request. After the pause one request asks the server
    again; until it knows, all others are decided as before. Never ask twice for one request:
    it may have been counted. Any other error is raised, and is no outage.

    Raise ValueError for any other `when_down`, here and not on the day when the server is down.
    """
    raise NotImplementedError


# Task 7: a deadline that shrinks ------------------------------------------------------


def deadline(seconds: float) -> AbstractContextManager[None]:
    """Give the block of a `with` statement `seconds` from its beginning, and all that it calls.

    Blocks may be nested, also in functions that do not know of each other: an inner one can
    take time away, and never add any. When a block is left, however, the one around it counts
    as before. Each thread, and each asyncio task, has deadlines of its own.
    """
    raise NotImplementedError


def time_left(most: float) -> float:
    """Return how long the next call may take: `most` seconds, or what is left if that is less.

    Without a deadline that is `most`. If no time is left, raise Python's own TimeoutError: what
    cannot come in time is not begun.
    """
    raise NotImplementedError


# Task 8: review this code -------------------------------------------------------------
# So does many a shop take a piece from its stock. Find what is wrong, and mend it.


def reserve(client: Valkey, product: str, order: str) -> bool:
    """Take one piece of a product for an order; return whether there was one.

    The pieces left are the number under `stock:{product}`, the product in braces; it never
    expires, and nobody ever sees it below 0. An order takes one piece, however often it asks
    within a DAY, and is told True each time; not much later no trace of it stays. One that was told
    False may ask again. If the server cannot be reached, try again after a while as in task 2,
    with ATTEMPTS, BASE and CAP, and then raise the error: False means sold out. Any other error
    is raised at once. Any client may die between two commands, and the server may be one of a
    cluster, as in task 5.
    """
    stock = f"stock:{{{product}}}"
    for _ in range(ATTEMPTS):
        try:
            if client.decr(stock) >= 0:
                client.sadd(f"orders:{product}", order)
                return True
            client.incr(stock)
            return False  # noqa: TRY300 - the usual order
        except valkey.ValkeyError:
            time.sleep(BASE)
    return False
