"""The pytest plugin that points an exercise's tests at a file and a backend, and notes what happened.

Without options the tests run against the solution on every backend that it claims; the
grader names one file, one backend, and a file for its notes.
"""

import json
import os
import re
import signal
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from workshop.exercise import Exercise, ExerciseError, load
from workshop.lab import OWN_SERVER, Lab, TooManyTripsError, open_backend
from workshop.manifest import exercises
from workshop.recorder import Sent, shorten
from workshop.schedule import CannotExploreError, RuleBrokenError

MANY_KEYS = frozenset({"DEL", "UNLINK", "MGET", "EXISTS", "TOUCH", "KEYS"})
TEXT = 50  # columns of a command
PATIENCE = 8.0  # seconds for one test
MOST_PRINTED = 3  # lines of what the learner's code printed
WRAPPING = frozenset({"MULTI", "EXEC", "WATCH", "UNWATCH"})
ENDLESS = pytest.StashKey[set[tuple[str, Path | None]]]()


class Target(NamedTuple):
    """What the tests run against; `backend` names several, with a comma, where it plays no part."""

    file: Path
    mistake: Path | None
    backend: str


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the grader's options."""
    group = parser.getgroup("workshop")
    group.addoption("--exercise-file", type=Path, help="grade this file instead of the solution")
    group.addoption(
        "--mistake",
        type=Path,
        action="append",
        help="put these definitions over the file's; several are graded one after the other",
    )
    group.addoption("--backend", default="valkey", help="fakeredis, valkey, or both with a comma")
    group.addoption("--tasks", help="run the tests of these tasks only, with a comma between")
    group.addoption(
        "--only",
        type=lambda file: json.loads(Path(file).read_text(encoding="utf-8")),
        help="a file of JSON: for each mistake's name, the tests to run of it",
    )
    group.addoption("--notes", type=Path, help="write one line of JSON for each test here")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str) -> list[pytest.Item] | None:
    """Leave out the other tasks' tests, before one is made for each mistake (quicker than -k)."""
    option, named = collector.config.option, re.match(r"test_task(\d+)_", name)
    if not named:
        return None
    if option.only and not any(name in tests for tests in option.only.values()):
        return []
    return [] if option.tasks and named[1] not in option.tasks.split(",") else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each exercise test against its target or targets."""
    if "target" not in metafunc.fixturenames:
        return
    option = metafunc.config.option
    if option.exercise_file:
        file = option.exercise_file.resolve()
        mistakes, backends = option.mistake or [None], option.backend.split(",")
        if option.only:
            name = metafunc.definition.name
            mistakes = [file for file in mistakes if file and name in option.only[file.stem]]
    else:
        entry = exercises()[int(metafunc.module.__name__.rpartition("_")[2])]
        file, mistakes, backends = entry.solution, [None], list(entry.backends)
    if "lab" not in metafunc.fixturenames:
        backends = [",".join(backends)]  # it never meets one, and would go alike on each: once
    targets = [Target(file, mistake, name) for mistake in mistakes for name in backends]
    metafunc.parametrize("target", targets, ids=map(_id, targets))


def _id(target: Target) -> str:
    return f"{target.mistake.stem}-{target.backend}" if target.mistake else target.backend


@pytest.fixture(scope="session")
def labs() -> Iterator[Callable[[str], Lab]]:
    """Make labs; each backend is opened once."""
    makers: dict[str, Callable[[], Lab]] = {}
    with ExitStack() as stack:

        def make(backend: str) -> Lab:
            if backend not in makers:
                own = os.environ.get(OWN_SERVER)
                makers[backend] = stack.enter_context(open_backend(backend, own))
            return makers[backend]()

        yield make


@pytest.fixture
def exercise(target: Target) -> Exercise:
    """Return the functions under test."""
    return load(target.file, target.mistake)


@pytest.fixture
def lab(target: Target, labs: Callable[[str], Lab]) -> Iterator[Lab]:
    """Return an empty server and recorded clients."""
    lab = labs(target.backend)
    yield lab
    lab.close()


class EndlessError(BaseException):
    """A test took too long; a BaseException, so that no `except Exception` goes on for ever."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Stop a graded test that does not come to an end, where it is."""
    if item.config.option.notes is None or not hasattr(signal, "setitimer"):
        return (yield)

    name = re.match(r"test_task\d+", item.name)
    callspec = getattr(item, "callspec", None)
    task = (name[0], callspec.params["target"].mistake) if name and callspec else None
    endless = item.session.stash.setdefault(ENDLESS, set())
    if task in endless:
        raise EndlessError  # the task's other tests would take as long, and say the same

    def stop(*_: object) -> None:
        if task:
            endless.add(task)
        raise EndlessError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        return (yield)
    except TooManyTripsError:
        if task:
            endless.add(task)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note that a test has begun: if no more follows, it ended the whole process."""
    _write(item, {"outcome": "begun"})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how an exercise's test went."""
    report = yield
    if item.config.option.notes is None or (call.when != "call" and call.excinfo is None):
        return report
    note: dict[str, Any] = {"outcome": "passed"}
    if call.excinfo is not None:
        arguments = getattr(item, "funcargs", {})
        error = call.excinfo.value
        note = _explain(error, arguments.get("target"))
        note |= _seen(error, note["message"], arguments.get("lab") or arguments.get("once"))
        note["printed"] = report.capstdout.splitlines()[-MOST_PRINTED:]
    _write(item, note)
    return report


