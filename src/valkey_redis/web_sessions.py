"""Sessions at the web edge: `SessionMiddleware`, and `WebSession`, which a route works with."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from valkey_redis.errors import InvalidArgumentError
from valkey_redis.session import NOTHING, AsyncSessionStore
from valkey_redis.session_id import User, is_id
from valkey_redis.session_plan import Session
from valkey_redis.web_errors import Problem, ProblemError
from valkey_redis.web_origin import is_foreign

_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
STARTS = frozenset({"http.response.start", "websocket.accept"})


class WebSession:
    """The session of one request: asked for when it is needed, and once; `request.state.session`.

    Methods raise as the store's do: while the server is away nobody is known, and no cookie is
    touched. What changes the cookie must come before the answer begins (RuntimeError).
    """

    def __init__(self, store: AsyncSessionStore[Any], id_: str | None) -> None:
        self._store, self._id = store, id_
        self._session: Session[Any] | None = None
        self._is_read = id_ is None
        self.is_used = False  # whether the answer depends on whose session it is, also on nobody's
        self.has_begun = False  # the answer; its headers are gone then
        self.cookie: str | None = None  # to be set; "" to be taken away

    async def read(self) -> Session[Any] | None:
        """Return the session, None if there is none; this counts as a use."""
        self.is_used = True
        if not self._is_read:
            self._session = await self._store.read(self._id)
            self._is_read = True
        return self._session

    async def require(self) -> Session[Any]:
        """Return the session of a user who is logged in; raise ProblemError (401) if nobody is."""
        session = await self.read()
        if session is None or session.user is None:
            problem = Problem(401, "Log in first.", headers={"WWW-Authenticate": "Cookie"})
            raise ProblemError(problem)
        return session

    async def begin(self, data: Any = None) -> Session[Any]:
        """Return the session, or make one of nobody yet, say for a basket."""
        session = await self.read()
        if session is None:
            self._require_early()
            session = self._give(await self._store.create(None, data))
        return session

    async def login(self, user: User, data: Mapping[str, Any] = NOTHING) -> Session[Any]:
        """Make a session of the user, under an id that nobody has seen; set `data` in it.

        What a session of nobody held is kept: the basket. One of a user ends, as somebody else may
        sit there now.
        """
        self._require_early()
        former, session = await self.read(), None
        if former is not None and former.user is None:
            session = await self._store.rotate(self._id, user)
        elif former is not None:
            await self._store.destroy(self._id)
        if session is None:
            return self._give(await self._store.create(user, data))
        if data:
            await self._store.update(session.id, data)
            session = await self._store.read(session.id) or session
        return self._give(session)

    async def rotate(self) -> Session[Any] | None:
        """Give the session a new id, as its user gains rights; None if there is none (any more)."""
        self._require_early()
        session = await self._store.rotate(self._id)
        return None if session is None else self._give(session)

    async def update(
        self, fields: Mapping[str, Any] = NOTHING, *, remove: Collection[str] = ()
    ) -> bool:
        """Set some fields, remove others; return False if there is no session (any more)."""
        self._is_read, self._session = self._id is None, None
        return await self._store.update(self._id, fields, remove=remove)

    async def logout(self) -> bool:
        """End the session and take the cookie away; return whether there was one.

        If the server cannot be told, the session is alive: it raises, and the cookie stays.
        """
        self._require_early()
        ended = await self._store.destroy(self._id)
        self._take()
        return ended

    async def logout_everywhere(self) -> int:
        """End all sessions of the user, this one too; return how many there were."""
        self._require_early()
        session = await self.require()
        assert session.user is not None  # noqa: S101 - see `require`
        ended = await self._store.destroy_user(session.user)
        self._take()
        return ended

    async def devices(self) -> list[Session[Any]]:
        """Return the user's sessions, the newest first: where somebody is logged in."""
        user = (await self.require()).user
        assert user is not None  # noqa: S101 - see `require`
        return await self._store.list_user(user)

    async def revoke(self, handle: str) -> bool:
        """End one of the user's sessions; return whether there was such a one."""
        user = (await self.require()).user
        assert user is not None  # noqa: S101 - see `require`
        return await self._store.revoke(user, handle)

    def _give(self, session: Session[Any]) -> Session[Any]:
        self._require_early()
        self._id, self._session, self._is_read = session.id, session, True
        self.cookie = session.id
        return session

    def _take(self) -> None:
        if self._id is not None:
            self.cookie = ""
        self._id, self._session, self._is_read = None, None, True

    def _require_early(self) -> None:
        if self.has_begun:
            raise RuntimeError("the answer has begun: its cookie cannot be changed any more")


