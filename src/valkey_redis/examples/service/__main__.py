"""Start the service: `make service`, or `python -m valkey_redis.examples.service`."""

import logging
import os
import socket
import sys
from contextlib import ExitStack, suppress

import uvicorn

from valkey_redis.config import ValkeyConfig
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.errors import ValkeyRedisError
from valkey_redis.examples._demo import OWN_SERVER
from valkey_redis.examples.service.app import create_app
from valkey_redis.examples.service.database import make
from valkey_redis.examples.service.settings import read_settings


def main() -> None:
    """Serve until Ctrl-C, over your server if the environment names one, else an embedded one."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    with ExitStack() as stack:
        try:
            settings = read_settings()
            make(settings.database)  # here, what is wrong with it is one line, not a traceback
            # A web service's client gives up soon: somebody waits, and there is a database to ask.
            soon = settings.patience
            hasty = {"timeout": soon, "connect_timeout": soon, "retry_attempts": 1}
            if any(os.environ.get(name) for name in OWN_SERVER):
                config = ValkeyConfig(**hasty)
            else:
                url = stack.enter_context(EmbeddedServer()).url
                config = ValkeyConfig(url=url, username=None, password=None, **hasty)
            app = create_app(settings, config)
        except ValkeyRedisError as error:
            sys.exit(f"error: {error}")
        server = uvicorn.Config(
            app,
            access_log=False,  # see access.py
            proxy_headers=False,  # only `client_address` decides whom to believe
            server_header=False,
            # A browser must neither guess what an answer is, nor show it in another site's frame.
            headers=[("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY")],
            log_config=None,
        )
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        try:
            listener = socket.create_server((settings.host, settings.port), family=family)
        except OSError as error:
            sys.exit(f"error: PORT={settings.port} of {settings.host}: {error}")
        host, port = listener.getsockname()[:2]
        print(f"http://{f'[{host}]' if ':' in host else host}:{port}/docs", flush=True)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(server).run(sockets=[listener])


if __name__ == "__main__":
    main()
