"""A copy of the workshop that a test may edit, and its commands."""

import ast
import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workshop.manifest import ROOT

COPIED = (
    "exercises",
    "solutions",
    "tests",
    "pyproject.toml",
    "requirements.lock",
    "Makefile",
)
LEFT_OUT = ("contract", "unit", "harness", "notebooks", "examples", "web", "data")  # of the tests
Done = subprocess.CompletedProcess[str]


def stub(solution: str) -> str:
    """Return the solution with every function not written yet."""
    tree = ast.parse(solution)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.parse("raise NotImplementedError").body[0]]
    return ast.unparse(tree) + "\n"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the code, compiled once, so that not each command compiles it anew."""
    folder = tmp_path_factory.mktemp("compiled") / "src"
    shutil.copytree(ROOT / "src", folder)
    compileall.compile_dir(folder, quiet=1)
    return folder


@pytest.fixture
def copy(tmp_path: Path, compiled: Path) -> Path:
    """Return a copy of the workshop, its exercises unsolved whatever you did to yours."""
    shutil.copytree(compiled, tmp_path / "src")
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copy(source, target)
    for solution in (ROOT / "solutions").glob("exercise_*.py"):
        text = solution.read_text(encoding="utf-8")
        solved_already = solution.stem == "exercise_0"
        (tmp_path / "exercises" / solution.name).write_text(text if solved_already else stub(text))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


@pytest.fixture
def run(copy: Path) -> Callable[..., Done]:
    """Return a function that runs one command in the copy: `run("make", "hint-1", VALKEY_URL=...)`."""

    def run(*words: str, typed: str = "", **settings: str) -> Done:
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("VALKEY_", "REDIS_", "MAKE"))
        }
        return subprocess.run(
            words,
            cwd=copy,
            env=kept | {"PYTHONPATH": str(copy / "src")} | settings,
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def workshop(run: Callable[..., Done]) -> Callable[..., Done]:
    """Return a function that runs `workshop WORDS` in the copy."""
    return lambda *words, **options: run(sys.executable, "-m", "workshop", *words, **options)
