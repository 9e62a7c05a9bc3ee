"""Whatever graded code does, the grading ends, says what happened, and leaves nothing behind."""

import os
from pathlib import Path

import pytest

from workshop.grader import Result, expect_many, grade
from workshop.manifest import exercises

expect_many()
ENTRY = exercises()[0]
ONE = exercises()[1]


def grade_code(folder: Path, code: str, *, timeout: float = 30) -> list[Result]:
    """Grade exercise 0 with this code put over its solution."""
    file = folder / "code.py"
    file.write_text(code)
    return grade(ENTRY, ENTRY.solution, backend="fakeredis", mistakes=[file], timeout=timeout)


@pytest.mark.parametrize("ending", ["os._exit(0)", "os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_code_that_ends_the_program_fails_where_it_was(tmp_path: Path, ending: str) -> None:
    """Neither an exit code of 0 nor a crash passes for an end; the tasks before it stay done."""
    file = tmp_path / "code.py"
    file.write_text(f"import os\ndef count_visit(client, page, seconds):\n    {ending}\n")
    results = grade(ONE, ONE.solution, backend="fakeredis", mistakes=[file])
    assert {result.task for result in results if result.outcome == "passed"} == {1, 2, 3}
    assert (results[-1].task, results[-1].outcome) == (4, "failed")
    assert "your code ended the whole program" in results[-1].message


def test_code_that_ends_the_program_while_it_loads_fails(tmp_path: Path) -> None:
    """No test has run then, and that is a failure of the code, not of the workshop."""
    [result] = grade_code(tmp_path, "import os\nos._exit(0)\n")
    assert (result.task, result.outcome) == (1, "failed")
    assert "your code ended the whole program" in result.message


@pytest.mark.parametrize(
    "code",
    [
        # No signal that can be blocked stops it.
        "import signal\nsignal.pthread_sigmask(0, {*range(1, 20)})\nwhile True: pass\n",
        # All tests pass, but their process does not end.
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\n",
    ],
    ids=["loop", "thread"],
)
def test_what_never_ends_is_ended(tmp_path: Path, code: str) -> None:
    """After its time the process is killed, and a last result says so."""
    note = tmp_path / "pid"
    code = f"import os, pathlib\npathlib.Path({str(note)!r}).write_text(str(os.getpid()))\n{code}"
    *_, last = grade_code(tmp_path, code, timeout=3)
    assert (last.task, last.outcome) == (1, "failed")
    assert last.message == "after 3 s it was still running: a loop without an end?"
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_nothing_is_handed_on_to_the_next(tmp_path: Path) -> None:
    """Modules, the environment and the folder changed by one are as before for the next."""
    code = (
        "import fakeredis, os, sys, valkey\n"
        "os.environ['CHANGED'] = 'x'\nos.chdir('/')\nsys.modules['changed'] = sys\n"
        "fakeredis.FakeValkey = fakeredis.FakeServer = valkey.Valkey = None\n"
    )
    assert {result.outcome for result in grade_code(tmp_path, code)} == {"failed"}
    code = (
        "import os, sys\n"
        "assert 'CHANGED' not in os.environ and 'changed' not in sys.modules\n"
        "assert os.getcwd() != '/'\n"
    )
    assert {result.outcome for result in grade_code(tmp_path, code)} == {"passed"}


def test_each_grading_sees_the_environment_of_its_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that others are forked from began earlier; its environment is not theirs."""
    for value in ("one", "two"):
        monkeypatch.setenv("SET_LATE", value)
        code = f"import os\nassert os.environ['SET_LATE'] == {value!r}\n"
        assert {result.outcome for result in grade_code(tmp_path, code)} == {"passed"}


def test_tests_that_do_not_run_are_an_error_with_their_last_words() -> None:
    """A grading without a result is nobody's success."""
    lost = ENTRY.model_copy(update={"number": 99})
    with pytest.raises(ValueError, match=r"the tests did not run: .*test_exercise_99"):
        grade(lost, ENTRY.solution, backend="fakeredis")


def test_of_each_mistake_only_the_tests_listed_are_run(tmp_path: Path) -> None:
    """`only` lists them under the names of the mistakes, each its own; what it lists not is left out."""
    files = [tmp_path / f"{name}.py" for name in ("first", "second")]
    for file in files:
        file.write_text("")
    only = {
        "first": ["test_task4_counts_visits"],
        "second": ["test_task4_counts_visits", "test_task4_survives_a_crash"],
    }
    results = grade(ONE, ONE.solution, backend="fakeredis", mistakes=files, only=only)
    run = {name: {r.test for r in results if r.mistake == name} for name in only}
    assert run == {name: set(tests) for name, tests in only.items()}
    assert {result.outcome for result in results} == {"passed"}
