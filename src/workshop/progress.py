"""What the learner has done: derived from the tests, kept in one small git-ignored file."""

import hashlib
import json
import os
from typing import Any

from valkey_redis import EmbeddedServerError
from valkey_redis.embedded import find_binary
from workshop.grader import Result, grade, solved_tasks
from workshop.lab import require_empty
from workshop.manifest import ROOT, ExerciseEntry, exercises

STATE = ROOT / ".workshop" / "progress.json"
BAR = 12  # columns of a progress bar


def grade_learner(entry: ExerciseEntry) -> list[Result]:
    """Grade the learner's file on their own server, else the embedded one, else fakeredis.

    Raises ValkeyRedisError if the own server cannot be used, ValueError if the tests did not run.
    """
    own, backend = os.environ.get("VALKEY_URL") or None, "valkey"
    if own:
        require_empty(own)
    else:
        try:
            find_binary()
        except EmbeddedServerError:
            backend = "fakeredis"
    results = grade(entry, entry.file, backend=backend, own_server=own)
    solved = sorted(solved_tasks(entry, results))
    _change(entry, {"file": _digest(entry), "solved": solved})
    return results


def solved_so_far(entry: ExerciseEntry) -> set[int]:
    """Return the solved tasks; grade only if the file is another than the last time."""
    known = _read().get(str(entry.number), {})
    if known.get("file") == _digest(entry):
        return set(known["solved"])
    return solved_tasks(entry, grade_learner(entry))


def is_done(entry: ExerciseEntry) -> bool:
    """Return whether every task is solved."""
    return len(solved_so_far(entry)) == len(entry.task)


def overview() -> list[str]:
    """Return a line for each exercise: what is done, and what comes next."""
    lines, following = [], ""
    for entry in exercises().values():
        done, total = len(solved_so_far(entry)), len(entry.task)
        bar = ("#" * round(BAR * done / total)).ljust(BAR, ".")
        lines.append(f"  {entry.number}  {entry.title:<40.40} [{bar}] {done} of {total}")
        if done < total and not following:
            following = f"Next: make exercise-{entry.number} (about {entry.minutes} minutes in all)"
    return [*lines, "", following or "All done. What will you cache first?"]


def next_hint(entry: ExerciseEntry, task: int) -> list[str]:
    """Return the hints shown so far and one more: a question, a command, a sketch."""
    hints = entry.task[task - 1].hints
    shown = _read().get(str(entry.number), {}).get("hints", {})
    count = min(int(shown.get(str(task), 0)) + 1, len(hints))
    _change(entry, {"hints": shown | {str(task): count}})
    lines = [f"Exercise {entry.number}, task {task}: {entry.task[task - 1].title}"]
    lines += [f"  {text}" for text in hints[:count]]
    return [*lines, f"({count}/{len(hints)} shown)"]


def _digest(entry: ExerciseEntry) -> str:
    """Return what a verdict depends on: the learner's file and the tests."""
    data = b"".join(path.read_bytes() for path in (entry.file, entry.tests) if path.exists())
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _read() -> dict[str, Any]:
    try:
        found = json.loads(STATE.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # lost or spoilt, it is derived anew
    return found if isinstance(found, dict) else {}


def _change(entry: ExerciseEntry, changes: dict[str, Any]) -> None:
    state = _read()
    state[str(entry.number)] = state.get(str(entry.number), {}) | changes
    STATE.parent.mkdir(exist_ok=True)
    fresh = STATE.with_suffix(".new")
    fresh.write_text(json.dumps(state, indent=1), encoding="utf-8")
    fresh.replace(STATE)  # in one step: a reader never sees half a file
