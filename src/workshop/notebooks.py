"""Run notebooks anew, each in a fresh kernel, and keep of them what does not change by itself."""

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from workshop.manifest import ROOT

FOLDER = ROOT / "notebooks"
TIMEOUT = 60  # seconds for one cell
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    # Without the Python's version: it would change with every machine.
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
_FOREIGN = ("VALKEY_", "REDIS_", "VAPI_")  # settings of another server


def paths() -> list[Path]:
    """Return the notebooks' files, in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def execute(path: Path) -> Any:
    """Run one notebook from top to bottom and return it with its new outputs; write nothing.

    It runs on this Python, in an empty folder, without the user's IPython profile and without
    settings of another server, so that it behaves alike on every machine. Raises nbclient's
    CellExecutionError at the first cell that fails, CellTimeoutError after TIMEOUT seconds.
    """
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (work := folder / "work").mkdir()
        manager = AsyncKernelManager(
            kernel_name="python3",
            # No folders: `python3` is then this Python's own kernel, whatever else is installed.
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            # Sockets in our folder instead of five TCP ports that anybody here could talk to.
            transport="ipc",
            connection_file=str(folder / "kernel.json"),
        )
        client = NotebookClient(notebook, km=manager, timeout=TIMEOUT, coalesce_streams=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_FOREIGN)}
        environment = kept | {"IPYTHONDIR": str(folder / "ipython")}
        client.execute(cwd=str(work), env=environment, cleanup_kc=True)
    return stable(notebook)


def stable(notebook: Any) -> Any:
    """Take away, in place, what differs from run to run without meaning: times, versions, ids."""
    notebook.metadata = nbformat.from_dict(METADATA)  # type: ignore[no-untyped-call]  # nbformat has no types
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {}
        cell.id = f"cell-{number:02}"
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            if "metadata" in output:
                output.metadata = {}
    return notebook


def execute_all() -> None:
    """Run every notebook in place; one that fails keeps its old outputs."""
    for path in paths():
        print(f"{path.name} ...", flush=True)
        notebook = execute(path)
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # nbformat has no types
