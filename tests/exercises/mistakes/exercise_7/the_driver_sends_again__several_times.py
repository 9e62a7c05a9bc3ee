from valkey.backoff import NoBackoff
from valkey.retry import Retry


def connect(host, port, timeout):
    if not timeout > 0:
        raise ValueError(timeout)
    return Valkey(
        host,
        port,
        socket_connect_timeout=timeout,
        socket_timeout=timeout,
        decode_responses=True,
        retry=Retry(NoBackoff(), 3),
        retry_on_error=[valkey.TimeoutError],
    )
