"""Keep a learner's work: backups, `make reset-N`, and `make update` to the newer workshop."""

import difflib
import shutil
import subprocess
import time
from pathlib import Path

from workshop.manifest import ROOT, ExerciseEntry, exercises

BACKUPS = ROOT / ".workshop" / "backup"
WAITING = "raise NotImplementedError\n"


class KeepingError(Exception):
    """It cannot be done without losing something; the text says what to do."""


def reset(entry: ExerciseEntry) -> Path | None:
    """Put the untouched exercise back; return the backup of what was there, if anything was."""
    fresh = _untouched(entry)
    saved = backup(entry) if entry.file.exists() else None
    entry.file.write_text(fresh, encoding="utf-8")
    return saved


def backup(entry: ExerciseEntry) -> Path:
    """Copy the learner's file to .workshop/backup under the time of day; never over another."""
    BACKUPS.mkdir(parents=True, exist_ok=True)
    stamp, number = time.strftime("%Y%m%d-%H%M%S"), 0
    while (copy := BACKUPS / f"{entry.file.stem}.{stamp}.{number}.py").exists():
        number += 1
    shutil.copy2(entry.file, copy)
    return copy


def update() -> list[str]:
    """Merge the newer workshop; the learner's exercises stay as they are. Return what to tell.

    Raises KeepingError, with nothing changed, if other files than exercises were edited,
    there is nothing to update from, or the merge does not go through.
    """
    own = {entry.file.relative_to(ROOT).as_posix(): entry for entry in exercises().values()}
    edited = _git("diff", "--name-only", "HEAD").splitlines()
    foreign = [path for path in edited if path not in own]
    if foreign:
        raise KeepingError(f"you have edited {', '.join(foreign)}: commit or stash that first")
    try:
        _git("fetch", "--quiet")
        upstream = _git("rev-parse", "@{upstream}")
    except KeepingError as error:
        raise KeepingError(f"there is nothing to update from: {error}") from None
    base = _git("merge-base", "HEAD", upstream)
    if base == upstream:
        return ["update: you have the newest version."]
    mine = {
        path: (ROOT / path).read_text(encoding="utf-8") for path in own if (ROOT / path).exists()
    }
    saved = [backup(own[path]) for path in mine]
    _merge(edited, upstream, list(own))
    told = [f"update: now at {upstream[:10]}; your exercises are as they were."]
    for path, text in mine.items():
        (ROOT / path).write_text(text, encoding="utf-8")
        told += _compare(path, _at(base, path), _at(upstream, path))
    return [*told, f"update: a backup of each is in {saved[0].parent.relative_to(ROOT)}."]


def _merge(edited: list[str], upstream: str, own: list[str]) -> None:
    """Merge; in an exercise that both sides changed the learner's side wins, to be put back whole."""
    if edited:
        _git("checkout", "HEAD", "--", *edited)
    try:
        _git("merge", "--quiet", "--no-edit", upstream)
    except KeepingError:
        conflicts = _git("diff", "--name-only", "--diff-filter=U").splitlines()
        if not conflicts or set(conflicts) - set(own):
            _git("merge", "--abort")
            raise KeepingError(f"these conflict: {', '.join(conflicts)}; merge by hand") from None
        _git("checkout", "--ours", "--", *conflicts)
        _git("add", "--", *conflicts)
        _git("commit", "--quiet", "--no-edit")


def _compare(path: str, before: str, after: str) -> list[str]:
    """Put a stub that has changed beside the learner's file, and show what changed in it."""
    if before == after:
        return []
    beside = (ROOT / path).with_suffix(".new.py")
    beside.write_text(after, encoding="utf-8")
    diff = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        f"{path} (before)",
        f"{path} (now)",
        lineterm="",
        n=1,
    )
    return [
        f"update: {path} asks for something new; the new one is beside it, {beside.name}:",
        *diff,
    ]


def _untouched(entry: ExerciseEntry) -> str:
    """Return the newest version in the history in which nothing is solved."""
    path = entry.file.relative_to(ROOT).as_posix()
    if entry.number == 0:
        return entry.solution.read_text(encoding="utf-8")  # solved already
    functions = entry.solution.read_text(encoding="utf-8").count("\ndef ")
    for commit in _git("log", "--format=%H", "--all", "--", path).splitlines():
        text = _at(commit, path)
        if text.count(WAITING) == functions:
            return text
    raise KeepingError(f"no untouched {path} in this folder's git history")


def _at(commit: str, path: str) -> str:
    try:
        return _git("show", f"{commit}:{path}", strip=False)
    except KeepingError:
        return ""  # it was not there then


def _git(*words: str, strip: bool = True) -> str:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        raise KeepingError("this takes git, and a folder that was cloned with it")
    done = subprocess.run([git, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KeepingError(
            " ".join((done.stderr or done.stdout).split()) or f"git {words[0]} failed"
        )
    return done.stdout.strip() if strip else done.stdout
