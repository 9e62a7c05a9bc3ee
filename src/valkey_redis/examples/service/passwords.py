"""Passwords, kept as what cannot be turned back: scrypt, with its parameters and a salt of its own."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

# With a cost of 2^14: 16 MiB and five passes (OWASP, Password Storage Cheat Sheet).
BLOCK, PASSES = 8, 5
MEMORY = 256 * 2**20  # bytes, at most: a cost of 2^17 takes half of it


def hash_password(password: str, cost: int = 14) -> str:
    """Return what to store; `cost` is a power of two. Takes a while, on purpose: use a thread."""
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, cost)
    return f"scrypt${cost}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def is_password(password: str, stored: str) -> bool:
    """Return whether it is the password; takes the same time for any."""
    _, cost, salt, digest = stored.split("$")
    given = _scrypt(password, b64decode(salt), int(cost))
    return hmac.compare_digest(given, b64decode(digest))


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**cost, r=BLOCK, p=PASSES, maxmem=MEMORY)
