"""What the documents tell people to type, works."""

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from valkey_redis import ValkeyClient
from valkey_redis.embedded import EmbeddedServer
from workshop.manifest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
PLACEHOLDER = "<"  # `git clone <this repository>` is typed with one's own words


def commands() -> list[str]:
    """Return every line of every shell block, but those with a placeholder."""
    blocks = [block for page in PAGES for block in SHELL.findall(page.read_text(encoding="utf-8"))]
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return sorted({line for line in lines if line and PLACEHOLDER not in line})


def make_verbs() -> list[str]:
    """Return every `make verb` that any page mentions."""
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    return sorted(set(re.findall(r"`(?:[^`]*\s)?make ([a-z]+(?:-[a-z0-9]+)*)`", text)))


@pytest.mark.parametrize("verb", make_verbs())
def test_every_verb_mentioned_exists(verb: str) -> None:
    """Each `make verb` in a page is a verb of the Makefile."""
    done = subprocess.run(
        ["make", "--dry-run", verb],  # noqa: S607 - the reader's make
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("line", commands())
def test_every_shell_line_runs(
    line: str, run: Callable[..., subprocess.CompletedProcess[str]], server: EmbeddedServer
) -> None:
    """Each line ends as it should: well, or with exit code 2 where an exercise is not solved yet."""
    words = shlex.split(line)
    settings = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    assert words[0] == "make", f"no test knows how to run {line!r}"
    settings = {
        name: value.replace("127.0.0.1:6379", f"127.0.0.1:{server.port}")
        for name, value in settings.items()
    }
    # The set-up itself is what CI does first; here it is done already.
    done = run("make", "--assume-old=ready", *words[1:], **settings)
    unsolved = words[1].startswith("exercise-") and words[1] != "exercise-0"
    assert done.returncode == (2 if unsolved else 0), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_readme_s_python_runs(
    server: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The README's code does what it says."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first, second = PYTHON.findall(text.replace("valkey://127.0.0.1:6379", server.url))
    exec(first, {})  # noqa: S102 - the page's own code
    with ValkeyClient(server.config) as client:
        assert client.get("user:7") == {"name": "Ada"}
        assert client.ttl("visits") is not None
    names: dict[str, Any] = {}
    capsys.readouterr()
    exec(second, names)  # noqa: S102 - as above
    assert capsys.readouterr().out == "3 {'name': 'Ada'}\nok\n"
    labels = {"shard": str(server.config.address)}
    assert names["registry"].get_sample_value("valkey_shard_up", labels) == 1
    assert names["registry"].get_sample_value("valkey_command_seconds_count", {"family": "string"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A link to a file of the repository has a file at its end."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
