"""What exercise 7's tests break: connections, a network in virtual time, clocks for all threads."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, ClassVar
from unittest import mock

import time_machine
import valkey
from tests.support.scenes import NAMES, Scene

from valkey_redis.embedded import HOST
from valkey_redis.retrying import READ_ONLY
from workshop.clock import START, Clock, virtual_time
from workshop.recorder import Sent, parse_commands

TIMEOUT = 1.0  # seconds until a client of `Failing` gives up
# Real seconds until a thread is taken to wait for another one, or to be unknown. Where locks are
# watched nobody waits for so long.
PATIENCE, CHANCE = 5.0, 0.5
REFUSED, SILENT, LOST, FULL, DENIED, WELL = "refused", "silent", "lost", "full", "denied", ""
HARMLESS = READ_ONLY | {"MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"}


class Failing:
    """Let the connection of a scene's client fail: its next trips as `plan` says, others as `always`.

    "refused": nobody listens; "silent": nobody answers in time; "lost": the same, but the server
    has done what it was told; "full": the server refuses what may take memory; "denied": the
    server refuses the password.
    """

    def __init__(self, at: Scene, number: int = 0) -> None:
        self.plan: list[str] = []
        self.always = WELL
        self.moments: list[float] = []  # at which a trip began
        self._at, self._name = at, NAMES[number]
        pool = at.clients[number].connection_pool
        self.client: Any = valkey.Valkey(connection_pool=pool)  # ours would repeat what only reads
        there = _connection(self, pool.connection_class)
        pool.disconnect()
        pool.reset()
        pool.connection_class = there

    def next_fault(self) -> str:
        """Return what happens to the trip that begins now."""
        self.moments.append(time.monotonic())
        return self.plan.pop(0) if self.plan else self.always

    def fail(self, data: bytes, fault: str) -> None:
        """Raise if this request does not come through, or is refused, and show it."""
        commands = [words for words, _ in parse_commands(data)]
        writes = not all(words[0].upper() in HARMLESS for words in commands)
        if fault == REFUSED:
            self._show(commands, valkey.ConnectionError("connection refused"))
        if fault == DENIED:
            self._show(commands, valkey.AuthenticationError("WRONGPASS invalid password"))
        if fault == SILENT:
            self.wait()
            self._show(commands, valkey.TimeoutError("no answer in time"))
        if fault == FULL and writes:
            self._show(commands, valkey.OutOfMemoryError("OOM, no memory is left"))

    def wait(self) -> None:
        """Wait for an answer that never comes."""
        self._at.wait(TIMEOUT)

    def _show(self, commands: list[tuple[str, ...]], error: Exception) -> None:
        recorder = self._at.lab.recorder
        for entry in recorder.leave(self._name, commands):
            entry.reply, entry.answered = error, True
        raise error


def _connection(failing: Failing, plain: Any) -> type:
    """Return a recording connection's class whose trips fail."""

    class FailingConnection(plain):  # type: ignore[misc]  # a class known at run time
        is_lost = False

        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            if self._quiet:  # the handshake
                super().send_packed_command(command, check_health)
                return
            data = command if isinstance(command, bytes) else b"".join(command)
            fault = failing.next_fault()
            failing.fail(data, fault)
            super().send_packed_command([data], check_health)
            self.is_lost = fault == LOST

        def read_response(self, *args: Any, **options: Any) -> Any:
            if self._quiet or not self.is_lost:
                return super().read_response(*args, **options)
            lost: list[Sent] = list(self._unanswered)
            while self._unanswered:  # the server has done all of it before we go on
                with suppress(valkey.ResponseError):
                    super().read_response(*args, **options)
            for entry in lost:
                entry.reply = f"{entry.reply_text()} (lost)"
            self.is_lost = False
            failing.wait()
            raise valkey.TimeoutError("no answer in time")

    return FailingConnection


# A network in virtual time ---------------------------------------------------------------


class NeverEndingError(BaseException):
    """A socket would wait for ever; a BaseException, so that no `except Exception` goes on."""


