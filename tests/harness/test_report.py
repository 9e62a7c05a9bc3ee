"""A report fits a small terminal, and leaves out what matters least."""

from workshop.grader import Result
from workshop.manifest import exercises
from workshop.report import MOST_LINES, report
from workshop.schedule import columns

LONG = "SET product:17:lease 0123456789abcdef0123456789abcdef PX 10000 NX"


def test_a_long_table_loses_the_ends_of_its_lines_first() -> None:
    """Where a table does not fit, each step keeps its line and its place, and the harm its mark."""
    steps = [(i % 2, LONG, "OK") for i in range(5)]
    table = columns(["client A", "client B"], steps, harm=3)
    failed = Result("test_task8_x", 8, "A claim.", "failed", message="A message.", shown=table)
    lines = report(exercises()[2], [failed])
    shown = lines[lines.index("What the server saw:") + 2 : -1]
    assert [line.split()[0] for line in shown] == ["1", "2", "3", "4", "5"]
    assert all("…" in line for line in shown)
    assert [line.endswith("<-- here") for line in shown] == [False, False, False, True, False]
    assert [line.index("SET") > 20 for line in shown] == [False, True, False, True, False]
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 80
