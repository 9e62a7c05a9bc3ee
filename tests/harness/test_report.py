"""A report fits a small terminal, and leaves out what matters least."""

from workshop.grader import Result
from workshop.manifest import exercises
from workshop.report import MOST_LINES, report
from workshop.schedule import columns

LONG = "SET product:17:lease 012345… PX 10000 NX"


def shown_of(steps: list[tuple[int, str, str]], harm: int) -> list[str]:
    """Return the lines in which a report of task 8 shows these steps."""
    table = columns(["client A", "client B"], steps, harm)
    failed = Result("test_task8_x", 8, "A claim.", "failed", message="A message.", shown=table)
    lines = report(exercises()[2], [failed])
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 80
    return lines[lines.index("What the server saw:") + 2 : -1]


def test_a_table_that_does_not_fit_becomes_stairs() -> None:
    """Each step keeps its line, its column and its reply, and the harm its mark."""
    shown = shown_of([(i % 2, LONG, "OK") for i in range(9)], harm=3)
    assert [line.split()[0] for line in shown] == list("123456789")
    assert [line.index("SET") for line in shown] == [6, 16] * 4 + [6]
    assert [line.endswith("<-- here") for line in shown] == [i == 3 for i in range(9)]
    assert all(" PX 10000 NX -> OK" in line or "… -> OK" in line for line in shown)


def test_a_very_long_table_keeps_what_matters() -> None:
    """The first and the last steps stay, the harm, and what the database did."""
    steps = [(i % 2, LONG, "OK") for i in range(40)]
    steps[10] = (0, "table: write new", "")
    shown = shown_of(steps, harm=20)
    numbers = [line.split()[0] for line in shown if "more ..." not in line]
    assert {"1", "11", "21", "39", "40"} <= set(numbers)
    assert sum(int(line.split()[1]) for line in shown if "more ..." in line) == 40 - len(numbers)
