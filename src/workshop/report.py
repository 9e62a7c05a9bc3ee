"""Turn results into what the learner reads: at most 25 lines of 80 columns, no harness in it."""

import textwrap

from workshop.grader import Result, solved_tasks
from workshop.manifest import ROOT, ExerciseEntry, Mistake
from workshop.mistakes import recognise
from workshop.recorder import shorten
from workshop.schedule import MARK

WIDTH = 80
MOST_LINES = 21  # of a report, so that it fits a small terminal with the prompt below it
FEWEST_ROWS = 3  # of what the server saw, however long the rest is
LABEL = 12  # columns before the text
MARGIN = "    "  # of a table, where the steps have their numbers


def report(entry: ExerciseEntry, results: list[Result]) -> list[str]:
    """Return the report's lines: the tasks, then the first failure and what led to it."""
    solved = solved_tasks(entry, results)
    total = len(entry.task)
    count = f"{len(solved)} of {total} tasks done"
    head = f"Exercise {entry.number}: {entry.title}".ljust(WIDTH - len(count)) + count
    boxes = [f"  [{'x' if number in solved else ' '}] {number}" for number in range(1, total + 1)]
    titles = [f"{box}  {task.title}" for box, task in zip(boxes, entry.task, strict=True)]
    lines = [head, *titles, ""]
    failures = [result for result in results if result.outcome != "passed"]
    if not failures:
        return [*lines, *_done(entry)]
    first = min(failures, key=lambda result: result.task)
    if first.outcome == "failed":
        lines = [head, "".join(boxes), ""]  # what the server saw needs the room
    mistake = recognise(entry, results, first.task)
    before, after = _failure(entry, first, mistake)
    shown = _cut(first.shown, MOST_LINES - len(lines) - len(before) - len(after))
    return [*lines, *before, *shown, *after]


def _done(entry: ExerciseEntry) -> list[str]:
    lines = ["All done."]
    if entry.notebook:
        lines += _labelled(
            "Next",
            f"{entry.notebook} shows it in pictures; `make solution-{entry.number}` compares.",
        )
    return lines


def _failure(
    entry: ExerciseEntry, result: Result, mistake: Mistake | None
) -> tuple[list[str], list[str]]:
    """Return what comes before what the server saw, and what comes after it."""
    file = entry.file.relative_to(ROOT)
    if result.outcome == "broken":
        return ["This file cannot be graded yet.", *_labelled("Happened", result.message)], []
    if result.outcome == "todo":
        what_to_do = (
            f"open {file}, read what the function should do, put your code in place of "
            "`raise NotImplementedError`, and run this again."
        )
        before = [f"Task {result.task} is next: {result.message}.", *_labelled("Do", what_to_do)]
        return before, _labelled("Stuck?", f"make hint-{entry.number}")
    before = [f"Task {result.task} is not done yet: {entry.task[result.task - 1].title}."]
    before += _labelled("Asked", result.claim)
    before += _labelled("Happened", result.message)
    after = []
    if result.printed:
        after += [
            "Your code printed:",
            *(f"  {shorten(line, WIDTH - 2)}" for line in result.printed),
        ]
    if mistake is not None:
        title = mistake.name.replace("_", " ")
        page = f" ({entry.page}#{mistake.name})" if entry.page else ""
        after += _labelled("Mistake", f'This behaves like "{title}": {mistake.says}{page}')
    if result.where:
        after += _labelled("Where", f"{file.parent.name}/{result.where}")
    return before, [*after, *_labelled("Stuck?", f"make hint-{entry.number}")]


def _cut(shown: list[str], room: int) -> list[str]:
    """Return what the server saw in at most `room` lines, the middle left out if need be."""
    rows = max(room - 1, FEWEST_ROWS)  # the heading takes one
    if len(shown) > rows and shown[0].startswith(MARGIN):
        shown = _one_line_each(shown)
    if len(shown) > rows:
        head = rows // 2
        tail = rows - head - 1
        shown = [*shown[:head], f"    ... {len(shown) - head - tail} more ...", *shown[-tail:]]
    lines = [f"  {shorten(row, WIDTH - 2)}".rstrip() for row in shown]
    return ["What the server saw:", *lines] if lines else []


def _one_line_each(table: list[str]) -> list[str]:
    """Return the table of columns with each step on one line, its end left out visibly."""
    lines = table[:1]
    for line in table[1:]:
        if not line.startswith(MARGIN):
            lines.append(line)
            continue
        text = lines[-1].removesuffix(MARK).rstrip()
        mark = MARK if lines[-1].endswith(MARK) else ""
        text = text if text.endswith("…") else f"{text} …"
        lines[-1] = f"{text:<{len(lines[-1]) - len(mark)}}{mark}".rstrip()
    return lines


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<{LABEL - 2}}",
        subsequent_indent=" " * LABEL,
        break_on_hyphens=False,
    )
