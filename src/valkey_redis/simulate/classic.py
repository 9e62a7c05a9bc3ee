"""The classic policies, each as its textbook tells it: queues, frequencies, and chance."""

import math
import random
from collections import OrderedDict
from heapq import heappop, heappush

from valkey_redis.errors import InvalidArgumentError
from valkey_redis.simulate.policy import Key, Policy


class _Queue(Policy):
    """One queue, by insertion or by last use; the oldest goes, or the newest."""

    _by_use = _newest_goes = False

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._queue: OrderedDict[Key, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._queue)

    def __contains__(self, key: Key) -> bool:
        return key in self._queue

    def _touch(self, key: Key) -> None:
        if self._by_use:
            self._queue.move_to_end(key)

    def _admit(self, key: Key) -> None:
        self._queue[key] = None

    def _evict(self) -> Key:
        return self._queue.popitem(last=self._newest_goes)[0]

    def _remove(self, key: Key) -> None:
        del self._queue[key]


class FIFO(_Queue):
    """First in, first out: a touch changes nothing, so to write a key again keeps its place."""


class LIFO(_Queue):
    """Last in, first out: a touch changes nothing, so to write a key again keeps its place."""

    _newest_goes = True


class LRU(_Queue):
    """The least recently used goes."""

    _by_use = True


class MRU(_Queue):
    """The most recently used goes."""

    _by_use = _newest_goes = True


class Random(Policy):
    """Any goes, all alike: the baseline. The same `seed` chooses the same ones."""

    def __init__(self, capacity: int, seed: int = 42) -> None:
        super().__init__(capacity)
        self._dice = random.Random(seed)  # noqa: S311 - a simulation, no secret
        self._keys: list[Key] = []
        self._places: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def _touch(self, key: Key) -> None:
        pass

    def _admit(self, key: Key) -> None:
        self._places[key] = len(self._keys)
        self._keys.append(key)

    def _evict(self) -> Key:
        victim = self._dice.choice(self._keys)
        self._remove(victim)
        return victim

    def _remove(self, key: Key) -> None:
        place, last = self._places.pop(key), self._keys.pop()
        if last != key:  # the last one fills the gap
            self._keys[place], self._places[last] = last, place


class LFU(Policy):
    """The least frequently used since it came goes; of several, the one that came first."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._tick = 0  # one for each touch and each newcomer; a miss is none
        self._ranks: dict[Key, tuple[float, int]] = {}  # its weight, and when it came
        # Who came, with a rank that it had once: no more than it has now, as ranks only grow.
        self._heap: list[tuple[tuple[float, int], Key]] = []

    def __len__(self) -> int:
        return len(self._ranks)

    def __contains__(self, key: Key) -> bool:
        return key in self._ranks

    def _touch(self, key: Key) -> None:
        self._tick += 1
        weight, came = self._ranks[key]
        self._ranks[key] = (self._grown(weight), came)

    def _admit(self, key: Key) -> None:
        self._tick += 1
        self._ranks[key] = (self._grown(-math.inf), self._tick)
        heappush(self._heap, (self._ranks[key], key))

    def _evict(self) -> Key:
        while True:
            rank, key = heappop(self._heap)
            now = self._ranks.get(key)
            if now == rank:
                del self._ranks[key]
                return key
            if now is not None:
                heappush(self._heap, (now, key))

    def _remove(self, key: Key) -> None:
        del self._ranks[key]

    def _grown(self, weight: float) -> float:
        """Return the weight after one more use, now; -inf is the weight of who was never used."""
        return max(weight, 0) + 1


class AgedLFU(LFU):
    """LFU that forgets: a use counts half as much after `half_life` further uses of any key.

    The old are not made lighter, the new are made heavier: the use at tick t adds
    2^(t / half_life), and the smallest sum goes. What is kept is the sum's log2, which does not
    overflow. The ticks are LFU's: one for each hit and each write, none for a miss. Raises
    InvalidArgumentError unless the half-life is a number above 0.

    (G. Cormode and others, Forward decay: a practical time decay model for streaming systems,
    ICDE 2009)
    """

    def __init__(self, capacity: int, half_life: float) -> None:
        super().__init__(capacity)
        is_number = isinstance(half_life, (int, float)) and not isinstance(half_life, bool)
        if not is_number or not 0 < half_life < math.inf:
            raise InvalidArgumentError(f"half_life={half_life!r:.40}: takes uses, more than 0")
        self.half_life = half_life

    def _grown(self, weight: float) -> float:
        use = self._tick / self.half_life
        high, low = max(weight, use), min(weight, use)
        # log2(2^high + 2^low), in the functions that Lua 5.1 has too, so that both round alike.
        return high + math.log(1 + 2 ** (low - high)) / math.log(2)
