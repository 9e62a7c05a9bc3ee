"""What exercise 2 asks. Each test's docstring is its claim; each message speaks to the learner."""

import math
import textwrap
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from pydantic import BaseModel
from tests.support import caching
from tests.support.caching import Prices, Source, Table
from tests.support.scenes import Paused, Scene, nothing, now, pass_time, scene

from workshop.exercise import Exercise, ExerciseError
from workshop.interleave import explore, step
from workshop.lab import Lab, TooManyTripsError
from workshop.plugin import Target
from workshop.recorder import Sent
from workshop.schedule import End

KEEP = 60  # seconds
ENTRIES = 300  # with one tag
FRACTION = 0.9  # seconds; EX takes whole ones, and no 0


def require_works(what: str, call: Callable[[], Any]) -> None:
    """Call with a fraction of a second; an exception becomes a message."""
    try:
        call()
    except (NotImplementedError, ExerciseError):
        raise
    except Exception as error:  # noqa: BLE001 - that is the claim
        kind = type(error).__name__
    else:
        return
    raise AssertionError(
        f"{what} is {FRACTION} s, and your code ends with {kind}: EX takes whole seconds, and "
        f"int({FRACTION}) is none; PX takes milliseconds"
    )


# Task 1 ----------------------------------------------------------------------------------


def test_task1_loads_once(exercise: Exercise, lab: Lab) -> None:
    """The first call loads the value and stores it; the next ones find it."""
    source = Source({"name": "Ada", "langs": ["en"]})
    got = [exercise.get_or_load(lab.client, "user:7", source, KEEP) for _ in range(3)]
    assert got == [source.value] * 3, f"three calls should return {source.value}; they gave {got!r}"
    assert source.loads == 1, f"three calls, and load() was called {source.loads} times, not once"
    assert lab.server.dbsize() > 0, "the server holds nothing: another process would load again"
    other = exercise.get_or_load(lab.client, "user:8", Source("Bo"), KEEP)
    assert other == "Bo", f"under another key is another value: expected 'Bo', got {other!r}"


def test_task1_every_value_is_a_value(exercise: Exercise, lab: Lab) -> None:
    """What is false to Python (0, an empty text, False, an empty list, None) is stored too."""
    for value in (0, "", False, [], None):
        lab.server.flushdb()
        source = Source(value)
        got = [exercise.get_or_load(lab.client, "n", source, KEEP) for _ in range(2)]
        assert got == [value] * 2, f"load() returned {value!r}; two calls gave {got!r}"
        assert source.loads == 1, (
            f"the value is {value!r}, it was stored, and yet was loaded again: your code takes it "
            "for nothing"
        )


def test_task1_expires(exercise: Exercise, lab: Lab) -> None:
    """An entry expires after its seconds, less a tenth at most."""
    for seconds in (KEEP, 10 * KEEP):
        lab.server.flushdb()
        exercise.get_or_load(lab.client, "user:7", Source("Ada"), seconds)
        left = lab.ttl()
        assert left is not None, "the entry has no expiry: it is served for ever"
        assert seconds * 0.9 - 2 < left <= seconds, (
            f"asked for {seconds} s, less a tenth at most; it would expire in {left:.1f} s"
        )


def test_task1_spreads_the_expiries(exercise: Exercise, lab: Lab) -> None:
    """Entries stored together do not expire together."""
    for number in range(40):
        exercise.get_or_load(lab.client, f"user:{number}", Source("Ada"), 1000)
    left = [lab.server.pttl(key) / 1000 for key in lab.server.scan_iter()]
    spread = max(left) - min(left)
    assert spread > 20, (
        "40 entries for 1000 s were stored in one moment, and will expire within "
        f"{spread:.0f} s: then all 40 are loaded at once. Spread them over a tenth"
    )
    left = []
    for _ in range(12):
        lab.server.flushdb()
        exercise.get_or_load(lab.client, "user:7", Source("Ada"), 1000)
        left.append(lab.ttl() or 0)
    spread = max(left) - min(left)
    assert spread > 5, (
        "one entry was stored 12 times for 1000 s, and its lifetimes differ by "
        f"{spread:.0f} s at most: draw anew each time, as the same keys may be stored together again"
    )


def test_task1_a_failed_load_leaves_nothing(exercise: Exercise, lab: Lab) -> None:
    """If load() raises, the caller is told, and nothing is stored."""
    told = False
    try:
        exercise.get_or_load(lab.client, "user:7", Source(LookupError("no database")), KEEP)
    except LookupError:
        told = True
    assert told, (
        "load() failed, and get_or_load() kept it to itself: its caller takes that for a value"
    )
    stored = lab.server.dbsize()
    assert stored == 0, "load() failed, and something was stored all the same"


def test_task1_runs_nothing(exercise: Exercise, lab: Lab) -> None:
    """A text that somebody else put into the cache cannot make the reader run code."""
    exercise.get_or_load(lab.client, "user:7", Source("Ada"), KEEP)
    caching.ran.clear()
    for key in [key for key in lab.server.scan_iter() if lab.server.type(key) == "string"]:
        poisoned = caching.plant(lab.server.get(key))
        if poisoned is not None:
            lab.server.set(key, poisoned)
    with suppress(Exception):
        exercise.get_or_load(lab.client, "user:7", Source("Ada"), KEEP)
    assert caching.ran == [], (
        "what you store is a pickle. The test put one of its own in its place, and your reader ran "
        "the code in it: store JSON"
    )


def test_task1_a_hit_is_one_round_trip(exercise: Exercise, lab: Lab) -> None:
    """A hit waits for the server once."""
    exercise.get_or_load(lab.client, "user:7", Source("Ada"), KEEP)
    trips = lab.round_trips(lambda: exercise.get_or_load(lab.client, "user:7", Source("Ada"), KEEP))
    assert trips == 1, f"a hit took {trips} round trips; one GET tells both: whether, and what"


def test_task1_survives_an_expiry_half_way(exercise: Exercise, lab: Lab) -> None:
    """An entry that expires in the middle of a call is loaded anew."""

    def ask(client: Any) -> str:
        try:
            got = exercise.get_or_load(client, "user:7", Source("Ada"), KEEP)
        except (NotImplementedError, ExerciseError):
            raise
        except Exception as error:  # noqa: BLE001 - that is the claim
            return f"end with {type(error).__name__}"
        return f"return {got!r}"

    def check(end: End) -> None:
        assert end.results[0] == "return 'Ada'", (
            f"the entry expires between two of your commands, and you {end.results[0]}: "
            "you asked whether it is there, and then for what is not there any more"
        )

    explore(
        lambda server: exercise.get_or_load(server, "user:7", Source("Ada"), KEEP),
        [
            ask,
            lambda _: step("the entry expires", lab.expire_now),
        ],
        check,
        lab=lab,
        names=["your client", "time"],
    )


def test_task1_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies half-way leaves no entry without an expiry."""

    def check(_end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], "your client dies between two commands, and the entry never expires"

    explore(
        nothing,
        [lambda client: exercise.get_or_load(client, "user:7", Source("Ada"), KEEP)],
        check,
        crashes=True,
        lab=lab,
        names=["your client"],
    )


def test_task1_takes_a_fraction(exercise: Exercise, lab: Lab) -> None:
    """The time may be less than a second."""
    require_works(
        "The time",
        lambda: exercise.get_or_load(lab.client, "user:7", Source("Ada"), FRACTION),
    )


# Task 2 ----------------------------------------------------------------------------------


def price_of(product: Any, currency: str = "EUR") -> None:
    """Be a function with a default."""


def anything(*args: Any, **options: Any) -> None:
    """Be a function of any arguments."""


class Admins:
    """Have a function named like another class's."""

    def active(self: Any) -> None:
        """Be one of two functions named `active`."""


class Guests:
    """Have a function named like another class's."""

    def active(self: Any) -> None:
        """Be one of two functions named `active`."""


def test_task2_one_call_has_one_key(exercise: Exercise) -> None:
    """A call has one key, however it is written."""
    first = exercise.call_key(price_of, (5,), {})
    assert isinstance(first, str), f"a key is a str; call_key() returned {first!r}"
    for args, kwargs, written in (
        ((5,), {}, "f(5) again"),
        ((), {"product": 5}, "f(product=5)"),
        ((5, "EUR"), {}, "f(5, 'EUR'), which is the default"),
        ((), {"currency": "EUR", "product": 5}, "f(currency='EUR', product=5)"),
    ):
        key = exercise.call_key(price_of, args, kwargs)
        assert key == first, f"f(5) and {written} are one call, and got two keys"
    one, two = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    same = exercise.call_key(anything, (), one) == exercise.call_key(anything, (), two)
    assert same, "f takes **options: f(a=1, b=2) and f(b=2, a=1) are one call, and got two keys"


