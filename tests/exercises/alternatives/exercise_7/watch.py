import contextvars
import json

from valkey import ConnectionPool, WatchError


def connect(host, port, timeout):
    if not timeout > 0:
        raise ValueError("a timeout is above 0")
    pool = ConnectionPool.from_url(
        f"valkey://{host}:{port}/0",
        socket_timeout=timeout,
        decode_responses=True,
    )
    return Valkey(connection_pool=pool)


def with_retries(call, *, attempts, base, cap, dice):
    if attempts < 1:
        raise ValueError(attempts)
    longest = base
    while True:
        attempts -= 1
        try:
            return call()
        except (valkey.ConnectionError, valkey.TimeoutError) as error:
            if attempts == 0 or isinstance(error, valkey.AuthenticationError):
                raise
        time.sleep(min(cap, longest) * dice())
        longest = min(2 * longest, cap)


def circuit_breaker(*, rate, least, window, pause, trials):
    if rate <= 0 or rate > 1 or rate != rate:
        raise ValueError("rate is a part")
    lock = threading.RLock()
    good, bad = [], []
    places = []  # of trials; None of them while closed
    state = {"name": "closed", "since": None, "number": 0}

    def change(name):
        state.update(name=name, since=time.monotonic(), number=state["number"] + 1)
        good.clear()
        bad.clear()
        places.clear()

    def breaker(call):
        with lock:
            if state["name"] == "open" and time.monotonic() >= state["since"] + pause:
                change("half-open")
            if state["name"] == "open" or len(places) == trials:
                raise CircuitOpenError("open")
            if state["name"] == "half-open":
                places.append(call)
            mine = state["number"]
        worked = True
        try:
            return call()
        except (valkey.ConnectionError, valkey.TimeoutError) as error:
            worked = isinstance(error, valkey.AuthenticationError)
            raise
        finally:
            with lock:
                if mine == state["number"]:
                    now = time.monotonic()
                    (good if worked else bad).append(now)
                    if state["name"] == "half-open":
                        if not worked:
                            change("open")
                        elif len(good) == trials:
                            change("closed")
                    elif not worked:
                        all_good = sum(t > now - window for t in good)
                        all_bad = sum(t > now - window for t in bad)
                        total = all_good + all_bad
                        if total >= least and all_bad >= rate * total:
                            change("open")

    return breaker


def get_or_stale(client, key, load, *, fresh, stale):
    old, works = None, True
    try:
        found = client.get(f"cache:{key}")
        if found is not None:
            old = json.loads(found)
    except valkey.ValkeyError:
        works = False
    if old is not None and time.time() < old["at"] + fresh:
        return old["value"]
    try:
        new = load()
    except Exception:
        if old is not None:
            return old["value"]
        raise
    if not works:
        return new
    try:
        kept = json.dumps({"at": time.time(), "value": new})
        client.psetex(f"cache:{key}", int((fresh + stale) * 1000), kept)
    except valkey.ValkeyError:
        return new
    return new


def add_once(client, key, amount, request, *, remember):
    mark = f"{{{key}}}/{request}"
    with client.pipeline() as pipe:
        while True:
            try:
                pipe.watch(mark, key)
                told = pipe.get(mark)
                if told is not None:
                    return int(told)
                number = int(pipe.get(key) or 0) + amount
                pipe.multi()
                pipe.incrby(key, amount)
                pipe.setex(mark, remember, number)
                return pipe.execute()[0]
            except WatchError:
                continue
            except ValueError:
                raise valkey.ResponseError("not a number") from None


class limiter:
    def __init__(self, allow, *, when_down, local, pause):
        if when_down == "open":
            self.decide = lambda key: True
        elif when_down == "closed":
            self.decide = lambda key: False
        elif when_down == "local":
            self.decide = local
        else:
            raise ValueError(f"unknown: {when_down}")
        self.allow, self.pause = allow, pause
        self.until = None
        self.asking = threading.Lock()

    def __call__(self, key):
        if self.until is None:
            return self.ask(key)
        if not self.asking.acquire(blocking=False):
            return self.decide(key)
        try:
            if self.until is not None and time.monotonic() < self.until:
                return self.decide(key)
            return self.ask(key)
        finally:
            self.asking.release()

    def ask(self, key):
        until = None
        try:
            return self.allow(key)
        except (valkey.ConnectionError, valkey.TimeoutError) as error:
            if isinstance(error, valkey.AuthenticationError):
                raise
            until = time.monotonic() + self.pause
        finally:
            self.until = until
        return self.decide(key)


ends = contextvars.ContextVar("ends")


class deadline:
    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        own = time.monotonic() + self.seconds
        self.token = ends.set(min(own, ends.get(own)))

    def __exit__(self, kind, error, trace):
        ends.reset(self.token)


def time_left(most):
    left = ends.get(float("inf")) - time.monotonic()
    if left > 0:
        return min(left, most)
    raise TimeoutError(f"{left} s are left")


def reserve(client, product, order):
    stock = "stock:{" + product + "}"
    mark = stock + "/" + order

    def attempt():
        with client.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(stock, mark)
                    if pipe.exists(mark):
                        return True
                    if int(pipe.get(stock) or 0) <= 0:
                        return False
                    pipe.multi()
                    pipe.decr(stock)
                    pipe.set(mark, "1", ex=DAY)
                    pipe.execute()
                    return True
                except WatchError:
                    continue

    for number in range(ATTEMPTS):
        try:
            return attempt()
        except (valkey.ConnectionError, valkey.TimeoutError) as error:
            if isinstance(error, valkey.AuthenticationError) or number + 1 == ATTEMPTS:
                raise
        time.sleep(random.random() * min(CAP, BASE * 2**number))
