"""Example 7: what goes on while something is away: a supplier, and then the server itself."""

import logging
import sys
import time

import valkey_redis as vr
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.examples._demo import demo_client

NAMESPACE = "example7"
AWAY = (ConnectionError, vr.CircuitOpenError)  # the supplier, and the breaker before it


def supplier_away(client: vr.ValkeyClient) -> None:
    """Ask a supplier that fails twice, which a retry bears, and then for good, which it does not."""
    answers: list[int | ConnectionError] = [ConnectionError(), ConnectionError(), 1999]
    breaker = vr.CircuitBreaker("supplier", min_calls=3, open_for=60)
    breaker.listen(lambda name, state: print(f"the {name}'s breaker is {state}"))

    @vr.fallback(stale=60, default="unknown", on=AWAY)
    @breaker
    @vr.retry(attempts=2, base=0.001, on=(ConnectionError,))
    def price(name: str) -> int:
        client.incr(f"{NAMESPACE}:asked", ex=60)
        answer = answers.pop(0) if answers else ConnectionError(name)
        if isinstance(answer, int):
            return answer
        raise answer

    told = [price(name) for name in ("lamp", "pen") * 50]
    print(f"lamp {told[0]}, later {told[-2]}; pen {told[-1]}", end="; ")
    print(f"told {len(told)} times, asked {client.get(f'{NAMESPACE}:asked')} times")


def in_time(client: vr.ValkeyClient) -> None:
    """Spend no more than was given: an inner block only takes away."""
    with vr.deadline(0.05), vr.deadline(10):
        print(f"10 s were asked for, less than one is given: {(vr.remaining() or 0) < 1}", end="; ")
        try:
            while True:
                client.get(f"{NAMESPACE}:asked")
        except vr.DeadlineExceededError as error:
            print(f"{error}; left: {vr.remaining()} s")


def server_away(server: EmbeddedServer, client: vr.ValkeyClient) -> None:
    """Pause the server and kill it under a cache and two limiters; then bring it back."""
    cache, two = vr.Cache(client, namespace=NAMESPACE, ttl=60), vr.GCRA(2, 60)
    search, login = (vr.RateLimiter(client, two, on_outage=way) for way in ("local", "closed"))
    for name, act in (("paused", server.pause), ("killed", server.kill)):
        cache.set("front page", "from the cache")
        act()
        for number in ("first", "second"):
            began = time.perf_counter()
            answer = cache.get_or_set("front page", lambda: "from the database")
            print(f"{name}, {number} read: {answer}, {time.perf_counter() - began:.1f} s")
        print(f"{name}: search {bool(search.hit('ada'))}, log in {bool(login.hit('ada'))}")
        (server.resume if server.is_running else server.start)()
        while not client.breakers.are_closed:
            time.sleep(0.01)
    print(f"back: {cache.get_or_set('front page', lambda: 'from the database, once more')}")
    cache.close()


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, format="  (log: %(message)s)", level=logging.INFO)
    with demo_client() as yours:
        supplier_away(yours)
        in_time(yours)
        yours.delete(*yours.scan(f"{NAMESPACE}*"))
    try:
        with EmbeddedServer() as own:  # yours is left in peace
            config = vr.ValkeyConfig(url=own.url, timeout=0.3)
            with vr.ValkeyClient(config) as client:
                server_away(own, client)
    except vr.EmbeddedServerError as error:
        print(f"no outage to show: {error}")
