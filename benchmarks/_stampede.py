"""Many callers in two processes ask for one cold key at the same moment."""

import asyncio
import logging
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Self

import redis

from benchmarks._caches import CONTENDERS, HOST

CALLERS = 50  # in each process
LOAD = 0.05  # seconds
HEAD_START = 0.1  # seconds in which every caller gets ready
TIMEOUT = 30.0  # seconds after which a process counts as lost
# What a new connection says of itself, and what the benchmark itself says.
SETTING_UP = {"HELLO", "CLIENT", "SELECT", "AUTH", "INFO", "ECHO", "MONITOR", "SCRIPT"}


class Job(NamedTuple):
    """One stampede on one contender."""

    contender: str
    is_async: bool
    number: int  # the cold key
    go_at: float  # time.monotonic(), which is one clock for all processes


class Stampede(NamedTuple):
    """What it came to; `wall` in seconds."""

    loads: float
    wall: float
    commands: float

    def __str__(self) -> str:
        return f"{self.loads:g}; {self.wall / LOAD:.2f} x; {self.commands:g}"


class Callers:
    """The processes of callers, as a context manager; each lives as long as it is asked things."""

    def __init__(self, port: int, processes: int) -> None:
        self._port = port
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(processes):
            near, far = context.Pipe()
            process = context.Process(target=answer_jobs, args=(far, port), daemon=True)
            process.start()
            far.close()  # ours only: the process sees the end when we are gone
            self._pipes.append(near)
            self._processes.append(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(5)
            if process.is_alive():
                process.kill()

    def __str__(self) -> str:
        return f"{len(self._pipes)} x {CALLERS}"

    def wait(self) -> None:
        """Wait until all of them have started, which disturbs whatever is timed meanwhile."""
        for pipe in self._pipes:
            _answer(pipe)

    def stampede(self, contender: str, *, is_async: bool, numbers: range) -> Stampede:
        """Return the medians over several cold keys; of many, the first only warms up."""
        seen = [self._once(contender, is_async, number) for number in numbers]
        seen = seen[1:] or seen
        return Stampede(*(statistics.median(column) for column in zip(*seen, strict=True)))

    def _once(self, contender: str, is_async: bool, number: int) -> Stampede:
        with redis.Redis(host=HOST, port=self._port) as client, client.monitor() as monitor:
            job = Job(contender, is_async, number, time.monotonic() + HEAD_START)
            for pipe in self._pipes:
                pipe.send(job)
            answers = [_answer(pipe) for pipe in self._pipes]
            client.echo("the end")
            commands = _count(monitor)
        loads = sum(answer[0] for answer in answers)
        wall = max(answer[1] for answer in answers) - job.go_at
        return Stampede(loads, wall, commands)


def _answer(pipe: Connection) -> Any:
    if not pipe.poll(TIMEOUT):
        raise TimeoutError("a process of callers does not answer")
    return pipe.recv()


def _count(monitor: Any) -> int:
    """Count what clients sent until the end; what scripts do in the server is not sent."""
    commands = 0
    while True:
        seen = monitor.next_command()
        name = seen["command"].split()[0].upper()
        if seen["command"] == "ECHO the end":
            return commands
        commands += seen["client_type"] != "lua" and name not in SETTING_UP


# In the processes of callers ---------------------------------------------------------------


def answer_jobs(pipe: Connection, port: int) -> None:
    """Do one job after the other until nobody asks any more."""
    logging.disable(logging.CRITICAL)
    threaded: dict[str, Callable[[Job], tuple[int, float]]] = {}
    tasked: dict[str, Callable[[Job], tuple[int, float]]] = {}
    with asyncio.Runner() as runner, suppress(EOFError, ConnectionError, KeyboardInterrupt):
        pipe.send("ready")
        while True:
            job: Job = pipe.recv()
            if job.is_async:
                if job.contender not in tasked:
                    tasked[job.contender] = _tasks(runner, job.contender, port)
                pipe.send(tasked[job.contender](job))
            else:
                if job.contender not in threaded:
                    threaded[job.contender] = _threads(job.contender, port)
                pipe.send(threaded[job.contender](job))


def _threads(contender: str, port: int) -> Callable[[Job], tuple[int, float]]:
    cache = CONTENDERS[contender].make(port, TIMEOUT, is_async=False)
    loads: list[int] = []

    def load(number: int) -> dict[str, int]:
        loads.append(number)
        time.sleep(LOAD)
        return {"number": number}

    call = cache.cached(load, guarded=True).call

    def run(job: Job) -> tuple[int, float]:
        loads.clear()

        def caller() -> None:
            time.sleep(max(0.0, job.go_at - time.monotonic()))
            call(job.number)

        threads = [threading.Thread(target=caller, daemon=True) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        return len(loads), time.monotonic()

    return run


def _tasks(runner: asyncio.Runner, contender: str, port: int) -> Callable[[Job], tuple[int, float]]:
    cache = CONTENDERS[contender].make(port, TIMEOUT, is_async=True)
    loads: list[int] = []

    async def load(number: int) -> dict[str, int]:
        loads.append(number)
        await asyncio.sleep(LOAD)
        return {"number": number}

    call = cache.cached(load, guarded=True).call

    async def run(job: Job) -> tuple[int, float]:
        loads.clear()
        await asyncio.sleep(max(0.0, job.go_at - time.monotonic()))
        await asyncio.gather(*(call(job.number) for _ in range(CALLERS)))
        return len(loads), time.monotonic()

    return lambda job: runner.run(run(job))
