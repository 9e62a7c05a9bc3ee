"""Log what is news: a warning of one kind given again and again would fill the log."""

import logging
import time

SILENCE = 60.0  # seconds until a warning of one kind is given again


class News:
    """Warnings to one logger; one of the same kind within SILENCE seconds is for debugging only."""

    def __init__(self, logger: str) -> None:
        self._log = logging.getLogger(logger)
        self._silent_until: dict[str, float] = {}

    def warn(self, kind: str, text: str, *args: object) -> None:
        """Log a warning of a kind, of which there must be few."""
        now = time.monotonic()
        is_news = now >= self._silent_until.get(kind, now)
        if is_news:
            self._silent_until[kind] = now + SILENCE
        self._log.log(logging.WARNING if is_news else logging.DEBUG, text, *args)
