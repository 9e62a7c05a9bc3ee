"""Every key's shape, in one place: pure, no I/O.

| key                                  | type   | expires        | holds                      |
|--------------------------------------|--------|----------------|----------------------------|
| `{namespace}:{part}:{part}...`       | any    | as its writer says | a value named by the caller |
| `{namespace}:call:{function}:{hash}` | string | always         | a cached function's result |

A *hash tag* is the text between the first `{` and the next `}` of a key: a cluster
puts all keys with one tag in one slot, so that one script or MGET may touch them.
(https://valkey.io/topics/cluster-spec/, "Hash tags")
"""

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from valkey_redis.errors import InvalidArgumentError

_ESCAPED = str.maketrans({"%": "%25", ":": "%3A", "{": "%7B", "}": "%7D"})
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]+")


def escape(part: str) -> str:
    """Return `part` with the characters that separate or tag escaped, so that no two parts meet."""
    return part.translate(_ESCAPED)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one namespace.

    `Keys("shop").key("user", 1)` is `shop:user:1`, and no other parts give that key:
    `("a:b",)` and `("a", "b")` differ. Raises InvalidArgumentError for a namespace with
    other characters than letters, digits, `_`, `.` and `-`.
    """

    namespace: str

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            raise InvalidArgumentError(
                f"namespace {self.namespace!r:.60}: takes letters, digits, '_', '.' and '-'"
            )

    def key(self, *parts: str | int) -> str:
        """Return the key of the parts."""
        return ":".join((self.namespace, *(escape(str(part)) for part in parts)))

    def tagged(self, tag: str | int, *parts: str | int) -> str:
        """Return a key in the slot of `tag`: all keys with one tag share a slot.

        An empty tag would be no tag at all to the server, and is refused.
        """
        if str(tag) == "":
            raise InvalidArgumentError("tag '': takes one character or more")
        return ":".join(
            (self.namespace, f"{{{escape(str(tag))}}}", *(escape(str(p)) for p in parts))
        )

    def prefix(self, *parts: str | int) -> str:
        """Return the MATCH pattern of every key below `parts`, and of nothing else.

        The separator at its end keeps `user:1` from matching `user:10`.
        """
        return re.sub(r"([*?\[\]\\])", r"\\\1", self.key(*parts)) + ":*"

    def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
        """Return the key of a call: the function's module, qualified name and bound arguments."""
        name = f"{function.__module__}.{function.__qualname__}"
        digest = hashlib.blake2b(encode_argument(dict(arguments)).encode(), digest_size=16)
        return self.key("call", name, digest.hexdigest())


def bind_arguments(
    signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments by name, with defaults, so that equal calls are equal dicts.

    Raises TypeError, as the call itself would, if they do not fit the signature.
    """
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def encode_argument(value: Any) -> str:
    """Return a text that two values share only when they are equal and of one type.

    Every value is written with its type and its length, so that neither `2` and `'2'`
    nor `['a', 'b']` and `'a:b'` can meet. Sets and mappings are ordered by their own
    text: Python's `hash()` differs between processes. Raises InvalidArgumentError for
    an object whose only text is its address, which would be another key each time.
    """
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    body = _body(value)
    return f"{kind}({len(body)}:{body})"


def _body(value: Any) -> str:  # noqa: PLR0911 - one return for each kind of value
    match value:
        case Enum():
            return value.name
        case BaseModel():
            return encode_argument(dict(value))
        case _ if is_dataclass(value):
            return encode_argument(
                {field.name: getattr(value, field.name) for field in fields(value)}
            )
        case None | bool() | int() | float() | str() | bytes():
            return repr(value)
        case Decimal() | UUID() | datetime() | date() | time() | timedelta():
            return repr(value)
        case Mapping():
            return "".join(
                sorted(encode_argument(key) + encode_argument(item) for key, item in value.items())
            )
        case AbstractSet():
            return "".join(sorted(map(encode_argument, value)))
        case Sequence():
            return "".join(map(encode_argument, value))
    raise InvalidArgumentError(
        f"an argument of type {type(value).__name__}: takes scalars, dates, UUIDs, enums, lists, "
        "sets, mappings, dataclasses and pydantic models; name its identity with key_fn="
    )