def test_task2_other_calls_have_other_keys(exercise: Exercise) -> None:
    """Calls with other arguments, and of other functions, have other keys."""
    for one, two in (
        ((2,), ("2",)),
        ((None,), ("",)),
        ((None,), ("None",)),
        ((True,), (1,)),
        ((1.0,), (1,)),
        (("a:b",), ("a", "b")),
        ((["a", "b"],), ("a:b",)),
        ((["a", "b"],), ("a", "b")),
        (("1:b:2", "3"), ("1", "2:b:3")),
        (("a', 'b",), ("a", "b")),
        (("a,b",), ("a", "b")),
        (("a", ""), ("a",)),
    ):
        same = exercise.call_key(anything, one, {}) == exercise.call_key(anything, two, {})
        assert not same, f"f{one} and f{two} are two calls, and got one key"
    same = exercise.call_key(Admins.active, (1,), {}) == exercise.call_key(Guests.active, (1,), {})
    assert not same, "Admins.active and Guests.active are two functions, and got one key"
    same = exercise.call_key(anything, (1,), {}) == exercise.call_key(price_of, (1,), {})
    assert not same, "two functions called with 1 got one key"
    other = caching.twin(price_of, "another.module")
    same = exercise.call_key(other, (1,), {}) == exercise.call_key(price_of, (1,), {})
    assert not same, "two functions of one name, in two modules, got one key"


def test_task2_many_calls_have_many_keys(exercise: Exercise) -> None:
    """Among millions of calls no two have one key."""
    keys = [exercise.call_key(anything, (caching.long_text(number),), {}) for number in range(64)]
    room = caching.room_in(keys)
    assert room > 40, (
        f"the keys of different calls differ in {room:.0f} bits: of about {10 ** round(math.log10(2) * room / 2):,} calls two "
        "have one key, and one gets the other's value. Take more of the digest"
    )


def test_task2_every_process_makes_the_same_key(exercise: Exercise, target: Target) -> None:
    """Another process makes the same key for the same call."""
    here = exercise.call_key(textwrap.shorten, ("Ada",), {"width": 2})
    there = caching.key_elsewhere(target.file, target.mistake)
    assert here == there, (
        "the same call has another key in another process: the cache is shared, and nobody finds "
        "what the others stored. Python's hash() differs from process to process"
    )


def key_or_none(exercise: Exercise, argument: Any) -> str | None:
    """Return the key of a call with this argument, None if it is refused."""
    try:
        key: str = exercise.call_key(anything, (argument,), {})
    except TypeError:
        return None
    return key


def test_task2_refuses_what_it_cannot_name(exercise: Exercise) -> None:
    """An object that has no name in another process is refused by TypeError."""
    first, second = object(), object()
    for argument in (first, [1, [first]]):
        key = key_or_none(exercise, argument)
        inside = "" if argument is first else ", inside a list,"
        assert key is None or key != key_or_none(exercise, second), (
            f"an object(){inside} got a key, and another object() the same key: two objects of "
            "one kind may be quite different. Raise TypeError"
        )
        assert key is None, (
            f"an argument was an object(){inside} whose name is its address in memory, and got a "
            "key: the next object at that address would get its value. Raise TypeError"
        )
    one, two = key_or_none(exercise, {1: 2}), key_or_none(exercise, {"1": 2})
    assert one is None or one != two, (
        "f({1: 2}) and f({'1': 2}) got one key: JSON makes text of a dict's keys. Raise TypeError "
        "for a dict, as for all that is not asked for"
    )


# Task 3 ----------------------------------------------------------------------------------


class Owner(BaseModel):
    """A part of a model."""

    name: str
    since: datetime


class Article(BaseModel):
    """What is stored now: prices are in cents."""

    title: str
    price: int
    tax: Decimal | None = None
    owner: Owner | None = None


class OldArticle(BaseModel):
    """What was stored before: prices were in euros, and the title had another name."""

    name: str
    price: int


