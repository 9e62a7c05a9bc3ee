POOLS = {}


def connect(host, port, timeout):
    if not timeout > 0:
        raise ValueError(timeout)
    if (host, port) not in POOLS:
        POOLS[host, port] = valkey.ConnectionPool(
            host=host,
            port=port,
            socket_connect_timeout=timeout,
            socket_timeout=timeout,
            decode_responses=True,
        )
    return Valkey(connection_pool=POOLS[host, port])
