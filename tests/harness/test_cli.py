"""The learner's commands, run as a learner would in a copy of the workshop."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from valkey_redis import ValkeyClient
from valkey_redis.embedded import EmbeddedServer, free_port
from workshop import cli, infra
from workshop.grader import expect_many, grade
from workshop.manifest import ROOT, exercises
from workshop.report import report

expect_many()  # not forked from here, where pytest has changed what assertions say
MISTAKES = Path("tests/exercises/mistakes/exercise_1")
Workshop = Callable[..., subprocess.CompletedProcess[str]]


def learner_writes(copy: Path, text: str) -> None:
    """Put the solution, and then some more code, into the learner's file."""
    solution = (copy / "solutions" / "exercise_1.py").read_text()
    (copy / "exercises" / "exercise_1.py").write_text(solution + text)


def assert_readable(output: str) -> None:
    """Check that a report fits a small terminal and shows nothing of the harness."""
    lines = output.splitlines()
    assert len(lines) <= 25
    assert all(len(line) <= 80 for line in lines), max(lines, key=len)
    assert "Traceback" not in output
    assert "site-packages" not in output


def test_the_stub_says_what_to_do(workshop: Workshop) -> None:
    """On the untouched stub the report names the first task and what to do."""
    done = workshop("exercise", "1")
    assert done.returncode == 1
    assert_readable(done.stdout)
    assert "0 of 7 tasks done" in done.stdout
    assert "Task 1 is next: `set_field` is not written yet." in done.stdout
    assert "open exercises/exercise_1.py" in done.stdout