def _write(item: pytest.Item, note: dict[str, Any]) -> None:
    """Write a line about an exercise's test, if notes are wanted."""
    notes = item.config.option.notes
    task = re.match(r"test_task(\d+)_", item.name)
    if notes is None or task is None or not isinstance(item, pytest.Function):
        return
    target: Any = item.callspec.params["target"]
    note |= {
        "test": item.name.partition("[")[0],
        "task": int(task[1]),
        "mistake": target.mistake.stem if target.mistake else "",
        "claim": " ".join((item.function.__doc__ or "").split()),
    }
    lines = [json.dumps(note | {"backend": name}) + "\n" for name in target.backend.split(",")]
    with notes.open("a", encoding="utf-8") as file:
        file.writelines(lines)


def _explain(  # noqa: C901 - one case for each way to fail
    error: BaseException, target: Target | None
) -> dict[str, Any]:
    """Return what to tell the learner about an error: no word of the harness."""
    files = {str(path) for path in target[:2] if path} if target else set()
    if isinstance(error, RuleBrokenError) and error.__cause__ is not None:
        error = error.__cause__
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    where = f"{Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
    name = own[-1].name if own else ""
    text = " ".join(str(error).split())
    match error:
        case NotImplementedError():
            outcome, message = "todo", f"`{name}` is not written yet"
        case ExerciseError():
            outcome, message = "broken", text
        case RuleBrokenError():
            outcome, message = "failed", " ".join(error.message.split())
        case CannotExploreError():
            outcome, message = "failed", text
        case EndlessError():
            outcome = "failed"
            place = f"in `{name}` " if own else ""
            message = f"{place}it was still running after {PATIENCE:.0f} s: a loop without an end?"
        case TooManyTripsError():
            outcome, message = "failed", text
        case AssertionError() if not own:
            outcome, message = "failed", text
        case _ if own:
            outcome, message = "failed", f"your code raised {type(error).__name__}: {text}"
        case TypeError() if "argument" in text:
            outcome, message = "failed", f"the function cannot be called as asked: {text}"
        case _:
            outcome = "failed"
            message = f"what was returned is not of the form asked ({type(error).__name__}: {text})"
    return {"outcome": outcome, "message": message, "where": where}


def _seen(error: BaseException, message: str, lab: Lab | None) -> dict[str, Any]:
    """Return what the server saw, as lines, and what of it is not the learner's own choice.

    That is the kinds of commands, in the order of their first, and the message without keys.
    """
    if isinstance(error, RuleBrokenError):
        shown, sent = error.table, [words for step in error.steps for words in step.sent]
    else:
        entries = lab.recorder.sent if lab else []
        shown, sent = [_line(entry) for entry in entries], [entry.words for entry in entries]
    # A transaction is not another mistake than the same commands without one.
    verbs = dict.fromkeys(words[0].upper() for words in sent)
    keys = {key for words in sent for key in _keys(words)}
    return {
        "shown": shown,
        "verbs": [verb for verb in verbs if verb not in WRAPPING],
        "said": _without(keys, message),
    }


def _keys(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys that a command names: all of a script's, none of SCAN's."""
    verb = words[0].upper()
    if verb in MANY_KEYS:
        return words[1:]
    if verb in {"EVAL", "EVALSHA"} and words[2:3] and words[2].isdigit():
        return words[3 : 3 + int(words[2])]
    return () if verb == "SCAN" else words[1:2]


def _line(entry: Sent) -> str:
    reply = f"-> {entry.reply_text()}" if entry.answered else ""
    return f"{shorten(entry.text(), TEXT):<{TEXT}} {reply}".rstrip()


def _without(keys: set[str], message: str) -> str:
    """Return the message without these keys, the longest first: one may begin with another."""
    for key in sorted(keys, key=lambda key: (-len(key), key)):
        message = re.sub(rf"(?<![\w:-]){re.escape(key)}(?![\w:-])", "<key>", message)
    return message
