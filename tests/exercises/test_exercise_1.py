"""What exercise 1 asks. Each test's docstring is its claim; each message speaks to the learner."""

from typing import Any

from workshop.exercise import Exercise, load
from workshop.interleave import explore, step
from workshop.lab import Lab
from workshop.manifest import exercises
from workshop.mutants import objection, survivors
from workshop.schedule import End

ENTRY = exercises()[1]
WINDOW = 60  # seconds
COUNT_IN_LUA = (
    "local n = redis.call('INCR', KEYS[1]) "
    "if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n"
)


def nothing(_server: Any) -> None:
    """Begin with an empty server."""


def test_task1_sets_and_reads_fields(exercise: Exercise, lab: Lab) -> None:
    """A profile has the fields that were set, each with its newest value."""
    exercise.set_field(lab.client, "7", "name", "Ada")
    exercise.set_field(lab.client, "7", "city", "London")
    exercise.set_field(lab.client, "7", "city", "Oslo")
    got = exercise.get_profile(lab.client, "7")
    want = {"name": "Ada", "city": "Oslo"}
    assert got == want, f"get_profile() should return {want}; it returned {got!r}"
    assert lab.server.dbsize() > 0, "the server holds nothing: another process would see no profile"
    nobody = exercise.get_profile(lab.client, "8")
    assert nobody == {}, f"user 8 has no profile: expected {{}}, got {nobody!r}"


def test_task1_keeps_what_others_set(exercise: Exercise, lab: Lab) -> None:
    """Two clients that set two fields at the same moment both succeed."""

    def check(end: End) -> None:
        got = exercise.get_profile(end.server, "7")
        assert got == {"name": "Ada", "city": "Oslo"}, (
            "The city is London. One client sets the name while another sets the city to Oslo; "
            f"then the profile is {got!r}: one wrote an old copy of the other's field"
        )

    explore(
        lambda server: exercise.set_field(server, "7", "city", "London"),
        [
            lambda client: exercise.set_field(client, "7", "name", "Ada"),
            lambda client: exercise.set_field(client, "7", "city", "Oslo"),
        ],
        check,
        lab=lab,
    )


def test_task2_newest_first(exercise: Exercise, lab: Lab) -> None:
    """Recent items come back with the newest first."""
    for item in ("book", "lamp", "chair"):
        exercise.add_recent(lab.client, "7", item, 10)
    got = exercise.get_recent(lab.client, "7")
    want = ["chair", "lamp", "book"]
    assert got == want, f"after book, lamp, chair: expected {want}, got {got!r}"
    nobody = exercise.get_recent(lab.client, "8")
    assert nobody == [], f"user 8 looked at nothing: expected [], got {nobody!r}"


def test_task2_stays_within_its_limit(exercise: Exercise, lab: Lab) -> None:
    """However many items are added, the server keeps only the newest `limit`."""
    for number in range(12):
        exercise.add_recent(lab.client, "7", f"item {number}", 5)
    got = exercise.get_recent(lab.client, "7")
    want = [f"item {number}" for number in (11, 10, 9, 8, 7)]
    assert got == want, f"after 12 items with limit 5: expected {want}, got {got!r}"
    kept = lab.size_of_all_keys()
    assert kept <= 5, (
        f"the limit is 5, and the server still keeps {kept} items: "
        "what is read is cut, but what is stored grows for ever"
    )


def test_task2_loses_no_item(exercise: Exercise, lab: Lab) -> None:
    """Two clients that add an item to a full list at the same moment both succeed."""

    def full(server: Any) -> None:
        for item in ("pen", "cup", "hat"):
            exercise.add_recent(server, "7", item, 3)

    def check(end: End) -> None:
        got = exercise.get_recent(end.server, "7")
        assert sorted(got) == ["book", "hat", "lamp"], (
            "The limit is 3, and the list is hat, cup, pen. One client adds 'book' while another "
            f"adds 'lamp'. Both and 'hat' should be left; the list is {got!r}"
        )

    explore(
        full,
        [
            lambda client: exercise.add_recent(client, "7", "book", 3),
            lambda client: exercise.add_recent(client, "7", "lamp", 3),
        ],
        check,
        lab=lab,
    )


