"""Do something every so many seconds while something else is going on: one thread for all."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watchdog:
    """A thread that is started with the first task, and then waits for the next that is due."""

    def __init__(self) -> None:
        self._tasks: list[tuple[float, int, float, Callable[[], object], threading.Event]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def every(self, seconds: float, action: Callable[[], object]) -> Iterator[None]:
        """Call `action` every `seconds` for as long as the block lasts, in the watchdog's thread."""
        over = threading.Event()
        with self._changed:
            self._push(seconds, action, over)
            # A forked child has the object, and not the thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="valkey_redis watchdog", daemon=True
                )
                self._thread.start()
            if self._tasks[0][4] is over:
                self._changed.notify()  # else it wakes for another before this one is due
        try:
            yield
        finally:
            over.set()

    def _push(self, seconds: float, action: Callable[[], object], over: threading.Event) -> None:
        due = time.monotonic() + seconds
        heapq.heappush(self._tasks, (due, next(self._numbers), seconds, action, over))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._tasks or self._tasks[0][0] > time.monotonic():
                    self._changed.wait(
                        self._tasks[0][0] - time.monotonic() if self._tasks else None
                    )
                _, _, seconds, action, over = heapq.heappop(self._tasks)
            if not over.is_set():
                action()
                with self._changed:
                    self._push(seconds, action, over)


WATCHDOG = Watchdog()
