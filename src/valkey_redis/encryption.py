"""Encrypt what is stored, for data that nobody with access to the server may read."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from valkey_redis.codec import JSON, Codec
from valkey_redis.errors import ConfigurationError, CorruptValueError, InvalidArgumentError

T = TypeVar("T")


class EncryptedCodec(Generic[T]):
    """A codec over another one: its bytes are encrypted and signed (Fernet: AES-128-CBC, HMAC).

    The first key encrypts, any of them decrypts: to rotate, put a new key first, and take the
    old one away when all that it encrypted has expired. `EncryptedCodec.new_key()` makes one.
    It hides the values, not the keys, the sizes or the times; and whoever can write to the
    server can still put one entry's bytes in place of another's.
    Raises InvalidArgumentError for no key or a wrong one, ConfigurationError without the
    package `cryptography` (the extra `crypto`). (https://github.com/fernet/spec)
    """

    def __init__(self, keys: Sequence[str], inner: Codec[T] | None = None) -> None:
        fernet = _fernet()
        if isinstance(keys, str) or not keys:
            raise InvalidArgumentError("keys: takes a list of one key or more")
        try:
            self._fernet = fernet.MultiFernet([fernet.Fernet(key) for key in keys])
        except (ValueError, TypeError):
            # The key is not shown.
            raise InvalidArgumentError(
                "keys: takes keys made by EncryptedCodec.new_key(), 32 bytes in URL-safe base64"
            ) from None
        self._inner: Codec[Any] = inner or JSON

    @staticmethod
    def new_key() -> str:
        """Return a fresh random key; keep it where secrets are kept."""
        key: bytes = _fernet().Fernet.generate_key()
        return key.decode()

    def encode(self, value: T) -> bytes:
        """Return the encrypted bytes; raise InvalidArgumentError for what the inner codec refuses."""
        token: bytes = self._fernet.encrypt(self._inner.encode(value))
        return token

    def decode(self, data: bytes) -> T:
        """Return the value; raise CorruptValueError for bytes that none of the keys wrote."""
        try:
            plain = self._fernet.decrypt(data)
        except _fernet().InvalidToken:
            raise CorruptValueError(f"{len(data)} bytes that none of the keys encrypted") from None
        value: T = self._inner.decode(plain)
        return value


def _fernet() -> Any:
    try:
        from cryptography import fernet  # noqa: PLC0415 - an extra, needed only here
    except ImportError:
        raise ConfigurationError(
            "EncryptedCodec takes the package 'cryptography', which is not installed; "
            "install valkey-redis-workshop[crypto]"
        ) from None
    return fernet
