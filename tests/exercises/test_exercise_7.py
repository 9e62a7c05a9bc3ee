"""What exercise 7 asks. Each test's docstring is its claim; each message speaks to the learner.

Nothing waits: the time is the tests' own, and whoever would wait for ever is told so. What the
server does is alike on both backends, so that most is tried `once`, on fakeredis.
"""

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import valkey
from fakeredis.commands_mixins.string_mixin import StringCommandsMixin
from tests.support.failing import (
    DENIED,
    FULL,
    LOST,
    REFUSED,
    SILENT,
    TIMEOUT,
    WAITS,
    WELL,
    Collision,
    Failing,
    Hands,
    NeverEndingError,
    beside,
    hands,
    network,
    watched_locks,
)
from tests.support.limiting import apart, before_each_trip, undeclared
from tests.support.scenes import NAMES, Scene, nothing, pass_time, scene

from valkey_redis.embedded import HOST
from workshop.exercise import Exercise, load
from workshop.interleave import explore
from workshop.lab import Lab, TooManyTripsError
from workshop.plugin import Target
from workshop.schedule import End

HOUR, DAY, YEAR = 3600, 86_400, 31_536_000  # seconds
MOST_CALLS = 2_000  # of one function
BUSY = 40  # trips of one client before each of which others change the same key
PSETEX = StringCommandsMixin.psetex
Breaker = Callable[[Callable[[], Any]], Any]
UNREACHABLE = (
    valkey.ConnectionError("Error 111 connecting to 127.0.0.1:6379. Connection refused."),
    valkey.TimeoutError("Timeout reading from 127.0.0.1:6379"),
    valkey.BusyLoadingError("LOADING the dataset"),
)
ANSWERS = (
    (LookupError("user"), "LookupError, a fault in the program"),
    (ConnectionError("mail"), "Python's own ConnectionError, not the driver's"),
    (TimeoutError("mail"), "Python's own TimeoutError, not the driver's"),
    (valkey.ResponseError("WRONGTYPE"), "valkey.ResponseError, an answer"),
    (valkey.AuthenticationError("WRONGPASS"), "valkey.AuthenticationError, an answer"),
)


@pytest.fixture
def once(labs: Callable[[str], Lab]) -> Iterator[Lab]:
    """Return a lab whose server's clock the tests move; what it saw is shown, as it is of `lab`."""
    lab = labs("fakeredis")
    with mock.patch.object(StringCommandsMixin, "psetex", psetex):
        yield lab
    lab.close()


def psetex(self: Any, key: Any, milliseconds: int, value: bytes) -> Any:
    """Keep a value as long as a server does: fakeredis would drop the parts of a second."""
    kept = PSETEX(self, key, milliseconds, value)
    key.expireat = self._db.time + milliseconds / 1000
    return kept


@pytest.fixture
def clocks() -> Iterator[Hands]:
    """Return clocks, for all threads, that stand still until a test moves them."""
    with hands() as moved:
        yield moved


# What several tasks have in common -------------------------------------------------------


class Asked:
    """A function that counts its calls, and answers, or raises, as planned; `during` is its middle."""

    def __init__(self, *answers: Any, during: Callable[[], Any] = nothing) -> None:
        self.answers, self.during, self.times = list(answers), during, 0

    def __call__(self, *_: Any) -> Any:
        """Return the next answer, the last one again and again."""
        self.times += 1
        if self.times > MOST_CALLS:
            raise TooManyTripsError(
                f"after {MOST_CALLS} calls it still goes on: a loop without end?"
            )
        self.during()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


def outcome(call: Callable[[], Any]) -> Any:
    """Return what the call returns, or raises."""
    try:
        return call()
    except (NotImplementedError, TooManyTripsError):
        raise
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - an error is an outcome
        return error


def refuses(call: Callable[[], Any]) -> bool:
    """Return whether the call raises ValueError."""
    return isinstance(outcome(call), ValueError)


# Task 1 ----------------------------------------------------------------------------------


