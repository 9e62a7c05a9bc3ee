"""The notebooks run from top to bottom, and what is committed is such a run."""

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from workshop.manifest import ROOT, exercises

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 500_000  # bytes of one file
MACHINE_PATH = re.compile(r"/(home|Users|root|tmp|var|work)/|[A-Z]:\\\\|site-packages")


@pytest.fixture(scope="module")
def notebooks() -> Any:
    """Return the module that runs notebooks: to import it takes seconds, in each worker of a run."""
    return import_module("workshop.notebooks")


@pytest.fixture(scope="module")
def nbformat() -> Any:
    """Return the format's module, as slow to import."""
    return import_module("nbformat")


every_notebook = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])


def read(path: Path) -> Any:
    """Return a notebook's cells and metadata."""
    return import_module("nbformat").read(path, as_version=4)


def code(notebook: Any) -> list[Any]:
    """Return the code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(notebook: Any) -> list[list[str]]:
    """Return, for each code cell, what it put out: text, pictures."""
    return [[key for output in cell.outputs for key in _kind(output)] for cell in code(notebook)]


def _kind(output: Any) -> list[str]:
    return sorted(output.data) if "data" in output else [output.get("name", output.output_type)]


def test_every_notebook_of_the_manifest_is_there() -> None:
    """What exercises.toml promises exists, and nothing else."""
    promised = {entry.notebook for entry in exercises().values() if entry.notebook}
    assert promised == {f"notebooks/{path.name}" for path in PATHS}


@every_notebook
def test_runs_from_top_to_bottom(path: Path, notebooks: Any) -> None:
    """No cell fails, and each puts out what the committed one does: no picture is lost or new."""
    before = path.read_bytes()
    fresh = notebooks.execute(path)
    assert kinds(fresh) == kinds(read(path))
    assert path.read_bytes() == before, "execute() wrote to the committed file"


@every_notebook
def test_was_run_in_order(path: Path) -> None:
    """The cells are numbered 1, 2, 3...: run once, in a fresh kernel, from the top."""
    cells = code(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@every_notebook
def test_has_neither_errors_nor_warnings(path: Path) -> None:
    """No traceback, nothing on stderr."""
    outputs = [output for cell in code(read(path)) for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "display_data"}
    assert {output.name for output in outputs if "name" in output} <= {"stdout"}


@every_notebook
def test_shows_no_machine(path: Path) -> None:
    """Neither a source nor an output holds a path of the machine it was made on."""
    notebook = read(path)
    texts = [cell.source for cell in notebook.cells]
    for cell in code(notebook):
        for output in cell.outputs:
            data = {k: v for k, v in output.get("data", {}).items() if not k.startswith("image/")}
            texts.append(json.dumps([output.get("text", ""), data]))
    assert [text for text in texts if MACHINE_PATH.search(text)] == []


@every_notebook
def test_is_small_and_stable(path: Path, notebooks: Any, nbformat: Any) -> None:
    """The file is small, valid, and holds no time, version or widget of the run."""
    assert path.stat().st_size < LARGEST
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook == notebooks.stable(read(path))
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info.name == "python"


def test_a_failing_cell_fails_the_run(tmp_path: Path, notebooks: Any, nbformat: Any) -> None:
    """An error in a cell is raised, not written into the notebook."""
    cells = [nbformat.v4.new_code_cell("1 / 0")]
    path = tmp_path / "broken.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with pytest.raises(Exception, match="ZeroDivisionError") as raised:
        notebooks.execute(path)
    assert raised.typename == "CellExecutionError"


def test_execute_all_renews_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notebooks: Any, nbformat: Any
) -> None:
    """Every notebook of the folder is run where it is, on this Python, away from other servers."""
    source = "import os, sys\nprint(sys.executable, os.environ.get('VALKEY_URL'), os.listdir())"
    path = tmp_path / "1_small.ipynb"
    cells = [nbformat.v4.new_code_cell(source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    monkeypatch.setenv("VALKEY_URL", "valkey://127.0.0.1:1")
    notebooks.execute_all()
    [cell] = read(path).cells
    assert cell.outputs[0].text == f"{sys.executable} None []\n"
    first = path.read_bytes()
    notebooks.execute_all()
    assert path.read_bytes() == first
