"""The search behind `explore`: a depth-first walk over "who goes next" and "who dies here".

Each schedule is run from its start. What cannot differ is not run twice: where the server
holds the same, the clock says the same and every actor has seen the same replies, the rest
is the same. That one rule covers commands on different keys and commands that only read,
in whatever order they came.
(P. Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996)
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest import mock

from valkey_redis.retrying import READ_ONLY
from workshop.actors import Actor
from workshop.clock import Clock
from workshop.lab import Lab
from workshop.recorder import Recorder
from workshop.schedule import CannotExploreError, End, Explored, RuleBrokenError, Step

MOST_SCHEDULES = 100_000
MOST_STEPS = 200  # of one schedule
MOST_BEGINNINGS = 20  # one for each script that is loaded on the way
# These wait for another client, who is stopped meanwhile: nobody would go on.
BLOCKING = frozenset(
    "BLPOP BRPOP BLMOVE BLMPOP BRPOPLPUSH BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF SUBSCRIBE".split()
)
TIDYING = frozenset({"UNWATCH", "DISCARD"})


class _Choice(NamedTuple):
    actor: int
    dies: bool


@dataclass(slots=True)
class _Point:
    """A moment of choice: the options, and the one taken."""

    options: list[_Choice]
    taken: int


_running: "list[Search]" = []


def current() -> "Search | None":
    """Return the search whose actor asks, if it is an actor."""
    search = _running[-1] if _running else None
    return search if search and search.acting() else None


class Search:
    """One exploration; `of` gives it its actors, `run` runs it."""

    def __init__(
        self,
        lab: Lab,
        clock: Clock,
        setup: Callable[[Any], Any],
        check: Callable[[End], Any],
        *,
        crashes: bool,
        prune: bool,
        outside: Callable[[], object],
    ) -> None:
        self._lab, self._clock, self._setup, self._check = lab, clock, setup, check
        self._crashes, self._prune, self._outside = crashes, prune, outside
        self._actors: list[Actor] = []
        self._recorder = Recorder(before=self._before, one_by_one=True)
        self._beginnings = 0
        self._begin_anew()
        self._done: list[tuple[str, str]] = []  # what the step that runs now did, and the reply

    @contextmanager
    def of(self, functions: Iterable[tuple[str, Callable[[Any], Any]]]) -> Iterator[None]:
        """Give the search its actors for as long as the block lasts."""
        for name, function in functions:
            self._actors.append(Actor(name, function, self._maker(name)))
        _running.append(self)
        self._clock.on_sleep = self._sleep
        try:
            with _fixed_randomness():
                yield
        finally:
            _running.pop()
            for actor in self._actors:
                actor.die()
                actor.close()

    def run(self) -> Explored:
        """Run every schedule; raise RuleBrokenError for the first that breaks the rule."""
        prefix: list[int] = []
        while True:
            trail, complete = self._run_one(prefix)
            if self._has_loaded and self._beginnings < MOST_BEGINNINGS:
                self._begin_anew()  # the script is there from now on: other runs take other steps
                prefix = []
                continue
            if complete:
                self._schedules += 1
                self._judge([point.taken for point in trail])
            else:
                self._pruned += 1
            if self._schedules + self._pruned > MOST_SCHEDULES:
                raise CannotExploreError(
                    f"more than {MOST_SCHEDULES} schedules: give each actor fewer steps"
                )
            while trail and trail[-1].taken + 1 == len(trail[-1].options):
                trail.pop()
            if not trail:
                return Explored(self._schedules, self._pruned)
            prefix = [point.taken for point in trail]
            prefix[-1] += 1

    def _begin_anew(self) -> None:
        self._seen: set[bytes] = set()
        self._schedules = self._pruned = 0
        self._has_loaded = False  # an EVALSHA met a server without its script
        self._beginnings += 1

    def acting(self) -> Actor | None:
        """Return the actor whose code is running, if it is one's."""
        return next((actor for actor in self._actors if actor.is_running()), None)

    def outside_step(self, what: str, action: Callable[[], Any]) -> Any:
        """Let the acting actor do something outside the server as one step."""
        actor = self.acting()
        assert actor is not None  # noqa: S101 - current() asked
        actor.pause(what)
        made = action()
        self._done.append((what, "" if made is None else repr(made)))
        actor.replies.append(repr(made))
        return made

    # One schedule --------------------------------------------------------------------

    def _run_one(self, prefix: list[int]) -> tuple[list[_Point], bool]:
        """Run one schedule: the choices of `prefix`, then the first option at each point."""
        self._prepare()
        trail: list[_Point] = []
        while True:
            if len(trail) >= len(prefix) and self._prune and not self._is_new():
                self._abandon()
                return trail, False
            options = self._options()
            if not options:
                return trail, True
            if len(trail) == MOST_STEPS:
                raise CannotExploreError(
                    f"more than {MOST_STEPS} steps in one schedule: a loop without an end?"
                )
            taken = prefix[len(trail)] if len(trail) < len(prefix) else 0
            trail.append(_Point(options, taken))
            self._take(options[taken])

    def _prepare(self) -> None:
        self._lab.server.flushdb()
        self._clock.rewind()
        random.seed(0)
        self._setup(self._lab.server)
        for actor in self._actors:
            actor.begin()

    def _options(self) -> list[_Choice]:
        # A sleeper may always go on, and the clock with it: the others may be that slow.
        waiting = [i for i, actor in enumerate(self._actors) if actor.next is not None]
        options = [_Choice(i, dies=False) for i in waiting]
        if self._crashes and not any(actor.died for actor in self._actors):
            options += [_Choice(i, dies=True) for i in waiting if self._actors[i].next != "begin"]
        return options

    def _take(self, choice: _Choice) -> None:
        actor = self._actors[choice.actor]
        self._done.clear()
        self._recorder.clear()
        if choice.dies:
            self._done.append(("dies here", ""))
            actor.die()
            return
        if actor.next == "begin":
            actor.go_on()  # what comes before the first step belongs to it
        if actor.wakes_at is not None:
            self._wake(actor)
        if actor.next is not None:
            actor.go_on()
        self._done += [(entry.text(), entry.reply_text()) for entry in self._recorder.sent]
        self._has_loaded |= any(_is_missing_script(entry.reply) for entry in self._recorder.sent)
        actor.replies += [repr(entry.reply) for entry in self._recorder.sent]

    def _abandon(self) -> None:
        for actor in self._actors:
            actor.die()

    # Called from inside an actor -----------------------------------------------------

    def _before(self, client: str, commands: list[tuple[str, ...]]) -> None:
        """Stop the actor before it sends; refuse what would wait for ever."""
        actor = self.acting()
        if actor is None or actor.name != client:
            return
        if actor.died and commands[0][0] in TIDYING:
            return  # the driver tidies up a connection that is dropped anyway
        for words in commands:
            if words[0].upper() in BLOCKING or "BLOCK" in (word.upper() for word in words):
                raise CannotExploreError(
                    f"{words[0]} waits for another client, who is stopped while it waits: "
                    "give the actor a command that answers at once, in a loop with a sleep"
                )
        actor.pause(commands[0][0])

    def _sleep(self, seconds: float) -> None:
        """Stop the actor until its time has come; anybody else's sleep just moves the clock."""
        actor = self.acting()
        if actor is None:
            self._clock.advance(seconds)
            return
        actor.wakes_at = self._clock.elapsed + seconds
        actor.pause("sleep")

    def _wake(self, actor: Actor) -> None:
        assert actor.wakes_at is not None  # noqa: S101 - the caller asked
        passed = max(actor.wakes_at - self._clock.elapsed, 0)
        actor.wakes_at = None
        self._clock.advance(passed)
        self._lab.let_time_pass(passed)
        self._done.append((f"sleeps {passed:g} s", ""))

    # What makes two moments the same ---------------------------------------------------

    def _is_new(self) -> bool:
        state = (
            self._lab.state(),
            self._clock.elapsed,
            self._outside(),
            [(a.next, a.died, a.wakes_at, a.replies) for a in self._actors],
        )
        digest = hashlib.blake2b(repr(state).encode(), digest_size=16).digest()
        if digest in self._seen:
            return False
        self._seen.add(digest)
        return True

    # The verdict -----------------------------------------------------------------------

    def _judge(self, taken: list[int]) -> None:
        for actor in self._actors:
            if isinstance(actor.result, CannotExploreError):
                raise actor.result
            if isinstance(actor.result, Exception):
                error = actor.result
                said = f"{actor.name} raised {type(error).__name__}: {error}"
                raise self._broken(said, taken) from error
        end = End(
            self._lab.server, [a.result for a in self._actors], [a.died for a in self._actors]
        )
        try:
            self._check(end)
        except AssertionError as error:
            raise self._broken(str(error), taken) from None

    def _broken(self, message: str, taken: list[int]) -> RuleBrokenError:
        names = [actor.name for actor in self._actors]
        explored = Explored(self._schedules, self._pruned)
        return RuleBrokenError(message, self._replay(taken), names, explored)

    def _replay(self, taken: list[int]) -> list[Step]:
        """Run the schedule once more, noting what each step did."""
        self._prepare()
        steps = []
        for index in taken:
            before = self._lab.state(), repr(self._outside())
            choice = self._options()[index]
            self._take(choice)
            changed = before != (self._lab.state(), repr(self._outside()))
            # A SET of what was there already changes nothing, and yet may be the one too many.
            written = any(
                entry.words[0].upper() not in READ_ONLY and entry.reply
                for entry in self._recorder.sent
            )
            what = "; ".join(text for text, _ in self._done) or "comes to its end"
            reply = self._done[-1][1] if self._done else ""
            sent = tuple(entry.words for entry in self._recorder.sent)
            steps.append(Step(choice.actor, what, reply, choice.dies or changed or written, sent))
        return steps

    def _maker(self, name: str) -> Callable[[bool], Any]:
        return lambda is_async: self._lab.connect(name, self._recorder, is_async=is_async)


def _is_missing_script(reply: Any) -> bool:
    """Return whether a reply is NOSCRIPT, of either driver."""
    return type(reply).__name__ == "NoScriptError"


@contextmanager
def _fixed_randomness() -> Iterator[None]:
    """Draw tokens from a seeded source, so that a schedule run again is the same again."""
    state = random.getstate()
    with (
        mock.patch("os.urandom", random.randbytes),
        mock.patch("random._urandom", random.randbytes),
    ):
        yield
    random.setstate(state)
