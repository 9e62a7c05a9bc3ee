"""Classes instead of closures, and what else the server and the driver offer."""

import bisect
import itertools
import operator


def sample(client):
    info = client.info("stats") | client.info("server")
    return {
        "start": info["run_id"],
        "counts": [info["keyspace_hits"], info["keyspace_misses"]],
    }


def hit_ratio(before, after):
    began_again = (
        before["start"] != after["start"]
        or min(map(operator.sub, after["counts"], before["counts"])) < 0
    )
    hits, misses = (
        after["counts"] if began_again else map(operator.sub, after["counts"], before["counts"])
    )
    with suppress(ZeroDivisionError):
        return hits / (hits + misses)


class Measured:
    def __init__(self, get, cache, metrics):
        self.get, self.cache, self.metrics = get, cache, metrics

    def __call__(self, client, key):
        begun, outcome = time.monotonic(), ()
        try:
            value = self.get(client, key)
            outcome = ("misses", self.cache) if value is None else ("hits", self.cache)
        except BaseException as error:
            outcome = ("errors", self.cache, error.__class__.__name__)
            raise
        finally:
            seconds = time.monotonic() - begun
            first = bisect.bisect_left(BOUNDS, seconds)
            for series in (outcome, *(("bucket", self.cache, bound) for bound in BOUNDS[first:])):
                self.metrics.setdefault(series, 0)
                self.metrics[series] += 1
            self.metrics["seconds", self.cache] = (
                self.metrics.get(("seconds", self.cache), 0.0) + seconds
            )
        return value


def measured(get, cache, metrics):
    return Measured(get, cache, metrics)


def quantile(metrics, caches, part):
    if not (part > 0 and part <= 1):
        raise ValueError("part")
    totals = Counter()
    for series, number in metrics.items():
        if series[0] == "bucket" and series[1] in caches:
            totals[series[2]] += number
    if not totals:
        return None
    return min(bound for bound, number in totals.items() if number >= part * totals[math.inf])


def slowest(client, work, *, at_least, most):
    name = "commandlog-execution-slower-than"
    before = client.config_get(name)[name]
    client.config_set(name, at_least)
    seen = {entry[0] for entry in client.execute_command("COMMANDLOG", "GET", -1, "slow")}
    try:
        work()
    finally:
        client.config_set(name, before)
    entries = client.execute_command("COMMANDLOG", "GET", -1, "slow")
    found = [(entry[3][0].upper(), entry[2]) for entry in entries if entry[0] not in seen]
    found = [one for one in found if one[0] not in OWN]
    return sorted(found, key=operator.itemgetter(1), reverse=True)[:most]


SIZES = """
local page = redis.call('SCAN', ARGV[1], 'COUNT', 100)
local found = {}
for _, key in ipairs(page[2]) do
  local size = redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 10)
  if size then found[#found + 1] = key; found[#found + 1] = size end
end
return {page[1], found}
"""


def big_keys(client, most):
    sizes, cursor = {}, "0"
    while True:
        cursor, found = client.eval(SIZES, 0, cursor)
        sizes |= zip(found[::2], found[1::2])
        if int(cursor) == 0:
            return sorted(sizes.items(), key=operator.itemgetter(1), reverse=True)[:most]


def hot_keys(client, most):
    counts, batch = {}, []

    def ask():
        with client.pipeline(transaction=False) as pipe:
            for key in batch:
                pipe.object("freq", key)
            counts.update(zip(batch, pipe.execute()))
        batch.clear()

    if "lfu" not in client.info("memory")["maxmemory_policy"]:
        return None
    for key in client.scan_iter(count=50):
        batch.append(key)
        if len(batch) == 100:
            ask()
    ask()
    known = Counter({key: count for key, count in counts.items() if count is not None})
    return known.most_common(most)


def watch_reads(client, work, most):
    keys = []
    mark = f"end:{time.perf_counter()}"
    monitor = client.monitor()
    monitor.__enter__()
    try:
        work()
        client.exists(mark)
        while mark not in (seen := monitor.next_command())["command"]:
            verb, _, rest = seen["command"].partition(" ")
            if verb.upper() in READS:
                keys.append(rest.split(" ")[0])
    finally:
        monitor.__exit__(None, None, None)
    return Counter(keys).most_common(most)


def check_health(connect, seconds):
    until, answered = time.monotonic() + seconds, False
    try:
        connect(until - time.monotonic()).ping()
        answered = True
        left = until - time.monotonic()
        if left <= 0:
            return "live"
        with connect(left).pipeline(transaction=False) as pipe:
            pipe.execute_command("ROLE")
            pipe.info("memory")
            pipe.info("persistence")
            role, memory, disk = pipe.execute()
    except valkey.BusyLoadingError:
        return "live"
    except (valkey.ConnectionError, valkey.TimeoutError):
        return "live" if answered else "down"
    except valkey.ValkeyError:
        return "live"
    if disk["loading"] == 1 or role[0] == "slave":
        return "live"
    limit = memory["maxmemory"]
    if limit and memory["used_memory"] > limit and memory["maxmemory_policy"] == "noeviction":
        return "live"
    return "ready"


class Block:
    current = ContextVar("block", default=None)
    numbers = itertools.count(1)

    def __init__(self, name, export):
        self.name, self.export = name, export

    def __enter__(self):
        self.id = str(next(self.numbers))
        self.parent = self.current.get()
        self.current.set(self)
        self.begun = time.monotonic()

    def __exit__(self, kind, error, trace):
        self.current.set(self.parent)
        parent = self.parent.id if self.parent else None
        seconds = time.monotonic() - self.begun
        try:
            self.export(Span(self.id, parent, self.name, seconds, kind and kind.__name__))
        except Exception:
            pass


def span(name, export):
    return Block(name, export)


def trace(client, export):
    plain = type(client)

    class Traced(plain):
        def execute_command(self, *words, **options):
            with Block(words[0].partition(" ")[0].upper(), export):
                return super().execute_command(*words, **options)

    client.__class__ = Traced
