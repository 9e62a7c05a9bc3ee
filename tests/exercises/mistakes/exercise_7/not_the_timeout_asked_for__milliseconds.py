def connect(host, port, timeout):
    if not timeout > 0:
        raise ValueError(timeout)
    return Valkey(
        host,
        port,
        socket_connect_timeout=timeout * 1000,
        socket_timeout=timeout * 1000,
        decode_responses=True,
    )
