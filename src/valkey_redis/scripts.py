"""The atomic parts: one Lua file each, sent by its hash and loaded when the server lacks it."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the SHA-1 by which EVALSHA calls it (the server's choice of hash)."""

    name: str
    source: str
    sha: str


@cache
def load(name: str) -> Script:
    """Return the script of `lua/<name>.lua`; raise FileNotFoundError if there is none."""
    source = files("valkey_redis").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return Script(name, source, hashlib.sha1(source.encode()).hexdigest())  # noqa: S324 - see Script
