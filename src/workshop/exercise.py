"""Load the file under test: the learner's, a solution, or a solution with a known mistake in it."""

import inspect
import traceback
import types
from functools import cache
from pathlib import Path
from typing import Any


class ExerciseError(Exception):
    """The file cannot be graded at all; the text says what to mend."""


class Exercise:
    """The functions of an exercise's file, by name: `exercise.set_field(...)`."""

    def __init__(self, module: types.ModuleType, file: Path) -> None:
        self._module = module
        self._file = file

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name, None)
        if not callable(found):
            raise ExerciseError(
                f"{self._file.name} has no function `{name}` any more: "
                "the exercise asks for it, so put its first line back"
            )
        if inspect.iscoroutinefunction(found):
            raise ExerciseError(f"`{name}` is an `async def`; this exercise takes a plain `def`")
        return found


def load(file: Path, mistake: Path | None = None) -> Exercise:
    """Run the file, then the mistake's definitions over it; raise ExerciseError if it does not run."""
    module = types.ModuleType(file.stem)
    module.__file__ = str(file)
    for path in (file, mistake) if mistake else (file,):
        try:
            exec(_compiled(path.read_text(encoding="utf-8"), str(path)), module.__dict__)  # noqa: S102 - the point
        except SyntaxError as error:
            raise ExerciseError(
                f"{path.name}, line {error.lineno}: Python cannot read this: {error.msg}"
            ) from None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a learner's file may raise anything
            own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
            line = f", line {own[-1].lineno}," if own else ""
            raise ExerciseError(
                f"{path.name}{line} does not even load: {type(error).__name__}: {error}"
            ) from None
    return Exercise(module, file)


@cache  # every test loads the file anew
def _compiled(text: str, name: str) -> types.CodeType:
    return compile(text, name, "exec")
