"""Rate limits that all processes share: `RateLimiter` and `AsyncRateLimiter`.

The limits are in `limits.py`, the scripts in `lua/limit_*.lua`, the answers in `decision.py`.
"""

from functools import cached_property
from itertools import chain

from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.decision import Decision
from valkey_redis.errors import (
    AuthenticationError,
    CommandError,
    DeadlineExceededError,
    ServerUnavailableError,
)
from valkey_redis.limit_batching import Batches
from valkey_redis.limit_plan import LimiterBase, Request, Subject

DOWN = (ServerUnavailableError, AuthenticationError, CommandError)


class RateLimiter(LimiterBase[ValkeyClient]):
    """Limits that all processes share, decided by the server in one round trip, by its clock.

    With several policies a call counts for all of them, or for none if one refuses. Keys are
    `{namespace}:limit:{{subject}}:{policy}`, each subject in a slot of its own; with `slot` all
    are in that text's slot, which it takes to limit several subjects at once. Refused calls
    are not counted. `on_outage` says what is decided while the server does not answer: "open"
    admits, "closed" refuses, "local" limits in this process alone; such decisions are
    `is_degraded`. A server that hangs costs one of the client's timeouts: its breaker opens.
    Safe to share between threads. Raises InvalidArgumentError for what it does not take.
    """

    def hit(self, key: Subject, cost: int = 1) -> Decision:
        """Decide about a call of `key`, and count it if it is admitted.

        It is sent once: if the reply is lost, it may have been counted, and `on_outage` decides.
        `key` may be {policy's name: subject}, for the policies that are to be asked.
        """
        return self._decide(self._request(key, cost, counts=True))

    def peek(self, key: Subject, cost: int = 1) -> Decision:
        """Return what `hit` would decide now, and count nothing."""
        return self._decide(self._request(key, cost, counts=False))

    def reset(self, key: Subject) -> bool:
        """Forget what `key` has used; return whether there was anything.

        Raises ServerUnavailableError if the server does not answer.
        """
        return self.client.send(self._deletion(key)) > 0

    def _decide(self, request: Request) -> Decision:
        try:
            decided: list[Decision] = self.client.attempt([self._command([request])])[0]
        except DOWN as error:
            self._failed(error)
            decided = [self._without_server(request)]
        self._tell(decided)
        return decided[0]


class AsyncRateLimiter(LimiterBase[AsyncValkeyClient]):
    """The asyncio face of `RateLimiter`; calls of many tasks at once share round trips."""

    @cached_property
    def _batches(self) -> Batches[Request, Decision]:
        return Batches(self._decide)

    async def hit(self, key: Subject, cost: int = 1) -> Decision:
        """Decide about a call of `key`, and count it if it is admitted.

        It is sent once: if the reply is lost, it may have been counted, and `on_outage` decides.
        `key` may be {policy's name: subject}, for the policies that are to be asked.
        """
        return await self._ask(self._request(key, cost, counts=True))

    async def peek(self, key: Subject, cost: int = 1) -> Decision:
        """Return what `hit` would decide now, and count nothing."""
        return await self._ask(self._request(key, cost, counts=False))

    async def reset(self, key: Subject) -> bool:
        """Forget what `key` has used; return whether there was anything.

        Raises ServerUnavailableError if the server does not answer.
        """
        return await self.client.send(self._deletion(key)) > 0

    async def _ask(self, request: Request) -> Decision:
        try:
            return await self._batches.ask(request)
        except DeadlineExceededError:  # while others were asked for
            decision = self._without_server(request)
            self._tell([decision])
            return decision

    async def _decide(self, requests: list[Request]) -> list[Decision]:
        groups = self._groups(requests)
        queued = [self._command([requests[i] for i in group]) for group in groups]
        try:
            replies = await self.client.attempt(queued)
        except DOWN as error:
            self._failed(error)
            decisions = [self._without_server(request) for request in requests]
        else:
            decided = dict(zip(chain(*groups), chain(*replies), strict=True))
            decisions = [decided[i] for i in range(len(requests))]
        self._tell(decisions)
        return decisions
