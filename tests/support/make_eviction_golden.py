"""Make tests/data/eviction_golden.json: the hits that libcachesim counts on our workloads.

libcachesim 0.3.5 (GPL-3, so it is in no lock of ours; by 1a1a11a on GitHub) is
needed to make the file, and not to run the tests:

    .venv/bin/python -m uv pip install --target /tmp/libcachesim libcachesim==0.3.5
    PYTHONPATH=/tmp/libcachesim .venv/bin/python -m tests.support.make_eviction_golden
"""

import json
from pathlib import Path
from zlib import crc32

import libcachesim

from valkey_redis.simulate import WORKLOADS

GOLDEN = Path("tests/data/eviction_golden.json")
REQUESTS, SEED = 20_000, 42
CAPACITIES = (20, 100, 1_000)  # below 20, its S3-FIFO has a small queue for none or one
THEIRS = {  # by our name
    "FIFO": libcachesim.FIFO,
    "LRU": libcachesim.LRU,
    "LFU": libcachesim.LFU,
    "SIEVE": libcachesim.Sieve,
    "S3-FIFO": libcachesim.S3FIFO,
    "OPT": libcachesim.Belady,
}
NEVER = 2**62  # a request's time that does not come


def hits(name: str, trace: list[int], capacity: int) -> int:
    """Return the hits of libcachesim's policy."""
    cache = THEIRS[name](cache_size=capacity)
    later: dict[int, int] = {}
    uses = [NEVER] * len(trace)  # Belady's is told for each request when the next is
    for now in reversed(range(len(trace))):
        uses[now] = later.get(trace[now], NEVER)
        later[trace[now]] = now
    count = 0
    for key, use in zip(trace, uses, strict=True):
        request = libcachesim.Request()
        request.obj_id, request.obj_size, request.next_access_vtime = key + 1, 1, use
        count += cache.get(request)
    return count


def main() -> None:
    """Write the file."""
    traces = {name: make(REQUESTS, SEED) for name, make in WORKLOADS.items()}
    golden = {
        "source": f"libcachesim {libcachesim.__version__}",
        "requests": REQUESTS,
        "seed": SEED,
        "crc32": {name: crc32(repr(trace).encode()) for name, trace in traces.items()},
        "hits": {
            workload: {
                name: {capacity: hits(name, trace, capacity) for capacity in CAPACITIES}
                for name in THEIRS
            }
            for workload, trace in traces.items()
        },
    }
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
