"""Processes for the tests of locks: `lockworker.py JOB PORT FOLDER`. What they did they print."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from valkey_redis import Lock, ValkeyClient, ValkeyConfig
from valkey_redis.examples._ledger import Ledger

PROCESSES, THREADS, ROUNDS = 4, 8, 4
LONG = 600.0


def contend(port: int, folder: Path) -> None:
    """Take the lock by turns in many threads of many processes, and watch for company inside."""
    children = []
    for _ in range(PROCESSES):
        child = os.fork()
        if not child:
            _contend(port, folder)
            os._exit(0)
        children.append(child)
    codes = [os.waitpid(child, 0)[1] for child in children]
    print(json.dumps({"codes": codes, "count": int((folder / "count").read_text())}))


def _contend(port: int, folder: Path) -> None:
    # Thirty-two threads on two cores: on a busy machine one may wait for its turn to read.
    client = ValkeyClient(ValkeyConfig(url=f"valkey://127.0.0.1:{port}", timeout=30))
    errors: list[BaseException] = []

    def work() -> None:
        lock = Lock(client, "contended", LONG)
        try:
            for _ in range(ROUNDS):
                with lock:
                    inside = os.open(folder / "inside", os.O_CREAT | os.O_EXCL)
                    count = int((folder / "count").read_text())
                    (folder / "count").write_text(str(count + 1))
                    os.close(inside)
                    (folder / "inside").unlink()
        except BaseException as error:  # noqa: BLE001 - told by the exit code
            errors.append(error)
            print(repr(error), file=sys.stderr)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        os._exit(1)


def own(port: int, _folder: Path) -> None:
    """Take the lock for a second, and hang."""
    _say(Lock(ValkeyClient(f"valkey://127.0.0.1:{port}"), "stock", 1.0).acquire())
    time.sleep(LONG)


def wait(port: int, _folder: Path) -> None:
    """Wait for the lock."""
    _say(Lock(ValkeyClient(f"valkey://127.0.0.1:{port}"), "stock", LONG).acquire())


def hold(port: int, folder: Path) -> None:
    """Take the lock for a moment, and write when told, without looking whether it is lost."""
    acquisition = Lock(ValkeyClient(f"valkey://127.0.0.1:{port}"), "stock", 0.3).acquire()
    _say(acquisition)
    sys.stdin.readline()
    assert acquisition is not None
    is_written = Ledger(folder / "ledger").write("stock", "late", acquisition.fence)
    print(json.dumps({"written": is_written, "lost": acquisition.lost}), flush=True)


def _say(acquisition: Any) -> None:
    print(json.dumps({"fence": acquisition.fence}), flush=True)


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
