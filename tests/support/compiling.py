"""Compile the code and its tests once, before pytest's workers would each do so for themselves.

pytest has compiled test modules of its own, whose assertions tell what they compared. In a
fresh clone every worker makes all of them, 9 s of CPU each; here two processes share that.
"""

import compileall
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from _pytest.assertion import rewrite  # what pytest has no public name for

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
PLAIN = (*ROOT.glob("src/*"), TESTS / "support", TESTS / "exercises")  # grading asserts plainly


def compile_test(file: Path) -> None:
    """Write what pytest would write when it imports the file, unless it is there."""
    target = rewrite.get_cache_dir(file) / (file.stem + rewrite.PYC_TAIL)
    if rewrite._read_pyc(file, target) is None:
        rewrite.try_makedirs(target.parent)
        source, code = rewrite._rewrite_test(file, None)
        rewrite._write_pyc(None, code, source, target)


def compile_plain(folder: Path) -> None:
    """Write what Python would write for a folder; of the exercises not the mistakes, run once."""
    depth = 0 if folder.name == "exercises" else 10
    if not compileall.compile_dir(folder, maxlevels=depth, quiet=1):
        raise SystemExit(1)


def main() -> None:
    """Compile all, on as many cores as there are."""
    files = [path for name in ("test_*.py", "conftest.py") for path in TESTS.rglob(name)]
    files.sort(key=lambda path: -path.stat().st_size)  # the longest first: they end together
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        done = [pool.submit(compile_plain, folder) for folder in PLAIN if folder.is_dir()]
        done += [pool.submit(compile_test, file) for file in files]
    for each in done:
        each.result()


if __name__ == "__main__":
    main()
