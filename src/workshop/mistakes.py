"""Name a known mistake by what it does: its fingerprint, never its spelling.

A fingerprint is what a task's failing tests said, and which kinds of commands the server had
seen then. Key names are left out, since they are the learner's choice. Only an exact match is
named: code with two mistakes, or with a new one, gets no name rather than a wrong one.
"""

import hashlib
import json
from collections.abc import Iterable

from workshop.grader import Result, expect_many, grade
from workshop.manifest import ROOT, ExerciseEntry, Mistake, exercises

FINGERPRINTS = ROOT / "exercises" / "fingerprints.json"


def fingerprint(results: Iterable[Result], task: int) -> str | None:
    """Return what a task's failures look like, None if none failed or one is not written yet."""
    failed = [r for r in results if r.task == task and r.outcome != "passed"]
    if not failed or any(result.outcome != "failed" for result in failed):
        return None
    seen = sorted((result.test, result.said, result.verbs) for result in failed)
    return hashlib.blake2b(json.dumps(seen).encode(), digest_size=8).hexdigest()


def recognise(entry: ExerciseEntry, results: Iterable[Result], task: int) -> Mistake | None:
    """Return the known mistake that a task's failures look exactly like, if there is one."""
    mark = fingerprint(results, task)
    known: dict[str, str] = json.loads(FINGERPRINTS.read_text(encoding="utf-8"))
    name = next((name for name, other in known.items() if other == mark), "")
    number, _, file = name.partition(".")
    found = (
        m for m in entry.mistake if number == str(entry.number) and m.name == file.split("__")[0]
    )
    return next(found, None)


def renew(number: int | None = None) -> None:
    """Compute one exercise's fingerprints anew, or all, from the mistakes; write them down."""
    expect_many()
    entries = [entry for entry in exercises().values() if number in {None, entry.number}]
    found: dict[str, str | None] = {}
    for entry in entries:
        for task in sorted({mistake.task for mistake in entry.mistake}):
            names = [mistake.name for mistake in entry.mistake if mistake.task == task]
            files = [file for name in names for file in entry.mistake_files(name)]
            results = grade(
                entry, entry.solution, backend=entry.backends[-1], mistakes=files, tasks=[task]
            )
            for file in files:
                own = [result for result in results if result.mistake == file.stem]
                found[f"{entry.number}.{file.stem}"] = fingerprint(own, task)
    renewed = {f"{entry.number}" for entry in entries}
    known: dict[str, str | None] = json.loads(FINGERPRINTS.read_text(encoding="utf-8"))
    kept = {name: mark for name, mark in known.items() if name.split(".")[0] not in renewed}
    text = json.dumps(dict(sorted((kept | found).items())), indent=2)
    FINGERPRINTS.write_text(text + "\n", encoding="utf-8")
