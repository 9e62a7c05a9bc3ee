"""Errors as HTTP answers: which status, which headers, and a body that gives nothing away.

Bodies are problem details (RFC 9457). What is told is fixed text: an error of this package names
the server, and may quote what it was given, so that its own text is for the log's reader at most.
"""

import inspect
import logging
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from types import TracebackType
from typing import Any, TypeVar

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException

from valkey_redis.decision import Decision
from valkey_redis.errors import (
    CircuitOpenError,
    OutOfMemoryError,
    ServerTimeoutError,
    ServerUnavailableError,
    ValkeyRedisError,
)

F = TypeVar("F", bound=Callable[..., Any])
MEDIA_TYPE = "application/problem+json"
REGISTRY = "https://iana.org/assignments/http-problem-types#"
QUOTA_EXCEEDED, REDUCED_CAPACITY = (
    f"{REGISTRY}quota-exceeded",
    f"{REGISTRY}temporary-reduced-capacity",
)
RETRY_AFTER = 1  # seconds; a server that went away is looked for twice in that time
MOST_ERRORS = 20  # of one request's, that are told
_log = logging.getLogger("valkey_redis.web")


@dataclass(frozen=True, slots=True)
class Problem:
    """What a client is told of an error; `more` are the members that its type adds."""

    status: int
    detail: str
    type: str = "about:blank"
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def response(self, instance: str = "") -> Response:
        """Return the answer; `instance` names this one occurrence, in the log too."""
        known = {status.value: status.phrase for status in HTTPStatus}
        body = {
            "type": self.type,
            "title": known.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "instance": instance or new_instance(),
            **self.more,
        }
        return JSONResponse(body, self.status, dict(self.headers), MEDIA_TYPE)


class ProblemError(HTTPException):
    """A problem, raised in a route or a dependency; FastAPI answers it, also by itself."""

    def __init__(self, problem: Problem, instance: str = "") -> None:
        super().__init__(problem.status, problem.detail, dict(problem.headers))
        self.problem, self.instance = problem, instance


def new_instance() -> str:
    """Return a name for one occurrence of a problem. A path would tell ids, in bodies and in logs."""
    return uuid.uuid4().urn


def problem_of(error: ValkeyRedisError) -> Problem:
    """Return what a client is told of an error.

    504 if the server did not answer in time; 503 if it is away, or full, with Retry-After; else
    500: a mistake of the program, or of its settings, which no client can mend by waiting.
    """
    if isinstance(error, ServerTimeoutError):
        return Problem(504, "A part of the service did not answer in time.")
    if isinstance(error, (ServerUnavailableError, OutOfMemoryError)):
        wait = RETRY_AFTER
        if isinstance(error, CircuitOpenError):
            wait = max(RETRY_AFTER, math.ceil(error.retry_after))
        return Problem(
            503,
            "A part of the service is not available; try again later.",
            REDUCED_CAPACITY,
            {"Retry-After": str(wait)},
        )
    return Problem(500, "The service failed.")


def problem_of_refusal(decision: Decision) -> Problem:
    """Return what a client is told of a limit that refused it."""
    violated = [quota.policy.name for quota in decision.quotas if quota.retry_after > 0]
    return Problem(
        429,
        "Too many requests; try again later.",
        QUOTA_EXCEEDED,
        decision.headers(),
        {"violated-policies": violated},
    )


def report(
    error: ValkeyRedisError, op: str, endpoint: str, logger: logging.Logger | None
) -> ProblemError:
    """Log an error, by its kind alone, and return what is to be raised for it."""
    problem, instance, kind = problem_of(error), new_instance(), type(error).__name__
    (logger or _log).log(
        logging.ERROR if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR else logging.WARNING,
        "%s at %s: %s, answered %d (%s)",
        *(op, endpoint or "?", kind, problem.status, instance),
        extra={
            "op": op,
            "endpoint": endpoint,
            "error": kind,
            "status": problem.status,
            "instance": instance,
        },
    )
    return ProblemError(problem, instance)


class handle_valkey_exceptions:  # noqa: N801 - it is used as a function: a decorator, a context
    """Answer errors of this package with structured HTTP errors: decorator of a route, or `with`.

    `op` says in the log what was being done, `endpoint` where (a decorated function's name, if
    not given). Logged is the error's kind, never its text. Raises ProblemError; with
    `add_exception_handlers` its body is a problem, else FastAPI's own {"detail": ...}.
    """

    def __init__(
        self, op: str, *, logger: logging.Logger | None = None, endpoint: str | None = None
    ) -> None:
        self._op, self._logger, self._endpoint = op, logger, endpoint

    def __call__(self, function: F) -> F:
        """Return the function, of which errors are answered."""
        named = handle_valkey_exceptions(
            self._op, logger=self._logger, endpoint=self._endpoint or function.__qualname__
        )
        if inspect.iscoroutinefunction(function):

            async def acall(*args: Any, **kwargs: Any) -> Any:
                with named:
                    return await function(*args, **kwargs)

            return wraps(function)(acall)  # type: ignore[return-value]  # same signature

        def call(*args: Any, **kwargs: Any) -> Any:
            with named:
                return function(*args, **kwargs)

        return wraps(function)(call)  # type: ignore[return-value]  # same signature

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, ValkeyRedisError):
            raise report(error, self._op, self._endpoint or "", self._logger) from error


def add_exception_handlers(app: FastAPI, *, logger: logging.Logger | None = None) -> None:
    """Answer every error as a problem: this package's, any HTTPException, invalid requests, bugs.

    FastAPI's own answer to an invalid request quotes what was sent, passwords too; this one says
    only where it is wrong, and why.
    """

    async def on_ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ValkeyRedisError)  # noqa: S101 - registered for it
        raised = report(error, request.method, endpoint_of(request.scope), logger)
        return raised.problem.response(raised.instance)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, AnyHTTPException)  # noqa: S101 - registered for it
        if isinstance(error, ProblemError):
            return error.problem.response(error.instance)
        bodiless = error.status_code in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        if bodiless or not isinstance(error.detail, str):
            return await http_exception_handler(request, error)
        return Problem(error.status_code, error.detail, headers=error.headers or {}).response()

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        found = [
            {"loc": [str(part)[:60] for part in item["loc"]], "msg": item["msg"][:200]}
            for item in error.errors()[:MOST_ERRORS]
        ]
        return Problem(422, "The request is not valid.", more={"errors": found}).response()

    async def on_bug(_: Request, __: Exception) -> Response:
        return Problem(500, "The service failed.").response()  # the server logs it, and how it came

    app.add_exception_handler(Exception, on_bug)
    app.add_exception_handler(ValkeyRedisError, on_ours)
    app.add_exception_handler(AnyHTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)


def endpoint_of(scope: Mapping[str, Any]) -> str:
    """Return the template of the route ("/users/{id}"), never the path, which holds ids."""
    return str(getattr(scope.get("route"), "path", "?"))
