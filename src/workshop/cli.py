"""The command `workshop`: what the Makefile's verbs call. Every error is one line and an exit code."""

import difflib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Annotated

import typer

from valkey_redis import ValkeyRedisError
from valkey_redis.simulate import recommend
from valkey_redis.simulate.policy import require_capacity
from workshop import doctor as the_doctor
from workshop import keeping, mistakes, traces
from workshop import progress as the_progress
from workshop import watch as the_watch
from workshop.manifest import ROOT, ExerciseEntry, exercises
from workshop.report import report

EXAMPLES = ROOT / "src" / "valkey_redis" / "examples"
Yes = Annotated[bool, typer.Option("--yes", help="do not ask first")]

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except (ValkeyRedisError, keeping.KeepingError, ValueError) as error:
        sys.exit(f"error: {error}")


def _entry(number: int) -> ExerciseEntry:
    found = exercises().get(number)
    if found is None:
        sys.exit(f"there is no exercise {number}; there are {', '.join(map(str, exercises()))}")
    if not found.file.exists():
        sys.exit(f"{found.file.name} is gone: `make reset-{number}` brings it back")
    return found


@app.command()
def exercise(number: int) -> None:
    """Grade your solution of an exercise."""
    entry = _entry(number)
    with _one_line():
        results = the_progress.grade_learner(entry)
    print("\n".join(report(entry, results)))
    if any(result.outcome != "passed" for result in results):
        raise typer.Exit(1)


@app.command()
def watch() -> None:
    """Grade the exercise you are at again, whenever you save it."""
    with _one_line():
        the_watch.watch()


@app.command()
def progress() -> None:
    """Show what is done, and what comes next."""
    with _one_line():
        print("\n".join(the_progress.overview()))


@app.command()
def hint(number: int) -> None:
    """Show the next hint for the first task that is not done: a question, a command, a sketch."""
    entry = _entry(number)
    with _one_line():
        open_tasks = set(range(1, len(entry.task) + 1)) - the_progress.solved_so_far(entry)
        done = [f"Exercise {number} is done: no hint is needed."]
        print("\n".join(the_progress.next_hint(entry, min(open_tasks)) if open_tasks else done))


@app.command()
def solution(number: int, *, yes: Yes = False) -> None:
    """Show one good solution: after asking, or beside your own once that is done."""
    entry = _entry(number)
    theirs = entry.solution.read_text(encoding="utf-8")
    with _one_line():
        done = the_progress.is_done(entry)
    if done:
        yours = entry.file.read_text(encoding="utf-8")
        names = (f"exercises/{entry.file.name} (yours)", f"solutions/{entry.file.name}")
        print(
            "".join(difflib.unified_diff(yours.splitlines(True), theirs.splitlines(True), *names))
        )
    elif yes or typer.confirm(
        f"Exercise {number} is not done yet. Show its solution all the same?"
    ):
        print(theirs, end="")


@app.command()
def reset(number: int) -> None:
    """Put an exercise back as it was; yours is kept in .workshop/backup."""
    entry = exercises().get(number) or _entry(number)
    with _one_line():
        saved = keeping.reset(entry)
    kept = f"; yours is in {saved.relative_to(ROOT)}" if saved else ""
    print(f"exercises/{entry.file.name} is as it was{kept}.")


@app.command("reset-all")
def reset_all(*, yes: Yes = False) -> None:
    """Put every exercise back as it was, after asking; yours are kept in .workshop/backup."""
    if yes or typer.confirm("Put every exercise back as it was? (Yours are kept as backups.)"):
        for number in exercises():
            reset(number)


@app.command()
def update() -> None:
    """Fetch and merge the newer workshop; your exercises stay as they are."""
    with _one_line():
        print("\n".join(keeping.update()))


@app.command()
def doctor() -> None:
    """Look at everything that the workshop stands on, and say how to mend it."""
    findings = the_doctor.examine()
    print("\n".join(the_doctor.lines(findings)))
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


@app.command()
def example(number: int) -> None:
    """Run one example."""
    if not (EXAMPLES / f"example_{number}.py").exists():
        numbers = sorted(path.stem.rpartition("_")[2] for path in EXAMPLES.glob("example_*.py"))
        sys.exit(f"there is no example {number}; there are {', '.join(numbers)}")
    raise typer.Exit(_run_example(f"example_{number}"))


@app.command()
def examples() -> None:
    """Run every example, each in a process of its own; stop at the first that fails."""
    for path in sorted(EXAMPLES.glob("example_*.py")):
        print(f"\n=== {path.stem.replace('_', ' ')} ===", flush=True)
        if code := _run_example(path.stem):
            raise typer.Exit(code)


def _run_example(name: str) -> int:
    return subprocess.call([sys.executable, "-m", f"valkey_redis.examples.{name}"])


@app.command(context_settings={"ignore_unknown_options": True})  # a capacity of -1 is no option
def simulate(trace: str, capacity: str) -> None:
    """Show what each eviction policy hits on a list of keys, a file with one key a line."""
    if not trace or not capacity:
        sys.exit("error: takes a file of keys and a capacity: TRACE=keys.txt CAPACITY=1000")
    with _one_line():
        size = require_capacity(int(capacity) if capacity.isdecimal() else capacity)
        print("\n".join(recommend(traces.load_trace(trace), size).lines()))


@app.command()
def notebooks() -> None:
    """Run every notebook anew and keep its outputs."""
    importlib.import_module(
        "workshop.notebooks"
    ).execute_all()  # slow to import: for this verb only


@app.command()
def fingerprints(number: Annotated[int | None, typer.Argument()] = None) -> None:
    """Compute the known mistakes' fingerprints anew, of one exercise or of all."""
    mistakes.renew(number)


@app.command("infra-up")
def infra_up() -> None:
    """Start a server on 127.0.0.1:6379 in the background."""
    _infra().up()


@app.command("infra-down")
def infra_down() -> None:
    """Stop the server that infra-up started."""
    _infra().down()


def _infra() -> ModuleType:
    try:
        return importlib.import_module("workshop.infra")
    except ImportError:
        sys.exit("infra: no background server on this platform; set VALKEY_URL to one of your own")
