"""A real cluster on a laptop: three primaries and three replicas, formed in about two seconds."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import valkey

from valkey_redis.config import ValkeyConfig
from valkey_redis.embedded import HOST, EmbeddedServer, free_port
from valkey_redis.errors import EmbeddedServerError

PRIMARIES = 3
SLOTS = 16384
FORM_TIMEOUT = 30.0  # seconds until a new cluster, or a healed one, must serve every slot
POLL = 0.02


class EmbeddedCluster:
    """Three primaries with a replica each: `with EmbeddedCluster() as cluster: ...`.

    Each node is an EmbeddedServer, so `cluster.primary_of("key").kill()` is a real crash;
    the replica takes over within about two seconds. `settings` are lines of valkey.conf
    for every node.
    """

    def __init__(self, *, settings: Mapping[str, str | int] | None = None) -> None:
        common: dict[str, str | int] = {
            "cluster-enabled": "yes",
            # Milliseconds of silence until a node counts as failed: short, to heal fast.
            "cluster-node-timeout": 1000,
            # A replica that waits to share its sync with others could not be promoted meanwhile.
            "repl-diskless-sync-delay": 0,
            **(settings or {}),
        }
        self.nodes = [
            EmbeddedServer(settings={**common, "cluster-port": free_port()})
            for _ in range(2 * PRIMARIES)
        ]
        self._open = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()  # __exit__ is not called after a failure here
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The cluster's URL, naming every node."""
        return "valkey+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    @property
    def config(self) -> ValkeyConfig:
        """Settings for a client of this cluster, whatever the environment says of another."""
        return ValkeyConfig(url=self.url, username=None, password=None, db=0, tls=False)

    def start(self) -> None:
        """Start six servers and join them; raise EmbeddedServerError if they do not become one."""
        for node in self.nodes:
            self._open.callback(node.close)
            node.launch()
        for node in self.nodes:
            node.wait_until_ready()
        self._form()
        self.wait_until_healthy()

    def close(self) -> None:
        """Stop every node and remove its folder."""
        self._open.close()

    def primary_of(self, key: str | bytes) -> EmbeddedServer:
        """Return the node that serves the key's slot now."""
        for node in self.nodes:
            if not node.is_running:
                continue
            slot = int(_ask(node, "CLUSTER", "KEYSLOT", key))
            for start, end, owner, *_ in _ask(node, "CLUSTER", "SLOTS"):
                if start <= slot <= end:
                    return next(n for n in self.nodes if n.port == owner[1])
        raise EmbeddedServerError("no node of the cluster is running")

    def wait_until_healthy(self) -> None:
        """Wait until every running node sees every slot served and every replica is in step."""
        self._wait(lambda: all(map(_is_settled, self._running())), "not every slot is served")

    def _running(self) -> list[EmbeddedServer]:
        return [node for node in self.nodes if node.is_running]

    def _form(self) -> None:
        first = self.nodes[0]
        primaries, replicas = self.nodes[:PRIMARIES], self.nodes[PRIMARIES:]
        edges = [SLOTS * i // PRIMARIES for i in range(PRIMARIES + 1)]
        for i, node in enumerate(self.nodes):
            # Distinct epochs from the start spare the nodes a round of settling them.
            _ask(node, "CLUSTER", "SET-CONFIG-EPOCH", i + 1)
            if node in primaries:
                _ask(node, "CLUSTER", "ADDSLOTSRANGE", edges[i], edges[i + 1] - 1)
            if node is not first:
                bus = _ask(node, "CONFIG", "GET", "cluster-port")[1]
                _ask(first, "CLUSTER", "MEET", HOST, node.port, bus)
        size = len(self.nodes)
        self._wait(
            lambda: all(
                _info(node, "CLUSTER", "INFO")["cluster_known_nodes"] == str(size)
                for node in self.nodes
            ),
            "the nodes did not meet",
        )
        for primary, replica in zip(primaries, replicas, strict=True):
            _ask(replica, "CLUSTER", "REPLICATE", _ask(primary, "CLUSTER", "MYID"))

    @staticmethod
    def _wait(condition: Callable[[], bool], problem: str) -> None:
        deadline = time.monotonic() + FORM_TIMEOUT
        while not condition():
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"the cluster did not form: {problem}")
            time.sleep(POLL)


def _ask(node: EmbeddedServer, *words: Any) -> Any:
    """Send one command to one node and return the raw reply."""
    client: Any = valkey.Valkey(host=HOST, port=node.port, socket_timeout=5, decode_responses=True)
    client.response_callbacks.clear()
    with client:
        return client.execute_command(*words)


def _info(node: EmbeddedServer, *words: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in _ask(node, *words).splitlines() if ":" in line)
    return {name: value.strip() for name, value in pairs}


def _is_settled(node: EmbeddedServer) -> bool:
    cluster, replication = _info(node, "CLUSTER", "INFO"), _info(node, "INFO", "replication")
    served = cluster["cluster_state"] == "ok" and cluster["cluster_slots_ok"] == str(SLOTS)
    in_step = replication["role"] == "master" or replication["master_link_status"] == "up"
    return served and in_step
