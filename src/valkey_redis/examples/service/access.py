"""One line in the log, and one count, for each request; neither holds a path, an address, a cookie.

uvicorn's own access log has the path, and so everybody's ids and whatever stands in a query: it is
off. A route's template tells as much about the service, and nothing about who used it.
"""

import logging
import time

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from valkey_redis.web_errors import endpoint_of

_log = logging.getLogger("service.access")
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class Access:
    """Pure ASGI, so that an answer passes as it comes, and what is streamed is timed to its end."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Histogram(
            "service_request_seconds",
            "How long requests took.",
            ("endpoint", "method", "status"),
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            seconds, endpoint = time.perf_counter() - began, endpoint_of(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._requests.labels(endpoint, method, status).observe(seconds)
            _log.info("%s %s %d %.1f ms", method, endpoint, status, seconds * 1000)
