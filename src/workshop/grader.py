"""Grade a file: run its exercise's tests in a process of their own, and read their notes.

In a process of its own, so that a learner's endless loop, exit or flood of output ends there.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from workshop.manifest import ROOT, ExerciseEntry
from workshop.plugin import OWN_SERVER

TIMEOUT = 60.0  # seconds for all tests of one exercise


@dataclass(frozen=True, slots=True)
class Result:
    """How one test went: `outcome` is passed, failed, todo (not written yet) or broken.

    `shown` is what the server saw, line by line; `printed` what the code printed last. `said` and `verbs` are for fingerprints:
    the message without the learner's key names, and the kinds of commands sent.
    """

    test: str
    task: int
    claim: str
    outcome: str
    backend: str = ""
    message: str = ""
    where: str = ""
    shown: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    said: str = ""
    verbs: list[str] = field(default_factory=list)


def grade(
    entry: ExerciseEntry,
    file: Path,
    *,
    backend: str,
    mistake: Path | None = None,
    own_server: str | None = None,
    timeout: float = TIMEOUT,
) -> list[Result]:
    """Return one result a test, in order; `backend` may name several, with a comma between.

    Raises ValueError with the tests' own last words if they could not be run at all.
    """
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(entry.tests),
            "--assert=plain",
            "-W",
            "default",
        ]
        command += ["--exercise-file", str(file), "--backend", backend, "--notes", str(notes)]
        command += ["--mistake", str(mistake)] if mistake else []
        # Other plugins than our own would only cost time.
        environment = {
            **os.environ,
            "PYTEST_ADDOPTS": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        environment.pop(OWN_SERVER, None)
        if own_server is not None:
            environment[OWN_SERVER] = own_server
        overdue = False
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            overdue = True
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
    results = [Result(**json.loads(line)) for line in lines]
    if overdue:
        results.append(_endless(results, timeout))
    elif not results:
        last = done.stdout.decode(errors="replace").strip().splitlines()[-1:]
        raise ValueError(f"the tests did not run: {' '.join(last) or 'no output'}")
    return results


def _endless(results: list[Result], timeout: float) -> Result:
    # Where signals cannot stop one test alone, nothing better is known than where it stopped.
    task = results[-1].task if results else 1
    return Result(
        test="",
        task=task,
        claim="Every function comes to an end.",
        outcome="failed",
        message=f"after {timeout:.0f} s it was still running: a loop without an end?",
    )


def solved_tasks(entry: ExerciseEntry, results: list[Result]) -> set[int]:
    """Return the tasks of which every test passed."""
    seen = {result.task for result in results}
    failed = {result.task for result in results if result.outcome != "passed"}
    return (seen - failed) & set(range(1, len(entry.task) + 1))
