"""Turn values into bytes and back: JSON, or a pydantic type under a schema version. Never pickle.

Unpickling runs code that the bytes choose, so whoever can write to the server could
run code in every reader.
"""

import inspect
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Generic, Protocol, TypeVar, Union, get_args, get_origin

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from valkey_redis.errors import CorruptValueError, InvalidArgumentError, SchemaVersionError

T = TypeVar("T")
_SCALARS = frozenset({type(None), bool, int, float, str})
MASK = b'"**********"'  # pydantic's text for every SecretStr and SecretBytes


class Codec(Protocol[T]):
    """A pair of functions with `decode(encode(value)) == value`."""

    def encode(self, value: T) -> bytes:
        """Return the bytes to store; raise InvalidArgumentError for a value that it does not take."""
        ...

    def decode(self, data: bytes) -> T:
        """Return the value; raise CorruptValueError for bytes that it did not write."""
        ...


def _refuse_lossy(value: object) -> None:
    """Raise for what JSON would bring back as something else: a tuple as a list, a date as text."""
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is list:
        items: Any = value
    elif kind is dict:
        for key in value:  # type: ignore[attr-defined]  # its type was just checked
            if type(key) is not str:
                raise InvalidArgumentError(
                    f"the key {key!r:.40}: JSON takes text as keys, and would bring this back as text"
                )
        items = value.values()  # type: ignore[attr-defined]  # as above
    else:
        raise InvalidArgumentError(
            f"a value of type {kind.__name__}: JSON takes None, bool, int, float, str, list and "
            "dict, and brings back nothing else; PydanticCodec keeps other types"
        )
    for item in items:
        if type(item) not in _SCALARS:  # asked here too: most are, and a call costs more
            _refuse_lossy(item)


class JsonCodec:
    """Plain JSON, which other languages and `valkey-cli` read too; counters are JSON already."""

    def encode(self, value: Any) -> bytes:
        """Return the value as JSON; raise InvalidArgumentError for what would not come back equal."""
        try:
            _refuse_lossy(value)
            return to_json(value, inf_nan_mode="constants")
        except (PydanticSerializationError, RecursionError) as error:
            raise InvalidArgumentError(f"not JSON: {error}") from None

    def decode(self, data: bytes) -> Any:
        """Return the value; raise CorruptValueError if the bytes are not JSON."""
        try:
            return from_json(data)
        except ValueError:
            # The bytes are not shown: they may hold anything, also a secret.
            raise CorruptValueError(f"{len(data)} bytes that are not JSON") from None


class PydanticCodec(Generic[T]):
    """Any type that pydantic's TypeAdapter takes, stored as `v<schema_version>:<json>`.

    Raise `schema_version` with every change that old readers or old values would not
    survive: a value of another version raises SchemaVersionError instead of being misread.
    `migrations[n]` turns plain JSON of version n into that of version n + 1, so that older
    values are read too.
    """

    def __init__(
        self,
        type_: type[T],
        *,
        schema_version: int = 1,
        migrations: Mapping[int, Callable[[Any], Any]] | None = None,
    ) -> None:
        if isinstance(schema_version, bool) or schema_version < 0:
            raise InvalidArgumentError(f"schema_version={schema_version}: takes 0 or more")
        for version in migrations or ():
            if version >= schema_version:
                raise InvalidArgumentError(
                    f"migrations: from {version} to {version + 1}, but schema_version is {schema_version}"
                )
        self._adapter: TypeAdapter[T] = TypeAdapter(type_)
        self._version = schema_version
        self._migrations = dict(migrations or {})
        self._header = b"v%d:" % schema_version

    def encode(self, value: T) -> bytes:
        """Return the header and the value as JSON; raise InvalidArgumentError for another type."""
        try:
            # Dumping alone takes None, or another model, for any model: it would be lost.
            self._adapter.validate_python(value, strict=True)
            # By the fields' own names: an alias may hold for writing alone, or for reading.
            plain = self._adapter.dump_python(
                value, mode="json", by_alias=False, round_trip=True, warnings="error"
            )
            # dump_json() would write NaN and the infinities as null.
            data = self._header + to_json(plain, inf_nan_mode="constants")
        except ValidationError as error:
            raise InvalidArgumentError(f"not a value of the codec's type{where(error)}") from None
        except (PydanticSerializationError, ValueError):  # say, bytes that are no text
            raise InvalidArgumentError("not a value of the codec's type") from None
        if MASK in data and self.decode(data) != value:
            raise InvalidArgumentError(
                "pydantic writes a Secret as asterisks, and it would be lost: give the field a "
                "serializer, and encrypt it with EncryptedCodec"
            )
        return data

    def decode(self, data: bytes) -> T:
        """Return the validated value.

        Raises SchemaVersionError for another version's bytes, and CorruptValueError for
        bytes that are not a value of the type.
        """
        if not data.startswith(self._header):
            data = self._header + self._migrate(data)
        try:
            return self._adapter.validate_json(
                data[len(self._header) :], by_alias=False, by_name=True
            )
        except ValidationError as error:
            raise CorruptValueError(f"not a value of the codec's type{where(error)}") from None
        except PydanticUserError:
            raise  # the model itself is wrong, not the value
        except Exception as error:  # noqa: BLE001 - a model's own validator may raise anything
            raise CorruptValueError(
                f"not a value of the codec's type: {type(error).__name__} in a validator"
            ) from None

    def _migrate(self, data: bytes) -> bytes:
        """Return an older version's JSON as this version's."""
        header = data[:24].partition(b":")[0]
        if len(header) == len(data[:24]) or header[:1] != b"v" or not header[1:].isdigit():
            raise CorruptValueError(f"{len(data)} bytes without a schema version")
        found = int(header[1:])
        if found > self._version or not all(
            version in self._migrations for version in range(found, self._version)
        ):
            raise SchemaVersionError(f"schema version {found}, not {self._version}")
        try:
            plain = from_json(data[len(header) + 1 :])
            for version in range(found, self._version):
                plain = self._migrations[version](plain)
            return to_json(plain, inf_nan_mode="constants")
        except Exception:  # noqa: BLE001 - whatever a migration raises, the old value is not usable
            raise CorruptValueError(f"schema version {found} that cannot be migrated") from None


def codec_for(annotation: Any) -> Codec[Any]:
    """Return JSON for what JSON brings back as it was, or for no annotation; else a PydanticCodec.

    A type that pydantic does not know gets JSON, which will refuse its values.
    """
    try:
        return JSON if _is_plain(annotation) else PydanticCodec(annotation)
    except (PydanticUserError, TypeError):  # TypeError: not even a type
        return JSON


def _is_plain(annotation: Any) -> bool:
    if annotation in {Any, inspect.Signature.empty, None, object, list, dict} | _SCALARS:
        return True
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return not parts or (parts[0] is str and _is_plain(parts[1]))
    return origin in {list, Union, UnionType} and all(map(_is_plain, parts))


def where(error: ValidationError) -> str:
    """Return the wrong fields' names; pydantic's own text shows values, which may be secret."""
    places = (".".join(map(str, item["loc"])) for item in error.errors(include_input=False))
    fields = sorted({place for place in places if place})
    return f": {', '.join(fields)}" if fields else ""


JSON = JsonCodec()
