"""Set up `.venv` from requirements.lock; needs nothing but Python 3.11 or newer."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "ready"
OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")


def fingerprint() -> str:
    """Return what the environment was made from, so that a change remakes it."""
    parts = [(ROOT / name).read_bytes() for name in ("requirements.lock", "pyproject.toml")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def find_python() -> str:
    """Return a Python that is new enough: this one, else one on the PATH."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for name in NEWER:
        found = shutil.which(name)
        # A shim may be on the PATH and answer only "not installed": ask it.
        if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return found
    sys.exit(
        "setup: this is Python %d.%d; the workshop takes Python 3.11 or newer."
        % sys.version_info[:2]
    )


def run(*command: str) -> None:
    """Run one step; show its output only when it fails."""
    done = subprocess.run(
        command, check=False, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        sys.stdout.write(done.stdout.decode(errors="replace"))
        sys.exit("setup: this step failed: " + " ".join(command))


def make_environment() -> None:
    """Create the virtual environment if there is none; install what is missing or has changed."""
    uv = shutil.which("uv")
    if not PYTHON.exists():
        python = find_python()
        if uv:
            run(uv, "venv", "--quiet", "--python", python, str(VENV))
        else:
            if subprocess.call([python, "-c", "import ensurepip"], stderr=subprocess.DEVNULL):
                sys.exit(
                    "setup: this Python has no ensurepip; "
                    "install uv, or your system's package for it (on Debian: python3-venv)."
                )
            run(python, "-m", "venv", str(VENV))
    if not uv:
        if not (BIN / "uv").exists() and not (BIN / "uv.exe").exists():
            run(str(PYTHON), "-m", "pip", "install", "--quiet", "uv")
        uv = str(BIN / "uv")
    # Compiled once here, every later command starts three times as fast.
    install = (uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(PYTHON))
    run(*install, "--require-hashes", "-r", "requirements.lock")
    run(*install, "--no-deps", "--no-build-isolation", "-e", ".")


def main() -> None:
    """Do what is missing, and nothing when nothing is."""
    wanted = fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        if "--quiet" not in sys.argv:
            print("setup: ready, nothing to install.")
        return
    print("setup: installing the locked packages into .venv (once) ...", flush=True)
    make_environment()
    STAMP.write_text(wanted)
    print("setup: ready.", flush=True)


if __name__ == "__main__":
    main()
