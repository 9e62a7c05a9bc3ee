"""The policies of 2023 and 2024, each as its paper tells it: queues that need no move on a hit."""

from collections import OrderedDict

from valkey_redis.simulate.policy import Key, Policy


class SIEVE(Policy):
    """A hand goes from the oldest to the newest: it spares once who was used, and takes the next.

    It stays where it took one, and newcomers are put at the newest end, before the hand; past
    the newest it begins anew with the oldest. If who is at the hand is deleted, the hand goes on
    to the next newer.

    (Y. Zhang and others, SIEVE is simpler than LRU: an efficient turn-key eviction algorithm for
    web caches, NSDI 2024)
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        # Oldest first, and whether each was used: those that the hand will come to in this
        # round, and those that it has passed. The first are never none, if there is anybody.
        self._ahead: OrderedDict[Key, bool] = OrderedDict()
        self._passed: OrderedDict[Key, bool] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ahead) + len(self._passed)

    def __contains__(self, key: Key) -> bool:
        return key in self._ahead or key in self._passed

    def _touch(self, key: Key) -> None:
        (self._ahead if key in self._ahead else self._passed)[key] = True

    def _admit(self, key: Key) -> None:
        self._ahead[key] = False

    def _evict(self) -> Key:
        while True:
            key, used = self._ahead.popitem(last=False)
            if used:
                self._passed[key] = False
            self._turn()
            if not used:
                return key

    def _remove(self, key: Key) -> None:
        del (self._ahead if key in self._ahead else self._passed)[key]
        self._turn()

    def _turn(self) -> None:
        if not self._ahead:  # at once: the next round begins with the oldest, not a newcomer
            self._ahead, self._passed = self._passed, self._ahead


class S3FIFO(Policy):
    """A small queue for newcomers, a main one for who proved itself, and ghosts of who did not.

    The small queue has a tenth of the capacity, and at least one; who leaves it goes to the
    main one if it was used twice or more, and else is evicted and remembered as a ghost, of
    which there are nine tenths of the capacity. Who comes back while it is a ghost enters the
    main queue. That one spares who was used, up to three times. The main queue has to give when
    it has more than its share, or the small one is empty. Until the first eviction, the main
    queue takes the newcomers for which the small one has no room.

    A deleted key leaves no ghost, and to delete a ghost's key does nothing.

    (J. Yang and others, FIFO queues are all you need for cache eviction, SOSP 2023)
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        # Oldest first, and how often each was used, 3 at most.
        self._small: OrderedDict[Key, int] = OrderedDict()
        self._main: OrderedDict[Key, int] = OrderedDict()
        self._ghosts: OrderedDict[Key, None] = OrderedDict()
        self._has_evicted = False

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def __contains__(self, key: Key) -> bool:
        return key in self._small or key in self._main

    @property
    def _small_size(self) -> int:
        return max(1, self.capacity // 10)

    def _touch(self, key: Key) -> None:
        queue = self._small if key in self._small else self._main
        queue[key] = min(queue[key] + 1, 3)

    def _admit(self, key: Key) -> None:
        returns = key in self._ghosts
        overflows = not self._has_evicted and len(self._small) >= self._small_size
        (self._main if returns or overflows else self._small)[key] = 0
        self._ghosts.pop(key, None)
        while len(self._ghosts) > self.capacity * 9 // 10:
            self._ghosts.popitem(last=False)

    def _evict(self) -> Key:
        self._has_evicted = True
        if len(self._main) <= self.capacity - self._small_size:
            while self._small:
                key, uses = self._small.popitem(last=False)
                if uses < 2:  # noqa: PLR2004 - see the class
                    self._ghosts[key] = None
                    return key
                self._main[key] = 0
        while True:
            key, uses = self._main.popitem(last=False)
            if not uses:
                return key
            self._main[key] = uses - 1

    def _remove(self, key: Key) -> None:
        del (self._small if key in self._small else self._main)[key]
