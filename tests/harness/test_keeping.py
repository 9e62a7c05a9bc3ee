"""Nothing that a learner wrote is ever lost: reset, watch, update, doctor."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from valkey_redis.embedded import EmbeddedServer
from workshop.manifest import exercises

Workshop = Callable[..., subprocess.CompletedProcess[str]]
STUB = Path("exercises/exercise_1.py")


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, as somebody."""
    done = subprocess.run(
        ["git", "-c", "user.name=Learner", "-c", "user.email=learner@example.org", *words],  # noqa: S607 - whichever git is there
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def upstream(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the copy a clone of another repository, and return that."""
    (copy / ".venv").unlink()
    git(copy, "init", "--quiet", "--initial-branch=main")
    git(copy, "add", "--all")
    git(copy, "commit", "--quiet", "--message", "first")
    origin = tmp_path_factory.mktemp("upstream") / "ws"
    git(copy.parent, "clone", "--quiet", str(copy), str(origin))
    git(copy, "remote", "add", "origin", str(origin))
    git(copy, "fetch", "--quiet", "origin")
    git(copy, "branch", "--quiet", "--set-upstream-to=origin/main", "main")
    git(copy, "config", "user.name", "Learner")
    git(copy, "config", "user.email", "learner@example.org")
    return origin


def test_reset_keeps_a_backup(upstream: Path, copy: Path, workshop: Workshop) -> None:
    """The stub is back byte for byte, also after the learner committed; the work is in the backup."""
    before = (copy / STUB).read_text()
    (copy / STUB).write_text("my work\n")
    git(copy, "commit", "--all", "--quiet", "--message", "mine")
    done = workshop("reset", "1")
    assert done.returncode == 0, done.stderr
    assert (copy / STUB).read_text() == before
    [saved] = (copy / ".workshop" / "backup").iterdir()
    assert saved.read_text() == "my work\n"
    assert saved.name in done.stdout
    assert upstream.exists()


def test_resets_never_overwrite_a_backup(upstream: Path, copy: Path, workshop: Workshop) -> None:
    """Two resets in one second leave two backups; reset-all asks first."""
    for text in ("first\n", "second\n"):
        (copy / STUB).write_text(text)
        workshop("reset", "1")
    saved = {path.read_text() for path in (copy / ".workshop" / "backup").iterdir()}
    assert {"first\n", "second\n"} <= saved
    (copy / STUB).write_text("third\n")
    workshop("reset-all", typed="n\n")
    assert (copy / STUB).read_text() == "third\n"
    assert workshop("reset-all", typed="y\n").returncode == 0
    assert "NotImplementedError" in (copy / STUB).read_text()
    assert upstream.exists()


def test_update_keeps_every_edit(upstream: Path, copy: Path, workshop: Workshop) -> None:
    """The newer version comes in; edits stay, uncommitted or committed; a new stub is put beside."""
    (upstream / "README.md").write_text("new\n")
    stub = (upstream / STUB).read_text()
    (upstream / STUB).write_text(stub + "\n\n# Task 8: something new\n")
    git(upstream, "add", "--all")
    git(upstream, "commit", "--quiet", "--message", "newer")
    (copy / STUB).write_text("my work\n")
    done = workshop("update")
    assert done.returncode == 0, done.stderr
    assert (copy / "README.md").read_text() == "new\n"
    assert (copy / STUB).read_text() == "my work\n"
    assert "+# Task 8: something new" in done.stdout
    assert "Task 8" in (copy / "exercises" / "exercise_1.new.py").read_text()
    backups = [p.read_text() for p in (copy / ".workshop" / "backup").glob("exercise_1.*")]
    assert backups == ["my work\n"]
    assert "newest version" in workshop("update").stdout


def test_update_keeps_committed_edits(upstream: Path, copy: Path, workshop: Workshop) -> None:
    """Where both sides changed an exercise, the learner's is kept whole and the merge is made."""
    (copy / STUB).write_text("my work\n")
    git(copy, "commit", "--all", "--quiet", "--message", "mine")
    (upstream / STUB).write_text("their new stub\n")
    git(upstream, "commit", "--all", "--quiet", "--message", "newer")
    done = workshop("update")
    assert done.returncode == 0, done.stderr
    assert (copy / STUB).read_text() == "my work\n"
    assert (copy / "exercises" / "exercise_1.new.py").read_text() == "their new stub\n"
    assert git(copy, "merge-base", "HEAD", "origin/main") == git(copy, "rev-parse", "origin/main")


def test_update_refuses_to_lose_other_edits(upstream: Path, copy: Path, workshop: Workshop) -> None:
    """An edited file of the harness is named, and nothing is changed."""
    (upstream / "README.md").write_text("new\n")
    git(upstream, "add", "--all")
    git(upstream, "commit", "--quiet", "--message", "newer")
    (copy / "Makefile").write_text("edited\n")
    done = workshop("update")
    assert done.returncode == 1
    assert done.stderr == "error: you have edited Makefile: commit or stash that first\n"
    assert (copy / "Makefile").read_text() == "edited\n"
    assert not (copy / "README.md").exists()


def test_update_without_git_is_one_clear_line(copy: Path, workshop: Workshop) -> None:
    """A downloaded folder has nothing to update from."""
    assert not (copy / ".git").exists()
    done = workshop("update")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cloned" in done.stderr


@pytest.fixture
def watching(copy: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield `workshop watch`, its input and output piped."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VALKEY_", "REDIS_"))}
    with subprocess.Popen(
        [sys.executable, "-m", "workshop", "watch"],
        cwd=copy,
        env=environment | {"PYTHONPATH": str(copy / "src"), "NO_COLOR": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Return what the process wrote up to and including a line with `text`."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return "".join(seen)
    raise AssertionError(f"{text!r} never came; it wrote {''.join(seen)}")


def test_watch_grades_on_every_save(copy: Path, watching: subprocess.Popen[str]) -> None:
    """A save shows a new report; the letters show hints, the list, the next exercise, the end."""

    def send(letter: str) -> None:
        assert watching.stdin is not None
        watching.stdin.write(f"{letter}\n")
        watching.stdin.flush()

    first = read_until(watching, "[q]uit")
    assert "Exercise 1" in first
    assert "0 of 7 tasks done" in first
    assert "\x1b" not in first
    (copy / STUB).write_text((copy / "solutions" / "exercise_1.py").read_text())
    assert "7 of 7 tasks done" in read_until(watching, "[q]uit")
    (copy / STUB).write_text("def (:\n")
    assert "Python cannot read this" in read_until(watching, "[q]uit")
    send("h")
    assert "(1/3 shown)" in read_until(watching, "[q]uit")
    send("l")
    assert "How an exercise works" in read_until(watching, "[q]uit")
    (copy / STUB).unlink()
    assert "reset-1" in read_until(watching, "[q]uit")
    for number in (*range(2, len(exercises())), 0):  # after the last one the first again
        send("n")
        assert f"Exercise {number}" in read_until(watching, "[q]uit")
    send("q")
    assert watching.wait(30) == 0


def test_watch_fits_a_small_terminal(copy: Path) -> None:
    """In a real terminal of 80 x 24 the report, the letters and a typed line stay on the screen."""
    if sys.platform == "win32":
        pytest.skip("there are no pseudo-terminals on Windows")
    import pexpect  # noqa: PLC0415 - it does not exist on Windows

    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "workshop", "watch"],
        cwd=str(copy),
        env=environment,
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=60,
    )
    child.expect_exact("[q]uit")
    screen = child.before.rpartition("\x1b[H")[2]
    assert len(screen.splitlines()) <= 22
    assert max(map(len, screen.splitlines())) <= 80
    child.sendline("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_doctor_finds_nothing_where_nothing_is_wrong(
    workshop: Workshop, server: EmbeddedServer
) -> None:
    """Python, packages, server, kernel, port: each is looked at; an own server too."""
    done = workshop("doctor", VALKEY_URL=f"{server.url}/11")
    for what in (
        "Python 3.",
        "embedded Valkey 9",
        "VALKEY_URL: the server answers",
        "notebook kernel",
        "git",
    ):
        assert f"[ok] {what}" in done.stdout, done.stdout


def test_doctor_says_how_to_mend_it(workshop: Workshop) -> None:
    """A server that does not answer gets its line, its mend, and an exit code."""
    before = time.monotonic()
    done = workshop("doctor", VALKEY_URL="valkey://127.0.0.1:1")
    assert done.returncode == 1
    assert "[!!] valkey://127.0.0.1:1: Error" in done.stdout
    assert "mend: start it, name another, or: unset VALKEY_URL" in done.stdout
    assert time.monotonic() - before < 60
