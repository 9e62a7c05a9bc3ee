"""Exercise 4: rate limiting.

Replace each `raise NotImplementedError` with your code, one task after the other, and
run `make exercise-4` as often as you like: it shows the first task that is not done.
Stuck? `make hint-4`. To read first: docs/rate_limiting.md.

`client` is a connected valkey-py client that takes and returns text (`str`). `key` names
who is limited, say `user:7`: what you store goes under keys of your choice that are made
of it. Limits, rates and seconds are above 0. Many clients run your functions at the same
time, on machines whose clocks differ: the time is the server's (its command TIME, which a
script may call too). Any client may die between two commands, and no key lives for ever.
The server may be one of a cluster: the keys that one script or transaction uses are in one
slot, and a script's keys are all among its KEYS. Where time must pass, or several come at
once, the tests run your code on fakeredis, a server whose clock they can move; it knows Lua,
WATCH and MULTI.
"""

import time
from collections.abc import Callable

from valkey import Valkey

LOGINS, EXPORTS = 10, 5  # that tasks 7 and 8 admit

# Task 1: a fixed window ---------------------------------------------------------------


def allow_fixed(client: Valkey, key: str, limit: int, seconds: int) -> bool:
    """Return whether a request is admitted: at most `limit` in a window of `seconds`.

    The first request opens the window. That many seconds later, however many came
    meanwhile, the next request opens a new one. At the same moment, too, no more than
    `limit` are admitted, and nobody is refused while there is room.
    """
    raise NotImplementedError


# Task 2: a sliding log ----------------------------------------------------------------


def allow_log(client: Valkey, key: str, limit: int, seconds: int) -> bool:
    """Return whether a request is admitted: at most `limit` in any span of `seconds`.

    A fixed window lets twice as many through around its edge; here a span may begin
    anywhere. So remember when each request was admitted, to less than a millisecond, and
    only those: a refused request counts for nothing, even if its client dies half-way, and what
    is older than `seconds` is forgotten. Two requests at the same moment are two.
    """
    raise NotImplementedError


# Task 3: a sliding counter ------------------------------------------------------------


def allow_counter(client: Valkey, key: str, limit: int, seconds: int) -> bool:
    """Return whether a request is admitted, by two counts instead of a log.

    The server's time is divided into windows: number 0 begins at time 0, and each lasts
    `seconds`. Count the requests that were admitted in the present window and in the one
    before. Those before count in part: at the beginning of the present window in full, in
    its middle half, at its end not at all. Admit a request if, with itself, that makes no
    more than `limit`. A refused request counts for nothing, and older windows are forgotten.
    """
    raise NotImplementedError


# Task 4: a token bucket, or GCRA ------------------------------------------------------


def wait_for_token(client: Valkey, key: str, rate: float, burst: int) -> float:
    """Take a token and return 0.0; if there is none, return the seconds until there is.

    A bucket is full at first, with `burst` tokens; from then on `rate` tokens a second
    come in, evenly, also in parts, and what does not fit is lost. The rate may be anything
    from one a day to 100,000 a second. Who finds no token takes none, and owes none.
    A bucket that is full again is like a new one: its key stays until then, but not for
    more than a minute longer than an empty bucket takes to fill. GCRA, which keeps one time
    instead of tokens and a time, is as good.
    """
    raise NotImplementedError


# Task 5: what the client is told ------------------------------------------------------


def allow_and_tell(
    client: Valkey, key: str, name: str, limit: int, seconds: int
) -> tuple[bool, dict[str, str]]:
    """Decide as in task 1, and return the decision and the headers of the HTTP answer.

    For a limit of 100 in 60 s, named "default", of which 50 are left for 29.2 s:

        RateLimit-Policy: "default";q=100;w=60
        RateLimit: "default";r=50;t=30

    (draft-ietf-httpapi-ratelimit-headers). `r` is how many more are admitted after this
    request, 0 or more; `t` in how many seconds the window ends. If refused, and only then,
    `Retry-After: 30` says when to come again. Seconds are whole, and rounded so that
    nobody who waits for them comes too early. All is told of the same moment, and so is
    asked for in one round trip.
    """
    raise NotImplementedError


# Task 6: when the server is down ------------------------------------------------------


def allow_when_down(allow: Callable[[], bool], when_down: str, local: Callable[[], bool]) -> bool:
    """Return what `allow()` says; if the server is not there to ask, decide as was agreed.

    `allow` asks the server through valkey-py. When that cannot connect, loses the
    connection or gets no answer in time, decide by `when_down`: "open" admits, "closed"
    refuses, "local" returns what `local()` says, a limiter of this process. Do not ask the
    server again: it may have counted the request already. Any other error is a fault in a
    program, or what the server answered, and is not hidden; that a password is wrong is an
    answer, though valkey.AuthenticationError is a kind of ConnectionError. Any other `when_down`
    raises ValueError, at once: nobody wants to find a typo on the day when the server is down.
    """
    raise NotImplementedError


# Task 7: review this code -------------------------------------------------------------
# This limiter is in a tutorial, and was copied often. It ought to admit 10, and has been
# seen to admit 50. Find what is wrong, and mend it.


def allow_login(client: Valkey, address: str) -> bool:
    """Admit at most 10 attempts to log in from one address in a minute.

    A minute may be one of the server's clock, or begin with the first attempt.
    """
    window = time.time() / 60
    key = f"login:{address}:{window}"
    attempts = client.incr(key)
    client.expire(key, 60)
    return bool(attempts <= LOGINS)


# Task 8: review this code -------------------------------------------------------------
# So is this one, "a sliding window in four lines". It has more than one fault.


def allow_export(client: Valkey, user_id: str) -> bool:
    """Admit at most 5 exports of one user in any ten minutes; refused ones do not count."""
    now = time.time()
    client.zremrangebyscore(f"exports:{user_id}", 0, now - 600)
    client.zadd(f"exports:{user_id}", {str(now): now})
    return bool(client.zcard(f"exports:{user_id}") <= EXPORTS)
