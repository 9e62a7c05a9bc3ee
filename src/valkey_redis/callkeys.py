"""The key of a function's call: its name, and its arguments bound to its signature. Pure, no I/O."""

import hashlib
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from valkey_redis.errors import InvalidArgumentError
from valkey_redis.keys import escape

# The commonest types, whose repr is exact: no need to ask them anything else.
_PLAIN = {kind: f"builtins.{kind.__name__}" for kind in (type(None), bool, int, float, str, bytes)}


class CallKey:
    """Turns a call of `function` into a key: equal exactly if the arguments bind to the same.

    `name` stands for the function in the key, else its module and qualified name;
    arguments named in `ignore` are left out of it (say, `self` or a database connection).
    Raises InvalidArgumentError for a name in `ignore` that is no parameter.
    """

    def __init__(
        self, function: Callable[..., Any], *, name: str | None = None, ignore: Collection[str] = ()
    ) -> None:
        signature = inspect.signature(function)
        for wrong in set(ignore) - set(signature.parameters):
            raise InvalidArgumentError(
                f"ignore {wrong!r}: {function.__qualname__} takes {', '.join(signature.parameters)}"
            )
        self._prefix = escape(name or f"{function.__module__}.{function.__qualname__}")
        self._bind = _binder(function, signature, ignore)

    def __call__(self, /, *args: Any, **kwargs: Any) -> str:
        """Return the key; raise TypeError, as the call would, for arguments that do not fit."""
        given = self._bind(*args, **kwargs)
        try:
            text = encode_argument(given)
        except RecursionError:
            raise InvalidArgumentError("an argument that holds itself, or is too deep") from None
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        return f"{self._prefix}:{digest}"


def _binder(
    function: Callable[..., Any], signature: inspect.Signature, ignore: Collection[str]
) -> Callable[..., tuple[Any, ...]]:
    """Compile a function of the same signature that returns its arguments.

    `Signature.bind` does the same 25 times slower, on every hit.
    """
    defaults, parts, names = {}, [], []
    kinds = inspect.Parameter
    before = None
    for i, item in enumerate(signature.parameters.values()):
        if before is kinds.POSITIONAL_ONLY is not item.kind:
            parts.append("/")
        if item.kind is kinds.KEYWORD_ONLY and before not in {
            kinds.KEYWORD_ONLY,
            kinds.VAR_POSITIONAL,
        }:
            parts.append("*")
        stars = "*" * ((item.kind is kinds.VAR_POSITIONAL) + 2 * (item.kind is kinds.VAR_KEYWORD))
        default = ""
        if item.default is not item.empty:
            defaults[f"default{i}"] = item.default
            default = f"=default{i}"
        parts.append(stars + item.name + default)
        if item.name not in ignore:
            names.append(item.name)
        before = item.kind
    if before is kinds.POSITIONAL_ONLY:
        parts.append("/")
    values = "".join(f"{name}, " for name in names)
    # The text is made of the signature's own names alone.
    bind = eval(f"lambda {', '.join(parts)}: ({values})", defaults)  # noqa: S307 - see above
    bind.__qualname__ = function.__qualname__  # its TypeErrors name the function
    made: Callable[..., tuple[Any, ...]] = bind
    return made


def encode_argument(value: Any) -> str:
    """Return a text that two values share only when they are equal and of one type.

    Every value is written with its type and its length, so that neither `2` and `'2'`
    nor `['a', 'b']` and `'a:b'` can meet. Sets and mappings are ordered by their own
    text: Python's `hash()` differs between processes. Raises InvalidArgumentError for
    an object whose only text is its address, which would be another key each time.
    """
    kind = type(value)
    name = _PLAIN.get(kind)
    if name is not None:
        body = repr(value)
    elif kind is tuple:
        name, body = "builtins.tuple", "".join(map(encode_argument, value))
    else:
        name, body = f"{kind.__module__}.{kind.__qualname__}", _body(value)
    return f"{name}({len(body)}:{body})"


def _base_repr(value: float | str | bytes) -> str:
    """Return the repr that a subclass cannot change: a masked text must not meet another one."""
    for base in (int, float, str):
        if isinstance(value, base):
            return base.__repr__(value)
    return bytes.__repr__(value)


def _body(value: Any) -> str:  # noqa: PLR0911 - one return for each kind of value
    match value:
        case type():
            return f"{value.__module__}.{value.__qualname__}"
        case Enum():
            # A combination of flags may have no name.
            return repr(value.value) if isinstance(value, Flag) else value.name
        case BaseModel():
            return encode_argument(dict(value))
        case _ if is_dataclass(value):
            return encode_argument(
                {field.name: getattr(value, field.name) for field in fields(value)}
            )
        case int() | float() | str() | bytes():
            return _base_repr(value)
        case Decimal() | UUID() | date() | time() | timedelta() if " at 0x" not in repr(value):
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
        f"an argument of type {type(value).__name__}: a key takes scalars, dates, UUIDs, enums, "
        "classes, lists, sets, mappings, dataclasses and pydantic models; leave it out with "
        "ignore=, or make the key with key_fn="
    )
