"""The command `workshop`: what the Makefile's verbs call."""

import importlib
import json
import os
import subprocess
import sys
from types import ModuleType
from typing import Annotated

import typer

from valkey_redis import EmbeddedServerError, ValkeyRedisError
from valkey_redis.embedded import find_binary
from workshop.grader import Result, grade
from workshop.lab import require_empty
from workshop.manifest import ROOT, ExerciseEntry, exercises
from workshop.mistakes import renew
from workshop.report import report

STATE = ROOT / ".workshop" / "hints.json"
EXAMPLES = ROOT / "src" / "valkey_redis" / "examples"

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _entry(number: int) -> ExerciseEntry:
    found = exercises().get(number)
    if found is None:
        sys.exit(f"there is no exercise {number}; there are {', '.join(map(str, exercises()))}")
    return found


def _grade(entry: ExerciseEntry) -> list[Result]:
    """Grade the learner's file on their own server, else the embedded one, else fakeredis."""
    own, backend = os.environ.get("VALKEY_URL"), "valkey"
    try:
        if own:
            require_empty(own)
        else:
            find_binary()
    except EmbeddedServerError:
        backend = "fakeredis"
    except ValkeyRedisError as error:
        sys.exit(f"error: {error}")
    try:
        return grade(entry, entry.file, backend=backend, own_server=own)
    except ValueError as error:
        sys.exit(f"exercise {entry.number}: {error}")


@app.command()
def exercise(number: int) -> None:
    """Grade your solution of an exercise."""
    entry = _entry(number)
    results = _grade(entry)
    print("\n".join(report(entry, results)))
    if any(result.outcome != "passed" for result in results):
        raise typer.Exit(1)


@app.command()
def hint(number: int) -> None:
    """Show the next hint for the first task that is not done: a question, a command, a sketch."""
    entry = _entry(number)
    open_tasks = {result.task for result in _grade(entry) if result.outcome != "passed"}
    if not open_tasks:
        print(f"Exercise {number} is done: no hint is needed.")
        return
    task = min(open_tasks)
    shown = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
    key = f"{number}.{task}"
    hints = entry.task[task - 1].hints
    count = min(int(shown.get(key, 0)) + 1, len(hints))
    print(f"Exercise {number}, task {task}: {entry.task[task - 1].title}")
    for i, text in enumerate(hints[:count], start=1):
        print(f"  {i}/{len(hints)}  {text}")
    STATE.parent.mkdir(exist_ok=True)
    STATE.write_text(json.dumps(shown | {key: count}), encoding="utf-8")


@app.command()
def solution(
    number: int, *, yes: Annotated[bool, typer.Option("--yes", help="do not ask first")] = False
) -> None:
    """Show one good solution, after asking."""
    entry = _entry(number)
    if not yes and not typer.confirm(f"Show the solution of exercise {number}?"):
        return
    print(entry.solution.read_text(encoding="utf-8"), end="")


@app.command()
def example(number: int) -> None:
    """Run one example."""
    if not (EXAMPLES / f"example_{number}.py").exists():
        numbers = sorted(path.stem.rpartition("_")[2] for path in EXAMPLES.glob("example_*.py"))
        sys.exit(f"there is no example {number}; there are {', '.join(numbers)}")
    code = subprocess.call([sys.executable, "-m", f"valkey_redis.examples.example_{number}"])
    raise typer.Exit(code)


@app.command()
def examples() -> None:
    """Run every example, each in a process of its own; stop at the first that fails."""
    for path in sorted(EXAMPLES.glob("example_*.py")):
        number = path.stem.rpartition("_")[2]
        print(f"\n=== example {number} ===", flush=True)
        code = subprocess.call([sys.executable, "-m", f"valkey_redis.examples.{path.stem}"])
        if code:
            raise typer.Exit(code)


@app.command()
def notebooks() -> None:
    """Run every notebook anew and keep its outputs."""
    from workshop.notebooks import execute_all  # noqa: PLC0415 - a second to import, for this verb only

    execute_all()


@app.command()
def fingerprints() -> None:
    """Compute every known mistake's fingerprint anew."""
    renew()


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
