"""Turn results into what the learner reads: about 25 lines of 80 columns, no harness in it."""

import itertools
import re
import textwrap

from workshop.grader import Result, solved_tasks
from workshop.manifest import ROOT, ExerciseEntry, Mistake
from workshop.mistakes import recognise
from workshop.recorder import shorten
from workshop.schedule import MARK, NUMBER, column_width
from workshop.schedule import WIDTH as TABLE

WIDTH = 80
MOST_LINES = 21  # of a report, so that it fits a small terminal with the prompt below it
FEWEST_ROWS = 10  # of what the server saw, however long the rest is
LABEL = 12  # columns before the text
MARGIN = " " * NUMBER  # of a table, where the steps have their numbers
DATABASE = "table: "  # what is no command


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
    """Return what the server saw in at most `room` lines if it is long; a short one is never cut."""
    rows = max(room - 1, FEWEST_ROWS)  # the heading takes one
    head: list[str] = []
    if shown and shown[0].startswith(MARGIN):
        if len(shown) > rows:
            shown = _one_line_each(shown)
        head, shown = shown[:1], shown[1:]
    if len(shown) > max(rows - len(head), FEWEST_ROWS):
        shown = _without_the_middle(shown, rows - len(head))
    lines = [f"  {shorten(row, WIDTH - 2)}".rstrip() for row in [*head, *shown]]
    return ["What the server saw:", *lines] if lines else []


def _without_the_middle(lines: list[str], rows: int) -> list[str]:
    """Return so many lines: the first, the last ones, the marked one, and what the database did."""
    what_matters = [i for i, line in enumerate(lines) if line.endswith(MARK) or DATABASE in line]
    kept: list[int] = []
    for i in (0, len(lines) - 1, *reversed(what_matters), *range(len(lines) - 1, 0, -1)):
        more = sorted({*kept, i})
        if len(more) + sum(j - i > 1 for i, j in itertools.pairwise(more)) <= rows:
            kept = more
        elif i not in what_matters:
            break
    shown: list[str] = []
    for before, i in zip([-1, *kept], kept, strict=False):
        if i - before > 1:
            shown.append(f"{MARGIN}... {i - before - 1} more ...")
        shown.append(lines[i])
    return shown


def _one_line_each(table: list[str]) -> list[str]:
    """Return the table with each step on one line, the columns one over the other like stairs."""
    names = re.split(r"\s{2,}", table[0].strip())
    width, stair = column_width(len(names)), max(map(len, names)) + 2
    steps: list[tuple[str, int, str, bool]] = []
    for line in table[1:]:
        is_marked = line.endswith(MARK)
        body = line.removesuffix(MARK).rstrip()
        text = body[NUMBER:].lstrip()
        if body.startswith(MARGIN) and steps:
            number, column, begun, was_marked = steps[-1]
            steps[-1] = (number, column, f"{begun} {text}", was_marked or is_marked)
        else:
            column = (len(body) - len(text) - NUMBER) // width
            steps.append((body[:NUMBER], column, text, is_marked))
    lines = [MARGIN + "".join(f"{name:<{stair}}" for name in names).rstrip()]
    for number, column, text, is_marked in steps:
        lead = number + " " * (stair * column)
        room = TABLE - len(lead) - (len(MARK) + 1 if is_marked else 0)
        line = lead + _shorter(text, room)
        lines.append(f"{line:<{TABLE - len(MARK)}}{MARK}" if is_marked else line)
    return lines


def _shorter(text: str, room: int) -> str:
    """Return a step's text in so many columns: its reply is the last to be cut."""
    if len(text) <= room:
        return text
    command, arrow, reply = text.rpartition(" -> ")
    reply = arrow + shorten(reply, room // 3) if arrow else ""
    return shorten(command or text, room - len(reply)) + reply


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<{LABEL - 2}}",
        subsequent_indent=" " * LABEL,
        break_on_hyphens=False,
    )
