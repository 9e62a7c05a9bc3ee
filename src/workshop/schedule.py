"""What an exploration says: a schedule's steps, its end, how much was run, and the rule broken."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 78  # a report indents it by two
MARK = "<-- here"
NUMBER = 4  # columns


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: who did what, the reply, and whether it wrote or ended anything."""

    actor: int
    what: str
    reply: str
    writes: bool
    sent: tuple[tuple[str, ...], ...]  # its commands' words


@dataclass(frozen=True, slots=True)
class End:
    """What a finished schedule left: the server, what each actor returned, and who died."""

    server: Any
    results: list[Any]
    died: list[bool]


@dataclass(frozen=True, slots=True)
class Explored:
    """How much was run: complete schedules, and beginnings that led to a state seen before."""

    schedules: int
    pruned: int

    def __str__(self) -> str:
        return f"{self.schedules} schedules explored, {self.pruned} cut short as seen before"


class RuleBrokenError(AssertionError):
    """A schedule broke the rule; the text shows it in columns, one for each actor."""

    def __init__(
        self, message: str, steps: list[Step], names: list[str], explored: Explored
    ) -> None:
        self.message, self.steps, self.explored = message, steps, explored
        # The harm was done by the last step that wrote, or ended, anything: what comes
        # after it only reads, or is refused.
        writes = [i for i, step in enumerate(steps) if step.writes]
        self.harm = writes[-1] if writes else len(steps) - 1
        rows = [(step.actor, step.what, step.reply) for step in steps]
        self.table = columns(names, rows, self.harm)
        super().__init__("\n".join([message, *self.table, f"({explored})"]))


class CannotExploreError(Exception):
    """The actors do what cannot be replayed, or more than can be run."""


def columns(names: Sequence[str], rows: Sequence[tuple[int, str, str]], harm: int) -> list[str]:
    """Return lines of at most 80 characters for (actor, what, reply), in order; wraps what is long."""
    width = column_width(len(names))
    lines = [" " * NUMBER + "".join(f"{name:<{width}}" for name in names).rstrip()]
    for i, (actor, what, reply) in enumerate(rows):
        text = f"{what} -> {reply}" if reply else what
        cell = textwrap.wrap(text, width - 2, break_on_hyphens=False) or [""]
        for j, part in enumerate(cell):
            lead = f"{i + 1:>2}  " if j == 0 else " " * NUMBER
            line = lead + " " * (width * actor) + part
            if i == harm and j == 0:
                line = f"{line:<{WIDTH - len(MARK)}}{MARK}"
            lines.append(line.rstrip())
    return lines


def column_width(count: int) -> int:
    """Return how wide each of so many columns is."""
    return (WIDTH - NUMBER - len(MARK) - 1) // count
