"""The pages' code runs and prints what the page says; their links and anchors lead somewhere."""

import io
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import valkey

from valkey_redis.embedded import EmbeddedServer
from workshop.manifest import ROOT, exercises

PAGES = sorted((ROOT / "docs").glob("*.md"))
WITH_PAGE = [entry for entry in exercises().values() if entry.page]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TYPED = re.compile(r"^```valkey\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([A-Z]+ [^`]+)`")
# Errors' texts and spans' names, and the one command that would end the test's server.
NO_COMMANDS = re.compile(r"(OOM|BUSY|MOVED) |PIPELINE GET|EVALSHA lock|SHUTDOWN NOSAVE")
ILL_FORMED = re.compile(r"unknown|wrong number|syntax|invalid|unsupported", re.IGNORECASE)
EXPLICIT = re.compile(r'<a id="([^"]+)">')

every_page = pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])


@dataclass(frozen=True)
class Block:
    """A Python block: its first line's number, its code, and the text that it should print."""

    line: int
    code: str
    printed: str | None


def blocks(text: str) -> list[Block]:
    """Return the Python blocks, each with the `text` block that follows it at once, if one does."""
    fences = list(FENCE.finditer(text))
    found = []
    for number, fence in enumerate(fences):
        if fence[1] != "python":
            continue
        after = fences[number + 1] if number + 1 < len(fences) else None
        is_output = (
            after is not None
            and after[1] == "text"
            and not text[fence.end() : after.start()].strip()
        )
        printed = after[2] if after is not None and is_output else None
        found.append(Block(text[: fence.start(2)].count("\n") + 1, fence[2], printed))
    return found


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives the headings, and the explicit ones."""
    prose = FENCE.sub("", text)
    headings = re.findall(r"^#+ +(.+)$", prose, re.MULTILINE)
    made = {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }
    return made | set(EXPLICIT.findall(prose))


@every_page
def test_code_does_what_the_page_says(page: Path) -> None:
    """All Python blocks run in order, as pasted into one session; outputs are as printed."""
    namespace: dict[str, Any] = {"__name__": "page"}
    found = blocks(page.read_text(encoding="utf-8"))
    is_of_a_chapter = any(page == ROOT / str(entry.page) for entry in WITH_PAGE)
    assert found or not is_of_a_chapter, "a chapter's page without code"
    try:
        for block in found:
            out = io.StringIO()
            # Empty lines before it, so that a traceback shows the line of the page.
            code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
            with redirect_stdout(out):
                exec(code, namespace)  # noqa: S102 - the page's own code
            if block.printed is not None:
                assert out.getvalue() == block.printed, f"{page.name}, line {block.line}"
    finally:
        for value in reversed(list(namespace.values())):
            if callable(close := getattr(value, "close", None)) and not isinstance(value, type):
                close()


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists, and a heading that is in it."""
    text = page.read_text(encoding="utf-8")
    broken = []
    for target in LINK.findall(FENCE.sub("", text)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if not file.exists() or (
            anchor and anchor not in anchors(file.read_text(encoding="utf-8"))
        ):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("entry", WITH_PAGE, ids=[str(entry.number) for entry in WITH_PAGE])
def test_every_mistake_has_its_place(entry: Any) -> None:
    """The page has an anchor for each mistake that the grader can name, spelled as it is."""
    there = anchors((ROOT / entry.page).read_text(encoding="utf-8"))
    assert [mistake.name for mistake in entry.mistake if mistake.name not in there] == []


@pytest.fixture
def own() -> Iterator[valkey.Valkey]:
    """Return a client of a server whose settings may be changed; it counts uses."""
    with (
        EmbeddedServer(settings={"maxmemory-policy": "allkeys-lfu"}) as server,
        valkey.Valkey(port=server.port, decode_responses=True) as client,
    ):
        client.set("user:7", "x")
        client.hset("basket:7", "lamp", 1)
        reply_to(client, "INCR user:7")  # so that INFO errorstats has one
        yield client


def reply_to(client: valkey.Valkey, line: str) -> str:
    """Return the reply to what somebody types, or the error's text."""
    try:
        return repr(client.execute_command(*shlex.split(line)))
    except valkey.ResponseError as error:
        return str(error)


@pytest.mark.parametrize("name", ["troubleshooting", "observability"])
def test_what_is_typed_is_understood(name: str, own: valkey.Valkey) -> None:
    """Each command in a block is answered, each in a sentence at least well-formed."""
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    typed = {line for block in TYPED.findall(text) for line in block.splitlines()}
    inline = {line for line in INLINE.findall(FENCE.sub("", text)) if not NO_COMMANDS.match(line)}
    answers = {line: reply_to(own, line) for line in sorted(typed | inline)}
    assert len(answers) > 5
    wrong = {
        line: answer
        for line, answer in answers.items()
        if ILL_FORMED.search(answer.partition("\n")[0][:200])
        or (line.startswith(("INFO ", "CONFIG GET ")) and answer in {"{}", "[]"})
    }
    assert wrong == {}


def test_a_wrong_command_is_found(own: valkey.Valkey) -> None:
    """A name that the server does not know, a word too few, a setting that there is not."""
    for line in (
        "CONIG GET maxmemory",
        "MEMORY USAGE",
        "CONFIG SET max-memory 1gb",
        "SCAN 0 CONT 5",
    ):
        assert ILL_FORMED.search(reply_to(own, line)), line
    for line in ("INFO comandstats", "CONFIG GET max-memory"):
        assert reply_to(own, line) in {"{}", "[]"}


def test_a_wrong_output_is_found() -> None:
    """A block belongs to the text that follows it at once, and to no other."""
    page = "```python\nprint(1)\n```\n\n```text\n2\n```\n\n```python\npass\n```\nand\n```text\n3\n```\n"
    assert blocks(page) == [Block(2, "print(1)\n", "2\n"), Block(10, "pass\n", None)]
