"""What both faces of a limiter have in common: the settings, the keys, the commands. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from valkey_redis import commands
from valkey_redis.breakers import is_outage
from valkey_redis.client import AsyncValkeyClient, ValkeyClient
from valkey_redis.commands import Command
from valkey_redis.decision import Decision, decide
from valkey_redis.errors import CircuitOpenError, InvalidArgumentError, ValkeyRedisError
from valkey_redis.keys import Keys, escape
from valkey_redis.limit_local import LocalLimits
from valkey_redis.limit_outage import OnOutage, blind, check_way
from valkey_redis.limits import Policy, check_cost, script
from valkey_redis.news import News
from valkey_redis.scripts import Script

C = TypeVar("C", ValkeyClient, AsyncValkeyClient)
Subject = str | int | Mapping[str, str | int]
"""Who is limited: a text or number; or one for each policy, by the policy's name."""
TOGETHER = 100  # decisions in one script: the server serves nobody else meanwhile


@dataclass(frozen=True, slots=True, eq=False)
class PolicySet:
    """Policies that decide together: the ends of their keys, their script, what it is told of them."""

    policies: tuple[Policy, ...]
    ends: tuple[str, ...]
    script: Script
    terms: tuple[str | int, ...]

    @classmethod
    def of(cls, policies: tuple[Policy, ...]) -> "PolicySet":
        """Return the set of these."""
        return cls(
            policies,
            tuple(f":{policy.key}" for policy in policies),
            script(
                frozenset(policy.algorithm for policy in policies),
                "many" if len(policies) > 1 else "one",
            ),
            tuple(word for policy in policies for word in policy.terms),
        )

    def read(self, reply: list[int]) -> list[Decision]:
        """Return the decisions: three numbers for each policy."""
        size = 3 * len(self.policies)
        return [decide(self.policies, reply[i : i + size]) for i in range(0, len(reply), size)]


class Request(NamedTuple):
    """One decision to be made, or with `counts=False` to be looked at; a key for each policy."""

    keys: tuple[str, ...]
    by: PolicySet
    cost: int
    counts: bool


class LimiterBase(Generic[C]):
    """Settings and decisions; see `RateLimiter`."""

    def __init__(
        self,
        client: C,
        *policies: Policy,
        namespace: str = "app",
        slot: str | None = None,
        on_outage: OnOutage = "open",
    ) -> None:
        if not policies or not all(isinstance(policy, Policy) for policy in policies):
            raise InvalidArgumentError(
                f"policies={policies!r:.60}: takes one or more, say FixedWindow(100, per=60)"
            )
        names = [policy.name for policy in policies]
        if len(set(names)) < len(names):
            raise InvalidArgumentError(
                f"policies {', '.join(names)}: takes name= to tell two of one name apart"
            )
        if slot == "":
            raise InvalidArgumentError("slot='': takes one character or more")
        check_way(on_outage)
        self.client: C = client
        self.policies = policies
        self._prefix = Keys(namespace).key("limit") + ":"
        self._slot = None if slot is None else f"{{{escape(slot)}}}:"
        self._all = PolicySet.of(policies)
        self._some: dict[tuple[str, ...], PolicySet] = {}
        self._news, self._on_outage = News("valkey_redis.ratelimit"), on_outage
        self._local = LocalLimits()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.client!r}, {', '.join(map(repr, self.policies))})"

    def _request(self, subject: Subject, cost: int, *, counts: bool) -> Request:
        by = self._all
        if isinstance(subject, Mapping):
            by = self._chosen(subject)
            starts = [self._start(subject[policy.name]) for policy in by.policies]
            keys = tuple(start + end for start, end in zip(starts, by.ends, strict=True))
        else:
            start = self._start(subject)
            keys = tuple([start + end for end in by.ends])
        if type(cost) is not int or cost != 1:  # every limit admits 1
            check_cost(by.policies, cost)
        return Request(keys, by, cost, counts)

    def _start(self, subject: str | int) -> str:
        """Return the beginning of a subject's keys: all are in one slot."""
        text = escape(str(subject))
        if not text or not isinstance(subject, (str, int)):
            raise InvalidArgumentError(f"key={subject!r:.60}: takes a text or a number")
        if self._slot is None:
            return f"{self._prefix}{{{text}}}"
        return self._prefix + self._slot + text

    def _chosen(self, subjects: Mapping[str, str | int]) -> PolicySet:
        """Return the policies that have a subject."""
        if not subjects or not set(subjects) <= {policy.name for policy in self.policies}:
            known = ", ".join(policy.name for policy in self.policies)
            raise InvalidArgumentError(f"key={subjects!r:.60}: takes one or more of {known}")
        if self._slot is None and len(set(subjects.values())) > 1:
            raise InvalidArgumentError(
                "key: several subjects take a limiter with slot=, say slot='login', "
                "so that a cluster keeps their keys together"
            )
        chosen = tuple(policy for policy in self.policies if policy.name in subjects)
        names = tuple(policy.name for policy in chosen)
        known_set = self._some.get(names)
        if known_set is None:
            known_set = self._some[names] = PolicySet.of(chosen)
        return known_set

    def _command(self, requests: Sequence[Request]) -> Command[list[Decision]]:
        """Return the command that decides requests of one set, one after the other."""
        first: Request = requests[0]
        keys: Sequence[str] = first.keys
        costs: Sequence[int] = (first.cost,)
        if len(requests) > 1:
            keys = [key for request in requests for key in request.keys]
            costs = [request.cost for request in requests]
        args = (int(first.counts), *first.by.terms, *costs)
        return commands.call(first.by.script, keys, args, first.by.read)

    def _groups(self, requests: Sequence[Request]) -> list[list[int]]:
        """Split the requests, by their numbers, into what one script may decide."""
        alike: dict[tuple[Any, ...], list[int]] = {}
        for number, request in enumerate(requests):
            slot = request.keys if self.client.is_cluster else ()
            alike.setdefault((request.by, request.counts, slot), []).append(number)
        return [
            group[i : i + TOGETHER]
            for group in alike.values()
            for i in range(0, len(group), TOGETHER)
        ]

    def _failed(self, error: ValkeyRedisError) -> None:
        if not isinstance(error, CircuitOpenError) and not is_outage(error):
            # Of an outage the breaker tells.
            self._news.warn(type(error).__name__, "limited without the server: %s", error)

    def _tell(self, decisions: Sequence[Decision]) -> None:
        if self.client.observers:
            for decision in decisions:
                self.client.observers.on_limit(decision)

    def _without_server(self, request: Request) -> Decision:
        if self._on_outage == "local":
            return self._local.decide(
                request.keys, request.by.policies, request.cost, counts=request.counts
            )
        return blind(request.by.policies[0], allowed=self._on_outage == "open")

    def _deletion(self, subject: Subject) -> Command[int]:
        keys: tuple[str, ...] = self._request(subject, 1, counts=False).keys
        self._local.forget(keys)
        return Command(("UNLINK", *keys), int, is_repeatable=True)
