"""Start the service: `make service`, or `python -m valkey_redis.examples.service`."""

import logging
import os
import sys
from contextlib import ExitStack, suppress

import uvicorn

from valkey_redis.config import ValkeyConfig
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.errors import ValkeyRedisError
from valkey_redis.examples._demo import OWN_SERVER
from valkey_redis.examples.service.app import create_app
from valkey_redis.examples.service.settings import read_settings


def main() -> None:
    """Serve until Ctrl-C, over your server if the environment names one, else an embedded one."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    with ExitStack() as stack:
        try:
            settings = read_settings()
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
            host=settings.host,
            port=settings.port,
            access_log=False,  # see access.py
            proxy_headers=False,  # only `client_address` decides whom to believe
            server_header=False,
            log_config=None,
        )
        socket = server.bind_socket()
        host, port = socket.getsockname()[:2]
        print(f"http://{host}:{port}/docs", flush=True)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(server).run(sockets=[socket])


if __name__ == "__main__":
    main()
