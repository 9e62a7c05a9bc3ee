"""Errors on an application's API page: FastAPI knows only its own answers, not the problems. Pure."""

from http import HTTPStatus
from typing import Any

from valkey_redis.web_errors import MEDIA_TYPE, QUOTA_EXCEEDED, REDUCED_CAPACITY

USUAL = (422, 429, 503, 504)  # of a route that takes something, is limited, and asks a server
_WAIT = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer"},
    }
}
_MORE: dict[int, dict[str, Any]] = {
    422: {"errors": [{"loc": ["body", "name"], "msg": "Field required"}]},
    429: {"type": QUOTA_EXCEEDED, "violated-policies": ["address"]},
    503: {"type": REDUCED_CAPACITY},
}
_TEXTS = ("type", "title", "detail", "instance")


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what is to be said of these errors, for `responses=` of a router or a route.

    Without any: of those that are USUAL, `APIRouter(responses=problem_responses())`.
    """
    return {status: _response(status) for status in statuses or USUAL}


def _response(status: int) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": f"{title}, in more words.",
        "instance": "urn:uuid:f81d4fae-7dec-4bd0-a765-00a0c91e6bf6",
        **_MORE.get(status, {}),
    }
    schema = {
        "type": "object",
        "required": [*_TEXTS, "status"],
        "properties": {
            **{name: {"type": "string"} for name in _TEXTS},
            "status": {"type": "integer"},
            **{name: {"type": "array"} for name in example if isinstance(example[name], list)},
        },
    }
    return {
        "description": title,
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
        **({"headers": _WAIT} if status in {429, 503} else {}),
    }
