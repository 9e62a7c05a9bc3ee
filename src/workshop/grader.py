"""Grade a file: run its exercise's tests in a process of their own, and read their notes.

In a process of its own, so that a learner's endless loop, exit or flood of output ends there. It is
forked, as to import what the tests need takes longer than the tests: from this process, or, if
many are to come or this one has threads, from one that the first `grade` starts, and that
ends when we do. Where nothing can be forked, each starts anew.
"""

import gc
import json
import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workshop.lab import OWN_SERVER
from workshop.manifest import ROOT, ExerciseEntry

TIMEOUT = 60.0  # seconds for all tests of one exercise
DIED = "your code ended the whole program, and the tests with it (os._exit, or a crash)"
PRELOADED = ("workshop.plugin", "workshop.interleave", "workshop.mutants")
_more: set[str] = set()  # to be preloaded too, if many gradings are to come


def _processes() -> Any:
    """Return how processes are made here: the quickest way that is safe."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    if sys.platform == "linux" and threading.active_count() == 1 and not _more:
        return multiprocessing.get_context("fork")  # no lock can be held by another thread
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload([*PRELOADED, *_more])
    return server


@dataclass(frozen=True, slots=True)
class Result:
    """How one test went: `outcome` is passed, failed, todo (not written yet) or broken.

    `mistake` is the name of the file that was put over the one graded, if one was; `shown` is what the server saw, line by line; `printed` what the code printed last. `said` and `verbs` are for fingerprints:
    the message without the learner's key names, and the kinds of commands sent.
    """

    test: str
    task: int
    claim: str
    outcome: str
    backend: str = ""
    mistake: str = ""
    message: str = ""
    where: str = ""
    shown: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    said: str = ""
    verbs: list[str] = field(default_factory=list)


def expect_many() -> None:
    """Get ready for many gradings: import fakeredis, which takes long, once for them all."""
    _more.add("fakeredis")


def grade(
    entry: ExerciseEntry,
    file: Path,
    *,
    backend: str,
    mistakes: Sequence[Path] = (),
    tasks: Collection[int] = (),
    only: Mapping[str, Collection[str]] | None = None,
    own_server: str | None = None,
    timeout: float = TIMEOUT,
) -> list[Result]:
    """Return one result a test, in order; `backend` may name several, with a comma between.

    Each of the `mistakes` is put over the file in turn, and graded alone. With `tasks` only
    their tests are run; with `only`, of each mistake those that it lists under its name.
    `timeout` is in seconds, for each of the mistakes.
    Raises ValueError with the tests' own last words if they could not be run at all.
    """
    arguments = [str(entry.tests), "--exercise-file", str(file), "--backend", backend]
    for mistake in mistakes:
        arguments += ["--mistake", str(mistake)]
    arguments += ["--tasks", ",".join(map(str, tasks))] if tasks else []
    # Other plugins than our own would only cost time.
    environment = {**os.environ, "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop(OWN_SERVER, None)
    if own_server is not None:
        environment[OWN_SERVER] = own_server
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if only:
            tests = {mistake: sorted(names) for mistake, names in only.items()}
            (folder / "only").write_text(json.dumps(tests), encoding="utf-8")
            arguments += ["--only", str(folder / "only")]
        process = _processes().Process(target=_run_tests, args=(arguments, environment, folder))
        process.start()
        try:
            process.join(timeout * max(1, len(mistakes)))
            overdue = process.is_alive()
        finally:
            process.kill()
            process.join()
        notes = [Result(**json.loads(line)) for line in _lines(folder / "notes")]
        printed = _lines(folder / "printed")
        ended = (folder / "ended").exists()
    results = [note for note in notes if note.outcome != "begun"]
    if notes and (overdue or not ended):
        endless = f"after {timeout:.0f} s it was still running: a loop without an end?"
        results.append(_cut_short(notes[-1], endless if overdue else DIED))
    if not results:
        raise ValueError(f"the tests did not run: {' '.join(printed[-1:]) or 'no output'}")
    return results


def _run_tests(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    """Run pytest in this process, which is there for that alone."""
    import pytest  # noqa: PLC0415 - slow to import, and the process that asks does without

    with (folder / "printed").open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    gc.freeze()  # what was imported stays: pytest need not look through it for garbage
    options = ["--assert=plain", "--tb=no", "-W", "default", "--notes", str(folder / "notes")]
    pytest.main([*arguments, *options])
    (folder / "ended").touch()


def _lines(file: Path) -> list[str]:
    if not file.exists():
        return []
    return file.read_text(encoding="utf-8", errors="replace").strip().splitlines()


def _cut_short(last: Result, message: str) -> Result:
    # The test that was begun last; or all had ended, and something went on behind them.
    return Result(
        test="",
        task=last.task,
        claim="Every function comes to an end.",
        outcome="failed",
        backend=last.backend,
        mistake=last.mistake,
        message=message,
    )


def solved_tasks(entry: ExerciseEntry, results: list[Result]) -> set[int]:
    """Return the tasks of which every test passed."""
    seen = {result.task for result in results}
    failed = {result.task for result in results if result.outcome != "passed"}
    return (seen - failed) & set(range(1, len(entry.task) + 1))
