"""What exercise 3 asks. Each test's docstring is its claim; each message speaks to the learner.

Nothing can move a live server's clock: `timed` is fakeredis on either backend.
"""

import base64
import os
import random
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import pytest
from tests.support.limiting import clock_ahead
from tests.support.scenes import Scene, nothing, pass_time, scene

from workshop.exercise import Exercise
from workshop.interleave import explore, step
from workshop.lab import Lab
from workshop.schedule import End

IDLE, LONGEST = 100, 1000  # seconds
DAY = 86_400
DATA = {"theme": "dark", "cart": "7,19"}
FIELDS = DATA | {"user": "ada"}
UNKNOWN = "xAz-1dYg3nVmpQ0wX9aTf7rLk2sHbEuJcC4iO6vGNtM"
ODD = ["", " ", "*", "{}", "a:b", "../x", "ä\0", "x" * 5000]
BITS = 128  # of an id, drawn at random
PIECE = 8  # letters of an id
LOST_BITS = 8  # of these, by a version as in uuid4()
NOTES = ("ends", "expires", "expires_at", "created", "created_at", "idle", "longest", "deadline")
OTHERS = 24  # sessions of others

Use = Callable[[Any, str], Any]


@pytest.fixture
def timed(labs: Callable[[str], Lab]) -> Iterator[Lab]:
    """Return a lab whose server's clock stands still until a test moves it."""
    lab = labs("fakeredis")
    yield lab
    lab.close()


# What several tasks have in common -------------------------------------------------------


class Browser:
    """Holds a session's id, and makes a session of ada's, or of a visitor's."""

    def __init__(
        self,
        exercise: Exercise,
        user: str = "ada",
        data: dict[str, str] = DATA,
        lab: Lab | None = None,
    ) -> None:
        self.exercise, self.user, self.data, self.id, self.lab = exercise, user, data, "", lab
        self.immortal: list[str] = []  # what create_session left without an expiry: see task 2

    def create(self, client: Any, idle: int = IDLE, longest: int = LONGEST) -> str:
        """Make the session, and keep its id."""
        made = self.exercise.create_session(
            client, self.user, dict(self.data), idle=idle, longest=longest
        )
        assert isinstance(made, str), f"create_session() should return an id; it returned {made!r}"
        self.id = made
        self.immortal = self.lab.keys_without_expiry() if self.lab else []
        return made

    def read(self, client: Any) -> Any:
        """Read the session."""
        return self.exercise.read_session(client, self.id)


def is_gone(found: Any) -> bool:
    """Return whether nothing is left of a session; that there is None, task 1 asks for."""
    return found in (None, {}, {"user": ""})


@contextmanager
def counted_randomness(exercise: Exercise) -> Iterator[list[int]]:
    """Yield a list that gets how many bytes were drawn from the operating system, each time."""
    drawn: list[int] = []
    real = os.urandom

    def draw(count: int) -> bytes:
        drawn.append(count)
        return real(count)

    own = exercise._module.__dict__
    imported = {name: draw for name, value in own.items() if value is real}
    with (
        mock.patch("os.urandom", draw),
        mock.patch.object(random, "_urandom", draw),
        mock.patch.dict(own, imported),
    ):
        yield drawn


def bits_in(text: str) -> float:
    """Return how many random bits a text may have at most, by its letters."""
    letters = text.replace("-", "")
    for kind, each in (("0123456789", 3.33), ("0123456789abcdefABCDEF", 4.0)):
        if set(letters) <= set(kind):
            return each * len(letters)
    return 6.0 * len(text)


def is_random(drawn: Collection[int], made: str) -> bool:
    """Return whether enough bits were drawn for an id, and it has room for them."""
    return 8 * sum(drawn) >= BITS and bits_in(made) >= BITS - LOST_BITS


def disguises(made: str) -> list[str]:
    """Return an id in the forms from which anybody reads it."""
    raw = made.encode()
    coded = [base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.b32encode(raw)]
    plain = [text.decode().rstrip("=") for text in coded]
    return [made, made[::-1], raw.hex(), *plain]


def words(found: Any) -> set[str]:
    """Return the words in a value of any form."""
    return set(re.findall(r"[\w+/=-]+", str(found)))


def everything(lab: Lab) -> list[Any]:
    """Return all that the server holds, but for the order in which a dump has it."""
    reads: dict[str, Callable[[str], Any]] = {
        "string": lab.server.get,
        "hash": lab.server.hgetall,
        "set": lambda key: sorted(lab.server.smembers(key)),
        "zset": lambda key: lab.server.zrange(key, 0, -1, withscores=True),
        "list": lambda key: lab.server.lrange(key, 0, -1),
    }
    found = []
    for key in sorted(lab.server.scan_iter()):
        read = reads.get(lab.server.type(key), nothing)
        found.append((key, lab.server.pttl(key), read(key)))
    return found


def require_secret(lab: Lab, made: str) -> None:
    """Fail if the server holds an id, or so much of it that the rest can be guessed."""
    found = str(everything(lab))
    names = str(list(lab.server.scan_iter()))
    lab.forget()  # what was sent is no matter here
    for form in disguises(made):
        place = "in the name of a key" if form in names else "in a value"
        assert form not in found, (
            f"the id is on the server as it is, {place}: whoever sees a backup is logged in. Its "
            "hash, by hashlib.sha256(), finds the session as well"
        )
    rest = made
    while part := next((p for p in pieces(rest) if p in found), ""):
        rest = rest.replace(part, "")
    assert rest == made or bits_in(rest) >= BITS - LOST_BITS, (
        "a part of the id is on the server as it is, and what is left can be guessed"
    )


def pieces(text: str) -> list[str]:
    """Return the parts of a text that are too long to be found by chance, the longest first."""
    ends = range(len(text), PIECE - 1, -1)
    return [text[i : i + size] for size in ends for i in range(len(text) - size + 1)]


def entries(lab: Lab) -> int:
    """Return how many entries all hashes, sets and lists hold together."""
    return lab.size_of_all_keys() - sum(
        lab.server.type(key) == "string" for key in lab.server.scan_iter()
    )


def require_mortal(lab: Lab, what: str, but: Collection[str] = ()) -> None:
    """Fail if any key never expires, but those that did not before either."""
    immortal = [key for key in lab.keys_without_expiry() if key not in but]
    assert immortal == [], f"{what}, and leaves a key without an expiry: it stays for ever"


