"""The pytest plugin that points an exercise's tests at a file and a backend, and notes what happened.

Without options the tests run against the solution on every backend that it claims; the
grader names one file, one backend, and a file for its notes.
"""

import json
import os
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from workshop.exercise import Exercise, ExerciseError, load
from workshop.lab import Lab, open_backend
from workshop.manifest import exercises
from workshop.recorder import Sent
from workshop.schedule import CannotExploreError, RuleBrokenError

TEXT = 50  # columns of a command
WRAPPING = frozenset({"MULTI", "EXEC", "WATCH", "UNWATCH"})
OWN_SERVER = (
    "WORKSHOP_SERVER"  # the learner's server; in the environment, as it may hold a password
)


class Target(NamedTuple):
    """What the tests run against."""

    file: Path
    mistake: Path | None
    backend: str


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the grader's options."""
    group = parser.getgroup("workshop")
    group.addoption("--exercise-file", type=Path, help="grade this file instead of the solution")
    group.addoption("--mistake", type=Path, help="put these definitions over the file's")
    group.addoption("--backend", default="valkey", help="fakeredis or valkey")
    group.addoption("--notes", type=Path, help="write one line of JSON for each test here")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each exercise test against its target or targets."""
    if "target" not in metafunc.fixturenames:
        return
    option = metafunc.config.option
    if option.exercise_file:
        targets = [Target(option.exercise_file.resolve(), option.mistake, option.backend)]
    else:
        entry = exercises()[int(metafunc.module.__name__.rpartition("_")[2])]
        targets = [Target(entry.solution, None, backend) for backend in entry.backends]
    metafunc.parametrize("target", targets, ids=[target.backend for target in targets])


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note how an exercise's test went."""
    report = yield
    notes = item.config.option.notes
    task = re.match(r"test_task(\d+)_", item.name)
    if notes is None or task is None or (call.when != "call" and call.excinfo is None):
        return report
    arguments = getattr(item, "funcargs", {})
    note: dict[str, Any] = {
        "test": item.name.partition("[")[0],
        "task": int(task[1]),
        "claim": " ".join((getattr(item, "function", item).__doc__ or "").split()),
        "outcome": "passed",
    }
    if call.excinfo is not None:
        error = call.excinfo.value
        note |= _explain(error, arguments.get("target"))
        note |= _seen(error, arguments.get("lab"))
        note["said"] = _without_keys(note["message"], arguments.get("lab"))
    with notes.open("a", encoding="utf-8") as file:
        file.write(json.dumps(note) + "\n")
    return report


def _explain(error: BaseException, target: Target | None) -> dict[str, Any]:
    """Return what to tell the learner about an error: no word of the harness."""
    files = {str(path) for path in target[:2] if path} if target else set()
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


def _seen(error: BaseException, lab: Lab | None) -> dict[str, list[str]]:
    """Return what the server saw, as lines, and the kinds of commands, in the order of their first."""
    sent = lab.recorder.sent if lab else []
    if isinstance(error, RuleBrokenError):
        shown, verbs = error.table, [verb for step in error.steps for verb in step.verbs]
    else:
        shown = [_line(entry) for entry in sent]
        verbs = [entry.words[0].upper() for entry in sent]
    # A transaction is not another mistake than the same commands without one.
    return {"shown": shown, "verbs": list(dict.fromkeys(v for v in verbs if v not in WRAPPING))}


def _line(entry: Sent) -> str:
    reply = f"-> {entry.reply_text()}" if entry.answered else ""
    return f"{entry.text():<{TEXT}.{TEXT}} {reply}".rstrip()


def _without_keys(message: str, lab: Lab | None) -> str:
    """Return the message without the names of the keys that the server holds."""
    keys = sorted(lab.server.scan_iter(), key=len, reverse=True) if lab else []
    for key in keys:
        message = re.sub(rf"(?<![\w:-]){re.escape(key)}(?![\w:-])", "<key>", message)
    return message