def ended_after(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds until a call on a silent network ended, and its outcome."""
    begun = time.monotonic()
    try:
        made = outcome(call)
    except NeverEndingError:
        return math.inf, None
    return round(time.monotonic() - begun, 3), made


def test_task1_waits_no_longer_than_it_may(exercise: Exercise) -> None:
    """A server that says nothing costs one timeout, wherever it falls silent."""
    for silent, what in (
        ("listens", "nobody answers when your client connects"),
        ("handshakes", "the server accepts the connection, and then says nothing"),
        ("answers", "the connection is there, and a command gets no answer"),
    ):
        with network() as net:
            setattr(net, silent, False)
            made_of = {
                seconds: exercise.connect(HOST, net.port, seconds) for seconds in (0.25, 7.0)
            }
            for seconds, client in made_of.items():
                took, made = ended_after(lambda: client.get("key"))  # noqa: B023 - called at once
                assert took < math.inf, f"{what}: it waits for ever"
                assert took <= seconds, (
                    f"{what}: with a timeout of {seconds:g} s it gave up after {took:g} s"
                )
                assert isinstance(made, valkey.TimeoutError), (
                    f"{what}: expected valkey.TimeoutError, got {type(made).__name__}"
                )
                assert took == seconds, (
                    f"{what}: with a timeout of {seconds:g} s it gave up after {took:g} s already"
                )
                client.close()


def test_task1_sends_each_command_once(exercise: Exercise) -> None:
    """What was sent, and not answered, is not sent again behind your back."""
    with network() as net:
        net.answers = False
        client = exercise.connect(HOST, net.port, 0.5)
        ended_after(lambda: client.incr("visits"))
        sent = net.commands.count("INCRBY")  # as which the driver sends it
        assert sent == 1, (
            f"INCR got no answer in time, and was sent {sent} times: the server may count each"
        )
        client.close()


def test_task1_takes_and_returns_text(exercise: Exercise) -> None:
    """Values are text."""
    with network() as net:
        client = exercise.connect(HOST, net.port, 0.5)
        got = client.get("key")
        assert got == "és", f"the value is 'és', a text: got {got!r}"
        client.close()


def test_task1_refuses_no_timeout(exercise: Exercise) -> None:
    """A timeout of 0, or less, is a mistake that is found at once."""
    for seconds in (0, -1, math.nan):
        assert refuses(lambda: exercise.connect(HOST, 1, seconds)), (  # noqa: B023 - as above
            f"timeout={seconds!r}, and there is no ValueError"
        )


# Task 2 ----------------------------------------------------------------------------------


def try_again(
    exercise: Exercise, call: Callable[[], Any], attempts: int = 4, **figures: Any
) -> Any:
    """Return the outcome of with_retries, of base 0.1 and cap 10 and full waits unless told."""
    options = {"base": 0.1, "cap": 10.0, "dice": lambda: 1.0} | figures
    return outcome(lambda: exercise.with_retries(call, attempts=attempts, **options))


def test_task2_returns_what_the_call_returns(exercise: Exercise, lab: Lab) -> None:
    """An answer is an answer, whatever it is, and takes no time."""
    with scene(lab, most=DAY) as at:
        client = at.clients[0]
        begun = time.monotonic()
        got = try_again(exercise, lambda: client.incr("visits"))
        assert got == 1, f"INCR answered 1; got {got!r}"
        for answer in (None, 0, "", False):
            call = Asked(answer)
            got = try_again(exercise, call)
            assert got is answer, f"the call returned {answer!r}; got {got!r}"
            assert call.times == 1, f"the call returned {answer!r}, and was made again"
        at.require(
            holds=time.monotonic() == begun, message="the call succeeds at once; yet you wait"
        )


def test_task2_tries_again_and_then_raises(exercise: Exercise, once: Lab) -> None:
    """As often as was said, and then the last error comes as it is."""
    with scene(once, most=DAY) as at:
        line = Failing(at)
        for fails, attempts, want in ((2, 4, None), (3, 4, None), (4, 4, 1), (1, 1, 1), (9, 2, 1)):
            at.begin_anew()
            line.plan, line.moments = [REFUSED] * fails, []
            got = try_again(exercise, lambda: line.client.get("key"), attempts)
            what = f"{attempts} attempts, and the server refuses the first {fails} connections"
            made = min(fails + 1, attempts)
            at.require(
                holds=len(line.moments) == made,
                message=f"{what}: there should be {made}, and were {len(line.moments)}",
            )
            is_raised = isinstance(got, valkey.ConnectionError)
            at.require(
                holds=is_raised == bool(want),
                message=f"{what}: expected "
                f"{'valkey.ConnectionError' if want else None}, got {type(got).__name__}",
            )


def test_task2_raises_the_last_error(exercise: Exercise, clocks: Hands) -> None:
    """What is raised in the end is the last error, and no other."""
    errors = [valkey.ConnectionError(f"{number}") for number in range(3)]
    got = try_again(exercise, Asked(*errors, during=lambda: clocks.wait(HOUR)), 3)
    assert got is errors[2], (
        "three attempts fail, each with an error of its own: the last of these is to come, as "
        f"it is, and there was {type(got).__name__}"
    )


def test_task2_tries_again_only_if_there_is_no_answer(exercise: Exercise, clocks: Hands) -> None:
    """Any other error would be the same again."""
    calls = {f"valkey.{type(error).__name__}": Asked(error, "yes") for error in UNREACHABLE}
    failed = [name for name, call in calls.items() if try_again(exercise, call) != "yes"]
    assert failed == [], (
        f"{', '.join(failed)}: the server cannot be reached, and the next attempt would have been "
        "answered"
    )
    for wrong, what in (*ANSWERS, (KeyboardInterrupt(), "KeyboardInterrupt: ^C ends it")):
        begun = clocks.now
        call = Asked(wrong)
        got = try_again(exercise, call)
        assert call.times == 1, f"{what}: the call was made {call.times} times"
        assert got is wrong, f"{what}: it was not passed on as it is"
        assert clocks.now == begun, f"{what}: raise it at once, do not wait"


def waits(exercise: Exercise, clocks: Hands, attempts: int, **figures: Any) -> list[float]:
    """Return the seconds before each attempt, and after the last, of a call that always fails."""
    moments = [clocks.now]
    call = Asked(UNREACHABLE[0], during=lambda: moments.append(clocks.now))
    try_again(exercise, call, attempts, **figures)
    moments.append(clocks.now)
    return [round(later - sooner, 6) for sooner, later in itertools.pairwise(moments)]


def test_task2_waits_longer_each_time(exercise: Exercise, clocks: Hands) -> None:
    """The longest wait doubles, up to the cap; there is none before the first or after the last."""
    for attempts, cap, want in (
        (6, 10.0, [0, 0.1, 0.2, 0.4, 0.8, 1.6, 0]),
        (6, 0.5, [0, 0.1, 0.2, 0.4, 0.5, 0.5, 0]),
        (2, 0.05, [0, 0.05, 0]),
        (1, 10.0, [0, 0]),
    ):
        got = waits(exercise, clocks, attempts, cap=cap)
        what = f"{attempts} attempts, base=0.1, cap={cap:g}, and the dice always say 1"
        assert got[-1] == 0, f"{what}: after the last attempt there is a wait, for nothing"
        assert got == want, f"{what}: the waits should be {want[1:-1]} and are {got[1:-1]}"


def test_task2_waits_differ(exercise: Exercise, clocks: Hands) -> None:
    """Each wait is a part, from 0 to 1, of the longest one: "full jitter"."""
    for dice, cap, want in (
        ((0.5, 1.0, 0.0, 0.75, 0.25), 10.0, [0, 0.05, 0.2, 0, 0.6, 0.4, 0]),
        ((0.5, 0.5, 0.5, 0.5, 0.5), 0.4, [0, 0.05, 0.1, 0.2, 0.2, 0.2, 0]),
    ):
        got = waits(exercise, clocks, 6, cap=cap, dice=Asked(*dice))
        assert got == want, (
            f"6 attempts, base=0.1, cap={cap:g}, and the dice say {', '.join(map(str, dice))}: "
            f"the waits should be {want[1:-1]} and are {got[1:-1]}"
        )


def test_task2_tries_thousands_of_times(exercise: Exercise, clocks: Hands) -> None:
    """However often it is tried, the wait is a number, and grows up to the cap."""
    moments: list[float] = []
    call = Asked(*[UNREACHABLE[0]] * 1_200, "yes", during=lambda: moments.append(clocks.now))
    clocks.wait(1)
    got = try_again(exercise, call, 1_300, cap=float(DAY))
    assert got == "yes", (
        f"the 1,201st of 1,300 attempts would have been answered; there was {type(got).__name__} "
        f"at attempt {call.times}"
    )
    last = moments[-1] - moments[-2]
    assert math.isclose(last, DAY, rel_tol=1e-6), (
        f"base=0.1, cap={DAY}, and the dice always say 1: the wait before the 1,201st attempt should "
        "be as long as the cap, and is not. The longest wait doubles until it is there"
    )


def test_task2_refuses_no_attempts(exercise: Exercise, clocks: Hands) -> None:
    """Fewer than one attempt is a mistake, and no call is made."""
    for attempts in (0, -1):
        call = Asked("yes")
        clocks.wait(1)
        got = try_again(exercise, call, attempts)
        assert isinstance(got, ValueError), f"attempts={attempts}, and there is no ValueError"
        assert call.times == 0, f"attempts={attempts}, and the call was made"


# Task 3 ----------------------------------------------------------------------------------


def a_breaker(exercise: Exercise, **figures: Any) -> Breaker:
    """Return a breaker: half of 4 calls or more in 10 s open it for 5 s, and one closes it."""
    plan = {"rate": 0.5, "least": 4, "window": 10.0, "pause": 5.0, "trials": 1} | figures
    with watched_locks():
        made: Breaker = exercise.circuit_breaker(**plan)
    return made


def tried(exercise: Exercise, breaker: Breaker, call: Any = "yes") -> str:
    """Return how a call through a breaker went: + well, - failed, o open; a call or its answer."""
    asked = call if callable(call) else Asked(call)
    made = outcome(lambda: breaker(asked))
    if isinstance(made, exercise.CircuitOpenError):
        return "o"
    return "-" if isinstance(made, BaseException) else "+"


def run(exercise: Exercise, breaker: Breaker, plan: str, clocks: Hands, step: float = 0.1) -> str:
    """Make a call for each of "+" and "-", so many seconds apart; return how they went."""
    went = ""
    for letter in plan:
        clocks.wait(step)
        went += tried(exercise, breaker, "yes" if letter == "+" else UNREACHABLE[1])
    return went


HALF = "half of 4 calls or more in 10 s open it"


def opened(exercise: Exercise, clocks: Hands, **figures: Any) -> Breaker:
    """Return a breaker that has just opened."""
    breaker = a_breaker(exercise, **figures)
    went = run(exercise, breaker, "----", clocks) + tried(exercise, breaker)
    assert went == "----o", (
        f"{HALF}. Four calls fail, and a fifth is to be refused: they went {' '.join(went)} (o: "
        "refused)"
    )
    return breaker


def test_task3_passes_on_what_the_call_makes(exercise: Exercise, clocks: Hands) -> None:
    """What the call returns is returned, what it raises is raised."""
    breaker = a_breaker(exercise)
    clocks.wait(1)
    for want in (None, 0, "yes", *UNREACHABLE, *(error for error, _ in ANSWERS)):
        call = Asked(want)
        got = outcome(lambda: a_breaker(exercise)(call))  # noqa: B023 - called at once
        assert got is want, f"the call makes {want!r}, and the breaker makes {got!r} of it"
        assert call.times == 1, f"the call was made {call.times} times"
    assert tried(exercise, breaker) == "+", "a new breaker refuses its first call"


def test_task3_opens_at_its_rate(exercise: Exercise, clocks: Hands) -> None:
    """It opens when the failures are that part of the calls, in whatever order they came."""
    for plan, want in (
        ("-----", "----o"),
        ("-+---+--+", "-+--ooooo"),
        ("+-+-+", "+-+-o"),
        ("+---+", "+---o"),
        ("---+++", "---+++"),
        ("++---+-", "++--ooo"),
        ("+++++++---+", "+++++++---+"),
        ("+++++++-------+", "+++++++-------o"),
    ):
        went = run(exercise, a_breaker(exercise), plan, clocks)
        assert went == want, (
            f"{HALF}. Calls that go {' '.join(plan)} (+ well, - failed) should give "
            f"{' '.join(want)} (o: refused), and gave {' '.join(went)}"
        )


def test_task3_makes_no_call_while_open(exercise: Exercise, clocks: Hands) -> None:
    """For its whole pause it makes no call, however many ask, and then it tries one."""
    for pause in (5.0, 0.5):
        breaker = opened(exercise, clocks, pause=pause)
        call = Asked("yes")
        for _ in range(9):
            clocks.wait(pause / 10)
            went = tried(exercise, breaker, call)
            assert call.times == 0, f"open for {pause:g} s, and the call was made before that"
            assert went == "o", "it is open: expected CircuitOpenError"
        clocks.wait(pause / 10 + 0.01)
        went = tried(exercise, breaker, call)
        assert went == "+", (
            f"open for {pause:g} s: after that, though calls came all the time, one is to be "
            "tried, and it was refused"
        )


def test_task3_looks_at_the_window(exercise: Exercise, clocks: Hands) -> None:
    """Only calls that ended within the last `window` seconds count, wherever it begins."""
    breaker = a_breaker(exercise)
    run(exercise, breaker, "---", clocks)
    clocks.wait(10)
    went = run(exercise, breaker, "-+", clocks)
    assert went == "-+", (
        f"{HALF}. Three calls failed, and 10 s later one more: it opens, though only one "
        "failure is in the window"
    )
    breaker = a_breaker(exercise)
    run(exercise, breaker, "+" * 20, clocks)
    clocks.wait(10)
    went = run(exercise, breaker, "----+", clocks)
    assert went == "----o", (
        f"{HALF}. Twenty calls went well, and 10 s later four fail: it does not open, as if the old "
        "ones were in the window"
    )
    for begins in (0.0, 2.5, 5.0, 7.5):
        breaker = a_breaker(exercise)
        run(exercise, breaker, "+", clocks)
        clocks.wait(begins)
        went = run(exercise, breaker, "----+", clocks, 2.0)
        assert went[-1] == "o", (
            f"{HALF}. A call goes well, later four fail within 6 s, and it does not open: the window "
            "is the last 10 s, wherever they begin"
        )
    breaker = a_breaker(exercise)
    for _ in range(4):
        tried(exercise, breaker, Asked(UNREACHABLE[1], during=lambda: clocks.wait(3)))
    assert tried(exercise, breaker) == "o", (
        f"{HALF}. Four calls fail, one after the other, and each takes 3 s: it does not open, though "
        "all of them *ended* within 10 s"
    )
    went = run(exercise, a_breaker(exercise), "+" * 60 + "-" * 55, clocks, 0.01)
    assert "o" not in went, (
        f"{HALF}. Within 2 s 60 calls go well, and then 55 fail, which is less than half; it opens "
        f"after {went.count('-')} of these, as if it had forgotten the first ones"
    )


def test_task3_closes_when_trials_go_well(exercise: Exercise, clocks: Hands) -> None:
    """When all its trials have gone well it is closed, and knows nothing of what was before."""
    for trials in (1, 3):
        breaker = opened(exercise, clocks, trials=trials, window=1000.0)
        clocks.wait(5)
        went = run(exercise, breaker, "+" * trials, clocks)
        assert went == "+" * trials, (
            f"trials={trials}, and the server is back: so many calls, one after the other, went "
            f"{' '.join(went)} (o: refused)"
        )
        went = run(exercise, breaker, "----+", clocks)
        assert went == "----o", (
            f"trials={trials}, and all went well, so that it is closed, and knows nothing of "
            f"before (least=4). Then - - - - + should give - - - - o, and gave {' '.join(went)}"
        )


def test_task3_opens_again_when_a_trial_fails(exercise: Exercise, clocks: Hands) -> None:
    """One trial that fails opens it for a whole pause, and it tries again after that."""
    for trials, plan in ((1, "-"), (3, "-"), (3, "++-")):
        breaker = opened(exercise, clocks, trials=trials)
        for _ in range(2):
            clocks.wait(5)
            went = run(exercise, breaker, plan, clocks)
            assert went == plan, f"trials={trials}: after the pause {plan} went {went}"
            went = run(exercise, breaker, "-----", clocks)
            assert went == "ooooo", (
                f"trials={trials}: the trials went {plan}, so that it is open, and five more calls "
                f"went {' '.join(went)} (o: refused)"
            )
            clocks.wait(4)
            assert tried(exercise, breaker) == "o", (
                f"trials={trials}: the trials went {plan}, and it is open for 5 s from then; 4.5 s "
                "later a call was made"
            )
        clocks.wait(1)
        went = run(exercise, breaker, "+++", clocks)
        assert went == "+++", f"trials={trials}: the server is back, and calls went {went}"
    breaker = opened(exercise, clocks)
    clocks.wait(5.1)
    tried(exercise, breaker, Asked(UNREACHABLE[1], during=lambda: clocks.wait(4)))
    clocks.wait(4)
    assert tried(exercise, breaker) == "o", (
        "the trial takes 4 s, and fails: it is open for 5 s from then, and 4 s later a call was made"
    )


def at_once(exercise: Exercise, breaker: Breaker, many: int, ends: Any) -> list[str]:
    """Return how so many calls went, each in a thread of its own, in the middle of those before."""
    if many == 0:
        return []
    others: list[str] = []

    def during() -> None:
        made = beside(lambda: at_once(exercise, breaker, many - 1, ends))
        others.extend([WAITS] if made == WAITS else made)

    went = tried(exercise, breaker, Asked(ends, during=during))
    if went == "o":  # so that it has no middle
        others = at_once(exercise, breaker, many - 1, ends)
    return [went, *others]


def test_task3_lets_no_more_through(exercise: Exercise, clocks: Hands) -> None:
    """Half-open, it makes so many calls, also at the same time, and refuses all others."""
    for trials in (1, 3):
        for ends in ("yes", UNREACHABLE[0]):
            breaker = opened(exercise, clocks, trials=trials)
            clocks.wait(5.1)
            went = at_once(exercise, breaker, trials + 2, ends)
            assert WAITS not in went, "half-open, and while a call is made another one waits for it"
            let = len(went) - went.count("o")
            assert let == trials, (
                f"trials={trials}, and {trials + 2} calls at once, each in a thread of its own: "
                f"{let} were let through"
            )
    breaker = opened(exercise, clocks, trials=2)
    clocks.wait(5.1)
    first = tried(exercise, breaker)
    went = at_once(exercise, breaker, 2, "yes")
    assert [first, *went] == ["+", "+", "o"], (
        "trials=2: one has gone well, and two more come at once; of these one is to be let through. "
        f"The three went {' '.join([first, *went])} (o: refused)"
    )


def test_task3_no_call_waits_for_another(exercise: Exercise, clocks: Hands) -> None:
    """While one call takes its time, others are made."""
    for _ in range(2):  # a busy machine may keep a thread waiting once
        breaker = a_breaker(exercise)
        clocks.wait(1)
        went = at_once(exercise, breaker, 3, "yes")
        if went == ["+"] * 3:
            break
    assert went == ["+"] * 3, (
        "a call is on its way, and one from another thread waits for its end: the breaker holds a "
        "lock while it calls, so that one hung call stops all"
    )


def require_one_let_in(
    target: Target, ready: Callable[[], Callable[[str, Callable[[], str]], Any]], harm: str
) -> None:
    """Fail unless, of two threads one of which stops at any of its lines, one is let in."""
    files = {str(path) for path in (target.file, target.mistake) if path}
    for line in itertools.count(1):
        met = Collision(files, ready(), line)
        if not met.is_clear:
            return  # one waits for the other's call, which other tests tell
        assert len(met.entered) == 1, f"{harm}: {len(met.entered)} were let through"
        if not met.has_met:
            break


def test_task3_two_threads_at_once(target: Target, clocks: Hands) -> None:
    """Of two threads that come at the same moment, one is let through as the trial."""
    with watched_locks():
        exercise = load(target.file, target.mistake)

    def ready() -> Callable[[str, Callable[[], str]], Any]:
        breaker = opened(exercise, clocks)
        clocks.wait(5.1)
        return lambda _, body: tried(exercise, breaker, body)

    harm = (
        "half-open, trials=1, and one thread comes while another one is between two of your lines"
    )
    require_one_let_in(target, ready, harm)


def test_task3_only_an_outage_is_a_failure(exercise: Exercise, clocks: Hands) -> None:
    """Who gets an answer, if only an error, has reached the server."""
    for error, what in ANSWERS:
        breaker = a_breaker(exercise)
        for _ in range(8):
            clocks.wait(0.1)
            tried(exercise, breaker, error)
        assert tried(exercise, breaker) == "+", f"{what}: eight times, and the breaker opened"
    for error in UNREACHABLE:
        breaker = a_breaker(exercise)
        for _ in range(4):
            clocks.wait(0.1)
            tried(exercise, breaker, error)
        assert tried(exercise, breaker) == "o", (
            f"valkey.{type(error).__name__}: four times, and the breaker did not open"
        )
    for error, what in (*ANSWERS, (KeyboardInterrupt(), "KeyboardInterrupt: ^C ended it")):
        breaker = opened(exercise, clocks)
        clocks.wait(5.1)
        outcome(lambda: breaker(Asked(error)))  # noqa: B023 - called at once
        at_once_after = tried(exercise, breaker)
        clocks.wait(5.1)
        assert tried(exercise, breaker) == "+", (
            f"half-open, and the trial ended by {what}: the breaker refuses all calls from then on"
        )
        assert at_once_after == "+", (
            f"half-open, and the trial ended by {what}: that is no failure, and it does not close"
        )
    for error, what in ANSWERS:
        breaker = a_breaker(exercise)
        for _ in range(5):
            tried(exercise, breaker, error)
        assert run(exercise, breaker, "----+", clocks) == "----+", (
            f"{HALF}. Five calls end by {what}, then four fail, which is less than half of nine. Yet "
            "it opens: a call that got an answer is a call, too"
        )


def test_task3_a_clock_that_nobody_sets(exercise: Exercise, clocks: Hands) -> None:
    """To set the clock on the wall changes nothing."""
    breaker = opened(exercise, clocks)
    clocks.set_wall(HOUR)
    assert tried(exercise, breaker) == "o", (
        "open for 5 s; the clock on the wall is set an hour ahead, and a call is made at once"
    )
    clocks.set_wall(-2 * HOUR)
    clocks.wait(5.1)
    assert tried(exercise, breaker) == "+", (
        "open for 5 s; the clock on the wall is set back an hour, and 5 s later it still refuses"
    )
    for seconds in (HOUR, -HOUR):
        breaker = a_breaker(exercise)
        run(exercise, breaker, "---", clocks)
        clocks.set_wall(seconds)
        went = run(exercise, breaker, "-+", clocks)
        assert went == "-o", (
            "three calls fail; the clock on the wall is set by an hour, and the fourth does not "
            "open it: the window is measured by a clock that is set"
        )


def test_task3_who_comes_late_changes_nothing(exercise: Exercise, clocks: Hands) -> None:
    """A call that began before the breaker opened, or closed, does not count when it ends."""
    for late, what, began in (
        (UNREACHABLE[1], "fails", "long before"),
        ("yes", "goes well", "long before"),
        (UNREACHABLE[1], "fails", "as a trial of an earlier pause"),
    ):
        if began == "long before":
            breaker, failures = a_breaker(exercise, trials=2), "----"
        else:
            breaker, failures = opened(exercise, clocks, trials=2), "-"
            clocks.wait(5.1)
        went: list[str] = []

        def until_half_open(
            breaker: Breaker = breaker, failures: str = failures, went: list[str] = went
        ) -> None:
            went.append(beside(lambda: run(exercise, breaker, failures, clocks)))
            clocks.wait(5)
            went.append(beside(lambda: run(exercise, breaker, "+", clocks)))

        tried(exercise, breaker, Asked(late, during=until_half_open))
        assert WAITS not in went, "a call takes its time, and those of other threads wait for it"
        went = at_once(exercise, breaker, 2, "yes")
        assert went == ["+", "o"], (
            f"trials=2, half-open, one has gone well. Now a call that began {began} {what}, and "
            f"of two more at once the first should be made, the second not; they went "
            f"{' '.join(went)} (o: refused)"
        )
    breaker = a_breaker(exercise)

    def until_open() -> None:
        beside(lambda: run(exercise, breaker, "----", clocks))
        clocks.wait(4)

    tried(exercise, breaker, Asked(UNREACHABLE[1], during=until_open))
    clocks.wait(1.1)
    assert tried(exercise, breaker) == "+", (
        "it opened, for 5 s. After 4 s a call fails that began before that, and 1.1 s later no trial "
        "is made: the late one has made the pause longer"
    )
    breaker = a_breaker(exercise)

    def until_closed() -> None:
        beside(lambda: run(exercise, breaker, "----", clocks))
        clocks.wait(5)
        beside(lambda: run(exercise, breaker, "+---", clocks))

    tried(exercise, breaker, Asked(UNREACHABLE[1], during=until_closed))
    assert tried(exercise, breaker) == "+", (
        "it opened, and closed again; since then three calls failed (least=4). Then a call fails "
        "that began before all that, and it opens: that call tells of another outage"
    )


def test_task3_each_is_alone(exercise: Exercise, clocks: Hands) -> None:
    """Two breakers, for two servers, know nothing of each other."""
    opened(exercise, clocks)
    assert tried(exercise, a_breaker(exercise)) == "+", (
        "another server cannot be reached, and this one's breaker refuses calls"
    )


def test_task3_refuses_what_is_no_part(exercise: Exercise) -> None:
    """A rate that is no part is a mistake that is found at once."""
    for rate in (50, 1.01, 0, -0.5, math.nan):
        assert refuses(lambda: a_breaker(exercise, rate=rate)), (  # noqa: B023 - called at once
            f"rate={rate}, and there is no ValueError"
        )


# Task 4 ----------------------------------------------------------------------------------

FRESH, STALE = 60.0, 600.0


def ask(
    exercise: Exercise, client: Any, load: Any, fresh: float = FRESH, stale: float = STALE
) -> Any:
    """Return the outcome of a read of one key."""
    return outcome(
        lambda: exercise.get_or_stale(client, "article:7", load, fresh=fresh, stale=stale)
    )


def test_task4_serves_what_is_fresh(exercise: Exercise, lab: Lab) -> None:
    """What was loaded is served, whatever text it is; each key has its own."""
    for value in ("one", "", "0", "a|b:c, d;e\n{'null'}"):
        lab.server.flushdb()
        lab.forget()
        load = Asked(value, "another")
        for who in (lab.client, lab.server):
            got = ask(exercise, who, load)
            assert got == value, f"{value!r} is fresh for {FRESH:g} s: got {got!r}"
        assert load.times == 1, f"{value!r} is fresh, and load() was called {load.times} times"
    other = exercise.get_or_stale(lab.client, "article:8", Asked("two"), fresh=FRESH, stale=STALE)
    assert other == "two", f"another article, never loaded before, gave {other!r}"
    trips = lab.round_trips(lambda: ask(exercise, lab.client, Asked("no")))
    assert trips == 1, f"a fresh value took {trips} round trips"


def test_task4_loads_what_is_not_fresh(exercise: Exercise, once: Lab) -> None:
    """What is not fresh any more is loaded anew, and is fresh again."""
    for fresh, stale, early, late in ((60.0, 600.0, 59.0, 2.0), (0.25, 0.9, 0.2, 0.1)):
        with scene(once) as at:
            once.server.flushdb()
            load, what = Asked("one", "two"), f"fresh for {fresh:g} s"
            for wait, want in ((0, "one"), (early, "one"), (late, "two"), (early, "two")):
                at.wait(wait)
                got = ask(exercise, at.clients[0], load, fresh, stale)
                at.require(
                    holds=got == want,
                    message=f"{what}, and asked at 0, {early:g}, {early + late:g} and "
                    f"{early + late + early:g} s: expected 'one', 'one', 'two', 'two', and this "
                    f"gave {got!r}",
                )
            at.require(
                holds=load.times == 2,
                message=f"{what}: at these four moments load() is needed twice, and was called "
                f"{load.times} times",
            )


def test_task4_is_shared_by_machines(exercise: Exercise, once: Lab) -> None:
    """What one machine has stored is as fresh on another one, whose monotonic clock is its own."""
    for apart_by in (YEAR, -YEAR):
        with scene(once) as at:
            at.begin_anew()
            load = Asked("one", "two")
            ask(exercise, at.clients[0], load)
            at.wait(FRESH - 1)
            plain = time.monotonic
            with mock.patch.object(time, "monotonic", lambda: plain() + apart_by):  # noqa: B023, PT008 - used at once
                got = ask(exercise, at.clients[1], load)
                at.wait(2)
                later = ask(exercise, at.clients[1], load)
            at.require(
                holds=(got, later) == ("one", "two"),
                message=f"A stores 'one', fresh for {FRESH:g} s. B, a machine that was started at "
                f"another time, asks after {FRESH - 1:g} and {FRESH + 1:g} s: expected 'one' and "
                f"'two', got {got!r} and {later!r}. time.monotonic() is each machine's own",
            )


FAULTS = (UNREACHABLE[1], OSError("database"), LookupError("article"))


def test_task4_serves_stale_while_loading_fails(exercise: Exercise, once: Lab) -> None:
    """While load fails, what is kept is served, for its time and no longer."""
    what = f"fresh for {FRESH:g} s, kept for {STALE:g} more, and load() raises"
    with scene(once) as at:
        for error, old in zip(FAULTS, ("old", "", "0"), strict=True):
            at.begin_anew()
            name, begun = type(error).__name__, time.monotonic()
            client, load = at.clients[0], Asked(old, error)
            ask(exercise, client, load)
            for wait in (FRESH + 1, STALE - 20, 18):
                at.wait(wait)
                load.times = 0
                got = ask(exercise, client, load)
                after = round(time.monotonic() - begun)
                at.require(
                    holds=got == old,
                    message=f"{what} {name}: after {after} s {old!r} is to be served, and there was "
                    f"{shown(got)}",
                )
                at.require(
                    holds=load.times == 1,
                    message=f"after {after} s it is not fresh, and load() is called once: it was "
                    f"called {load.times} times",
                )
            at.wait(2)
            got = ask(exercise, client, load)
            at.require(
                holds=got is error,
                message=f"{what} {name}: after {after + 2} s that is to come, and there was "
                f"{shown(got)}",
            )


def test_task4_recovers(exercise: Exercise, once: Lab) -> None:
    """As soon as load comes back its value is served, and is fresh."""
    with scene(once) as at:
        client, load = at.clients[0], Asked("old", FAULTS[2], "new", "too often")
        for wait, want in ((0, "old"), (FRESH + 1, "old"), (1, "new"), (FRESH - 2, "new")):
            at.wait(wait)
            got = ask(exercise, client, load)
            at.require(
                holds=got == want,
                message=f"Stale after {FRESH + 1:g} s, when load() fails; a second later it is back, "
                f"and fresh: {want!r} is to be served then, and there was {shown(got)}",
            )


def test_task4_stores_no_error(exercise: Exercise, once: Lab) -> None:
    """If nothing is kept an error is raised, and is no value."""
    with scene(once) as at:
        for error in FAULTS:
            at.begin_anew()
            name, load = type(error).__name__, Asked(error, "one", "two")
            got = ask(exercise, at.clients[0], load)
            at.require(
                holds=got is error,
                message=f"nothing is kept, and load() raises {name}: raise that; there was "
                f"{shown(got)}",
            )
            at.require(holds=load.times == 1, message=f"load() was called {load.times} times")
            got = ask(exercise, at.clients[0], load)
            at.require(
                holds=got == "one",
                message=f"load() failed with {name}, and is back now: expected 'one', got "
                f"{shown(got)}",
            )
        at.begin_anew()
        load = Asked("old", KeyboardInterrupt())
        ask(exercise, at.clients[0], load)
        at.wait(FRESH + 1)
        got = ask(exercise, at.clients[0], load)
        at.require(
            holds=isinstance(got, KeyboardInterrupt),
            message="^C ends the program while it loads (KeyboardInterrupt, no Exception): a stale "
            "value is served, and it goes on",
        )


def shown(made: Any) -> str:
    """Return an outcome as a learner reads it."""
    return type(made).__name__ if isinstance(made, BaseException) else repr(made)


def test_task4_goes_on_without_its_cache(exercise: Exercise, once: Lab) -> None:
    """Whatever the server does, the application gets its value, and waits for one timeout at most."""
    with scene(once) as at:
        line = Failing(at)
        for fault, what, number in (
            (REFUSED, "the server refuses connections", 0),
            (SILENT, "the server does not answer", 0),
            (SILENT, "the server does not answer", 1),
            (LOST, "the server's answers are lost", 1),
            (REFUSED, "the server refuses connections", 2),
        ):
            at.begin_anew()
            line.plan, line.always, line.moments = [WELL] * number, fault, []
            load, begun = Asked("one", "two"), time.monotonic()
            got = ask(exercise, line.client, load)
            where = f"{what}, from your command number {number + 1} on"
            at.require(
                holds=got == "one",
                message=f"{where}: load() returns 'one', and the application gets {shown(got)}",
                at_the_end=True,
            )
            at.require(
                holds=load.times == 1,
                message=f"{where}: load() was called {load.times} times",
                at_the_end=True,
            )
            at.require(
                holds=time.monotonic() <= begun + TIMEOUT and len(line.moments) <= number + 1,
                message=f"{where}: it has failed once, and is asked again, which costs another "
                f"timeout ({TIMEOUT:g} s)",
                at_the_end=True,
            )
            line.plan, line.always = [], WELL
            got = ask(exercise, line.client, load)
            at.require(
                holds=got in {"one", "two"},
                message=f"{what} for a while, and is back: the application gets {shown(got)}",
                at_the_end=True,
            )
        at.begin_anew()
        line.always, load = REFUSED, Asked(FAULTS[2])
        got = ask(exercise, line.client, load)
        at.require(
            holds=got is FAULTS[2] and load.times == 1,
            message="there is no cache, and load() raises LookupError: expected that, and one call; "
            f"there was {shown(got)} after {load.times}",
            at_the_end=True,
        )


def test_task4_goes_on_whatever_the_server_says(exercise: Exercise, once: Lab) -> None:
    """That the cache's memory is used, or that something else is under the key, stops nobody."""
    with scene(once) as at:
        line = Failing(at)
        line.always, load = FULL, Asked("one")
        got = ask(exercise, line.client, load)
        at.require(
            holds=got == "one" and load.times == 1,
            message="the server has no memory left (OOM), and refuses to store: load() returned "
            f"'one', and the application gets {shown(got)}",
            at_the_end=True,
        )
        line.always = WELL
        ask(exercise, line.client, Asked("old"))
        for key in list(once.server.scan_iter()):
            once.server.delete(key)
            once.server.rpush(key, "no text")
        load = Asked("one")
        got = ask(exercise, line.client, load)
        at.require(
            holds=got == "one" and load.times == 1,
            message="something else is under your key (WRONGTYPE): load() returns 'one', and the "
            f"application gets {shown(got)}",
            at_the_end=True,
        )


def test_task4_nothing_lives_for_ever(exercise: Exercise, once: Lab) -> None:
    """Each key has its expiry from the start, and nothing is fresh before it is there."""
    with scene(once) as at:
        ask(exercise, at.clients[0], Asked("one"))
        immortal = once.keys_without_expiry()
        at.require(
            holds=immortal == [],
            message=f"loaded and stored, and {''.join(immortal[:1])} has no expiry",
        )

    def check(_end: End) -> None:
        left = once.keys_without_expiry()
        assert left == [], (
            f"Your client dies between two commands: {', '.join(left)} has no expiry, and stays "
            "for ever"
        )
        got = ask(exercise, once.server, Asked("newer"))
        assert got in {"new", "newer"}, (
            "a stale value is kept, and a new one is loaded; your client dies between two commands, "
            f"and {got!r}, the stale one, passes for fresh"
        )

    def stale(server: Any) -> None:
        ask(exercise, server, Asked("old"))
        pass_time(once, FRESH + 1)

    explore(
        stale,
        [lambda client: ask(exercise, client, Asked("new"))],
        check,
        crashes=True,
        lab=once,
        names=["your client"],
    )


# Task 5 ----------------------------------------------------------------------------------

CREDIT = "credit:7"


def add(exercise: Exercise, client: Any, amount: int, request: str, *, key: str = CREDIT) -> Any:
    """Return the outcome of adding, remembered for an hour."""
    return outcome(lambda: exercise.add_once(client, key, amount, request, remember=HOUR))


def test_task5_adds_once_for_each_request(exercise: Exercise, lab: Lab) -> None:
    """A request that comes again adds nothing, and gets the answer that it got."""
    for request, amount, want, number in (
        ("one", 5, 5, 5),
        ("two", 3, 8, 8),
        ("two", 3, 8, 8),
        ("one", 5, 5, 8),
        ("", -2, 6, 6),
        ("", -2, 6, 6),
        ("a:{b} c", 2**53, 2**53 + 6, 2**53 + 6),
        ("three", 1, 2**53 + 7, 2**53 + 7),
        ("three", 1, 2**53 + 7, 2**53 + 7),
        ("two", 3, 8, 2**53 + 7),
        (" Two", -1, 2**53 + 6, 2**53 + 6),
        ("none", 0, 2**53 + 6, 2**53 + 6),
        ("four", 1, 2**53 + 7, 2**53 + 7),
        ("none", 0, 2**53 + 6, 2**53 + 7),
    ):
        got = add(exercise, lab.client, amount, request)
        there = int(lab.server.get(CREDIT) or 0)
        assert there == number, (
            f"request {request!r} to add {amount}: the number should be {number} then, and is {there}"
        )
        assert got == want, f"request {request!r} to add {amount}: expected {want}, got {got!r}"
    other = add(exercise, lab.client, 7, "one", key="credit:8")
    assert other == 7, (
        f"request 'one' to add 7 to another number, which has requests of its own: got {other!r}"
    )
    left = lab.server.pttl(CREDIT)
    assert left == -1, "the number has an expiry: then it is gone"


def test_task5_counts_once_if_an_answer_is_lost(exercise: Exercise, once: Lab) -> None:
    """Whichever answer is lost, and whatever was carried out: who asks again is counted once."""
    for fault, what in (
        (LOST, "the answer is lost"),
        (SILENT, "it never reaches the server"),
    ):
        for number in itertools.count():
            with scene(once) as at:
                once.server.flushdb()
                line = Failing(at)
                line.plan = [WELL] * number + [fault]
                add(exercise, line.client, 5, "one")
                is_over = bool(line.plan)  # it sends no more commands than that
                line.plan = []
                got = add(exercise, line.client, 5, "one")
                there = int(once.server.get(CREDIT) or 0)
                at.require(
                    holds=there == 5,
                    message=f"5 are to be added; of your command number {number + 1} {what}. Asked "
                    f"again, with the same request: the number is {there}",
                )
                at.require(
                    holds=got == 5,
                    message=f"5 are to be added; of your command number {number + 1} {what}. Asked "
                    f"again, it returned {shown(got)}",
                )
            if is_over:
                break


def test_task5_is_one_step(exercise: Exercise, once: Lab) -> None:
    """A client that dies half-way, and asks again in another life, is counted once."""

    def check(end: End) -> None:
        exercise.add_once(end.server, CREDIT, 5, "one", remember=HOUR)
        there = int(end.server.get(CREDIT) or 0)
        assert there == 5, (
            "5 are to be added; your client dies between two commands, and the request comes "
            f"again: the number is {there}"
        )
        immortal = [key for key in once.keys_without_expiry() if key != CREDIT]
        assert immortal == [], (
            f"your client dies between two commands, and the trace of its request ({immortal[0]}) "
            "stays for ever"
        )

    explore(
        nothing,
        [lambda client: exercise.add_once(client, CREDIT, 5, "one", remember=HOUR)],
        check,
        crashes=True,
        lab=once,
        names=["your client"],
    )


def test_task5_two_at_once(exercise: Exercise, once: Lab) -> None:
    """Two that send one request at the same moment add once; two requests add twice."""

    def check(end: End) -> None:
        there = int(end.server.get(CREDIT) or 0)
        assert there == 5, (
            f"one request to add 5 comes twice at the same moment: the number is {there}"
        )
        assert end.results == [5, 5], (
            f"one request to add 5 comes twice at the same moment: they are told {end.results}"
        )

    def same(client: Any) -> Any:
        return exercise.add_once(client, CREDIT, 5, "one", remember=HOUR)

    def other(client: Any) -> Any:
        return exercise.add_once(client, CREDIT, 5, "two", remember=HOUR)

    def check_both(end: End) -> None:
        there = int(end.server.get(CREDIT) or 0)
        assert there == 10, f"two requests to add 5 come at the same moment: the number is {there}"
        assert sorted(end.results) == [5, 10], (
            f"two requests to add 5 come at the same moment: they are told {end.results}"
        )

    explore(nothing, [same, same], check, lab=once)
    explore(nothing, [same, other], check_both, lab=once)
    with among_others(once, CREDIT, 1) as at:
        got = add(exercise, at.clients[0], 5, "one")
    at.require(
        holds=isinstance(got, int),
        message="others add to the number all the time, many requests a second: your client's is to "
        f"be added in the end, and there was {shown(got)}",
    )


@contextmanager
def among_others(lab: Lab, key: str, amount: int) -> Iterator[Scene]:
    """Yield a scene in which others change a number before each of its client's many first trips."""

    def change(trip: int, _: str) -> None:
        if trip <= BUSY:
            lab.server.incrby(key, amount)

    with scene(lab) as at:
        at.begin_anew()
        lab.server.set(key, 2 * BUSY)
        with before_each_trip(lab, NAMES[0], change):
            yield at


def test_task5_remembers_for_its_time(exercise: Exercise, once: Lab) -> None:
    """A request is remembered so long, also among many, and leaves no trace after that."""
    with scene(once) as at:
        client = at.clients[0]
        for number in range(16):
            add(exercise, client, 1, f"r{number}")
            at.wait(HOUR / 4 + 1)
            if number in {2, 3}:
                names = range(number - 2, number + 1)
                again = [add(exercise, client, 1, f"r{name}") for name in names]
                want = [name + 1 for name in names]
                at.require(
                    holds=again == want,
                    message="a request each quarter of an hour, remembered for an hour: after "
                    f"{number + 1} quarters the last three come again, and should be told {want}; "
                    f"they were told {again}",
                )
        size = once.size_of_all_keys() - 1
        at.require(
            holds=size <= 10,  # perhaps two elements for each of four, or five
            message="a request each quarter of an hour, remembered for an hour: after four hours "
            f"there is a trace of {size} of them",
        )
        at.wait(HOUR)
        left = [str(key) for key in once.server.scan_iter() if key != CREDIT]
        at.require(
            holds=left == [],
            message="requests are remembered for an hour, and an hour after the last one there is "
            f"still a trace of them ({''.join(left[:1])})",
        )
        at.require(holds=once.server.get(CREDIT) == "16", message="the number is gone with them")


def test_task5_what_failed_may_come_again(exercise: Exercise, once: Lab) -> None:
    """A request that could not be carried out is not remembered."""
    with scene(once) as at:
        once.server.set(CREDIT, "many")
        got = add(exercise, at.clients[0], 5, "one")
        at.require(
            holds=isinstance(got, valkey.ResponseError | ValueError),
            message="there is no number under the key: expected the server's error, got "
            f"{shown(got)}",
        )
        once.server.set(CREDIT, "10")
        got = add(exercise, at.clients[0], 5, "one")
        at.require(
            holds=got == 15,
            message="there was no number under the key, so that nothing could be added; now there "
            f"is 10, and the request comes again: expected 15, got {shown(got)}",
        )


def test_task5_works_in_a_cluster(exercise: Exercise, once: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    with scene(once) as at:
        for _ in range(2):
            add(exercise, at.clients[0], 5, "a{b}c")
        require_cluster(at, once)


def require_cluster(at: Scene, lab: Lab) -> None:
    """Fail if keys of one script or transaction are in two slots, or not declared."""
    keys = apart(lab)
    at.require(
        holds=keys == "",
        message=f"{keys} are used together, and are in two slots: a cluster answers CROSSSLOT. Of a "
        "key with braces only what is in the first pair decides, as in {user:7}:a",
    )
    at.require(
        holds=undeclared(lab) == "",
        message="your script makes up the name of a key, which is not among its KEYS: a cluster "
        "sends a script where its KEYS are, and refuses others",
    )


# Task 6 ----------------------------------------------------------------------------------

DECISIONS = (
    ("open", False, True),
    ("closed", True, False),
    ("local", True, True),
    ("local", False, False),
)


def a_limiter(
    exercise: Exercise, allow: Any, when_down: str = "open", local: Any = None, pause: float = 5.0
) -> Callable[[str], Any]:
    """Return a limiter, which returns what it makes, also if that is an error."""
    local = local if local is not None else Asked(False)
    with watched_locks():
        made = exercise.limiter(allow, when_down=when_down, local=local, pause=pause)
    return lambda key: outcome(lambda: made(key))


def test_task6_the_server_decides(exercise: Exercise, clocks: Hands) -> None:
    """While the server answers, its answer counts, for every key, and nobody else is asked."""
    for when_down in ("open", "closed", "local"):
        seen: list[str] = []
        local = Asked(AssertionError("local"))

        def allow(key: str, seen: list[str] = seen) -> bool:
            seen.append(key)
            return key != "mallory"

        limit = a_limiter(exercise, allow, when_down, local)
        for key, want in (("alice", True), ("mallory", False), ("bob", True), ("mallory", False)):
            clocks.wait(0.1)
            got = limit(key)
            assert got is want, (
                f"the server says {want}, when_down={when_down!r}: the limiter says {shown(got)}"
            )
        assert seen == ["alice", "mallory", "bob", "mallory"], (
            f"four requests, and allow() was asked for {seen}"
        )


def test_task6_decides_without_the_server(exercise: Exercise, clocks: Hands) -> None:
    """Without the server it is decided as was agreed, and the request is not sent again."""
    for error in UNREACHABLE:
        for when_down, says, want in DECISIONS:
            allow, local = Asked(error), Asked(says)
            clocks.wait(0.1)
            got = a_limiter(exercise, allow, when_down, local)("alice")
            assert got is want, (
                f"allow() raises valkey.{type(error).__name__}, when_down={when_down!r}, local() says "
                f"{says}: expected {want}, got {shown(got)}"
            )
            assert allow.times == 1, (
                f"valkey.{type(error).__name__}: the server may have counted the request, and was "
                "asked again"
            )
    keys: list[str] = []
    limit = a_limiter(
        exercise, Asked(UNREACHABLE[0]), "local", lambda key: keys.append(key) or True
    )
    for key in ("alice", "bob"):
        limit(key)
    assert keys == ["alice", "bob"], f"alice and bob ask, and local() was asked for {keys}"


def test_task6_an_outage_costs_one_timeout(exercise: Exercise, once: Lab) -> None:
    """However many ask, for whatever key, one timeout is waited for in each pause."""
    for pause in (5.0, 0.25):
        with scene(once) as at:
            line = Failing(at)

            def allow(key: str, line: Failing = line) -> bool:
                return bool(line.client.incr(f"requests:{key}") <= 2)

            limit = a_limiter(exercise, allow, "closed", pause=pause)
            line.always = SILENT
            for number in range(20):
                got = limit(f"user{number % 4}")
                at.require(
                    holds=got is False,
                    message=f"the server is silent, and 'closed' says False; there was {shown(got)}",
                )
                at.wait(pause / 25)
            at.require(
                holds=len(line.moments) == 1,
                message=f"the server is silent, pause={pause:g}: of 20 requests within "
                f"{pause * 0.8:g} s {len(line.moments)} asked it, and waited {TIMEOUT:g} s each",
            )


def test_task6_asks_again_after_the_pause(exercise: Exercise, clocks: Hands) -> None:
    """After each pause one request asks, however many come meanwhile; its answer ends the outage."""
    down = UNREACHABLE[1]
    for pause, timeout in ((5.0, 1.0), (0.5, 3.0)):
        allow = Asked(down, down, down, False, True, during=lambda: clocks.wait(timeout))  # noqa: B023 - as above
        limit = a_limiter(exercise, allow, "open", pause=pause)
        for attempt in range(3):
            limit("alice")
            what = f"pause={pause:g}, a timeout of {timeout:g} s"
            assert allow.times == attempt + 1, (
                f"{what}: the pause is over, and the server was not asked again, though requests "
                "came all the time"
            )
            for _ in range(9):
                clocks.wait(pause / 10)
                limit("alice")
                assert allow.times == attempt + 1, (
                    f"{what}: the server was asked again before the pause, which begins when it did "
                    "not answer, was over"
                )
            clocks.wait(pause / 10 + 0.01)
        got = [limit("alice"), limit("bob")]
        assert allow.times == 5, (
            f"{what}: the server is back and says so; of two more requests {allow.times - 3} asked it"
        )
        assert got == [False, True], (
            f"{what}: the server is back, and says [False, True]; the limiter says {got}"
        )


def test_task6_one_asks_for_all(exercise: Exercise, clocks: Hands) -> None:
    """While one request asks whether the server is back, others do not wait; while it is up, all ask."""
    inside: list[Any] = []

    def during() -> None:
        if len(inside) < 1:
            inside.append(None)
            clocks.wait(6)  # longer than the pause
            inside[0] = beside(lambda: limit("bob"))

    allow = Asked(True, during=during)
    limit = a_limiter(exercise, allow, "closed")
    limit("alice")
    assert inside[0] != WAITS, (
        "the server takes its time for one request, and another one waits for that: a lock is held"
    )
    assert inside[0] is True, "the server is up, and two ask at once: it says True to both"
    inside[:] = [None]
    allow = Asked(UNREACHABLE[0], True, during=during)
    limit = a_limiter(exercise, allow, "closed")
    limit("alice")
    clocks.wait(5.1)
    inside.clear()
    got = limit("alice")
    assert inside[0] != WAITS, "one request asks whether the server is back, and another one waits"
    assert inside[0] is False, (
        "pause=5: after it one request asks whether the server is back; 6 s later, before that is "
        "known, another one comes: it is to be decided as before ('closed'), and asked too"
    )
    assert got is True, "the server is back, and says True"
    inside.clear()
    limit("alice")
    assert inside[0] is True, (
        "the server was away, is back, and has said so. Two ask at once: it says True to both, and the "
        f"limiter says {inside[0]} to the second, as if it were away"
    )


def test_task6_two_threads_at_once(target: Target, clocks: Hands) -> None:
    """Of two threads that come at the same moment, one asks whether the server is back."""
    with watched_locks():
        exercise = load(target.file, target.mistake)

    def ready() -> Callable[[str, Callable[[], str]], Any]:
        bodies: dict[str, Callable[[], Any]] = {"C": Asked(UNREACHABLE[0])}
        limit = a_limiter(exercise, lambda key: bodies[key]())
        limit("C")
        clocks.wait(5.1)

        def enter(who: str, body: Callable[[], str]) -> Any:
            bodies[who] = body
            return limit(who)

        return enter

    harm = "the pause is over, and one thread comes while another one is between two of your lines"
    require_one_let_in(target, ready, harm)


def test_task6_hides_no_other_error(exercise: Exercise, clocks: Hands) -> None:
    """An answer, or a fault in a program, is raised, and is no outage."""
    for error, what in ANSWERS:
        for when_down in ("open", "closed", "local"):
            limit = a_limiter(exercise, Asked(error, True), when_down)
            clocks.wait(0.1)
            got = [limit("alice") for _ in range(2)]
            assert got[0] is error, (
                f"allow() raises {what}; when_down={when_down!r} made {shown(got[0])} of it, and "
                "nobody will ever hear of it"
            )
            assert got[1] is True, (
                f"allow() ended by {what}, which is no outage. Then it says True, and the limiter, "
                f"when_down={when_down!r}, says {shown(got[1])}"
            )
    limit = a_limiter(exercise, Asked(UNREACHABLE[0]), "local", Asked(LookupError("user")))
    got = limit("alice")
    assert isinstance(got, LookupError), (
        f"the server is down, and local() raises LookupError: {shown(got)} was made of it"
    )
    for error, what in (*ANSWERS, (KeyboardInterrupt(), "KeyboardInterrupt")):
        limit = a_limiter(exercise, Asked(UNREACHABLE[0], error, True), "closed")
        for _ in range(2):
            limit("alice")
            clocks.wait(5.1)
        assert limit("alice") is True, (
            f"after the pause one request asks, and ends by {what}. The server says True to all "
            "since then, and is never asked again"
        )


def test_task6_a_clock_that_nobody_sets(exercise: Exercise, clocks: Hands) -> None:
    """To set the clock on the wall changes nothing."""
    for wall, wait, want, what in (
        (HOUR, 0.1, 1, "is set an hour ahead, and the server is asked again at once"),
        (-HOUR, 5.1, 2, "is set back an hour, and after the pause the server is not asked"),
    ):
        allow = Asked(UNREACHABLE[0])
        limit = a_limiter(exercise, allow)
        limit("alice")
        clocks.set_wall(wall)
        clocks.wait(wait)
        limit("alice")
        assert allow.times == want, f"pause=5; the clock on the wall {what}"


def test_task6_each_is_alone(exercise: Exercise, clocks: Hands) -> None:
    """Two limiters, on two servers, know nothing of each other."""
    a_limiter(exercise, Asked(UNREACHABLE[0]))("alice")
    clocks.wait(0.1)
    allow = Asked(False)
    a_limiter(exercise, allow)("alice")
    assert allow.times == 1, "another limiter's server is down, and this one does not ask its own"


def test_task6_finds_a_typo_at_once(exercise: Exercise) -> None:
    """A when_down that there is not is refused when the limiter is made."""
    for when_down in ("opne", "", "OPEN"):
        assert refuses(lambda: a_limiter(exercise, Asked(True), when_down)), (  # noqa: B023 - as above
            f"when_down={when_down!r}, and there is no ValueError: the typo is found on the day when "
            "the server is down"
        )


# Task 7 ----------------------------------------------------------------------------------


def left(exercise: Exercise, most: float = HOUR) -> Any:
    """Return the time left, rounded; "over" if there is none."""
    try:
        return round(exercise.time_left(most), 6)
    except TimeoutError:
        return "over"
    except valkey.TimeoutError:
        return "valkey.TimeoutError"


def test_task7_there_is_less_and_less(exercise: Exercise, clocks: Hands) -> None:
    """A call may take what it takes at most, or what is left."""
    got = left(exercise, 2.0)
    assert got == 2.0, f"there is no deadline: expected time_left(2) to be 2, got {got}"
    with exercise.deadline(5):
        for wait, want in ((0, [3.0, 5.0]), (1.47, [3.0, 3.53]), (1.53, [2.0, 2.0])):
            clocks.wait(wait)
            told = [left(exercise, 3.0), left(exercise)]
            assert told == want, (
                f"a deadline of 5 s, of which {told[1]} are left: time_left(3) and time_left(3600) "
                f"should be {want}, and are {told}"
            )
        for wait in (2.0, 1.0):
            clocks.wait(wait)
            got = left(exercise)
            assert got == "over", (
                f"a deadline of 5 s is over: expected Python's TimeoutError, got {got!r}"
            )
    got = left(exercise, 2.0)
    assert got == 2.0, f"the block is left: expected time_left(2) to be 2, got {got!r}"
    block = exercise.deadline(5)
    clocks.wait(2)
    with block:
        got = left(exercise)
        assert got == 5.0, (
            "deadline(5) is made, and its block begins 2 s later, from when it has 5 s: it has "
            f"{got}"
        )


def test_task7_inner_blocks_only_take_away(exercise: Exercise, clocks: Hands) -> None:
    """An inner block has no more time than is left around it; after it the outer one counts."""
    with exercise.deadline(5):
        clocks.wait(1)
        with exercise.deadline(60):
            got = left(exercise)
            assert got == 4.0, f"4 s are left, and an inner block asks for 60: it has {got}"
            with exercise.deadline(60):
                got = left(exercise)
                assert got == 4.0, (
                    "4 s are left, an inner block asks for 60, and so does one within that: it has "
                    f"{got}"
                )
            with exercise.deadline(1):
                got = left(exercise)
                assert got == 1.0, f"4 s are left, and an inner block has one of 1 s: it has {got}"
                clocks.wait(2)
                got = left(exercise)
                assert got == "over", f"the innermost block had 1 s, and 2 have passed: {got}"
            got = left(exercise)
            assert got == 2.0, f"the innermost block is over and left, and 2 s are left: {got}"
        got = left(exercise)
        assert got == 2.0, f"the inner blocks are left, and 2 s are left of the outer one: {got}"
    got = left(exercise)
    assert got == HOUR, f"all blocks are left: expected time_left({HOUR}) to be {HOUR}, got {got}"


def test_task7_ends_however_a_block_ends(exercise: Exercise, clocks: Hands) -> None:
    """A block that raises passes the error on, and its deadline is gone."""
    for error in (LookupError("user"), TimeoutError("it takes too long"), KeyboardInterrupt()):
        name = type(error).__name__

        def inside(error: BaseException = error) -> None:
            with exercise.deadline(1):
                raise error

        got = outcome(inside)  # with no block around it, which might hide what we say
        assert got is error, f"the block raises {name}: that is to come, and there was {got!r}"
        with exercise.deadline(5):
            clocks.wait(1)
            outcome(inside)
            now_left = left(exercise)
            assert now_left == 4.0, (
                f"an inner block of 1 s ended by {name}; around it 4 s are left, and it says {now_left}"
            )
        now_left = left(exercise)
        assert now_left == HOUR, (
            f"an inner block ended by {name}; all are left, and it says {now_left}"
        )


def test_task7_a_clock_that_nobody_sets(exercise: Exercise, clocks: Hands) -> None:
    """To set the clock on the wall changes nothing."""
    for seconds, what in ((HOUR, "ahead"), (-HOUR, "back")):
        with exercise.deadline(5):
            clocks.set_wall(seconds)
            clocks.wait(1)
            got = left(exercise)
            assert got == 4.0, (
                f"4 s are left; the clock on the wall was set an hour {what}: {got} are left"
            )


def test_task7_each_thread_has_its_own(exercise: Exercise, clocks: Hands) -> None:
    """A thread's deadline is not another thread's."""
    with exercise.deadline(5):
        clocks.wait(1)

        def inside() -> Any:
            before = left(exercise)
            with exercise.deadline(2):
                held.append(beside(lambda: left(exercise)))
                return before, left(exercise)

        held: list[Any] = []
        got = beside(inside)
        assert got == (HOUR, 2.0), (
            "one thread has a deadline of 5 s. Another one, which has none, and then one of 2 s: "
            f"time_left({HOUR}) is {got} there"
        )
        assert held == [HOUR], f"a third thread, which has no deadline: time_left() is {held[0]}"
        got = left(exercise)
        assert got == 4.0, (
            f"another thread had a deadline; this one has 4 s left, and is told {got}"
        )


class Turn:
    """Lets another task go on."""

    def __await__(self) -> Generator[None, None, None]:
        """Wait for one turn of the loop."""
        yield


def test_task7_each_task_has_its_own(exercise: Exercise, clocks: Hands) -> None:
    """A task's deadline is not another task's, though they share a thread."""

    async def call(seconds: float) -> list[Any]:
        told = []
        with exercise.deadline(seconds):
            for _ in range(2):
                await Turn()
                told.append(left(exercise))
        await Turn()
        return [*told, left(exercise)]

    async def both() -> list[Any]:
        return await asyncio.gather(call(60), call(5))

    clocks.wait(1)
    got = asyncio.run(both())
    assert got == [[60, 60, HOUR], [5, 5, HOUR]], (
        "two asyncio tasks take turns, in blocks of 60 s and of 5 s, and after these: time_left() "
        f"told them {got}"
    )
    with exercise.deadline(120):
        got = asyncio.run(both())
    told = [task[:2] for task in got]
    assert told == [[60, 60], [5, 5]], (
        "two asyncio tasks begin in a block of 120 s, and take turns in blocks of 60 s and of 5 s: "
        f"time_left() told them {told}"
    )


# Task 8 ----------------------------------------------------------------------------------

STOCK = "stock:{tea}"


def order_one(exercise: Exercise, client: Any, order: str = "o1") -> Any:
    """Return the outcome of an order."""
    return outcome(lambda: exercise.reserve(client, "tea", order))


def pieces(lab: Lab) -> int:
    """Return how many pieces are left."""
    return int(lab.server.get(STOCK) or 0)


def test_task8_takes_while_there_are_some(exercise: Exercise, lab: Lab) -> None:
    """Each order takes a piece until none is left."""
    lab.server.set(STOCK, 2)
    got = [order_one(exercise, lab.client, f"o{number}") for number in range(4)]
    assert got == [True, True, False, False], f"two pieces and four orders: they were told {got}"
    assert pieces(lab) == 0, f"two pieces and four orders, and {pieces(lab)} are left"
    assert lab.server.pttl(STOCK) == -1, "the pieces left have an expiry: the stock is gone then"
    got = outcome(lambda: exercise.reserve(lab.client, "milk", "o1"))
    assert got is False, f"there never was any of this product: expected False, got {shown(got)}"


def test_task8_an_order_takes_one(exercise: Exercise, lab: Lab) -> None:
    """An order that asks again is told the same, and takes no other piece."""
    lab.server.set(STOCK, 2)
    got = [order_one(exercise, lab.client, order) for order in ("o1", "o1", "o2", "o1", "o2")]
    assert pieces(lab) == 0, (
        f"two pieces; one order asks three times, another one twice: {pieces(lab)} are left, and "
        f"they were told {got}"
    )
    assert got == [True] * 5, f"two pieces; two orders, which ask again: they were told {got}"
    got = [order_one(exercise, lab.client, "o3") for _ in range(2)]
    assert got == [False] * 2, f"sold out, and an order asks twice: it is told {got}"
    lab.server.set(STOCK, 1)
    got = order_one(exercise, lab.client, "o3")
    assert (got, pieces(lab)) == (True, 0), (
        "an order was told that it is sold out; now there is one piece, and it asks again: it is "
        f"told {shown(got)}, and {pieces(lab)} are left"
    )
    lab.server.set("stock:{salt}", 1)
    got = outcome(lambda: exercise.reserve(lab.client, "salt", "o1"))
    assert (got, lab.server.get("stock:{salt}")) == (True, "0"), (
        "an order that has taken a piece of one product takes one of another, too: it was told "
        f"{shown(got)}, and {lab.server.get('stock:{salt}')} of 1 are left"
    )


def test_task8_takes_one_if_an_answer_is_lost(exercise: Exercise, once: Lab) -> None:
    """Whichever answer is lost, and whatever was carried out, one piece is taken."""
    for fault, what in ((LOST, "the answer is lost"), (REFUSED, "the connection is refused")):
        for number in itertools.count():
            with scene(once) as at:
                once.server.flushdb()
                once.server.set(STOCK, 9)
                line = Failing(at)
                line.plan = [WELL] * number + [fault]
                got = order_one(exercise, line.client)
                at.require(
                    holds=pieces(once) == 8,
                    message=f"of command number {number + 1} {what}: an order takes one of 9 "
                    f"pieces, and {pieces(once)} are left",
                )
                at.require(
                    holds=got is True,
                    message=f"of command number {number + 1} {what}, and then the server answers "
                    f"again: an order takes a piece, and is told {shown(got)}",
                )
                is_over = bool(line.plan)
            if is_over:
                break


def test_task8_says_so_if_nobody_answers(exercise: Exercise, once: Lab) -> None:
    """That the server cannot be reached is no answer; that it refuses is one."""
    with scene(once) as at:
        once.server.set(STOCK, 9)
        line = Failing(at)
        line.always = REFUSED
        got = order_one(exercise, line.client)
        at.require(
            holds=isinstance(got, valkey.ConnectionError),
            message=f"the server cannot be reached: an order is told {shown(got)}. Whoever gets "
            "False believes that it is sold out",
        )
        at.require(
            holds=len(line.moments) == 3,
            message=f"the server cannot be reached: there should be 3 attempts, and were {len(line.moments)}",
        )
    for fault, kind, what in (
        (WELL, valkey.ResponseError, "the stock is no number (WRONGTYPE)"),
        (DENIED, valkey.AuthenticationError, "the password is wrong (AuthenticationError)"),
    ):
        with scene(once) as at:
            once.server.delete(STOCK)
            once.server.rpush(STOCK, "no number")
            line, begun = Failing(at), time.monotonic()
            line.always = fault
            got = order_one(exercise, line.client)
            at.require(
                holds=isinstance(got, kind),
                message=f"{what}: expected the server's error, got {shown(got)}",
            )
            at.require(
                holds=time.monotonic() == begun,
                message=f"{what}, and it is tried again after a while: that would be the same again",
            )


def test_task8_waits_as_in_task_2(exercise: Exercise, once: Lab) -> None:
    """Each wait is drawn by chance, the longest one doubles, and there is none at the end."""
    firsts, seconds = [], []
    with scene(once) as at:
        line = Failing(at)
        line.always = REFUSED
        for _ in range(16):
            once.forget()
            line.moments = []
            order_one(exercise, line.client)
            moments = [*line.moments, time.monotonic()]
            took = [round(later - sooner, 6) for sooner, later in itertools.pairwise(moments)]
            at.require(
                holds=len(took) == 3,
                message=f"the server cannot be reached: there should be 3 attempts, not {len(took)}",
            )
            at.require(
                holds=took[2] == 0,
                message="the server cannot be reached: there is a wait after the last attempt, for "
                "nothing",
            )
            firsts.append(took[0])
            seconds.append(took[1])
    for waited, most, which in ((firsts, 0.1, "first"), (seconds, 0.2, "second")):
        what = f"16 orders fail, and come again after a part of {most:g} s, the {which} time"
        assert len(set(waited)) > 1, f"{what}: all come at the same moment. Draw the waits"
        assert max(waited) <= most, f"{what}: some wait longer than that"
    assert any(
        abs(2 * first - second) > 1e-5 for first, second in zip(firsts, seconds, strict=True)
    ), (
        "16 orders fail, twice each: all wait the same part of 0.1 s and then of 0.2 s. Draw each wait "
        "anew"
    )
    # By chance alone these fail once in 2^16 runs.
    assert max(seconds) > 0.1, (
        "16 orders fail, and come again after a part of 0.2 s, the second time: none waits for more "
        "than half of that. The longest wait doubles"
    )
    assert min(firsts) < 0.05, (
        "16 orders fail, and come again after a part of 0.1 s, the first time: none waits for less "
        "than half of that. With full jitter a wait may be anything from 0"
    )


def test_task8_is_one_step(exercise: Exercise, once: Lab) -> None:
    """A client that dies half-way has taken its piece, or has not; nobody sees less than none."""

    def one_left(server: Any) -> None:
        server.set(STOCK, 1)

    def check(end: End) -> None:
        there = pieces(once)
        assert there >= 0, f"your client dies between two commands, and {there} pieces are left"
        told = exercise.reserve(end.server, "tea", "o1")
        assert (told, pieces(once)) == (True, 0), (
            "one piece; the order's client dies between two commands, and the order comes again: "
            f"it is told {told}, and {pieces(once)} are left"
        )
        immortal = [key for key in once.keys_without_expiry() if key != STOCK]
        assert immortal == [], f"a trace of the order ({immortal[0]}) stays for ever"

    explore(
        one_left,
        [lambda client: exercise.reserve(client, "tea", "o1")],
        check,
        crashes=True,
        lab=once,
        names=["your client"],
    )


def test_task8_two_at_once(exercise: Exercise, once: Lab) -> None:
    """Of two orders for the last piece one gets it; one order that comes twice gets one."""

    def order(name: str) -> Callable[[Any], Any]:
        return lambda client: exercise.reserve(client, "tea", name)

    def stock(number: int) -> Callable[[Any], Any]:
        return lambda server: server.set(STOCK, number)

    def check_last(end: End) -> None:
        assert sorted(end.results) == [False, True], (
            f"one piece is left, and two orders come at the same moment: they are told {end.results}"
        )
        assert pieces(once) == 0, f"one piece and two orders, and {pieces(once)} are left"

    def check_none(end: End) -> None:
        assert end.results[1] == "0", (
            f"sold out; while an order is refused somebody looks, and sees {end.results[1]} pieces"
        )

    def check_same(end: End) -> None:
        assert (end.results, pieces(once)) == ([True, True], 1), (
            "two pieces, and one order comes twice at the same moment: it is told "
            f"{end.results}, and {pieces(once)} are left"
        )

    explore(stock(1), [order("o1"), order("o2")], check_last, lab=once)
    explore(stock(0), [order("o1"), lambda client: client.get(STOCK)], check_none, lab=once)
    explore(stock(2), [order("o1"), order("o1")], check_same, lab=once)
    with among_others(once, STOCK, -1) as at:
        got = order_one(exercise, at.clients[0])
    at.require(
        holds=got is True,
        message="pieces enough, and others take some all the time: your client's order is to get one "
        f"in the end, and is told {shown(got)}",
    )


def test_task8_forgets_orders_after_a_day(exercise: Exercise, once: Lab) -> None:
    """An order is remembered for a day, and leaves no trace after that."""
    with scene(once) as at:
        once.server.set(STOCK, 100)
        for number in range(16):
            order_one(exercise, at.clients[0], f"o{number}")
            at.wait(DAY / 4 + 1)
            if number == 3:
                order_one(exercise, at.clients[0], "o1")
        at.require(
            holds=pieces(once) == 84,
            message="an order comes again before a day has passed, and takes another piece: of 100 "
            f"{pieces(once)} are left, and there were 16 orders",
        )
        size = once.size_of_all_keys() - 1
        at.require(
            holds=size <= 10,  # perhaps two elements for each of four, or five
            message="an order each quarter of a day, remembered for a day: after four days there "
            f"is a trace of {size} of them",
        )
        at.wait(DAY + 60)
        traces = [str(key) for key in once.server.scan_iter() if key != STOCK]
        at.require(
            holds=traces == [],
            message=f"a day later there is still a trace of the orders ({''.join(traces[:1])})",
        )
        at.require(holds=pieces(once) == 84, message="the stock is gone with its orders")


def test_task8_works_in_a_cluster(exercise: Exercise, once: Lab) -> None:
    """Keys that are used together are in one slot, and declared."""
    with scene(once) as at:
        once.server.set(STOCK, 1)
        at.lab.forget()
        for order in ("o{1}", "o2"):
            order_one(exercise, at.clients[0], order)
        once.server.delete(STOCK)
        require_cluster(at, once)