def test_task3_adds_points(exercise: Exercise, lab: Lab) -> None:
    """A player's points add up, and the new score is returned."""
    first = exercise.add_points(lab.client, "chess", "ada", 10)
    second = exercise.add_points(lab.client, "chess", "ada", 5)
    assert (first, second) == (10, 15), (
        f"10 points, then 5 more: expected 10 and 15, got {first!r} and {second!r}"
    )


def test_task3_pages_from_the_top(exercise: Exercise, lab: Lab) -> None:
    """Page 1 begins with the best player; the last page may be short."""
    for player, points in (("ada", 50), ("bo", 40), ("cy", 30), ("di", 20), ("ed", 10)):
        exercise.add_points(lab.client, "chess", player, points)
    got = [exercise.get_page(lab.client, "chess", page, 2) for page in (1, 2, 3, 4)]
    want = [[("ada", 50), ("bo", 40)], [("cy", 30), ("di", 20)], [("ed", 10)], []]
    for number, (page, expected) in enumerate(zip(got, want, strict=True), start=1):
        assert page == expected, (
            f"get_page(..., page={number}, size=2) should return {expected}; it returned {page!r}"
        )
    other = exercise.get_page(lab.client, "go", 1, 2)
    assert other == [], f"nobody plays on the board 'go': expected [], got {other!r}"


def test_task3_loses_no_points(exercise: Exercise, lab: Lab) -> None:
    """Two clients that add points at the same moment both count."""

    def check(end: End) -> None:
        got = exercise.get_page(end.server, "chess", 1, 10)
        assert got == [("ada", 15)], (
            f"One client adds 10 while another adds 5. The board should be [('ada', 15)]; it is "
            f"{got!r}: both read the old score, and the second write undid the first"
        )
        assert sorted(end.results) in ([5, 15], [10, 15]), (
            f"One client adds 10, another 5: their new scores should be 10 and 15, or 15 and 5; "
            f"they got {end.results}, so somebody was told a score that was never theirs"
        )

    explore(
        nothing,
        [
            lambda client: exercise.add_points(client, "chess", "ada", 10),
            lambda client: exercise.add_points(client, "chess", "ada", 5),
        ],
        check,
        lab=lab,
    )


def test_task3_asks_for_one_page_only(exercise: Exercise, lab: Lab) -> None:
    """A page of 5 makes the server send 5 players, not the whole board nor all before it."""
    for number in range(200):
        exercise.add_points(lab.client, "chess", f"player {number}", number)
    lab.forget()
    exercise.get_page(lab.client, "chess", 30, 5)
    sent = lab.reply_items()
    assert sent <= 20, (
        f"for page 30 of 5 players the server sent {sent} values: "
        "most of the board travels, and is thrown away"
    )


def test_task4_counts_visits(exercise: Exercise, lab: Lab) -> None:
    """Each visit counts one more; each page has its own counter."""
    got = [exercise.count_visit(lab.client, "home", WINDOW) for _ in range(3)]
    assert got == [1, 2, 3], f"three visits: expected 1, 2, 3, got {got!r}"
    other = exercise.count_visit(lab.client, "about", WINDOW)
    assert other == 1, f"the first visit to another page: expected 1, got {other!r}"


def test_task4_expires(exercise: Exercise, lab: Lab) -> None:
    """The first visit sets the expiry to the window's length."""
    for seconds in (WINDOW, 2 * WINDOW):
        lab.server.flushdb()
        exercise.count_visit(lab.client, "home", seconds)
        left = lab.ttl()
        assert left is not None, (
            "after the first visit the counter has no expiry: it counts for ever"
        )
        assert seconds - 5 < left <= seconds, (
            f"the window is {seconds} s, and the counter would expire in {left:.0f} s"
        )


