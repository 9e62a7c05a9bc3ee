"""Record what the server saw: every command of named clients, in order, with its reply.

It listens where the bytes leave for the server, below the driver's methods, so it sees
a pipeline, a transaction or a script as what it is, however the code sent it.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

LONGEST = 40  # characters of one argument that a transcript shows
SCRIPT = 12  # characters of a script: its keys and arguments tell more
# A random token, in hex or as a UUID; a date or a stream's id has no letters.
TOKEN = re.compile(r"(?<![0-9A-Za-z])(?=[0-9-]*[a-f])([0-9a-f]{6})[0-9a-f-]{10,}(?![0-9A-Za-z])")


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
        words = [_cut(word) for word in self.words]
        if words[0].upper() == "EVAL":
            words[1:2] = [shorten(" ".join(self.words[1].split()), SCRIPT)]
        return " ".join(words)

    def reply_text(self) -> str:
        """Return the reply in brief: nothing if the client never read one."""
        if not self.answered:
            return ""
        if isinstance(self.reply, Exception):
            return f"error: {_cut(str(self.reply))}"
        return "nothing" if self.reply is None else _cut(str(self.reply))


@dataclass(slots=True)
class Recorder:
    """What several clients sent. `before` is called before each trip, with client and commands.

    With `one_by_one`, the commands of a pipeline leave one after the other, each answered before
    the next: a server may serve others between them. A transaction stays whole.
    """

    sent: list[Sent] = field(default_factory=list)
    trips: int = 0
    one_by_one: bool = False
    before: Callable[[str, list[tuple[str, ...]]], None] | None = None

    def clear(self) -> None:
        """Forget what was sent so far."""
        self.sent.clear()
        self.trips = 0

    def parts(self, data: bytes) -> list[tuple[bytes, list[tuple[str, ...]]]]:
        """Return a request's bytes in the parts that leave together, each with its commands."""
        commands = list(parse_commands(data))
        if not self.one_by_one or len(commands) == 1:
            return [(data, [words for words, _ in commands])]
        parts: list[tuple[bytes, list[tuple[str, ...]]]] = []
        whole = False  # inside MULTI ... EXEC
        for words, raw in commands:
            if whole:
                parts[-1] = (parts[-1][0] + raw, [*parts[-1][1], words])
            else:
                parts.append((raw, [words]))
            whole = words[0] == "MULTI" or (whole and words[0] != "EXEC")
        return parts

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
            if self._quiet:
                super().send_packed_command(command, check_health)
                return
            data = command if isinstance(command, bytes) else b"".join(command)
            parts = recorder.parts(data)
            for raw, commands in parts:
                entries = recorder.leave(client, commands)
                super().send_packed_command([raw], check_health)
                self._unanswered.extend(entries)
                for entry in entries if len(parts) > 1 else ():
                    self._take(entry)

        def read_response(self, *args: Any, **options: Any) -> Any:
            if self._quiet or not self._unanswered:
                return super().read_response(*args, **options)
            entry = self._unanswered.popleft()
            if not entry.answered:
                self._take(entry, *args, **options)
            if isinstance(entry.reply, Exception):
                raise entry.reply
            return entry.reply

        def _take(self, entry: Sent, *args: Any, **options: Any) -> None:
            try:
                entry.reply = super().read_response(*args, **options)
            except Exception as error:  # noqa: BLE001 - raised again where it is asked for
                entry.reply = error
            entry.answered = True

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
            if self._quiet:
                await super().send_packed_command(command, check_health)
                return
            data = command if isinstance(command, bytes) else b"".join(command)
            parts = recorder.parts(data)
            for raw, commands in parts:
                entries = recorder.leave(client, commands)
                await super().send_packed_command([raw], check_health)
                self._unanswered.extend(entries)
                for entry in entries if len(parts) > 1 else ():
                    await self._take(entry)

        async def read_response(self, *args: Any, **options: Any) -> Any:
            if self._quiet or not self._unanswered:
                return await super().read_response(*args, **options)
            entry = self._unanswered.popleft()
            if not entry.answered:
                await self._take(entry, *args, **options)
            if isinstance(entry.reply, Exception):
                raise entry.reply
            return entry.reply

        async def _take(self, entry: Sent, *args: Any, **options: Any) -> None:
            try:
                entry.reply = await super().read_response(*args, **options)
            except Exception as error:  # noqa: BLE001 - raised again where it is asked for
                entry.reply = error
            entry.answered = True

    return RecordingConnection


def parse_commands(data: bytes) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """Yield the commands in a request's bytes (RESP arrays of bulk strings), each with its own bytes.

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
        start, words = position, []
        for _ in range(number()):
            length = number()
            words.append(data[position : position + length].decode(errors="backslashreplace"))
            position += length + 2
        yield tuple(words), data[start:position]


def shorten(text: str, width: int) -> str:
    """Return the text, its end left out visibly if it is longer than `width`."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cut(text: str) -> str:
    text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return shorten(TOKEN.sub(r"\1…", text), LONGEST) or '""'
