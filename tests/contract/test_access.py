"""Users, passwords and TLS, on real servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import valkey
from tests.support.backends import Kind, every_kind
from tests.support.proxy import Proxy
from tests.support.tls import Authority, server_context

from valkey_redis import (
    AuthenticationError,
    ServerUnavailableError,
    ValkeyRedisError,
)
from valkey_redis.embedded import HOST, EmbeddedServer
from valkey_redis.embedded_cluster import EmbeddedCluster

PASSWORD = "p@ss:/?#[]%41&+ wörd"
FAST = {"retry_attempts": 1, "retry_base": 0.01}
PLACES = ["server", "cluster"]


@pytest.fixture(params=PLACES)
def guarded(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a server, or a cluster, with the users ann (all) and bob (GET on a:*)."""
    place: EmbeddedServer | EmbeddedCluster = request.getfixturevalue(request.param)
    ports = [node.port for node in getattr(place, "nodes", [place])]
    for port in ports:
        with valkey.Valkey(port=port) as node:
            node.execute_command("ACL", "SETUSER", "ann", "on", f">{PASSWORD}", "~*", "&*", "+@all")
            limits = ("~a:*", "+get", "+@connection", "+cluster", "+command")
            node.execute_command("ACL", "SETUSER", "bob", "on", f">{PASSWORD}", *limits)
    yield place.url
    for port in ports:
        with valkey.Valkey(port=port) as node:
            node.execute_command("ACL", "DELUSER", "ann", "bob")


def _with_user(url: str, user: str, password: str) -> str:
    scheme, _, hosts = url.partition("://")
    return f"{scheme}://{user}:{quote(password, safe='')}@{hosts}"


@every_kind
@pytest.mark.parametrize("how", ["url", "settings"])
async def test_a_user_logs_in(kind: Kind, how: str, guarded: str) -> None:
    """User and password work in the URL and as settings, with any character in the password."""
    if how == "url":
        client = kind.client(_with_user(guarded, "ann", PASSWORD))
    else:
        client = kind.client(guarded, username="ann", password=PASSWORD)
    async with client:
        assert await client.raw.execute_command("ACL WHOAMI") in {"ann", b"ann"}
        await client.set("k", 1)
        assert await client.get("k") == 1
        async with client.pubsub("news") as messages:
            await client.publish("news", 1)
            assert (await messages.get(timeout=10)).value == 1
        assert await client.pipeline().get("k").execute() == [1]


async def _get(kind: Kind, url: str) -> Any:
    # A sync cluster client connects at once, the others with the first command.
    async with kind.client(url, **FAST) as client:
        assert await client.is_healthy() is False
        return await client.get("k")


@every_kind
async def test_a_wrong_password_is_said_without_it(kind: Kind, guarded: str) -> None:
    """AuthenticationError in one line; the password is not in it, and health is False."""
    with pytest.raises(AuthenticationError) as caught:
        await _get(kind, _with_user(guarded, "ann", "hunter2"))
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@every_kind
async def test_what_a_user_may_not_do_is_said(kind: Kind, guarded: str) -> None:
    """NOPERM is an AuthenticationError, and the connection stays usable."""
    async with kind.client(_with_user(guarded, "bob", PASSWORD), **FAST) as client:
        assert await client.get("a:1") is None
        for call in (client.get("b:1"), client.set("a:1", 1), client.incr("a:1", ex=10)):
            with pytest.raises(AuthenticationError, match=r"NOPERM|permission"):
                await call
        assert await client.get("a:1") is None


@every_kind
async def test_a_server_that_wants_a_password_says_so(kind: Kind) -> None:
    """Without one the answer is AuthenticationError; with it everything works."""
    with EmbeddedServer(settings={"requirepass": "hunter2"}) as server:
        async with kind.client(server.url, **FAST) as client:
            with pytest.raises(AuthenticationError):
                await client.get("k")
        async with kind.client(server.url, password="hunter2") as client:
            assert await client.get("k") is None


class Encrypted:
    """A server behind TLS, the authority that vouches for it, and one that does not."""

    def __init__(self, folder: Path, target: int) -> None:
        self.authority = Authority(folder, "ours")
        self.stranger = Authority(folder, "theirs")
        self.right = self.authority.sign(HOST)
        self.wrong = self.authority.sign("127.0.0.2")
        self.target = target