def test_task4_does_not_move_the_window(exercise: Exercise, lab: Lab) -> None:
    """A later visit does not give the counter more time."""
    exercise.count_visit(lab.client, "home", WINDOW)
    lab.let_expire_in(10)
    exercise.count_visit(lab.client, "home", WINDOW)
    left = lab.ttl()
    assert left is not None, "the second visit took the expiry away: the counter counts for ever"
    assert left <= 10, (
        "the window had 10 s left; after another visit it has "
        f"{left:.0f} s: a page that is visited often would never start again at 1"
    )


def test_task4_loses_no_visit(exercise: Exercise, lab: Lab) -> None:
    """Two visits at the same moment count as two."""

    def check(end: End) -> None:
        got = exercise.count_visit(end.server, "home", WINDOW)
        assert got == 3, (
            f"Two visits at the same moment; the next should be the 3rd, and was counted as {got!r}: "
            "both read the same number, and one visit was lost"
        )

    def visit(client: Any) -> int:
        return exercise.count_visit(client, "home", WINDOW)

    explore(nothing, [visit, visit], check, lab=lab)


def test_task4_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies half-way leaves no counter without an expiry."""

    def check(_end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], (
            f"Your client dies between two commands, and leaves {', '.join(immortal)} without an "
            "expiry: it may stay, and count, for ever"
        )

    explore(
        nothing,
        [lambda client: exercise.count_visit(client, "home", WINDOW)],
        check,
        crashes=True,
        lab=lab,
        names=["your client"],
    )


def test_task4_survives_an_expiry_half_way(exercise: Exercise, lab: Lab) -> None:
    """A counter that expires in the middle of a visit is not born again without an expiry."""

    def check(_end: End) -> None:
        immortal = lab.keys_without_expiry()
        assert immortal == [], (
            f"The old counter expires between two of your commands, and {', '.join(immortal)} is "
            "made anew by the second of them, without an expiry"
        )

    explore(
        lambda server: exercise.count_visit(server, "home", WINDOW),
        [
            lambda client: exercise.count_visit(client, "home", WINDOW),
            lambda _: step("the counter expires", lab.expire_now),
        ],
        check,
        lab=lab,
        names=["your client", "time"],
    )


def test_task5_saves_and_loads(exercise: Exercise, lab: Lab) -> None:
    """Prices come back as numbers, None where none is stored."""
    exercise.save_prices(lab.client, {"lamp": 1999, "pen": 0}, WINDOW)
    got = exercise.load_prices(lab.client, ["lamp", "pen", "sofa"])
    want = {"lamp": 1999, "pen": 0, "sofa": None}
    assert got == want, f"load_prices() should return {want}; it returned {got!r}"
    exercise.save_prices(lab.client, {"sofa": 89900}, WINDOW)
    both = exercise.load_prices(lab.client, ["lamp", "sofa"])
    want = {"lamp": 1999, "sofa": 89900}
    assert both == want, f"after saving 'sofa' too, expected {want}; loaded {both!r}"


def test_task5_every_price_expires(exercise: Exercise, lab: Lab) -> None:
    """Every price expires after so many seconds."""
    for seconds in (WINDOW, 2 * WINDOW):
        lab.server.flushdb()
        exercise.save_prices(lab.client, {"lamp": 1999, "pen": 120, "sofa": 89900}, seconds)
        immortal = ", ".join(lab.keys_without_expiry())
        assert immortal == "", f"no expiry, and so served for ever: {immortal}"
        left = lab.ttl() or 0
        assert seconds - 5 < left <= seconds, (
            f"saved for {seconds} s, and they would expire in {left:.0f} s"
        )


def test_task5_survives_a_crash(exercise: Exercise, lab: Lab) -> None:
    """A client that dies half-way leaves no price without an expiry."""

    def check(_end: End) -> None:
        immortal = ", ".join(lab.keys_without_expiry())
        assert immortal == "", (
            f"Your client dies while it saves, and {immortal} has no expiry: a price that is "
            "served for ever"
        )

    explore(
        nothing,
        [lambda client: exercise.save_prices(client, {"lamp": 1999, "pen": 120}, WINDOW)],
        check,
        crashes=True,
        lab=lab,
        names=["your client"],
    )


def test_task5_saves_in_one_round_trip(exercise: Exercise, lab: Lab) -> None:
    """Saving thirty prices takes one round trip."""
    prices = {f"product {i}": i for i in range(30)}
    exercise.save_prices(lab.client, {"lamp": 1}, WINDOW)  # a script may be loaded here
    trips = lab.round_trips(lambda: exercise.save_prices(lab.client, prices, WINDOW))
    assert trips == 1, (
        f"30 prices took {trips} round trips: at half a millisecond each, a thousand prices would "
        "take long; send them all at once"
    )


def test_task5_loads_in_one_round_trip(exercise: Exercise, lab: Lab) -> None:
    """Loading thirty prices takes one round trip."""
    products = [f"product {i}" for i in range(30)]
    exercise.load_prices(lab.client, products[:1])
    trips = lab.round_trips(lambda: exercise.load_prices(lab.client, products))
    assert trips == 1, f"30 prices took {trips} round trips: ask for all of them at once"


def test_task5_correction_keeps_the_expiry(exercise: Exercise, lab: Lab) -> None:
    """A corrected price expires when the wrong one would have."""
    exercise.save_prices(lab.client, {"lamp": 9919}, WINDOW)
    lab.let_expire_in(10)
    corrected = exercise.correct_price(lab.client, "lamp", 1999)
    assert corrected is True, f"there was a price to correct: expected True, got {corrected!r}"
    got = exercise.load_prices(lab.client, ["lamp"])
    assert got == {"lamp": 1999}, f"the corrected price should be 1999; loaded {got!r}"
    left = lab.ttl()
    assert left is not None, "the correction took the expiry away: a plain SET always does"
    assert left <= 10, f"it had 10 s left, and now has {left:.0f} s: the correction gave it more"


def test_task5_corrects_only_what_is_there(exercise: Exercise, lab: Lab) -> None:
    """There is nothing to correct where no price is stored."""
    corrected = exercise.correct_price(lab.client, "sofa", 1)
    assert corrected is False, f"no price of 'sofa' is stored: expected False, got {corrected!r}"
    stored = sorted(lab.server.scan_iter())
    assert stored == [], f"nothing should be stored by it; there is {stored}"


def test_task5_correction_revives_nothing(exercise: Exercise, lab: Lab) -> None:
    """A price that expires in the middle of its correction stays gone."""

    def check(end: End) -> None:
        back = ", ".join(sorted(end.server.scan_iter()))
        assert back == "", (
            f"The price expires while you correct it, and {back} is back: you looked first, and "
            "wrote when there was nothing to correct any more"
        )

    explore(
        lambda server: exercise.save_prices(server, {"lamp": 9919}, WINDOW),
        [
            lambda client: exercise.correct_price(client, "lamp", 1999),
            lambda _: step("the price expires", lab.expire_now),
        ],
        check,
        lab=lab,
        names=["your client", "time"],
    )


def test_task6_deletes_the_user(exercise: Exercise, lab: Lab) -> None:
    """All keys of the user are gone, and their number is returned."""
    for part in ("cart", "profile", "seen:today"):
        lab.server.set(f"user:1:{part}", "x")
    got = exercise.forget_user(lab.client, "1")
    left = sorted(lab.server.scan_iter())
    assert left == [], f"every key of user 1 should be gone; left: {left}"
    assert got == 3, f"three keys were deleted: expected 3, got {got!r}"
    again = exercise.forget_user(lab.client, "1")
    assert again == 0, f"there was nothing left to delete: expected 0, got {again!r}"


def test_task6_leaves_others_alone(exercise: Exercise, lab: Lab) -> None:
    """User 10 and user 1 are two people."""
    others = ["user:10:cart", "user:100:cart", "user:1", "guest:user:1:cart"]
    for key in [*others, "user:1:cart"]:
        lab.server.set(key, "x")
    exercise.forget_user(lab.client, "1")
    left = sorted(lab.server.scan_iter())
    lost = sorted(set(others) - set(left))
    assert lost == [], f"user 1 was to be forgotten, and these are gone too: {lost}"
    assert left == sorted(others), f"only {sorted(others)} should be left; there is {left}"


def test_task6_takes_the_id_literally(exercise: Exercise, lab: Lab) -> None:
    """An id with characters that mean something in a pattern deletes only its own keys."""
    for user_id in ("*", "a?c", "[ab]", "a\\c"):
        lab.server.flushdb()
        for key in ("user:1:cart", "user:abc:cart", "user:a:cart", f"user:{user_id}:cart"):
            lab.server.set(key, "x")
        exercise.forget_user(lab.client, user_id)
        left = sorted(lab.server.scan_iter())
        lost = sorted({"user:1:cart", "user:a:cart", "user:abc:cart"} - set(left))
        assert lost == [], (
            f"the user with the id {user_id!r} was to be forgotten, and these are gone too: "
            f"{', '.join(lost)}. In a pattern * ? [ ] and \\ are not taken literally"
        )
        assert len(left) == 3, (
            f"the user with the id {user_id!r} was to be forgotten, and this is left: "
            f"user:{user_id}:cart. In a pattern * ? [ ] and \\ are not taken literally"
        )


def test_task6_does_not_block_the_server(exercise: Exercise, lab: Lab) -> None:
    """No single command looks at all keys, and no round trip is spent on each key."""
    lab.server.mset({f"user:{user}:{number}": "x" for user in (1, 2) for number in range(1000)})
    deleted: list[Any] = []
    trips = lab.round_trips(lambda: deleted.append(exercise.forget_user(lab.client, "1")))
    blocking = lab.commands_over_all_keys()
    left = sum(key.startswith("user:1:") for key in lab.server.scan_iter(count=1000))
    assert blocking == [], (
        f"`{' '.join(blocking)}` looks at every key of the server before it serves anybody else: "
        "with ten million keys that takes seconds"
    )
    assert trips <= 500, (
        f"1,000 keys took {trips} round trips: look at, and delete, several keys with each command"
    )
    assert left == 0, (
        "the user has 1,000 keys, and not all are gone: one SCAN returns a part, perhaps an empty "
        "one, and a cursor to go on with until it is 0"
    )
    assert deleted == [1000], f"1,000 keys were deleted, and {deleted[0]!r} was returned"


def test_task7_passes_what_is_right(exercise: Exercise) -> None:
    """Counters that do what task 4 asks pass, whichever way they do it."""

    def in_lua(client: Any, page: str, seconds: int) -> int:
        return int(client.eval(COUNT_IN_LUA, 1, f"visits:{page}", seconds))

    for way, right in (("MULTI", load(ENTRY.solution).count_visit), ("Lua", in_lua)):
        complaint = objection(exercise.check_counter, right)
        assert complaint is None, (
            f"Your test rejects a counter that is right (written with {way}): {complaint}"
        )


def test_task7_catches_what_is_wrong(exercise: Exercise) -> None:
    """Each known mistake of task 4 is caught."""
    missed = survivors(exercise.check_counter, ENTRY, "count_visit", task=4)
    assert missed == [], (
        f"Your test passes {len(missed)} of the counters that are wrong. The first of them: "
        f"{missed[0].says}"
    )
