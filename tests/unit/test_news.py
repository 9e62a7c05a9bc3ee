"""What is logged as a warning, and what only for debugging."""

import logging

import pytest

from valkey_redis.news import SILENCE, News
from workshop.clock import virtual_time


def test_a_warning_is_given_once_a_minute_for_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal of each call would fill the log; another kind of error is news."""
    news = News("valkey_redis.test")
    with virtual_time() as clock:
        for _ in range(3):
            news.warn("a", "%s", "away")
        news.warn("b", "%s", "refused")
        clock.advance(SILENCE - 1)
        news.warn("a", "%s", "away")
        clock.advance(1)
        news.warn("a", "%s", "away again")
    given = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert given == ["away", "refused", "away again"]
