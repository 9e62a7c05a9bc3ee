"""ValkeyConfig: where a setting comes from, and what each wrong one says."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from valkey_redis import ConfigurationError, ValkeyConfig
from valkey_redis.address import ESCAPE, SCHEMES

WAIT = "takes seconds to wait for a reply, more than 0, at most 3600"
FIRST = "takes seconds of the first pause, more than 0, at most 3600"
POOL = "takes the pool's size (of each node in a cluster), 1 or more"
KINDS = "takes connection, timeout, or both with a comma between"
FILE = "takes a file that exists"
HOST = "takes a host name or an IP address, without the port"
TIMES = "takes how often a failed command is sent again, 0 to 100"
WRONG = [
    ({"port": 70000}, "VALKEY_PORT=70000: takes 1 to 65535"),
    ({"port": 0}, "VALKEY_PORT=0: takes 1 to 65535"),
    ({"port": "http"}, "VALKEY_PORT=http: takes 1 to 65535"),
    ({"timeout": -1}, f"VALKEY_TIMEOUT=-1: {WAIT}"),
    ({"timeout": 0}, f"VALKEY_TIMEOUT=0: {WAIT}"),
    ({"timeout": float("nan")}, f"VALKEY_TIMEOUT=nan: {WAIT}"),
    ({"timeout": float("inf")}, f"VALKEY_TIMEOUT=inf: {WAIT}"),
    ({"retry_base": 3601}, f"VALKEY_RETRY_BASE=3601: {FIRST}"),
    ({"db": -1}, "VALKEY_DB=-1: takes a database number, 0 or more"),
    ({"max_connections": 0}, f"VALKEY_MAX_CONNECTIONS=0: {POOL}"),
    ({"retry_attempts": 101}, f"VALKEY_RETRY_ATTEMPTS=101: {TIMES}"),
    (
        {"retry_backoff_type": "fibonacci"},
        "VALKEY_RETRY_BACKOFF_TYPE=fibonacci: takes exponential, jitter or constant",
    ),
    ({"retry_on": "luck"}, f"VALKEY_RETRY_ON=luck: {KINDS}"),
    ({"tls": "maybe"}, "VALKEY_TLS=maybe: takes true or false"),
    ({"tls_ca_file": "/no/such.pem"}, f"VALKEY_TLS_CA_FILE=/no/such.pem: {FILE}"),
    ({"tls_cert_file": "/no/such.pem"}, f"VALKEY_TLS_CERT_FILE=/no/such.pem: {FILE}"),
    ({"tls_key_file": "/no/such.pem"}, f"VALKEY_TLS_KEY_FILE=/no/such.pem: {FILE}"),
    ({"host": "a:1"}, f"VALKEY_HOST=a:1: {HOST}"),
    ({"host": "a\nb"}, f"VALKEY_HOST=a b: {HOST}"),
    ({"host": "valkey://:hunter2@h"}, f"VALKEY_HOST=(not shown): {HOST}"),
    ({"password": 5}, "VALKEY_PASSWORD=(not shown): takes a password"),
    ({"url": 5}, f"VALKEY_URL=(not shown): takes {SCHEMES}"),
    ({"url": "http://h"}, f"VALKEY_URL has the scheme 'http://'; takes {SCHEMES}"),
    ({"url": "h:6379"}, f"VALKEY_URL has no scheme; takes {SCHEMES}"),
    ({"url": "valkey://h:70000"}, "VALKEY_URL has the port 70000; takes 1 to 65535"),
    ({"url": "valkey://:p@ss/w?rd#@h"}, f"VALKEY_URL has an '@' after the host; {ESCAPE}"),
    ({"url": "valkey://:pass[word@h"}, f"VALKEY_URL does not parse as a URL; {ESCAPE}"),
    (
        {"url": "valkey+cluster://h", "db": 2},
        "VALKEY_DB=2: takes 0 here, a cluster's only database",
    ),
    (
        {"port": 0, "timeout": 0},
        f"VALKEY_PORT=0: takes 1 to 65535; VALKEY_TIMEOUT=0: {WAIT}",
    ),
    (
        {"prot": 1},
        f"prot: no such setting; takes {', '.join(ValkeyConfig.model_fields)}",
    ),
]


@pytest.mark.parametrize(("settings", "message"), WRONG, ids=[text[:40] for _, text in WRONG])
def test_a_wrong_setting_gets_one_line(settings: dict[str, Any], message: str) -> None:
    """The message names the setting, what was given and what is taken, in one line."""
    with pytest.raises(ConfigurationError) as caught:
        ValkeyConfig(**settings)
    assert message == str(caught.value)
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("name", ["VALKEY_PORT", "REDIS_PORT"])
def test_the_message_names_the_variable_that_was_set(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever set REDIS_PORT reads REDIS_PORT."""
    monkeypatch.setenv(name, "70000")
    with pytest.raises(ConfigurationError) as caught:
        ValkeyConfig()
    assert f"{name}=70000: takes 1 to 65535" == str(caught.value)


def test_the_message_names_the_variable_of_a_dotenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same holds for a variable in `.env`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("VAPI_RETRY_ATTEMPTS=-1\n")
    with pytest.raises(ConfigurationError, match=r"^VAPI_RETRY_ATTEMPTS=-1: takes how often"):
        ValkeyConfig()