@pytest.fixture(scope="session")
def encrypted(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer) -> Encrypted:
    """Return the certificates, made once."""
    return Encrypted(tmp_path_factory.mktemp("tls"), server.port)


def _secure(kind: Kind, proxy: Proxy, **settings: Any) -> Any:
    return kind.client(f"valkeys://{HOST}:{proxy.port}", **FAST, **settings)


@every_kind
async def test_tls_with_a_known_authority(kind: Kind, encrypted: Encrypted) -> None:
    """valkeys:// and rediss:// speak TLS, and trust what the CA file vouches for."""
    with Proxy(encrypted.target, context=server_context(encrypted.right)) as proxy:
        async with _secure(kind, proxy, tls_ca_file=encrypted.authority.file) as client:
            assert str(client).startswith(("ValkeyClient(", "AsyncValkeyClient("))
            await client.set("k", 1)
            assert await client.get("k") == 1
            async with client.pubsub("news") as messages:
                await client.publish("news", 1)
                assert (await messages.get(timeout=10)).value == 1


@every_kind
async def test_tls_refuses_an_unknown_authority(kind: Kind, encrypted: Encrypted) -> None:
    """Whether another CA is named or none, a certificate that nobody vouches for is refused."""
    with Proxy(encrypted.target, context=server_context(encrypted.right)) as proxy:
        for file in (encrypted.stranger.file, None):
            async with _secure(kind, proxy, tls_ca_file=file) as client:
                with pytest.raises(ServerUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get("k")
                assert await client.is_healthy() is False
        assert proxy.seen == {}


@every_kind
async def test_tls_refuses_a_certificate_of_another_host(kind: Kind, encrypted: Encrypted) -> None:
    """A trusted certificate must name the host that was asked for."""
    with Proxy(encrypted.target, context=server_context(encrypted.wrong)) as proxy:
        async with _secure(kind, proxy, tls_ca_file=encrypted.authority.file) as client:
            with pytest.raises(ServerUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get("k")
        assert proxy.seen == {}


@every_kind
async def test_tls_verify_false_trusts_anyone(kind: Kind, encrypted: Encrypted) -> None:
    """Asked not to verify, the client accepts any certificate."""
    with Proxy(encrypted.target, context=server_context(encrypted.wrong)) as proxy:
        async with _secure(kind, proxy, tls_verify=False) as client:
            await client.set("k", 1)
            assert await client.get("k") == 1


@every_kind
async def test_tls_with_a_certificate_of_the_clients_own(kind: Kind, encrypted: Encrypted) -> None:
    """A server that asks for the client's certificate gets it, and refuses who has none."""
    context = server_context(encrypted.right, clients=encrypted.authority)
    files = {"tls_cert_file": encrypted.wrong.certificate, "tls_key_file": encrypted.wrong.key}
    with Proxy(encrypted.target, context=context) as proxy:
        async with _secure(kind, proxy, tls_ca_file=encrypted.authority.file, **files) as client:
            assert await client.is_healthy() is True
        async with _secure(kind, proxy, tls_ca_file=encrypted.authority.file) as client:
            with pytest.raises(ServerUnavailableError):
                await client.get("k")


@every_kind
async def test_plain_text_to_a_tls_port_fails(kind: Kind, encrypted: Encrypted) -> None:
    """valkey:// never falls into TLS by itself, nor valkeys:// out of it."""
    with Proxy(encrypted.target, context=server_context(encrypted.right)) as proxy:
        async with kind.client(f"valkey://{HOST}:{proxy.port}", **FAST, timeout=0.2) as client:
            with pytest.raises(ServerUnavailableError):
                await client.get("k")
    async with kind.client(f"valkeys://{HOST}:{encrypted.target}", **FAST, timeout=0.2) as client:
        with pytest.raises(ServerUnavailableError):
            await client.get("k")


@every_kind
async def test_a_ca_file_that_holds_no_certificate_is_an_error_of_ours(
    kind: Kind, encrypted: Encrypted, tmp_path: Path
) -> None:
    """The file is there and is no certificate: nothing is trusted, and nothing is sent."""
    file = tmp_path / "empty.pem"
    file.write_text("nothing")
    with Proxy(encrypted.target, context=server_context(encrypted.right)) as proxy:
        async with _secure(kind, proxy, tls_ca_file=file) as client:
            with pytest.raises(ValkeyRedisError) as caught:
                await client.get("k")
            assert len(str(caught.value).splitlines()) == 1
        assert proxy.seen == {}
