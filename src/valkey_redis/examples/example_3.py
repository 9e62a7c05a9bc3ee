"""Example 3: sessions, from a visitor's first page to "log out everywhere"."""

from pydantic import BaseModel

from valkey_redis import SessionStore, ValkeyClient
from valkey_redis.examples._demo import demo_client


class Visit(BaseModel):
    """What a session holds; a dict will do as well."""

    cart: list[str] = []
    device: str = "unknown"


def log_in(store: SessionStore[Visit]) -> str:
    """Fill a visitor's cart, and log in: a new id, the same cart."""
    visitor = store.create(data=Visit(cart=["lamp"]))
    store.update(visitor.id, {"device": "kiosk"})
    session = store.rotate(visitor.id, user="ada")
    assert session is not None  # noqa: S101 - it was there a moment ago
    print(
        f"login: {session.data}, user {session.user}; the id from before: {store.read(visitor.id)}"
    )
    return session.id


def look(client: ValkeyClient, id_: str) -> None:
    """Show what the server holds: neither the id, nor anything that opens the session."""
    # An `EncryptedCodec` would hide the fields' values, too.
    names = [name for name in client.scan("*") if "session" in name]
    print(f"keys: {len(names)}; with the id in them: {sum(id_ in name for name in names)}")
    print("expiry of each in seconds:", [round(client.ttl(name) or 0) for name in names])


def requests(store: SessionStore[Visit], id_: str) -> None:
    """Let a slow request end after the logout: it changes nothing any more."""
    session = store.read(id_)
    store.destroy(id_)
    print(f"a slow request had read {session.data if session else None}; then comes the logout")
    print(f"its update: {store.update(id_, {'device': 'phone'})}, the session: {store.read(id_)}")


def devices(store: SessionStore[Visit]) -> None:
    """List a user's sessions, end one of them, then all but this one."""
    phone, laptop, tablet = (
        store.create("ada", Visit(device=name)) for name in ("phone", "laptop", "tablet")
    )
    listed = store.list_user("ada")
    print(f"ada's sessions: {sorted(session.data.device for session in listed)}, without their ids")
    print(f"the phone was stolen: {store.revoke('ada', phone.handle)}")
    print(f"log out everywhere but on the laptop: {store.destroy_user('ada', keep=laptop.id)}")
    print(f"tablet: {store.read(tablet.id)}, laptop: {store.read(laptop.id) is not None}")


def main() -> None:
    """Run the example."""
    with demo_client() as client:
        store = SessionStore(client, namespace="example", model=Visit, idle_timeout=1800)
        try:
            id_ = log_in(store)
            look(client, id_)
            requests(store, id_)
            devices(store)
            print("a forged id:", store.read("../etc/passwd"), store.read(id_[:-1] + "!"))
        finally:
            store.destroy_user("ada")
            client.delete(*client.scan("example:*"))  # marks of what was ended, kept for a minute


if __name__ == "__main__":
    main()