OWNER = Owner(name="Ada", since=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
LAMP = Article(title="lamp", price=1999, tax=Decimal("3.19"), owner=OWNER)


def load_article(exercise: Exercise, lab: Lab, what: str) -> Any:
    """Return the article that the learner's code loads; an exception becomes a message."""
    try:
        return exercise.load_model(lab.client, "article:7", Article, 2)
    except (NotImplementedError, ExerciseError):
        raise
    except Exception as error:  # noqa: BLE001 - that is the claim
        kind = type(error).__name__
        kind = kind if kind != "Error" else f"{type(error).__module__}.Error"  # binascii.Error
    raise AssertionError(
        f"{what}, and load_model() raises {kind}: a page that worked yesterday fails until "
        "the entry expires. Take it for a miss"
    )


def test_task3_saves_and_loads(exercise: Exercise, lab: Lab) -> None:
    """A model comes back as it was, with all its types, until it expires."""
    exercise.save_model(lab.client, "article:7", LAMP, 2, KEEP)
    left = lab.server.pttl("article:7") / 1000
    assert KEEP - 5 < left <= KEEP, (
        f"stored for {KEEP} s, and would {f'expire in {left:.0f} s' if left >= 0 else 'never expire'}"
    )
    nothing_there = exercise.load_model(lab.client, "article:8", Article, 2)
    assert nothing_there is None, f"nothing is stored: expected None, got {nothing_there!r}"
    got = load_article(exercise, lab, "an article was stored")
    assert got == LAMP, f"stored {LAMP!r}; loaded {got!r}"
    kept = lab.server.type("article:7")
    assert kept == "string", f"it should be one text under the key `article:7`; there is: {kept}"


def test_task3_an_old_form_is_a_miss(exercise: Exercise, lab: Lab) -> None:
    """What an older program stored, with other fields or without a version, is a miss."""
    old = OldArticle(name="lamp", price=20)
    exercise.save_model(lab.client, "article:7", old, 1, KEEP)
    got = load_article(exercise, lab, "version 1 of the model, with other fields, is in the cache")
    assert got is None, f"an article of another form was stored; expected None, got {got!r}"
    lab.server.set("article:7", old.model_dump_json())
    got = load_article(exercise, lab, "an article from before there were versions is in the cache")
    assert got is None, f"it was stored without a version; expected None, got {got!r}"


def test_task3_another_version_is_a_miss(exercise: Exercise, lab: Lab) -> None:
    """What was stored under another version of the schema is not read, even where it would fit."""
    exercise.save_model(lab.client, "article:7", LAMP.model_copy(update={"price": 20}), 1, KEEP)
    got = load_article(exercise, lab, "version 1 of an article is stored, and version 2 asked for")
    assert got is None, (
        "version 1 had its prices in euros, version 2 has them in cents. A lamp of 20 euros, stored "
        f"as version 1, is read as one of {got.price} cents"
    )


def test_task3_what_is_corrupt_is_a_miss(exercise: Exercise, lab: Lab) -> None:
    """Whatever text is there instead of a model, it is a miss and no exception."""
    exercise.save_model(lab.client, "article:7", OldArticle(name="lamp", price=20), 2, KEEP)
    got = load_article(exercise, lab, "another model is stored under the right version")
    assert got is None, f"another model is stored under this version: expected None, got {got!r}"
    exercise.save_model(lab.client, "article:7", LAMP, 2, KEEP)
    for text in caching.spoilt(lab.server.get("article:7")):
        lab.server.set("article:7", text)
        got = load_article(exercise, lab, "the text in the cache is cut, or not of this form")
        assert got is None, f"the text {text!r} is no article: expected None, got {got!r}"


def test_task3_runs_nothing(exercise: Exercise, lab: Lab) -> None:
    """A text that somebody else put into the cache cannot make the reader run code."""
    exercise.save_model(lab.client, "article:7", LAMP, 2, KEEP)
    poisoned = caching.plant(lab.server.get("article:7"))
    caching.ran.clear()
    if poisoned is not None:
        lab.server.set("article:7", poisoned)
        load_article(exercise, lab, "the text is a pickle of somebody else's making")
    assert caching.ran == [], (
        "what you store is a pickle. The test put one of its own in its place, and your reader ran "
        "the code in it: whoever can write to the cache can do anything in your process"
    )


# Task 4 ----------------------------------------------------------------------------------

MISSING = 5  # seconds that "there is none" is kept


def is_loaded(source: Source, ask: Callable[[], Any]) -> bool:
    """Ask, and return whether the value was loaded."""
    before = source.loads
    ask()
    return source.loads > before


def is_read(table: Table | Prices, ask: Callable[[], Any]) -> bool:
    """Ask, and return whether the table was."""
    before = table.reads
    ask()
    return table.reads > before


def test_task4_keeps_what_is_there(exercise: Exercise, lab: Lab) -> None:
    """A row is read once and kept, whatever text it is."""
    for row in ("Ada", "", "null", "None", "missing", "-1", "\0"):
        lab.server.flushdb()
        lab.forget()
        table = Table(lab.recorder, u7=row)
        first, second = (
            exercise.find_user(lab.client, table, "u7", KEEP, MISSING) for _ in range(2)
        )
        assert first == row, f"the row is {row!r}; find_user() returned {first!r}"
        assert second is not None, (
            f"the row is {row!r}, and the second call returned None: what stands for 'there is "
            "none' in your cache is also a row"
        )
        assert second == row, f"the row is {row!r}; the second call returned {second!r}"
        assert table.reads == 1, f"the row {row!r} was read {table.reads} times, not once"


def test_task4_keeps_a_row_for_its_time(exercise: Exercise, lab: Lab) -> None:
    """A row is kept for its seconds, and no longer."""
    with scene(lab) as at:
        client = at.clients[0]
        table = Table(lab.recorder, u7="Ada").as_seen_by("client A")
        exercise.find_user(client, table, "u7", KEEP, MISSING)

        def reads() -> bool:
            return is_read(table, lambda: exercise.find_user(client, table, "u7", KEEP, MISSING))

        at.require_kept("a row", KEEP, reads)


def test_task4_remembers_that_there_is_none(exercise: Exercise, lab: Lab) -> None:
    """For a user who does not exist the table is asked once, and again when the time is over."""
    with scene(lab) as at:
        client, table = at.clients[0], Table(lab.recorder).as_seen_by("client A")

        def find() -> Any:
            return exercise.find_user(client, table, "u7", KEEP, MISSING)

        got = [find() for _ in range(3)]
        assert got == [None] * 3, f"there is no such user: expected None, got {got!r}"
        at.require(
            holds=table.reads == 1,
            message="Three questions for a user who does not exist went to the table "
            f"{table.reads} times: whoever asks for ids at random asks the table each time",
            at_the_end=True,
        )
        at.require_kept("That there is no such user", MISSING, lambda: is_read(table, find))


def test_task4_finds_who_was_created(exercise: Exercise, lab: Lab) -> None:
    """A user is found as soon as they are created, also if somebody asked before."""
    with scene(lab) as at:
        client, table = at.clients[0], Table(lab.recorder).as_seen_by("client A")

        def find() -> Any:
            return exercise.find_user(client, table, "u7", KEEP, MISSING)

        find()
        exercise.create_user(client, table, "u7", "Ada", KEEP)
        assert table.rows == {"u7": "Ada"}, f"the table should hold the row; it holds {table.rows}"
        got = find()
        at.require(
            holds=got == "Ada",
            message="Somebody asked for the user; then the user was created, and is still not "
            "found: the cache remembers that there is none",
            at_the_end=True,
        )
        at.require_kept("A new user's row", KEEP, lambda: is_read(table, find))


def test_task4_the_table_decides(exercise: Exercise, lab: Lab) -> None:
    """A user whom the table did not take is not found."""
    table = Table(lab.recorder)
    table.is_down, told = True, False
    try:
        exercise.create_user(lab.client, table, "u7", "Ada", KEEP)
    except ConnectionError:
        told = True
    assert told, "the table did not take the row, and create_user() did not pass that on"
    table.is_down = False
    got = exercise.find_user(lab.client, table, "u7", KEEP, MISSING)
    assert got is None, (
        f"The table did not take the row, and find_user() finds {got!r}: you told the cache first, "
        "and it serves a user who never was"
    )


def test_task4_finds_who_was_asked_for_too_soon(exercise: Exercise, lab: Lab) -> None:
    """A user is found though somebody asked while the table had not quite taken the row."""
    with scene(lab) as at:
        a, b, _ = at.clients
        table = Table(lab.recorder).as_seen_by("client A")
        of_b = table.as_seen_by("client B")
        table.before_write = lambda: exercise.find_user(b, of_b, "u7", KEEP, MISSING)
        exercise.create_user(a, table, "u7", "Ada", KEEP)
        got = exercise.find_user(b, of_b, "u7", KEEP, MISSING)
        at.require(
            holds=got == "Ada",
            message="A creates a user, and B asks for them just before the table has the row. Then "
            f"it has, and B still gets {got!r}: what A did to the cache came too early",
        )


def test_task4_finds_who_is_created_meanwhile(exercise: Exercise, lab: Lab) -> None:
    """A user who is created while somebody asks for them is found from then on."""
    table = Table(lab.recorder)

    def check(end: End) -> None:
        got = exercise.find_user(end.server, table, "u7", KEEP, MISSING)
        assert got == "Ada", (
            "One client asks for a user while another creates that user. Both are done, and the "
            f"next who asks gets {got!r}: 'there is none' came into the cache after the row"
        )

    explore(
        lambda _: table.rows.clear(),
        [
            lambda client: exercise.find_user(client, table, "u7", KEEP, MISSING),
            lambda client: exercise.create_user(client, table, "u7", "Ada", KEEP),
        ],
        check,
        lab=lab,
        outside=lambda: table.rows,
    )


# Task 5 ----------------------------------------------------------------------------------


def test_task5_reads_through(exercise: Exercise, lab: Lab) -> None:
    """A price is read from the table once, and kept until it expires."""
    prices = Prices(lab.recorder)
    prices.begin(lamp=1999, pen=0)
    for product, cents in (("lamp", 1999), ("pen", 0)):
        prices.reads = 0
        got = [exercise.read_price(lab.client, prices, product, KEEP) for _ in range(2)]
        assert got == [cents] * 2, f"{product} costs {cents}; read_price() returned {got!r}"
        assert prices.reads == 1, f"two calls read the table {prices.reads} times, not once"
    got = exercise.read_price(lab.client, prices, "sofa", KEEP)
    assert got is None, f"there is no sofa: expected None, got {got!r}"


def test_task5_writes_through(exercise: Exercise, lab: Lab) -> None:
    """A saved price is in the table and in the cache."""
    prices = Prices(lab.recorder)
    for cents in (1999, 1899):
        exercise.save_price(lab.client, prices, "lamp", cents, KEEP)
        written = prices.cents("lamp")
        assert written == cents, f"the table should say {cents}; it says {written!r}"
        version = prices.rows["lamp"][0]
        got = exercise.read_price(lab.client, prices, "lamp", KEEP)
        assert got == cents, (
            f"saved {cents}, which is version {version}; read_price() returned {got!r}"
        )
    assert prices.reads == 0, "after a save the next read went to the table: it should be a hit"


def test_task5_keeps_a_price_for_its_time(exercise: Exercise, lab: Lab) -> None:
    """A price that was read, or saved, is kept for its seconds, and no longer."""
    for is_saved in (False, True):
        lab.server.flushdb()
        with scene(lab) as at:
            client, prices = at.clients[0], Prices(lab.recorder).as_seen_by("client A")
            prices.begin(lamp=1999)

            def read(client: Any = client, prices: Prices = prices) -> Any:
                return exercise.read_price(client, prices, "lamp", KEEP)

            if is_saved:
                exercise.save_price(client, prices, "lamp", 1899, KEEP)
            else:
                read()
            what = f"A price that was {'saved' if is_saved else 'read'}"
            at.require_kept(what, KEEP, lambda: is_read(prices, read))  # noqa: B023 - called at once


def test_task5_the_table_comes_first(exercise: Exercise, lab: Lab) -> None:
    """A price that the table did not take is never served."""
    prices = Prices(lab.recorder)
    prices.begin(lamp=1999)
    exercise.read_price(lab.client, prices, "lamp", KEEP)
    prices.is_down = True
    told = False
    try:
        exercise.save_price(lab.client, prices, "lamp", 2499, KEEP)
    except ConnectionError:
        told = True
    assert told, "the table did not take the price, and save_price() did not pass that on"
    prices.is_down = False
    got = exercise.read_price(lab.client, prices, "lamp", KEEP)
    assert got == 1999, (
        f"The table did not take the new price, and the cache says {got!r}: you told the cache "
        "first, and it serves a price that never was"
    )


def test_task5_a_crash_invents_nothing(exercise: Exercise, lab: Lab) -> None:
    """A client that dies half-way leaves no price that was never in the table, and none for ever."""
    prices = Prices(lab.recorder)

    def check(end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], "your client dies between two commands, and a price never expires"
        taken = {1999, prices.cents("lamp")}
        got = exercise.read_price(end.server, prices, "lamp", KEEP)
        assert got in taken, (
            f"Your client dies half-way. The table has only ever held {sorted(map(str, taken))}, "
            f"and the cache says {got!r}"
        )

    def setup(server: Any) -> None:
        prices.begin(lamp=1999)
        exercise.read_price(server, prices, "lamp", KEEP)

    explore(
        setup,
        [lambda client: exercise.save_price(client, prices, "lamp", 1, KEEP)],
        check,
        crashes=True,
        lab=lab,
        outside=lambda: prices.rows,
        names=["your client"],
    )


def agree(exercise: Exercise, prices: Prices, what: str) -> Callable[[End], None]:
    """Return a check that the cache says what the table says."""

    def check(end: End) -> None:
        got, true = exercise.read_price(end.server, prices, "lamp", KEEP), prices.cents("lamp")
        assert got == true, f"{what} All are done: the table says {true}, the cache {got!r}"

    return check


def test_task5_two_who_save_agree_with_the_table(exercise: Exercise, lab: Lab) -> None:
    """When two clients save one price at once, the cache ends with the table's."""
    prices = Prices(lab.recorder)
    explore(
        lambda _: prices.begin(),
        [
            lambda client: exercise.save_price(client, prices, "lamp", 1999, KEEP),
            lambda client: exercise.save_price(client, prices, "lamp", 1899, KEEP),
        ],
        agree(exercise, prices, "Two clients save one price at once."),
        lab=lab,
        outside=lambda: prices.rows,
    )


def test_task5_a_slow_reader_brings_nothing_old_back(exercise: Exercise, lab: Lab) -> None:
    """A read that is under way while the price is saved does not put the old one back."""
    prices = Prices(lab.recorder)
    explore(
        lambda _: prices.begin(lamp=1999),
        [
            lambda client: exercise.read_price(client, prices, "lamp", KEEP),
            lambda client: exercise.save_price(client, prices, "lamp", 1899, KEEP),
        ],
        agree(exercise, prices, "One client reads a price while another saves a new one."),
        lab=lab,
        outside=lambda: prices.rows,
    )


# Task 6 ----------------------------------------------------------------------------------

WRITES = [("lamp", 1999), ("pen", 120), ("lamp", 1899)]
LAST = {"lamp": 1899, "pen": 120}
MANY = 1200  # notes: more than one would cut a queue to, in round numbers


def put_off_all(exercise: Exercise, client: Any) -> None:
    """Put the writes off."""
    for product, cents in WRITES:
        exercise.put_off(client, product, cents)


def pending(server: Any) -> str:
    """Return what has become of notes that a dead worker had taken."""
    streams = [key for key in server.scan_iter() if server.type(key) == "stream"]
    groups = [group for key in streams for group in server.xinfo_groups(key)]
    waits = any(group["pending"] for group in groups)
    return "still pending, and nobody asks for it" if waits else "lost"


def explore_a_death(
    exercise: Exercise, lab: Lab, prices: Prices, check: Callable[[End], None]
) -> None:
    """Let a worker with something to write die at each of its steps."""

    def setup(server: Any) -> None:
        prices.begin()
        put_off_all(exercise, server)

    explore(
        setup,
        [lambda client: exercise.write_out(client, prices, "worker-1")],
        check,
        crashes=True,
        lab=lab,
        outside=lambda: prices.written,
        names=["worker"],
    )


def start_again(exercise: Exercise, server: Any, prices: Prices) -> Any:
    """Run the worker after a death; an exception becomes a message."""
    try:
        return exercise.write_out(server, prices, "worker-1")
    except (NotImplementedError, ExerciseError):
        raise
    except Exception as error:  # noqa: BLE001 - that is the claim
        kind = type(error).__name__
    raise AssertionError(
        f"The worker dies, is started again, and ends with {kind}, now and each time: it finds "
        "something that it had left half done"
    )


def test_task6_writes_later(exercise: Exercise, lab: Lab) -> None:
    """Putting off touches no table; writing out writes all, in order, and once."""
    prices = Prices(lab.recorder)
    put_off_all(exercise, lab.client)
    written = exercise.write_out(lab.client, prices, "worker-1")
    assert prices.written == WRITES, f"put off: {WRITES}; written to the table: {prices.written}"
    assert written == 3, f"three prices were written: expected 3, got {written!r}"
    again = exercise.write_out(lab.client, prices, "worker-1")
    assert (again, len(prices.written)) == (0, 3), (
        f"all was written; write_out() again returned {again!r} and wrote {prices.written[3:]}: "
        "what is written must be acknowledged, or taken away"
    )
    exercise.put_off(lab.client, "sofa", 5)
    exercise.write_out(lab.client, prices, "worker-1")
    got = prices.cents("sofa")
    assert got == 5, f"a price put off after a write_out: the table should say 5, it says {got!r}"
    lab.server.flushdb()
    none = exercise.write_out(lab.client, prices, "worker-1")
    assert none == 0, f"nothing was ever put off: expected 0, got {none!r}"


def test_task6_writes_all_of_many(exercise: Exercise, lab: Lab) -> None:
    """However much was put off, it is all written, and leaves the server."""
    prices = Prices(lab.recorder)
    exercise.put_off(lab.client, "p0", 0)
    exercise.write_out(lab.client, prices, "worker-1")
    empty = lab.size_of_all_keys()
    for number in range(1, 251):
        exercise.put_off(lab.client, f"p{number}", number)
    written = exercise.write_out(lab.client, prices, "worker-1")
    assert (written, len(prices.rows)) == (250, 251), (
        f"250 prices were put off; write_out() returned {written!r}, the table has "
        f"{len(prices.rows) - 1} of them"
    )
    left = lab.size_of_all_keys() - empty
    assert left <= 0, (
        f"all is written, and the server still keeps {left} entries: acknowledged is not deleted, "
        "and the stream grows for ever"
    )


def test_task6_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A worker that dies anywhere, and is started again, writes all there is to write."""
    prices = Prices(lab.recorder)

    def check(end: End) -> None:
        start_again(exercise, end.server, prices)
        got = {product: prices.cents(product) for product in LAST}
        assert got == LAST or set(prices.written) != set(WRITES), (
            f"All that was put off is written, and in another order: {prices.written}. (The clock "
            "stood still: two notes may have one time)"
        )
        assert got == LAST, (
            f"{'The worker dies, and is started again' if any(end.died) else 'The worker runs'}. "
            f"The table should say {LAST}; it says {got}: what it had taken before is "
            f"{pending(end.server)}"
        )
        again = start_again(exercise, end.server, prices)
        assert again == 0, f"after a crash {again} prices are written again, and again"

    explore_a_death(exercise, lab, prices, check)


def test_task6_leaves_nothing_behind(exercise: Exercise, lab: Lab) -> None:
    """Wherever a worker dies, the next one takes away all that was written."""
    prices = Prices(lab.recorder)
    exercise.put_off(lab.server, "pen", 120)
    exercise.write_out(lab.server, prices, "worker-1")
    empty = lab.size_of_all_keys()

    def check(end: End) -> None:
        start_again(exercise, end.server, prices)
        left = lab.size_of_all_keys() - empty
        assert left <= 0 or not any(end.died), (
            f"The worker dies, and is started again. When it is done the server still keeps "
            f"{left} of the notes, which no worker will ever take away"
        )

    explore_a_death(exercise, lab, prices, check)


def test_task6_a_failed_write_is_not_lost(exercise: Exercise, lab: Lab) -> None:
    """What the table did not take is written when it is up again."""
    prices = Prices(lab.recorder)
    put_off_all(exercise, lab.client)
    prices.is_down = True
    try:
        exercise.write_out(lab.client, prices, "worker-1")
    except ConnectionError:
        told = True
    else:
        told = False
    assert told, "the table is down, and write_out() did not pass that on"
    prices.is_down = False
    exercise.write_out(lab.client, prices, "worker-1")
    got = {product: prices.cents(product) for product in LAST}
    assert got == LAST, (
        f"The table was down for a moment, and should then say {LAST}; it says {got}: "
        "what it did not take is lost"
    )


def test_task6_loses_nothing_that_comes_meanwhile(exercise: Exercise, lab: Lab) -> None:
    """What is put off while the worker writes is written, if not now then the next time."""
    prices = Prices(lab.recorder)

    def setup(server: Any) -> None:
        prices.begin()
        exercise.put_off(server, "pen", 120)

    def check(end: End) -> None:
        exercise.write_out(end.server, prices, "worker-1")
        got = prices.cents("lamp")
        assert got == 1999, (
            "A price is put off while the worker writes, and is never written: the worker took "
            "away more than it had read"
        )

    explore(
        setup,
        [
            lambda client: exercise.write_out(client, prices, "worker-1"),
            lambda client: exercise.put_off(client, "lamp", 1999),
        ],
        check,
        lab=lab,
        outside=lambda: prices.written,
        names=["worker", "client"],
    )


def test_task6_keeps_what_waits(exercise: Exercise, lab: Lab) -> None:
    """What is put off waits for the worker, however long that takes, and however much it is."""
    prices = Prices(lab.recorder)
    put_off_all(exercise, lab.client)
    lab.expire_now()
    exercise.write_out(lab.client, prices, "worker-1")
    assert prices.written == WRITES, (
        "No worker came for a long time; then one did. What was put off had an expiry, and is lost"
    )
    for number in range(MANY):
        exercise.put_off(lab.server, "pen", number)
    exercise.write_out(lab.server, prices, "worker-1")
    written = len(prices.written) - len(WRITES)
    assert written == MANY, (
        f"{MANY} prices were put off before a worker came, and {written} were written: the queue "
        "was cut, and the rest is lost"
    )


# Task 7 ----------------------------------------------------------------------------------


def test_task7_loads_once(exercise: Exercise, lab: Lab) -> None:
    """A value is loaded once, whatever text it is, and expires."""
    for text in ("", "home"):
        lab.server.flushdb()
        source = Source(text)
        got = [exercise.get_tagged(lab.client, "page", ["a", "b"], source, KEEP) for _ in range(2)]
        assert got == [text] * 2, f"load() returned {text!r}; two calls gave {got!r}"
        assert source.loads == 1, (
            f"load() returned {text!r}; two calls loaded {source.loads} times, not once"
        )
    other = exercise.get_tagged(lab.client, "page 2", ["a", "b"], Source("two"), KEEP)
    assert other == "two", f"under another key is another value: expected 'two', got {other!r}"
    mortal = len(list(lab.server.scan_iter())) - len(lab.keys_without_expiry())
    assert mortal >= 2, "two values were kept, and have no expiry"
    trips = lab.round_trips(
        lambda: exercise.get_tagged(lab.client, "page", ["a", "b"], source, KEEP)
    )
    assert trips <= 2, f"a hit with two tags took {trips} round trips: ask for the tags together"


def test_task7_invalidates_by_any_tag(exercise: Exercise, lab: Lab) -> None:
    """A value is invalid when any one of its tags is; others stay."""
    for tag in ("author:1", "news", "unused"):
        lab.server.flushdb()
        pages: dict[str, tuple[list[str], Source]] = {
            "p1": (["author:1", "news"], Source("one")),
            "p2": (["news"], Source("two")),
            "p3": (["author:2"], Source("three")),
        }

        for turn in range(3):
            if turn == 1:
                exercise.invalidate_tag(lab.client, tag)
            for key, (tags, source) in pages.items():
                exercise.get_tagged(lab.client, key, tags, source, KEEP)
        for key, (tags, source) in pages.items():
            expected = 2 if tag in tags else 1
            assert source.loads == expected, (
                f"{key} has the tags {tags}; {tag!r} was invalidated, and {key} was loaded "
                f"{source.loads} times in all, not {expected}"
            )


def test_task7_takes_one_step(exercise: Exercise, lab: Lab) -> None:
    """Invalidating a tag of many values takes as long as of one."""
    for number in range(ENTRIES):
        exercise.get_tagged(lab.client, f"p{number}", ["news"], Source("x"), KEEP)
    before = lab.server.dbsize()
    trips = lab.round_trips(lambda: exercise.invalidate_tag(lab.client, "news"))
    looked = sum(len(entry.words) for entry in lab.recorder.sent) + lab.reply_items()
    gone = before - lab.server.dbsize()
    assert lab.commands_over_all_keys() == [], "it looks at every key of the server"
    assert max(trips, looked, gone) < ENTRIES / 3, (
        f"invalidating a tag of {ENTRIES} values touches every one of them: with a million it takes "
        "seconds. Change one thing that all of them depend on"
    )
    source = Source("new")
    exercise.get_tagged(lab.client, "p7", ["news"], source, KEEP)
    assert source.loads == 1, "the tag was invalidated, and its value is still served"


def test_task7_a_slow_load_brings_nothing_old_back(exercise: Exercise, lab: Lab) -> None:
    """A load that is under way when its tag is invalidated is not kept as valid."""
    table = Table(lab.recorder)

    def page(client: Any) -> Any:
        return exercise.get_tagged(client, "page", ["news"], lambda: table.read("text"), KEEP)

    def change(client: Any) -> None:
        table.write("text", "new")
        exercise.invalidate_tag(client, "news")

    def check(end: End) -> None:
        got = page(end.server)
        assert got == "new", (
            "A page is loaded while its text changes and its tag is invalidated. The next who "
            f"asks gets {got!r}: it was kept as if it were loaded after"
        )

    explore(
        lambda _: table.rows.update(text="old"),
        [page, change],
        check,
        lab=lab,
        outside=lambda: table.rows,
    )


def test_task7_survives_an_eviction(exercise: Exercise, lab: Lab) -> None:
    """Whichever key the server evicts, an invalid value does not become valid again."""

    def prepare() -> None:
        lab.server.flushdb()
        lab.forget()
        exercise.get_tagged(lab.client, "page", ["news"], Source("old"), KEEP)
        exercise.invalidate_tag(lab.client, "news")

    prepare()
    for number in range(len(list(lab.server.scan_iter()))):
        prepare()
        evicted = sorted(lab.server.scan_iter())[number]
        lab.server.delete(evicted)
        lab.recorder.sent.append(Sent("", ("evicted:", evicted), lab.recorder.trips))
        got = exercise.get_tagged(lab.client, "page", ["news"], Source("new"), KEEP)
        assert got == "new", (
            f"The tag was invalidated, then the server evicted {evicted}, and the old value is "
            "served again: a version that begins at the same point again, at 1 or at none, is no "
            "new version"
        )


def test_task7_leaves_nothing_for_ever(exercise: Exercise, lab: Lab) -> None:
    """Every key expires: a tag is used for a while, and then never again."""
    for _ in range(2):
        exercise.get_tagged(lab.client, "page", ["news"], Source("x"), KEEP)
        immortal = lab.keys_without_expiry()
        assert immortal == [], f"a value was kept, and the key {immortal[0]} expires never"
        exercise.invalidate_tag(lab.client, "news")
        immortal = lab.keys_without_expiry()
        assert immortal == [], f"a tag was invalidated, and the key {immortal[0]} expires never"


# Task 8 ----------------------------------------------------------------------------------

PAUSE = 0.1  # seconds between two looks
LEASE, PATIENCE = 10.0, 0.15
HOUR = 3600.0


class Flight:
    """Callers of load_once, and when each was called and began to load."""

    def __init__(self, exercise: Exercise, clock: Callable[[], float]) -> None:
        self.exercise, self.clock = exercise, clock
        self.loads: list[tuple[float, float]] = []

    def call(self, client: Any) -> Any:
        """Ask for the value."""
        called = self.clock()

        def load() -> str:
            step("load", lambda: self.loads.append((called, self.clock())))
            return "value"

        return once(self.exercise, client, load)


def once(
    exercise: Exercise,
    client: Any,
    load: Callable[[], Any],
    patience: float = PATIENCE,
    lease: float = LEASE,
) -> Any:
    """Call load_once for the key `k`."""
    return exercise.load_once(client, "k", load, seconds=KEEP, lease=lease, patience=patience)


def test_task8_loads_and_keeps(exercise: Exercise, lab: Lab) -> None:
    """A value is loaded once, whatever text it is, and kept for its time; a hit takes one round trip."""
    for text in ("", "value"):
        lab.server.flushdb()
        source = Source(text)
        got = [once(exercise, lab.client, source) for _ in range(2)]
        assert got == [text] * 2, f"load() returned {text!r}; two calls gave {got!r}"
        assert source.loads == 1, (
            f"load() returned {text!r}; two calls, one after the other, loaded {source.loads} times"
        )
    trips = lab.round_trips(lambda: once(exercise, lab.client, source))
    assert trips == 1, f"a hit took {trips} round trips, not one: ask for the value first"
    lab.server.flushdb()
    with scene(lab) as at:
        client, source = at.clients[0], Source("value")
        once(exercise, client, source)
        at.require_kept(
            "The value", KEEP, lambda: is_loaded(source, lambda: once(exercise, client, source))
        )


def waited_beside(
    exercise: Exercise, at: Scene, patience: float, lease: float, after: float = 0.0
) -> float:
    """Return how long B waits, who comes `after` seconds to A's endless load; inf if without end."""
    times: list[float] = []

    def long_load() -> str:
        at.wait(after)
        times.append(now())
        own = Source("B's own", during=lambda: times.append(now()))
        once(exercise, at.clients[1], own, patience, lease)
        return "A's"

    try:
        once(exercise, at.clients[0], long_load, patience, lease)
    except (TooManyTripsError, RecursionError):
        return math.inf
    return times[1] - times[0] if len(times) > 1 else math.inf


def require_an_end(exercise: Exercise, lab: Lab) -> None:
    """Fail if a waiter waits for ever: every other test would, too."""
    with scene(lab, most=20) as at:
        waited = waited_beside(exercise, at, patience=2.0, lease=HOUR)
        at.require(
            holds=waited < math.inf,
            message="A loads, and does not come to an end. B's patience is 2 s, and B waits, and "
            "waits: one slow load stops everybody",
            at_the_end=True,
        )
        at.require(
            holds=waited <= 3,
            message=f"A loads. B's patience is 2 s, and B waits for {waited:.0f} s",
            at_the_end=True,
        )
        at.require(
            holds=waited >= 2 - PAUSE - 0.01,
            message=f"A loads. B's patience is 2 s, and after about {waited:.0f} s B loads too",
            at_the_end=True,
        )
    lab.server.flushdb()


def test_task8_waits_a_bounded_time(exercise: Exercise, lab: Lab) -> None:
    """Who waits for a load that takes too long loads the value for itself."""
    require_an_end(exercise, lab)


def test_task8_two_at_once_load_once(exercise: Exercise, lab: Lab) -> None:
    """Of two clients that find nothing at the same moment one loads; both get the value."""
    require_an_end(exercise, lab)
    flight = Flight(exercise, now)

    def check(end: End) -> None:
        assert end.results == ["value"] * 2, f"both should get 'value'; they got {end.results}"
        for called, began in flight.loads[1:]:
            waited = began - called
            assert waited >= PATIENCE - PAUSE - 0.01, (
                f"Two clients find nothing, and both load. The patience is {PATIENCE} s, the lease "
                f"{LEASE:.0f} s, and the second had waited for {waited:.1f} s"
            )

    explore(
        lambda _: flight.loads.clear(),
        [flight.call, flight.call],
        check,
        lab=lab,
        outside=lambda: flight.loads,
    )


def test_task8_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies anywhere leaves nothing for ever, and stops nobody for ever."""
    require_an_end(exercise, lab)
    flight = Flight(exercise, now)

    def check(end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], (
            "A client dies while it loads, and what says that it does never expires: all others "
            "wait in vain, for ever"
        )
        got = flight.call(end.server)
        assert got == "value", f"a client died; the next one gets {got!r}, not the value"

    explore(nothing, [flight.call], check, crashes=True, lab=lab, outside=lambda: flight.loads)


def test_task8_the_lease_lasts(exercise: Exercise, lab: Lab) -> None:
    """A lease holds as long as it was asked for."""
    with scene(lab, most=2 * LEASE) as at:
        waited = waited_beside(exercise, at, patience=0.5, lease=LEASE, after=LEASE - 1)
        at.require(
            holds=waited >= 0.4,
            message=f"A has loaded for 9 s under a lease of {LEASE:.0f} s, when B comes. B does not "
            "wait, and loads too: the lease is shorter than the load",
        )
    lab.server.flushdb()
    lab.forget()
    require_works("The lease", lambda: once(exercise, lab.client, Source("value"), lease=FRACTION))


def test_task8_a_failure_is_passed_on(exercise: Exercise, lab: Lab) -> None:
    """Who loads and fails raises, stores nothing, and keeps nobody from loading."""
    with scene(lab, most=2 * LEASE) as at:
        told = False
        try:
            once(exercise, at.clients[0], Source(LookupError("no database")))
        except LookupError:
            told = True
        assert told, (
            "load() failed, and load_once() kept it to itself: its caller takes that for a value"
        )
        began = now()
        source = Source("value")
        got: Any = "nothing"
        with suppress(TooManyTripsError, RecursionError):
            got = once(exercise, at.clients[1], source)
        at.require(
            holds=got == "value",
            message=f"A's load fails. The next load would work, and B gets {got!r}: the failure "
            "was stored as if it were a value",
        )
        waited = now() - began
        at.require(
            holds=waited < 0.05,
            message="A's load fails, and B waits, though nobody loads: the lease was not freed",
        )


def test_task8_frees_only_its_own_lease(exercise: Exercise, lab: Lab) -> None:
    """A lease that is another's by now is not freed by its first holder."""
    with scene(lab, most=2 * LEASE) as at:
        a, b, c = at.clients
        first = Paused(lambda load: once(exercise, a, load))
        at.wait(LEASE + 1)
        second = Paused(lambda load: once(exercise, b, load, HOUR))
        at.require(
            holds=second.is_loading,
            message="A's lease ran out a second ago, and B, who comes now, does not load",
        )
        first.finish(LookupError("no database"))
        began = now()
        with suppress(TooManyTripsError, RecursionError):
            once(exercise, c, Source("C's own", during=at.show_no_more), 0.5)
        waited = now() - began
        second.finish("value")
        at.require(
            holds=waited >= 0.4,
            message="A's lease ran out; B has it now, and loads. Then A ends, and frees B's lease: "
            "C loads beside B",
        )


def test_task8_frees_its_lease_in_one_step(exercise: Exercise, lab: Lab) -> None:
    """A lease that runs out, and is taken by another, while it is being freed stays taken."""
    taken: list[str] = []

    def fail(client: Any) -> None:
        with suppress(LookupError):
            once(exercise, client, Source(LookupError("no database")))

    def take() -> None:
        for key in lab.server.scan_iter():
            if lab.server.type(key) == "string" and lab.server.pttl(key) > 0:
                lab.server.set(key, "another's", ex=60)
                taken.append(key)

    def check(end: End) -> None:
        lost = [key for key in taken if end.server.get(key) != "another's"]
        assert lost == [], (
            "Your lease runs out between two of your commands, and another client takes it. Then "
            "you delete it: to see whose it is and to delete it must be one step"
        )

    explore(
        lambda _: taken.clear(),
        [fail, lambda _: step("the lease runs out, and is another's", take)],
        check,
        lab=lab,
        outside=lambda: taken,
        names=["your client", "another client"],
    )


# Task 9 ----------------------------------------------------------------------------------

FRESH, STALE = 30.0, 300.0  # seconds


def swr(
    exercise: Exercise,
    client: Any,
    load: Callable[[], Any],
    times: tuple[float, float] = (FRESH, STALE),
    lease: float = LEASE,
) -> Any:
    """Call get_or_refresh for the key `k`."""
    fresh, stale = times
    return exercise.get_or_refresh(client, "k", load, fresh=fresh, stale=stale, lease=lease)


def test_task9_new_is_returned_and_old_refreshed(exercise: Exercise, lab: Lab) -> None:
    """A new value is a hit; an old one is refreshed."""
    with scene(lab) as at:
        client = at.clients[0]
        for text in ("", "one"):
            lab.server.flushdb()
            got = [swr(exercise, client, Source(load)) for load in (text, "two")]
            assert got == [text] * 2, f"{text!r} was just loaded, and should be returned; got {got}"
        at.wait(FRESH - 1)
        got = [swr(exercise, client, Source("two"))]
        at.require(holds=got == ["one"], message=f"it is still new, and was loaded anew: {got}")
        at.wait(2)
        got = [swr(exercise, client, Source(text)) for text in ("two", "three")]
        at.require(
            holds=got[1] == "two", message=f"old, so it is refreshed once: 'two'; then came {got}"
        )


def test_task9_a_value_has_its_time(exercise: Exercise, lab: Lab) -> None:
    """A value is served, new or old, for as long as is asked for, and no longer."""
    with scene(lab) as at:
        client, served = at.clients[0], "nothing"
        swr(exercise, client, Source("one"))
        immortal = "".join(lab.keys_without_expiry()[:1])
        at.require(holds=not immortal, message=f"the key {immortal} never expires")
        at.wait(FRESH + STALE - 2)
        with suppress(LookupError):
            served = swr(exercise, client, Source(LookupError("no database")))
        at.require(
            holds=served == "one",
            message=f"new for {FRESH:g} s and old for {STALE:g} more; a refresh fails 2 s before "
            "they are over, and the old value is gone",
            at_the_end=True,
        )
        at.wait(2.1)
        late = swr(exercise, client, Source("four"))
        at.require(
            holds=late == "four",
            message=f"new for {FRESH:g} s and old for {STALE:g} more: that is over, and {late!r} is "
            "still served",
            at_the_end=True,
        )


def test_task9_takes_fractions(exercise: Exercise, lab: Lab) -> None:
    """All times may be less than a second."""
    for what, times, lease in (
        ("The lease", (FRESH, STALE), FRACTION),
        ("What it is new and old for, together,", (FRACTION / 3, FRACTION * 2 / 3), LEASE),
    ):
        lab.server.flushdb()
        lab.forget()
        require_works(
            what, partial(swr, exercise, lab.client, Source("one"), times=times, lease=lease)
        )
    require_works(
        "The time",
        lambda: exercise.get_early(lab.client, "early", Source("one"), FRACTION, 1.0),
    )


def test_task9_one_refreshes(exercise: Exercise, lab: Lab) -> None:
    """While one client refreshes an old value, the others get it at once."""
    with scene(lab) as at:
        a, b, _ = at.clients
        swr(exercise, a, Source("old"))
        at.wait(FRESH + 1)
        beside, began = Source("B's own"), now()
        first = Paused(lambda load: swr(exercise, a, load))
        got = swr(exercise, b, beside)
        waited = now() - began
        first.finish("new")
        at.require(
            holds=waited < 0.05,
            message="The value is old. A refreshes it, and B, who comes meanwhile, has to wait",
        )
        at.require(
            holds=beside.loads == 0,
            message="The value is old. A refreshes it, and B, who comes meanwhile, loads it too: "
            "with a thousand clients that is a stampede",
        )
        at.require(holds=got == "old", message=f"A refreshes. B should get 'old'; it got {got!r}")
        after = swr(exercise, b, beside)
        at.require(holds=after == "new", message=f"A has refreshed it, and B still gets {after!r}")


def test_task9_a_failed_refresh_keeps_the_old(exercise: Exercise, lab: Lab) -> None:
    """If a refresh fails the old value is served; without one the failure is passed on."""
    with scene(lab) as at:
        client, broken = at.clients[0], Source(LookupError("no database"))
        got = "the failure"
        swr(exercise, client, Source("old"))
        at.wait(FRESH + 1)
        with suppress(LookupError):
            got = swr(exercise, client, broken)
        at.require(
            holds=got == "old",
            message=f"The refresh fails while there is an old value, and the caller gets {got}",
        )
        at.wait(FRESH + STALE)
        told = False
        try:
            swr(exercise, client, broken)
        except LookupError:
            told = True
        at.require(
            holds=told,
            message="there is no value, the load fails, and get_or_refresh() keeps that to itself",
        )


def test_task9_the_lease_lasts(exercise: Exercise, lab: Lab) -> None:
    """While a lease lasts, nobody else refreshes."""
    with scene(lab) as at:
        a, b, _ = at.clients
        swr(exercise, a, Source("old"))
        at.wait(FRESH + 1)
        own = Source("B's own")
        first = Paused(lambda load: swr(exercise, a, load))
        at.wait(LEASE - 1)
        swr(exercise, b, own)
        at.show_no_more()
        first.finish("new")
        at.require(
            holds=own.loads == 0,
            message=f"A has refreshed for {LEASE - 1:.0f} s under a lease of {LEASE:.0f} s, and B, "
            "who comes then, loads too",
        )


def test_task9_a_lease_that_ran_out_is_another_s(exercise: Exercise, lab: Lab) -> None:
    """A refresh that fails too late takes no lease from somebody else."""
    with scene(lab) as at:
        a, b, c = at.clients
        swr(exercise, a, Source("old"))
        at.wait(FRESH + 1)
        first = Paused(lambda load: swr(exercise, a, load))
        at.wait(LEASE + 1)
        second = Paused(lambda load: swr(exercise, b, load))
        at.require(
            holds=second.is_loading,
            message="The value is old. A refreshes it, and sleeps. A's lease has run out, and B, "
            "who comes then, does not refresh",
            at_the_end=True,
        )
        first.finish(LookupError("no database"))
        own = Source("C's own")
        swr(exercise, c, own)
        at.show_no_more()
        second.finish("new")
        at.require(
            holds=own.loads == 0,
            message="A's lease ran out, and B refreshes. Then A's load fails, and A frees the lease, "
            "which is B's by now: C loads beside B",
        )


def require_nobody_waits(exercise: Exercise, lab: Lab) -> None:
    """Fail if who finds no value waits for a dead loader: other tests would wait for ever, too."""
    with scene(lab, most=3 * LEASE) as at:
        a, b, _ = at.clients
        first, own = Paused(lambda load: swr(exercise, a, load)), Source("B's own")
        with suppress(TooManyTripsError, RecursionError):
            swr(exercise, b, own)
        at.show_no_more()
        first.finish(LookupError("no database"))
        at.require(
            holds=own.loads == 1,
            message="There is no value. A takes the lease, and dies. B waits for A's value, for "
            f"{3 * LEASE:.0f} s and longer",
            at_the_end=True,
        )
    lab.server.flushdb()


def test_task9_a_dead_loader_stops_nobody(exercise: Exercise, lab: Lab) -> None:
    """Who finds no value loads, though somebody else holds the lease, and may be dead."""
    require_nobody_waits(exercise, lab)


def forget_meanwhile(exercise: Exercise, lab: Lab, *, was_there: bool) -> None:
    """Let a value be forgotten while it is loaded, whether an old one was there or none."""
    table = Table(lab.recorder)

    def read(client: Any) -> Any:
        return swr(exercise, client, lambda: table.read("text"), (0.001, STALE))

    def change(client: Any) -> None:
        table.write("text", "new")
        exercise.forget(client, "k")

    def setup(server: Any) -> None:
        table.rows["text"] = "old"
        if was_there:
            read(server)
            pass_time(lab, 1)

    def check(end: End) -> None:
        got = swr(exercise, end.server, Source("new"))
        assert got == "new", (
            f"A value is {'refreshed' if was_there else 'loaded'} while its row changes and it is "
            f"forgotten. All are done, and the next who asks gets {got!r}: it came back"
        )

    explore(setup, [read, change], check, lab=lab, outside=lambda: table.rows)


def test_task9_what_is_forgotten_stays_so(exercise: Exercise, lab: Lab) -> None:
    """A refresh on its way when the value is forgotten does not bring the old one back."""
    forget_meanwhile(exercise, lab, was_there=True)


def test_task9_what_is_forgotten_is_not_stored(exercise: Exercise, lab: Lab) -> None:
    """A first load on its way when its key is forgotten stores nothing old."""
    forget_meanwhile(exercise, lab, was_there=False)


def test_task9_who_has_no_lease_stores_nothing(exercise: Exercise, lab: Lab) -> None:
    """Two first loads, one without the lease, that are on their way at a forget() store nothing old."""
    require_nobody_waits(exercise, lab)
    for last in "AB":
        lab.server.flushdb()
        with scene(lab, most=3 * LEASE) as at:
            a, b, c = at.clients
            first = Paused(lambda load: swr(exercise, a, load))  # noqa: B023 - called within this turn of the loop
            second = Paused(lambda load: swr(exercise, b, load))  # noqa: B023 - as above
            exercise.forget(c, "k")
            for load in (second, first) if last == "A" else (first, second):
                load.finish("old")
            got = swr(exercise, c, Source("new"))
            at.require(
                holds=got == "new",
                message="There is no value. A takes the lease, and loads; B loads too. The value is "
                f"forgotten, and then {last} stores what it has: C gets {got!r}",
            )


def test_task9_only_the_lease_s_holder_stores(exercise: Exercise, lab: Lab) -> None:
    """Whose lease ran out stores nothing old under the lease of somebody else."""
    require_nobody_waits(exercise, lab)
    with scene(lab) as at:
        a, b, c = at.clients
        first = Paused(lambda load: swr(exercise, a, load))
        at.wait(LEASE + 1)
        exercise.forget(c, "k")
        second = Paused(lambda load: swr(exercise, b, load))
        first.finish("old")
        got = swr(exercise, c, Source("new"))
        at.show_no_more()
        second.finish("new")
        at.require(
            holds=got != "old",
            message="A loads for longer than its lease lasts. The value is forgotten; B takes the "
            "lease, and loads. Now A's load ends, and C gets what A had, 'old': two leases look alike",
        )


def test_task9_an_eviction_brings_nothing_back(exercise: Exercise, lab: Lab) -> None:
    """A load that was on its way at a forget() stores nothing, also if all keys are evicted."""
    require_nobody_waits(exercise, lab)
    with scene(lab) as at:
        a, b, c = at.clients
        first = Paused(lambda load: swr(exercise, a, load))
        exercise.forget(b, "k")
        at.evict_everything()
        first.finish("old")
        got = swr(exercise, c, Source("new"))
        at.require(
            holds=got == "new",
            message="A loads. The value is forgotten, and then the server evicts what forget() left "
            f"there. A stores what it has, and C gets {got!r}: 'nothing there' looked as before",
            at_the_end=True,
        )


def early(exercise: Exercise, at: Scene, cost: float, left: float, draw: float) -> bool:
    """Return whether a value whose load took `cost`, and that has `left`, is loaded early."""
    at.begin_anew()
    for text in ("first", "second"):  # the cost of the last load counts
        slow = Source(text, during=lambda: at.wait(cost))
        exercise.get_early(at.clients[0], "k", slow, KEEP, 1.0)
        at.wait(KEEP + 1 if text == "first" else KEEP - left)
    again = Source("again", during=lambda: (at.show_no_more(), at.wait(cost)))
    exercise.get_early(at.clients[0], "k", again, KEEP, draw)
    return again.loads == 1


def test_task9_early_refresh_takes_the_draw(exercise: Exercise, lab: Lab) -> None:
    """What is random about an early load is the draw, and nothing else."""
    with scene(lab) as at:
        got = {early(exercise, at, 2.0, 1.5, math.exp(-1)) for _ in range(20)}
        at.require(
            holds=len(got) == 1,
            message="Twenty calls with the same draw, at the same time before the end, and some load "
            "and some do not: `draw` is the random number, so draw no other",
            at_the_end=True,
        )


def test_task9_early_refresh_knows_the_cost(exercise: Exercise, lab: Lab) -> None:
    """A value is loaded early in proportion to what its load costs, and to the draw."""
    with scene(lab) as at:
        for cost, left, draw in (
            (0.1, 0.5, math.exp(-1)),
            (2.0, 3.0, math.exp(-1)),
            (2.0, 1.5, math.exp(-1)),
            (8.0, 12.0, math.exp(-1)),
            (8.0, 6.0, math.exp(-1)),
            (2.0, 5.0, math.exp(-3)),
            (2.0, 7.0, math.exp(-3)),
            (2.0, 0.5, 1.0),
        ):
            got = early(exercise, at, cost, left, draw)
            bound = cost * -math.log(draw)
            at.require(
                holds=got == (left <= bound),
                message=f"A load took {cost} s; {left} s are left of the {KEEP} since it was stored; "
                f"-log(draw) is {-math.log(draw):.0f}: {left} {'<=' if left <= bound else '>'} "
                f"{bound:.1f}, and it was {'loaded' if got else 'not loaded'}",
                at_the_end=True,
            )


def test_task9_early_refresh_expires(exercise: Exercise, lab: Lab) -> None:
    """A value that may be loaded early is kept for its time, and no longer."""
    with scene(lab) as at:
        source = Source("one")

        def ask() -> bool:
            return is_loaded(
                source, lambda: exercise.get_early(at.clients[0], "k", source, KEEP, 1.0)
            )

        ask()
        at.require(
            holds=not ask(),
            message="with a draw of 1 nothing is loaded early, and it was",
            at_the_end=True,
        )
        at.require_kept("The value", KEEP, ask)


# Task 10 ---------------------------------------------------------------------------------


def test_task10_still_caches(exercise: Exercise, lab: Lab) -> None:
    """A product is read once and kept for an hour; a change is seen at once."""
    table = Table(lab.recorder, p1="lamp")
    got = [exercise.get_product(lab.client, table, "p1") for _ in range(2)]
    assert got == ["lamp"] * 2, f"the text is 'lamp'; get_product() returned {got!r}"
    assert table.reads == 1, f"two calls read the table {table.reads} times: what was cached?"
    exercise.change_product(lab.client, table, "p1", "desk lamp")
    changed = exercise.get_product(lab.client, table, "p1")
    assert changed == "desk lamp", f"changed to 'desk lamp', and get_product() says {changed!r}"
    reads = table.reads
    exercise.get_product(lab.client, table, "p1")
    exercise.get_product(lab.client, table, "p1")
    assert table.reads <= reads + 1, "after a change the product is not cached any more"
    none = exercise.get_product(lab.client, table, "p2")
    assert none is None, f"there is no p2: expected None, got {none!r}"


def test_task10_keeps_it_for_an_hour(exercise: Exercise, lab: Lab) -> None:
    """A product is kept for an hour, and no longer."""
    with scene(lab) as at:
        client, table = at.clients[0], Table(lab.recorder, p1="lamp").as_seen_by("client A")
        exercise.get_product(client, table, "p1")
        at.require_kept(
            "A product",
            HOUR,
            lambda: is_read(table, lambda: exercise.get_product(client, table, "p1")),
        )


def test_task10_a_change_is_not_forgotten_too_soon(exercise: Exercise, lab: Lab) -> None:
    """Who reads just before the table has the new text does not keep the old one for others."""
    with scene(lab) as at:
        a, b, _ = at.clients
        table = Table(lab.recorder, p1="old").as_seen_by("client A")
        of_b = table.as_seen_by("client B")
        table.before_write = lambda: exercise.get_product(b, of_b, "p1")
        exercise.change_product(a, table, "p1", "new")
        got = exercise.get_product(b, of_b, "p1")
        at.require(
            holds=got == "new",
            message="A changes a product, and B reads it just before the table has the new text. "
            f"Then it has, and B still gets {got!r}: what A did to the cache came too early",
        )


def change_meanwhile(exercise: Exercise, lab: Lab, *, is_cached: bool) -> None:
    """Let a product be changed while it is read."""
    table = Table(lab.recorder)

    def read(client: Any) -> Any:
        return exercise.get_product(client, table, "p1")

    def setup(server: Any) -> None:
        table.rows["p1"] = "old"
        if is_cached:
            read(server)

    def check(end: End) -> None:
        got = read(end.server)
        assert got == "new", (
            "One client reads a product while another changes it. Both are done, and the next "
            f"reader gets {got!r}, for up to an hour"
        )

    def change(client: Any) -> None:
        exercise.change_product(client, table, "p1", "new")

    explore(setup, [read, change], check, lab=lab, outside=lambda: table.rows)


def test_task10_brings_nothing_old_back(exercise: Exercise, lab: Lab) -> None:
    """When a first read and a change come together, the next reader sees what the table says."""
    change_meanwhile(exercise, lab, is_cached=False)


def test_task10_keeps_nothing_old(exercise: Exercise, lab: Lab) -> None:
    """When a hit and a change come together, the next reader sees what the table says."""
    change_meanwhile(exercise, lab, is_cached=True)


def test_task10_two_who_change_it_agree(exercise: Exercise, lab: Lab) -> None:
    """When two clients change a product at once, the next reader sees what the table says."""
    table = Table(lab.recorder)

    def change_to(text: str) -> Callable[[Any], None]:
        return lambda client: exercise.change_product(client, table, "p1", text)

    def check(end: End) -> None:
        got, true = exercise.get_product(end.server, table, "p1"), table.rows["p1"]
        assert got == true, (
            f"Two clients change a product at once. Both are done: the table says {true!r}, and the "
            f"next reader gets {got!r}, for up to an hour"
        )

    def setup(server: Any) -> None:
        table.rows["p1"] = "old"
        exercise.get_product(server, table, "p1")

    actors = [change_to("one"), change_to("two")]
    explore(setup, actors, check, lab=lab, outside=lambda: table.rows)


def test_task10_an_eviction_brings_nothing_back(exercise: Exercise, lab: Lab) -> None:
    """Who read before a change stores nothing old, also if all keys are evicted after it."""
    with scene(lab) as at:
        a, b, c = at.clients
        table = Table(lab.recorder, p1="old")
        of_a, of_b, of_c = (table.as_seen_by(f"client {name}") for name in "ABC")

        def change() -> None:
            exercise.change_product(b, of_b, "p1", "new")
            at.evict_everything()

        of_a.after_read = change
        exercise.get_product(a, of_a, "p1")
        got = exercise.get_product(c, of_c, "p1")
        at.require(
            holds=got == "new",
            message="A reads a product, B changes it, and then the server evicts what B left there. "
            f"A stores what it read, and C gets {got!r}: 'nothing there' looked as before",
            at_the_end=True,
        )


# Task 11 ---------------------------------------------------------------------------------


def report_of(exercise: Exercise, client: Any, compute: Callable[[], Any]) -> Any:
    """Ask for the report of a day."""
    return exercise.daily_report(client, "monday", compute)


def wait_beside(exercise: Exercise, at: Scene, client: Any) -> tuple[float, str]:
    """Return for how long a client that comes while another computes waits, and how that ends."""
    came, began = now(), []
    own = Source("its own", during=lambda: (began.append(now()), at.show_no_more()))
    try:
        outcome = f"came back with {report_of(exercise, client, own)!r}, and had not computed"
    except TimeoutError:
        outcome = "gave up"
    except (TooManyTripsError, RecursionError):
        return math.inf, "waits"
    return (began[0] - came, "computes") if began else (now() - came, outcome)


def test_task11_computes_once(exercise: Exercise, lab: Lab) -> None:
    """A report is computed once and kept for an hour, whatever text it is."""
    for text in ("", "report"):
        lab.server.flushdb()
        source = Source(text)
        got = [report_of(exercise, lab.client, source) for _ in range(2)]
        assert got == [text] * 2, f"two calls should return {text!r}; got {got}"
        assert source.loads == 1, (
            f"the report is {text!r}; two calls computed it {source.loads} times, not once"
        )
    lab.server.flushdb()
    with scene(lab) as at:
        client, source = at.clients[0], Source("report")
        report_of(exercise, client, source)
        at.require_kept(
            "A report",
            HOUR,
            lambda: is_loaded(source, lambda: report_of(exercise, client, source)),
        )


def test_task11_one_computes(exercise: Exercise, lab: Lab) -> None:
    """While one client computes for 20 seconds, nobody else does; none waits over 30."""
    for stays in (False, True):
        lab.server.flushdb()
        with scene(lab, most=100) as at:
            first = Paused(lambda compute: report_of(exercise, at.clients[0], compute))
            if stays:
                lab.let_expire_in(HOUR)
            at.wait(1)
            waited, outcome = wait_beside(exercise, at, at.clients[1])
            at.show_no_more()
            first.finish("report")
            at.require(
                holds="not computed" not in outcome,
                message=f"A computes. B waits for {waited:.0f} s, and {outcome}",
                at_the_end=True,
            )
            at.require(
                holds=waited >= 19,
                message=f"A has computed for 1 of its 20 s when B comes. B waits for {waited:.0f} s, "
                f"and then {outcome}, {'beside A' if outcome == 'computes' else 'too soon'}",
                at_the_end=True,
            )
            at.require(
                holds=waited <= 31,
                message="A computes, and does not come to an end. B waits for more than 30 s",
                at_the_end=True,
            )


def test_task11_a_failure_stops_nobody(exercise: Exercise, lab: Lab) -> None:
    """After a computation that failed the next client computes at once."""
    with scene(lab) as at:
        told = False
        try:
            report_of(exercise, at.clients[0], Source(LookupError("no database")))
        except LookupError:
            told = True
        assert told, "the computation failed, and daily_report() kept it to itself"
        began = now()
        got = report_of(exercise, at.clients[1], Source("report"))
        waited = now() - began
        at.require(
            holds=got == "report" and waited < 0.05,
            message=f"A's computation fails. B gets {got!r}, and not before it has waited, though "
            "nobody computes",
        )


def test_task11_stops_only_itself(exercise: Exercise, lab: Lab) -> None:
    """A client that slept for an hour takes nothing away from those who came after."""
    with scene(lab) as at:
        a, b, c = at.clients
        first = Paused(lambda compute: report_of(exercise, a, compute))
        at.wait(HOUR)
        second = Paused(lambda compute: report_of(exercise, b, compute))
        at.require(
            holds=second.is_loading,
            message="A fell asleep an hour ago while it computed, and B does not compute",
        )
        first.finish(LookupError("no database"))
        waited, _ = wait_beside(exercise, at, c)
        at.show_no_more()
        second.finish("report")
        at.require(
            holds=waited >= 10,
            message="A slept for an hour, and B computes. Then A ends, and C computes beside B: "
            "what A took away was B's",
        )