class Network:
    """A server on a port of its own, whose sockets wait in virtual time.

    `listens` tells whether a connection is made, `answers` whether a command is answered, and
    `handshakes` whether those are that a driver sends by itself.
    """

    def __init__(self, clock: Clock) -> None:
        self.listens = self.answers = self.handshakes = True
        self.commands: list[str] = []
        self._clock = clock
        self._listening = socket.create_server((HOST, 0))
        self.port = self._listening.getsockname()[1]
        self._accepted: dict[int, socket.socket] = {}  # by the client's port

    def close(self) -> None:
        """Close what was opened."""
        for sock in (self._listening, *self._accepted.values()):
            sock.close()

    def connect(self, sock: socket.socket, address: Any) -> None:
        """Connect, unless nobody listens."""
        if address[1] != self.port:
            CONNECT(sock, address)
            return
        if not self.listens:
            self._wait(sock)
        CONNECT(sock, address)
        self._accepted[sock.getsockname()[1]] = self._listening.accept()[0]

    def sendall(self, sock: socket.socket, data: bytes) -> None:
        """Take what a client sends, and answer."""
        SENDALL(sock, data)
        here = self._accepted.get(sock.getsockname()[1])
        for words, _ in parse_commands(bytes(data)) if here else ():
            is_handshake = words[0].upper() in {"CLIENT", "HELLO", "SELECT", "PING"}
            if not is_handshake:
                self.commands.append(words[0].upper())
            if self.handshakes if is_handshake else self.answers:
                SENDALL(here, ANSWERS.get(words[0].upper(), b"+OK\r\n"))

    def read(self, plain: Callable[..., Any], sock: socket.socket, *args: Any) -> Any:
        """Read what is there, or wait for it."""
        if sock.getsockname()[1] not in self._accepted:
            return plain(sock, *args)
        before = sock.gettimeout()
        sock.settimeout(0)
        try:
            return plain(sock, *args)
        except BlockingIOError:
            sock.settimeout(before)
            return self._wait(sock)
        finally:
            sock.settimeout(before)

    def _wait(self, sock: socket.socket) -> None:
        """Wait as long as a socket does, if that is not for ever."""
        seconds = sock.gettimeout()
        if seconds is None:
            raise NeverEndingError
        self._clock.advance(seconds)
        raise TimeoutError("timed out")


ANSWERS = {"GET": b"$3\r\n\xc3\xa9s\r\n", "PING": b"+PONG\r\n"}  # "és"
CONNECT, SENDALL = socket.socket.connect, socket.socket.sendall
READS = {name: getattr(socket.socket, name) for name in ("recv", "recv_into")}


@contextmanager
def network() -> Iterator[Network]:
    """Yield a server whose silence takes no real time."""
    with virtual_time() as clock:
        made = Network(clock)

        def reading(plain: Callable[..., Any]) -> Callable[..., Any]:
            return lambda sock, *args: made.read(plain, sock, *args)

        def connect(sock: socket.socket, address: Any) -> None:
            made.connect(sock, address)

        def sendall(sock: socket.socket, data: bytes) -> None:
            made.sendall(sock, data)

        there = {name: reading(plain) for name, plain in READS.items()}
        try:
            with mock.patch.multiple(socket.socket, connect=connect, sendall=sendall, **there):
                yield made
        finally:
            made.close()


# Clocks for all threads ------------------------------------------------------------------


class Hands:
    """The clocks of a machine, which only the tests move, for all of its threads."""

    def __init__(self, traveller: time_machine.Traveller, begun: float) -> None:
        self._traveller = traveller
        self.now = begun

    def monotonic(self) -> float:
        """Return the seconds of the clock that nobody sets."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self._traveller.shift(seconds)

    def set_wall(self, seconds: float) -> None:
        """Set the clock on the wall ahead, or back, by so much."""
        self._traveller.shift(seconds)


@contextmanager
def hands() -> Iterator[Hands]:
    """Yield clocks that stand still until they are moved; sleeping moves them."""
    begun = time.monotonic()
    WatchedLock.run = object()
    with time_machine.travel(START, tick=False) as traveller:
        made = Hands(traveller, begun)
        with (
            mock.patch.object(time, "monotonic", made.monotonic),
            mock.patch.object(time, "perf_counter", made.monotonic),
            mock.patch.object(time, "sleep", made.wait),
        ):
            yield made


def beside(action: Callable[[], Any]) -> Any:
    """Return what another thread's call makes, while the caller is in the middle of its own."""
    done: list[Any] = []
    with WatchedLock.told() as moved:

        def act() -> None:
            done.append(action())
            moved.set()

        WatchedLock.thread(act).start()
        moved.wait(PATIENCE)
    return done[0] if done else WAITS


