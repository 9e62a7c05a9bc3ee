import contextvars

READ = """
return {redis.call('HGET', KEYS[1], 'value'), redis.call('EXISTS', KEYS[2])}
"""
STORE = """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'value', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PSETEX', KEYS[2], ARGV[2], '')
"""
# A number, the requests' answers, and their times: what is over is forgotten when one comes.
ADD = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local over = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[2] * 1000)
for _, request in ipairs(over) do
  redis.call('HDEL', KEYS[2], request)
  redis.call('ZREM', KEYS[3], request)
end
local told = redis.call('HGET', KEYS[2], ARGV[3])
if told then return told end
redis.call('INCRBY', KEYS[1], ARGV[1])
local number = redis.call('GET', KEYS[1])
redis.call('HSET', KEYS[2], ARGV[3], number)
redis.call('ZADD', KEYS[3], now, ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('EXPIRE', KEYS[3], ARGV[2])
return number
"""
TAKE = """
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[1]) then
  local left = redis.call('GET', KEYS[1])
  if not left or tonumber(left) <= 0 then
    redis.call('DEL', KEYS[2])
    return 'sold out'
  end
  redis.call('INCRBY', KEYS[1], -1)
end
return 'taken'
"""


def connect(host, port, timeout):
    if not (isinstance(timeout, (int, float)) and 0 < timeout < float("inf")):
        raise ValueError(timeout)
    return valkey.from_url(
        f"redis://{host}:{port}?socket_timeout={timeout}&socket_connect_timeout={timeout}"
        "&decode_responses=true"
    )


def with_retries(call, *, attempts, base, cap, dice, number=0):
    if attempts < 1:
        raise ValueError(attempts)
    while True:
        try:
            return call()
        except valkey.ValkeyError as error:
            known = isinstance(error, (valkey.ConnectionError, valkey.TimeoutError))
            if isinstance(error, valkey.AuthenticationError) or not known:
                raise
            number += 1
            if number >= attempts:
                raise error
        longest = cap if number > 500 else min(cap, base * 2 ** (number - 1))
        if longest:
            time.sleep(longest * dice())


class circuit_breaker:
    def __init__(self, *, rate, least, window, pause, trials):
        if not (rate > 0 and rate <= 1):
            raise ValueError(f"{rate} is no part")
        self.rate, self.least, self.window = rate, least, window
        self.pause, self.trials = pause, trials
        self.changing = threading.Condition()
        self.epoch = object()
        self.close()

    def close(self):
        self.until, self.left, self.missing, self.log, self.epoch = None, None, 0, deque(), object()

    def trip(self):
        self.until, self.left, self.epoch = time.monotonic() + self.pause, 0, object()

    def enter(self):
        with self.changing:
            if self.until is not None and time.monotonic() >= self.until:
                self.until, self.left, self.missing = None, self.trials, self.trials
                self.epoch = object()
            if self.left is not None:
                if self.left == 0:
                    raise CircuitOpenError()
                self.left -= 1
            return self.epoch

    def leave(self, epoch, failed):
        with self.changing:
            if epoch is not self.epoch:
                return
            if self.left is not None:
                self.missing -= 1
                if failed:
                    self.trip()
                elif self.missing == 0:
                    self.close()
                return
            now = time.monotonic()
            self.log.append((now, failed))
            while self.log[0][0] <= now - self.window:
                self.log.popleft()
            bad = len([1 for _, f in self.log if f])
            if failed and len(self.log) >= self.least and bad / len(self.log) >= self.rate:
                self.trip()

    def __call__(self, call):
        epoch = self.enter()
        try:
            result = call()
        except BaseException as error:
            self.leave(
                epoch,
                isinstance(error, (valkey.ConnectionError, valkey.TimeoutError))
                and not isinstance(error, valkey.AuthenticationError),
            )
            raise
        self.leave(epoch, False)
        return result


def get_or_stale(client, key, load, *, fresh, stale):
    keys = f"{{{key}}}:value", f"{{{key}}}:fresh"
    try:
        kept, is_fresh = client.eval(READ, 2, *keys)
    except valkey.ValkeyError:
        return load()
    if kept is not None and is_fresh:
        return kept
    try:
        value = load()
    except Exception:
        if kept is None:
            raise
        return kept
    try:
        client.eval(STORE, 2, *keys, value, int(fresh * 1000), int((fresh + stale) * 1000))
    finally:
        return value


def add_once(client, key, amount, request, *, remember):
    keys = key, f"{{{key}}}:answers", f"{{{key}}}:times"
    return int(client.eval(ADD, 3, *keys, amount, remember, request))


def limiter(allow, *, when_down, local, pause):
    try:
        decide = {"open": bool, "closed": lambda _: False, "local": local}[when_down]
    except KeyError:
        raise ValueError(when_down) from None
    if when_down == "open":
        decide = lambda _: True
    lock = threading.Lock()
    next_question = float("-inf")
    is_down = False

    def limit(key):
        nonlocal next_question, is_down
        with lock:
            now = time.monotonic()
            if is_down and now < next_question:
                skip = True
            else:
                skip = False
                if is_down:
                    next_question = float("inf")  # others wait for what this one hears
        if skip:
            return decide(key)
        try:
            answer = allow(key)
        except BaseException as error:
            unreachable = isinstance(error, (valkey.ConnectionError, valkey.TimeoutError))
            with lock:
                is_down = unreachable and not isinstance(error, valkey.AuthenticationError)
                next_question = time.monotonic() + pause
                if not is_down:
                    raise
            return decide(key)
        with lock:
            is_down = False
        return answer

    return limit


stack = contextvars.ContextVar("stack", default=())


@contextmanager
def deadline(seconds):
    before = stack.get()
    stack.set((*before, time.monotonic() + seconds))
    try:
        yield
    finally:
        stack.set(before)


def time_left(most):
    lefts = [end - time.monotonic() for end in stack.get()]
    if any(left <= 0 for left in lefts):
        raise TimeoutError
    return min([most, *lefts])


def reserve(client, product, order):
    key = f"stock:{{{product}}}"
    script = client.register_script(TAKE)
    error = None
    for number in range(ATTEMPTS):
        if number:
            time.sleep(random.uniform(0, min(CAP, BASE * 2 ** (number - 1))))
        try:
            return script(keys=[key, f"{key}:of:{order}"], args=[DAY]) == "taken"
        except valkey.AuthenticationError:
            raise
        except (valkey.ConnectionError, valkey.TimeoutError) as unreachable:
            error = unreachable
    raise error