def test_the_solution_passes(copy: Path, workshop: Workshop) -> None:
    """With the solution copied in, every task is done."""
    learner_writes(copy, "")
    done = workshop("exercise", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "7 of 7 tasks done" in done.stdout


def written_as(name: str) -> str:
    """Return the code of a known mistake of exercise 1."""
    return (ROOT / MISTAKES / f"{name}.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what the learner is told of each of some files; all are graded in one process."""
    codes = {
        "race": written_as("get_then_set"),
        "known": written_as("incr_then_expire").replace("visits:", "my-own-prefix/"),
        # Two mistakes at once.
        "unknown": "def count_visit(client, page, seconds):\n    return client.incrby(page, 2)\n",
        "printing": "def get_page(client, board, page, size):\n    print('here', page)\n    return []\n",
    }
    folder, entry = tmp_path_factory.mktemp("told"), exercises()[1]
    files = [folder / f"{name}.py" for name in codes]
    for file in files:
        file.write_text(codes[file.stem], encoding="utf-8")
    results = grade(entry, entry.solution, backend="valkey", mistakes=files)
    return {
        name: "\n".join(report(entry, [result for result in results if result.mistake == name]))
        for name in codes
    }


def test_a_race_is_replayed(told: dict[str, str]) -> None:
    """A lost update is shown as the commands that the server saw, in order, by client."""
    assert_readable(told["race"])
    table = told["race"].partition("What the server saw")[2].splitlines()[1:6]
    assert table[0].split() == ["client", "A", "client", "B"]
    middle = table[0].index("client B")
    assert [(row[:4].strip(), row[6:].split()[0], row[6:8] == "  ") for row in table[1:]] == [
        ("1", "GET", False),
        ("2", "GET", True),
        ("3", "SET", False),
        ("4", "SET", True),
    ]
    assert [len(row) - len(row[6:].lstrip()) for row in table[1:]] == [6, middle, 6, middle]
    assert table[4].endswith("<-- here")


def test_a_known_mistake_is_named(told: dict[str, str]) -> None:
    """Code that behaves like a known mistake is told so, with the page; other key names do not matter."""
    assert_readable(told["known"])
    said = " ".join(told["known"].split())
    assert 'This behaves like "incr then expire": INCR and EXPIRE are two steps' in said
    assert "docs/1_basic_operations.md#incr_then_expire" in said


def test_an_unknown_mistake_gets_no_name(told: dict[str, str]) -> None:
    """Two mistakes at once, or a new one: no name rather than a wrong one."""
    assert "Task 4 is not done yet" in told["unknown"]
    assert "This behaves like" not in told["unknown"]


def test_what_the_code_printed_is_shown_beside_its_failure(told: dict[str, str]) -> None:
    """A learner who debugs by printing sees the last lines."""
    assert_readable(told["printing"])
    assert "Your code printed:\n  here 2\n  here 3\n  here 4\n" in told["printing"]


BROKEN = {
    "import sys\nsys.exit(3)\n": "does not even load: SystemExit: 3",
    "import no_such_package\n": "does not even load: ModuleNotFoundError",
    "async def get_page(c, b, p, s):\n    return []\n": "takes a plain `def`",
    "del get_page\n": "has no function `get_page` any more",
    "def get_page(client):\n    return []\n": "cannot be called as asked",
    "def get_page(client, board, page, size):\n    return 1 / 0\n": "raised ZeroDivisionError",
    "def get_page(client, board, page, size):\n    raise SystemExit\n": "raised SystemExit",
    "def get_page(client, board, page, size):\n    return None\n": "it returned None",
    "def add_recent(client, user_id, item, limit):\n    while True: client.ping()\n": (
        "after 3000 round trips it still goes on"
    ),
}


def test_broken_code_gets_one_clear_sentence(tmp_path: Path) -> None:
    """Whatever the learner's file does, the grader survives and says what happened."""
    entry, files = exercises()[1], {}
    for number, code in enumerate(BROKEN):
        files[tmp_path / f"broken_{number}.py"] = code
    for file, code in files.items():
        file.write_text(code)
    results = grade(entry, entry.solution, backend="valkey", mistakes=list(files))
    for file, code in files.items():
        said = report(entry, [result for result in results if result.mistake == file.stem])
        assert_readable("\n".join(said))
        assert BROKEN[code] in " ".join(" ".join(said).split()), said


def test_a_file_that_python_cannot_read(copy: Path, workshop: Workshop) -> None:
    """The command names the place, and ends with 1."""
    learner_writes(copy, "\n\ndef (:\n")
    done = workshop("exercise", "1")
    assert done.returncode == 1
    assert_readable(done.stdout)
    assert "Python cannot read this: invalid syntax" in " ".join(done.stdout.split())


def test_an_endless_loop_is_found_where_it_is(copy: Path, workshop: Workshop) -> None:
    """The report names the task, the function and the line; the tasks before it stay done."""
    code = "def count_visit(client, page, seconds):\n    while True: threading.Event().wait(0.1)\n"
    learner_writes(copy, f"\n\nimport threading\n\n\n{code}")
    done = workshop("exercise", "1")
    assert_readable(done.stdout)
    said = " ".join(done.stdout.split())
    assert "[x] 3" in said
    assert "Task 4 is not done yet" in said
    assert "in `count_visit` it was still running after 8 s: a loop without an end?" in said
    assert "Where exercises/exercise_1.py, line" in said


def test_a_flood_of_output_is_not_shown(copy: Path, workshop: Workshop) -> None:
    """What the learner's code prints does not drown the report."""
    learner_writes(copy, "\n\nprint('x' * 1_000_000)\n")
    done = workshop("exercise", "1")
    assert done.returncode == 0
    assert_readable(done.stdout)


def test_hints_come_one_by_one(workshop: Workshop) -> None:
    """A question, then a command, then a sketch; then nothing new."""
    seen = [workshop("hint", "1").stdout for _ in range(4)]
    assert [len(output.splitlines()) for output in seen] == [3, 4, 5, 5]
    assert [output.splitlines()[-1] for output in seen] == [
        "(1/3 shown)",
        "(2/3 shown)",
        "(3/3 shown)",
        "(3/3 shown)",
    ]
    assert "task 1: A profile, field by field" in seen[0]


def test_no_hint_once_done(workshop: Workshop) -> None:
    """Exercise 0 is solved, and says so."""
    assert "is done" in workshop("hint", "0").stdout


def test_the_solution_is_shown_only_after_a_yes(copy: Path, workshop: Workshop) -> None:
    """`no` shows nothing; `yes` shows the file."""
    text = (copy / "solutions" / "exercise_1.py").read_text()
    assert text not in workshop("solution", "1", typed="n\n").stdout
    assert text in workshop("solution", "1", typed="y\n").stdout


def test_once_done_the_solution_is_a_diff_to_yours(copy: Path, workshop: Workshop) -> None:
    """Who has solved it sees what the other solution does in another way."""
    learner_writes(copy, "\n\nMINE = 1\n")
    shown = workshop("solution", "1").stdout
    assert "--- exercises/exercise_1.py (yours)" in shown
    assert "-MINE = 1" in shown


def test_progress_is_derived_from_the_files(copy: Path, workshop: Workshop) -> None:
    """Solved tasks are counted; a spoilt or lost state file costs nothing."""
    manifest = copy / "exercises" / "exercises.toml"
    parts = manifest.read_text().split("[[exercise]]\n")
    manifest.write_text("[[exercise]]\n".join([*parts[:3], parts[4]]))  # 0, 1, 3: all take long
    assert "[............] 0 of 7" in workshop("progress").stdout
    learner_writes(copy, "\n\n" + (copy / MISTAKES / "keys_command.py").read_text())
    assert "[##########..] 6 of 7" in workshop("progress").stdout
    (copy / ".workshop" / "progress.json").write_text("spoilt")
    assert "[##########..] 6 of 7" in workshop("progress").stdout
    learner_writes(copy, "")
    assert "Next: make exercise-3" in workshop("progress").stdout
    for solution in (copy / "solutions").glob("exercise_*.py"):
        (copy / "exercises" / solution.name).write_text(solution.read_text())
    done = workshop("progress").stdout
    assert "[############] 7 of 7" in done
    assert "All done." in done


def test_an_unknown_number_is_one_clear_line(workshop: Workshop) -> None:
    """The line names what there is."""
    done = workshop("hint", "77")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"there is no exercise 77; there are {', '.join(map(str, exercises()))}\n"
    for verb in (cli.exercise, cli.solution, cli.reset):
        with pytest.raises(SystemExit, match=r"^there is no exercise 77; there are 0, 1, "):
            verb(77)
    with pytest.raises(SystemExit, match=r"^there is no example 77; there are 1, 2, "):
        cli.example(77)


def test_an_own_server_is_used_if_its_database_is_empty(
    workshop: Workshop, server: EmbeddedServer
) -> None:
    """The exercises run on VALKEY_URL, and never empty a database that holds something."""
    with ValkeyClient(server.config) as client:
        client.raw.execute_command("FLUSHALL")
        done = workshop("exercise", "0", VALKEY_URL=server.url)
        assert (done.returncode, done.stderr) == (0, "")
        client.set("precious", 1)
        refused = workshop("exercise", "0", VALKEY_URL=server.url)
        assert refused.returncode == 1
        assert "is not empty" in refused.stderr
        assert client.get("precious") == 1
        other = workshop("exercise", "0", VALKEY_URL=f"{server.url}/5")
        assert other.returncode == 0
        assert client.get("precious") == 1


def test_a_wrong_own_server_is_one_clear_line(workshop: Workshop) -> None:
    """No server there: one line, and no verdict on the learner's code."""
    done = workshop("exercise", "0", VALKEY_URL="valkey://127.0.0.1:1")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: valkey://127.0.0.1:1:")
    assert done.stderr.count("\n") == 1


def test_a_background_server_comes_and_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """infra-up starts a server that stays; a second call says so; infra-down stops it."""
    port = free_port()
    for name, value in {
        "PORT": port,
        "PID_FILE": tmp_path / "run" / "server.pid",
        "LOG_FILE": tmp_path / "run" / "server.log",
        "DOCKER": "",
    }.items():
        monkeypatch.setattr(infra, name, value)
    infra.up()
    with ValkeyClient(f"valkey://127.0.0.1:{port}") as client:
        assert client.is_healthy()
        infra.up()
        infra.down()
        assert not client.is_healthy()
    infra.down()
    said = capsys.readouterr().out
    assert "`make infra-down` stops it" in said
    assert "running already" in said
    assert said.endswith("no server of ours is running.\n")


def test_a_taken_port_is_not_fought_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: EmbeddedServer
) -> None:
    """infra-up says that something else listens, and leaves it alone."""
    monkeypatch.setattr(infra, "PORT", server.port)
    monkeypatch.setattr(infra, "PID_FILE", tmp_path / "server.pid")
    monkeypatch.setattr(infra, "DOCKER", "")
    with pytest.raises(SystemExit, match="something else listens"):
        infra.up()
