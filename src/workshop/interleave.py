"""Run every interleaving of two or three clients, and show the first that breaks a rule."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from workshop.clock import virtual_time
from workshop.lab import Lab, open_backend
from workshop.schedule import CannotExploreError, End, Explored
from workshop.search import Search, current

MOST_ACTORS = 3


def explore(
    setup: Callable[[Any], Any],
    actors: Sequence[Callable[[Any], Any]],
    check: Callable[[End], Any],
    *,
    crashes: bool = False,
    lab: Lab | None = None,
    prune: bool = True,
    outside: Callable[[], object] = tuple,
    names: Sequence[str] = ("client A", "client B", "client C"),
) -> Explored:
    """Run every interleaving of the actors' commands; return how many there were.

    Before each schedule the server is emptied and `setup(server)` called; each actor is a
    function or coroutine function of its own client; `check(end)` asserts what must hold.
    With `crashes`, each schedule is also run with one actor dying after each of its steps.
    What actors share outside the server is touched through `step`, and told by `outside()`.
    Without a `lab`, fakeredis serves. Time is virtual: sleeping takes none.

    Raises RuleBrokenError with the first schedule that breaks the rule, or in which an
    actor raises (its error is then the cause), and CannotExploreError for a command that would wait for another client, or a search
    beyond its bounds: nothing is left out silently.
    """
    if not 1 <= len(actors) <= MOST_ACTORS:
        raise CannotExploreError(f"{len(actors)} actors: takes 1 to {MOST_ACTORS}")
    with ExitStack() as stack:
        if lab is None:
            lab = stack.enter_context(open_backend("fakeredis"))()
            stack.callback(lab.close)
        clock = stack.enter_context(virtual_time())
        search = Search(lab, clock, setup, check, crashes=crashes, prune=prune, outside=outside)
        stack.enter_context(search.of(zip(names, actors, strict=False)))
        return search.run()


def step(what: str, action: Callable[[], Any] = lambda: None) -> Any:
    """Do something outside the server, say a database's read or write, as one step of an actor.

    Outside of an exploration it is just done.
    """
    search = current()
    return action() if search is None else search.outside_step(what, action)
