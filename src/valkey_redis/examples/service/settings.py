"""What the service is told from outside; where its server is, `ValkeyConfig` reads."""

from pathlib import Path

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from valkey_redis.errors import ConfigurationError
from valkey_redis.web_address import LOOPBACK


class Settings(BaseSettings):
    """Each is a variable, say `SERVICE_HOST=0.0.0.0`; networks are JSON: `'["10.0.0.0/8"]'`."""

    model_config = SettingsConfigDict(
        env_prefix="SERVICE_", env_ignore_empty=True, populate_by_name=True
    )

    host: str = "127.0.0.1"
    # 0: any that is free.
    port: int = Field(8000, ge=0, le=65535, validation_alias=AliasChoices("PORT", "SERVICE_PORT"))
    database: Path = Path(".workshop/users.sqlite3")
    # Whose X-Forwarded-For is believed, and who sees the metrics: nobody, and this host. Behind a
    # proxy here that adds no such header, all come from this host: operators are '[]' then.
    trusted_proxies: tuple[str, ...] = ()
    operators: tuple[str, ...] = LOOPBACK
    # Seconds that an outage costs whoever comes first, and that a request may take in all.
    patience: float = Field(0.25, gt=0, le=60)
    deadline: float = Field(2.0, gt=0, le=600)
    # Off only where there is no TLS: a laptop.
    secure_cookies: bool = True
    # How much memory and time a password's hash takes, as a power of two.
    password_cost: int = Field(14, ge=1, le=17)
    # Of an address.
    requests_per_minute: int = Field(600, ge=1, le=10**6)
    sign_ups_per_hour: int = Field(30, ge=1, le=10**6)
    # Seconds that a query takes beyond SQLite's own: a file on a laptop is too quick to teach.
    database_delay: float = Field(0.0, ge=0, le=10)
    # Where spans are written, one a line; without it there are none.
    traces_file: Path | None = None


def read_settings() -> Settings:
    """Return the environment's settings; raise ConfigurationError, one line, for wrong ones."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"{item['loc'][0]}: {item['msg']}" for item in error.errors()]
        raise ConfigurationError("; ".join(lines)) from None
    except SettingsError as error:
        raise ConfigurationError(f"{error}: networks are JSON, say '[\"10.0.0.0/8\"]'") from None
