"""Example 5: a lock that is a lease, a queue without polling, and the fence that saves the data."""

import tempfile
import threading
import time
from pathlib import Path

from valkey_redis import Lock, LockLostError, ValkeyClient
from valkey_redis.examples._demo import demo_client
from valkey_redis.examples._ledger import Ledger

NAMESPACE = "example5"


def lock_of(client: ValkeyClient, timeout: float = 10.0, *, auto_renew: bool = False) -> Lock:
    """Return the lock that everybody here wants."""
    return Lock(client, "stock", timeout, namespace=NAMESPACE, auto_renew=auto_renew)


def one_at_a_time(client: ValkeyClient) -> None:
    """Let 8 threads change what only one may change at a time."""
    stock = {"lamps": 0}

    def deliver() -> None:
        for _ in range(5):
            with lock_of(client):
                before = stock["lamps"]
                time.sleep(0.001)  # somebody else could come in here
                stock["lamps"] = before + 1

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"8 threads delivered 5 lamps each, one at a time: {stock['lamps']}")


def hand_over(client: ValkeyClient) -> None:
    """Release to one who waits: it is called, and asks nothing meanwhile."""
    got = []

    def wait() -> None:
        with lock_of(client):
            got.append(time.perf_counter())

    with lock_of(client) as acquisition:
        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(0.2)
        released = time.perf_counter()
        acquisition.release()
    waiter.join()
    print(f"handed over in {(got[0] - released) * 1000:.1f} ms; with polling it is 50 on average")


def long_work(client: ValkeyClient) -> None:
    """Work for longer than the lease, which is renewed meanwhile."""
    with lock_of(client, 0.3, auto_renew=True) as acquisition:
        time.sleep(0.5)
        print(f"after 0.5 s under a lease of 0.3 s, lost: {acquisition.lost}")


def too_late(client: ValkeyClient, ledger: Ledger) -> None:
    """Sleep through the end of the lease: the ledger refuses what comes after it."""
    try:
        with lock_of(client, 0.05) as slow:
            time.sleep(0.1)
            with lock_of(client) as quick:
                ledger.write("lamps", "41, counted by the quick one", quick.fence)
            is_written = ledger.write("lamps", "40, counted by the slow one", slow.fence)
            print(f"the slow one is written: {is_written}; the ledger: {ledger.read('lamps')}")
    except LockLostError as error:
        print(f"and its block says: {error}")


if __name__ == "__main__":
    with demo_client() as client, tempfile.TemporaryDirectory() as folder:
        one_at_a_time(client)
        hand_over(client)
        long_work(client)
        too_late(client, Ledger(Path(folder) / "ledger"))
        client.delete(*client.scan(f"{NAMESPACE}*"))
