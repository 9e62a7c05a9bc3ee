"""Encryption: what is stored says nothing, and only the keys bring it back."""

import sys
import traceback
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from valkey_redis import (
    JSON,
    ConfigurationError,
    CorruptValueError,
    EncryptedCodec,
    InvalidArgumentError,
    PydanticCodec,
    SchemaVersionError,
)

OLD, NEW, OTHER = (EncryptedCodec.new_key() for _ in range(3))


class Patient(BaseModel):
    """Data that nobody else may read."""

    name: str
    born: date


ADA = Patient(name="Ada Lovelace", born=date(1815, 12, 10))


@given(value=st.none() | st.integers() | st.text("aü\n") | st.lists(st.booleans()))
def test_what_was_encrypted_comes_back(value: Any) -> None:
    """Every value that JSON takes."""
    codec: EncryptedCodec[Any] = EncryptedCodec([OLD])
    assert value == codec.decode(codec.encode(value))


def test_a_model_comes_back() -> None:
    """The codec inside decides what is taken."""
    codec = EncryptedCodec([OLD], PydanticCodec(Patient))
    assert codec.decode(codec.encode(ADA)) == ADA


def test_what_is_stored_says_nothing() -> None:
    """No part of the value is in it, and the same value is other bytes each time."""
    codec = EncryptedCodec([OLD], PydanticCodec(Patient))
    stored = codec.encode(ADA)
    for word in (b"Ada", b"Lovelace", b"1815", b"name"):
        assert word not in stored
    assert stored != codec.encode(ADA)


def test_keys_are_rotated() -> None:
    """The first key encrypts, all decrypt: a new one is put first, the old one goes last."""
    old: EncryptedCodec[Any] = EncryptedCodec([OLD])
    both: EncryptedCodec[Any] = EncryptedCodec([NEW, OLD])
    new: EncryptedCodec[Any] = EncryptedCodec([NEW])
    assert both.decode(old.encode(1)) == 1
    assert new.decode(both.encode(2)) == 2
    with pytest.raises(CorruptValueError):
        new.decode(old.encode(1))


def test_another_key_is_a_corrupt_value() -> None:
    """Nothing of the bytes or the keys is in the error, however it is printed."""
    stored = EncryptedCodec([OLD]).encode("hunter2")
    with pytest.raises(CorruptValueError, match=r"^100 bytes that none of the keys") as caught:
        EncryptedCodec([NEW, OTHER]).decode(stored)
    shown = "".join(traceback.format_exception(caught.value))
    for secret in (NEW, OTHER, stored.decode()):
        assert secret not in shown


@given(data=st.binary())
def test_foreign_bytes_are_corrupt(data: bytes) -> None:
    """No bytes raise anything but CorruptValueError."""
    for foreign in (data, JSON.encode(data.hex()), b"gAAAA" + data):
        with pytest.raises(CorruptValueError):
            EncryptedCodec([OLD]).decode(foreign)


def test_bytes_that_were_changed_are_corrupt() -> None:
    """Each of them is signed."""
    codec: EncryptedCodec[Any] = EncryptedCodec([OLD])
    stored = codec.encode("hunter2")
    for i in range(len(stored) - 2):  # before the padding, whose bits say nothing
        changed = bytearray(stored)
        changed[i] ^= 1
        with pytest.raises(CorruptValueError):
            codec.decode(bytes(changed))


def test_what_the_inner_codec_says_is_said() -> None:
    """Another schema version, and a value of another type."""
    with pytest.raises(SchemaVersionError):
        EncryptedCodec([OLD], PydanticCodec(Patient, schema_version=2)).decode(
            EncryptedCodec([OLD], PydanticCodec(Patient)).encode(ADA)
        )
    with pytest.raises(InvalidArgumentError):
        EncryptedCodec([OLD], PydanticCodec(Patient)).encode(OLD)  # type: ignore[arg-type]  # a value of another type, on purpose
    with pytest.raises(InvalidArgumentError, match="type Patient"):
        EncryptedCodec([OLD]).encode(ADA)


@pytest.mark.parametrize(
    "keys",
    [[], "", OLD, b"x", ["hunter2"], ["hunter2" * 9], [OLD[:-4]], [OLD, ""], ["ü" * 44], [None]],
    ids=range(10),  # the keys are others in each process
)
def test_wrong_keys_are_refused_and_not_shown(keys: Any) -> None:
    """The error says what is taken; what was given may be a secret."""
    with pytest.raises(InvalidArgumentError, match="keys: takes") as caught:
        EncryptedCodec(keys)
    shown = "".join(traceback.format_exception(caught.value))
    assert len(str(caught.value).splitlines()) == 1
    for secret in ("hunter2", OLD[:-4]):
        assert secret not in shown


def test_the_keys_are_in_no_repr() -> None:
    """Neither the codec's nor what it holds shows them."""
    codec: EncryptedCodec[Any] = EncryptedCodec([OLD])
    assert OLD not in repr(codec) + str(codec) + repr(vars(codec))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encryption is an extra; the message says which."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigurationError, match=r"valkey-redis-workshop\[crypto\]"):
        EncryptedCodec.new_key()