def holds(lab: Lab, *claims: Callable[[], None]) -> bool:
    """Return whether the claims of another task hold, on which this one's tests stand."""
    try:
        for claim in claims:
            claim()
    except AssertionError:
        return False
    finally:
        lab.server.flushdb()
        lab.forget()
    return True


def code_of(exercise: Exercise) -> frozenset[Any]:
    """Return what the file under test consists of: the same for each loading of it."""
    found = set()
    for name, value in exercise._module.__dict__.items():
        for part, function in [(name, value), *getattr(value, "__dict__", {}).items()]:
            plain = getattr(function, "__func__", function)
            found.add((name, part, getattr(plain, "__code__", None)))
        found |= {(name, value)} if isinstance(value, str) else set()
    return frozenset(found)


KNOWN: dict[tuple[str, frozenset[Any]], bool] = {}  # by the task before, and the code


def known(task: str, exercise: Exercise, find: Callable[[], bool]) -> bool:
    """Return what was found before of the same code, else find it."""
    key = task, code_of(exercise)
    if key not in KNOWN:
        KNOWN[key] = find()
    return KNOWN[key]


def ids_are_sound(exercise: Exercise, lab: Lab) -> bool:
    """Return whether create_session does what task 1 asks: else its tests tell of it."""
    try:
        return holds(
            lab,
            lambda: test_task1_nobody_guesses_an_id(exercise, lab),
            lambda: test_task1_the_server_does_not_know_the_id(exercise, lab),
        )
    except NotImplementedError:
        return True


def login_is_sound(exercise: Exercise, lab: Lab) -> bool:
    """Return whether log_in does what task 3 asks: else its tests tell of it."""
    claims = (
        test_task3_the_old_id_is_dead,
        test_task3_two_logins_make_one_session,
        test_task3_loses_no_field,
    )
    return known(
        "login", exercise, lambda: holds(lab, *(partial(claim, exercise, lab) for claim in claims))
    )


def use_is_sound(exercise: Exercise, timed: Lab) -> bool:
    """Return whether use_session does what task 2 asks: else its tests tell of it."""
    claims = test_task2_a_use_prolongs_it, test_task2_has_an_end
    return known(
        "use",
        exercise,
        lambda: holds(timed, *(partial(claim, exercise, timed) for claim in claims)),
    )


# Task 1 ----------------------------------------------------------------------------------


def test_task1_creates_and_reads(exercise: Exercise, lab: Lab) -> None:
    """A session has the fields that it was made with, and its user."""
    ada, visitor = Browser(exercise), Browser(exercise, "", {})
    ada.create(lab.client)
    visitor.create(lab.client)
    assert lab.server.dbsize() > 0, "the server holds nothing: another process would know nobody"
    lab.forget()
    got = ada.read(lab.client)
    assert got == FIELDS, f"read_session() should return {FIELDS}; it returned {got!r}"
    verbs = {entry.words[0].upper() for entry in lab.recorder.sent}
    assert not verbs & {"SCAN", "KEYS"}, (
        "read_session() looks through the keys of all sessions to find one: of a million, that is "
        "a million for each page. Work the key's name out from the id"
    )
    got = visitor.read(lab.client)
    assert got == {"user": ""}, f"a visitor's session has only its user: got {got!r}"


def test_task1_takes_the_user_from_its_caller(exercise: Exercise, lab: Lab) -> None:
    """The user is who the caller says, whatever is in the fields; these stay the caller's."""
    given = DATA | {"user": "root"}
    made = exercise.create_session(lab.client, "ada", given, idle=IDLE, longest=LONGEST)
    got = exercise.read_session(lab.client, made)
    lab.forget()
    assert got == FIELDS, (
        "a form was filled in with the name 'user' and the text 'root', and ada's session was made "
        f"with its fields: it is {got!r}, and should be {FIELDS}"
    )
    assert given == DATA | {"user": "root"}, "create_session() has changed the dict it was given"


def test_task1_nobody_guesses_an_id(exercise: Exercise, lab: Lab) -> None:
    """Each id is drawn from the operating system's random numbers, 128 bits at least."""
    ids = []
    for number in range(5):
        with counted_randomness(exercise) as drawn:
            made = Browser(exercise, f"user {number}").create(lab.client)
        ids.append(made)
        lab.forget()  # what it sends is no matter here
        assert sum(drawn) > 0, (
            "your code drew nothing from the operating system for an id. A time, a counter, "
            "uuid1() and the numbers of `random` can be worked out, and whoever has the id is "
            "the user"
        )
        assert is_random(drawn, made), (
            f"an id of yours has fewer than {BITS} random bits of the operating system: somebody "
            "tries until a session is found"
        )
    assert len(set(ids)) == len(ids), "two of five sessions have one id"


def test_task1_the_server_does_not_know_the_id(exercise: Exercise, lab: Lab) -> None:
    """Nobody who sees the server's data can use a session."""
    ada = Browser(exercise)
    require_secret(lab, ada.create(lab.client))
    for key, _, _ in everything(lab):
        for part in (key, key.rpartition(":")[2]):
            got = exercise.read_session(lab.client, part)
            assert is_gone(got), "the key of the session on the server holds what works as its id"


def test_task1_no_two_ids_find_one_session(exercise: Exercise, lab: Lab) -> None:
    """By what the server holds of an id it is told from all others."""
    seen = []
    for _ in range(2):
        lab.server.flushdb()
        Browser(exercise).create(lab.client)
        seen.append(words(everything(lab)))
    most = max(map(bits_in, seen[0] - seen[1]), default=0)
    lab.forget()
    assert most >= BITS - LOST_BITS, (
        "what the server holds of an id is so short that other ids fit, too: somebody tries until "
        "one finds a session. Keep the whole hash"
    )


def test_task1_adopts_no_unknown_id(exercise: Exercise, lab: Lab) -> None:
    """Whatever id a browser brings: if create_session did not make it, there is nothing."""
    for given in (UNKNOWN, *ODD):
        for _ in range(2):
            got = exercise.read_session(lab.client, given)
            assert got is None, f"nobody made a session {given!r:.30}: expected None, got {got!r}"
        stored = sorted(lab.server.scan_iter())
        assert stored == [], (
            f"read_session() was asked for {given!r:.30}, which nobody made, and stored "
            f"{', '.join(stored):.60}. Whoever plants an id in a browser knows it after the login"
        )


# Task 2 ----------------------------------------------------------------------------------


