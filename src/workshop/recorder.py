"""Record what the server saw: every command of named clients, in order, with its reply.

It listens where the bytes leave for the server, below the driver's methods, so it sees
a pipeline, a transaction or a script as what it is, however the code sent it.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

LONGEST = 40  # characters of one argument that a transcript shows


@dataclass(slots=True)
class Sent:
    """One command as the server saw it; commands of one `trip` travelled together."""

    client: str
    words: tuple[str, ...]
    trip: int
    reply: Any = None
    answered: bool = False

    def text(self) -> str:
        """Return the command as one would type it, long arguments cut."""
        return " ".join(_cut(word) for word in self.words)

    def reply_text(self) -> str:
        """Return the reply in brief: nothing if the client never read one."""
        if not self.answered:
            return ""
        if isinstance(self.reply, Exception):
            return f"error: {_cut(str(self.reply))}"
        return "nothing" if self.reply is None else _cut(str(self.reply))


@dataclass(slots=True)
class Recorder:
    """What several clients sent. `before` is called before each trip, with client and commands."""

    sent: list[Sent] = field(default_factory=list)
    trips: int = 0
    before: Callable[[str, list[tuple[str, ...]]], None] | None = None

    def clear(self) -> None:
        """Forget what was sent so far."""
        self.sent.clear()
        self.trips = 0

    def leave(self, client: str, commands: list[tuple[str, ...]]) -> list[Sent]:
        """Note that `commands` are about to leave together."""
        if self.before is not None:
            self.before(client, commands)
        self.trips += 1
        entries = [Sent(client, words, self.trips) for words in commands]
        self.sent += entries
        return entries


def recording(connection_class: type, recorder: Recorder, client: str) -> type:
    """Return a subclass of a driver's connection class that records for `client`."""

    class RecordingConnection(connection_class):  # type: ignore[misc]  # a class known at run time
        _quiet = False

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._unanswered: deque[Sent] = deque()

        def connect(self) -> None:
            # The handshake is the driver's doing, not the learner's.
            self._quiet = True
            try:
                super().connect()
            finally:
                self._quiet = False

        def disconnect(self, *args: Any, **options: Any) -> None:
            self._unanswered.clear()
            super().disconnect(*args, **options)

        def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            if not self._quiet:
                data = command if isinstance(command, bytes) else b"".join(command)
                self._unanswered.extend(recorder.leave(client, list(parse_commands(data))))
            super().send_packed_command(command, check_health)

        def read_response(self, *args: Any, **options: Any) -> Any:
            if self._quiet or not self._unanswered:
                return super().read_response(*args, **options)
            entry = self._unanswered.popleft()
            try:
                entry.reply = super().read_response(*args, **options)
            except Exception as error:
                entry.reply = error
                raise
            finally:
                entry.answered = True
            return entry.reply

    return RecordingConnection


def recording_async(connection_class: type, recorder: Recorder, client: str) -> type:
    """Return the same for a driver's asyncio connection class."""

    class RecordingConnection(connection_class):  # type: ignore[misc]  # a class known at run time
        _quiet = False

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._unanswered: deque[Sent] = deque()

        async def connect(self) -> None:
            self._quiet = True
            try:
                await super().connect()
            finally:
                self._quiet = False

        async def disconnect(self, *args: Any, **options: Any) -> None:
            self._unanswered.clear()
            await super().disconnect(*args, **options)

        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            if not self._quiet:
                data = command if isinstance(command, bytes) else b"".join(command)
                self._unanswered.extend(recorder.leave(client, list(parse_commands(data))))
            await super().send_packed_command(command, check_health)

        async def read_response(self, *args: Any, **options: Any) -> Any:
            if self._quiet or not self._unanswered:
                return await super().read_response(*args, **options)
            entry = self._unanswered.popleft()
            try:
                entry.reply = await super().read_response(*args, **options)
            except Exception as error:
                entry.reply = error
                raise
            finally:
                entry.answered = True
            return entry.reply

    return RecordingConnection


def parse_commands(data: bytes) -> Iterator[tuple[str, ...]]:
    """Yield the commands in a request's bytes (RESP arrays of bulk strings).

    https://valkey.io/topics/protocol/, "Sending commands to a Valkey server"
    """
    position = 0

    def number() -> int:
        nonlocal position
        end = data.index(b"\r\n", position)
        value = int(data[position + 1 : end])
        position = end + 2
        return value

    while position < len(data):
        words = []
        for _ in range(number()):
            length = number()
            words.append(data[position : position + length].decode(errors="backslashreplace"))
            position += length + 2
        yield tuple(words)


def _cut(text: str) -> str:
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return text or '""'
