"""Commands belong to a few families."""

import pytest

from valkey_redis.families import FAMILIES, family


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("GET",), "string"),
        (("MGET",), "string"),
        (("HSETEX",), "hash"),
        (("BLMOVE",), "list"),
        (("SADD",), "set"),
        (("ZPOPMIN",), "sorted_set"),
        (("GEOADD",), "sorted_set"),
        (("XADD",), "stream"),
        (("UNLINK",), "key"),
        (("EVALSHA",), "script"),
        (("EVALSHA", "limit_gcra"), "script"),
        (("PUBLISH",), "pubsub"),
        (("PING",), "server"),
        (("PIPELINE", None, 7), "pipeline"),
        (("GET", None, 2), "pipeline"),
        (("EVALSHA", "lock", 2), "pipeline"),
        (("get",), "string"),
        (("SCRIPT LOAD",), "script"),
        (("JSON.GET",), "other"),
        (("customer:42",), "other"),
        (("",), "other"),
    ],
)
def test_a_command_has_its_family(told: tuple[str], expected: str) -> None:
    """Also in small letters, of two words, and of several together; a made-up one is "other"."""
    assert family(*told) == expected


def test_the_families_are_few() -> None:
    """They are a metric's label: each has a histogram."""
    assert len(FAMILIES) == len(set(FAMILIES)) == 12
