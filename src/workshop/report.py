"""Turn results into what the learner reads: at most 25 lines of 80 columns, no harness in it."""

import textwrap

from workshop.grader import Result, solved_tasks
from workshop.manifest import ROOT, ExerciseEntry, Mistake
from workshop.mistakes import recognise

WIDTH = 80
MOST_ROWS = 7  # commands shown; the rest is counted
LABEL = 12  # columns before the text


def report(entry: ExerciseEntry, results: list[Result]) -> list[str]:
    """Return the report's lines: the tasks, then the first failure and what led to it."""
    solved = solved_tasks(entry, results)
    total = len(entry.task)
    lines = [
        f"Exercise {entry.number}: {entry.title}".ljust(WIDTH - 17)
        + f"{len(solved)} of {total} tasks done"
    ]
    for number, task in enumerate(entry.task, start=1):
        lines.append(f"  [{'x' if number in solved else ' '}] {number}  {task.title}")
    lines.append("")
    failures = [result for result in results if result.outcome != "passed"]
    if not failures:
        return [*lines, *_done(entry)]
    first = min(failures, key=lambda result: result.task)
    return [*lines, *_failure(entry, first, recognise(entry, results, first.task))]


def _done(entry: ExerciseEntry) -> list[str]:
    lines = ["All done."]
    if entry.notebook:
        lines += _labelled(
            "Next",
            f"{entry.notebook} shows it in pictures; `make solution-{entry.number}` compares.",
        )
    return lines


def _failure(entry: ExerciseEntry, result: Result, mistake: Mistake | None) -> list[str]:
    file = entry.file.relative_to(ROOT)
    if result.outcome == "broken":
        return ["This file cannot be graded yet.", *_labelled("Happened", result.message)]
    if result.outcome == "todo":
        return [
            f"Task {result.task} is next: {result.message}.",
            *_labelled(
                "Do",
                f"open {file}, read what the function should do, put your code in place "
                "of `raise NotImplementedError`, and run this again.",
            ),
            *_labelled("Stuck?", f"make hint-{entry.number}"),
        ]
    lines = [f"Task {result.task} is not done yet."]
    lines += _labelled("Asked", result.claim)
    lines += _labelled("Happened", result.message)
    if result.shown:
        lines += ["What the server saw:", *_cut(result.shown)]
    if mistake is not None:
        title = mistake.name.replace("_", " ")
        page = f" ({entry.page}#{mistake.name})" if entry.page else ""
        lines += _labelled("Mistake", f'This behaves like "{title}": {mistake.says}{page}')
    if result.where:
        lines += _labelled("Where", f"{file.parent.name}/{result.where}")
    return [*lines, *_labelled("Stuck?", f"make hint-{entry.number}")]


def _cut(shown: list[str]) -> list[str]:
    """Return the lines, the middle left out if they are many."""
    if len(shown) <= MOST_ROWS:
        rows = shown
    else:
        head = MOST_ROWS // 2
        tail = MOST_ROWS - head - 1
        rows = [*shown[:head], f"    ... {len(shown) - head - tail} more ...", *shown[-tail:]]
    return [f"  {row:.{WIDTH - 2}}".rstrip() for row in rows]


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<{LABEL - 2}}",
        subsequent_indent=" " * LABEL,
        break_on_hyphens=False,
    )
