"""Settings of a connection, from arguments, the environment or a `.env` file."""

import math
import os
from collections.abc import Container
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from valkey_redis.address import SCHEMES, Address, parse_url
from valkey_redis.errors import ConfigurationError

BackoffType = Literal["exponential", "jitter", "constant"]
RetryOn = Literal["connection", "timeout"]


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError
    return value


Seconds = Annotated[float, Field(gt=0, le=3600), AfterValidator(_finite)]


def _env(*names: str) -> AliasChoices:
    """Return the variables that a setting is read from; the first that is set wins."""
    return AliasChoices(*names)


def _both(name: str) -> AliasChoices:
    return _env(f"VALKEY_{name}", f"REDIS_{name}")


def _retry(name: str) -> AliasChoices:
    return _env(f"VALKEY_RETRY_{name}", f"VAPI_RETRY_{name}")


class ValkeyConfig(BaseSettings):
    """Say where the server is and how to talk to it; frozen, no I/O but reading `.env`.

    Each setting is an argument (`port=7000`) or a variable (`VALKEY_PORT=7000`); an
    argument wins over the environment, the environment over `.env`, `VALKEY_*` over
    `REDIS_*`. What the URL states wins over the separate settings; what it leaves out
    (say, the password) is taken from them. Times are in seconds. A field's description
    says what it takes. Raises ConfigurationError with one line for each wrong setting;
    passwords are in no message and in no repr.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        env_file=".env",
        dotenv_filtering="only_existing",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    url: SecretStr | None = Field(None, validation_alias=_both("URL"), description=SCHEMES)
    host: str = Field(
        "127.0.0.1",
        pattern=r"^([^\s/@,:]+|[0-9a-fA-F.]*(:[0-9a-fA-F.]*){2,})$",
        validation_alias=_both("HOST"),
        description="a host name or an IP address, without the port",
    )
    port: int = Field(
        6379, ge=1, le=65535, validation_alias=_both("PORT"), description="1 to 65535"
    )
    db: int = Field(
        0, ge=0, validation_alias=_both("DB"), description="a database number, 0 or more"
    )
    username: str | None = Field(
        None, validation_alias=_both("USERNAME"), description="an ACL user's name"
    )
    password: SecretStr | None = Field(
        None, validation_alias=_both("PASSWORD"), description="a password"
    )
    tls: bool = Field(default=False, validation_alias=_both("TLS"), description="true or false")
    tls_verify: bool = Field(
        default=True, validation_alias=_both("TLS_VERIFY"), description="true or false"
    )
    tls_ca_file: FilePath | None = Field(
        None, validation_alias=_both("TLS_CA_FILE"), description="a file that exists"
    )
    tls_cert_file: FilePath | None = Field(
        None, validation_alias=_both("TLS_CERT_FILE"), description="a file that exists"
    )
    tls_key_file: FilePath | None = Field(
        None, validation_alias=_both("TLS_KEY_FILE"), description="a file that exists"
    )
    sentinel_username: str | None = Field(
        None, validation_alias=_both("SENTINEL_USERNAME"), description="the Sentinels' own user"
    )
    sentinel_password: SecretStr | None = Field(
        None, validation_alias=_both("SENTINEL_PASSWORD"), description="the Sentinels' own password"
    )
    client_name: str | None = Field(
        None,
        pattern=r"^[!-~]+$",
        validation_alias=_both("CLIENT_NAME"),
        description="a name without spaces, shown by CLIENT LIST",
    )
    timeout: Seconds = Field(
        1.0,
        validation_alias=_both("TIMEOUT"),
        description="seconds to wait for a reply, more than 0, at most 3600",
    )
    connect_timeout: Seconds = Field(
        1.0,
        validation_alias=_both("CONNECT_TIMEOUT"),
        description="seconds to wait for a connection, more than 0, at most 3600",
    )
    max_connections: int = Field(
        50,
        ge=1,
        validation_alias=_both("MAX_CONNECTIONS"),
        description="the pool's size (of each node in a cluster), 1 or more",
    )
    pool_timeout: Seconds = Field(
        1.0,
        validation_alias=_both("POOL_TIMEOUT"),
        description="seconds to wait for a free connection, more than 0, at most 3600",
    )
    health_check_interval: int = Field(
        30,
        ge=0,
        validation_alias=_both("HEALTH_CHECK_INTERVAL"),
        description="seconds of idleness after which a connection is checked first, 0 for never",
    )
    retry_attempts: int = Field(
        3,
        ge=0,
        le=100,
        validation_alias=_retry("ATTEMPTS"),
        description="how often a failed command is sent again, 0 to 100",
    )
    retry_backoff_type: BackoffType = Field(
        "jitter",
        validation_alias=_retry("BACKOFF_TYPE"),
        description="exponential, jitter or constant",
    )
    retry_base: Seconds = Field(
        0.05,
        validation_alias=_retry("BASE"),
        description="seconds of the first pause, more than 0, at most 3600",
    )
    retry_cap: Seconds = Field(
        1.0,
        validation_alias=_retry("CAP"),
        description="seconds of the longest pause, more than 0, at most 3600",
    )
    retry_on: Annotated[frozenset[RetryOn], NoDecode] = Field(
        frozenset({"connection", "timeout"}),
        validation_alias=_retry("ON"),
        description="connection, timeout, or both with a comma between",
    )

    def __init__(self, **settings: Any) -> None:
        known = type(self).model_fields
        for name in settings:
            if name not in known and not name.startswith("_"):
                raise ConfigurationError(f"{name}: no such setting; takes {', '.join(known)}")
        try:
            super().__init__(**settings)
        except ValidationError as error:
            # `from None`: pydantic's own text may show the value, and so a password.
            raise ConfigurationError(_explain(error, type(self), settings)) from None
        if self.db and self.address.topology == "cluster":
            raise ConfigurationError(
                f"VALKEY_DB={self.db}: takes 0 here, a cluster's only database"
            )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *sources: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let only arguments go by a field's name: HOST, PORT and USERNAME are other programs'."""
        found = super().settings_customise_sources(settings_cls, *sources, **named)
        for source in found:
            if not isinstance(source, InitSettingsSource):
                source.config = {**source.config, "populate_by_name": False}
        return found

    @field_validator("url")
    @classmethod
    def _parses(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            parse_url(url.get_secret_value())
        return url

    @field_validator("retry_on", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(",") if part.strip())
        return value

    @cached_property
    def address(self) -> Address:
        """The server's address: the URL's parts, completed from the separate settings."""
        separate = Address(hosts=((self.host, self.port),))
        stated = parse_url(self.url.get_secret_value()) if self.url else separate
        own_password = self.password.get_secret_value() if self.password else None
        return replace(
            stated,
            tls=stated.tls or self.tls,
            db=self.db if stated.db is None else stated.db,
            username=stated.username or self.username,
            password=stated.password or own_password,
        )


def _explain(error: ValidationError, model: type[ValkeyConfig], arguments: Container[str]) -> str:
    """Return one line for each wrong setting: the variable, what was given, what it takes."""
    lines: dict[str, None] = {}
    for problem in error.errors(include_url=False):
        where = str(problem["loc"][0])
        for name, field in model.model_fields.items():
            aliases = field.validation_alias
            choices = aliases.choices if isinstance(aliases, AliasChoices) else []
            if where != name and where not in choices:
                continue
            names = [str(choice) for choice in choices]
            variable = names[0] if name in arguments else _set_variable(names)
            own = problem.get("ctx", {}).get("error")
            if isinstance(own, ConfigurationError):
                lines[f"{variable} {own}"] = None
                continue
            given = " ".join(str(problem["input"]).split())
            # An '@' looks like a whole URL in the wrong setting, password included.
            secret = "SecretStr" in str(field.annotation) or "@" in given
            shown = "(not shown)" if secret else f"{given:.60}"
            lines[f"{variable}={shown}: takes {field.description}"] = None
    return "; ".join(lines)


def _set_variable(names: list[str]) -> str:
    """Return the name that is set, in the environment or else in `.env`; the first if none is."""
    for source in (os.environ, dotenv_values(".env")):
        known = {name.upper() for name, value in source.items() if value}
        for name in names:
            if name in known:
                return name
    return names[0]