def test_task2_reads_and_ends(exercise: Exercise, timed: Lab) -> None:
    """A session that nobody uses is gone after `idle` seconds, and not before."""
    ada = Browser(exercise)
    with scene(timed) as at:
        client = at.clients[0]
        ada.create(client)
        got = exercise.use_session(client, ada.id, IDLE)
        assert got == FIELDS, f"use_session() should return {FIELDS}; it returned {got!r}"
        at.wait(0.9 * IDLE)
        at.require(
            holds=ada.read(client) == FIELDS,
            message=f"it was made {0.9 * IDLE:.0f} s ago, lives for {IDLE} s, and is gone already",
        )
        at.wait(0.2 * IDLE)
        at.require(
            holds=is_gone(ada.read(client)),
            message=f"it was made {1.1 * IDLE:.0f} s ago, nobody has used it since, and it is "
            f"still there, though it lives for {IDLE} s",
        )


def test_task2_keeps_its_notes_apart(exercise: Exercise, timed: Lab) -> None:
    """A field may have any name that begins with a letter: what you note is not among them."""
    own = dict.fromkeys(NOTES, "a field like any other")
    ada = Browser(exercise, data=own)
    with scene(timed) as at:
        client = at.clients[0]
        ada.create(client)
        at.lab.forget()
        found = exercise.use_session(client, ada.id, IDLE) or {}
        lost = sorted(name for name in own if found.get(name) != own[name])
        at.require(
            holds=lost == [],
            message=f"a session was made with a field {''.join(lost[:1])!r}, and a use finds it "
            "without, or with another text: your own notes of a session lie under that name",
        )


def test_task2_a_use_prolongs_it(exercise: Exercise, timed: Lab) -> None:
    """Whoever comes when less than half of the time is left finds it for as long again."""
    ada = Browser(exercise)
    with scene(timed) as at:
        client = at.clients[0]
        ada.create(client)
        for number, pause in enumerate((0.55, 0.8, 0.8), start=1):
            at.wait(pause * IDLE)
            got = exercise.use_session(client, ada.id, IDLE)
            at.require(
                holds=got == FIELDS,
                message=f"it lives for {IDLE} s after a use, and is used after {0.55 * IDLE:.0f} s, "
                f"and then every {0.8 * IDLE:.0f} s; use number {number} finds {got!r}",
            )
        at.wait(1.1 * IDLE)
        at.require(
            holds=is_gone(ada.read(client)),
            message=f"it was used {1.1 * IDLE:.0f} s ago, and not since, and is still there: a use "
            f"gives it {IDLE} s, and no more",
        )


def test_task2_a_look_writes_nothing(exercise: Exercise, timed: Lab) -> None:
    """A use that finds more than half of the time left changes nothing on the server."""
    ada = Browser(exercise)
    with scene(timed) as at:
        client = at.clients[0]
        ada.create(client)
        exercise.use_session(client, ada.id, IDLE)  # a script may be loaded here
        for _ in range(4):
            at.wait(0.1 * IDLE)
            before = everything(timed)
            at.lab.forget()
            exercise.use_session(client, ada.id, IDLE)
            at.require(
                holds=everything(timed) == before,
                message="more than half of the time is left, and yet it is written: that is one "
                "write for each page that anybody looks at",
            )


