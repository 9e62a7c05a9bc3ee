"""`make watch`: grade again on every save, with one-letter commands between."""

import queue
import sys
import threading
from pathlib import Path

from workshop.manifest import ExerciseEntry, exercises
from workshop.progress import grade_learner, is_done, next_hint, overview
from workshop.report import report

POLL = 0.3  # seconds between two looks at the files; polling works on every file system
HELP = "[n]ext  [h]int  [l]ist  [q]uit, then Enter; or just save the file"


def watch() -> None:
    """Show the exercise's report, and again whenever its file is saved, until the learner quits."""
    typed: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_lines, args=(typed,), daemon=True).start()
    entry = _first_open()
    seen: float | None = None
    while True:
        if (saved := _saved_at(entry.file)) != seen:
            seen = saved
            _show(_verdict(entry))
        try:
            letter = typed.get(timeout=POLL).strip().lower()[:1]
        except queue.Empty:
            continue
        if letter == "q":
            return
        if letter == "n":
            entry, seen = _following(entry), None
        elif letter == "h":
            _show(_hint(entry))
        elif letter == "l":
            _show(overview())
        else:
            print(HELP, flush=True)


def _verdict(entry: ExerciseEntry) -> list[str]:
    if not entry.file.exists():
        return [f"{entry.file.name} is gone: `make reset-{entry.number}` brings it back."]
    return report(entry, grade_learner(entry))


def _hint(entry: ExerciseEntry) -> list[str]:
    open_tasks = {r.task for r in grade_learner(entry) if r.outcome != "passed"}
    return next_hint(entry, min(open_tasks)) if open_tasks else ["Done: no hint is needed."]


def _first_open() -> ExerciseEntry:
    entries = list(exercises().values())
    return next((entry for entry in entries if not is_done(entry)), entries[-1])


def _following(entry: ExerciseEntry) -> ExerciseEntry:
    """Return the exercise after this one; after the last, the first again."""
    entries = list(exercises().values())
    return entries[(entries.index(entry) + 1) % len(entries)]


def _show(lines: list[str]) -> None:
    if sys.stdout.isatty():
        print("\x1b[2J\x1b[H", end="")
    print("\n".join([*lines, HELP]), flush=True)


def _saved_at(file: Path) -> float:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:  # an editor may write a new file and rename it
        return 0


def _read_lines(typed: queue.Queue[str]) -> None:
    for line in sys.stdin:
        typed.put(line)
