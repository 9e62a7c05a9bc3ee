"""A small service: users in SQLite, and before them the cache, sessions and limits of this package.

Read it in this order: `users.py` (cache-aside, and what spares the database in an outage),
`accounts.py` (sessions and limits), `database.py` (a bulkhead and a breaker), `app.py` (how it is
put together). `make service` starts it.
"""
