"""Read exercises/exercises.toml: the order, the tasks, the hints and the known mistakes."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ROOT / "exercises" / "exercises.toml"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(_Entry):
    """One task: its title and three hints, a question, a command and a sketch.

    `review` names functions that the stub holds already: they run, and are wrong.
    """

    title: str
    hints: tuple[str, str, str]
    review: tuple[str, ...] = ()


class Mistake(_Entry):
    """A known wrong solution of a task: its file's name and one sentence for the learner."""

    name: str = Field(pattern=r"^[a-z_]+$")
    task: int = Field(ge=1)
    says: str


class ExerciseEntry(_Entry):
    """One exercise, and where its parts are."""

    number: int = Field(ge=0)
    title: str
    minutes: int = Field(gt=0)
    concepts: tuple[str, ...]
    prerequisites: tuple[int, ...]
    backends: tuple[str, ...]
    page: str = ""
    notebook: str = ""
    task: tuple[Task, ...]
    mistake: tuple[Mistake, ...]

    @property
    def file(self) -> Path:
        """What the learner edits."""
        return ROOT / "exercises" / f"exercise_{self.number}.py"

    @property
    def solution(self) -> Path:
        """One good solution."""
        return ROOT / "solutions" / f"exercise_{self.number}.py"

    @property
    def tests(self) -> Path:
        """The one test file that grades the stub, the solution and every mistake."""
        return ROOT / "tests" / "exercises" / f"test_exercise_{self.number}.py"

    def mistake_files(self, name: str) -> list[Path]:
        """Return the files of a known mistake: NAME.py, and NAME__VARIANT.py where it has several."""
        folder = ROOT / "tests" / "exercises" / "mistakes" / f"exercise_{self.number}"
        return [folder / f"{name}.py", *sorted(folder.glob(f"{name}__*.py"))]


class Manifest(_Entry):
    """All exercises, in order."""

    exercise: tuple[ExerciseEntry, ...]


@cache
def exercises() -> dict[int, ExerciseEntry]:
    """Return the exercises by number, in order."""
    manifest = Manifest.model_validate(tomllib.loads(MANIFEST.read_text(encoding="utf-8")))
    return {entry.number: entry for entry in manifest.exercise}
