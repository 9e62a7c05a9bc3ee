"""What exercise 6's tests play with: the policies in plain Python, and a server that evicts."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import valkey
from tests.support.scenes import Scene, nothing

from workshop.clock import virtual_time
from workshop.lab import Lab

PAYLOAD = "x" * 12_000
STEP = 60  # seconds of age: its own clock may tick while a test runs, and must not matter
NOISE = 6 * len(PAYLOAD)  # bytes: the server's own buffers come and go
# Each key is restored as it was, but idle for so much longer: to the server, time has passed.
# Under an LFU policy there is no idle time; where nothing is evicted a full server restores
# nothing, and need not.
AGE = """
for _, key in ipairs(redis.call('KEYS', '*')) do
  local idle, left = redis.pcall('OBJECT', 'IDLETIME', key), redis.call('PTTL', key)
  if type(idle) ~= 'number' then return end
  local dump, when = redis.call('DUMP', key), idle + ARGV[1]
  redis.pcall('RESTORE', key, math.max(left, 0), dump, 'REPLACE', 'IDLETIME', when)
end
"""


class Step(NamedTuple):
    """A call: `set` of a value under a key, or `get` if there is no value."""

    key: str
    value: str | None = None

    def __str__(self) -> str:
        return f"get {self.key}" if self.value is None else f"set {self.key}"


def steps(text: str) -> list[Step]:
    """Return the steps of a text: `+a` sets a, `a` gets it; each value is another one."""
    words = text.split()
    return [
        Step(word[1:], f"{word[1:]}{number}") if word[0] == "+" else Step(word)
        for number, word in enumerate(words, start=1)
    ]


def random_steps(seed: int, length: int, keys: str) -> list[Step]:
    """Return steps drawn by chance, the same for the same seed; then a get of each key."""
    chance = random.Random(seed)  # noqa: S311 - a test's own chance
    drawn = [chance.choice(["+", ""]) + chance.choice(keys) for _ in range(length)]
    return steps(" ".join([*drawn, *keys]))


class Model:
    """What a cache does whose victim is the entry for which `rank(born, used, uses)` is least."""

    def __init__(self, rank: Callable[[int, int, int], Any], capacity: int) -> None:
        self._rank, self._capacity, self._tick = rank, capacity, 0
        self._values: dict[str, str] = {}
        self._notes: dict[str, tuple[int, int, int]] = {}

    def do(self, step: Step) -> str | None:
        """Do a step and return what a get gives."""
        if step.value is not None:
            if step.key not in self._values and len(self._values) == self._capacity:
                victim = min(self._notes, key=lambda key: self._rank(*self._notes[key]))
                del self._values[victim], self._notes[victim]
            self._values[step.key] = step.value
        if step.key in self._values:
            self._tick += 1
            born, _, uses = self._notes.get(step.key, (self._tick, 0, 0))
            self._notes[step.key] = (born, self._tick, uses + 1)
        return None if step.value is not None else self._values.get(step.key)

    def __str__(self) -> str:
        """Name the keys that are there, the one whose last use is longest ago first."""
        return ", ".join(sorted(self._notes, key=lambda key: self._notes[key][1]))


def lru(_born: int, used: int, _uses: int) -> int:
    """Rank by the last use."""
    return used


def mru(_born: int, used: int, _uses: int) -> int:
    """Rank by the last use, the latest first."""
    return -used


def lfu(born: int, _used: int, uses: int) -> tuple[int, int]:
    """Rank by how many uses there were, then by who came first."""
    return uses, born


class Evicting:
    """A lab of a real server that evicts; its clock for the last use can be moved."""

    def __init__(self, lab: Lab) -> None:
        self.server, self._scene = lab.server, Scene(lab, nothing)
        self.client, self.require = self._scene.clients[0], self._scene.require
        # The server looks at all keys before it chooses, not at five; and each use counts, and
        # is not forgotten at the end of a minute: else the tests would depend on chance.
        self.server.config_set("maxmemory-samples", 64, "lfu-log-factor", 0, "lfu-decay-time", 0)
        # What is deleted is free at once: a thread that frees it later would blur what is used.
        for what in ("user-flush", "user-del", "server-del", "eviction", "expire"):
            self.server.config_set(f"lazyfree-lazy-{what}", "no")
        self.server.config_set("rdbcompression", "no")  # of what `age` restores
        self.reset()

    def reset(self) -> None:
        """Empty the server, take every limit away, and let it forget whom it meant to evict."""
        pipe = self.server.pipeline(transaction=False)
        # It keeps candidates by name, with their idle times. Looking for one whom it may evict,
        # it strikes those off that are gone, and one that was just used it finds last.
        pipe.flushall()
        pipe.config_set("maxmemory-policy", "allkeys-lru", "maxmemory", 0)
        pipe.set("last", "x")
        pipe.config_set("maxmemory", 1)
        pipe.ping()
        pipe.config_set("maxmemory-policy", "noeviction", "maxmemory", 0)
        pipe.config_resetstat()
        pipe.flushall()
        pipe.execute()

    def close(self) -> None:
        """Leave the server as it was, and close the client."""
        self.reset()
        self._scene.close()

    def forget(self) -> None:
        """Forget what the client sent so far."""
        self._scene.lab.forget()

    def used(self) -> int:
        """Return how many bytes the server uses."""
        return int(self.server.info("memory")["used_memory"])

    def room_for(self, entries: int) -> int:
        """Return a limit in bytes under which so many more entries of PAYLOAD fit, or 4 fewer or more.

        Nothing is stored yet. What the clients' buffers take comes out of the same memory.
        """
        self.server.config_set("maxmemory", 0)
        for client in (self.client, self.server):  # each has buffers, which grow once
            client.set("probe", PAYLOAD)
            client.get("probe")
            pipe = client.pipeline(transaction=True)
            pipe.get("probe")
            pipe.config_set("maxmemory", 0)
            pipe.execute()
        self.age(0)  # so does what a script needs
        self.server.delete("probe")
        self.used()
        before = self.used()
        self.server.set("probe", PAYLOAD)
        size = self.used() - before
        self.server.delete("probe")
        return before + entries * size + size // 2

    def put(self, key: str, seconds: int | None = None) -> bool:
        """Store a PAYLOAD and return whether the server took it."""
        try:
            self.server.set(key, PAYLOAD, ex=seconds)
        except valkey.OutOfMemoryError:
            return False
        return True

    def are_there(self, keys: Sequence[str]) -> bool:
        """Return whether all keys are there; that is a use of them."""
        return None not in self.server.mget(keys)

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return the keys that are not there; that is no use of the others."""
        return [key for key in keys if not self.server.exists(key)]

    def age(self, seconds: int) -> None:
        """Let time pass for the server, in whole seconds; LFU counts none here."""
        self.server.eval(AGE, 0, seconds)

    @contextmanager
    def time_that_sleeping_moves(self) -> Iterator[None]:
        """Let `time.sleep` take no time, and the server's clock follow it."""
        with virtual_time() as clock:
            passed = 0

            def sleep(seconds: float) -> None:
                nonlocal passed
                clock.advance(seconds)
                before, passed = passed, int(clock.elapsed + 0.001)  # floats may fall a bit short
                if passed > before:
                    self.age(STEP * (passed - before))

            clock.on_sleep = sleep
            yield