def test_task2_has_an_end(exercise: Exercise, timed: Lab) -> None:
    """However often it is used, it is gone `longest` seconds after its creation."""
    ada = Browser(exercise)
    for longest in (IDLE // 2, 3 * IDLE):
        with scene(timed) as at:
            at.begin_anew()
            client = at.clients[0]
            ada.create(client, longest=longest)
            pauses = int(longest / (0.2 * IDLE)) - 1
            for _ in range(pauses):
                at.wait(0.2 * IDLE)
                got = exercise.use_session(client, ada.id, IDLE)
                at.require(
                    holds=got == FIELDS,
                    message=f"it is used every {0.2 * IDLE:.0f} s and may live for {longest} s; "
                    f"before that it is {got!r}",
                    at_the_end=True,
                )
            at.wait(longest - pauses * 0.2 * IDLE - 0.5)
            for _ in range(6):  # a second at a time is for ever, too
                got = exercise.use_session(client, ada.id, IDLE)
                at.wait(0.5)
            at.require(
                holds=is_gone(got),
                message=f"it was made more than {longest} s ago, and is still there: whoever has "
                "stolen it keeps it for as long as he uses it",
                at_the_end=True,
            )


def test_task2_the_clock_is_the_servers(exercise: Exercise, timed: Lab) -> None:
    """A session that a machine makes, or uses, whose clock is ahead ends as any other."""
    ada, ahead, longest = Browser(exercise), 3600, 3 * IDLE
    with scene(timed) as at:
        here, there = at.clients[:2]
        with clock_ahead(there, ahead):
            ada.create(there, longest=longest)
        for _ in range(7):
            at.wait(0.5 * IDLE)
            got = exercise.use_session(here, ada.id, IDLE)
        at.require(
            holds=is_gone(got),
            message="B made the session, on a machine whose clock is an hour ahead, and A uses it. "
            f"It may live for {longest} s, and is still there: the time must be the server's",
            at_the_end=True,
        )
    with scene(timed) as at:
        at.begin_anew()
        here, there = at.clients[:2]
        ada.create(here, longest=longest)
        at.wait(0.6 * IDLE)
        with clock_ahead(there, ahead):
            exercise.use_session(there, ada.id, IDLE)
        for seconds, there_is in ((0.6 * IDLE, True), (0.5 * IDLE, False)):
            at.wait(seconds)
            at.require(
                holds=is_gone(ada.read(here)) is not there_is,
                message="A made the session, and B uses it, on a machine whose clock is an hour "
                f"ahead. From then on it lives for {IDLE} s, and "
                + ("is gone before" if there_is else "longer")
                + ": the time must be the server's",
                at_the_end=True,
            )


def test_task2_nothing_stays_for_ever(exercise: Exercise, lab: Lab) -> None:
    """A client that dies half-way, or a session that ends half-way, leaves nothing behind."""
    ada = Browser(exercise, lab=lab)

    def survives(_: End) -> None:
        require_mortal(lab, "your client dies between two commands")

    def stays_gone(end: End) -> None:
        require_mortal(lab, "the session ends between two of your commands")
        left = end.server.dbsize() - len(ada.immortal)
        back = ada.read(end.server)
        assert is_gone(back), (
            f"the session ends between two of your commands, and is back: {back!r}"
        )
        assert left == 0, (
            "the session ends between two of your commands, and a part of it is made anew by the "
            "second of them"
        )

    def old(server: Any) -> None:
        ada.create(server)
        pass_time(lab, 0.8 * IDLE)

    def use(client: Any) -> None:
        exercise.use_session(client, ada.id, IDLE)

    you = ["your client"]
    explore(nothing, [ada.create], survives, crashes=True, lab=lab, names=you)
    explore(old, [use], survives, crashes=True, lab=lab, names=you)
    ends = [use, lambda _: step("the session ends", lab.expire_now)]
    explore(old, ends, stays_gone, lab=lab, names=[*you, "time"])


def test_task2_uses_no_unknown_id(exercise: Exercise, lab: Lab) -> None:
    """A use makes no session, whatever id it is given."""
    for given in (UNKNOWN, *ODD):
        got = exercise.use_session(lab.client, given, IDLE)
        assert is_gone(got), f"nobody made a session {given!r:.30}: expected None, got {got!r}"
        stored = sorted(lab.server.scan_iter())
        assert stored == [], f"use_session() of an unknown id stored {', '.join(stored):.60}"


# Task 3 ----------------------------------------------------------------------------------


def log_in(exercise: Exercise, client: Any, browser: Browser) -> Any:
    """Log ada in with the browser's session."""
    return exercise.log_in(client, browser.id, "ada")


def test_task3_the_old_id_is_dead(exercise: Exercise, lab: Lab) -> None:
    """The login gives a new id, with the session's fields; the old one is worth nothing."""
    visitor = Browser(exercise, "")
    visitor.create(lab.client)
    new = log_in(exercise, lab.client, visitor)
    assert isinstance(new, str), f"log_in() should return the new id; it returned {new!r}"
    again = exercise.log_in(lab.client, visitor.id, "mallory")
    old = visitor.read(lab.client)
    assert new != visitor.id, (
        "the id is the same before and after the login: whoever planted it in the browser "
        "(session fixation) is logged in too"
    )
    assert is_gone(old), f"the old id still opens a session after the login: {old!r}"
    got = exercise.read_session(lab.client, new)
    assert got == FIELDS, f"after the login the session should be {FIELDS}; it is {got!r}"
    assert again is None, "a second login with the old id, which is dead, is given a session"


def test_task3_whoever_it_was(exercise: Exercise, lab: Lab) -> None:
    """Also a session that has a user, the same or another, gets a new id, and its user."""
    for user in ("bo", "ada"):
        before = Browser(exercise, user)
        before.create(lab.client)
        lab.forget()
        new = log_in(exercise, lab.client, before)
        assert new not in {None, before.id}, (
            f"ada logs in with a session of {user}'s, and should get a new id; got "
            + ("None" if new is None else "the old one")
        )
        got = exercise.read_session(lab.client, new)
        assert got == FIELDS, (
            f"ada has logged in with a session of {user}'s; it should be {FIELDS}, and is {got!r}"
        )


def test_task3_the_new_id_cannot_be_guessed(exercise: Exercise, lab: Lab) -> None:
    """It is drawn as the first one was."""
    hides_ids = ids_are_sound(exercise, lab)
    visitor = Browser(exercise, "")
    visitor.create(lab.client)
    with counted_randomness(exercise) as drawn:
        new = log_in(exercise, lab.client, visitor)
    found = exercise.read_session(lab.client, str(new))
    lab.forget()  # what was sent is no matter here
    assert is_random(drawn, str(new)), (
        f"the new id has fewer than {BITS} random bits of the operating system of its own"
    )
    assert found == FIELDS, "the new id opens no session"
    if hides_ids:
        require_secret(lab, str(new))


def test_task3_makes_nothing_of_an_unknown_id(exercise: Exercise, lab: Lab) -> None:
    """A login with an id that nobody made gives nothing."""
    for given in (UNKNOWN, *ODD):
        got = exercise.log_in(lab.client, given, "ada")
        assert got is None, f"nobody made a session {given!r:.30}, and a login with it succeeds"
        stored = sorted(lab.server.scan_iter())
        assert stored == [], f"log_in() with an unknown id stored {', '.join(stored):.60}"


def test_task3_keeps_the_end(exercise: Exercise, timed: Lab) -> None:
    """A login does not make the session live longer than it may, nor for ever, nor shorter."""
    if not use_is_sound(exercise, timed):
        return
    visitor = Browser(exercise, "", lab=timed)
    longest = 2 * IDLE
    with scene(timed) as at:
        client = at.clients[0]
        visitor.create(client, longest=longest)
        at.wait(0.6 * IDLE)
        visitor.id = log_in(exercise, client, visitor) or ""
        require_mortal(timed, "after a login", visitor.immortal)
        for _ in range(6):
            at.wait(0.2 * IDLE)
            got = exercise.use_session(client, visitor.id, IDLE)
        at.require(
            holds=got == FIELDS,
            message=f"it is used all the time, and may live for {longest} s; after the login, "
            f"and {1.8 * IDLE:.0f} s after its creation, it is {got!r}",
            at_the_end=True,
        )
        at.wait(0.3 * IDLE)
        got = exercise.use_session(client, visitor.id, IDLE)
        at.require(
            holds=is_gone(got),
            message=f"it was made more than {longest} s ago, and is still there: the login has "
            "taken its end away",
            at_the_end=True,
        )
        at.begin_anew()
        visitor.create(client)
        visitor.id = log_in(exercise, client, visitor) or ""
        at.wait(1.1 * IDLE)
        at.require(
            holds=is_gone(visitor.read(client)),
            message=f"nobody has used it since the login, which was {1.1 * IDLE:.0f} s ago, and it "
            f"is still there, though it lives for {IDLE} s",
            at_the_end=True,
        )


def test_task3_a_planted_id_never_opens_the_users_session(exercise: Exercise, lab: Lab) -> None:
    """The old id does not at any moment, nor if your client dies."""
    visitor = Browser(exercise, "", lab=lab)

    def check(end: End) -> None:
        seen = [visitor.read(end.server), end.results[1]]
        assert not any(found and found.get("user") == "ada" for found in seen), (
            "Mallory knows the old id, and looks in the middle of the login (or after your client "
            "died there): it opens the session of ada"
        )
        require_mortal(lab, "your client dies in the middle of a login", visitor.immortal)

    explore(
        visitor.create,
        [lambda client: log_in(exercise, client, visitor), visitor.read],
        check,
        crashes=True,
        lab=lab,
        names=["your client", "mallory"],
    )


def test_task3_two_logins_make_one_session(exercise: Exercise, lab: Lab) -> None:
    """Of two logins with one id, one gets None; a session that ends meanwhile is not brought back."""
    visitor = Browser(exercise, "", lab=lab)

    def one_has_it(end: End) -> None:
        ids = [made for made in end.results if made is not None]
        assert len(ids) == 1, (
            f"two requests log in with one id at the same moment; {len(ids)} of them got a new one: "
            "there are two sessions where there was one"
        )
        got = exercise.read_session(end.server, ids[0])
        assert got == FIELDS, f"of two logins one got an id, and its session is {got!r}"
        assert is_gone(visitor.read(end.server)), "after two logins the old id still works"

    def enter(client: Any) -> Any:
        return log_in(exercise, client, visitor)

    def stays_gone(_: End) -> None:
        require_mortal(lab, "the session ends in the middle of a login", visitor.immortal)

    explore(visitor.create, [enter, enter], one_has_it, lab=lab)
    ends = [enter, lambda _: step("the session ends", lab.expire_now)]
    explore(visitor.create, ends, stays_gone, lab=lab, names=["your client", "time"])


def test_task3_loses_no_field(exercise: Exercise, lab: Lab) -> None:
    """A field that is set during the login is there after it, or was refused."""
    visitor = Browser(exercise, "")
    visitor.create(lab.client)
    try:
        exercise.set_field(lab.client, visitor.id, "lang", "no")
    except NotImplementedError:
        return  # that is task 4, and no other request can set a field until then

    def check(end: End) -> None:
        made, was_set = end.results
        assert made is not None or not was_set, (
            "one request logs in while another sets the theme, and is told True; the login is "
            "told None, as if there were no session: the user must try once more"
        )
        if not is_gone(visitor.read(end.server)):
            return  # set_field() has made it anew: of that, task 4 tells
        got = exercise.read_session(end.server, made) or {}
        assert not was_set or got.get("theme") == "light", (
            "one request logs in while another sets the theme to 'light', and is told True. The "
            f"session has the theme {got.get('theme')!r}: an old copy was made of it"
        )
        got = got | {"theme": FIELDS["theme"]}
        assert got == FIELDS, f"after the login the session should be {FIELDS}; it is {got!r}"

    explore(
        visitor.create,
        [
            lambda client: log_in(exercise, client, visitor),
            lambda client: exercise.set_field(client, visitor.id, "theme", "light"),
        ],
        check,
        lab=lab,
    )


# Task 4 ----------------------------------------------------------------------------------


def test_task4_sets_one_field(exercise: Exercise, lab: Lab) -> None:
    """A field is changed or added; all others stay."""
    ada = Browser(exercise, lab=lab)
    ada.create(lab.client)
    got = exercise.set_field(lab.client, ada.id, "theme", "light")
    assert got is True, f"there is a session: expected True, got {got!r}"
    exercise.set_field(lab.client, ada.id, "lang", "no")
    want = FIELDS | {"theme": "light", "lang": "no"}
    found = ada.read(lab.client)
    assert found == want, f"the session should be {want}; it is {found!r}"
    require_mortal(lab, "a field was set", ada.immortal)
    visitor = Browser(exercise, "", {})
    visitor.create(lab.client)
    lab.forget()
    got = exercise.set_field(lab.client, visitor.id, "cart", "")
    found = visitor.read(lab.client)
    assert (got, found) == (True, {"user": "", "cart": ""}), (
        f"a visitor's session gets an empty cart: expected True, got {got!r}; it is {found!r}"
    )


def test_task4_leaves_its_time_alone(exercise: Exercise, timed: Lab) -> None:
    """To set a field ends no session, and makes none live for longer than it may."""
    ada, longest = Browser(exercise), int(1.2 * IDLE)
    with scene(timed) as at:
        client = at.clients[0]
        ada.create(client, longest=longest)
        at.wait(0.8 * IDLE)
        exercise.set_field(client, ada.id, "theme", "light")
        for seconds, there in ((0.15 * IDLE, True), (0.3 * IDLE, False)):
            at.wait(seconds)
            at.require(
                holds=is_gone(ada.read(client)) is not there,
                message=f"it was made to live for {IDLE} s, and for {longest} s at most. After "
                f"{0.8 * IDLE:.0f} s a field was set, and "
                + ("it is gone before its time" if there else "its end is no more"),
                at_the_end=True,
            )


def test_task4_sets_none_where_there_is_no_session(exercise: Exercise, lab: Lab) -> None:
    """Unknown ids, and those that were logged out, are refused."""
    ada = Browser(exercise)
    for given in (UNKNOWN, *ODD):
        got = exercise.set_field(lab.client, given, "theme", "light")
        stored = sorted(lab.server.scan_iter())
        assert stored == [], f"nobody made a session {given!r:.30}, and now there is {stored!r:.60}"
        assert got is False, f"nobody made a session {given!r:.30}: expected False, got {got!r}"
    ada.create(lab.client)
    exercise.log_out(lab.client, ada.id)
    exercise.log_out(lab.client, ada.id)
    got = exercise.set_field(lab.client, ada.id, "theme", "light")
    found = ada.read(lab.client)
    assert is_gone(found), f"after the logout, and set_field(), there is a session: {found!r}"
    assert got is False, f"the session was ended: expected False, got {got!r}"


def test_task4_loses_no_field(exercise: Exercise, lab: Lab) -> None:
    """Two requests that set two fields at the same moment both succeed."""
    ada = Browser(exercise)

    def check(end: End) -> None:
        got = ada.read(end.server)
        want = FIELDS | {"theme": "light", "cart": ""}
        assert got == want, (
            "One request empties the cart while another sets the theme to 'light'; then the "
            f"session is {got!r}: one wrote an old copy of the other's field"
        )

    explore(
        ada.create,
        [
            lambda client: exercise.set_field(client, ada.id, "theme", "light"),
            lambda client: exercise.set_field(client, ada.id, "cart", ""),
        ],
        check,
        lab=lab,
    )


def test_task4_a_logout_is_not_undone(exercise: Exercise, lab: Lab) -> None:
    """A slow request that sets a field, while the session is ended, does not bring it back."""
    ada = Browser(exercise, lab=lab)

    def check(end: End) -> None:
        back = ada.read(end.server)
        assert is_gone(back), (
            "A request is slow. Meanwhile the user logs out; then the request sets its field, and "
            f"the session is back: {back!r}"
        )
        require_mortal(lab, "the session was ended in the middle of set_field()", ada.immortal)

    def request(client: Any) -> Any:
        return exercise.set_field(client, ada.id, "theme", "light")

    def leave(client: Any) -> None:
        exercise.log_out(client, ada.id)

    def gone(server: Any) -> None:
        ada.create(server)
        exercise.log_out(server, ada.id)

    explore(ada.create, [request, leave], check, lab=lab)
    explore(gone, [request], check, crashes=True, lab=lab, names=["your client"])


# Task 5 ----------------------------------------------------------------------------------


def devices(found: Any) -> list[str]:
    """Return the devices of a list of sessions."""
    assert isinstance(found, list), f"list_sessions() should return a list; it returned {found!r}"
    assert all(isinstance(session, dict) for session in found), (
        f"each session should be a dict of its fields; list_sessions() returned {found!r:.80}"
    )
    return sorted(session.get("device", "?") for session in found)


def on(exercise: Exercise, client: Any, device: str, user: str = "ada", **times: int) -> Browser:
    """Return a browser with a session on that device."""
    browser = Browser(exercise, user, {"device": device})
    browser.create(client, **times)
    return browser


def later(at: Scene, *args: Any, **times: int) -> Browser:
    """Return the same, made a second later."""
    at.wait(1)
    return on(*args, **times)


def listed(exercise: Exercise, client: Any, user: str = "ada") -> list[str]:
    """Return the devices of a user's sessions."""
    return devices(exercise.list_sessions(client, user))


def test_task5_lists_a_users_sessions(exercise: Exercise, lab: Lab) -> None:
    """All that were made for the user, and not ended; nobody else's."""
    client = lab.client
    assert listed(exercise, client) == [], "ada has no session yet: expected an empty list"
    phone = on(exercise, client, "phone")
    on(exercise, client, "laptop")
    on(exercise, client, "laptop")  # of the same fields, and another all the same
    others = ("Ada", "ada:1", "ada_1")
    for name in others:
        on(exercise, client, f"tablet of {name}", name)
    on(exercise, client, "kiosk", "")
    got = listed(exercise, client)
    want = ["laptop", "laptop", "phone"]
    assert got == want, f"ada has a phone and two laptops; the list has {got}"
    exercise.log_out(client, phone.id)
    got = listed(exercise, client)
    assert got == want[:2], f"ada logged out on the phone, and has two laptops; the list has {got}"
    for name in others:
        got = listed(exercise, client, name)
        assert got == [f"tablet of {name}"], f"user {name} has a tablet; the list has {got}"


def test_task5_lists_what_a_login_brought(exercise: Exercise, lab: Lab) -> None:
    """A visitor's session is the user's from the login on, once."""
    if not login_is_sound(exercise, lab):
        return
    visitor = on(exercise, lab.client, "kiosk", "")
    new = log_in(exercise, lab.client, visitor)
    count = len(listed(exercise, lab.client))
    assert count == 1, f"ada has logged in at a kiosk; the list has {count} sessions"
    exercise.log_in(lab.client, new, "ada")
    count = len(listed(exercise, lab.client))
    assert count == 1, f"the kiosk's session got a new id; the list has {count} sessions"
    log_in(exercise, lab.client, on(exercise, lab.client, "phone", "bo"))
    got = listed(exercise, lab.client, "bo")
    assert got == [], f"bo's only session is ada's since her login; bo's list has {got}"


def test_task5_ends_all_but_one(exercise: Exercise, lab: Lab) -> None:
    """They are counted; the one that is to stay stays, and so do others'."""
    client = lab.client
    none = exercise.log_out_everywhere(client, "ada")
    assert none == 0, f"ada has no session yet: expected 0, got {none!r}"
    mine = [on(exercise, client, device) for device in ("phone", "laptop", "tablet")]
    other = on(exercise, client, "laptop", "bo")
    immortal = lab.keys_without_expiry()
    got = exercise.log_out_everywhere(client, "ada", mine[1].id)
    there = [not is_gone(browser.read(client)) for browser in mine]
    assert there == [False, True, False], (
        f"ada logs out everywhere but on the laptop; of phone, laptop, tablet are there: {there}"
    )
    assert got == 2, f"two sessions were ended: expected 2, got {got!r}"
    got = listed(exercise, client)
    assert got == ["laptop"], f"only the laptop is left; the list has {got}"
    require_mortal(lab, "ada logs out everywhere but on the laptop", immortal)
    exercise.log_out(client, on(exercise, client, "kiosk").id)
    got = exercise.log_out_everywhere(client, "ada")
    assert got == 1, (
        f"of two sessions one was logged out before, one is ended: expected 1, got {got!r}"
    )
    assert is_gone(mine[1].read(client)), "after log_out_everywhere() the laptop is still there"
    assert not is_gone(other.read(client)), "bo is logged out, though it was about ada"
    for kept, whose in ((other.id, "bo's"), (UNKNOWN, "nobody's")):
        last = on(exercise, client, "phone")
        got = exercise.log_out_everywhere(client, "ada", kept)
        assert (got, is_gone(last.read(client))) == (1, True), (
            f"ada has one session, and logs out everywhere but in {whose}: expected 1, got {got!r}; "
            f"her session is {'gone' if is_gone(last.read(client)) else 'still there'}"
        )
        got = listed(exercise, client)
        assert got == [], f"ada has no session any more, but in {whose}; the list has {got}"


def test_task5_looks_at_nobody_elses(exercise: Exercise, lab: Lab) -> None:
    """The server is not asked for all sessions that there are."""
    for number in range(OTHERS):
        exercise.create_session(lab.server, f"user {number}", DATA, idle=IDLE, longest=LONGEST)
    on(exercise, lab.server, "laptop")
    for ask in (
        lambda: exercise.list_sessions(lab.client, "ada"),
        lambda: exercise.log_out_everywhere(lab.client, "ada"),
    ):
        lab.forget()
        ask()
        huge = lab.commands_over_all_keys()
        assert huge == [], f"{huge[0]} looks at every key of the server"
        sent = lab.reply_items()
        assert sent < OTHERS, (
            f"ada has one session, and {OTHERS} others have one each: most of what the server sent "
            "is of others. Keep note of a user's own"
        )


def test_task5_forgets_what_is_gone(exercise: Exercise, timed: Lab) -> None:
    """Of sessions that have expired nothing is listed, and nothing kept."""
    short = {"longest": IDLE}  # in any case over: what lies beside a session is gone, too
    with scene(timed) as at:
        client = at.clients[0]
        later(at, exercise, client, "tablet", **short)
        listed(exercise, client)
        of_one = entries(timed)
        later(at, exercise, client, "phone", longest=2 * IDLE)
        at.wait(0.9 * IDLE)
        on(exercise, client, "laptop", **short)
        at.wait(0.3 * IDLE)
        at.lab.forget()
        got = listed(exercise, client)
        at.require(
            holds=got == ["laptop"],
            message=f"all sessions but the laptop's have expired; the list has {got}",
            at_the_end=True,
        )
        at.wait(0.5 * IDLE)
        on(exercise, client, "desk")
        at.wait(0.4 * IDLE)
        at.lab.forget()
        got = listed(exercise, client)
        at.require(
            holds=got == ["desk"] and entries(timed) <= of_one,
            message="all sessions but one have expired, and something of them is left",
            at_the_end=True,
        )


def test_task5_knows_a_session_as_long_as_it_lives(exercise: Exercise, timed: Lab) -> None:
    """Also one that is used for long, beside one that ended soon."""
    keeps_the_end = holds(timed, lambda: test_task3_keeps_the_end(exercise, timed))
    if not (keeps_the_end and use_is_sound(exercise, timed) and login_is_sound(exercise, timed)):
        return
    idle, longest = 20 * DAY, 200 * DAY
    brief, long = {"longest": idle // 2}, {"idle": idle, "longest": longest}
    with scene(timed) as at:
        client = at.clients[0]
        later(at, exercise, client, "kiosk", **brief)
        laptop = later(at, exercise, client, "laptop", **long)
        later(at, exercise, client, "kiosk", **brief)
        later(at, exercise, client, "kiosk", "bo", **brief)
        phone = later(at, exercise, client, "phone", "", **long)
        phone.id = exercise.log_in(client, phone.id, "bo")
        for _ in range(5):
            at.wait(0.8 * idle)
            for browser in (laptop, phone):
                exercise.use_session(client, browser.id, idle)
        at.lab.forget()
        for user, browser in (("ada", laptop), ("bo", phone)):
            device = browser.data["device"]
            got = listed(exercise, client, user)
            at.require(
                holds=got == [device],
                message=f"{user}'s {device} has been in use for {4 * idle // DAY} days; the list "
                f"has {got}",
                at_the_end=True,
            )
            exercise.log_out_everywhere(client, user)
            at.require(
                holds=is_gone(browser.read(client)),
                message=f"{user} logs out everywhere, and the {device} goes on",
                at_the_end=True,
            )


def test_task5_a_half_done_logout_is_done_again(exercise: Exercise, lab: Lab) -> None:
    """Whose client dies in the middle of it comes back, and logs out everywhere."""
    phone, laptop = (Browser(exercise, data={"device": name}) for name in ("phone", "laptop"))

    def setup(server: Any) -> None:
        phone.create(server)
        laptop.create(server)

    def check(end: End) -> None:
        exercise.log_out_everywhere(end.server, "ada")
        alive = [it for it in (phone, laptop) if not is_gone(it.read(end.server))]
        assert alive == [], (
            "your client dies in the middle of a logout. Then ada logs out everywhere, and a "
            "session is still there: it had been taken off the list before it was ended"
        )

    setup(lab.server)
    exercise.log_out_everywhere(lab.client, "ada", laptop.id)  # a loop without end stops here
    for leave in (
        lambda client: exercise.log_out(client, phone.id),
        lambda client: exercise.log_out_everywhere(client, "ada", laptop.id),
    ):
        explore(setup, [leave], check, crashes=True, lab=lab, names=["your client"])


def test_task5_a_new_id_does_not_escape(exercise: Exercise, lab: Lab) -> None:
    """A session that gets a new id, while all are ended, is ended too."""
    if not login_is_sound(exercise, lab):
        return
    laptop = Browser(exercise, data={"device": "laptop"})

    def check(end: End) -> None:
        new = end.results[0]
        ids = [id_ for id_ in (laptop.id, new) if id_]
        alive = [id_ for id_ in ids if not is_gone(exercise.read_session(end.server, id_))]
        assert alive == [], (
            "The laptop's session gets a new id while ada logs out everywhere. Both are done, and "
            "the session is still there, under " + ("the new id" if new in alive else "the old one")
        )

    explore(
        laptop.create,
        [
            lambda client: log_in(exercise, client, laptop),
            lambda client: exercise.log_out_everywhere(client, "ada"),
        ],
        check,
        lab=lab,
    )


def test_task5_lists_while_others_come_and_go(exercise: Exercise, lab: Lab) -> None:
    """A list is right also if a session ends, or moves, meanwhile."""
    if not login_is_sound(exercise, lab):
        return
    laptop = Browser(exercise, data={"device": "laptop"})

    def show(client: Any) -> list[str]:
        return listed(exercise, client)

    def check(end: End) -> None:
        got = end.results[0]
        assert len(got) <= 1, f"ada has a laptop, or nothing; the list has {len(got)} sessions"

    def is_whole(end: End) -> None:
        got = end.results[0]
        assert got in ([], ["laptop"]), f"ada has a laptop, or nothing; the list has {got}"

    def is_listed(end: End) -> None:
        got = listed(exercise, end.server)
        assert got == ["laptop"], (
            "ada's session is made while somebody looks at the list. It is there, and the list "
            f"has {got} from then on"
        )

    def is_known(end: End) -> None:
        check(end)
        exercise.log_out_everywhere(end.server, "ada")
        got = exercise.read_session(end.server, end.results[1])
        assert is_gone(got), (
            "The laptop's session gets a new id while somebody looks at the list. Then ada logs "
            "out everywhere, and it goes on"
        )

    def leave(client: Any) -> None:
        exercise.log_out(client, laptop.id)

    def enter(client: Any) -> Any:
        return log_in(exercise, client, laptop)

    explore(nothing, [show, laptop.create], is_listed, lab=lab)
    explore(laptop.create, [show, leave], is_whole, lab=lab)
    explore(laptop.create, [show, enter], is_known, lab=lab)


# Task 6 ----------------------------------------------------------------------------------

HALF_AN_HOUR = 1800  # seconds


def request(exercise: Exercise, client: Any, cookie: str | None, **changes: str) -> str:
    """Make a whole request, and return the id that the browser has after it."""
    session_id, before = exercise.open_request(client, cookie)
    exercise.close_request(client, session_id, dict(before), {**before, **changes})
    made: str = session_id
    return made


def fields(exercise: Exercise, client: Any, cookie: str) -> dict[str, str]:
    """Return the fields that the next request finds, but for an empty user."""
    _, found = exercise.open_request(client, cookie)
    return {name: text for name, text in found.items() if (name, text) != ("user", "")}


def test_task6_remembers_a_visitor(exercise: Exercise, lab: Lab) -> None:
    """What one request changes the next one finds."""
    cookie = request(exercise, lab.client, None, theme="dark")
    again = request(exercise, lab.client, cookie, lang="no")
    assert again == cookie, "the session is there, and the second request was given another id"
    got = fields(exercise, lab.client, cookie)
    want = {"theme": "dark", "lang": "no"}
    assert got == want, f"two requests set {want}; the third finds {got!r}"
    request(exercise, lab.client, cookie, theme="", cart="")
    got = fields(exercise, lab.client, cookie)
    want = {"theme": "", "lang": "no", "cart": ""}
    assert got == want, f"a request empties two fields: expected {want}, got {got!r}"
    other = request(exercise, lab.client, None)
    assert other != cookie, "two visitors got one id"
    exercise.end_session(lab.client, cookie)
    got = fields(exercise, lab.client, cookie)
    assert got == {}, f"after the logout a request finds {got!r}"


def test_task6_has_ids_as_before(exercise: Exercise, lab: Lab) -> None:
    """Nobody guesses an id, nor reads it on the server."""
    if not ids_are_sound(exercise, lab):
        return
    with counted_randomness(exercise) as drawn:
        cookie, _ = exercise.open_request(lab.client, None)
    require_secret(lab, cookie)
    assert is_random(drawn, cookie), (
        f"a new visitor's id has fewer than {BITS} random bits of the operating system"
    )


def test_task6_adopts_no_planted_id(exercise: Exercise, lab: Lab) -> None:
    """A visitor who brings an id that nobody made is given another one."""
    got = request(exercise, lab.client, UNKNOWN, user="ada")
    assert got != UNKNOWN, (
        "the browser brought an id that nobody made, and its session now lies under that id: "
        "whoever planted it knows it, and is logged in with the user"
    )
    found = fields(exercise, lab.client, UNKNOWN)
    assert found == {}, f"under the planted id is now {found!r}"


def test_task6_does_not_undo_a_logout(exercise: Exercise, lab: Lab) -> None:
    """A request that ends after the logout does not bring the session back."""
    kept: dict[str, Any] = {}

    def setup(server: Any) -> None:
        kept["id"] = request(exercise, server, None, user="ada")
        kept["before"] = fields(exercise, server, kept["id"])

    def close(client: Any) -> None:
        after = kept["before"] | {"theme": "dark"}
        exercise.close_request(client, kept["id"], dict(kept["before"]), after)

    def check(end: End) -> None:
        back = fields(exercise, end.server, kept["id"])
        assert back == {}, (
            "A request is under way while the user logs out. It ends, stores what it changed, and "
            f"the session is back: {back!r}"
        )
        require_mortal(lab, "a request ended after the logout")

    def new(server: Any) -> None:
        kept["id"], kept["before"] = exercise.open_request(server, None)

    leave = [close, lambda client: exercise.end_session(client, kept["id"])]
    explore(setup, leave, check, lab=lab)
    explore(new, leave, check, lab=lab)


def test_task6_loses_no_change(exercise: Exercise, lab: Lab) -> None:
    """Two requests that overlap, and change two fields, both succeed."""
    kept: dict[str, Any] = {}

    def setup(server: Any) -> None:
        kept["id"] = request(exercise, server, None, theme="dark", lang="en")
        kept["before"] = fields(exercise, server, kept["id"])

    def close(**changes: str) -> Callable[[Any], None]:
        return lambda client: exercise.close_request(
            client, kept["id"], dict(kept["before"]), kept["before"] | changes
        )

    def check(end: End) -> None:
        got = fields(exercise, end.server, kept["id"])
        want = {"theme": "light", "lang": "no"}
        assert got == want, (
            "Two requests begin with theme dark, lang en. One sets the theme to light, the other "
            f"the language to no; then the session is {got!r}: a change is lost"
        )

    explore(setup, [close(theme="light"), close(lang="no")], check, lab=lab)


def test_task6_a_look_writes_nothing(exercise: Exercise, timed: Lab) -> None:
    """A request that changes nothing writes nothing, but to prolong a session when it is time."""
    with scene(timed) as at:
        client = at.clients[0]
        cookie = request(exercise, client, None, theme="dark")
        request(exercise, client, cookie)
        at.wait(HALF_AN_HOUR / 10)
        before = everything(timed)
        at.lab.forget()
        again = request(exercise, client, cookie)
        at.require(
            holds=again == cookie,
            message="three minutes after the last request another one comes, and the session is "
            "gone",
            at_the_end=True,
        )
        at.require(
            holds=everything(timed) == before,
            message="three minutes after the last request another one just looks, and yet it is "
            "written: that is one write for each page that anybody looks at",
        )
        at.wait(0.6 * HALF_AN_HOUR)
        request(exercise, client, cookie)
        at.wait(0.8 * HALF_AN_HOUR)
        at.require(
            holds=fields(exercise, client, cookie) == {"theme": "dark"},
            message="a session lives for half an hour after its last use, give or take a quarter; "
            "24 minutes after it, it is gone",
            at_the_end=True,
        )
        at.wait(1.6 * HALF_AN_HOUR)
        at.require(
            holds=fields(exercise, client, cookie) == {},
            message="a session lives for half an hour after its last use, give or take a quarter; "
            "48 minutes after it, it is still there",
            at_the_end=True,
        )


def test_task6_lives_for_a_day_at_most(exercise: Exercise, timed: Lab) -> None:
    """However often it is used: a stolen id is of use for so long, and no longer."""
    with scene(timed) as at:
        client = at.clients[0]
        cookie = request(exercise, client, None, user="ada")
        for _ in range(int(DAY / HALF_AN_HOUR / 0.8) + 2):
            at.wait(0.8 * HALF_AN_HOUR)
            request(exercise, client, cookie, last="now")
        at.lab.forget()
        got = fields(exercise, client, cookie)
        at.require(
            holds=got == {},
            message=f"a request comes every 24 minutes. After more than a day it finds {got}",
            at_the_end=True,
        )
        require_mortal(timed, "after a day")