class SessionMiddleware:
    """Read the session's cookie, lazily; set it, and take it away.

    The cookie is `__Host-{cookie}`, which only this host can set, and only by TLS: Secure,
    HttpOnly, SameSite=Lax, Path=/. With `secure=False`, for development without TLS, it is
    `{cookie}`. It has no Max-Age: the store says when a session ends. One that cannot be an id
    counts as none, and so do two of the name, of which one may be another's work. A request that
    changes something and comes from another origin's page is refused with 403: see `is_foreign`,
    with `origins` for `allowed`. An answer that sets the cookie must not be stored by anybody; nor
    one for which the session was asked for, unless its route sets a Cache-Control of its own: also
    what nobody is shown is told apart by the cookie alone (Vary).
    """

    def __init__(
        self,
        app: ASGIApp,
        store: AsyncSessionStore[Any],
        *,
        cookie: str = "session",
        secure: bool = True,
        origins: Collection[str] = (),
    ) -> None:
        if not isinstance(cookie, str) or not _NAME.fullmatch(cookie):
            raise InvalidArgumentError(
                f"cookie={cookie!r:.70}: takes 1 to 60 letters, digits, '_' and '-'"
            )
        if isinstance(origins, str):
            raise InvalidArgumentError(f"origins={origins!r:.60}: takes a list of texts")
        self._app, self._store, self._origins = app, store, frozenset(origins)
        self._name = f"__Host-{cookie}" if secure else cookie
        self._attributes = "Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if is_foreign(scope, self._origins):
            if scope["type"] == "http":
                problem = Problem(403, "The request comes from another site's page.")
                await problem.response()(scope, receive, send)
            else:
                await receive()  # the handshake
                await send({"type": "websocket.close"})  # which answers it with 403
            return
        session = WebSession(self._store, self._id_in(scope))
        scope.setdefault("state", {})["session"] = session

        async def send_with_cookie(message: Message) -> None:
            if message["type"] in STARTS:
                session.has_begun = True
                message = {**message, "headers": self._headers(session, message)}
            await send(message)

        await self._app(scope, receive, send_with_cookie)

    def _id_in(self, scope: Scope) -> str | None:
        """Return the one id that the cookies hold."""
        text = b";".join(value for name, value in scope["headers"] if name == b"cookie")
        pairs = (pair.strip().partition("=") for pair in text.decode("latin-1").split(";"))
        found = [value for name, _, value in pairs if name == self._name]
        return found[0] if len(found) == 1 and is_id(found[0]) else None

    def _headers(self, session: WebSession, message: Message) -> list[tuple[bytes, bytes]]:
        headers = list(message.get("headers", ()))
        if session.cookie is not None:
            headers = [(name, value) for name, value in headers if name.lower() != b"cache-control"]
            end = "" if session.cookie else "; Max-Age=0"
            text = f"{self._name}={session.cookie}; {self._attributes}{end}"
            headers.append((b"set-cookie", text.encode()))
        elif not session.is_used:
            return headers
        if all(name.lower() != b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"no-store"))
        return [*headers, (b"vary", b"Cookie")]


def web_session(connection: HTTPConnection) -> WebSession:
    """Return the request's session, whether there is one or not; nothing is asked yet."""
    session: WebSession = connection.state.session
    return session


async def logged_in(session: Annotated[WebSession, Depends(web_session)]) -> Session[Any]:
    """Return the session of the user who is logged in; answers 401 if nobody is."""
    return await session.require()


WebSessionDep = Annotated[WebSession, Depends(web_session)]
LoggedIn = Annotated[Session[Any], Depends(logged_in)]
