"""What a session may hold, and how its ids are drawn: no server."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    SecretStr,
    field_validator,
    model_validator,
)

from valkey_redis import JSON, CorruptValueError, EncryptedCodec, InvalidArgumentError, Session
from valkey_redis.session_data import Modelled, Plain
from valkey_redis.session_id import (
    SessionKeys,
    handle_of,
    is_handle,
    is_id,
    new_id,
    tag_for,
    tag_of,
)


class Loose(BaseModel):
    """A model that keeps what it does not know."""

    model_config = ConfigDict(extra="allow")

    text: str = ""
    number: float = 0.0
    needed: int


def stored(encoded: dict[str, bytes]) -> dict[bytes, bytes]:
    """Return what the server gives back."""
    return {name.encode(): value for name, value in encoded.items()}


def test_an_id_and_a_handle_look_like_themselves_only() -> None:
    """Whatever is drawn passes, with the tag that was asked for; nothing else does."""
    tag = tag_for("ada")
    for id_ in (new_id(), new_id(tag)):
        assert is_id(id_)
        assert not is_handle(id_)
        assert is_handle(handle_of(id_))
        assert not is_id(handle_of(id_))
    assert tag_of(new_id(tag)) == tag
    for given in (handle_of("x").upper(), handle_of("x") + "\n", b"a" * 64, None, 7):
        assert not is_handle(given)


def test_a_tag_belongs_to_one_user() -> None:
    """The same today and tomorrow, as long as random ones; 7 and "7" are one user."""
    users = ["ada", "Ada", "ada ", "bo", "7", "-7", "ä"]
    assert len(set(map(tag_for, users))) == len(users)
    assert tag_for(7) == tag_for("7") == "eQJpm-Qsio5G-7tF"
    assert {len(tag_for(user)) for user in users} == {len(tag_of(new_id()))} == {16}


def test_a_session_and_its_index_have_one_hash_tag() -> None:
    """And the keys hold the id's hash."""
    id_ = new_id(tag_for("ada"))
    keys = SessionKeys("shop")
    place = keys.place(id_)
    tag = f"{{{tag_for('ada')}}}"
    assert place == (
        handle_of(id_),
        f"shop:session:{tag}:{handle_of(id_)}",
        f"shop:sessions:{tag}",
    )
    assert place.key == keys.session(tag_of(id_), place.handle)
    assert place.index_key == keys.index(tag_of(id_))


def test_equal_sessions_are_equal_and_show_no_secret() -> None:
    """A session is a value."""
    now = datetime.now(UTC)
    session, same = (Session("secret", "h", 7, {"a": "hidden"}, now, now, 1.0) for _ in range(2))
    assert session == same
    assert "secret" not in repr(session)
    assert "hidden" not in repr(session)
    assert "handle='h', user=7" in repr(session)


def test_a_change_of_plain_data_is_its_fields() -> None:
    """Each encoded alone, by the codec."""
    plain = Plain(JSON)
    assert plain.whole(None) == {}
    assert plain.whole({"a": 1, "b": [None]}) == {"a": b"1", "b": b"[null]"}
    assert plain.part({"a": "x"}, ["b"]) == {"a": b'"x"'}
    assert plain.read({b"a": b"1", b"b": b"[null]"}) == {"a": 1, "b": [None]}


def test_a_model_keeps_what_it_knows() -> None:
    """Also numbers that JSON has no name for, and what it was told to allow."""
    shape = Modelled(Loose, JSON)
    for value in (Loose(needed=1, number=float("inf")), Loose(needed=1, more={"a": 1})):  # type: ignore[call-arg]  # extra fields are allowed there
        assert shape.read(stored(shape.whole(value))) == value
    encoded = shape.whole({"needed": "3", "text": "**********"})
    assert shape.read(stored(encoded)) == Loose(needed=3, text="**********")
    assert shape.part({"text": "**********"}, ()) == {"text": b'"**********"'}
    assert shape.part({"needed": "4"}, ["text"]) == {"needed": b"4"}
    with pytest.raises(InvalidArgumentError, match="takes one of Loose's with a default"):
        shape.part({}, ["needed"])
    with pytest.raises(InvalidArgumentError, match=r"^Loose: needed$"):
        shape.whole({})
    with pytest.raises(CorruptValueError, match=r"^not a Loose: needed$"):
        shape.read({})
    for removed in ("text", b"text", 7):
        with pytest.raises(InvalidArgumentError, match=r"remove=.*takes a list of names"):
            shape.part({}, removed)  # type: ignore[arg-type]  # refused, on purpose
    with pytest.raises(InvalidArgumentError, match="list: takes a dict"):
        shape.part([("text", "x")], ())  # type: ignore[arg-type]  # refused, on purpose


def test_a_secret_is_not_lost_silently() -> None:
    """Pydantic would write asterisks: it is refused, in a new session and in a change."""

    class Account(BaseModel):
        pin: SecretStr = SecretStr("")
        pins: list[SecretStr] = []

    shape = Modelled(Account, EncryptedCodec([EncryptedCodec.new_key()]))
    for fields in ({"pin": SecretStr("1815")}, {"pins": [SecretStr("1815")]}):
        for call in (lambda f: shape.whole(Account(**f)), lambda f: shape.part(f, ())):
            with pytest.raises(InvalidArgumentError, match="asterisks") as caught:
                call(fields)
            assert "1815" not in str(caught.value)


def test_a_validator_that_fails_in_its_own_way_makes_a_corrupt_session() -> None:
    """Whatever it raises; its text may show the value, and is not shown."""

    class Odd(BaseModel):
        n: int = 0

        @field_validator("n")
        @classmethod
        def _odd(cls, n: int) -> int:
            if n == 8:
                raise ZeroDivisionError("1815")
            return n

    with pytest.raises(CorruptValueError, match=r"^not a Odd: ZeroDivisionError in a validator$"):
        Modelled(Odd, JSON).read({b"n": b"8"})


def test_a_model_whose_fields_cannot_be_changed_alone_is_refused() -> None:
    """A rule over several fields, no fields at all, or fields that pydantic does not write."""

    class Ruled(BaseModel):
        a: int = 0

        @model_validator(mode="after")
        def _rule(self) -> "Ruled":
            return self

    class Hidden(BaseModel):
        a: int = Field(default=0, exclude=True)

    class Root(RootModel[list[int]]):
        """No fields."""

    models: list[Any] = [Ruled, Hidden, Root, dict, Ruled(), "Ruled"]
    for model in models:
        with pytest.raises(InvalidArgumentError, match=r"^model=[^\n]*$"):
            Modelled(model, JSON)
