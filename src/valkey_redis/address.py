"""Where a server is, read from a URL: pure, no I/O."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from valkey_redis.errors import ConfigurationError

Driver = Literal["valkey", "redis"]
Topology = Literal["standalone", "cluster", "sentinel"]

DEFAULT_PORT = 6379
MAX_PORT = 65535
DEFAULT_SENTINEL_PORT = 26379
SCHEMES = "valkey://, valkeys://, redis:// or rediss://, each also with +cluster or +sentinel"
# A password may hold any character, but in a URL these end the password or the host.
ESCAPE = (
    "percent-encode a password that holds any of / ? # @ : % "
    "(urllib.parse.quote(password, safe='')), or set VALKEY_PASSWORD instead"
)


@dataclass(frozen=True, slots=True)
class Address:
    """One server, cluster or Sentinel group, and how to log in."""

    driver: Driver = "valkey"
    topology: Topology = "standalone"
    tls: bool = False
    hosts: tuple[tuple[str, int], ...] = (("127.0.0.1", DEFAULT_PORT),)
    db: int | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    service: str = ""

    def __str__(self) -> str:
        """Return the address as a URL without user or password, for messages."""
        scheme = self.driver + ("s" if self.tls else "")
        suffix = "" if self.topology == "standalone" else f"+{self.topology}"
        hosts = ",".join(
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts
        )
        path = "/".join(str(part) for part in (self.service, self.db or "") if part)
        return f"{scheme}{suffix}://{hosts}" + (f"/{path}" if path else "")


def parse_url(url: str) -> Address:
    """Parse `scheme://[user[:password]@]host[:port][,host...][/db]`.

    Sentinel takes `/service[/db]`. Raises ConfigurationError whose message
    never repeats any part of the URL that could hold a password.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise ConfigurationError(f"does not parse as a URL; {ESCAPE}") from None
    driver, topology, tls = _parse_scheme(parts.scheme if "://" in url else "")
    if "@" in parts.path + parts.query + parts.fragment:
        # The password's own '/', '?' or '#' ended the host part early: everything
        # after it, and so every message about it, would show a piece of the password.
        raise ConfigurationError(f"has an '@' after the host; {ESCAPE}")
    if parts.query or parts.fragment:
        raise ConfigurationError(
            "has a '?' or '#' part, which is not taken; "
            "use the VALKEY_* settings, e.g. VALKEY_TIMEOUT=2"
        )
    user, _, hosts = parts.netloc.rpartition("@")
    username, _, password = user.partition(":")
    port = DEFAULT_SENTINEL_PORT if topology == "sentinel" else DEFAULT_PORT
    if topology == "standalone" and "," in hosts:
        raise ConfigurationError("names several hosts; takes one, or +cluster or +sentinel")
    service, db = _parse_path(parts, topology)
    return Address(
        driver=driver,
        topology=topology,
        tls=tls,
        hosts=tuple(_parse_host(part, port) for part in hosts.split(",")),
        db=db,
        username=unquote(username) or None,
        password=unquote(password) or None,
        service=service,
    )


def _parse_scheme(scheme: str) -> tuple[Driver, Topology, bool]:
    base, _, suffix = scheme.lower().partition("+")
    drivers: dict[str, Driver] = {
        "valkey": "valkey",
        "valkeys": "valkey",
        "redis": "redis",
        "rediss": "redis",
    }
    topologies: dict[str, Topology] = {
        "": "standalone",
        "cluster": "cluster",
        "sentinel": "sentinel",
    }
    if base not in drivers or suffix not in topologies:
        given = f"the scheme '{scheme}://'" if scheme else "no scheme"
        raise ConfigurationError(f"has {given}; takes {SCHEMES}")
    return drivers[base], topologies[suffix], base in {"valkeys", "rediss"}


def _parse_host(text: str, default_port: int) -> tuple[str, int]:
    # Nothing of `text` is shown unless it is a number: it may be part of a password.
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(default_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host:
        raise ConfigurationError("has no host; takes scheme://host:port")
    if ":" in host and not text.startswith("["):
        raise ConfigurationError(f"has a host with a ':' in it; {ESCAPE}")
    if not port.isascii() or not port.isdigit():
        raise ConfigurationError(f"has a port that is not a number; {ESCAPE}")
    if not 1 <= int(port) <= MAX_PORT:
        raise ConfigurationError(f"has the port {port}; takes 1 to {MAX_PORT}")
    return host, int(port)


def _parse_path(parts: SplitResult, topology: Topology) -> tuple[str, int | None]:
    pieces = [piece for piece in parts.path.split("/") if piece]
    service = ""
    if topology == "sentinel":
        if not pieces:
            raise ConfigurationError("has no service; takes ...+sentinel://host:26379/SERVICE[/db]")
        service = unquote(pieces.pop(0))
    if topology == "cluster" and pieces and pieces != ["0"]:
        raise ConfigurationError("names a database; a cluster has only database 0")
    if not pieces:
        return service, None
    if len(pieces) > 1 or not (pieces[0].isascii() and pieces[0].isdigit()):
        raise ConfigurationError("has a path that is not a database number, e.g. /0")
    return service, int(pieces[0])