WAITS = "waits for the other call to end"


# Threads that come between two lines -----------------------------------------------------


class WatchedLock:
    """A lock that tells when somebody has to wait for it."""

    _events: ClassVar[set[threading.Event]] = set()
    run = object()  # which test's it is: a thread that an earlier one left behind tells nothing
    _make = staticmethod(threading.Lock)

    def __init__(self) -> None:
        self._lock = self._make()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock."""
        if self._lock.acquire(False):
            return True
        if getattr(threading.current_thread(), "run_of", None) is WatchedLock.run:
            for moved in tuple(self._events):
                moved.set()
        return blocking and self._lock.acquire(blocking, timeout)

    def release(self) -> None:
        """Free the lock."""
        self._lock.release()

    @classmethod
    def thread(cls, target: Callable[[], object]) -> threading.Thread:
        """Return a thread of this run, not begun."""
        made = threading.Thread(target=target, daemon=True)
        vars(made)["run_of"] = cls.run
        return made

    @classmethod
    @contextmanager
    def told(cls) -> Iterator[threading.Event]:
        """Yield what is set when somebody waits for any of these locks."""
        moved = threading.Event()
        cls._events.add(moved)
        try:
            yield moved
        finally:
            cls._events.discard(moved)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class WatchedRLock(WatchedLock):
    """The same, for a lock that its thread may take again."""

    _make = staticmethod(threading.RLock)  # type: ignore[assignment]  # has the same methods


@contextmanager
def watched_locks() -> Iterator[None]:
    """Let the locks that are made in the block be watched."""
    with (
        mock.patch.object(threading, "Lock", WatchedLock),
        mock.patch.object(threading, "RLock", WatchedRLock),
    ):
        yield


class Collision:
    """One thread stops before its line of some number, and another one comes there.

    `enter(who, body)` is the code under test: it may let "A" or "B" in, that is call `body`. Who
    is let in stays until it is known what became of the other. `files` hold the lines that count.
    """

    def __init__(
        self, files: set[str], enter: Callable[[str, Callable[[], str]], Any], line: int
    ) -> None:
        self.entered: list[str] = []
        self.is_clear = True  # else it took too long to know what became of one of them
        self._files, self._enter, self._line = files, enter, line
        self._a_is_known, self._b_is_known = threading.Event(), threading.Event()
        self._other = WatchedLock.thread(self._run_b)
        first = WatchedLock.thread(self._run_a)
        with WatchedLock.told() as self._moved:
            first.start()
            first.join(PATIENCE)
            self.has_met = self._other.ident is not None  # else there are fewer lines
            if self.has_met:
                self._other.join(PATIENCE)
        self.is_clear &= not (first.is_alive() or self._other.is_alive())

    def _run_a(self) -> None:
        sys.settrace(self._trace)
        try:
            self._enter("A", self._body_a)
        finally:
            sys.settrace(None)
            self._a_is_known.set()

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        if event == "line":
            self._line -= 1
            if self._line == 0:
                self._other.start()
                self._moved.wait(CHANCE)
        return self._trace

    def _body_a(self) -> str:
        sys.settrace(None)
        self.entered.append("A")
        self._a_is_known.set()
        if self._other.ident is not None:
            self.is_clear &= self._b_is_known.wait(CHANCE)
        return "yes"

    def _run_b(self) -> None:
        self._enter("B", self._body_b)
        self._b_is_known.set()
        self._moved.set()

    def _body_b(self) -> str:
        self.entered.append("B")
        self._b_is_known.set()
        self._moved.set()
        self.is_clear &= self._a_is_known.wait(CHANCE)
        return "yes"
