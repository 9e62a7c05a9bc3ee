"""A password is in no repr, no address and no error text, whatever it is made of."""

import traceback
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from valkey_redis import AsyncValkeyClient, ConfigurationError, ValkeyClient, ValkeyConfig
from valkey_redis.address import parse_url

# No other text holds these, so that each is a trace of the password.
FRONT, BACK = "Zq7xK9", "Vw3jQ8"
DIGITS = "97531"
SPECIAL = ":/?#[]@%&=+,;!$'()*<>\"\\ {}|^`~\n\té漢\U0001f511"
text = st.one_of(st.text(alphabet=SPECIAL, max_size=6), st.text(max_size=12))
passwords = text.map(lambda middle: FRONT + middle + BACK)
BROKEN = [
    "valkey://:{}@h:6379/0",
    "valkey://:{}@h:70000",
    "valkey://ann:{}@h:port",
    "valkey://ann:{}@",
    "valkey://ann:{}",
    "valkey://ann:{}/0",
    "valkey://:{}@h/x/y",
    "valkey://:{}@h?x=1",
    "valkey://:{}@[::1",
    "http://:{}@h",
    ":{}@h",
    "ann:{}@h:6379",
    "{}",
    "valkey+cluster://:{}@a,b:c,d/7",
    "rediss+sentinel://:{}@a",
]


def _shown(action: Callable[[], object]) -> str:
    """Return everything that a log would hold of the action: a result, or the whole traceback."""
    try:
        return repr(action()) + str(action())
    except ConfigurationError:
        return traceback.format_exc()


def _everything(config: ValkeyConfig) -> str:
    with ValkeyClient(config) as client:
        clients = repr(client) + repr(AsyncValkeyClient(config))
    return repr(config) + str(config) + str(config.address) + repr(config.address) + clients


def _assert_hidden(shown: str) -> None:
    assert FRONT not in shown
    assert BACK not in shown
    assert FRONT.lower() not in shown.lower()
    assert BACK.lower() not in shown.lower()


@given(password=passwords)
def test_an_encoded_password_is_used_and_not_shown(password: str) -> None:
    """Percent-encoded in the URL it arrives as it is, and is shown nowhere."""
    config = ValkeyConfig(url=f"valkey://ann:{quote(password, safe='')}@h:6379/2")
    assert password == config.address.password
    _assert_hidden(_everything(config))


@given(password=passwords.filter(lambda text: "\0" not in text))
def test_a_password_variable_is_used_and_not_shown(password: str) -> None:
    """VALKEY_PASSWORD takes it as it is, with any character, and shows it nowhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VALKEY_PASSWORD", password)
        config = ValkeyConfig()
        assert password == config.address.password
        _assert_hidden(_everything(config))
        patch.setenv("VALKEY_PORT", "70000")
        _assert_hidden(_shown(ValkeyConfig))


@given(password=passwords, form=st.sampled_from(BROKEN))
@example(password=f"{FRONT}/{BACK}", form=BROKEN[0])
@example(password=f"{FRONT}#{BACK}", form=BROKEN[0])
@example(password=f"{FRONT}?{BACK}", form=BROKEN[0])
@example(password=f"{FRONT}[{BACK}", form=BROKEN[0])
@example(password=f"{FRONT}@{BACK}", form=BROKEN[0])
@example(password=f"{FRONT}:{BACK}", form=BROKEN[4])
@example(password=f"{FRONT}℀{BACK}", form=BROKEN[0])
def test_a_password_in_a_broken_url_is_not_shown(password: str, form: str) -> None:
    """Unescaped where the URL cannot be read, it is in no line of the traceback."""
    url = form.format(password)
    _assert_hidden(_shown(lambda: ValkeyConfig(url=url)))
    try:
        parse_url(url)
    except ConfigurationError:
        _assert_hidden(traceback.format_exc())


@given(password=passwords, name=st.sampled_from(["HOST", "PORT", "DB", "TIMEOUT", "TLS_CA_FILE"]))
def test_a_url_in_the_wrong_variable_is_not_shown(password: str, name: str) -> None:
    """A whole URL in VALKEY_HOST is a common mistake: the message does not repeat it."""
    given_value = f"valkey://:{quote(password, safe='')}@h"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"VALKEY_{name}", given_value)
        with pytest.raises(ConfigurationError, match=r"\(not shown\)") as caught:
            ValkeyConfig()
    _assert_hidden(str(caught.value))


@given(password=passwords)
def test_the_clients_repr_holds_no_password_of_the_sentinels(password: str) -> None:
    """The Sentinels' own password is a secret too."""
    config = ValkeyConfig(url="valkey+sentinel://h/main", sentinel_password=password)
    _assert_hidden(repr(config) + str(config))


@pytest.mark.parametrize("tail", ["/x", "?x", "#x", "/", "@x"])
@pytest.mark.parametrize(
    "form", ["valkey://ann:{}@h", "valkey://ann:{}@h/1", "redis+cluster://a:{}@h"]
)
def test_a_password_that_looks_like_a_port_is_not_shown(form: str, tail: str) -> None:
    """What stands where a wrong port would be shown may be a password's beginning."""
    shown = _shown(lambda: ValkeyConfig(url=form.format(DIGITS + tail)))
    assert DIGITS not in shown
