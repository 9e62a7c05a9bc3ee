"""A session's data as the fields of a hash, each encoded on its own. Pure, no I/O.

Each on its own, so that two requests that change two fields both succeed.
"""

from collections.abc import Collection, Mapping
from types import new_class
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, PydanticUserError, RootModel, ValidationError
from pydantic_core import to_json

from valkey_redis.codec import MASK, Codec, where
from valkey_redis.errors import CorruptValueError, InvalidArgumentError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
M = TypeVar("M", bound=BaseModel)
RESERVED = "@"  # begins the names of a session's own fields: see session_plan.py
Encoded = dict[str, bytes]


class Shape(Protocol[T_co]):
    """What a session may hold."""

    def whole(self, data: Any) -> Encoded:
        """Return a new session's fields; raise InvalidArgumentError for what it does not take."""
        ...

    def part(self, changes: Mapping[str, Any], removed: Collection[str]) -> Encoded:
        """Return the changed fields; raise InvalidArgumentError for what it does not take."""
        ...

    def read(self, encoded: Mapping[bytes, bytes]) -> T_co:
        """Return the data; raise CorruptValueError for what was not written so."""
        ...


class Plain:
    """A dict of whatever the codec takes, by names that are text."""

    def __init__(self, codec: Codec[Any]) -> None:
        self._codec = codec

    def whole(self, data: Mapping[str, Any] | None) -> Encoded:
        """Return a new session's fields."""
        return self.part({} if data is None else data, ())

    def part(self, changes: Mapping[str, Any], removed: Collection[str]) -> Encoded:
        """Return the changed fields."""
        if not isinstance(changes, Mapping):
            raise InvalidArgumentError(f"{type(changes).__name__}: takes a dict of fields")
        _check_removed(removed)
        for name in (*changes, *removed):
            if not isinstance(name, str) or not name or name.startswith(RESERVED):
                raise InvalidArgumentError(
                    f"field {name!r:.40}: takes a name that is text, without '{RESERVED}' before it"
                )
        return {name: self._codec.encode(value) for name, value in changes.items()}

    def read(self, encoded: Mapping[bytes, bytes]) -> dict[str, Any]:
        """Return the data."""
        return {name.decode(): self._codec.decode(value) for name, value in encoded.items()}


class Modelled(Generic[M]):
    """A pydantic model, whose fields are validated when they are written and when they are read."""

    def __init__(self, model: type[M], codec: Codec[Any]) -> None:
        if not isinstance(model, type) or not issubclass(model, BaseModel):
            raise InvalidArgumentError(f"model={model!r:.60}: takes a pydantic model")
        if issubclass(model, RootModel) or model.__pydantic_decorators__.model_validators:
            # Two requests may each keep such a rule, and break it together.
            raise InvalidArgumentError(
                f"model={model.__name__}: takes one with fields and without model validators, as "
                "its fields are changed one by one"
            )
        if lost := [name for name, field in model.model_fields.items() if field.exclude]:
            raise InvalidArgumentError(
                f"model={model.__name__}: {', '.join(lost)} would be lost, as pydantic is told to "
                "exclude it"
            )
        self._model = model
        # A frozen model forbids to change an object; a session's fields change all the same.
        own = {"__module__": __name__, "model_config": {"frozen": False}}
        self._loose: Any = new_class(
            f"Loose{model.__name__}", (model,), {}, lambda it: it.update(own)
        )
        self._codec = codec

    def whole(self, data: M | Mapping[str, Any] | None) -> Encoded:
        """Return a new session's fields."""
        value = data
        if not isinstance(value, self._model):
            try:
                value = self._model.model_validate({} if data is None else data, by_name=True)
            except ValidationError as error:
                raise InvalidArgumentError(f"{self._model.__name__}{where(error)}") from None
        return self._encode(value, None)

    def part(self, changes: Mapping[str, Any], removed: Collection[str]) -> Encoded:
        """Return the changed fields."""
        if not isinstance(changes, Mapping):
            raise InvalidArgumentError(f"{type(changes).__name__}: takes a dict of fields")
        _check_removed(removed)
        fields = self._model.model_fields
        for name in removed:
            if name not in fields or fields[name].is_required():
                raise InvalidArgumentError(
                    f"field {name!r:.40}: takes one of {self._model.__name__}'s with a default"
                )
        value = self._loose.model_construct()
        try:
            for name, given in changes.items():
                if name not in fields:
                    raise InvalidArgumentError(
                        f"field {name!r:.40}: {self._model.__name__} has none of that name"
                    )
                self._loose.__pydantic_validator__.validate_assignment(value, name, given)
        except ValidationError as error:
            raise InvalidArgumentError(f"{self._model.__name__}{where(error)}") from None
        return self._encode(value, set(changes))

    def read(self, encoded: Mapping[bytes, bytes]) -> M:
        """Return the data."""
        plain = {name.decode(): self._codec.decode(value) for name, value in encoded.items()}
        try:
            # As JSON, so that a strict model takes back the dates that it wrote.
            return self._model.model_validate_json(
                to_json(plain, inf_nan_mode="constants"), by_alias=False, by_name=True
            )
        except ValidationError as error:
            raise CorruptValueError(f"not a {self._model.__name__}{where(error)}") from None
        except PydanticUserError:
            raise  # the model itself is wrong, not the value
        except Exception as error:  # noqa: BLE001 - a model's own validator may raise anything
            raise CorruptValueError(
                f"not a {self._model.__name__}: {type(error).__name__} in a validator"
            ) from None

    def _encode(self, value: BaseModel, names: set[str] | None) -> Encoded:
        plain = value.model_dump(mode="json", by_alias=False, round_trip=True, include=names)
        for name, field in plain.items():
            if MASK in to_json(field) and field != getattr(value, name):
                raise InvalidArgumentError(
                    f"field {name!r:.40}: pydantic writes a Secret as asterisks, and it would be "
                    "lost: give the field a serializer, and encrypt it with EncryptedCodec"
                )
        return {name: self._codec.encode(field) for name, field in plain.items()}


def _check_removed(removed: object) -> None:
    if isinstance(removed, (str, bytes)) or not isinstance(removed, Collection):
        raise InvalidArgumentError(f"remove={removed!r:.40}: takes a list of names")
