"""What exercise 0 asks."""

from workshop.exercise import Exercise
from workshop.lab import Lab


def test_task1_greets(exercise: Exercise, lab: Lab) -> None:
    """The greeting is stored under `greeting`, and returned as the server gives it back."""
    returned = exercise.greet(lab.client, "Ada")
    stored = lab.server.get("greeting")
    assert stored == "hello, Ada", f"`greeting` should hold 'hello, Ada'; it holds {stored!r}"
    assert returned == stored, f"greet() should return {stored!r}; it returned {returned!r}"
