"""A server on 127.0.0.1:6379 to play with: Docker's where an engine answers, else the embedded one."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from valkey_redis import ValkeyRedisError
from valkey_redis.embedded import HOST, EmbeddedServer
from workshop.manifest import ROOT

PORT = 6379
PID_FILE = ROOT / ".workshop" / "server.pid"
LOG_FILE = ROOT / ".workshop" / "server.log"
WAIT = 15.0  # seconds for the server to come up, or to go


DOCKER = shutil.which("docker") or ""


def up() -> None:
    """Start a server on 127.0.0.1:6379 in the background."""
    if _docker_answers():
        sys.exit(
            subprocess.call([DOCKER, "compose", "up", "--detach", "--wait", "valkey"], cwd=ROOT)
        )
    if _holder() is not None:
        print(f"infra-up: a server is running already on {HOST}:{PORT} (pid {_holder()}).")
        return
    if _port_is_taken():
        sys.exit(
            f"infra-up: something else listens on {HOST}:{PORT}; stop it first, or use it as it is."
        )
    PID_FILE.parent.mkdir(exist_ok=True)
    with LOG_FILE.open("w") as log:
        holder = subprocess.Popen(
            [sys.executable, "-m", "workshop.infra", str(PORT), str(PID_FILE)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=ROOT,
        )
    deadline = time.monotonic() + WAIT
    while holder.poll() is None and time.monotonic() < deadline:
        if _holder() is not None:
            holder.returncode = 0  # it outlives us, and is not ours to wait for
            print(
                f"infra-up: embedded Valkey on {HOST}:{PORT} (pid {holder.pid}); `make infra-down` stops it."
            )
            print(f"infra-up: to use it: export VALKEY_URL=valkey://{HOST}:{PORT}")
            return
        time.sleep(0.02)
    sys.exit(f"infra-up: {LOG_FILE.read_text().strip() or 'the server did not start'}")


def down() -> None:
    """Stop the server that `infra-up` started."""
    if _docker_answers():
        sys.exit(subprocess.call([DOCKER, "compose", "down"], cwd=ROOT))
    pid = _holder()
    if pid is None:
        print("infra-down: no server of ours is running.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + WAIT
    while _holder() is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    print("infra-down: stopped.")


def hold(port: int, pid_file: Path) -> None:
    """Hold the embedded server until SIGTERM; the locked pid file is there as long as it serves."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with pid_file.open("w") as file, EmbeddedServer(port=port):
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(str(os.getpid()))
            file.flush()
            signal.pause()
    except ValkeyRedisError as error:
        sys.exit(str(error))
    finally:
        pid_file.unlink(missing_ok=True)


def _docker_answers() -> bool:
    if not DOCKER:
        return False
    command = [DOCKER, "info", "--format", "{{.ServerVersion}}"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=10)
    return done.returncode == 0


def _holder() -> int | None:
    """Return the pid of the process that holds our server.

    The lock tells, not the number: that may be another process's by now.
    """
    try:
        with PID_FILE.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def _port_is_taken() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, PORT)) == 0


if __name__ == "__main__":
    hold(int(sys.argv[1]), Path(sys.argv[2]))
