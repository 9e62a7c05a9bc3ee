"""The routes: accounts, logins, devices, preferences."""

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response

from valkey_redis.deadline import within
from valkey_redis.examples.service.models import (
    Account,
    Credentials,
    Device,
    Id,
    Preferences,
    Profile,
    Rename,
    SignUp,
)
from valkey_redis.examples.service.passwords import hash_password, is_password
from valkey_redis.examples.service.users import Users
from valkey_redis.fastapi import (
    ByAddress,
    LoggedIn,
    WebSessionDep,
    admit,
    handle_valkey_exceptions,
    problem_responses,
)
from valkey_redis.ratelimit import AsyncRateLimiter

T = TypeVar("T")
HASHES_AT_ONCE = 2  # each takes a core, and 16 MiB
LONGEST_DEVICE = 120  # characters of a User-Agent


@dataclass
class Service:
    """What the routes work with."""

    users: Users
    sign_ups: AsyncRateLimiter
    logins: AsyncRateLimiter
    address: ByAddress
    password_cost: int

    def __post_init__(self) -> None:
        self._threads = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="hash")
        # For whom nobody knows: to be told so must take as long as a wrong password.
        self._nobodys = hash_password("nobody's", self.password_cost)

    async def hashed(self, password: str) -> str:
        """Return a password's hash."""
        return await self._in_turn(hash_password, password, self.password_cost)

    async def is_right(self, password: str, stored: str | None) -> bool:
        """Return whether the password is right; of nobody's, none is."""
        known = stored or self._nobodys
        return await self._in_turn(is_password, password, known) and stored is not None

    async def _in_turn(self, work: Callable[..., T], *args: object) -> T:
        # A thread that works cannot be stopped, and stays one of the few; who waits can leave.
        loop = asyncio.get_running_loop()
        return await within(loop.run_in_executor(self._threads, work, *args))


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]
router = APIRouter(responses=problem_responses())
KNOWN = problem_responses(401)  # of a route for users who are logged in


@router.post("/users", status_code=201, tags=["users"], responses=problem_responses(409))
async def sign_up(
    new: SignUp, request: Request, response: Response, service: ServiceDep
) -> Account:
    """Make an account. Limited before anything is done: a password's hash is dear on purpose.

    That an address is taken is told: only a mail to it could say so to its owner alone.
    """
    admit(await service.sign_ups.hit(service.address(request)), response)
    password = await service.hashed(new.password.get_secret_value())
    try:
        return await service.users.add(new, password)
    except sqlite3.IntegrityError:
        raise HTTPException(409, "There is an account of this address.") from None


@router.get("/users/{user_id}", tags=["users"], responses=problem_responses(404))
@handle_valkey_exceptions("read a profile", endpoint="/users/{user_id}")
async def read_profile(user_id: Annotated[Id, Path()], service: ServiceDep) -> Profile:
    """Show what everybody may see of a user: from the cache, if it can be."""
    profile = await service.users.profile(user_id)
    if profile is None:
        raise HTTPException(404, "There is no such user.")
    return profile


@router.post("/login", tags=["sessions"], responses=KNOWN)
async def login(
    given: Credentials,
    request: Request,
    response: Response,
    session: WebSessionDep,
    service: ServiceDep,
) -> Account:
    """Log in: whoever had an id before has another one now.

    Limited three times over. By account and address: guessing. By address: guessing at many
    accounts. By account: guessing from many addresses; generous, as it can lock its owner out.
    """
    address = service.address(request)
    account = hashlib.sha256(given.email.encode()).hexdigest()  # no e-mail address is in a key
    who = {"guesses": f"{account} {address}", "guesser": address, "account": account}
    admit(await service.logins.hit(who), response)
    found = await service.users.password(given.email)
    password = given.password.get_secret_value()
    if not await service.is_right(password, found and found[1]) or found is None:
        raise HTTPException(
            401, "No account has this address and password.", {"WWW-Authenticate": "Cookie"}
        )
    device = request.headers.get("user-agent", "unknown")[:LONGEST_DEVICE]
    await session.login(found[0], {"device": device})
    return await _account(found[0], service)


@router.post("/logout", status_code=204, tags=["sessions"])
async def logout(session: WebSessionDep) -> None:
    """End this session; the cookie is dead from now on, wherever there is a copy of it."""
    await session.logout()


@router.post("/logout/everywhere", tags=["sessions"], responses=KNOWN)
async def logout_everywhere(session: WebSessionDep) -> dict[str, int]:
    """End all sessions of the user, on all devices."""
    return {"ended": await session.logout_everywhere()}


@router.get("/devices", tags=["sessions"], responses=KNOWN)
async def devices(current: LoggedIn, session: WebSessionDep) -> list[Device]:
    """Show where the user is logged in."""
    return [
        Device(
            handle=one.handle,
            device=str(one.data.get("device", "unknown")),
            since=one.created_at,
            is_this=one.handle == current.handle,
        )
        for one in await session.devices()
    ]


@router.delete(
    "/devices/{handle}",
    status_code=204,
    tags=["sessions"],
    responses={**KNOWN, **problem_responses(404)},
)
async def revoke(
    handle: Annotated[str, Path(max_length=64)], _: LoggedIn, session: WebSessionDep
) -> None:
    """Log one device out."""
    if not await session.revoke(handle):
        raise HTTPException(404, "There is no such device.")


@router.get("/me", tags=["users"], responses=KNOWN)
async def read_me(current: LoggedIn, service: ServiceDep) -> Account:
    """Show users themselves."""
    return await _account(current.user, service)


@router.patch("/me", tags=["users"], responses=KNOWN)
async def rename_me(change: Rename, current: LoggedIn, service: ServiceDep) -> Account:
    """Take another name: everybody sees it at once."""
    account = await _account(current.user, service)
    await service.users.rename(account.id, change.name)
    return account.model_copy(update={"name": change.name})


@router.delete("/me", status_code=204, tags=["users"], responses=KNOWN)
async def delete_me(current: LoggedIn, session: WebSessionDep, service: ServiceDep) -> None:
    """Delete the account. Sessions end first: if that fails, nothing has happened yet."""
    account = await _account(current.user, service)
    await session.logout_everywhere()
    await service.users.delete(account.id)


@router.get("/me/preferences", tags=["preferences"], responses=KNOWN)
async def read_preferences(current: LoggedIn, service: ServiceDep) -> Preferences:
    """Show what the user prefers, or what most do."""
    return await service.users.preferences.get(str(current.user)) or Preferences()


@router.put("/me/preferences", tags=["preferences"], responses=KNOWN)
async def set_preferences(
    given: Preferences, current: LoggedIn, service: ServiceDep
) -> Preferences:
    """Remember what the user prefers."""
    await service.users.preferences.set(str(current.user), given)
    return given


async def _account(user: str | int | None, service: Service) -> Account:
    account = None if user is None else await service.users.account(int(user))
    if account is None:  # deleted on another device, a moment ago
        raise HTTPException(401, "There is no such account any more.")
    return account