def test_an_argument_is_named_as_such_whatever_is_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong argument is not blamed on REDIS_PORT, which is right and was not used."""
    monkeypatch.setenv("REDIS_PORT", "6379")
    with pytest.raises(ConfigurationError, match=r"^VALKEY_PORT=70000"):
        ValkeyConfig(port=70000)


SETTINGS = [
    ("URL", "url", "redis://h:7", "**********"),
    ("HOST", "host", "example.org", "example.org"),
    ("PORT", "port", "7000", 7000),
    ("DB", "db", "3", 3),
    ("USERNAME", "username", "ann", "ann"),
    ("PASSWORD", "password", "hunter2", "**********"),
    ("TLS", "tls", "true", True),
    ("TLS_VERIFY", "tls_verify", "false", False),
    ("SENTINEL_USERNAME", "sentinel_username", "sen", "sen"),
    ("SENTINEL_PASSWORD", "sentinel_password", "hunter2", "**********"),
    ("CLIENT_NAME", "client_name", "shop", "shop"),
    ("TIMEOUT", "timeout", "2.5", 2.5),
    ("CONNECT_TIMEOUT", "connect_timeout", "2.5", 2.5),
    ("MAX_CONNECTIONS", "max_connections", "7", 7),
    ("POOL_TIMEOUT", "pool_timeout", "2.5", 2.5),
    ("HEALTH_CHECK_INTERVAL", "health_check_interval", "0", 0),
]
VARIABLES = [
    *[(f"{brand}_{name}", *rest) for name, *rest in SETTINGS for brand in ("VALKEY", "REDIS")],
    *[
        (f"{brand}_RETRY_{name}", *rest)
        for name, *rest in [
            ("ATTEMPTS", "retry_attempts", "7", 7),
            ("BACKOFF_TYPE", "retry_backoff_type", "constant", "constant"),
            ("BASE", "retry_base", "0.5", 0.5),
            ("CAP", "retry_cap", "0.5", 0.5),
            ("ON", "retry_on", "timeout", frozenset({"timeout"})),
        ]
        for brand in ("VALKEY", "VAPI")
    ],
]


@pytest.mark.parametrize(
    ("variable", "field", "given", "expected"), VARIABLES, ids=[row[0] for row in VARIABLES]
)
def test_each_setting_is_read_from_its_variable_and_its_alias(
    variable: str, field: str, given: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VALKEY_*, and REDIS_* or VAPI_RETRY_*, set the field."""
    monkeypatch.setenv(variable, given)
    value = getattr(ValkeyConfig(), field)
    assert expected == (str(value) if hasattr(value, "get_secret_value") else value)


@pytest.mark.parametrize("name", ["CA", "CERT", "KEY"])
@pytest.mark.parametrize("brand", ["VALKEY", "REDIS"])
def test_tls_files_are_read_from_the_environment(
    brand: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that exists is taken."""
    file = tmp_path / "file.pem"
    file.touch()
    monkeypatch.setenv(f"{brand}_TLS_{name}_FILE", str(file))
    assert file == getattr(ValkeyConfig(), f"tls_{name.lower()}_file")


def test_argument_over_environment_over_dotenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest source wins, and VALKEY_* over REDIS_* within one."""
    monkeypatch.chdir(tmp_path)
    assert ValkeyConfig().port == 6379
    (tmp_path / ".env").write_text("REDIS_PORT=1\n")
    assert ValkeyConfig().port == 1
    (tmp_path / ".env").write_text("REDIS_PORT=1\nVALKEY_PORT=2\n")
    assert ValkeyConfig().port == 2
    monkeypatch.setenv("REDIS_PORT", "3")
    assert ValkeyConfig().port == 3
    monkeypatch.setenv("VALKEY_PORT", "4")
    assert ValkeyConfig().port == 4
    assert ValkeyConfig(port=5).port == 5


def test_variables_of_other_programs_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Desktops set USERNAME, hosters set PORT: a setting's bare name is for arguments alone."""
    theirs = {"HOST": "elsewhere", "PORT": "7", "USERNAME": "ann", "DB": "3", "URL": "valkey://x"}
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("PORT=8\nusername=ann\n")
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    config = ValkeyConfig()
    assert (config.address.hosts, config.username, config.db) == ((("127.0.0.1", 6379),), None, 0)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """`VALKEY_PORT=` in a compose file is no wrong port."""
    monkeypatch.setenv("VALKEY_PORT", "")
    monkeypatch.setenv("VALKEY_URL", "")
    assert ValkeyConfig().address.hosts == (("127.0.0.1", 6379),)


def test_what_the_url_states_wins_and_the_rest_is_completed() -> None:
    """The URL's host and user win; the password, the database and TLS come from the settings."""
    config = ValkeyConfig(
        url="redis://ann@h:7", host="other", port=1, username="bob", password="p", db=3, tls=True
    )
    address = config.address
    assert str(address) == "rediss://h:7/3"
    assert (address.username, address.password) == ("ann", "p")
    stated = ValkeyConfig(url="redis://ann:q@h:7/4", password="p", db=3).address
    assert (stated.password, stated.db) == ("q", 4)


def test_a_config_is_frozen() -> None:
    """A config that is in use does not change."""
    with pytest.raises(ValidationError, match="frozen"):
        ValkeyConfig().port = 1  # type: ignore[misc]  # what is tested
