"""Grade a test that the learner wrote: it must pass what is right and fail each known mistake."""

from collections.abc import Callable
from typing import Any

from workshop.exercise import load
from workshop.manifest import ExerciseEntry, Mistake
from workshop.schedule import CannotExploreError

Check = Callable[[Callable[..., Any]], Any]


def objection(check: Check, function: Callable[..., Any]) -> str | None:
    """Return what the learner's test has against a function, None if it passes it."""
    try:
        check(function)
    except AssertionError as error:
        return str(error) or "an assertion without a message"
    except CannotExploreError as error:
        return str(error)
    return None


def survivors(check: Check, entry: ExerciseEntry, name: str, task: int) -> list[Mistake]:
    """Return the known mistakes of a task that the learner's test does not notice."""
    return [
        mistake
        for mistake in entry.mistake
        if mistake.task == task
        and not objection(
            check, getattr(load(entry.solution, entry.mistake_files(mistake.name)[0]), name)
        )
    ]
