"""What each eviction policy would do with a list of keys: plain Python, no server.

The references that the caches on the server are tested against, with the ceiling that no policy
gets above, workloads to compare them on, and a recommendation for a list of your own.
"""

from valkey_redis.simulate.advice import recommend
from valkey_redis.simulate.bounds import che, optimal
from valkey_redis.simulate.classic import FIFO, LFU, LIFO, LRU, MRU, AgedLFU, Random
from valkey_redis.simulate.comparing import POLICIES, curve, hit_ratio
from valkey_redis.simulate.modern import S3FIFO, SIEVE
from valkey_redis.simulate.policy import Policy
from valkey_redis.simulate.workloads import WORKLOADS

__all__ = [
    "FIFO",
    "LFU",
    "LIFO",
    "LRU",
    "MRU",
    "POLICIES",
    "S3FIFO",
    "SIEVE",
    "WORKLOADS",
    "AgedLFU",
    "Policy",
    "Random",
    "che",
    "curve",
    "hit_ratio",
    "optimal",
    "recommend",
]
