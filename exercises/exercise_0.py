"""Exercise 0: how an exercise works. This one is solved already.

Run `make exercise-0`: it passes. Then change `greet` so that it stores another text,
run it again, and read the report: it shows what you were asked, what your code sent to
the server, and what was expected. Undo your change, and go on to `make exercise-1`.
"""

from valkey import Valkey


def greet(client: Valkey, name: str) -> str:
    """Task 1: store `hello, NAME` under the key `greeting`, read it back and return it."""
    client.set("greeting", f"hello, {name}")
    greeting = client.get("greeting")
    return str(greeting)
