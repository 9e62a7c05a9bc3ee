"""The exercises hold what they promise: stubs fail, solutions pass, every mistake is caught."""

import ast
import itertools
import json
import os
from functools import cache
from pathlib import Path

import pytest

from workshop.grader import Result, expect_many, grade
from workshop.manifest import ROOT, ExerciseEntry, Mistake, exercises
from workshop.mistakes import FINGERPRINTS, recognise
from workshop.report import report

expect_many()
ENTRIES = list(exercises().values())
UNSOLVED = [entry for entry in ENTRIES if entry.number > 0]  # exercise 0 is solved already
# Each folder is looked through once: every worker of the tests comes here to collect them.
FILES = {
    (entry.number, mistake.name): entry.mistake_files(mistake.name)
    for entry in ENTRIES
    for mistake in entry.mistake
}
MISTAKES = [
    (entry, mistake, file)
    for entry in ENTRIES
    for mistake in entry.mistake
    for file in FILES[entry.number, mistake.name]
]
# One process grades all mistakes of a task: to start one for each takes longer than their tests.
TASKS = sorted({(entry.number, mistake.task) for entry, mistake, _ in MISTAKES})

ALTERNATIVES = [
    (entry, file)
    for entry in ENTRIES
    for file in sorted(
        entry.mistake_files("x")[0].parents[2].glob(f"alternatives/{entry.file.stem}/*.py")
    )
]


def name_of(value: object) -> str:
    """Return a test id."""
    if isinstance(value, str):
        return value
    if isinstance(value, Path):
        return value.stem
    return value.name if isinstance(value, Mistake) else f"exercise-{getattr(value, 'number', '')}"


