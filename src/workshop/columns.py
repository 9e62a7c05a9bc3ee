"""Lay a schedule out in columns: one for each actor, the harmful step marked."""

import textwrap
from collections.abc import Sequence

WIDTH = 78  # a report indents it by two
MARK = "<-- here"


def columns(names: Sequence[str], rows: Sequence[tuple[int, str, str]], harm: int) -> list[str]:
    """Return lines of at most 80 characters for (actor, what, reply), in order; wraps what is long."""
    number = 4
    width = (WIDTH - number - len(MARK) - 1) // len(names)
    lines = [" " * number + "".join(f"{name:<{width}}" for name in names).rstrip()]
    for i, (actor, what, reply) in enumerate(rows):
        text = f"{what} -> {reply}" if reply else what
        cell = textwrap.wrap(text, width - 2, break_on_hyphens=False) or [""]
        for j, part in enumerate(cell):
            lead = f"{i + 1:>2}  " if j == 0 else " " * number
            line = lead + " " * (width * actor) + part
            if i == harm and j == 0:
                line = f"{line:<{WIDTH - len(MARK)}}{MARK}"
            lines.append(line.rstrip())
    return lines
