"""Exercise 4: rate limiting. One good solution; others pass too."""

import math
import uuid
from collections.abc import Callable

from valkey import AuthenticationError, Valkey
from valkey import ConnectionError as NoConnectionError
from valkey import TimeoutError as NoAnswerError

# KEYS: a sorted set of admitted requests by time. ARGV: limit, seconds, a name for this one.
LOG = """
local time = redis.call('TIME')
local now, span = time[1] * 1000000 + time[2], ARGV[2] * 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - span)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
# KEYS: a hash of the last window's number and two counts. ARGV: limit, seconds.
COUNTER = """
local time = redis.call('TIME')
local windows = (time[1] + time[2] / 1000000) / ARGV[2]
local number = math.floor(windows)
local kept = redis.call('HMGET', KEYS[1], 'number', 'count', 'before')
local last, count, before = tonumber(kept[1]) or -9, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if last == number - 1 then count, before = 0, count end
if last < number - 1 then count, before = 0, 0 end
if before * (1 - (windows - number)) + count + 1 > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'number', number, 'count', count + 1, 'before', before)
redis.call('EXPIRE', KEYS[1], 2 * ARGV[2])
return 1
"""
# KEYS: a hash of tokens and the time of that count, in microseconds. ARGV: rate, burst.
# Returns the seconds to wait, as text: of a number only the whole part would come back.
BUCKET = """
local time = redis.call('TIME')
local now, rate, burst = time[1] * 1000000 + time[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local kept, tokens = redis.call('HMGET', KEYS[1], 'tokens', 'time'), burst
if kept[1] then
  tokens = math.min(burst, kept[1] + math.max(now - kept[2], 0) * rate / 1000000)
end
if tokens < 1 then return string.format('%.6f', math.ceil((1 - tokens) / rate * 1000000) / 1000000) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.17g', tokens - 1), 'time', now)
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens + 1) / rate * 1000))
return '0'
"""
LOGINS, EXPORTS = 10, 5
MINUTE, TEN_MINUTES = 60, 600  # seconds


def allow_fixed(client: Valkey, key: str, limit: int, seconds: int) -> bool:
    """Admit at most `limit` in a window that the first request opens."""
    # One transaction, and NX: the counter has its expiry from the start, and keeps it.
    pipe = client.pipeline(transaction=True)
    pipe.set(f"fixed:{key}", 0, ex=seconds, nx=True)
    pipe.incr(f"fixed:{key}")
    return bool(pipe.execute()[1] <= limit)


def allow_log(client: Valkey, key: str, limit: int, seconds: int) -> bool:
    """Admit at most `limit` in any span of `seconds`."""
    return bool(client.eval(LOG, 1, f"log:{key}", limit, seconds, uuid.uuid4().hex))


def allow_counter(client: Valkey, key: str, limit: int, seconds: int) -> bool:
    """Admit by the counts of two windows."""
    return bool(client.eval(COUNTER, 1, f"counter:{key}", limit, seconds))


def wait_for_token(client: Valkey, key: str, rate: float, burst: int) -> float:
    """Take a token, or return the seconds until there is one."""
    return float(client.eval(BUCKET, 1, f"bucket:{key}", rate, burst))


def allow_and_tell(
    client: Valkey, key: str, name: str, limit: int, seconds: int
) -> tuple[bool, dict[str, str]]:
    """Decide as in task 1, and say what the client may expect."""
    pipe = client.pipeline(transaction=True)
    pipe.set(f"fixed:{key}", 0, ex=seconds, nx=True)
    pipe.incr(f"fixed:{key}")
    pipe.pttl(f"fixed:{key}")
    _, count, left = pipe.execute()
    reset = math.ceil(left / 1000)
    headers = {
        "RateLimit-Policy": f'"{name}";q={limit};w={seconds}',
        "RateLimit": f'"{name}";r={max(limit - count, 0)};t={reset}',
    }
    if count > limit:
        headers["Retry-After"] = str(reset)
    return count <= limit, headers


def allow_when_down(allow: Callable[[], bool], when_down: str, local: Callable[[], bool]) -> bool:
    """Ask the server, and without it decide as was agreed."""
    fallbacks = {"open": lambda: True, "closed": lambda: False, "local": local}
    if when_down not in fallbacks:
        raise ValueError(f"when_down: {when_down!r}; takes {', '.join(fallbacks)}")
    try:
        return allow()
    except AuthenticationError:  # a kind of ConnectionError, and yet what the server answers
        raise
    except (NoConnectionError, NoAnswerError):
        return fallbacks[when_down]()


def allow_login(client: Valkey, address: str) -> bool:
    """Admit at most 10 attempts to log in from one address in a minute."""
    # The faults: `/` gives a new window, and a new key, at each moment (`//` would not); the
    # clock is each client's own; and a client that dies before EXPIRE leaves its key for ever.
    # return allow_fixed(client, f"login:{address}", LOGINS, MINUTE) will do.
    pipe = client.pipeline(transaction=True)
    pipe.set(f"login:{address}", 0, ex=MINUTE, nx=True)
    pipe.incr(f"login:{address}")
    return bool(pipe.execute()[1] <= LOGINS)


def allow_export(client: Valkey, user_id: str) -> bool:
    """Admit at most 5 exports of one user in any ten minutes."""
    # The faults: a refused export is counted, so that who comes again and again never gets in;
    # the key never expires; two at one moment are one member; the clock is the client's; and
    # between any two of the four commands others come.
    # return allow_log(client, f"exports:{user_id}", EXPORTS, TEN_MINUTES) will do.
    key, name = f"exports:{user_id}", uuid.uuid4().hex
    return bool(client.eval(LOG, 1, key, EXPORTS, TEN_MINUTES, name))