@cache
def functions(file: Path) -> list[str]:
    """Return the names of a file's own functions."""
    return [
        node.name
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


@cache
def mentions(tests: Path, solution: Path) -> dict[str, set[str]]:
    """Return, for each function and class of tests, their helpers and a solution, what it mentions."""
    text = tests.read_text(encoding="utf-8")
    support = sorted((ROOT / "tests/support").glob("*.py"))
    helpers = [path for path in support if f"from tests.support.{path.stem} import" in text]
    found: dict[str, set[str]] = {}
    for file in (tests, solution, *helpers):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inside = list(ast.walk(node))
                names = {n.id for n in inside if isinstance(n, ast.Name)}
                names |= {
                    n.attr for n in inside if isinstance(n, ast.Attribute) and owner(n) != "lab"
                }
                found.setdefault(node.name, set()).update(names)
    return found


def owner(node: ast.Attribute) -> str:
    """Return the name before the dot, if it is one."""
    return node.value.id if isinstance(node.value, ast.Name) else ""


def reaching_tests(entry: ExerciseEntry, file: Path) -> set[str]:
    """Return the tests that can come to a mistake's functions; rather too many than too few."""
    graph = mentions(entry.tests, entry.solution)
    reached = set(functions(file))
    while more := {name for name, names in graph.items() if names & reached} - reached:
        reached |= more
    return {name for name in reached if name.startswith("test_task")}


def is_untouched(entry: ExerciseEntry) -> bool:
    """Return whether every function of a stub, but those to review, still waits to be written."""
    waiting = entry.file.read_text(encoding="utf-8").count("raise NotImplementedError\n")
    return waiting == len(functions(entry.file)) - sum(len(task.review) for task in entry.task)


def outcomes(results: list[Result]) -> dict[str, str]:
    """Return each test's outcome."""
    return {result.test: result.outcome for result in results}


# Two mistakes of one task in different functions, so that both are there at once.
PAIRS = [
    (entry, first, second)
    for entry in ENTRIES
    for first, second in itertools.combinations(entry.mistake, 2)
    if first.task == second.task
    and not set(functions(FILES[entry.number, first.name][0]))
    & set(functions(FILES[entry.number, second.name][0]))
]


@pytest.mark.parametrize("entry", UNSOLVED, ids=name_of)
def test_every_test_fails_on_the_stub_because_it_is_not_written(entry: ExerciseEntry) -> None:
    """The untouched stub fails each test of each task, and says that it is not written yet.

    Code to review runs: it passes at first sight, and fails by an assertion at the second.
    """
    if "CI" not in os.environ and not is_untouched(entry):
        pytest.skip(f"you have solved a part of {entry.file.name}; CI checks the untouched one")
    results = grade(entry, entry.file, backend="fakeredis")
    for number, task in enumerate(entry.task, start=1):
        got = [result for result in results if result.task == number]
        expected = {"passed", "failed"} if task.review else {"todo"}
        assert {result.outcome for result in got} == expected, outcomes(got)
        assert not any("raised" in result.message for result in got), got
        assert set(task.review) <= set(functions(entry.file))


def test_exercise_0_is_solved() -> None:
    """A newcomer's first exercise is green at once."""
    results = grade(exercises()[0], exercises()[0].file, backend="valkey")
    assert set(outcomes(results).values()) == {"passed"}


@pytest.mark.parametrize("entry", UNSOLVED, ids=name_of)
def test_the_solution_copied_in_passes(entry: ExerciseEntry) -> None:
    """The grader that failed the stub passes the solution."""
    results = grade(entry, entry.solution, backend="valkey")
    assert set(outcomes(results).values()) == {"passed"}, outcomes(results)


@pytest.mark.parametrize(("number", "task"), TASKS)
def test_every_mistake_fails_in_its_own_task(number: int, task: int) -> None:
    """On each backend a known mistake fails by an assertion, in its own task, and gets its name."""
    entry = exercises()[number]
    own = [(m, file) for e, m, file in MISTAKES if e.number == number and m.task == task]
    # Tests that cannot come to what is replaced say of it what they say of the solution.
    reached = {file.stem: reaching_tests(entry, file) for _, file in own}
    inside, outside = {}, {}
    for file, tests in reached.items():
        inside[file] = {test for test in tests if test.startswith(f"test_task{task}_")}
        outside[file] = tests - inside[file]
        assert inside[file], f"{file}: none of its task's tests calls it"
    results = []
    for backend, only in ((",".join(entry.backends), inside), (entry.backends[0], outside)):
        files = [file for _, file in own if only[file.stem]]
        if files:
            results += grade(entry, entry.solution, backend=backend, mistakes=files, only=only)
    for mistake, file in own:
        for backend in entry.backends:
            of_it = [r for r in results if (r.mistake, r.backend) == (file.stem, backend)]
            if recognise(entry, of_it, task) != mistake:
                # Among hundreds of others on a busy machine: alone, as a learner's would be.
                of_it = grade(entry, entry.solution, backend=backend, mistakes=[file])
            check_mistake(entry, mistake, file.stem, of_it)


def check_mistake(entry: ExerciseEntry, mistake: Mistake, file: str, results: list[Result]) -> None:
    """Assert that the results of one backend are those of a mistake that is caught."""
    failed = [result for result in results if result.outcome != "passed"]
    assert failed, f"{file} passes every test"
    assert {result.task for result in failed} == {mistake.task}, (file, outcomes(failed))
    for result in failed:
        assert result.outcome == "failed", (file, result)
        assert "raised" not in result.message, (file, result.message)
    assert recognise(entry, results, mistake.task) == mistake, (
        f"{file}: its fingerprint on {failed[0].backend} has changed: "
        f"`make fingerprints-{entry.number}` renews it"
    )
    lines = report(entry, results)
    assert len(lines) <= 26, (file, lines)
    assert max(map(len, lines)) <= 80, (file, lines)


@pytest.mark.parametrize(("entry", "file"), ALTERNATIVES, ids=name_of)
def test_other_correct_solutions_pass(entry: ExerciseEntry, file: Path) -> None:
    """What is right in another way (Lua, WATCH, other types) passes: effects count, not spelling."""
    results = grade(entry, entry.solution, backend=",".join(entry.backends), mistakes=[file])
    assert {result.backend for result in results} == set(entry.backends)
    assert {result.outcome for result in results} == {"passed"}, [r for r in results if r.message]


def test_no_two_mistakes_look_alike() -> None:
    """Each fingerprint belongs to one mistake, perhaps to several of its variants; each has one."""
    known = json.loads(FINGERPRINTS.read_text(encoding="utf-8"))
    assert set(known) == {f"{entry.number}.{file.stem}" for entry, _, file in MISTAKES}
    named = {(mark, file.partition("__")[0]) for file, mark in known.items()}
    assert len({mark for mark, _ in named}) == len(named)


@pytest.mark.parametrize(
    ("number", "task"), sorted({(entry.number, first.task) for entry, first, _ in PAIRS})
)
def test_two_mistakes_get_no_wrong_name(number: int, task: int, tmp_path: Path) -> None:
    """Code with two mistakes of one task is named by one of them or not at all."""
    entry = exercises()[number]
    pairs = [(a, b) for e, a, b in PAIRS if (e.number, a.task) == (number, task)]
    files = []
    for first, second in pairs:
        texts = [FILES[number, m.name][0].read_text(encoding="utf-8") for m in (first, second)]
        files.append(tmp_path / f"{first.name}+{second.name}.py")
        files[-1].write_text("\n\n".join(texts), encoding="utf-8")
    results = grade(entry, entry.solution, backend="fakeredis", mistakes=files, tasks=[task])
    for (first, second), file in zip(pairs, files, strict=True):
        own = [result for result in results if result.mistake == file.stem]
        assert any(result.outcome == "failed" for result in own), file.stem
        assert recognise(entry, own, task) in {first, second, None}, file.stem


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_every_function_is_asked_for(entry: ExerciseEntry) -> None:
    """Each function of the stub is called by the tests, so that none can be left out."""
    tree = ast.parse(entry.tests.read_text(encoding="utf-8"))
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert set(functions(entry.file)) <= called


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_deleting_a_function_passes_nothing(entry: ExerciseEntry, tmp_path: Path) -> None:
    """Whoever deletes a function is told its name, and fails."""
    name = functions(entry.file)[0]
    deletion = tmp_path / f"without_{name}.py"
    deletion.write_text(f"del {name}\n")
    results = grade(entry, entry.solution, backend="fakeredis", mistakes=[deletion])
    broken = [result for result in results if result.outcome == "broken"]
    assert broken, f"without {name} every test passes"
    assert f"`{name}`" in broken[0].message


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_stub_and_solution_have_the_same_functions(entry: ExerciseEntry) -> None:
    """The stub asks for what the solution has."""
    assert functions(entry.file) == functions(entry.solution)


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_the_exercise_tests_speak(entry: ExerciseEntry) -> None:
    """Each test has a claim and a task; each assertion has a message."""
    tree = ast.parse(entry.tests.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            assert ast.get_docstring(node), f"{node.name} has no claim"
            assert node.name.startswith("test_task"), f"{node.name} names no task"
        if isinstance(node, ast.Assert):
            assert node.msg is not None, f"line {node.lineno} asserts without a message"


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_the_manifest_and_the_files_agree(entry: ExerciseEntry) -> None:
    """Every mistake named has its file and every file its name; page and notebook are there."""
    folder = entry.mistake_files("x")[0].parent
    assert sorted({path.stem.split("__")[0] for path in folder.glob("*.py")}) == sorted(
        m.name for m in entry.mistake
    )
    assert {mistake.task for mistake in entry.mistake} <= set(range(1, len(entry.task) + 1))
    for path in filter(None, (entry.page, entry.notebook)):
        assert (ROOT / path).exists(), path


def test_prerequisites_come_earlier() -> None:
    """Numbers rise by one, and no exercise needs a later one, so there is no cycle."""
    assert list(exercises()) == list(range(len(ENTRIES)))
    for entry in ENTRIES:
        assert all(0 <= needed < entry.number for needed in entry.prerequisites)
