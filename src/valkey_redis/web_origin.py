"""Whether another site's page sent a request: a browser's cookies go with it all the same. Pure.

A browser says where a request comes from, in headers that no page can forge. The cookie's
SameSite=Lax stops most of what this refuses, but neither pages of a sister host
(`blog.example.com`), which are the same site, nor old browsers.
(https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html,
"Fetch Metadata headers", "Verifying origin with standard headers")
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def is_foreign(scope: Mapping[str, Any], allowed: Collection[str] = ()) -> bool:
    """Return whether to refuse: it may change something, and another origin's page sent it.

    `allowed` are origins ("https://app.example.com") whose pages may. The scheme is not compared:
    behind a proxy that speaks TLS this server does not know its own. Who sends neither
    Sec-Fetch-Site nor Origin is no browser, and has nobody's cookies but its own.
    """
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return False
    headers: dict[bytes, bytes] = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin in allowed:
        return False
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in {b"same-origin", b"none"}
    if not origin:
        return False
    return _authority(origin) != headers.get(b"host", b"").decode("latin-1").lower()


def _authority(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
