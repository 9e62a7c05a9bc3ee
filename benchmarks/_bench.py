"""What every benchmark shares: paired rounds, and the table.

Times on a shared machine drift by more than the contenders differ. So every round runs each
contender once, one after the other, each round in the opposite order; what counts is the
median of the ratios within a round, not the ratio of two times from different moments.
"""

import argparse
import gc
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

OURS = "valkey_redis"
NOT_APPLICABLE = "n/a"
NOT_INSTALLED = "not installed"


@dataclass(frozen=True, slots=True)
class Row:
    """One work: what it cost each contender, and whether ours reached its target."""

    work: str
    cells: Mapping[str, str]
    target: str = ""
    is_met: bool | None = None  # None: there is no target

    @property
    def verdict(self) -> str:
        """The last column."""
        return "" if self.is_met is None else "met" if self.is_met else "missed"


def paired(stretches: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Run every stretch once a round, in alternating order; return their seconds by round.

    One round more comes first and is not counted: it opens connections and fills caches.
    """
    seconds: dict[str, list[float]] = {name: [] for name in stretches}
    for number in range(rounds + 1):
        gc.collect()
        for name in list(stretches)[:: 1 if number % 2 else -1]:
            spent = stretches[name]()
            if number:
                seconds[name].append(spent)
    return seconds


def ratios(seconds: Mapping[str, Sequence[float]], base: str) -> dict[str, float]:
    """Return the median of each contender's ratios to the base, paired within a round."""
    return {
        name: statistics.median(a / b for a, b in zip(spent, seconds[base], strict=True))
        for name, spent in seconds.items()
    }


def ratio_row(
    work: str, seconds: Mapping[str, Sequence[float]], base: str, target: float | None = None
) -> Row:
    """Return the row of a timed work; at the base also its time, as a scale."""
    found = ratios(seconds, base)
    cells = {name: f"{ratio:.2f}" for name, ratio in found.items()}
    cells[base] = f"1 ({brief(statistics.median(seconds[base]))})"
    if target is None:
        return Row(work, cells)
    return Row(work, cells, f"<= {target:g}", found[OURS] <= target)


def brief(seconds: float) -> str:
    """Return a time in the unit that suits it: `62 us`, `4.1 ms`, `0.50 s`."""
    for limit, factor, unit in ((1e-3, 1e6, "us"), (1, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.2f} s"


def table(rows: Sequence[Row], columns: Sequence[str], fill: Mapping[str, str]) -> str:
    """Return the rows as an aligned table that is Markdown too.

    `fill` is what a contender's empty cells say, if not that it has no such feature.
    """
    lines = [["work", *columns, "target", "ours"]]
    for row in rows:
        cells = [row.cells.get(name, fill.get(name, NOT_APPLICABLE)) for name in columns]
        lines.append([row.work, *cells, row.target, row.verdict])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = (
        (cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def scene(packages: Sequence[str]) -> str:
    """Return on what this was measured: Python and the packages' versions, in one line."""
    found = [f"Python {platform.python_version()}"]
    for name in packages:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def options(description: str) -> argparse.Namespace:
    """Read the command line: `rounds`, `quick`, `markdown`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=20, help="rounds of each timed work")
    parser.add_argument("--quick", action="store_true", help="only see that it runs")
    parser.add_argument("--markdown", action="store_true", help="print the table alone")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"--rounds {given.rounds}: takes 1 or more")
    return given
